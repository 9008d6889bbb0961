package flows

import (
	"slices"

	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// mayOpen refuses changes that the site does not offer, whoever it is.
func (s *Site) mayOpen(changing Changing) *Refusal {
	switch changing {
	case ChangePassword:
		if !s.Password {
			return &Refusal{Code: MethodOff}
		}
	case ChangeEmail:
		if s.FixedEmail {
			return &Refusal{Code: MethodOff}
		}
	case ChangePhone, RemovePhone:
	default:
		return errNotThisStep
	}
	return nil
}

// newAddress reads the address that somebody wants for their account.
func newAddress(c Caller, record *flowRecord, in GiveEmail) (EmailGiven, *Refusal) {
	if record.Kind != Change || record.Changing != ChangeEmail {
		return EmailGiven{}, errNotThisStep
	}
	typed, canonical, refusal := CanonicalEmail(in.Email)
	if refusal != nil {
		return EmailGiven{}, refusal
	}
	if _, own, _ := CanonicalEmail(record.Email); own == canonical {
		return EmailGiven{}, &Refusal{Code: EmailSame, Field: "email", Left: -1}
	}
	if c.Site.SignUp == SignUpDomains && !c.Site.admits(canonical) {
		return EmailGiven{}, &Refusal{Code: EmailDomain, Field: "email", Left: -1}
	}
	return EmailGiven{Typed: typed, Canonical: canonical}, nil
}

// taken reports whether an address is that of an account, disabled ones included. As much
// is read where there is none.
func taken(tx store.Tx, canonical string) (bool, error) {
	user, found, err := get[string](tx, emailKey(canonical))
	if err != nil {
		return false, err
	}
	if !found {
		return false, readNobody(tx)
	}
	_, _, err = get[User](tx, userKey(user))
	return true, err
}

// replacePassword writes a password that its owner has chosen, signed in.
func (r *effectRun) replacePassword(effect ReplacePassword) error {
	if r.user == nil || r.user.PasswordLocked {
		return &Refusal{Code: FlowGone}
	}
	notice := NoticePasswordChanged
	if r.user.Password == "" {
		notice = NoticePasswordAdded
	}
	r.user.Password, r.user.PasswordFrom = effect.PasswordHash, r.record.ID
	if !effect.MailboxBack.IsZero() {
		r.user.MailboxBack = effect.MailboxBack.UTC()
	}
	if err := r.turnOver(policy.Password); err != nil {
		return err
	}
	// The failures that were counted were at the old password.
	if err := r.engine.clearBudget(r.tx, r.engine.passwordBudget(r.caller, r.record)); err != nil {
		return err
	}
	return r.changedUser(notice, r.user.Email)
}

// changedUser tells the owner of what was changed, and writes it.
func (r *effectRun) changedUser(notice Purpose, addresses ...string) error {
	for _, to := range addresses {
		if err := r.letter(Letter{Purpose: notice, Medium: send.Email, To: to}); err != nil {
			return err
		}
	}
	return r.putUser()
}

// replacePhone writes the number that was proved, or none. The old one is texted about
// the new one, as far as budgets allow: they must not keep anybody from changing it.
func (r *effectRun) replacePhone(e164 string) error {
	if r.user == nil || r.user.Phone == "" {
		return &Refusal{Code: FlowGone}
	}
	old, notice := r.user.Phone, NoticePhoneChanged
	if r.user.Phone = e164; e164 == "" {
		notice = NoticePhoneRemoved
	}
	if err := r.turnOver(policy.SMSCode); err != nil {
		return err
	}
	if e164 != "" {
		if err := r.text(old, notice); err != nil {
			return err
		}
	}
	return r.changedUser(notice, r.user.Email)
}

// text sends a notice to a number, unless a budget for text messages is spent.
func (r *effectRun) text(to string, notice Purpose) error {
	e := r.engine
	charges := append([]charge{{
		key: e.budgetFor("number", e.addressMark(to), ""), rate: e.NumberBudget, at: r.now, refusal: TooManySends,
	}}, e.textCharges(to, r.now)...)
	_, err := e.takeAll(r.tx, r.out, charges, forAll)
	if _, refused := refusalIn(err); refused {
		return nil
	}
	if err != nil {
		return err
	}
	return r.letter(Letter{Purpose: notice, Medium: send.SMS, To: to})
}

// replaceEmail moves the account to the address that was proved. Both keys change in the
// same transaction: of two accounts that want one address, one gets it.
func (r *effectRun) replaceEmail(effect ReplaceEmail) error {
	somebodys, err := taken(r.tx, effect.Canonical)
	if err != nil {
		return err
	}
	if r.user == nil || somebodys {
		return &Refusal{Code: FlowGone}
	}
	old := *r.user
	r.user.Email, r.user.Canonical = effect.Typed, effect.Canonical
	r.record.Email = effect.Typed
	if err := r.tx.Delete(emailKey(old.Canonical)); err != nil {
		return err
	}
	if err := put(r.tx, emailKey(effect.Canonical), r.user.ID, r.now, zeroTime); err != nil {
		return err
	}
	if err := r.turnOver(policy.EmailCode); err != nil {
		return err
	}
	if err := r.engine.moveFailures(r.tx, old.Canonical, effect.Canonical); err != nil {
		return err
	}
	return r.changedUser(NoticeEmailChanged, old.Email, r.user.Email)
}

// mostMoved is how much of a budget of tries follows an account to a new address. It keeps
// the transaction within its bounds.
const mostMoved = 100

// moveFailures has what strangers tried at an account follow it to its new address:
// otherwise whoever is guessing there would begin anew.
func (e *Engine) moveFailures(tx store.Tx, from, to string) error {
	now := e.Now()
	for _, factor := range policy.All().Slice() {
		rate := e.triesRate(factor)
		old, new := e.budgetFor(triesAt(factor), from, outsiders), e.budgetFor(triesAt(factor), to, outsiders)
		spent, err := limit.Spent(tx, old, rate, now)
		if err != nil {
			return err
		}
		there, err := limit.Spent(tx, new, rate, now)
		if err != nil {
			return err
		}
		for range min(spent, mostMoved) - there {
			if _, err := limit.Spend(tx, new, rate, now); err != nil {
				return err
			}
		}
		if spent, err = limit.Failures(tx, old, now); err != nil {
			return err
		}
		if there, err = limit.Failures(tx, new, now); err != nil {
			return err
		}
		for range min(spent, mostMoved) - there {
			if _, err := limit.Fail(tx, new, now); err != nil {
				return err
			}
		}
	}
	tried, err := e.readFailures(tx, from)
	if err != nil || len(tried) == 0 {
		return err
	}
	there, err := e.readFailures(tx, to)
	if err != nil {
		return err
	}
	tried = append(slices.Clone(tried), there...)
	slices.Sort(tried)
	tried = tried[max(0, len(tried)-MostRecentFailures):]
	return put(tx, e.failuresKey(to), failuresRecord{tried}, now, now.Add(RecentFailures))
}

// turnOver ends whatever was opened with the account as it was: every other session, of
// clients too, flows under way, and what other browsers had proved. This browser and its
// network stay as familiar as they were, but for the factor that is another one now.
func (r *effectRun) turnOver(replaced policy.Factor) error {
	if r.caller.Session == nil {
		return &Refusal{Code: SignInFirst}
	}
	was := r.user.Epoch
	r.user.Epoch++
	r.record.Epoch = r.user.Epoch
	if err := r.endAllBut(r.user.ID, r.caller.Session.SID); err != nil {
		return err
	}
	if name := r.caller.device(); name != "" {
		key := deviceKey(r.user.ID, name)
		device, found, err := get[deviceRecord](r.tx, key)
		if err != nil {
			return err
		}
		if found && device.live(was, r.now) {
			device.Epoch, device.Proved = r.user.Epoch, device.Proved.Without(replaced)
			if err := put(r.tx, key, device, r.now, device.Until); err != nil {
				return err
			}
		}
	}
	places, err := r.engine.readPlaces(r.tx, r.user.ID)
	if err != nil {
		return err
	}
	places = slices.DeleteFunc(places, func(p place) bool { return p.Epoch != was || p.Network != r.caller.Network })
	if len(places) == 0 {
		return nil
	}
	for i := range places {
		places[i].Epoch = r.user.Epoch
	}
	return put(r.tx, placesKey(r.user.ID), placesRecord{places}, r.now, r.now.Add(placeLife))
}

// renewSession has the sign-in in which something was changed go on, under a new id and
// with the account's new epoch. Its old ids are dead at once: one of them may be what the
// change was made against.
func (r *effectRun) renewSession() error {
	session, live, err := r.engine.readSession(r.tx, r.caller.Session.Key)
	if err != nil {
		return err
	}
	if !live || session.Replaced || session.SID != r.record.Began {
		return &Refusal{Code: SignInFirst}
	}
	session.Proof, session.Epoch = r.record.Proof, r.user.Epoch
	session.of(r.user)
	if err := r.acquaint(&session); err != nil {
		return err
	}
	if err := r.recogniseDevice(); err != nil {
		return err
	}
	if err := endFamily(r.tx, session.SID, session.User); err != nil {
		return err
	}
	r.out.renewed = append(r.out.renewed, session.SID)
	began := begunRecord{At: session.Created, TwoChannels: session.Proof.TwoChannels()}
	if err := put(r.tx, ofUserKey(session.User, session.SID), began, r.now, session.Ends); err != nil {
		return err
	}
	return r.issue(session, false)
}

// endAllBut ends every session of an account but one, at most maxSessions of them.
func (r *effectRun) endAllBut(user, spared string) error {
	sids, err := sidsOf(r.tx, user)
	if err != nil {
		return err
	}
	for _, sid := range sids {
		if sid == spared {
			continue
		}
		if err := r.endFamily(sid, user); err != nil {
			return err
		}
	}
	return nil
}
