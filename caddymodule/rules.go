package caddymodule

import (
	"errors"
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

// check judges what the rule says by itself. Whether its sensitivities exist, and its
// risk can be, is the handler's to know.
func (r *Rule) check() error {
	if err := r.checkVerb(); err != nil {
		return err
	}
	if err := r.checkForms(); err != nil {
		return err
	}
	if r.Name != "" {
		if err := checkRuleName(r.Name); err != nil {
			return err
		}
	}
	if r.When == nil {
		return nil
	}
	if r.Verb == "public" && r.When.Risk != "" {
		return errPublicAtRisk
	}
	return r.When.check()
}

func (r *Rule) checkVerb() error {
	if r.Demand != nil && r.Verb != "require" {
		return fmt.Errorf("%s has no demand", r.Verb)
	}
	if r.Only != nil && r.Verb != "only" {
		return fmt.Errorf("%s names no people: use only for that", r.Verb)
	}
	switch r.Verb {
	case "require":
		if r.Demand == nil {
			return fmt.Errorf("require asks for nothing: use session, password or otp")
		}
		_, err := r.Demand.compile()
		return err
	case "only":
		if r.Only == nil {
			return errOnlyNobody
		}
		_, err := r.Only.compile()
		return err
	case "public", "deny":
		if len(r.On) == 0 && len(r.MatchRaw) == 0 && (r.When == nil || r.Verb == "public") {
			return fmt.Errorf("%[1]s without `on` would speak for every request: "+
				"name what it is about, or say `%[1]s on *` if that is what you want", r.Verb)
		}
		return nil
	case "":
		return fmt.Errorf("the rule has no verb: use %s", alternatives(ruleVerbs))
	}
	return fmt.Errorf("unknown verb %q: use %s", r.Verb, alternatives(ruleVerbs))
}

func (r *Rule) checkForms() error {
	switch {
	case r.Forms == "":
		return nil
	case r.Forms != "keep" && r.Forms != "drop":
		return fmt.Errorf("unknown word %q for forms: use keep or drop", r.Forms)
	case r.Verb == "public":
		return errors.New("forms says what becomes of a form that a rule stops, and public stops none: remove it")
	}
	return nil
}

var ruleVerbs = []string{"public", "deny", "require", "only"}

// errPublicAtRisk refuses what would open more, the more dangerous requests become.
var errPublicAtRisk = errors.New("public cannot depend on the risk: it would open more when the risk rises; " +
	"say `require … when risk …` for what should be asked for then")

// check judges the condition by itself.
func (c *Condition) check() error {
	switch {
	case c.Risk == "" && len(c.MatchRaw) == 0:
		return errors.New("`when` names no condition: use risk and a band, or @matcher")
	case c.Risk == "":
		return nil
	case c.Risk == policy.NoRisk.String():
		return errors.New("`when risk none` is always so: leave it out")
	}
	_, err := parseBand(c.Risk)
	return err
}

// onEverything reports whether the rule's targets are every request, in whichever words.
// Its conditions may still leave requests out.
func (r *Rule) onEverything() bool {
	return slices.Contains(r.On, "*") || len(r.On) == 0 && len(r.MatchRaw) == 0 || slices.ContainsFunc(r.MatchRaw, matchesAll)
}

// always reports whether the rule has its effect on every request whatsoever.
func (r *Rule) always() bool { return r.onEverything() && r.When == nil && !r.Report }

// String is the rule's name, or what it says.
func (r *Rule) String() string {
	if r.Name != "" {
		return r.Name
	}
	var words []string
	if r.Report {
		words = append(words, "report")
	}
	words = append(words, r.Verb)
	if r.Demand != nil {
		words = append(words, r.Demand.String())
	}
	if r.Only != nil {
		words = append(words, r.Only.words()...)
	}
	if len(r.On) > 0 || len(r.MatchRaw) > 0 {
		words = append(words, "on")
		words = append(words, r.On...)
	}
	for _, set := range r.MatchRaw {
		words = append(words, targetName(set))
	}
	if r.When != nil {
		words = append(words, "when")
		if r.When.Risk != "" {
			words = append(words, "risk", r.When.Risk)
		}
		for _, set := range r.When.MatchRaw {
			words = append(words, targetName(set))
		}
	}
	return strings.Join(words, " ")
}
