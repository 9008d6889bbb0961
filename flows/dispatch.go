package flows

import (
	"time"

	"github.com/stepgate/stepgate/policy"
)

// dispatch decides what comes next, and is the only place that does: from what has
// been proved, what the target demands, and what the account has.
func (s State) dispatch(now time.Time) (State, []Effect, bool) {
	opening := s.Step == ""
	s.First, s.Options, s.Why, s.ThenPhone, s.Register = false, 0, "", false, 0

	switch {
	case s.Kind == SignUp && s.User == "" && !s.Created:
		return s.signUpNext(now)
	case s.Kind == Reset && !s.Replaced:
		s.Step = AskNewPassword
		return s, []Effect{DropCode{}}, true
	case s.Kind == Change:
		return s.changeNext(opening, now)
	case s.Native && !s.Asked:
		s.Step = Ready
		return s, []Effect{DropCode{}}, true
	}
	demand := s.Facts.Demand.Join(policy.Floor)
	if s.Kind == Enrol && !s.Facts.HasPhone {
		demand = demand.Join(policy.Need(policy.SMSProof, 0))
	}
	switch {
	case s.Kind == Enrol && s.Facts.HasPhone && opening:
		return s.stuck(EnrolNotAllowed)
	case demand.Met(s.proof(), now):
		return s.finish()
	}
	ways := policy.Ways(demand, s.proof(), now, s.Facts.Have)
	if s.Native {
		return s.offerClient(ways, demand, now)
	}
	if len(ways) > 0 {
		return s.offer(ways, opening)
	}
	return s.towardsPhone(demand, opening, now)
}

// proof is what counts for the flow's target: what was proved in this flow was proved
// for it.
func (s State) proof() policy.Proof { return s.Proof.Here(s.Here) }

// signUpNext goes on after a newcomer's mailbox is proved.
func (s State) signUpNext(now time.Time) (State, []Effect, bool) {
	switch {
	case !s.Facts.SignUpAllowed:
		return s.stuck(SignUpNotForYou)
	case s.Facts.Password:
		s.Step = AskNewPassword
		return s, []Effect{DropCode{}}, true
	default:
		return s.askAttributes(now)
	}
}

// askAttributes goes on when the password of a new account is settled. People are asked
// for all that the site wants to know; a client only for what it must say and has not.
func (s State) askAttributes(now time.Time) (State, []Effect, bool) {
	if !s.newcomer() {
		return s, nil, false
	}
	if s.Facts.AttributesMissing || s.Facts.AttributesAsked && !s.Native {
		s.Step = AskAttributes
		return s, []Effect{DropCode{}}, true
	}
	return s.createAccount(now)
}

// offer goes on with one of the ways to meet the demand. With one next factor there
// is nothing to choose, so it is asked at once; but a step-up that is just opening
// is confirmed first, because asking may send a message.
func (s State) offer(ways []policy.Factors, opening bool) (State, []Effect, bool) {
	proposed := ways[0].Slice()[0]
	s.Options = policy.FactorsOf(proposed)
	for _, way := range ways {
		// What is owed as well is no choice: it is asked for in its turn.
		if s.ThenPhone || !way.Has(proposed) {
			s.Options |= way
		}
	}
	if opening {
		s.Step, s.Factor = Confirm, proposed
		return s, nil, true
	}
	if s.Options.Len() == 1 || ways[0].Len() > 1 {
		// Several factors are owed and every way needs them: take them in turn.
		return s.ask(proposed)
	}
	s.Step, s.Factor = Choose, proposed
	return s, []Effect{DropCode{}}, true
}

// offerClient goes on with what the native protocol can ask for: one more code, or
// the registration of a second factor, after which nothing more may be owed.
func (s State) offerClient(ways []policy.Factors, demand policy.Demand, now time.Time) (State, []Effect, bool) {
	for _, way := range ways {
		if f := way.Slice()[0]; way.Len() == 1 && f.OneTime() && s.can(f) {
			s.Options |= way
		}
	}
	if s.Options != 0 {
		s.Step, s.Factor = Choose, s.Options.Slice()[0]
		return s, []Effect{DropCode{}}, true
	}
	withPhone := s.prove(policy.SMSCode, now).proof()
	if s.Facts.SMS && s.can(policy.SMSCode) && s.mayEnrol(s.Facts.EnrolWithin, now) && demand.Met(withPhone, now) {
		s.Register = s.Register.With(policy.SMSCode)
	}
	if s.mayRegisterMailbox() && demand.Met(s.proof().With(policy.Password, s.ChosenAt), now) {
		s.Register = s.Register.With(policy.EmailCode)
	}
	if s.Register != 0 {
		s.Step = AskPhone
		return s, []Effect{DropCode{}}, true
	}
	if len(ways) > 0 || s.phoneWouldDo(demand, now) {
		return s.stuck(NeedsBrowser) // our pages can ask for what is missing
	}
	return s.cannot(NoMethod, now)
}

