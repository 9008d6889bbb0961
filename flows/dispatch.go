package flows

import (
	"time"

	"github.com/stepgate/stepgate/policy"
)

// dispatch decides what comes next, and is the only place that does: from what has
// been proved, what the target demands, and what the account has.
func (s State) dispatch(now time.Time) (State, []Effect, bool) {
	opening := s.Step == ""
	s.First, s.Options, s.Why, s.ThenPhone = false, 0, "", false

	if s.Kind == SignUp && s.User == "" && !s.Created {
		return s.signUpNext(now)
	}
	demand := s.Facts.Demand.Join(policy.Floor)
	if s.Kind == Enrol && !s.Facts.HasPhone {
		demand = demand.Join(policy.Need(policy.SMSProof, 0))
	}
	switch {
	case s.Kind == Enrol && s.Facts.HasPhone && opening:
		return s.stuck(EnrolNotAllowed)
	case demand.Met(s.Proof, now):
		return s.finish()
	}
	if ways := policy.Ways(demand, s.Proof, now, s.Facts.Have); len(ways) > 0 {
		return s.offer(ways, opening)
	}
	return s.towardsPhone(demand, opening, now)
}

// signUpNext goes on after a newcomer's mailbox is proved.
func (s State) signUpNext(now time.Time) (State, []Effect, bool) {
	switch {
	case !s.Facts.SignUpAllowed:
		return s.stuck(SignUpNotForYou)
	case s.Facts.Password:
		s.Step = AskNewPassword
		return s, []Effect{DropCode{}}, true
	default:
		return s.createAccount("", now)
	}
}

// offer goes on with one of the ways to meet the demand. With one next factor there
// is nothing to choose, so it is asked at once; but a step-up that is just opening
// is confirmed first, because asking may send a message.
func (s State) offer(ways []policy.Factors, opening bool) (State, []Effect, bool) {
	for _, way := range ways {
		s.Options |= way
	}
	proposed := ways[0].Slice()[0]
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

// towardsPhone goes on when nothing that the account has would do. A phone may be
// added at first need, and only by somebody who has just proved everything that the
// account can be proved with: otherwise whoever holds half of it (a stolen password,
// an old session's cookie) could make the other half their own.
func (s State) towardsPhone(demand policy.Demand, opening bool, now time.Time) (State, []Effect, bool) {
	withPhone := s.Facts.Have.With(policy.SMSCode)
	if !s.Facts.SMS || s.Facts.HasPhone || policy.Ways(demand, s.Proof, now, withPhone) == nil {
		return s.cannot(NoMethod, now)
	}
	if !s.mayEnrol(s.Facts.EnrolWithin, now) {
		ways := policy.Ways(s.enrolGate(s.Facts.EnrolWithin), s.Proof, now, s.Facts.Have)
		if ways == nil {
			return s.cannot(EnrolNotAllowed, now)
		}
		s.ThenPhone = true
		return s.offer(ways, opening)
	}
	s.Step = AskPhone
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

func (s State) mayEnrol(within time.Duration, now time.Time) bool {
	return !s.Facts.HasPhone && s.enrolGate(within).Met(s.Proof, now)
}

// cannot ends a flow whose target is out of this account's reach. A sign-in still
// opens a session with what was proved: the rest of the application is theirs, and
// the gateway refuses the target by itself.
func (s State) cannot(why RefusalCode, now time.Time) (State, []Effect, bool) {
	if (s.Kind == SignIn || s.Kind == SignUp) && policy.Floor.Met(s.Proof, now) {
		return s.finish()
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
	if s.Kind == StepUp || s.Kind == Enrol {
		return s, []Effect{DropCode{}, RaiseSession{}}, true
	}
	return s, []Effect{DropCode{}, OpenSession{}}, true
}
