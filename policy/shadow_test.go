package policy_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	. "github.com/stepgate/stepgate/policy"
)

// nested says that target 1 is inside target 0, and 2 inside both.
func nested(a, b TargetID) bool { return a <= 2 && b < a }

var nestedRequests = rapid.Custom(func(t *rapid.T) request {
	r := requests.Draw(t, "request")
	r.is[1] = r.is[1] || r.is[2]
	r.is[0] = r.is[0] || r.is[1]
	return r
})

// closeRules say little, so that they often cover one another.
var closeRules = rapid.Custom(func(t *rapid.T) Rule {
	rule := rules.Draw(t, "rule")
	rule.On = rule.On[:min(len(rule.On), rapid.IntRange(0, 2).Draw(t, "targets"))]
	rule.If = rule.If[:min(len(rule.If), rapid.IntRange(0, 1).Draw(t, "conditions"))]
	if rapid.IntRange(0, 4).Draw(t, "once") == 0 {
		rule.Demand = rule.Demand.Once()
	}
	return rule
})

func TestRemovingAUselessRuleChangesNoAnswer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		set := rapid.SliceOfN(closeRules, 2, 8).Draw(t, "rules")
		shadows := (&Policy{Rules: set}).Shadows(nested)
		if len(shadows) == 0 {
			return
		}
		without := slices.Clone(set) // without all of them at once
		for _, s := range slices.Backward(shadows) {
			without = slices.Delete(without, s.Rule, s.Rule+1)
		}
		one := rapid.SampledFrom(shadows).Draw(t, "shadow")
		r, p := nestedRequests.Draw(t, "request"), proofs.Draw(t, "proof")
		want := decide(t, set, r)
		for what, rules := range map[string][]Rule{
			fmt.Sprintf("rule %d, covered by %d", one.Rule, one.By): slices.Delete(slices.Clone(set), one.Rule, one.Rule+1),
			"all of them": without,
		} {
			got := decide(t, rules, r)
			if got.Demand.Met(p, now) != want.Demand.Met(p, now) || got.Demand.IsNever() != want.Demand.IsNever() {
				t.Fatalf("without %s: %v became %v, which %v meets: %v", what, want.Demand, got.Demand, p, got.Demand.Met(p, now))
			}
			if got.Reported.Len() != want.Reported.Len() {
				t.Fatalf("without %s: another report", what)
			}
		}
	})
}

