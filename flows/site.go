package flows

import (
	"context"
	"slices"
	"strings"

	"github.com/stepgate/stepgate/policy"
)

// Site is one protected application as flows need to know it. Nothing in it comes
// from a request.
type Site struct {
	Origin string // scheme, host and port, such as https://payroll.example.com
	Prefix string // of Stepgate's own pages, such as /.auth
	Name   string // the application's name as people know it
	Brand  string // the operator's name, under which messages are sent

	EmailCode bool // sign in with a code by mail
	Password  bool // sign in with e-mail and password
	SMS       bool // a sender for text messages exists
	// Countries are the ISO 3166 regions to which text messages are sent; the first is
	// assumed for numbers typed without a country code. "*" means any.
	Countries []string

	SignUp SignUpMode
	// Domains limits SignUpDomains, as canonical (lower-case, A-label) names.
	Domains []string
	// TellUnknown says when an address without an account is told by mail that it has none.
	TellUnknown TellUnknown
	// FixedEmail keeps people from changing the address of their account.
	FixedEmail bool
	// Attributes are asked of newcomers, in this order.
	Attributes []Attribute
}

// SignUpMode says who may create an account.
type SignUpMode string

const (
	SignUpOpen    SignUpMode = "open"
	SignUpClosed  SignUpMode = "closed"
	SignUpDomains SignUpMode = "domains"
)

// Issuer is the issuer of the site's tokens.
func (s *Site) Issuer() string { return s.Origin + s.Prefix }

// admits reports whether the site lets the owner of an address sign up.
func (s *Site) admits(canonical string) bool {
	switch s.SignUp {
	case SignUpOpen:
		return true
	case SignUpDomains:
		_, domain, _ := strings.Cut(canonical, "@")
		return domain != "" && slices.Contains(s.Domains, domain)
	default:
		return false
	}
}

// Caller is who acts on a flow, as the face knows it. Faces fill it from what is
// trustworthy: cookies they opened, and Caddy's opinion of the client address.
type Caller struct {
	Site *Site
	// Browser is the secret of the browser cookie; a flow is bound to it. Empty: the
	// browser showed none (cookies may be off), and no flow is found.
	Browser string
	Session *Session // nil: nobody is signed in
	// Client is set for an application with screens of its own, which acts for a person
	// through the native API; nil for a browser on our pages. Browser is then the secret
	// that the client's continuation tokens carry.
	Client *Client
	// Can is what the client said it can ask of people: EmailCode and SMSCode (its
	// challenge type "oob"), Password. Not used for browsers.
	Can     policy.Factors
	Device  string // such as "Firefox on Windows"; never the raw User-Agent
	Network string // client network for messages, such as 198.51.100.0/24; may be empty
	Lang    string // BCP 47 language of the page
	// Effort is the answer to a Refusal's Puzzle, as the browser sent it; usually empty.
	Effort string
	// Demand judges the flow's target for this caller. It must not be nil.
	Demand Evaluate
}

// Target is what the person wanted when the flow began.
type Target struct {
	ReturnTo string `json:"return_to"` // a path with query on the site; the face has validated it
	// Need is the demand of the request that was stopped, in policy.ParseDemand's words,
	// where it asks for more than going to ReturnTo would; usually empty. It comes from
	// the client and can only add to what is asked.
	Need  string `json:"need,omitempty"`
	Label string `json:"label,omitempty"` // what the operator calls it; may be empty
	// Action is the request that was stopped, such as "POST /transfer?to=3", where a rule
	// asks for proof each time, or where it is a form that is kept. What the flow proves opens that one request once. Like Need
	// it comes from the client; messages name it, so nobody approves what they cannot see.
	Action string `json:"action,omitempty"`
	// Held is the id of the form that was stopped and kept, see [Engine.Hold]: the flow
	// leads to the page that shows it, instead of to ReturnTo.
	Held string `json:"held,omitempty"`
	// Account says that the flow began on the page of the person's account, and leads back
	// there.
	Account bool `json:"account,omitempty"`
	// Window says that a script has opened a window for the flow, and waits for it to close.
	Window bool `json:"window,omitempty"`
	// Decision is the id of the decision that led here, for people to quote; may be empty.
	Decision string `json:"decision,omitempty"`
}

// Evaluate answers what a target must prove, afresh at every step: the policy may
// have changed, or the risk risen, since the flow began. who is the session that it is
// asked for, or one such as the flow would open now; nil while nobody has said who they
// are, or nobody is that. An error refuses. It has no effects.
type Evaluate func(ctx context.Context, t Target, who *Session) (policy.Demand, error)
