package flows

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/stepgate/stepgate/policy"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// edges are all the events that each step has an edge for. Everything else must
// change nothing.
var edges = map[Step][]Event{
	"":             {Identified{}, Begun{}},
	AskPassword:    {PasswordRight{}, Switched{}, WantCode{}, WantPassword{}, Identified{}},
	AskCode:        {CodeRight{}, WantAgain{}, Switched{}, WantCode{}, WantPassword{}, PhoneGiven{}, EmailGiven{}, MailboxRegistered{}, Identified{}},
	AskNewPassword: {PasswordChosen{}, PasswordSkipped{}},
	Confirm:        {WantCode{}, WantPassword{}},
	Choose:         {WantCode{}, WantPassword{}},
	AskPhone:       {PhoneGiven{}, MailboxRegistered{}},
	AskEmail:       {EmailGiven{}},
	AskAttributes:  {AttributesGiven{}, AttributesKept{}},
	Ready:          {TokensWanted{}},
	Stuck:          {},
	Done:           {},
}

var allEvents = []Event{
	Identified{Email: "dana@example.com", Canonical: "dana@example.com", User: "u1"},
	Identified{Email: "dana@example.com", Canonical: "dana@example.com", User: "u1", MayReset: true, ByPassword: true},
	Identified{Email: "dana@example.com", Canonical: "dana@example.com"},
	AttributesGiven{}, AttributesKept{}, MailboxRegistered{}, TokensWanted{},
	Begun{}, PasswordRight{}, CodeRight{}, WantAgain{}, PasswordSkipped{}, WantPassword{},
	WantCode{policy.EmailCode}, WantCode{policy.SMSCode}, WantCode{policy.Password},
	Switched{true}, Switched{false}, PasswordChosen{"hash"}, PhoneGiven{"07700 900123", "+447700900123"},
	EmailGiven{"dana@new.example", "dana@new.example"},
}

// anyState draws a state of any shape, sensible or not.
func anyState(t *rapid.T) State {
	steps := []Step{"", AskPassword, AskCode, AskNewPassword, Confirm, Choose, AskPhone, AskEmail, AskAttributes, Ready, Stuck, Done}
	s := State{
		Kind:      rapid.SampledFrom([]Kind{SignIn, SignUp, StepUp, Enrol, Reset, Change}).Draw(t, "kind"),
		Changing:  rapid.SampledFrom([]Changing{"", ChangePassword, ChangePhone, RemovePhone, ChangeEmail}).Draw(t, "changing"),
		Moving:    rapid.Bool().Draw(t, "moving"),
		Step:      rapid.SampledFrom(steps).Draw(t, "step"),
		User:      rapid.SampledFrom([]string{"", "u1"}).Draw(t, "user"),
		Created:   rapid.Bool().Draw(t, "created"),
		Phantom:   rapid.Bool().Draw(t, "phantom"),
		Factor:    rapid.SampledFrom(policy.All().Slice()).Draw(t, "factor"),
		Options:   policy.Factors(rapid.Uint8Max(7).Draw(t, "options")),
		First:     rapid.Bool().Draw(t, "first"),
		Enrolling: rapid.Bool().Draw(t, "enrolling"),
		Native:    rapid.Bool().Draw(t, "native"),
		Asked:     rapid.Bool().Draw(t, "asked"),
		Replaced:  rapid.Bool().Draw(t, "replaced"),
		Here:      policy.Factors(rapid.Uint8Max(7).Draw(t, "here")),
		Register:  policy.Factors(rapid.Uint8Max(7).Draw(t, "register")),
		Facts:     anyFacts(t),
	}
	if rapid.Bool().Draw(t, "chosen") {
		s.Hash, s.ChosenAt = "hash", noon.Add(-time.Minute)
	}
	for _, f := range policy.All().Slice() {
		if rapid.Bool().Draw(t, "proved") {
			s.Proof = s.Proof.With(f, noon.Add(-time.Duration(rapid.IntRange(0, 90).Draw(t, "age"))*time.Minute))
		}
	}
	return s
}

