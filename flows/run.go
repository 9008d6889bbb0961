package flows

import (
	"context"
	"time"

	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// Look returns the flow's step. It changes nothing and sends nothing.
func (e *Engine) Look(ctx context.Context, c Caller, flow string) (View, error) {
	record, err := e.peek(ctx, c, flow)
	if err != nil {
		return View{}, err
	}
	demand, err := e.judge(ctx, c, &record)
	if err != nil {
		return View{}, err
	}
	return e.lookAt(ctx, c, record, demand)
}

// overtaken is asked of whom the session is about, never of whom the flow names.
func (e *Engine) overtaken(ctx context.Context, c Caller, record *flowRecord, demand policy.Demand) (bool, error) {
	if c.Session != nil && record.Kind.identifies() {
		var err error
		if demand, err = c.Demand(ctx, record.Target, c.Session); err != nil {
			return false, err
		}
	}
	return overtaken(record, c, demand, e.Now()), nil
}

func (e *Engine) peek(ctx context.Context, c Caller, flow string) (record flowRecord, err error) {
	err = e.Store.View(ctx, func(tx store.Tx) error {
		record, err = e.loadFlow(tx, c, flow)
		return err
	})
	return record, err
}

func (e *Engine) lookAt(ctx context.Context, c Caller, record flowRecord, demand policy.Demand) (View, error) {
	over, err := e.overtaken(ctx, c, &record, demand)
	if err != nil {
		return View{}, err
	}
	if over {
		record.Step = Done
	}
	out := outcome{record: record}
	err = e.Store.View(ctx, func(tx store.Tx) error {
		facts, user, err := e.gather(tx, c, record.State, demand)
		out.facts, out.phone = facts, phoneOf(user)
		return err
	})
	return e.answer(c, out, demand, err)
}

// Preview is what a StepUp to t would propose, without starting anything: for the
// GET of the step-up page. Its View has no Flow. Its Step is Done if the session
// already meets the demand; Confirm with a proposed Factor; AskPhone if the way leads
// straight to adding a phone (the page's button then starts the flow, and the next
// page asks for the number); or Stuck.
func (e *Engine) Preview(ctx context.Context, c Caller, t Target) (View, error) {
	if c.Session == nil {
		return View{}, &Refusal{Code: SignInFirst}
	}
	out := outcome{record: e.newRecord(c, "", StepUp, t)}
	demand, err := e.judge(ctx, c, &out.record)
	if err != nil {
		return View{}, err
	}
	err = e.Store.View(ctx, func(tx store.Tx) error {
		facts, user, err := e.gather(tx, c, out.record.State, demand)
		if err != nil {
			return err
		}
		out.facts, out.phone = facts, phoneOf(user)
		out.record.settle(facts, user)
		out.record.State, _, err = Advance(out.record.State, Begun{}, e.Now())
		return err
	})
	return e.answer(c, out, demand, err)
}

// Submit hands in one input. On a [*Refusal] the View returned with it is the
// unmoved step, where there still is one.
func (e *Engine) Submit(ctx context.Context, c Caller, flow string, in Input) (View, error) {
	record, err := e.peek(ctx, c, flow)
	if err != nil {
		return View{}, err
	}
	demand, err := e.judge(ctx, c, &record)
	if err != nil {
		return View{}, err
	}
	over, err := e.overtaken(ctx, c, &record, demand)
	if err != nil {
		return View{}, err
	}
	if record.Step == Done || over {
		return e.lookAt(ctx, c, record, demand)
	}
	var out outcome
	switch in := in.(type) {
	case GivePassword:
		out, err = e.givePassword(ctx, c, record, in, demand)
	case SetPassword:
		out, err = e.setPassword(ctx, c, record, in, demand)
	case GiveCode:
		out, err = e.giveCode(ctx, c, flow, in, demand)
		if given := out.record.Given; err == nil && out.refusal == nil && out.record.Step == AskNewPassword && given != nil {
			out, err = e.usePasswordGiven(ctx, c, out, demand)
		}
	case GiveAttributes:
		out, err = e.giveAttributes(ctx, c, record, in, demand)
	case GivePhone:
		e164, refusal := ParsePhone(in.Phone, c.Site.Countries)
		if refusal != nil {
			err = refusal
			break
		}
		out, err = e.submit(ctx, c, flow, PhoneGiven{Typed: in.Phone, E164: e164}, demand)
	case GiveEmail:
		event, refusal := newAddress(c, &record, in)
		if refusal != nil {
			err = refusal
			break
		}
		out, err = e.submit(ctx, c, flow, event, demand)
	default:
		event, ok := plainEvent(in)
		if !ok {
			err = errNotThisStep
			break
		}
		out, err = e.submit(ctx, c, flow, event, demand)
	}
	if refusal, ok := refusalIn(err); ok {
		view, lookErr := e.lookAt(ctx, c, record, demand)
		if lookErr != nil {
			return View{}, lookErr
		}
		return view, refusal
	}
	return e.answer(c, out, demand, err)
}

// plainEvent is the event of an input that needs no checking beyond the machine's.
func plainEvent(in Input) (Event, bool) {
	switch in := in.(type) {
	case Resend:
		return WantAgain{}, true
	case SendCode:
		return WantCode(in), true
	case UsePassword:
		return WantPassword{}, true
	case SwitchMethod:
		return Switched(in), true
	case SkipPassword:
		return PasswordSkipped{}, true
	case RegisterMailbox:
		return MailboxRegistered{}, true
	case Redeem:
		return TokensWanted{}, true
	default:
		return nil, false
	}
}

// submit applies one event to a stored flow.
func (e *Engine) submit(ctx context.Context, c Caller, flow string, event Event, demand policy.Demand) (outcome, error) {
	return e.transact(ctx, func(tx store.Tx, out *outcome) error {
		record, err := e.loadFlow(tx, c, flow)
		if err != nil {
			return err
		}
		return e.apply(tx, c, record, event, demand, out)
	})
}

// apply advances a flow by one event, runs the effects and stores the result, within
// one transaction. A *Refusal undoes it all.
func (e *Engine) apply(tx store.Tx, c Caller, record flowRecord, event Event, demand policy.Demand, out *outcome) error {
	now := e.Now()
	if id, ok := event.(Identified); ok {
		// The facts must be those of the account that was just named.
		record.User, record.Epoch = id.User, id.Epoch
	}
	asked := record.State
	if given, ok := event.(EmailGiven); ok {
		asked.NewEmail = given.Canonical // as must those of the address
	}
	facts, user, err := e.gather(tx, c, asked, demand)
	if err != nil {
		return err
	}
	if !record.Kind.identifies() && user == nil {
		return &Refusal{Code: FlowGone} // the account is gone or disabled
	}
	record.settle(facts, user)
	next, effects, err := Advance(record.State, event, now)
	if err != nil {
		return err
	}
	record.State = next
	if next.Here.Has(policy.EmailCode) && next.Step != AskNewPassword {
		record.Given = nil // it has been used, or was for an account that there is already
	}
	run := effectRun{engine: e, tx: tx, caller: c, record: &record, user: user, out: out, now: now,
		again: event == WantAgain{}, proved: proves(event)}
	for _, effect := range effects {
		if err := run.do(effect); err != nil {
			return err
		}
	}
	if run.user != nil {
		facts.MailboxBack = run.user.MailboxBack
	}
	out.record, out.facts, out.phone = record, facts, phoneOf(run.user)
	return put(tx, flowKey(record.ID), record, now, record.Ends)
}

// proves reports whether an event is worth keeping although no code can be sent next.
func proves(event Event) bool {
	switch event.(type) {
	case PasswordRight, CodeRight, PasswordChosen, PasswordSkipped, AttributesGiven:
		return true
	}
	return false
}

func phoneOf(user *User) string {
	if user == nil {
		return ""
	}
	return user.Phone
}

// answer turns an outcome into what the face gets.
func (e *Engine) answer(c Caller, out outcome, demand policy.Demand, err error) (View, error) {
	if err != nil {
		return View{}, err
	}
	view := e.view(c, out, demand)
	if out.refusal != nil {
		return view, out.refusal
	}
	return view, nil
}

func (e *Engine) view(c Caller, out outcome, demand policy.Demand) View {
	r := out.record
	v := View{
		Flow: r.ID, Kind: r.Kind, Step: r.Step, Target: r.Target, Email: r.Email,
		Factor: r.Factor, Enrolling: r.Enrolling || r.Step == AskPhone, Options: r.Options.Slice(),
		MaySkip: r.Step == AskNewPassword && r.Kind == SignUp && out.facts.EmailCode,
		Digits:  e.CodeDigits, PasswordMin: e.PasswordMin, First: r.First,
		Replaced: r.Replaced, Why: r.Why, ThenPhone: r.ThenPhone, Opened: out.opened,
		MayRegisterMailbox: r.Register.Has(policy.EmailCode), MayGivePhone: r.Register.Has(policy.SMSCode),
		Changing: r.Changing,
	}
	if r.Moving {
		v.NewEmail = r.NewTyped
	}
	if r.Kind != Change && (!r.Kind.identifies() || r.Here != 0) { // what is asked of an account is nobody else's business
		v.ValidFor, v.Once = demand.ValidFor(), demand.HasOnce()
	}
	if r.Step == AskAttributes {
		v.Attributes, v.Given = c.Site.attributesFor(c, r.Attributes), r.Attributes
	}
	if r.Why == MailboxSpent {
		v.MailboxBack = out.facts.MailboxBack
	}
	switch {
	case r.Enrolling:
		v.Phone = r.PhoneTyped
	case len(out.phone) >= 2:
		v.Phone = out.phone[len(out.phone)-2:]
	}
	if r.Code != nil && r.Step == AskCode {
		v.Sent, v.Expires = r.Code.Sent, r.Code.Expires
		v.ResendAfter, v.Delivery = e.resendAfter(r.Code), e.delivery(&r)
	} else if r.Unsent && r.Step == AskCode {
		v.Delivery = DeliveryFailed
	}
	if out.gone {
		v = View{Kind: r.Kind, Target: r.Target, Email: r.Email, First: r.First, Factor: r.Factor, Changing: r.Changing}
	}
	return v
}

// left is the time from now until t, at least zero.
func left(now, t time.Time) time.Duration { return max(t.Sub(now), 0) }
