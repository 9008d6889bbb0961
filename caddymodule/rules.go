package caddymodule

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/stepgate/stepgate/policy"
)

// Sensitivity is a named set of requests that rules can speak of.
type Sensitivity struct {
	// What people are told they are opening, such as "Bank details". Default: they
	// are not told.
	Label string `json:"label,omitempty"`

	// The requests, as matcher sets: a request belongs if any set matches it.
	MatchRaw caddyhttp.RawMatcherSets `json:"match,omitempty" caddy:"namespace=http.matchers"`
}

// Rule says what some requests must prove. Rules are joined: the strictest wins, and
// their order never matters.
type Rule struct {
	// What logs and explanations call the rule. Default: made of the other fields.
	Name string `json:"name,omitempty"`

	// "require" asks for the demand, "public" waives the session that every request
	// otherwise needs (and nothing that a require asks for), "deny" refuses, and "only"
	// refuses everybody but certain people.
	Verb string `json:"verb"`

	// What a require rule asks for.
	Demand *Demand `json:"demand,omitempty"`

	// The sensitivities that the rule speaks for; "*" is every request. Default for
	// require: every request, unless match says otherwise. The others must say.
	On []string `json:"on,omitempty"`

	// Further requests that the rule speaks for, as matcher sets: any of them.
	MatchRaw caddyhttp.RawMatcherSets `json:"match,omitempty" caddy:"namespace=http.matchers"`

	// Whom an only rule admits.
	Only *Who `json:"only,omitempty"`

	// What else must hold for the rule to speak. Default: nothing.
	When *Condition `json:"when,omitempty"`

	// Judge the rule and tell what would come of it, in log and metrics, without any
	// effect. Default: false.
	Report bool `json:"report,omitempty"`

	// What becomes of a form that somebody was sending when the rule stopped them: "keep"
	// shows it to them afterwards, to be sent on by a press; "drop" loses it. Default:
	// "keep".
	Forms string `json:"forms,omitempty"`
}

// Who names people: those in any of the groups, with any of the addresses, or with an
// address in any of the domains.
type Who struct {
	Groups  []string `json:"groups,omitempty"`
	Users   []string `json:"users,omitempty"`
	Domains []string `json:"domains,omitempty"`
}

// Condition is what must hold of a request for a rule to speak: all of it.
type Condition struct {
	// The least risk: "low", "medium" or "high". Default: any.
	Risk string `json:"risk,omitempty"`

	// Matcher sets, all of which must match.
	MatchRaw caddyhttp.RawMatcherSets `json:"match,omitempty" caddy:"namespace=http.matchers"`
}

// Demand is what a require rule asks for.
type Demand struct {
	// "session": a first factor. "password": the password itself. "otp": two
	// different channels, at least one of them proved by a one-time code.
	Proof string `json:"proof"`

	// With "otp": "email" or "sms" asks for that code. Default: either.
	Channel string `json:"channel,omitempty"`

	// The greatest age of the proof: 10 seconds to 30 days. Default: any time in this
	// session.
	Within caddy.Duration `json:"within,omitempty"`

	// With "otp": every time. The proof opens one request, method and URL, one time, and
	// the code's message names it. Default: false.
	Once bool `json:"once,omitempty"`
}

// compile translates the demand for package policy.
func (d *Demand) compile() (policy.Demand, error) {
	within := time.Duration(d.Within)
	if within != 0 {
		if err := checkWithin(within); err != nil {
			return policy.Never, err
		}
	}
	if d.Channel != "" && d.Proof != "otp" {
		return policy.Never, fmt.Errorf("only otp has a channel, %s has none", d.Proof)
	}
	if d.Once && d.Proof != "otp" {
		return policy.Never, fmt.Errorf("only otp can be asked for once, not %s", d.Proof)
	}
	need := func(dimension policy.Dimension) policy.Demand {
		demand := policy.Need(dimension, within)
		if d.Once {
			demand = demand.Once()
		}
		return demand
	}
	switch d.Proof + " " + d.Channel {
	case "session ":
		return need(policy.Session), nil
	case "password ":
		return need(policy.PasswordProof), nil
	case "otp ":
		return need(policy.OTP), nil
	case "otp email":
		return need(policy.EmailProof).Join(policy.Need(policy.OTP, 0)), nil
	case "otp sms":
		return need(policy.SMSProof).Join(policy.Need(policy.OTP, 0)), nil
	case " ":
		return policy.Never, fmt.Errorf("require asks for nothing: use session, password or otp")
	}
	return policy.Never, fmt.Errorf("unknown demand %q: use session, password, otp, otp email or otp sms",
		strings.TrimSpace(d.Proof+" "+d.Channel))
}

// String is the demand in the words of the Caddyfile.
func (d *Demand) String() string {
	words := []string{d.Proof}
	if d.Channel != "" {
		words = append(words, d.Channel)
	}
	if d.Within != 0 {
		words = append(words, "within", shortDuration(time.Duration(d.Within)))
	}
	if d.Once {
		if d.Within == 0 {
			words = append(words, "within")
		}
		words = append(words, "once")
	}
	return strings.Join(words, " ")
}

// shortDuration writes 5m and not 5m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if short, ok := strings.CutSuffix(s, "m0s"); ok {
		s = short + "m"
	}
	if short, ok := strings.CutSuffix(s, "h0m"); ok {
		s = short + "h"
	}
	return s
}

// check judges what the rule says by itself. Whether its sensitivities exist is the
// handler's to know.
func (r *Rule) check() error {
	switch r.Verb {
	case "require":
		if r.Demand == nil {
			return fmt.Errorf("require asks for nothing: use session, password or otp")
		}
		_, err := r.Demand.compile()
		return err
	case "public", "deny":
		if r.Demand != nil {
			return fmt.Errorf("%s has no demand", r.Verb)
		}
		if len(r.On) == 0 && len(r.MatchRaw) == 0 {
			return fmt.Errorf("%[1]s without `on` would speak for every request: "+
				"name what it is about, or say `%[1]s on *` if that is what you want", r.Verb)
		}
		return nil
	case "only", "report":
		return fmt.Errorf("%s is not supported by this version", r.Verb)
	case "":
		return fmt.Errorf("the rule has no verb: use public, deny or require")
	}
	return fmt.Errorf("unknown verb %q: use public, deny or require", r.Verb)
}

// forEverything reports whether the rule speaks for every request, in whichever words:
// what it asks for then binds tokens as well.
func (r *Rule) forEverything() bool {
	return slices.Contains(r.On, "*") || len(r.On) == 0 && len(r.MatchRaw) == 0 || slices.ContainsFunc(r.MatchRaw, matchesAll)
}

// String is the rule's name, or what it says.
func (r *Rule) String() string {
	if r.Name != "" {
		return r.Name
	}
	words := []string{r.Verb}
	if r.Demand != nil {
		words = append(words, r.Demand.String())
	}
	if len(r.On) > 0 || len(r.MatchRaw) > 0 {
		words = append(words, "on")
		words = append(words, r.On...)
	}
	for _, set := range r.MatchRaw {
		words = append(words, targetName(set))
	}
	return strings.Join(words, " ")
}
