package nativeapi

import (
	"net/http"
	"time"

	"github.com/stepgate/stepgate/flows"
)

// The numbers of errors. SDKs look for some of them; the first one counts.
const (
	codeMissing      = 900144  // a parameter is missing
	codeMalformed    = 90013   // a parameter or the request cannot be read
	codeMethod       = 900561  // not a POST
	codeNoEndpoint   = 90002   // nothing there
	codeOrigin       = 9002326 // a script of another site
	codeClient       = 700016  // no such client
	codeGrant        = 70003   // no such grant
	codeScope        = 70011   // no such scope
	codeChallenge    = 901007  // challenge types
	codeToken        = 55200   // continuation token
	codeExpired      = 552003  // continuation token, too old
	codeUsername     = 90100
	codeNoUser       = 50034
	codeUserExists   = 1003037
	codeNoPassword   = 500222
	codePair         = 50126
	codeNewPassword  = 399246
	codeOneTime      = 50181
	codeMFA          = 50076
	codeRegistration = 50072
	codeBlocked      = 53003 // by policy
	codeNotAllowed   = 50105 // not for this person
	codeLocked       = 50053
	codeBusy         = 90055
	codeUnavailable  = 90033
	codeFault        = 50000
	codeCredential   = 55103
	codeAttributes   = 55106
	codeAttribute    = 55105
	codeContact      = 901001
	codeRefresh      = 70000
)

// The words by which SDKs know two of the errors.
const (
	textUsername  = "The username parameter is empty or not valid."
	textChallenge = "The challenge_type list parameter contains an unsupported challenge type."
)

// problem is an answer that says no. SDKs know the statuses 200 and 400; others are
// for calls that no SDK makes, and for faults.
type problem struct {
	status int    // 0: 400
	allow  string // the methods that there are, for status 405
	body   problemBody
}

// problemBody is an error (RFC 6749, section 5.2) with the protocol's own members.
type problemBody struct {
	Error       string              `json:"error"`
	Suberror    string              `json:"suberror,omitempty"`
	Description string              `json:"error_description"`
	Codes       []int               `json:"error_codes"`
	Timestamp   string              `json:"timestamp"`
	Trace       string              `json:"trace_id"`
	Correlation string              `json:"correlation_id"`
	Token       string              `json:"continuation_token,omitempty"`
	Required    []requiredAttribute `json:"required_attributes,omitempty"`
	Invalid     []invalidAttribute  `json:"invalid_attributes,omitempty"`
}

// requiredAttribute is one that is to be given. iOS needs all but the options.
type requiredAttribute struct {
	Name     string            `json:"name"`
	Type     string            `json:"type"`
	Required bool              `json:"required"`
	Options  *attributeOptions `json:"options,omitempty"`
}

type attributeOptions struct {
	Regex string `json:"regex"`
}

type invalidAttribute struct {
	Name string `json:"name"`
}

// Error makes a problem an error; it holds nothing secret.
func (p *problem) Error() string { return p.body.Error + ": " + p.body.Description }

func newProblem(kind, suberror string, code int, text string) *problem {
	return &problem{body: problemBody{Error: kind, Suberror: suberror, Description: text, Codes: []int{code}}}
}

// stamped is the problem as it goes out.
func (p *problem) stamped(now time.Time, trace, correlation string) problemBody {
	body := p.body
	body.Timestamp = now.UTC().Format("2006-01-02 15:04:05Z")
	body.Trace, body.Correlation = trace, correlation
	return body
}

func invalid(code int, text string) *problem { return newProblem("invalid_request", "", code, text) }

// badToken is all that is ever said of a continuation token that will not do.
func badToken() *problem {
	return newProblem("invalid_grant", "", codeToken, "The continuation token is not valid here.")
}

func expiredToken() *problem {
	return newProblem("expired_token", "", codeExpired, "The continuation token has expired.")
}

func unsupportedChallenge() *problem {
	return newProblem("unsupported_challenge_type", "", codeChallenge, textChallenge)
}

func notFound() *problem {
	p := invalid(codeNoEndpoint, "There is no such endpoint.")
	p.status = http.StatusNotFound
	return p
}

func wrongMethod() *problem {
	p := invalid(codeMethod, "The endpoint only accepts POST requests.")
	p.status, p.allow = http.StatusMethodNotAllowed, "OPTIONS, POST"
	return p
}

func serverError(code int) *problem {
	p := newProblem("server_error", "", code, "The server could not answer. Try again later.")
	p.status = http.StatusInternalServerError
	return p
}

// attributesRequired describes those that are missing.
func attributesRequired(missing []flows.Attribute, token string) *problem {
	p := newProblem("attributes_required", "", codeAttributes, "More attributes are required.")
	p.body.Token = token
	for _, a := range missing {
		required := requiredAttribute{Name: a.Name, Type: string(a.Type), Required: a.Required}
		if a.Rule != "" {
			required.Options = &attributeOptions{Regex: a.Rule}
		}
		p.body.Required = append(p.body.Required, required)
	}
	return p
}
