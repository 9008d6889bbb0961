package flows

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/stepgate/stepgate/policy"
)

func isChange(e Effect) bool {
	switch e.(type) {
	case ReplacePassword, ReplacePhone, ReplaceEmail:
		return true
	}
	return false
}

// What is checked here is written down apart from the machine's own rule: a change needs a
// fresh proof of the phone, or else of all but the phone, and of two channels where there are two.
func provedEnough(s State, within time.Duration, now time.Time) bool {
	fresh := func(f policy.Factor) bool {
		at, ok := s.Proof.At(f)
		return ok && now.Sub(at) <= within && !(f == policy.EmailCode && at.Before(s.Facts.MailboxBack)) &&
			!(f == policy.Password && s.Facts.PasswordLocked)
	}
	if s.Facts.Own.Has(policy.SMSCode) && s.Facts.SMS {
		return fresh(policy.SMSCode) && (s.Proof.Factors().Has(policy.Password) && !s.Facts.PasswordLocked ||
			mailed(s))
	}
	for _, f := range s.Facts.Own.Without(policy.SMSCode).Slice() {
		if !fresh(f) {
			return false
		}
	}
	return s.Facts.Own == policy.FactorsOf(policy.EmailCode) || s.Proof.Factors().Len() > 1
}

// mailed reports whether a code by mail came back that counts, however long ago.
func mailed(s State) bool {
	at, ok := s.Proof.At(policy.EmailCode)
	return ok && !at.Before(s.Facts.MailboxBack)
}

// drawAccount draws facts of an account that there can be.
func drawAccount(t *rapid.T) Facts {
	facts := anyFacts(t)
	facts.EnrolWithin = 5 * time.Minute
	facts.Own = facts.Own.With(policy.EmailCode)
	facts.HasPhone, facts.Have = facts.Own.Has(policy.SMSCode), facts.Own
	facts.PasswordLocked = facts.PasswordLocked && facts.Own.Has(policy.Password)
	if !facts.SMS {
		facts.Have = facts.Have.Without(policy.SMSCode)
	}
	if !facts.Password {
		facts.Have = facts.Have.Without(policy.Password)
	}
	return facts
}

// A whole change from its beginning, any events in any order, with time passing between.
func TestNoOrderOfEventsChangesAnAccountWithoutAllThatItCanBeProvedWith(t *testing.T) {
	t.Parallel()
	reached := map[Changing]int{}
	rapid.Check(t, func(t *rapid.T) {
		for range 20 {
			walkAChange(t, reached)
		}
	})
	if len(reached) < 4 {
		t.Errorf("the walks come to too few ends: %v", reached)
	}
}