// can reports whether the flow's face can ask for a code.
func (s State) can(f policy.Factor) bool { return !s.Native || s.Facts.Can.Has(f) }

// phoneWouldDo reports whether the demand could be met if the account had a phone.
func (s State) phoneWouldDo(demand policy.Demand, now time.Time) bool {
	return s.Facts.SMS && !s.Facts.HasPhone && !s.mailboxSpent(now) &&
		policy.Ways(demand, s.proof(), now, s.Facts.Have.With(policy.SMSCode)) != nil
}

// towardsPhone goes on when nothing that the account has would do. A phone may be
// added at first need, and only by somebody who has just proved everything that the
// account can be proved with: otherwise whoever holds half of it (a stolen password,
// an old session's cookie) could make the other half their own.
func (s State) towardsPhone(demand policy.Demand, opening bool, now time.Time) (State, []Effect, bool) {
	if !s.phoneWouldDo(demand, now) {
		return s.cannot(NoMethod, now)
	}
	if !s.mayEnrol(s.Facts.EnrolWithin, now) {
		ways := policy.Ways(s.enrolGate(s.Facts.EnrolWithin), s.enrolProof(), now, s.Facts.Have)
		if ways == nil {
			return s.cannot(EnrolNotAllowed, now)
		}
		s.ThenPhone = true
		return s.offer(ways, opening)
	}
	s.Step, s.Register = AskPhone, policy.FactorsOf(policy.SMSCode)
	return s, []Effect{DropCode{}}, true
}

// enrolGate is what must be proved before a phone may be added: everything that the
// account can be proved with, lately.
func (s State) enrolGate(within time.Duration) policy.Demand {
	if s.Created {
		// The account is as old as this flow. Its password was chosen a moment ago by
		// whoever proved the mailbox; asking for it again would prove nothing more.
		return policy.Need(policy.EmailProof, within)
	}
	return policy.NeedAll(s.Facts.Have, within)
}

// enrolProof is what counts for enrolling: a code by mail from the time in which the
// mailbox was spent does not, however young it is.
func (s State) enrolProof() policy.Proof {
	if mailed, _ := s.Proof.At(policy.EmailCode); mailed.Before(s.Facts.MailboxBack) {
		return s.Proof.With(policy.EmailCode, time.Time{})
	}
	return s.Proof
}

func (s State) mayEnrol(within time.Duration, now time.Time) bool {
	return !s.Facts.HasPhone && !s.mailboxSpent(now) && s.enrolGate(within).Met(s.enrolProof(), now)
}

// mailboxSpent reports whether codes by mail are no second factor yet.
func (s State) mailboxSpent(now time.Time) bool { return now.Before(s.Facts.MailboxBack) }

// cannot ends a flow whose target is out of this account's reach. A sign-in still
// opens a session with what was proved: the rest of the application is theirs, and
// the gateway refuses the target by itself.
func (s State) cannot(why RefusalCode, now time.Time) (State, []Effect, bool) {
	if s.Kind.identifies() && !s.Native && policy.Floor.Met(s.Proof, now) {
		return s.finish()
	}
	if s.mailboxSpent(now) && !s.Facts.HasPhone {
		why = MailboxSpent
	}
	return s.stuck(why)
}

func (s State) stuck(why RefusalCode) (State, []Effect, bool) {
	s.Step, s.Why = Stuck, why
	return s, []Effect{DropCode{}}, true
}

// finish is the only way to a session, and closed to phantoms.
func (s State) finish() (State, []Effect, bool) {
	if s.Phantom {
		return s, nil, false
	}
	s.Step = Done
	if !s.Kind.identifies() {
		return s, []Effect{DropCode{}, RaiseSession{}}, true
	}
	return s, []Effect{DropCode{}, OpenSession{}}, true
}
