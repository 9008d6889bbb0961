package flows

import (
	"time"

	"github.com/stepgate/stepgate/policy"
)

// State is where a flow stands. It is a plain value: the whole of it is stored,
// except Facts, which are gathered afresh before every event.
type State struct {
	Kind   Kind   `json:"kind"`
	Step   Step   `json:"step"`
	Target Target `json:"target"`

	Email     string `json:"email,omitempty"`     // as typed
	Canonical string `json:"canonical,omitempty"` // see CanonicalEmail
	User      string `json:"user,omitempty"`      // empty: no such account (yet)
	// Phantom marks a flow that looks and costs the same as any other and can never
	// succeed: no account has the address, or it may not be used.
	Phantom bool `json:"phantom,omitempty"`

	// Proof is all that counts; Here is the part of it that was proved in this flow
	// rather than brought along by the session.
	Proof   policy.Proof   `json:"proof"`
	Here    policy.Factors `json:"here,omitempty"`
	Factor  policy.Factor  `json:"factor"`            // of the code or password that is awaited
	Options policy.Factors `json:"options,omitempty"` // ways on, where there is a choice
	// First is set while a first factor is awaited, when the method may be switched.
	First bool `json:"first,omitempty"`

	// Created is set once the flow has made the account: nobody else has anything of it.
	Created bool `json:"created,omitempty"`

	// ThenPhone is set while the proof that is asked for leads to adding a phone.
	ThenPhone bool `json:"then_phone,omitempty"`

	// PhoneTyped and Phone are the number being enrolled.
	PhoneTyped string `json:"phone_typed,omitempty"`
	Phone      string `json:"phone,omitempty"`
	Enrolling  bool   `json:"enrolling,omitempty"`

	Why RefusalCode `json:"why,omitempty"` // at Stuck

	Facts Facts `json:"-"`
}

// Facts are what the machine must know and cannot remember, because it may have
// changed since the last event.
type Facts struct {
	Demand policy.Demand  // of the target, at least the floor
	Have   policy.Factors // what the account has and the site accepts
	// HasPhone is true even where the site sends no text messages: an account that
	// has a second factor never gets another one this way.
	HasPhone bool
	// Site's methods.
	EmailCode, Password, SMS bool
	SignUpAllowed            bool          // for this address
	EnrolWithin              time.Duration // age of the proofs that allow enrolling
	CodeLife                 time.Duration // how much older they may be when the code comes back
}

// Event is something that happened to a flow, checked by the engine.
type Event interface{ event() }

type (
	// Identified: somebody said who they are. User is empty when no account has the
	// address.
	Identified struct {
		Email, Canonical, User string
		ByPassword             bool
	}
	// Begun: a signed-in person asked to step up, or to enrol a phone.
	Begun struct{}
	// PasswordRight and CodeRight: the awaited proof came and was right. Wrong ones are
	// no events: they move nothing.
	PasswordRight struct{}
	CodeRight     struct{}
	// WantCode and WantPassword: the person chose a way.
	WantCode     struct{ Factor policy.Factor }
	WantPassword struct{}
	// WantAgain: another code, the same way.
	WantAgain struct{}
	// Switched: the other first factor, please.
	Switched struct{ ToPassword bool }
	// PasswordChosen: a new account's password, hashed. PasswordSkipped: none wanted.
	PasswordChosen  struct{ Hash string }
	PasswordSkipped struct{}
	// PhoneGiven: a number to enrol.
	PhoneGiven struct{ Typed, E164 string }
)

func (Identified) event()      {}
func (Begun) event()           {}
func (PasswordRight) event()   {}
func (CodeRight) event()       {}
func (WantCode) event()        {}
func (WantPassword) event()    {}
func (WantAgain) event()       {}
func (Switched) event()        {}
func (PasswordChosen) event()  {}
func (PasswordSkipped) event() {}
func (PhoneGiven) event()      {}

// Effect is something the engine must do, in the transaction that stores the
// state.
type Effect interface{ effect() }

type (
	// NewCode makes and sends a code for the state's factor; any older one dies. While
	// a young code is on its way to the same place, that one stays instead.
	// Purpose says what the message is about.
	NewCode struct{ Purpose Purpose }
	// DropCode makes an outstanding code worthless.
	DropCode struct{}
	// CreateAccount makes the account of a sign-up; its address is proved.
	CreateAccount struct{ PasswordHash string }
	// SetPhone writes the proved number to the account, unless it has one by now.
	SetPhone struct{ E164 string }
	// OpenSession starts a session with the state's proof.
	OpenSession struct{}
	// RaiseSession gives the session that began the flow the state's proof and a new id.
	RaiseSession struct{}
)

