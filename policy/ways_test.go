package policy_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	. "github.com/stepgate/stepgate/policy"
)

// prove adds every factor of a way, now and for the request that is judged.
func prove(p Proof, way Factors) Proof {
	for _, f := range way.Slice() {
		p = p.With(f, now)
	}
	return p.Here(way)
}

func TestEveryWayLeadsThereAndHasNothingToSpare(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d, p := demands.Draw(t, "demand"), proofs.Draw(t, "proof").Here(0)
		have := FactorsOf(rapid.SliceOfDistinct(rapid.SampledFrom(factors), rapid.ID[Factor]).Draw(t, "have")...)
		ways := Ways(d, p, now, have)
		for i, way := range ways {
			if way&^have != 0 {
				t.Fatalf("%v uses what the account does not have", way.Slice())
			}
			if !d.Met(prove(p, way), now) {
				t.Fatalf("%v does not meet %v", way.Slice(), d)
			}
			for smaller := way; smaller > 0; {
				smaller = (smaller - 1) & way
				if d.Met(prove(p, smaller), now) {
					t.Fatalf("%v would do without some of it", way.Slice())
				}
			}
			if i > 0 && ways[i-1].Len() > way.Len() {
				t.Fatalf("%v comes after a longer way", way.Slice())
			}
		}
		if reachable := d.Met(prove(p, have), now); reachable != (ways != nil) {
			t.Fatalf("reachable: %v, ways: %v", reachable, ways)
		}
		if met := d.Met(p, now); met != slices.Equal(ways, []Factors{0}) {
			t.Fatalf("met: %v, ways: %v", met, ways)
		}
	})
}

func TestWaysOfOrdinaryAccounts(t *testing.T) {
	t.Parallel()
	otp, sms := Need(OTP, 5*time.Minute), Need(OTP, 5*time.Minute).Join(Need(SMSProof, 5*time.Minute))
	mailbox, password := Proof{}.With(EmailCode, now), Proof{}.With(Password, now)
	both := FactorsOf(Password, EmailCode)
	for name, row := range map[string]struct {
		demand Demand
		proof  Proof
		have   Factors
		want   []Factors
	}{
		"nobody yet, a session":                  {Floor, Proof{}, All(), []Factors{FactorsOf(Password), FactorsOf(EmailCode)}},
		"a phone never opens a session":          {Floor, Proof{}, FactorsOf(SMSCode), nil},
		"signed in by code, otp":                 {otp, mailbox, All(), []Factors{FactorsOf(Password), FactorsOf(SMSCode)}},
		"signed in by code, mailbox only":        {otp, mailbox, FactorsOf(EmailCode), nil},
		"signed in by password, otp":             {otp, password, All(), []Factors{FactorsOf(EmailCode), FactorsOf(SMSCode)}},
		"signed in by password, mailbox spent":   {otp, password.Spend(Mailbox), both, nil},
		"mailbox spent, but there is a phone":    {otp, password.Spend(Mailbox), All(), []Factors{FactorsOf(SMSCode)}},
		"otp by sms needs the phone":             {sms, password, both, nil},
		"otp by sms":                             {sms, password, All(), []Factors{FactorsOf(SMSCode)}},
		"an old code by mail, password is fresh": {otp, password.With(EmailCode, now.Add(-time.Hour)), All(), []Factors{FactorsOf(EmailCode), FactorsOf(SMSCode)}},
		"met already":                            {otp, password.With(EmailCode, now), All(), []Factors{0}},
		"denied":                                 {Never, everything(now), All(), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Ways(row.demand, row.proof, now, row.have); !slices.Equal(got, row.want) || (got == nil) != (row.want == nil) {
				t.Errorf("ways %v, want %v", got, row.want)
			}
		})
	}
}
