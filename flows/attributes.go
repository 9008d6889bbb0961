package flows

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/stepgate/stepgate/policy"
)

// Attribute is one thing that newcomers are asked about themselves.
type Attribute struct {
	// Name is the key under which it is kept and sent, such as displayName or
	// extension_4f0c_CustomerNumber.
	Name string
	// Label is what people read. Never empty.
	Label    string
	Type     AttributeType
	Required bool
	// Hint is what people are told of the form that is wanted; may be empty.
	Hint string
	// Pattern must match the whole value of a text; nil: any text. Rule is it as the
	// operator wrote it.
	Pattern *regexp.Regexp
	Rule    string
}

// AttributeType is a closed set, in the words of the native API.
type AttributeType string

const (
	AttributeText    AttributeType = "string"
	AttributeInteger AttributeType = "integer"
	AttributeBoolean AttributeType = "boolean"
)

// MaxAttribute is the greatest length of a value, in code points.
const MaxAttribute = 256

// maxAttributes bounds all values together, in bytes: they are kept before anything is
// proved.
const maxAttributes = 4096

// DisplayName is the attribute that tokens carry as the name claim.
const DisplayName = "displayName"

// read returns a value as it is kept, and whether it is one that the attribute can
// have. Empty means that none was given.
func (a *Attribute) read(given string) (value string, ok bool) {
	if len(given) > 4*MaxAttribute || !utf8.ValidString(given) {
		return "", false
	}
	value = strings.TrimSpace(norm.NFC.String(given))
	if value == "" {
		return "", true
	}
	if utf8.RuneCountInString(value) > MaxAttribute || strings.ContainsFunc(value, unprintable) {
		return "", false
	}
	switch a.Type {
	case AttributeInteger:
		n, err := strconv.ParseInt(value, 10, 64)
		return strconv.FormatInt(n, 10), err == nil
	case AttributeBoolean:
		switch strings.ToLower(value) {
		case "true", "on", "1":
			return "true", true
		case "false", "off", "0":
			return "false", true
		}
		return "", false
	default:
		return value, a.Pattern == nil || a.Pattern.MatchString(value)
	}
}

// unprintable reports what no value may hold: control characters, and the invisible
// ones by which one text is made to look like another.
func unprintable(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }

// readAttributes reads what was given on top of what the flow has, by the site's list.
// Unknown names are passed over; all bad values are named at once.
func (s *Site) readAttributes(have, given map[string]string) (map[string]string, *Refusal) {
	values := make(map[string]string)
	var bad []string
	for i := range s.Attributes {
		a := &s.Attributes[i]
		text, named := given[a.Name]
		if !named {
			text = have[a.Name]
		}
		value, ok := a.read(text)
		if !ok {
			bad = append(bad, a.Name)
		} else if value != "" {
			values[a.Name] = value
		}
	}
	total := 0
	for _, a := range s.Attributes {
		if total += len(values[a.Name]); total > maxAttributes {
			bad = append(bad, a.Name)
		}
	}
	if bad != nil {
		return nil, &Refusal{Code: AttributesInvalid, Names: bad, Left: -1}
	}
	return values, nil
}

// attributesFor are those that a newcomer is asked for: all of them on our pages, and
// through a client those that must be given and are not.
func (s *Site) attributesFor(c Caller, have map[string]string) []Attribute {
	if c.Client == nil {
		return s.Attributes
	}
	missing := s.missingAttributes(have)
	var ask []Attribute
	for _, a := range s.Attributes {
		if slices.Contains(missing, a.Name) {
			ask = append(ask, a)
		}
	}
	return ask
}

// missingAttributes are the required ones without a value.
func (s *Site) missingAttributes(have map[string]string) []string {
	var names []string
	for i := range s.Attributes {
		if a := &s.Attributes[i]; a.Required && have[a.Name] == "" {
			names = append(names, a.Name)
		}
	}
	return names
}

// giveAttributes takes a newcomer's attributes, together with what the flow has already.
func (e *Engine) giveAttributes(ctx context.Context, c Caller, record flowRecord, in GiveAttributes, demand policy.Demand) (outcome, error) {
	if record.Step != AskAttributes {
		return outcome{}, errNotThisStep
	}
	values, refusal := c.Site.readAttributes(record.Attributes, in.Values)
	if refusal != nil {
		return outcome{}, refusal
	}
	missing := c.Site.missingAttributes(values)
	if in.More {
		missing = slices.DeleteFunc(missing, func(name string) bool { _, asked := in.Values[name]; return !asked })
	}
	switch {
	case len(missing) > 0:
		return outcome{}, &Refusal{Code: AttributesMissing, Names: missing, Left: -1}
	case in.More:
		return e.submit(ctx, c, record.ID, AttributesKept{Values: values}, demand)
	}
	return e.submit(ctx, c, record.ID, AttributesGiven{Values: values}, demand)
}