func anyFacts(t *rapid.T) Facts {
	facts := Facts{
		Have:      policy.Factors(rapid.Uint8Max(7).Draw(t, "have")),
		HasPhone:  rapid.Bool().Draw(t, "has phone"),
		EmailCode: rapid.Bool().Draw(t, "email code"), Password: rapid.Bool().Draw(t, "password"),
		Can: policy.Factors(rapid.Uint8Max(7).Draw(t, "can")),
		SMS: rapid.Bool().Draw(t, "sms"), SignUpAllowed: rapid.Bool().Draw(t, "allowed"),
		EnrolWithin:    15 * time.Minute,
		CodeLife:       10 * time.Minute,
		ResetCoolDown:  time.Hour,
		Own:            policy.Factors(rapid.Uint8Max(7).Draw(t, "own")),
		PasswordLocked: rapid.Bool().Draw(t, "locked"),
		MayMove:        rapid.Bool().Draw(t, "may move"), NewTaken: rapid.Bool().Draw(t, "taken"),
		AttributesAsked: rapid.Bool().Draw(t, "attributes"),
	}
	if rapid.Bool().Draw(t, "mailbox spent") {
		facts.MailboxBack = noon.Add(time.Duration(rapid.IntRange(-60, 60).Draw(t, "back in")) * time.Minute)
	}
	facts.AttributesMissing = facts.AttributesAsked && rapid.Bool().Draw(t, "attributes missing")
	for range rapid.IntRange(0, 2).Draw(t, "demands") {
		d := rapid.SampledFrom([]policy.Dimension{policy.Session, policy.PasswordProof, policy.EmailProof, policy.SMSProof, policy.OTP}).Draw(t, "dimension")
		within := rapid.SampledFrom([]time.Duration{0, 5 * time.Minute, time.Hour}).Draw(t, "within")
		facts.Demand = facts.Demand.Join(policy.Need(d, within))
	}
	return facts
}

func TestAnEventWithoutAnEdgeChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := anyState(t)
		ev := rapid.SampledFrom(allEvents).Draw(t, "event")
		next, effects, err := Advance(s, ev, noon)
		edge := false
		for _, e := range edges[s.Step] {
			edge = edge || reflect.TypeOf(e) == reflect.TypeOf(ev)
		}
		if err == nil && !edge {
			t.Fatalf("%T passed at %q, which has no such edge", ev, s.Step)
		}
		if err != nil && (!reflect.DeepEqual(next, s) || effects != nil) {
			t.Fatalf("a refused %T moved the flow", ev)
		}
	})
}

func opens(effects []Effect) bool {
	for _, e := range effects {
		switch e.(type) {
		case OpenSession, RaiseSession:
			return true
		}
	}
	return false
}

func TestASessionIsOpenedOnlyByAProofThatJustCame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := anyState(t)
		ev := rapid.SampledFrom(allEvents).Draw(t, "event")
		next, effects, err := Advance(s, ev, noon)
		if err != nil || !opens(effects) {
			return
		}
		switch ev.(type) {
		case PasswordRight, CodeRight, PasswordChosen, PasswordSkipped, AttributesGiven, TokensWanted, MailboxRegistered:
		case PhoneGiven: // too late to add one: what was proved before is judged again
			if next.Proof != s.Proof {
				t.Fatal("a number that was typed proved something")
			}
		case Begun:
			if s.Kind == Change { // the one change that asks for nothing
				if s.Changing != RemovePhone || !s.mayChange(s.Facts.EnrolWithin, noon) {
					t.Fatal("a change that owes something ended as it began")
				}
			} else if !s.Facts.Demand.Join(policy.Floor).Met(s.Proof, noon) {
				t.Fatal("a step-up that owes something ended as it began")
			}
		default:
			t.Fatalf("%T opened a session", ev)
		}
		if s.Phantom {
			t.Fatal("a phantom succeeded")
		}
		if !policy.Floor.Met(next.Proof, noon) {
			t.Fatal("a session without a first factor")
		}
		if s.Native && !next.Asked {
			t.Fatal("a client got a session that it did not ask for")
		}
		if (s.Kind == StepUp || s.Kind == Enrol || s.Native) && !next.Facts.Demand.Join(policy.Floor).Met(next.Proof, noon) {
			t.Fatal("a rise that does not meet its demand")
		}
	})
}

