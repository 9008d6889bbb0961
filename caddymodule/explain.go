package caddymodule

import (
	"time"

	"github.com/stepgate/stepgate/policy"
)

// Explanation says how a request was judged, or would be, and why. Its JSON is what
// `caddy stepgate explain --json` prints and the admin API answers: fields may be added,
// none changes its meaning. Times are RFC 3339, ages are as in a Caddyfile (5m, 1h30m).
type Explanation struct {
	// Decision is the id of a recorded decision; empty for one that was imagined.
	Decision string `json:"decision,omitempty"`
	// Time is when it was judged; missing where nothing was.
	Time time.Time `json:"time,omitzero"`
	// Site is the origin that the request was for; empty if no site of ours got it.
	Site   string `json:"site,omitempty"`
	Method string `json:"method"`
	// Target is the path by which the request was judged, in its one canonical form. Of
	// the query only the names are kept.
	Target string   `json:"target"`
	Query  []string `json:"query,omitempty"`
	// AskedFor is the path that the client asked for, where something rewrote it.
	AskedFor string `json:"asked_for,omitempty"`
	// Readings are other paths that servers may take the target for, which the site lets
	// through and judges as well.
	Readings []string         `json:"readings,omitempty"`
	Client   ExplainedClient  `json:"client"`
	Person   *ExplainedPerson `json:"person"` // null: nobody is signed in
	Risk     ExplainedRisk    `json:"risk,omitzero"`
	Rules    []ExplainedRule  `json:"rules,omitempty"`
	Demand   string           `json:"demand,omitempty"` // joined, in the words of rules
	Missing  []ExplainedNeed  `json:"missing,omitempty"`
	Answer   ExplainedAnswer  `json:"answer"`
	Notes    []string         `json:"notes,omitempty"` // what limits the explanation
}

// ExplainedClient is where a request comes from.
type ExplainedClient struct {
	Address string `json:"address,omitempty"` // only of imagined requests
	Network string `json:"network,omitempty"` // /24 or /64
	// Trusted says that the connection was a trusted proxy's, so that headers count.
	Trusted bool `json:"trusted_proxy"`
}

// ExplainedPerson is who makes a request, and what they have proved.
type ExplainedPerson struct {
	User   string   `json:"user,omitempty"` // the account's id; empty for somebody imagined
	Email  string   `json:"email"`
	Groups []string `json:"groups"`
	// Proof is the age of each factor's newest proof, by the factor's name.
	Proof map[string]string `json:"proof"`
	// Spent are the channels that do not count as a second factor at present, after a
	// reset by mail.
	Spent          []string `json:"spent,omitempty"`
	SessionAge     string   `json:"session_age"`
	KnownDevice    bool     `json:"known_device"`
	KnownNetwork   bool     `json:"known_network"`
	RecentFailures int      `json:"recent_failures"`
	// Client is the id of the application that the sign-in belongs to; empty: a browser.
	Client string `json:"client,omitempty"`
}

// ExplainedRisk is the risk of a request: the highest band of its signals.
type ExplainedRisk struct {
	Band    string            `json:"band"`
	Signals []ExplainedSignal `json:"signals,omitempty"`
}

// ExplainedSignal is one thing that tells the risk.
type ExplainedSignal struct {
	Signal string `json:"signal"` // a header, matcher or built-in signal, as configured
	Value  string `json:"value,omitempty"`
	Why    string `json:"why,omitempty"` // where the value alone does not say it
	Band   string `json:"band"`
}

// ExplainedRule is one rule, and whether it spoke.
type ExplainedRule struct {
	Rule string `json:"rule"`
	// Outcome is "hit", "miss", or "report" for a rule that would have spoken if it were
	// not there to report only.
	Outcome string `json:"outcome"`
	Why     string `json:"why"`
	// Asks is what a rule that speaks asks of the person, in the words of rules.
	Asks string `json:"asks,omitempty"`
	// Would is what a reported rule would have done: pass, ask, ask_no_method, refuse.
	Would string `json:"would,omitempty"`
}

// ExplainedNeed is one thing that is missing.
type ExplainedNeed struct {
	Proof  string `json:"proof"` // session, password, email_code, sms_code, otp
	Within string `json:"within,omitempty"`
	Once   bool   `json:"once,omitempty"` // for this very request
}

// ExplainedAnswer is what becomes of a request.
type ExplainedAnswer struct {
	// Verdict is one of the verdicts below.
	Verdict string `json:"verdict"`
	// Status is of the answer, where it is always the same.
	Status int `json:"status,omitempty"`
	// By is the module that answers, where it is not the gateway.
	By string `json:"by,omitempty"`
	// Why is the reason of verdicts that are not about proof.
	Why string `json:"why,omitempty"`
	// Only are the people whom the rules admit, where this person is none of them.
	Only []string `json:"only,omitempty"`
}

// The verdicts.
const (
	verdictPass   verdict = "pass"    // nothing is missing
	verdictSignIn verdict = "sign_in" // nobody is signed in
	verdictStepUp verdict = "step_up" // more proof is needed
	verdictRefuse verdict = "refuse"  // no proof would do

	// The following are no decisions of the rules.

	verdictBadTarget verdict = "bad_target" // two servers could read the request differently
	verdictOwnPage   verdict = "own_page"   // one of the gateway's own pages
	verdictPreflight verdict = "preflight"  // a CORS preflight, which proves nothing and opens nothing
	verdictAnswered  verdict = "answered"   // something before the gateway answers, or nothing guards the URL
	verdictError     verdict = "error"      // it could not be judged, so it is refused
)

// A verdict is what becomes of a request.
type verdict string

// decide is the verdict on what a request by somebody demands, and what is missing.
func (j *judgement) decide(proof *policy.Proof, now time.Time) (verdict, policy.Missing) {
	switch {
	case j.Demand.IsNever():
		return verdictRefuse, policy.Missing{}
	case j.Demand.IsZero():
		return verdictPass, policy.Missing{}
	case proof == nil:
		return verdictSignIn, policy.Missing{Demand: j.Demand}
	}
	if missing, any := j.Demand.Missing(*proof, now); any {
		return verdictStepUp, missing
	}
	return verdictPass, policy.Missing{}
}