func (NewCode) effect()       {}
func (DropCode) effect()      {}
func (CreateAccount) effect() {}
func (SetPhone) effect()      {}
func (OpenSession) effect()   {}
func (RaiseSession) effect()  {}

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
		if s.Step != "" || (s.Kind != StepUp && s.Kind != Enrol) || s.User == "" {
			return s, nil, false
		}
		return s.dispatch(now)
	case Switched:
		if !s.awaitsFirst() {
			return s, nil, false
		}
		return s.firstFactor(ev.ToPassword)
	case WantCode:
		return s.wantCode(ev)
	case WantPassword:
		return s.wantPassword()
	case WantAgain:
		if s.Step != AskCode {
			return s, nil, false
		}
		return s, []Effect{NewCode{s.purpose()}}, true
	case PasswordRight:
		if s.Step != AskPassword || s.Phantom || s.User == "" || !s.Facts.Password {
			return s, nil, false
		}
		return s.prove(policy.Password, now).dispatch(now)
	case CodeRight:
		return s.codeRight(now)
	case PasswordChosen:
		if s.Step != AskNewPassword {
			return s, nil, false
		}
		return s.createAccount(ev.Hash, now)
	case PasswordSkipped:
		if s.Step != AskNewPassword || !s.Facts.EmailCode {
			return s, nil, false
		}
		return s.createAccount("", now)
	case PhoneGiven:
		return s.phoneGiven(ev, now)
	default:
		return s, nil, false
	}
}

// identified begins a sign-in or a sign-up. A sign-in that awaits its first factor
// may be begun again for another address.
func (s State) identified(ev Identified) (State, []Effect, bool) {
	again := s.Kind == SignIn && s.awaitsFirst()
	if s.Step != "" && !again || s.Kind != SignIn && s.Kind != SignUp {
		return s, nil, false
	}
	s.Email, s.Canonical, s.User = ev.Email, ev.Canonical, ev.User
	s.Proof, s.Here = policy.Proof{}, 0
	s.First = s.Kind == SignIn
	s.Factor = policy.EmailCode
	switch {
	case s.Kind == SignIn:
		s.Phantom = s.User == ""
		return s.firstFactor(ev.ByPassword)
	case s.User != "" && !s.Facts.EmailCode:
		// The address has an account, and a code is not a way into it here.
		s.Phantom, s.User = true, ""
	}
	s.Step = AskCode
	return s, []Effect{NewCode{s.purpose()}}, true
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
		s.Step, s.Factor = AskPassword, policy.Password
		return s, nil, true
	}
	if !s.Facts.EmailCode {
		return s, nil, false
	}
	s.Step, s.Factor = AskCode, policy.EmailCode
	return s, []Effect{NewCode{s.purpose()}}, true
}

// atChoice reports whether f is a way on that the person may take now.
func (s State) atChoice(f policy.Factor) bool {
	switch s.Step {
	case Confirm, Choose, AskCode, AskPassword:
		return !s.First && !s.Enrolling && s.Options.Has(f)
	default:
		return false
	}
}

func (s State) wantCode(ev WantCode) (State, []Effect, bool) {
	if !s.atChoice(ev.Factor) || !ev.Factor.OneTime() {
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
	if s.Step != AskCode || s.Phantom || s.First && !s.Facts.EmailCode {
		return s, nil, false
	}
	if !s.Enrolling {
		return s.prove(s.Factor, now).dispatch(now)
	}
	phone, may := s.Phone, s.mayEnrol(s.Facts.EnrolWithin+s.Facts.CodeLife, now)
	s.Enrolling, s.Phone, s.PhoneTyped = false, "", ""
	if !may {
		return s.dispatch(now) // the phone proves nothing while it is nobody's
	}
	s = s.prove(policy.SMSCode, now)
	s.Facts.Have = s.Facts.Have.With(policy.SMSCode)
	s.Facts.HasPhone = true
	next, effects, ok := s.dispatch(now)
	return next, append([]Effect{SetPhone{phone}}, effects...), ok
}

// phoneGiven takes the number to enrol; while its code is awaited it may be changed. The
// page may have been open for long, so what allows enrolling is judged again.
func (s State) phoneGiven(ev PhoneGiven, now time.Time) (State, []Effect, bool) {
	if s.Step != AskPhone && !(s.Step == AskCode && s.Enrolling) {
		return s, nil, false
	}
	if !s.mayEnrol(s.Facts.EnrolWithin, now) {
		s.Enrolling, s.Phone, s.PhoneTyped = false, "", ""
		return s.dispatch(now)
	}
	s.Enrolling, s.Phone, s.PhoneTyped = true, ev.E164, ev.Typed
	s.Step, s.Factor, s.Options = AskCode, policy.SMSCode, 0
	return s, []Effect{NewCode{s.purpose()}}, true
}

// createAccount makes an account for an address that was proved in this very flow,
// and for nothing else, whatever the state may claim.
func (s State) createAccount(hash string, now time.Time) (State, []Effect, bool) {
	if _, proved := s.Proof.At(policy.EmailCode); !proved || s.Kind != SignUp || s.Phantom || s.Created || s.User != "" || !s.Facts.SignUpAllowed {
		return s, nil, false
	}
	s.Created = true
	s.Facts.Have = policy.FactorsOf(policy.EmailCode)
	if hash != "" && s.Facts.Password {
		s.Facts.Have = s.Facts.Have.With(policy.Password)
	}
	next, effects, ok := s.dispatch(now)
	return next, append([]Effect{CreateAccount{hash}}, effects...), ok
}

// purpose is what a code sent now would be about.
func (s State) purpose() Purpose {
	switch {
	case s.Enrolling:
		return CodeEnrol
	case s.Created:
		return CodeSignIn
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
