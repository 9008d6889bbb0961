package flows

import (
	"time"

	"github.com/stepgate/stepgate/policy"
)

// errNotThisStep is returned for an event that the state has no edge for.
var errNotThisStep = &Refusal{Code: NotThisStep}

// Advance is the machine. It has no clock, no randomness and no I/O of its own.
// An event that the state has no edge for returns the state unchanged, no effect,
// and a [*Refusal].
func Advance(s State, ev Event, now time.Time) (State, []Effect, error) {
	next, effects, ok := s.advance(ev, now)
	if !ok {
		return s, nil, errNotThisStep
	}
	return next, effects, nil
}

func (s State) advance(ev Event, now time.Time) (State, []Effect, bool) {
	switch ev := ev.(type) {
	case Identified:
		return s.identified(ev)
	case Begun:
		if s.Step != "" || s.Kind.identifies() || s.User == "" {
			return s, nil, false
		}
		return s.dispatch(now)
	case Switched:
		if !s.awaitsFirst() || s.Native {
			return s, nil, false
		}
		return s.firstFactor(ev.ToPassword)
	case WantCode:
		return s.wantCode(ev)
	case WantPassword:
		return s.wantPassword()
	case WantAgain:
		return s.wantAgain(now)
	case PasswordRight:
		if s.Step != AskPassword || s.Phantom || s.User == "" || !s.Facts.Password {
			return s, nil, false
		}
		return s.prove(policy.Password, now).dispatch(now)
	case CodeRight:
		return s.codeRight(now)
	case PasswordChosen:
		return s.passwordChosen(ev.Hash, now)
	case PasswordSkipped:
		if s.Step != AskNewPassword || s.Kind != SignUp || !s.Facts.EmailCode {
			return s, nil, false
		}
		return s.askAttributes(now)
	case AttributesGiven:
		if s.Step != AskAttributes {
			return s, nil, false
		}
		s.Attributes = ev.Values
		return s.createAccount(now)
	case AttributesKept:
		if s.Step != AskAttributes {
			return s, nil, false
		}
		s.Attributes = ev.Values
		return s, nil, true
	case MailboxRegistered:
		return s.mailboxRegistered(now)
	case TokensWanted:
		if s.Step != Ready || !s.Native {
			return s, nil, false
		}
		s.Asked = true
		return s.dispatch(now)
	case PhoneGiven:
		return s.phoneGiven(ev, now)
	case EmailGiven:
		return s.emailGiven(ev, now)
	default:
		return s, nil, false
	}
}

// identified begins a flow for the owner of an address. A sign-in that awaits its
// first factor may be begun again for another one.
func (s State) identified(ev Identified) (State, []Effect, bool) {
	again := s.Kind == SignIn && s.awaitsFirst() && !s.Native
	if s.Step != "" && !again || !s.Kind.identifies() {
		return s, nil, false
	}
	s.Email, s.Canonical, s.User, s.Epoch = ev.Email, ev.Canonical, ev.User, ev.Epoch
	s.Proof, s.Here = policy.Proof{}, 0
	s.Attributes = ev.Attributes
	s.First = s.Kind == SignIn || s.Native
	s.Factor = policy.EmailCode
	switch {
	case s.Kind == SignIn:
		s.Phantom, s.Asked = s.User == "", s.Native
		return s.firstFactor(ev.ByPassword)
	case s.Kind == Reset && !s.Facts.Password:
		return s, nil, false
	case s.Kind == Reset && !ev.MayReset:
		s.Phantom, s.Passwordless, s.User = true, s.User != "", ""
	case s.Kind == SignUp && s.User != "" && !s.Facts.EmailCode:
		// The address has an account, and a code is not a way into it here.
		s.Phantom, s.User = true, ""
	}
	if s.Native {
		return s.awaitClient(policy.EmailCode)
	}
	s.Step = AskCode
	return s, []Effect{NewCode{s.purpose()}}, true
}

// awaitClient waits for a client to ask for the first factor.
func (s State) awaitClient(f policy.Factor) (State, []Effect, bool) {
	s.Step, s.Factor, s.Options = Choose, f, policy.FactorsOf(f)
	return s, nil, true
}

// awaitsFirst reports whether a first factor is awaited.
func (s State) awaitsFirst() bool {
	return s.First && (s.Step == AskPassword || s.Step == AskCode)
}

