package policy_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	. "github.com/stepgate/stepgate/policy"
)

func TestADecisionIsTheJoinOfEveryRuleThatSpeaks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		set, r := ruleSets.Draw(t, "rules"), requests.Draw(t, "request")
		got := decide(t, set, r)

		// The definition, written down a second time in the plainest way.
		want, floor := Demand{}, Floor
		var why []int
		for i, rule := range set {
			if len(rule.On) > 0 && !slices.ContainsFunc(rule.On, func(id TargetID) bool { return r[id] }) {
				continue
			}
			why = append(why, i)
			switch rule.Verb {
			case Require:
				want = want.Join(rule.Demand)
			case Public:
				floor = Demand{}
			case Deny:
				want = Never
			}
		}
		if want = want.Join(floor); got.Demand != want || !slices.Equal(slices.Collect(got.Why.All()), why) {
			t.Fatalf("decided %v because of %v, want %v because of %v", got.Demand, got.Why, want, why)
		}
	})
}

func TestAddingARequireOrDenyNeverLetsMoreIn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		set, r, p := ruleSets.Draw(t, "rules"), requests.Draw(t, "request"), proofs.Draw(t, "proof")
		added := rules.Filter(func(r Rule) bool { return r.Verb != Public }).Draw(t, "added")
		at := rapid.IntRange(0, len(set)).Draw(t, "at")
		before, after := decide(t, set, r), decide(t, slices.Insert(slices.Clone(set), at, added), r)
		if after.Demand.Join(before.Demand) != after.Demand {
			t.Fatalf("adding %v turned %v into %v", added, before.Demand, after.Demand)
		}
		if after.Demand.Met(p, now) && !before.Demand.Met(p, now) {
			t.Fatalf("adding %v let %v in", added, p)
		}
	})
}

func TestPublicWaivesTheFloorAndNothingElse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		set, r := ruleSets.Draw(t, "rules"), requests.Draw(t, "request")
		at := rapid.IntRange(0, len(set)).Draw(t, "at")
		before := decide(t, set, r)
		after := decide(t, slices.Insert(slices.Clone(set), at, Rule{Verb: Public}), r)
		if after.Demand.Join(Floor) != before.Demand.Join(Floor) {
			t.Fatalf("public turned %v into %v", before.Demand, after.Demand)
		}
		for _, rule := range set {
			speaks := len(rule.On) == 0 || slices.ContainsFunc(rule.On, func(id TargetID) bool { return r[id] })
			if rule.Verb == Require && speaks && rule.Demand.Join(after.Demand) != after.Demand {
				t.Fatalf("public took %v away: %v", rule.Demand, after.Demand)
			}
		}
	})
}

func TestTheOrderOfRulesNeverMatters(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		set, r := ruleSets.Draw(t, "rules"), requests.Draw(t, "request")
		shuffled := rapid.Permutation(set).Draw(t, "shuffled")
		a, b := decide(t, set, r), decide(t, shuffled, r)
		if a.Demand != b.Demand || a.Why.Len() != b.Why.Len() {
			t.Fatalf("%v in one order, %v in another", a, b)
		}
	})
}

func TestAnUnansweredQuestionRefuses(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		set := rapid.SliceOfN(rules, 0, 8).Draw(t, "rules")
		at := rapid.IntRange(0, len(set)).Draw(t, "at")
		asks := Rule{Verb: rapid.SampledFrom([]Verb{Require, Public, Deny}).Draw(t, "verb"), On: []TargetID{targetCount}}
		p := Policy{Rules: slices.Insert(slices.Clone(set), at, asks)}
		// An error refuses whatever comes with it, a "yes" included.
		answer := rapid.Bool().Draw(t, "answer")
		decision, err := p.Decide(Request{In: func(id TargetID) (bool, error) {
			if id == targetCount {
				return answer, errNoTarget
			}
			return false, nil
		}})
		if !errors.Is(err, errNoTarget) || decision.Demand != Never {
			t.Fatalf("decided %v, %v", decision, err)
		}
	})
}

func TestARuleThatMakesNoSenseDenies(t *testing.T) {
	t.Parallel()
	broken := Verb(200)
	if got := decide(t, []Rule{{Verb: Public}, {Verb: broken}}, request{}); got.Demand != Never {
		t.Errorf("verb %v lets in: %v", broken, got.Demand)
	}
}

// The rows are the rules of an ordinary site, as people write them.
func TestDecisionsOfAnOrdinarySite(t *testing.T) {
	t.Parallel()
	const assets, admin, money, export = TargetID(0), TargetID(1), TargetID(2), TargetID(3)
	smsNow := Need(OTP, 5*time.Minute).Join(Need(SMSProof, 5*time.Minute))
	site := []Rule{
		{Name: "public on @assets", Verb: Public, On: []TargetID{assets}},
		{Name: "require otp within 30m on admin", Verb: Require, Demand: Need(OTP, 30*time.Minute), On: []TargetID{admin}},
		{Name: "require otp sms within 5m on money", Verb: Require, Demand: smsNow, On: []TargetID{money}},
		{Name: "require password within 1h on admin money", Verb: Require, Demand: Need(PasswordProof, time.Hour), On: []TargetID{admin, money}},
		{Name: "deny on export", Verb: Deny, On: []TargetID{export}},
	}
	for name, row := range map[string]struct {
		in   []TargetID
		want string
		why  []int
	}{
		"anything else":         {nil, "session", nil},
		"an asset":              {[]TargetID{assets}, "public", []int{0}},
		"the admin pages":       {[]TargetID{admin}, "session + password within 1h0m0s + otp within 30m0s", []int{1, 3}},
		"a transfer":            {[]TargetID{money}, "session + password within 1h0m0s + sms_code within 5m0s + otp within 5m0s", []int{2, 3}},
		"both":                  {[]TargetID{admin, money}, "session + password within 1h0m0s + sms_code within 5m0s + otp within 5m0s", []int{1, 2, 3}},
		"an asset of the admin": {[]TargetID{assets, admin}, "password within 1h0m0s + otp within 30m0s", []int{0, 1, 3}},
		"a denied one":          {[]TargetID{export}, "deny", []int{4}},
		"a denied asset":        {[]TargetID{assets, export}, "deny", []int{0, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r request
			for _, id := range row.in {
				r[id] = true
			}
			got := decide(t, site, r)
			if got.Demand.String() != row.want || !slices.Equal(slices.Collect(got.Why.All()), row.why) {
				t.Errorf("%v because of %v, want %s because of %v", got.Demand, got.Why, row.want, row.why)
			}
		})
	}
	if got := decide(t, nil, request{}); got.Demand != Floor {
		t.Errorf("without rules: %v, want the floor", got.Demand)
	}
}