func walkAChange(t *rapid.T, reached map[Changing]int) {
	s := State{Kind: Change, User: "u1", Facts: drawAccount(t)}
	s.Changing = rapid.SampledFrom([]Changing{ChangePassword, ChangePhone, RemovePhone, ChangeEmail}).Draw(t, "changing")
	for _, f := range s.Facts.Own.Slice() { // what the session brings
		if rapid.Bool().Draw(t, "brought") {
			s.Proof = s.Proof.With(f, noon.Add(-time.Duration(rapid.IntRange(0, 90).Draw(t, "age"))*time.Minute))
		}
	}
	if !s.Facts.MailboxBack.IsZero() && !s.Proof.Factors().Has(policy.SMSCode) {
		s.Proof = s.Proof.SpendUntil(policy.Mailbox, s.Facts.MailboxBack)
	}
	begun, _, err := Advance(s, Begun{}, noon)
	if err != nil {
		t.Fatal("a change did not begin")
	}
	now, done := noon, begun.Step == Done
	if done && (s.Changing != RemovePhone || !provedEnough(s, s.Facts.EnrolWithin, now)) {
		t.Fatalf("it was done as it began, with %+v", s.Proof)
	}
	s = begun
	for range 20 {
		if done {
			break
		}
		now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 0, 0, 0, 1, 4, 11}).Draw(t, "minutes")) * time.Minute)
		ev := rapid.SampledFrom(allEvents).Draw(t, "event")
		if rapid.IntRange(0, 3).Draw(t, "astray") != 0 {
			ev = rapid.SampledFrom(onwards(s)).Draw(t, "onwards")
		}
		before := s
		next, effects, err := Advance(s, ev, now)
		if err != nil {
			continue
		}
		changes := 0
		for i, e := range effects {
			if !isChange(e) {
				continue
			}
			changes++
			judged, within := before, before.Facts.EnrolWithin
			switch e := e.(type) {
			case ReplacePassword:
				if s.Changing != ChangePassword || before.Step != AskNewPassword {
					t.Fatal("a password was replaced that nobody wanted to")
				}
				if added := !before.Facts.Own.Has(policy.Password); added && next.Proof.TwoChannels() && !next.Proof.Factors().Has(policy.SMSCode) {
					t.Fatal("an added password made two channels of one mailbox")
				} else if e.MailboxBack.IsZero() == (added && !before.phoneCounts()) {
					t.Fatal("the mailbox is spent exactly where nothing else was proved")
				}
			case ReplacePhone:
				if e.E164 == "" {
					if s.Changing != RemovePhone || next.Proof.Factors().Has(policy.SMSCode) || next.Here.Has(policy.SMSCode) {
						t.Fatal("a phone was removed, and its proof was not")
					}
					if _, ok := ev.(CodeRight); ok && before.Factor.OneTime() {
						judged = before.prove(before.Factor, now)
					} else if _, ok := ev.(PasswordRight); ok {
						judged = before.prove(policy.Password, now)
					}
				} else if s.Changing != ChangePhone || before.Phone != e.E164 || !before.Enrolling {
					t.Fatal("another number than the one that was proved")
				} else {
					within += before.Facts.CodeLife
				}
			case ReplaceEmail:
				if s.Changing != ChangeEmail || !before.Moving || before.NewEmail != e.Canonical {
					t.Fatal("another address than the one that was proved")
				}
				within += before.Facts.CodeLife
			}
			if !provedEnough(judged, within, now) {
				t.Fatalf("%T changed something at %q with %+v of %+v", ev, before.Step, judged.Proof, before.Facts)
			}
			if _, raises := effects[len(effects)-1].(RaiseSession); i != 0 || !raises || next.Step != Done {
				t.Fatalf("the effects are %v", effects)
			}
		}
		if next.Options.Has(policy.EmailCode) && now.Before(next.Facts.MailboxBack) || next.Options.Has(policy.Password) && next.Facts.PasswordLocked {
			t.Fatalf("%v are offered, of which one proves nothing", next.Options.Slice())
		}
		if changes > 1 || (next.Step == Done) != (changes == 1) {
			t.Fatalf("%d changes at %q", changes, next.Step)
		}
		if next.Step == Confirm && ev != (Begun{}) {
			t.Fatal("asked twice whether to begin")
		}
		if done = next.Step == Done; done {
			reached[s.Changing]++
		}
		s = next
	}
}

// onwards are the events that bring a change on.
func onwards(s State) []Event {
	switch s.Step {
	case AskPassword:
		return []Event{PasswordRight{}}
	case AskCode:
		return []Event{CodeRight{}}
	case AskNewPassword:
		return []Event{PasswordChosen{"hash"}}
	case AskPhone:
		return []Event{PhoneGiven{"07700 900123", "+447700900123"}}
	case AskEmail:
		return []Event{EmailGiven{"dana@new.example", "dana@new.example"}}
	default:
		return []Event{WantCode{s.Factor}, WantPassword{}, WantCode{policy.EmailCode}}
	}
}

