package policy_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	. "github.com/stepgate/stepgate/policy"
)

func TestProvingOneFactorChangesThatFactorOnly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, f := proofs.Draw(t, "proof"), rapid.SampledFrom(factors).Draw(t, "factor")
		at := now.Add(-ages.Draw(t, "age"))
		proved := p.With(f, at)
		if got, ok := proved.At(f); !ok || !got.Equal(at) {
			t.Fatalf("%v proved at %v, recorded %v", f, at, got)
		}
		for _, other := range factors {
			was, had := p.At(other)
			is, has := proved.At(other)
			if other != f && (had != has || !was.Equal(is)) {
				t.Fatalf("proving %v moved %v from %v to %v", f, other, was, is)
			}
		}
	})
}

func TestAFreshProofTakesAwayOnlyWhatDependsOnIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d, p := demands.Draw(t, "demand"), proofs.Draw(t, "proof")
		f := rapid.SampledFrom(factors).Draw(t, "factor")
		before, _ := d.Missing(p, now)
		after, _ := d.Missing(p.With(f, now), now)
		for _, i := range dimensions {
			switch {
			case after.Has(i) && !before.Has(i):
				t.Fatalf("proving %v now made %v missing", f, i)
			case before.Has(i) && !after.Has(i) && !depends[i].Has(f):
				t.Fatalf("proving %v refreshed %v", f, i)
			}
		}
		// The age of OTP is a code's age: a password may complete it, never refresh it.
		if !f.OneTime() && before.Has(OTP) && !after.Has(OTP) && p.TwoChannels() {
			t.Fatalf("%v refreshed otp", f)
		}
	})
}

func TestAProofOfAnyAgeNeverMovesAnUnrelatedDimension(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d, p := demands.Draw(t, "demand"), proofs.Draw(t, "proof")
		f := rapid.SampledFrom(factors).Draw(t, "factor")
		before, _ := d.Missing(p, now)
		after, _ := d.Missing(p.With(f, now.Add(-ages.Draw(t, "age"))), now)
		for _, i := range dimensions {
			if before.Has(i) != after.Has(i) && !depends[i].Has(f) {
				t.Fatalf("%v moved %v", f, i)
			}
		}
	})
}

func TestTwoCodesToOneChannelNeverMeetOTP(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.SampledFrom([]Factor{EmailCode, SMSCode}).Draw(t, "code")
		var p Proof
		for range rapid.IntRange(1, 5).Draw(t, "times") {
			p = p.With(code, now.Add(-ages.Draw(t, "age")))
		}
		if Need(OTP, withins.Draw(t, "within")).Met(p, now) || p.TwoChannels() {
			t.Fatalf("codes to the %v alone meet otp", code.Channel())
		}
	})
}

func TestASpentChannelNeverCountsTowardsOTP(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := proofs.Draw(t, "proof")
		c := rapid.SampledFrom(channels).Draw(t, "channel")
		spent := p.Spend(c)

		// Spending a channel is as if its factors had never been proved.
		without := p
		for _, f := range p.Factors().Slice() {
			if f.Channel() == c {
				without = without.With(f, time.Time{})
			}
		}
		d := Need(OTP, withins.Draw(t, "within"))
		if d.Met(spent, now) != d.Met(without, now) {
			t.Fatalf("spent %v still counts", c)
		}
		if Need(OTP, 0).Met(everything(now).Spend(Mailbox).Spend(Phone), now) {
			t.Fatal("a password alone meets otp")
		}
		for _, f := range factors {
			if Need(Of(f), 0).Met(p, now) != Need(Of(f), 0).Met(spent, now) {
				t.Fatalf("spending %v changed the proof of %v by name", c, f)
			}
		}
		if restored := p.Restore(c); restored.Spend(c).Restore(c) != restored {
			t.Fatal("Restore does not undo Spend")
		}
	})
}

func TestAProofListsItsSpentChannels(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := proofs.Draw(t, "proof")
		for _, c := range channels {
			// With one proof of another channel next to it, does c make two?
			other := Password
			if c == Knowledge {
				other = SMSCode
			}
			q, proved := p.Restore(other.Channel()), false
			for _, f := range factors {
				if f.Channel() != c {
					q = q.With(f, time.Time{})
				} else if _, ok := p.At(f); ok {
					proved = true
				}
			}
			counts := q.With(other, now).TwoChannels()
			listed := slices.Contains(p.Spent(), c)
			if counts && listed || proved && !counts && !listed || listed && p == p.Restore(c) {
				t.Fatalf("the %v counts: %v, is listed as spent: %v", c, counts, listed)
			}
		}
	})
}

// Time alone gives nothing back: what was proved before counts no more afterwards.
func TestAChannelThatWasSpentForATimeHasToBeProvedAgain(t *testing.T) {
	t.Parallel()
	back := now.Add(24 * time.Hour)
	p := Proof{}.With(Password, now).With(EmailCode, now).SpendUntil(Mailbox, back)
	for _, later := range []time.Duration{0, 23 * time.Hour, 25 * time.Hour, 1000 * time.Hour} {
		if Need(OTP, 0).Met(p, now.Add(later)) {
			t.Fatalf("the old code counts after %v", later)
		}
	}
	if p := p.With(EmailCode, back.Add(-time.Millisecond)); p.TwoChannels() {
		t.Error("a code from before the end counts")
	}
	if p := p.With(EmailCode, back); !p.TwoChannels() {
		t.Error("a code from after the end does not count")
	}
	if joined := p.Join(Proof{}.With(EmailCode, now.Add(time.Minute))); joined.TwoChannels() {
		t.Error("joining forgets what was spent")
	}
	if p.SpendUntil(Mailbox, now) != p || p.SpendUntil(Mailbox, time.Time{}) != p {
		t.Error("spending for a shorter time gives something back")
	}
}

