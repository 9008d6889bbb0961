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
		var why, reported []int
		stranger := false
		for i, rule := range set {
			in := func(id TargetID) bool { return r.is[id] }
			out := func(id TargetID) bool { return !r.is[id] }
			if len(rule.On) > 0 && !slices.ContainsFunc(rule.On, in) || slices.ContainsFunc(rule.If, out) || r.risk < rule.Risk {
				continue
			}
			if rule.Report {
				reported = append(reported, i)
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
			case Only:
				want = want.Join(Floor)
				if p := r.person; p != nil && !slices.Contains(rule.Who.Users, p.Email) && !slices.Contains(rule.Who.Domains, p.Domain) &&
					!slices.ContainsFunc(p.Groups, func(g string) bool { return slices.Contains(rule.Who.Groups, g) }) {
					want, stranger = Never, true
				}
			}
		}
		if want = want.Join(floor); got.Demand != want || !slices.Equal(slices.Collect(got.Why.All()), why) ||
			!slices.Equal(slices.Collect(got.Reported.All()), reported) || got.Stranger != stranger {
			t.Fatalf("decided %v because of %v, want %v because of %v", got.Demand, got.Why, want, why)
		}
	})
}

func TestAddingARuleThatIsNotPublicNeverLetsMoreIn(t *testing.T) {
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
			speaks := len(rule.On) == 0 || slices.ContainsFunc(rule.On, func(id TargetID) bool { return r.is[id] })
			speaks = speaks && r.risk >= rule.Risk && !slices.ContainsFunc(rule.If, func(id TargetID) bool { return !r.is[id] })
			if rule.Verb == Require && speaks && !rule.Report && rule.Demand.Join(after.Demand) != after.Demand {
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
		asks := Rule{Verb: rapid.SampledFrom(verbs).Draw(t, "verb")}
		if rapid.Bool().Draw(t, "as a condition") {
			asks.If = []TargetID{targetCount}
		} else {
			asks.On = []TargetID{targetCount}
		}
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

func TestAHigherRiskNeverLetsMoreIn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		set := rapid.SliceOfN(rules.Filter(func(r Rule) bool { return r.Verb != Public || r.Risk == NoRisk }), 0, 8).Draw(t, "rules")
		low, p := requests.Draw(t, "request"), proofs.Draw(t, "proof")
		high := low
		high.risk = max(low.risk, risks.Draw(t, "higher"))
		before, after := decide(t, set, low), decide(t, set, high)
		if after.Demand.Join(before.Demand) != after.Demand || after.Demand.Met(p, now) && !before.Demand.Met(p, now) {
			t.Fatalf("risk %v asks for %v, risk %v for %v", low.risk, before.Demand, high.risk, after.Demand)
		}
	})
}

func TestAReportOnlyRuleHasNoEffect(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		set, r := ruleSets.Draw(t, "rules"), requests.Draw(t, "request")
		added := rules.Draw(t, "added")
		added.Report = true
		if rapid.Bool().Draw(t, "that nobody can answer") {
			added.On = append(added.On, targetCount)
		}
		with, without := decide(t, append(slices.Clone(set), added), r), decide(t, set, r)
		if with.Demand != without.Demand || with.Why != without.Why || with.Stranger != without.Stranger {
			t.Fatalf("reporting %v turned %v into %v", added, without, with)
		}
	})
}

func TestAnOnlyRuleAdmitsNobodyWhomItDoesNotName(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		set, r, p := ruleSets.Draw(t, "rules"), requests.Draw(t, "request"), proofs.Draw(t, "proof")
		only := Rule{Verb: Only, Who: whos.Draw(t, "who")}
		got := decide(t, append(set, only), r)
		switch {
		case r.person == nil:
			if got.Demand.Met(Proof{}, now) {
				t.Fatalf("lets nobody in: %v", got)
			}
		case !only.Who.Admits(r.person):
			if got.Demand.Met(p, now) || !got.Stranger {
				t.Fatalf("lets %v in: %v", r.person, got)
			}
		}
	})
}

func TestATargetIsAskedAboutOnceHoweverManyRulesNameIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		set, r := ruleSets.Draw(t, "rules"), requests.Draw(t, "request")
		times := make(map[TargetID]int)
		q := r.asked()
		q.In = func(id TargetID) (bool, error) {
			times[id]++
			return r.in(id)
		}
		if _, err := (&Policy{Rules: set}).Decide(q); err != nil {
			t.Fatal(err)
		}
		for id, n := range times {
			if n > 1 {
				t.Fatalf("target %d was asked about %d times", id, n)
			}
		}
	})
}

func TestMoreRulesThanCanBeCountedDenyAll(t *testing.T) {
	t.Parallel()
	p := Policy{Rules: make([]Rule, MaxRules+1)}
	for i := range p.Rules {
		p.Rules[i].Verb = Public
	}
	if d, err := p.Decide(Request{}); err == nil || d.Demand != Never {
		t.Errorf("decided %v", d)
	}
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
				r.is[id] = true
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