func TestWhatWasBegunForOneChangeMakesNoOther(t *testing.T) {
	t.Parallel()
	all := policy.All()
	var proof policy.Proof
	for _, f := range all.Slice() {
		proof = proof.With(f, noon)
	}
	facts := Facts{EmailCode: true, Password: true, SMS: true, EnrolWithin: 5 * time.Minute, CodeLife: 10 * time.Minute,
		Have: all, Own: all, HasPhone: true, MayMove: true}
	base := State{Kind: Change, User: "u1", Proof: proof, Here: all, Facts: facts}
	password := with(base, func(s *State) { s.Changing, s.Step = ChangePassword, AskNewPassword })
	phone := with(base, func(s *State) {
		s.Changing, s.Step, s.Factor, s.Enrolling, s.Phone = ChangePhone, AskCode, policy.SMSCode, true, "+447700900456"
	})
	email := with(base, func(s *State) {
		s.Changing, s.Step, s.Factor, s.Moving, s.NewEmail = ChangeEmail, AskCode, policy.EmailCode, true, "dana@new.example"
	})
	remove := with(base, func(s *State) { s.Changing = RemovePhone })
	giving := with(phone, func(s *State) { s.Step, s.Enrolling = AskPhone, false })
	moving := with(email, func(s *State) { s.Step, s.Moving = AskEmail, false })
	old := func(minutes int) func(*State) {
		return func(s *State) {
			s.Proof = policy.Proof{}
			for _, f := range all.Slice() {
				s.Proof = s.Proof.With(f, noon.Add(-time.Duration(minutes)*time.Minute))
			}
		}
	}
	spent := func(s *State) {
		s.Facts.Own, s.Facts.Have, s.Facts.HasPhone = all.Without(policy.SMSCode), all.Without(policy.SMSCode), false
		s.Facts.MailboxBack = noon.Add(time.Hour)
		s.Proof = s.Proof.With(policy.SMSCode, time.Time{}).SpendUntil(policy.Mailbox, s.Facts.MailboxBack)
	}
	for name, c := range map[string]struct {
		from State
		ev   Event
		with func(*State)
	}{
		"a password, with proofs grown old":            {password, PasswordChosen{"h"}, old(6)},
		"a password that is locked":                    {password, PasswordChosen{"h"}, func(s *State) { s.Facts.PasswordLocked = true }},
		"a password where there are none":              {password, PasswordChosen{"h"}, func(s *State) { s.Facts.Password = false }},
		"a password in a change of the address":        {password, PasswordChosen{"h"}, func(s *State) { s.Changing = ChangeEmail }},
		"a password of nobody":                         {password, PasswordChosen{"h"}, func(s *State) { s.User = "" }},
		"a phantom's password":                         {password, PasswordChosen{"h"}, func(s *State) { s.Phantom = true }},
		"a client's":                                   {password, PasswordChosen{"h"}, func(s *State) { s.Native = true }},
		"a password, by a mailbox that is spent":       {password, PasswordChosen{"h"}, spent},
		"a number, with proofs grown too old":          {phone, CodeRight{}, old(16)},
		"a number where there was none":                {phone, CodeRight{}, func(s *State) { s.Facts.HasPhone = false }},
		"a number where none are texted":               {phone, CodeRight{}, func(s *State) { s.Facts.SMS = false }},
		"a number in a change of the password":         {phone, CodeRight{}, func(s *State) { s.Changing = ChangePassword }},
		"an address, with proofs grown too old":        {email, CodeRight{}, old(16)},
		"an address where they are fixed":              {email, CodeRight{}, func(s *State) { s.Facts.MayMove = false }},
		"an address in a removal of the phone":         {email, CodeRight{}, func(s *State) { s.Changing = ChangePhone }},
		"an address, by a mailbox that is spent":       {email, CodeRight{}, spent},
		"a number that is typed for no change of it":   {giving, PhoneGiven{"07700 900456", "+447700900456"}, func(s *State) { s.Changing = ChangeEmail }},
		"an address that is typed for no change of it": {moving, EmailGiven{"a@new.example", "a@new.example"}, func(s *State) { s.Changing = ChangePhone }},
		"an address that is typed before it is asked":  {moving, EmailGiven{"a@new.example", "a@new.example"}, func(s *State) { s.Step = Confirm }},
		"a removal, with proofs grown old":             {remove, Begun{}, old(6)},
		"a removal of nothing":                         {remove, Begun{}, func(s *State) { s.Facts.HasPhone = false }},
		"a removal without the phone":                  {remove, Begun{}, func(s *State) { s.Proof = s.Proof.With(policy.SMSCode, time.Time{}) }},
		"a removal by the phone alone":                 {remove, Begun{}, func(s *State) { s.Proof = policy.Proof{}.With(policy.SMSCode, noon) }},
		"a removal in a flow that stands elsewhere":    {remove, Begun{}, func(s *State) { s.Step = Confirm }},
	} {
		changes := func(s State) bool {
			_, effects, err := Advance(s, c.ev, noon)
			if err != nil || len(effects) == 0 {
				return false
			}
			code, sends := effects[0].(NewCode)
			return isChange(effects[0]) || sends && (code.Purpose == CodeEnrol || code.Purpose == CodeEmailChange)
		}
		if !changes(c.from) {
			t.Fatalf("%s: the state that it differs from changes nothing either", name)
		}
		s := c.from
		if c.with(&s); changes(s) {
			t.Errorf("%s passed", name)
		}
	}
}

