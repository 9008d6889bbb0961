package flows

import (
	"context"

	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// Start begins a flow: Identify for SignIn, SignUp and Reset, Open for StepUp, Enrol and
// Change.
// An error is a [*Refusal], or wraps store.ErrUnavailable, or is a fault.
func (e *Engine) Start(ctx context.Context, c Caller, kind Kind, t Target, in Input) (View, error) {
	if c.Browser == "" {
		return View{}, &Refusal{Code: CookiesOff}
	}
	var event Event = Begun{}
	var identify Identify
	var changing Changing
	switch in := in.(type) {
	case Identify:
		identify = in
		if refusal := mayIdentify(c, kind); refusal != nil {
			return View{}, refusal
		}
	case Open:
		if kind != StepUp && kind != Enrol && kind != Change || c.Client != nil {
			return View{}, errNotThisStep
		}
		if c.Session == nil || c.Session.Client != "" {
			return View{}, &Refusal{Code: SignInFirst}
		}
		if kind == Change {
			if refusal := c.Site.mayOpen(in.Changing); refusal != nil {
				return View{}, refusal
			}
			// What is proved for a change is proved for nothing else.
			changing, t = in.Changing, Target{ReturnTo: t.ReturnTo, Account: t.Account, Decision: t.Decision}
		}
	default:
		return View{}, errNotThisStep
	}
	id, err := e.secret(20)
	if err != nil {
		return View{}, err
	}
	fresh := e.newRecord(c, id, kind, t)
	fresh.Changing = changing
	demand, err := e.judge(ctx, c, &fresh)
	if err != nil {
		return View{}, err
	}
	if kind == SignUp && c.Client != nil {
		if err := e.bring(c, &fresh, identify); err != nil {
			return View{}, err
		}
	}
	if c.Client != nil && c.Client.Reveal {
		if err := e.chargeLook(ctx, c); err != nil {
			return View{}, err
		}
	}
	out, err := e.transact(ctx, func(tx store.Tx, out *outcome) error {
		record := fresh
		if kind.identifies() {
			named, err := e.identified(tx, c, kind, identify)
			if err != nil {
				return err
			}
			if err := e.chargeWork(tx, "begin", c.Network); err != nil {
				return err
			}
			named.Attributes = fresh.Attributes
			// The facts of a sign-up include whether this address may.
			record.Canonical = named.Canonical
			event = named
		}
		return e.apply(tx, c, record, event, demand, out)
	})
	return e.answer(c, out, demand, err)
}

// mayIdentify refuses what the site does not offer, whoever it is.
func mayIdentify(c Caller, kind Kind) *Refusal {
	codes := c.can(policy.EmailCode)
	switch {
	case !kind.identifies():
		return errNotThisStep
	case kind == SignUp && c.Site.SignUp != SignUpOpen && c.Site.SignUp != SignUpDomains:
		return &Refusal{Code: SignUpNotOpen}
	case kind == Reset && !c.Site.Password:
		return &Refusal{Code: MethodOff}
	case kind != SignIn && !codes,
		!(c.Site.EmailCode && codes) && !(c.Site.Password && c.can(policy.Password)) && kind != Reset:
		return &Refusal{Code: NeedsBrowser}
	}
	return nil
}

func (e *Engine) newRecord(c Caller, id string, kind Kind, t Target) flowRecord {
	record := flowRecord{
		ID: id, Browser: hashed(c.Browser), Client: c.clientID(), Site: c.Site.Origin,
		Ends:  e.Now().Add(e.FlowLife),
		State: State{Kind: kind, Target: t, Native: c.Client != nil},
	}
	if c.Session != nil {
		record.Began = c.Session.SID
		if !kind.identifies() {
			record.User, record.Email, record.Epoch = c.Session.User, c.Session.Email, c.Session.Epoch
			record.Proof = c.Session.Proof
		}
	}
	return record
}

// identified reads an address and looks for its account. A disabled account counts
// as none: its owner is told by whoever disabled it, not by this page.
func (e *Engine) identified(tx store.Tx, c Caller, kind Kind, in Identify) (Identified, error) {
	typed, canonical, refusal := CanonicalEmail(in.Email)
	if refusal != nil {
		return Identified{}, refusal
	}
	event := Identified{Email: typed, Canonical: canonical, ByPassword: in.ByPassword || !c.Site.EmailCode}
	user, err := e.owner(tx, canonical)
	if err != nil {
		return event, err
	}
	if user != nil {
		event.User, event.Epoch = user.ID, user.Epoch
		// Where a code signs in, a reset must not give a password to an account that has
		// none: whoever holds the mailbox could add a factor to it.
		event.MayReset = user.Password != "" || !c.Site.EmailCode
	}
	if c.Client == nil {
		return event, nil
	}
	if refusal := c.reveal(kind, user, event.MayReset); refusal != nil {
		return event, refusal
	}
	event.ByPassword, refusal = e.firstFor(c, user, canonical)
	if refusal != nil && kind == SignIn {
		return event, refusal
	}
	return event, nil
}

// owner returns the account of an address: nil if there is none, or a disabled one.
func (e *Engine) owner(tx store.Tx, canonical string) (*User, error) {
	id, found, err := get[string](tx, emailKey(canonical))
	if err == nil && !found {
		err = readNobody(tx)
	}
	if err != nil || !found {
		return nil, err
	}
	user, found, err := get[User](tx, userKey(id))
	if err != nil || !found || user.Disabled {
		return nil, err
	}
	return &user, nil
}
