package policy_test

import (
	"errors"
	"time"

	"pgregory.net/rapid"

	. "github.com/stepgate/stepgate/policy"
)

// now is the moment at which the tests judge. Nothing here reads a clock.
var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

var (
	factors    = []Factor{Password, EmailCode, SMSCode}
	channels   = []Channel{Knowledge, Mailbox, Phone}
	dimensions = []Dimension{Session, PasswordProof, EmailProof, SMSProof, OTP}
)

// depends tells which factors a dimension may look at.
var depends = map[Dimension]Factors{
	Session:       FactorsOf(Password, EmailCode),
	PasswordProof: FactorsOf(Password),
	EmailProof:    FactorsOf(EmailCode),
	SMSProof:      FactorsOf(SMSCode),
	OTP:           FactorsOf(Password, EmailCode, SMSCode),
}

// ages are drawn from few values, so that proofs often sit exactly on a demand's
// boundary, one millisecond beside it, or in the future.
var ages = rapid.Custom(func(t *rapid.T) time.Duration {
	age := rapid.SampledFrom([]time.Duration{0, time.Minute, 5 * time.Minute, time.Hour, 30 * 24 * time.Hour}).Draw(t, "age")
	return age + time.Duration(rapid.IntRange(-1, 1).Draw(t, "beside"))*time.Millisecond
})

var withins = rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Minute, 5 * time.Minute, time.Hour})

var needs = rapid.Custom(func(t *rapid.T) Demand {
	return Need(rapid.SampledFrom(dimensions).Draw(t, "dimension"), withins.Draw(t, "within"))
})

var demands = rapid.Custom(func(t *rapid.T) Demand {
	if rapid.IntRange(0, 19).Draw(t, "never") == 0 {
		return Never
	}
	var d Demand
	for _, need := range rapid.SliceOfN(needs, 0, 4).Draw(t, "needs") {
		d = d.Join(need)
	}
	return d
})

var proofs = rapid.Custom(func(t *rapid.T) Proof {
	var p Proof
	for _, f := range factors {
		if rapid.Bool().Draw(t, "proved "+f.String()) {
			p = p.With(f, now.Add(-ages.Draw(t, f.String())))
		}
	}
	for _, c := range channels {
		if rapid.IntRange(0, 3).Draw(t, "spent "+c.String()) == 0 {
			if rapid.Bool().Draw(t, "for good") {
				p = p.Spend(c)
			} else {
				p = p.SpendUntil(c, now.Add(-ages.Draw(t, "spent before")))
			}
		}
	}
	return p
})

const targetCount = 5

var rules = rapid.Custom(func(t *rapid.T) Rule {
	rule := Rule{Name: "generated", Verb: rapid.SampledFrom([]Verb{Require, Public, Deny}).Draw(t, "verb")}
	if rule.Verb == Require {
		rule.Demand = demands.Draw(t, "demand")
	}
	for _, target := range rapid.SliceOfNDistinct(rapid.IntRange(0, targetCount-1), 0, 3, rapid.ID[int]).Draw(t, "on") {
		rule.On = append(rule.On, TargetID(target))
	}
	return rule
})

var ruleSets = rapid.SliceOfN(rules, 0, 8)

// A request is nothing but the targets that it is in.
type request [targetCount]bool

func (r request) in(id TargetID) (bool, error) {
	if id < 0 || int(id) >= len(r) {
		return false, errNoTarget
	}
	return r[id], nil
}

var errNoTarget = errors.New("no such target")

var requests = rapid.Custom(func(t *rapid.T) request {
	var r request
	for i := range r {
		r[i] = rapid.Bool().Draw(t, "in target")
	}
	return r
})

// decide fails the test unless the policy can judge the request.
func decide(t rapid.TB, rules []Rule, r request) Decision {
	t.Helper()
	decision, err := (&Policy{Rules: rules}).Decide(Request{In: r.in})
	if err != nil {
		t.Fatalf("deciding: %v", err)
	}
	return decision
}
