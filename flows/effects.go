package flows

import (
	"fmt"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// effectRun runs the effects of one event, in their order, inside its transaction.
type effectRun struct {
	engine *Engine
	tx     store.Tx
	caller Caller
	record *flowRecord
	user   *User // nil: newcomer or phantom
	out    *outcome
	now    time.Time
	again  bool // the person asked for another code
	proved bool // the event is a proof, or follows one: see unsent
	// familiar is set once the sign-in has proved enough for its browser to be known.
	familiar bool
	// alone: it has proved the only channel that the account has.
	alone bool
}

func (r *effectRun) do(effect Effect) error {
	switch effect := effect.(type) {
	case NewCode:
		return r.newCode(effect.Purpose)
	case DropCode:
		r.record.Code = nil
		return nil
	case CreateAccount:
		return r.createAccount(effect.PasswordHash)
	case ResetPassword:
		return r.resetPassword(effect.PasswordHash, effect.MailboxBack)
	case SetPhone:
		return r.setPhone(effect.E164)
	case ReplacePassword:
		return r.replacePassword(effect)
	case ReplacePhone:
		return r.replacePhone(effect.E164)
	case ReplaceEmail:
		return r.replaceEmail(effect)
	case OpenSession:
		return r.openSession()
	case RaiseSession:
		return r.raiseSession()
	default:
		return fmt.Errorf("running an effect: %T is not known", effect)
	}
}

// createAccount writes the account of a sign-up. The address is its own key, written
// in the same transaction: two sign-ups for one address end with one account.
func (r *effectRun) createAccount(hash string) error {
	_, taken, err := get[string](r.tx, emailKey(r.record.Canonical))
	if err != nil {
		return err
	}
	if taken {
		return &Refusal{Code: FlowGone}
	}
	if err := r.engine.chargeSignUp(r.tx, r.caller.Network); err != nil {
		return err
	}
	id, err := r.engine.uuid()
	if err != nil {
		return err
	}
	r.user = &User{
		ID: id, Email: r.record.Email, Canonical: r.record.Canonical, Password: hash,
		Attributes: r.record.Attributes, Created: r.now.UTC(),
	}
	r.record.User = id
	if err := put(r.tx, emailKey(r.record.Canonical), id, r.now, time.Time{}); err != nil {
		return err
	}
	return r.putUser()
}

// setPhone adds a number to an account that has none. The machine has judged so by
// facts of this very transaction; whatever becomes of it, a number is never replaced.
func (r *effectRun) setPhone(e164 string) error {
	if r.user == nil || r.user.Phone != "" {
		return &Refusal{Code: EnrolNotAllowed}
	}
	r.user.Phone = e164
	if err := r.letter(Letter{Purpose: NoticePhoneAdded, Medium: send.Email, To: r.user.Email}); err != nil {
		return err
	}
	return r.putUser()
}

func (r *effectRun) putUser() error {
	return put(r.tx, userKey(r.user.ID), r.user, r.now, time.Time{})
}

// namesAction reports whether a code that is sent now says which request it opens: where
// the rules ask for proof each time.
func (r *effectRun) namesAction() bool {
	if r.record.Target.Action == "" || !r.record.Facts.Demand.HasOnce() {
		return false
	}
	// Strangers can ask for any address below a rule's, and type anybody's address then: until
	// something is proved, messages repeat the operator's words and nobody else's.
	return r.record.Target.Label != "" || !r.record.Kind.identifies() || r.record.Here != 0
}

// address is where a code for the awaited factor goes, always from the account's own
// record once there is one.
func (r *effectRun) address() (send.Medium, string) {
	switch {
	case r.record.Moving:
		return send.Email, r.record.NewTyped
	case r.record.Factor == policy.SMSCode && r.record.Enrolling:
		return send.SMS, r.record.Phone
	case r.record.Factor == policy.SMSCode && r.user != nil:
		return send.SMS, r.user.Phone
	case r.record.Factor == policy.SMSCode:
		return send.SMS, ""
	case r.user != nil:
		return send.Email, r.user.Email
	default:
		return send.Email, r.record.Email
	}
}
