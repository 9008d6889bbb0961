package policy_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	. "github.com/stepgate/stepgate/policy"
)

func TestWhatIsAskedForOnceIsMetOnlyByProofForTheVeryRequest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d, p := demands.Draw(t, "demand"), proofs.Draw(t, "proof")
		once := d.Once()
		if once.Met(p.Here(0), now) && !d.IsZero() {
			t.Fatalf("%v is met by %v of before", once, p)
		}
		if once.Met(p, now) && !d.Met(p, now) {
			t.Fatalf("%v is met where %v is not", once, d)
		}
		if !d.HasOnce() && d.Met(p, now) != once.Met(p.Here(All()), now) {
			t.Fatalf("%v is not %v with everything proved for the request", once, d)
		}
	})
}

func TestTheStandingPartOfADemandIsTheDemandWithoutOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d, p := demands.Draw(t, "demand"), proofs.Draw(t, "proof")
		standing := d.Standing()
		if standing.HasOnce() || !d.HasOnce() && standing != d {
			t.Fatalf("of %v stays %v", d, standing)
		}
		if d.Met(p, now) && !standing.Met(p, now) {
			t.Fatalf("%v is met, %v is not", d, standing)
		}
		if standing.Met(p, now) != d.Met(p.Here(All()), now) {
			t.Fatalf("%v is no more than %v for this request", d, standing)
		}
	})
}

func TestAFactorThatWasNeverProvedIsNotProvedForARequest(t *testing.T) {
	t.Parallel()
	if p := (Proof{}).Here(All()); Need(OTP, 0).Once().Met(p, now) || Need(Session, 0).Once().Met(p, now) {
		t.Error("nothing was proved, and it is enough")
	}
}

func TestAProofForOneRequestIsNotRemembered(t *testing.T) {
	t.Parallel()
	p := everything(now).Here(All())
	data, err := p.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var stored Proof
	if err := stored.UnmarshalJSON(data); err != nil {
		t.Fatal(err)
	}
	once := Need(OTP, 0).Once()
	if !once.Met(p, now) || once.Met(stored, now) || once.Met(p.Join(everything(now)), now) {
		t.Error("a proof for one request outlives it")
	}
}

func TestADemandReadsAsItIsWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := demands.Filter(func(d Demand) bool { return !d.IsNever() }).Draw(t, "demand")
		if age := d.ValidFor(); age != 0 && age < time.Second {
			return // nobody writes so short an age
		}
		if got, err := ParseDemand(d.String()); err != nil || got != d {
			t.Fatalf("%q reads as %v, %v", d, got, err)
		}
	})
}
