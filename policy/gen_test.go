package policy_test

import (
	"errors"
	"fmt"
	"strings"
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
	d := Need(rapid.SampledFrom(dimensions).Draw(t, "dimension"), withins.Draw(t, "within"))
	if rapid.IntRange(0, 4).Draw(t, "once") == 0 {
		d = d.Once()
	}
	return d
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
				// Not later than now: proving something would then make it count less.
				p = p.SpendUntil(c, now.Add(-max(0, ages.Draw(t, "spent before"))))
			}
		}
	}
	if rapid.Bool().Draw(t, "for this very request") {
		p = p.Here(Factors(rapid.IntRange(0, int(All())).Draw(t, "here")))
	}
	return p
})

const targetCount = 5

var verbs = []Verb{Require, Public, Deny, Only}

var rules = rapid.Custom(func(t *rapid.T) Rule {
	rule := Rule{Name: "generated", Verb: rapid.SampledFrom(verbs).Draw(t, "verb")}
	switch rule.Verb {
	case Require:
		rule.Demand = demands.Draw(t, "demand")
	case Only:
		rule.Who = whos.Draw(t, "who")
	}
	rule.On = targets.Draw(t, "on")
	rule.If = targets.Draw(t, "if")
	rule.Risk = risks.Draw(t, "risk")
	rule.Report = rapid.IntRange(0, 5).Draw(t, "report") == 0
	return rule
})

var targets = rapid.Custom(func(t *rapid.T) (ids []TargetID) {
	for _, target := range rapid.SliceOfNDistinct(rapid.IntRange(0, targetCount-1), 0, 3, rapid.ID[int]).Draw(t, "targets") {
		ids = append(ids, TargetID(target))
	}
	return ids
})

// risks are often none, as in most rules.
var risks = rapid.SampledFrom([]Risk{NoRisk, NoRisk, NoRisk, LowRisk, MediumRisk, HighRisk})

var (
	groups = []string{"staff", "board"}
	users  = []string{"dana@example.com", "eli@example.org"}
)

var whos = rapid.Custom(func(t *rapid.T) Who {
	return Who{
		Groups:  rapid.SliceOfDistinct(rapid.SampledFrom(groups), rapid.ID[string]).Draw(t, "groups"),
		Users:   rapid.SliceOfDistinct(rapid.SampledFrom(users), rapid.ID[string]).Draw(t, "users"),
		Domains: rapid.SliceOfDistinct(rapid.SampledFrom([]string{"example.com", "example.org"}), rapid.ID[string]).Draw(t, "domains"),
	}
})

var people = rapid.Custom(func(t *rapid.T) *Person {
	if rapid.IntRange(0, 3).Draw(t, "nobody") == 0 {
		return nil
	}
	p := &Person{Email: rapid.SampledFrom(append(users, "fay@example.net")).Draw(t, "email")}
	_, p.Domain, _ = strings.Cut(p.Email, "@")
	p.Groups = rapid.SliceOfDistinct(rapid.SampledFrom(groups), rapid.ID[string]).Draw(t, "groups")
	return p
})

var ruleSets = rapid.SliceOfN(rules, 0, 8)

// A request is nothing but the targets that it is in, its risk, and who makes it.
type request struct {
	is     [targetCount]bool
	risk   Risk
	person *Person
}

func (r request) in(id TargetID) (bool, error) {
	if id < 0 || int(id) >= len(r.is) {
		return false, errNoTarget
	}
	return r.is[id], nil
}

func (r request) asked() Request { return Request{In: r.in, Risk: r.risk, Person: r.person} }

var errNoTarget = errors.New("no such target")

var requests = rapid.Custom(func(t *rapid.T) request {
	r := request{risk: risks.Draw(t, "risk"), person: people.Draw(t, "person")}
	for i := range r.is {
		r.is[i] = rapid.Bool().Draw(t, "in target")
	}
	return r
})

// decide fails the test unless the policy can judge the request.
func decide(t rapid.TB, rules []Rule, r request) Decision {
	t.Helper()
	decision, err := (&Policy{Rules: rules}).Decide(r.asked())
	if err != nil {
		t.Fatalf("deciding: %v", err)
	}
	return decision
}

// A generator makes its name when it is first part of another, which tests that run side
// by side would do at once.
func init() {
	for _, g := range []fmt.Stringer{ages, withins, needs, demands, proofs, rules, targets, risks, whos, people, ruleSets, requests, nestedRequests, closeRules} {
		_ = g.String()
	}
}
