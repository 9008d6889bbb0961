package policy_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	. "github.com/stepgate/stepgate/policy"
)

func TestJoinIsASemilatticeBetweenZeroAndNever(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := demands.Draw(t, "a"), demands.Draw(t, "b"), demands.Draw(t, "c")
		for _, law := range []struct {
			name        string
			left, right Demand
		}{
			{"commutative", a.Join(b), b.Join(a)},
			{"associative", a.Join(b).Join(c), a.Join(b.Join(c))},
			{"idempotent", a.Join(a), a},
			{"zero is the identity", a.Join(Demand{}), a},
			{"Never absorbs", a.Join(Never), Never},
		} {
			if law.left != law.right {
				t.Fatalf("%s: %v is not %v", law.name, law.left, law.right)
			}
		}
		if a.IsNever() != (a == Never) || a.IsZero() != (a == Demand{}) {
			t.Fatalf("%v misjudges itself", a)
		}
	})
}

func TestAJoinIsMetExactlyWhenBothSidesAre(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b, p := demands.Draw(t, "a"), demands.Draw(t, "b"), proofs.Draw(t, "proof")
		if both := a.Met(p, now) && b.Met(p, now); a.Join(b).Met(p, now) != both {
			t.Fatalf("join of %v and %v met: %v, both met: %v", a, b, !both, both)
		}
	})
}

func TestMissingIsThePartOfTheDemandThatIsNotMet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d, p := demands.Draw(t, "demand"), proofs.Draw(t, "proof")
		missing, ok := d.Missing(p, now)
		if ok == missing.IsZero() || ok == d.Met(p, now) {
			t.Fatalf("missing %v of %v, but ok is %v", missing, d, ok)
		}
		if missing.Demand.Join(d) != d {
			t.Fatalf("missing %v is no part of %v", missing, d)
		}
		if d == Never {
			return
		}
		for _, i := range dimensions {
			one, asked := part(d, i)
			if missing.Has(i) != (asked && !one.Met(p, now)) {
				t.Fatalf("%v: %v judged wrongly within %v", missing, i, d)
			}
		}
	})
}

func TestNeverIsMetByNothingAndZeroByAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := proofs.Draw(t, "proof")
		if Never.Met(p, now) {
			t.Fatal("Never is met")
		}
		if !(Demand{}).Met(p, now) {
			t.Fatal("the zero demand is not met")
		}
	})
}

func TestAShorterAgeNeverLetsMoreIn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		i, p := rapid.SampledFrom(dimensions).Draw(t, "dimension"), proofs.Draw(t, "proof")
		long := rapid.Int64Range(1, int64(time.Hour)).Draw(t, "long")
		short := rapid.Int64Range(1, long).Draw(t, "short")
		if Need(i, time.Duration(short)).Met(p, now) && !Need(i, time.Duration(long)).Met(p, now) {
			t.Fatalf("%v meets %d but not %d", p, short, long)
		}
		if Need(i, time.Duration(long)).Met(p, now) && !Need(i, 0).Met(p, now) {
			t.Fatalf("%v meets an age but not any age", p)
		}
	})
}

func TestAnAgeHoldsToTheMillisecond(t *testing.T) {
	t.Parallel()
	const within = 15 * time.Minute
	for _, i := range dimensions {
		for name, row := range map[string]struct {
			age time.Duration
			met bool
		}{
			"just now":                {0, true},
			"one millisecond younger": {within - time.Millisecond, true},
			"exactly as old":          {within, true},
			"one millisecond older":   {within + time.Millisecond, false},
			"proved in the future":    {-time.Millisecond, false},
			"proved far ahead":        {-24 * time.Hour, false},
		} {
			p := everything(now.Add(-row.age))
			if got := Need(i, within).Met(p, now); got != row.met {
				t.Errorf("%v %s: met is %v", i, name, got)
			}
			if !Need(i, 0).Met(p, now) {
				t.Errorf("%v %s: does not meet any age", i, name)
			}
		}
	}
}

func TestADemandThatMakesNoSenseIsNeverMet(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]Demand{
		"negative age":      Need(OTP, -1),
		"unknown dimension": Need(OTP+1, 0),
		"unknown factor":    Need(Of(SMSCode+1), 0),
	} {
		if d != Never {
			t.Errorf("%s: %v, want deny", name, d)
		}
	}
}

func TestEachFactorHasADimensionOfItsName(t *testing.T) {
	t.Parallel()
	for _, f := range factors {
		if Of(f).String() != f.String() {
			t.Errorf("%v is asked for as %v", f, Of(f))
		}
	}
	if got, want := All().Len(), len(factors); got != want {
		t.Errorf("%d factors, the tests know %d", got, want)
	}
}

func TestADemandSaysHowLongAProofWillDo(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		demand Demand
		want   time.Duration
		words  string
	}{
		{Demand{}, 0, "public"},
		{Never, 0, "deny"},
		{Need(Session, 0), 0, "session"},
		{Need(OTP, 30*time.Minute), 30 * time.Minute, "otp within 30m0s"},
		{Need(OTP, time.Hour).Join(Need(SMSProof, time.Minute)), time.Minute, "sms_code within 1m0s + otp within 1h0m0s"},
		{Need(OTP, 0).Join(Need(SMSProof, time.Minute)), time.Minute, "sms_code within 1m0s + otp"},
	} {
		if got := row.demand.ValidFor(); got != row.want {
			t.Errorf("%v is good for %v, want %v", row.demand, got, row.want)
		}
		if got := row.demand.String(); got != row.words {
			t.Errorf("says %q, want %q", got, row.words)
		}
	}
}

// everything is the proof of all factors at one moment.
func everything(at time.Time) Proof {
	var p Proof
	for _, f := range factors {
		p = p.With(f, at)
	}
	return p
}

// part is what d asks of one dimension.
func part(d Demand, i Dimension) (Demand, bool) {
	within, asked := d.Within(i)
	one := Need(i, within)
	if one.Once().Join(d) == d {
		one = one.Once()
	}
	return one, asked
}