func (s State) firstFactor(byPassword bool) (State, []Effect, bool) {
	if byPassword {
		if !s.Facts.Password {
			return s, nil, false
		}
		if s.Native {
			return s.awaitClient(policy.Password)
		}
		s.Step, s.Factor = AskPassword, policy.Password
		return s, nil, true
	}
	if !s.Facts.EmailCode {
		return s, nil, false
	}
	if s.Native {
		return s.awaitClient(policy.EmailCode)
	}
	s.Step, s.Factor = AskCode, policy.EmailCode
	return s, []Effect{NewCode{s.purpose()}}, true
}

// atChoice reports whether f is a way on that the person may take now.
func (s State) atChoice(f policy.Factor) bool {
	switch s.Step {
	case Confirm, Choose, AskCode, AskPassword:
		return (!s.First || s.Native) && !s.Enrolling && !s.Moving && s.Options.Has(f)
	default:
		return false
	}
}

func (s State) wantCode(ev WantCode) (State, []Effect, bool) {
	if !s.atChoice(ev.Factor) || !ev.Factor.OneTime() || !s.can(ev.Factor) {
		return s, nil, false
	}
	return s.ask(ev.Factor)
}

func (s State) wantPassword() (State, []Effect, bool) {
	if !s.atChoice(policy.Password) {
		return s, nil, false
	}
	return s.ask(policy.Password)
}

// wantAgain asks for another code, the same way. One to what is new to the account is
// sent only to whoever may still change it.
func (s State) wantAgain(now time.Time) (State, []Effect, bool) {
	if s.Step != AskCode {
		return s, nil, false
	}
	if s.Kind == Change && (s.Enrolling || s.Moving) && !s.mayChange(s.Facts.EnrolWithin+s.Facts.CodeLife, now) {
		return s.withoutNew().dispatch(now)
	}
	return s, []Effect{NewCode{s.purpose()}}, true
}

// ask awaits factor f next.
func (s State) ask(f policy.Factor) (State, []Effect, bool) {
	s.Factor = f
	if f == policy.Password {
		s.Step = AskPassword
		return s, nil, true
	}
	s.Step = AskCode
	return s, []Effect{NewCode{s.purpose()}}, true
}

// prove notes that a factor was proved, here and now.
func (s State) prove(f policy.Factor, now time.Time) State {
	s.Proof, s.Here = s.Proof.With(f, now), s.Here.With(f)
	return s
}

func (s State) codeRight(now time.Time) (State, []Effect, bool) {
	if s.Step != AskCode || s.Phantom || s.Kind == SignIn && s.First && !s.Facts.EmailCode {
		return s, nil, false
	}
	switch {
	case s.Kind == Change && (s.Enrolling || s.Moving):
		return s.newRight(now)
	case !s.Enrolling:
		return s.prove(s.Factor, now).dispatch(now)
	}
	phone, may := s.Phone, s.mayEnrol(s.Facts.EnrolWithin+s.Facts.CodeLife, now)
	s.Enrolling, s.Phone, s.PhoneTyped = false, "", ""
	if !may {
		return s.dispatch(now) // the phone proves nothing while it is nobody's
	}
	s = s.prove(policy.SMSCode, now)
	s.Asked = false
	s.Facts.Have = s.Facts.Have.With(policy.SMSCode)
	s.Facts.HasPhone = true
	next, effects, ok := s.dispatch(now)
	return next, append([]Effect{SetPhone{phone}}, effects...), ok
}

// registering reports whether a second factor is being registered: a number is awaited,
// or its code.
func (s State) registering() bool {
	return s.Step == AskPhone || s.Step == AskCode && s.Enrolling
}

// phoneGiven takes the number to enrol; while its code is awaited it may be changed. The
// page may have been open for long, so what allows enrolling is judged again.
func (s State) phoneGiven(ev PhoneGiven, now time.Time) (State, []Effect, bool) {
	if !s.registering() || !s.Facts.SMS || !s.can(policy.SMSCode) || s.Kind == Change && s.Changing != ChangePhone {
		return s, nil, false
	}
	may := s.mayEnrol
	if s.Kind == Change {
		may = s.mayChange
	}
	if !may(s.Facts.EnrolWithin, now) {
		return s.withoutNew().dispatch(now)
	}
	s.Enrolling, s.Phone, s.PhoneTyped = true, ev.E164, ev.Typed
	s.Step, s.Factor, s.Options = AskCode, policy.SMSCode, 0
	return s, []Effect{NewCode{s.purpose()}}, true
}