func TestATimeThatIsNoTimeProvesNothing(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{{}, time.Unix(0, 0), time.Unix(-1, 0)} {
		p := everything(now).With(EmailCode, at)
		if _, ok := p.At(EmailCode); ok || p.Factors().Has(EmailCode) || Need(EmailProof, 0).Met(p, now) {
			t.Errorf("%v counts as a proof", at)
		}
	}
	if Need(Session, 0).Met(everything(time.Time{}), now) {
		t.Error("the zero time opens a session")
	}
}

func TestACodeFromTheFutureDoesNotHideAFreshOne(t *testing.T) {
	t.Parallel()
	p := Proof{}.With(SMSCode, now.Add(time.Hour)).With(EmailCode, now)
	if !Need(OTP, time.Minute).Met(p, now) {
		t.Error("after the clock was set back, a new code by mail is not believed")
	}
}

func TestTheLatestProofIsTheNewestOfAll(t *testing.T) {
	t.Parallel()
	if at, ok := (Proof{}).Latest(); ok {
		t.Errorf("nothing was proved, yet the latest is %v", at)
	}
	p := Proof{}.With(Password, now).With(EmailCode, now.Add(-time.Hour))
	if at, ok := p.Latest(); !ok || !at.Equal(now) {
		t.Errorf("latest is %v, %v", at, ok)
	}
}

func TestAProofSurvivesStorage(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := proofs.Draw(t, "proof").Here(0)
		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		read := everything(now) // must be overwritten wholly
		if err := json.Unmarshal(data, &read); err != nil || read != p {
			t.Fatalf("%s came back as %v, %v", data, read, err)
		}
	})
}

func TestAStoredProofIsNamedByWords(t *testing.T) {
	t.Parallel()
	p := Proof{}.With(SMSCode, time.UnixMilli(1700000000000)).Spend(Mailbox)
	data, err := json.Marshal(p)
	if want := `{"at":{"sms_code":1700000000000},"spent":["mailbox"]}`; err != nil || string(data) != want {
		t.Errorf("stored as %s, %v; want %s", data, err, want)
	}
}

func TestAStoredProofThatIsNotUnderstoodIsRefusedWhole(t *testing.T) {
	t.Parallel()
	for _, data := range []string{
		`{"at":{"password":1,"passkey":2}}`,
		`{"at":{"factor(0)":1}}`,
		`{"at":{"Password":1}}`,
		`{"at":{"password":0}}`,
		`{"at":{"password":-62135596800000}}`,
		`{"at":{"password":"1"}}`,
		`{"at":{"password":1e99}}`,
		`{"at":["password"]}`,
		`{"at":{"password":1},"spent":["fax"]}`,
		`{"at":{"password":1},"spent":[1]}`,
		`{"at":{"password":1},"spent_until":{"fax":1}}`,
		`{"at":{"password":1},"spent_until":{"mailbox":0}}`,
		`{"at":{"password":1},"spent_until":{"mailbox":-1}}`,
		`{"at":{"password":1},"spent":["mailbox"],"spent_until":{"mailbox":1}}`,
		`{"at":{"password":1},"once":true}`,
		`[]`, `"password"`, `{`,
	} {
		p := Proof{}.Spend(Phone)
		if err := json.Unmarshal([]byte(data), &p); err == nil {
			t.Errorf("%s was believed", data)
		}
		if p != (Proof{}).Spend(Phone) {
			t.Errorf("%s was believed in part", data)
		}
	}
}

func TestWordsOfFactorsAreUniqueAndReadable(t *testing.T) {
	t.Parallel()
	for _, f := range factors {
		if got, ok := ParseFactor(f.String()); !ok || got != f {
			t.Errorf("%v reads as %v, %v", f, got, ok)
		}
		if !All().Has(f) || All().Without(f).Has(f) || !All().Without(f).With(f).Has(f) {
			t.Errorf("sets lose %v", f)
		}
	}
	for _, word := range []string{"", "sms", "Password", "factor(3)"} {
		if f, ok := ParseFactor(word); ok {
			t.Errorf("%q reads as %v", word, f)
		}
	}
	if SMSCode.First() {
		t.Error("a text message alone opens a session")
	}
}

func TestOnlyThePhoneRestoresASpentMailbox(t *testing.T) {
	t.Parallel()
	spent := Proof{}.With(EmailCode, now).Spend(Mailbox)
	if p := spent.With(Password, now); p.TwoChannels() {
		t.Error("a password restored the mailbox that it was chosen by")
	}
	if p := spent.With(EmailCode, now.Add(time.Minute)).With(Password, now); p.TwoChannels() {
		t.Error("the mailbox restored itself")
	}
	if p := spent.With(SMSCode, now); !p.TwoChannels() {
		t.Error("mailbox and phone are two channels")
	}
	if p := spent.With(SMSCode, time.Time{}).With(Password, now); p.TwoChannels() {
		t.Error("a phone that was never proved restored the mailbox")
	}
}
