package policy_test

import (
	"fmt"
	"testing"
	"time"

	. "github.com/stepgate/stepgate/policy"
)

// fiftyRules is a large site, with every kind of rule, of which some speak for a request.
func fiftyRules() (*Policy, Request) {
	p := &Policy{}
	for i := range 50 {
		rule := Rule{
			Name:   fmt.Sprintf("rule %d", i),
			Demand: Need(OTP, time.Duration(i+1)*time.Minute),
			On:     []TargetID{TargetID(i), TargetID(i + 1)},
		}
		switch i % 5 {
		case 1:
			rule.Risk = MediumRisk
		case 2:
			rule.If = []TargetID{7, TargetID(i)}
		case 3:
			rule.Verb, rule.Who = Only, Who{Groups: []string{"board", "staff"}, Domains: []string{"example.com"}}
		case 4:
			rule.Report = true
		}
		p.Rules = append(p.Rules, rule)
	}
	in := func(id TargetID) (bool, error) { return id%7 == 0, nil }
	return p, Request{In: in, Risk: HighRisk, Person: &Person{Email: "dana@example.com", Domain: "example.com", Groups: []string{"staff"}}}
}

func BenchmarkDecideFiftyRules(b *testing.B) {
	p, q := fiftyRules()
	b.ReportAllocs()
	for b.Loop() {
		if d, err := p.Decide(q); err != nil || d.Demand.IsZero() {
			b.Fatal(d, err)
		}
	}
}

func BenchmarkMissing(b *testing.B) {
	d := Need(Session, 0).Join(Need(OTP, 5*time.Minute)).Join(Need(SMSProof, 5*time.Minute))
	p := everything(now)
	b.ReportAllocs()
	for b.Loop() {
		if _, missing := d.Missing(p, now); missing {
			b.Fatal("nothing should be missing")
		}
	}
}

func TestJudgingARequestIsFrugal(t *testing.T) { // not parallel: AllocsPerRun counts for the process
	d, p := Need(OTP, time.Minute).Join(Need(SMSProof, 0)), everything(now)
	if n := testing.AllocsPerRun(100, func() { d.Missing(p, now) }); n != 0 {
		t.Errorf("Missing allocates %v times", n)
	}
	site, q := fiftyRules()
	if n := testing.AllocsPerRun(100, func() { _, _ = site.Decide(q) }); n != 0 {
		t.Errorf("Decide allocates %v times", n)
	}
}