// createAccount makes an account for an address that was proved in this very flow,
// and for nothing else, whatever the state may claim.
func (s State) createAccount(now time.Time) (State, []Effect, bool) {
	if !s.newcomer() {
		return s, nil, false
	}
	hash := s.Hash
	s.Created, s.Hash = true, ""
	s.Facts.Have = policy.FactorsOf(policy.EmailCode)
	if hash != "" && s.Facts.Password {
		s.Facts.Have = s.Facts.Have.With(policy.Password)
	}
	next, effects, ok := s.dispatch(now)
	return next, append([]Effect{CreateAccount{hash}}, effects...), ok
}

// newcomer reports whether the flow is that of somebody who may have an account made:
// they have proved the mailbox in it, and nobody has one for the address.
func (s State) newcomer() bool {
	_, proved := s.Proof.At(policy.EmailCode)
	return proved && s.Kind == SignUp && !s.Phantom && !s.Created && s.User == "" && s.Facts.SignUpAllowed
}

// passwordChosen takes a new account's password, or the one that replaces a forgotten
// one: by whoever has proved the mailbox in this very flow.
func (s State) passwordChosen(hash string, now time.Time) (State, []Effect, bool) {
	if s.Step != AskNewPassword || hash == "" {
		return s, nil, false
	}
	switch s.Kind {
	case Reset:
	case Change:
		return s.passwordReplaced(hash, now)
	default:
		s.Hash, s.ChosenAt = hash, now
		return s.askAttributes(now)
	}
	if s.Phantom || s.User == "" || s.Replaced || !s.Here.Has(policy.EmailCode) || !s.Facts.Password {
		return s, nil, false
	}
	s.Replaced = true
	// Whoever chose the password holds the mailbox, and perhaps nothing else.
	s.Facts.MailboxBack = now.Add(s.Facts.ResetCoolDown)
	s.Proof = s.Proof.SpendUntil(policy.Mailbox, s.Facts.MailboxBack)
	s.Facts.Have = s.Facts.Have.With(policy.Password)
	next, effects, ok := s.prove(policy.Password, now).dispatch(now)
	return next, append([]Effect{ResetPassword{hash, s.Facts.MailboxBack}}, effects...), ok
}

// mailboxRegistered ends the registration of a newcomer who chose a password in this
// flow, after the mailbox was proved in it: those are two channels. They had to prove
// the mailbox to get here, so nobody else can, and typing the password once more would
// prove no more than choosing it did.
func (s State) mailboxRegistered(now time.Time) (State, []Effect, bool) {
	if !s.registering() || !s.Register.Has(policy.EmailCode) || !s.mayRegisterMailbox() {
		return s, nil, false
	}
	s.Enrolling, s.Phone, s.PhoneTyped = false, "", ""
	s.Proof, s.Here = s.Proof.With(policy.Password, s.ChosenAt), s.Here.With(policy.Password)
	s.Asked = false
	return s.dispatch(now)
}

func (s State) mayRegisterMailbox() bool {
	return s.Native && s.Created && !s.ChosenAt.IsZero() && s.Here.Has(policy.EmailCode) &&
		s.Facts.Have.Has(policy.Password) && !s.Facts.HasPhone
}

// purpose is what a code sent now would be about.
func (s State) purpose() Purpose {
	switch {
	case s.Moving && s.Facts.NewTaken:
		return NoticeEmailTaken
	case s.Moving:
		return CodeEmailChange
	case s.Enrolling:
		return CodeEnrol
	case s.Kind == Change:
		return CodeChange
	case s.Created:
		return CodeSignIn
	case s.Replaced:
		return CodeStepUp
	case s.Kind == Reset && s.Passwordless:
		return NoticeNoPassword
	case s.Kind == Reset && s.Phantom:
		return NoticeNoAccount
	case s.Kind == Reset:
		return CodeReset
	case s.Kind == SignUp && (s.User != "" || s.Phantom):
		return CodeHaveAccount
	case s.Kind == SignUp:
		return CodeSignUp
	case s.Kind == SignIn && s.Phantom:
		return NoticeNoAccount
	case s.Kind == SignIn:
		return CodeSignIn
	default:
		return CodeStepUp
	}
}