// A whole flow from its beginning, with any events in any order: wrong proofs are no
// events, so every proof here came when it was awaited.
func TestNoOrderOfEventsProvesMoreThanWasProved(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]Kind{SignIn, SignUp, StepUp, Enrol, Reset}).Draw(t, "kind")
		s := State{Kind: kind, Facts: anyFacts(t)}
		s.Native = kind != StepUp && kind != Enrol && rapid.Bool().Draw(t, "native")
		hadPhone := s.Facts.HasPhone
		if kind == StepUp || kind == Enrol {
			s.User, s.Proof = "u1", policy.Proof{}.With(policy.EmailCode, noon.Add(-time.Hour))
		}
		var proved policy.Factors
		for range rapid.IntRange(1, 12).Draw(t, "length") {
			ev := rapid.SampledFrom(allEvents).Draw(t, "event")
			before := s
			next, effects, err := Advance(s, ev, noon)
			if err != nil {
				continue
			}
			switch ev.(type) {
			case Identified:
				proved = 0 // another person, perhaps
			case PasswordRight:
				proved = proved.With(policy.Password)
			case CodeRight:
				proved = proved.With(before.Factor)
			case PasswordChosen:
				if kind == Reset && proved.Has(policy.EmailCode) || before.Native && next.Created {
					proved = proved.With(policy.Password)
				}
			case MailboxRegistered:
				if !proved.Has(policy.EmailCode) || !before.Created || before.ChosenAt.IsZero() {
					t.Fatal("a mailbox was registered by somebody who had not proved it, or chose no password")
				}
				proved = proved.With(policy.Password)
			}
			for _, f := range policy.All().Slice() {
				if at, ok := next.Proof.At(f); ok && at.Equal(noon) && !proved.Has(f) {
					t.Fatalf("%s counts as proved by %T at %q", f, ev, before.Step)
				}
			}
			for _, e := range effects {
				if _, ok := e.(ResetPassword); ok && (!proved.Has(policy.EmailCode) || before.User == "" || before.Phantom) {
					t.Fatal("a password was replaced without a proved mailbox")
				}
				if _, ok := e.(NewCode); ok && before.Native {
					if !before.Facts.Can.Has(next.Factor) {
						t.Fatal("a client was made to ask for what it cannot")
					}
					switch ev.(type) {
					case WantCode, WantAgain, PhoneGiven:
					default:
						t.Fatalf("%T sent a client's person a message that nobody asked for", ev)
					}
				}
				if _, ok := e.(SetPhone); ok {
					if mailed, _ := before.Proof.At(policy.EmailCode); mailed.Before(before.Facts.MailboxBack) {
						t.Fatal("a phone was added while the mailbox was spent")
					}
					if hadPhone {
						t.Fatal("an account that had a phone got another")
					}
					owed := before.Facts.Have
					if before.Created {
						owed = policy.FactorsOf(policy.EmailCode)
					}
					for _, f := range owed.Slice() {
						at, ok := before.Proof.At(f)
						if !ok || noon.Sub(at) > before.Facts.EnrolWithin {
							t.Fatalf("a phone was added without a fresh %s", f)
						}
					}
				}
			}
			s = next
		}
	})
}

func TestAfterAResetTheMailboxIsNoSecondFactor(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := State{Kind: Reset, Facts: anyFacts(t)}
		s.Native = rapid.Bool().Draw(t, "native")
		s.Facts.Demand = s.Facts.Demand.Join(policy.Need(policy.OTP, 0))
		replaced := false
		for range rapid.IntRange(1, 12).Draw(t, "length") {
			ev := rapid.SampledFrom(allEvents).Draw(t, "event")
			before := s
			next, effects, err := Advance(s, ev, noon)
			if err != nil {
				continue
			}
			for _, e := range effects {
				if _, ok := e.(ResetPassword); ok {
					replaced = true
				}
			}
			phone := next.Here.Has(policy.SMSCode)
			if replaced && !phone && next.Proof.TwoChannels() {
				t.Fatalf("%T at %q made two channels of one mailbox", ev, before.Step)
			}
			if opens(effects) && s.Native && !phone {
				t.Fatal("a client got tokens that owe a second factor")
			}
			s = next
		}
	})
}

func TestAPhantomLooksLikeAnyOtherSignIn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		facts := anyFacts(t)
		byPassword := rapid.Bool().Draw(t, "by password")
		kind := rapid.SampledFrom([]Kind{SignIn, Reset}).Draw(t, "kind")
		native := rapid.Bool().Draw(t, "native")
		known := State{Kind: kind, Facts: facts, Native: native}
		unknown := State{Kind: kind, Facts: facts, Native: native}
		k, ke, kerr := Advance(known, Identified{Email: "a@example.com", Canonical: "a@example.com", User: "u1", ByPassword: byPassword, MayReset: true}, noon)
		u, ue, uerr := Advance(unknown, Identified{Email: "a@example.com", Canonical: "a@example.com", ByPassword: byPassword}, noon)
		for range 6 {
			if (kerr == nil) != (uerr == nil) || len(ke) != len(ue) || k.Step != u.Step || k.Factor != u.Factor || k.First != u.First || k.Options != u.Options {
				t.Fatalf("they differ: %+v %v, %+v %v", k, kerr, u, uerr)
			}
			ev := rapid.SampledFrom([]Event{WantAgain{}, WantPassword{}, WantCode{policy.EmailCode}, TokensWanted{}, Switched{true}, Switched{false}, WantCode{policy.SMSCode}, PhoneGiven{}, PasswordSkipped{}}).Draw(t, "event")
			k, ke, kerr = Advance(k, ev, noon)
			u, ue, uerr = Advance(u, ev, noon)
		}
	})
}
