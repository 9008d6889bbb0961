package nativeapi

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxBody is the greatest size of a request's body, in bytes.
const maxBody = 64 << 10

// form is the parameters of one request that its endpoint knows, each given once.
type form map[string]string

func words(s string) []string { return strings.Fields(s) }

// readForm reads the body. Query parameters are never looked at: what is secret does
// not belong into an address.
func readForm(w http.ResponseWriter, r *http.Request, e *Endpoint) (form, *problem) {
	if p := checkType(r.Header); p != nil {
		return nil, p
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		return nil, invalid(codeMalformed, "The request body is longer than 64 KiB.")
	}
	if err != nil {
		return nil, invalid(codeMalformed, "The request body could not be read.")
	}
	return parseForm(string(body), e)
}

func checkType(h http.Header) *problem {
	wrong := invalid(codeMalformed, "The request must be of the content type application/x-www-form-urlencoded, in UTF-8.")
	if len(h["Content-Type"]) != 1 {
		return wrong
	}
	medium, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset, named := params["charset"]
	if err != nil || medium != "application/x-www-form-urlencoded" || named && !strings.EqualFold(charset, "utf-8") {
		return wrong
	}
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return invalid(codeMalformed, "The request body must not be compressed.")
	}
	return nil
}

// parseForm reads the parameters that the endpoint knows. One that is given twice is
// refused: whoever stands in front of us may have read the other one.
func parseForm(body string, e *Endpoint) (form, *problem) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, invalid(codeMalformed, "The request body is not a well-formed form.")
	}
	f := make(form)
	for name, given := range values {
		switch {
		case !e.known(name):
		case len(given) > 1:
			return nil, invalid(codeMalformed, "The parameter '"+name+"' is given more than once.")
		case !utf8.ValidString(given[0]):
			return nil, invalid(codeMalformed, "The parameter '"+name+"' is not UTF-8.")
		case given[0] != "":
			f[name] = given[0]
		}
	}
	return f, nil
}

// need names the first parameter that is missing. SDKs know a missing user name by the
// words of its description.
func (f form) need(names []string) *problem {
	for _, name := range names {
		switch {
		case f[name] != "":
		case name == "username":
			return invalid(codeUsername, textUsername)
		default:
			return invalid(codeMissing, "The request body must contain the following parameter: '"+name+"'.")
		}
	}
	return nil
}

// list reads words separated by spaces or commas.
func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' })
}

// challengeTypes reads the list of what the application can do. It must be able to
// send people to a browser, and nothing may be in it that there is not.
func challengeTypes(s string) (can abilities, p *problem) {
	types := strings.Fields(s)
	for _, word := range types {
		switch word {
		case "oob":
			can |= canCode
		case "password":
			can |= canPassword
		case "redirect":
		default:
			return 0, unsupportedChallenge()
		}
	}
	if !slices.Contains(types, "redirect") {
		return 0, unsupportedChallenge()
	}
	return can, nil
}

// abilities reads what the first call of a flow says of the application. Capabilities
// that are not known are none of ours.
func (f form) abilities() (abilities, *problem) {
	can, p := challengeTypes(f["challenge_type"])
	if p != nil {
		return 0, p
	}
	for _, word := range append(list(f["capabilities"]), list(f["capability"])...) {
		switch word {
		case "mfa_required":
			can |= canMFA
		case "registration_required":
			can |= canRegister
		}
	}
	return can, nil
}

// attributes reads the values that a newcomer gives: a JSON object in a parameter. Values
// should be text; numbers, booleans and lists of such become text, since SDKs let
// applications pass them. What cannot be text is kept as one that no attribute may be.
func (f form) attributes() (map[string]string, *problem) {
	text := f["attributes"]
	if text == "" {
		return nil, nil
	}
	malformed := invalid(codeMalformed, "The parameter 'attributes' must be a JSON object.")
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var given map[string]any
	if err := decoder.Decode(&given); err != nil || given == nil {
		return nil, malformed
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed
	}
	values := make(map[string]string, len(given))
	for name, value := range given {
		values[name] = attributeText(value)
	}
	return values, nil
}

// noText is a value that every attribute refuses.
const noText = "\x00"

func attributeText(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	case bool:
		if value {
			return "true"
		}
		return "false"
	case json.Number:
		return value.String()
	case []any:
		var parts []string
		for _, part := range value {
			if _, nested := part.([]any); nested {
				return noText
			}
			parts = append(parts, attributeText(part))
		}
		return strings.Join(parts, ",")
	default:
		return noText
	}
}