// with is a copy of a state, changed.
func with(s State, change func(*State)) State {
	change(&s)
	return s
}

// A number or an address that is given with proofs grown old is forgotten: the code that
// is asked for then is about something else.
func TestGivingSomethingNewTooLateAsksForTheProofsAgain(t *testing.T) {
	t.Parallel()
	own := policy.FactorsOf(policy.EmailCode, policy.SMSCode)
	s := State{Kind: Change, User: "u1", Facts: Facts{EmailCode: true, SMS: true, EnrolWithin: 5 * time.Minute, CodeLife: 10 * time.Minute,
		Have: own, Own: own, HasPhone: true, MayMove: true}}
	s.Proof = s.Proof.With(policy.EmailCode, noon).With(policy.SMSCode, noon)
	for _, c := range []struct {
		changing Changing
		give     Event
		late     time.Duration
	}{
		{ChangePhone, PhoneGiven{"07700 900456", "+447700900456"}, 6 * time.Minute},
		{ChangeEmail, EmailGiven{"dana@new.example", "dana@new.example"}, 6 * time.Minute},
		{ChangePhone, WantAgain{}, 16 * time.Minute},
		{ChangeEmail, WantAgain{}, 16 * time.Minute},
		{ChangePhone, CodeRight{}, 16 * time.Minute},
		{ChangeEmail, CodeRight{}, 16 * time.Minute},
	} {
		at := s
		at.Changing = c.changing
		at, _, _ = Advance(at, Begun{}, noon)
		first := Event(PhoneGiven{"07700 900789", "+447700900789"})
		if c.changing == ChangeEmail {
			first = EmailGiven{"kim@new.example", "kim@new.example"}
		}
		at, _, err := Advance(at, first, noon)
		if err != nil {
			t.Fatal(err)
		}
		next, effects, err := Advance(at, c.give, noon.Add(c.late))
		if err != nil || next.Step != AskCode || next.Factor != policy.SMSCode || next.Enrolling || next.Moving ||
			next.Phone+next.NewEmail+next.NewTyped+next.PhoneTyped != "" {
			t.Errorf("%s with %T goes on as %+v, %v", c.changing, c.give, next, err)
		}
		for _, e := range effects {
			if code, ok := e.(NewCode); ok && code.Purpose != CodeChange {
				t.Errorf("%s with %T sends a %s", c.changing, c.give, code.Purpose)
			}
		}
	}
}