func TestAShadowIsNamedWithWhatCastsIt(t *testing.T) {
	t.Parallel()
	const outer, inner, other = TargetID(0), TargetID(1), TargetID(4)
	on := func(ids ...TargetID) []TargetID { return ids }
	otp, sms := Need(OTP, 0), Need(OTP, 0).Join(Need(SMSProof, 5*time.Minute))
	for name, row := range map[string]struct {
		rules []Rule
		want  []Shadow
	}{
		"one rule":                  {[]Rule{{Demand: otp}}, nil},
		"the same twice":            {[]Rule{{Demand: otp, On: on(other)}, {Demand: otp, On: on(other)}}, []Shadow{{1, 0}}},
		"the same three times":      {[]Rule{{Verb: Deny}, {Verb: Deny}, {Verb: Deny}}, []Shadow{{1, 0}, {2, 0}}},
		"less of the same":          {[]Rule{{Demand: otp, On: on(inner)}, {Demand: sms, On: on(outer)}}, []Shadow{{0, 1}}},
		"less elsewhere":            {[]Rule{{Demand: otp, On: on(other)}, {Demand: sms, On: on(outer)}}, nil},
		"less, also elsewhere":      {[]Rule{{Demand: otp, On: on(inner, other)}, {Demand: sms, On: on(outer)}}, nil},
		"less, on everything":       {[]Rule{{Demand: otp}, {Demand: sms, On: on(outer)}}, nil},
		"more inside":               {[]Rule{{Demand: sms, On: on(inner)}, {Demand: otp, On: on(outer)}}, nil},
		"another age":               {[]Rule{{Demand: Need(OTP, time.Hour)}, {Demand: Need(OTP, time.Minute)}}, []Shadow{{0, 1}}},
		"once is more":              {[]Rule{{Demand: otp.Once()}, {Demand: otp}}, []Shadow{{1, 0}}},
		"public below a session":    {[]Rule{{Verb: Public, On: on(inner)}, {Demand: Floor}}, []Shadow{{0, 1}}},
		"public below otp":          {[]Rule{{Verb: Public, On: on(inner)}, {Demand: otp, On: on(outer)}}, []Shadow{{0, 1}}},
		"public below a password":   {[]Rule{{Verb: Public}, {Demand: Need(PasswordProof, time.Hour)}}, []Shadow{{0, 1}}},
		"public below people":       {[]Rule{{Verb: Public}, {Verb: Only, Who: Who{Groups: []string{"staff"}}}}, []Shadow{{0, 1}}},
		"public below a phone":      {[]Rule{{Verb: Public}, {Demand: Need(SMSProof, 0)}}, nil}, // a phone opens no session
		"public inside public":      {[]Rule{{Verb: Public, On: on(inner)}, {Verb: Public, On: on(outer)}}, []Shadow{{0, 1}}},
		"a demand below public":     {[]Rule{{Demand: otp, On: on(inner)}, {Verb: Public, On: on(outer)}}, nil},
		"anything below deny":       {[]Rule{{Demand: sms, On: on(inner)}, {Verb: Deny, On: on(outer)}}, []Shadow{{0, 1}}},
		"deny below deny at risk":   {[]Rule{{Verb: Deny, Risk: HighRisk}, {Verb: Deny}}, []Shadow{{0, 1}}},
		"deny below a riskier deny": {[]Rule{{Verb: Deny}, {Verb: Deny, Risk: HighRisk}}, []Shadow{{1, 0}}},
		"a condition more":          {[]Rule{{Verb: Deny, On: on(outer), If: on(other)}, {Verb: Deny, On: on(outer)}}, []Shadow{{0, 1}}},
		"another condition":         {[]Rule{{Verb: Deny, On: on(outer), If: on(3)}, {Verb: Deny, On: on(outer), If: on(other)}}, nil},
		"a condition that is met":   {[]Rule{{Verb: Deny, On: on(inner)}, {Verb: Deny, If: on(outer)}}, []Shadow{{0, 1}}},
		"a target by its condition": {[]Rule{{Verb: Deny, If: on(inner)}, {Verb: Deny, On: on(outer, other)}}, []Shadow{{0, 1}}},
		"fewer people":              {[]Rule{{Verb: Only, Who: Who{Groups: []string{"a", "b"}}}, {Verb: Only, Who: Who{Groups: []string{"a"}}}}, []Shadow{{0, 1}}},
		"other people":              {[]Rule{{Verb: Only, Who: Who{Groups: []string{"a"}}}, {Verb: Only, Who: Who{Users: []string{"a"}}}}, nil},
		"people below a demand":     {[]Rule{{Verb: Only, Who: Who{Groups: []string{"a"}}}, {Demand: sms}}, nil},
		"a young session":           {[]Rule{{Demand: Need(Session, time.Hour)}, {Demand: otp}}, nil},
		"another factor":            {[]Rule{{Demand: Need(SMSProof, 0)}, {Demand: Need(PasswordProof, 0)}}, nil},
		"what nobody can meet":      {[]Rule{{Demand: Never}, {Demand: otp}}, []Shadow{{1, 0}}},
		"a report":                  {[]Rule{{Demand: otp, Report: true}, {Demand: otp}}, nil},
		"below a report":            {[]Rule{{Demand: otp}, {Verb: Deny, Report: true}}, nil},
	} {
		p := &Policy{Rules: row.rules}
		if got := p.Shadows(nested); !slices.Equal(got, row.want) {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
	p := &Policy{Rules: []Rule{{Verb: Deny, On: on(inner)}, {Verb: Deny, On: on(outer)}, {Verb: Deny, On: on(inner)}}}
	if got := p.Shadows(nil); !slices.Equal(got, []Shadow{{2, 0}}) {
		t.Errorf("knowing nothing of the targets: %v", got)
	}
}
