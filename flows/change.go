package flows

import (
	"time"

	"github.com/stepgate/stepgate/policy"
)

// A change is made by whoever has just proved the highest level that the account has, or
// a session's cookie alone would be worth the account. That is judged again at every
// input, since pages stay open for long; and nothing changes before the last step.

// changeNext goes on with a Change: first what must be proved for it, then what is new.
func (s State) changeNext(opening bool, now time.Time) (State, []Effect, bool) {
	switch {
	case s.Phantom || s.User == "" || s.Native:
		return s, nil, false
	case !s.changeable():
		return s.stuck(NoMethod)
	}
	if !s.mayChange(s.Facts.EnrolWithin, now) {
		ways := policy.Ways(s.changeGate(s.Facts.EnrolWithin), s.changeProof(), now, s.changeHave(now))
		switch {
		case ways != nil:
			return s.offer(ways, opening)
		case s.mailboxSpent(now) && !s.phoneCounts():
			return s.stuck(MailboxSpent)
		}
		return s.stuck(NoMethod)
	}
	switch s.Changing {
	case ChangePassword:
		s.Step = AskNewPassword
	case ChangePhone:
		s.Step, s.Register = AskPhone, policy.FactorsOf(policy.SMSCode)
	case ChangeEmail:
		s.Step = AskEmail
	default: // RemovePhone: there is nothing more to ask
		s.Proof, s.Here = s.Proof.With(policy.SMSCode, time.Time{}), s.Here.Without(policy.SMSCode)
		return s.changed(ReplacePhone{})
	}
	return s, []Effect{DropCode{}}, true
}

// changeable reports whether there is something to change, and the site changes it. A
// password that somebody else knows is reset, not changed: that ends what they opened.
func (s State) changeable() bool {
	switch s.Changing {
	case ChangePassword:
		return s.Facts.Password && !s.Facts.PasswordLocked
	case ChangePhone:
		return s.Facts.HasPhone && s.Facts.SMS
	case RemovePhone:
		return s.Facts.HasPhone
	case ChangeEmail:
		return s.Facts.MayMove
	default:
		return false
	}
}

// phoneCounts reports whether the account has a phone that can be asked for.
func (s State) phoneCounts() bool { return s.Facts.Own.Has(policy.SMSCode) && s.Facts.SMS }

// changeGate is what must be proved before anything may be changed: the phone where there
// is one to text, together with another channel; otherwise everything else that the
// account has. A password that was given long ago says that a browser is open, not who
// sits before it. Two channels are asked for wherever the account has them: a site that
// asks for less elsewhere is no way around them.
func (s State) changeGate(within time.Duration) policy.Demand {
	gate := policy.Floor
	if canProveTwo(s.Facts.Own) {
		gate = gate.Join(policy.Need(policy.OTP, within))
	}
	if s.phoneCounts() {
		return gate.Join(policy.Need(policy.SMSProof, within))
	}
	return gate.Join(policy.NeedAll(s.Facts.Own.Without(policy.SMSCode), within))
}

// changeProof is what counts for it: neither codes by mail from the time in which the
// mailbox was spent, nor a password that somebody else knows.
func (s State) changeProof() policy.Proof {
	if s.Facts.PasswordLocked {
		return s.enrolProof().With(policy.Password, time.Time{})
	}
	return s.enrolProof()
}

func (s State) changeHave(now time.Time) policy.Factors {
	have := s.Facts.Have
	if s.mailboxSpent(now) {
		have = have.Without(policy.EmailCode)
	}
	if s.Facts.PasswordLocked {
		have = have.Without(policy.Password)
	}
	return have
}

func (s State) mayChange(within time.Duration, now time.Time) bool {
	return s.Kind == Change && !s.Phantom && s.User != "" && !s.Native && s.changeable() &&
		s.changeGate(within).Met(s.changeProof(), now)
}

// emailGiven takes the address that is to be the account's; while its code is awaited it
// may be changed.
func (s State) emailGiven(ev EmailGiven, now time.Time) (State, []Effect, bool) {
	if s.Kind != Change || s.Changing != ChangeEmail || s.Step != AskEmail && !(s.Step == AskCode && s.Moving) {
		return s, nil, false
	}
	if !s.mayChange(s.Facts.EnrolWithin, now) {
		return s.withoutNew().dispatch(now)
	}
	s.Moving, s.NewTyped, s.NewEmail = true, ev.Typed, ev.Canonical
	s.Step, s.Factor, s.Options = AskCode, policy.EmailCode, 0
	return s, []Effect{NewCode{s.purpose()}}, true
}

// newRight goes on when the code to the new number or address came back. While it is
// nobody's that proves nothing, so what must be proved before has to be there already.
func (s State) newRight(now time.Time) (State, []Effect, bool) {
	new, may := s, s.mayChange(s.Facts.EnrolWithin+s.Facts.CodeLife, now)
	s = s.withoutNew()
	switch {
	case !may:
		return s.dispatch(now)
	case new.Moving && s.Changing == ChangeEmail:
		return s.prove(policy.EmailCode, now).changed(ReplaceEmail{new.NewTyped, new.NewEmail})
	case new.Enrolling && s.Changing == ChangePhone:
		return s.prove(policy.SMSCode, now).changed(ReplacePhone{new.Phone})
	}
	return s, nil, false
}

// passwordReplaced takes the password that is to be the account's. Added to an account of
// which nothing but the mailbox was proved, it spends the mailbox as a reset does:
// whoever holds that alone must not become two factors by choosing a password.
func (s State) passwordReplaced(hash string, now time.Time) (State, []Effect, bool) {
	if s.Changing != ChangePassword {
		return s, nil, false
	}
	if !s.mayChange(s.Facts.EnrolWithin, now) {
		return s.dispatch(now)
	}
	effect := ReplacePassword{PasswordHash: hash}
	if !s.Facts.Own.Has(policy.Password) && !s.phoneCounts() {
		effect.MailboxBack = now.Add(s.Facts.ResetCoolDown)
		s.Facts.MailboxBack = effect.MailboxBack
		s.Proof = s.Proof.SpendUntil(policy.Mailbox, effect.MailboxBack)
	}
	return s.prove(policy.Password, now).changed(effect)
}

// withoutNew forgets the number or address that was to be the account's.
func (s State) withoutNew() State {
	s.Enrolling, s.Phone, s.PhoneTyped = false, "", ""
	s.Moving, s.NewTyped, s.NewEmail = false, "", ""
	return s
}

// changed ends a Change with its effect. The session goes on under a new id.
func (s State) changed(effect Effect) (State, []Effect, bool) {
	next, effects, ok := s.finish()
	return next, append([]Effect{effect}, effects...), ok
}
