package flows

import (
	"testing"
	"time"

	"github.com/stepgate/stepgate/policy"
)

// Each of these differs in one thing from a state in which the event would pass.
func TestWhatLooksLikeAnEdgeAndIsNone(t *testing.T) {
	t.Parallel()
	facts := Facts{EmailCode: true, Password: true, SMS: true, SignUpAllowed: true, EnrolWithin: 5 * time.Minute,
		Have: policy.FactorsOf(policy.EmailCode, policy.Password)}
	mailbox := policy.Proof{}.With(policy.EmailCode, noon)
	byMail := policy.FactorsOf(policy.EmailCode)
	resetting := State{Kind: Reset, Step: AskNewPassword, User: "u1", Proof: mailbox, Here: byMail, Facts: facts}
	registering := State{Kind: SignUp, Step: AskPhone, User: "u1", Native: true, Created: true, ChosenAt: noon,
		Register: byMail, Proof: mailbox, Here: byMail, Facts: facts}
	asking := State{Kind: SignIn, Step: AskCode, Native: true, First: true, User: "u1", Options: byMail, Facts: facts}

	for name, c := range map[string]struct {
		from State
		ev   Event
		with func(*State)
	}{
		"a reset without a proved mailbox":      {resetting, PasswordChosen{"h"}, func(s *State) { s.Here = 0 }},
		"a second reset in one flow":            {resetting, PasswordChosen{"h"}, func(s *State) { s.Replaced = true }},
		"a phantom's reset":                     {resetting, PasswordChosen{"h"}, func(s *State) { s.Phantom = true }},
		"a reset of nobody's password":          {resetting, PasswordChosen{"h"}, func(s *State) { s.User = "" }},
		"a reset where there are no passwords":  {resetting, PasswordChosen{"h"}, func(s *State) { s.Facts.Password = false }},
		"a mailbox that is not to register":     {registering, MailboxRegistered{}, func(s *State) { s.Register = policy.FactorsOf(policy.SMSCode) }},
		"a mailbox of an account that is older": {registering, MailboxRegistered{}, func(s *State) { s.Created = false }},
		"a mailbox without a chosen password":   {registering, MailboxRegistered{}, func(s *State) { s.ChosenAt = time.Time{} }},
		"a mailbox that was not proved here":    {registering, MailboxRegistered{}, func(s *State) { s.Here = 0 }},
		"a mailbox on our pages":                {registering, MailboxRegistered{}, func(s *State) { s.Native = false }},
		"a phone that cannot be asked for": {State{Kind: SignUp, Step: AskPhone, User: "u1", Native: true, Created: true,
			Register: policy.FactorsOf(policy.SMSCode), Proof: mailbox, Here: byMail, Facts: func() Facts { f := facts; f.Can = policy.All(); return f }()},
			PhoneGiven{"07700 900123", "+447700900123"}, func(s *State) { s.Facts.Can = byMail }},
		"a mailbox next to a phone": {registering, MailboxRegistered{}, func(s *State) { s.Facts.HasPhone = true }},
	} {
		if _, _, err := Advance(c.from, c.ev, noon); err != nil {
			t.Fatalf("%s: the state it differs from is refused as well", name)
		}
		s := c.from
		c.with(&s)
		if _, effects, err := Advance(s, c.ev, noon); err == nil {
			t.Errorf("%s passed, with %v", name, effects)
		}
	}
	for name, c := range map[string]struct {
		from State
		ev   Event
	}{
		"a reset without a new password":  {resetting, PasswordSkipped{}},
		"a client that switches":          {asking, Switched{ToPassword: true}},
		"a client that names another one": {asking, Identified{Email: "b@example.com", Canonical: "b@example.com", User: "u2"}},
	} {
		if _, effects, err := Advance(c.from, c.ev, noon); err == nil {
			t.Errorf("%s passed, with %v", name, effects)
		}
	}
}

func TestAPasswordlessResetKnowsNobody(t *testing.T) {
	t.Parallel()
	s := State{Kind: Reset, Facts: Facts{Password: true, EmailCode: true}}
	next, _, err := Advance(s, Identified{Email: "a@example.com", Canonical: "a@example.com", User: "u1"}, noon)
	if err != nil || next.User != "" || !next.Phantom || !next.Passwordless {
		t.Fatalf("it goes on as %+v, %v", next, err)
	}
}

// A spent mailbox is no proof that allows a phone, whatever step the flow stands at.
func TestASpentMailboxAddsNoPhone(t *testing.T) {
	t.Parallel()
	proof := policy.Proof{}.With(policy.EmailCode, noon).With(policy.Password, noon)
	facts := Facts{EmailCode: true, Password: true, SMS: true, EnrolWithin: 5 * time.Minute, MailboxBack: noon.Add(time.Hour),
		Have: policy.FactorsOf(policy.EmailCode, policy.Password), Demand: policy.Need(policy.SMSProof, 0)}
	s := State{Kind: StepUp, Step: AskPhone, User: "u1", Proof: proof, Register: policy.FactorsOf(policy.SMSCode), Facts: facts}
	next, effects, err := Advance(s, PhoneGiven{"07700 900123", "+447700900123"}, noon)
	if err != nil || next.Step != Stuck || next.Why != MailboxSpent {
		t.Fatalf("goes on at %q with %v, %v", next.Step, effects, err)
	}
}
