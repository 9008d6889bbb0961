package policy_test

import (
	"fmt"
	"testing"
	"time"

	. "github.com/stepgate/stepgate/policy"
)

// twentyRules is a large site of which four rules speak for a request.
func twentyRules() (*Policy, Request) {
	p := &Policy{}
	for i := range 20 {
		p.Rules = append(p.Rules, Rule{
			Name:   fmt.Sprintf("require otp on %d", i),
			Verb:   Require,
			Demand: Need(OTP, time.Duration(i+1)*time.Minute),
			On:     []TargetID{TargetID(i), TargetID(i + 1)},
		})
	}
	return p, Request{In: func(id TargetID) (bool, error) { return id == 7 || id == 14, nil }}
}

func BenchmarkDecide(b *testing.B) {
	p, in := twentyRules()
	b.ReportAllocs()
	for b.Loop() {
		if d, err := p.Decide(in); err != nil || d.Demand.IsZero() {
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
	site, in := twentyRules()
	if n := testing.AllocsPerRun(100, func() { _, _ = site.Decide(in) }); n != 0 {
		t.Errorf("Decide allocates %v times", n)
	}
}
