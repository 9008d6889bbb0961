package flows

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// Mails say how to disown what they tell of: by a secret that can end and close things,
// and open nothing. Whoever finds it can annoy the owner, and no more.

// disownLife is how long a notice can be disowned. A code can as long as its flow.
const disownLife = 7 * 24 * time.Hour

// ErrNothingToDisown says that a token is not ours, another site's, or too old. Nobody is
// told which.
var ErrNothingToDisown = errors.New("there is nothing to disown")

// disownLabel is the purpose under which addresses are sealed.
const disownLabel = "where a message went"

func disownKey(token string) string { return schema + "not-me/" + hashed(token) }

// disownRecord is what one token can undo. User is empty where there is nothing: then
// nobody has the token.
type disownRecord struct {
	User    string  `json:"user,omitempty"`
	Flow    string  `json:"flow,omitempty"` // of a code
	Site    string  `json:"site"`
	Purpose Purpose `json:"purpose"`
	Device  string  `json:"device,omitempty"`
	// To is where the message went, sealed: its reader is not told to what the address of the
	// account was changed since.
	To []byte `json:"to,omitempty"`
	// Browser names the browser that it was, as deviceKey does. Session is the sid that is to
	// end even if its flow is gone: that from which a step-up came, or which the notice of a
	// new device tells of.
	Browser string    `json:"browser,omitempty"`
	Session string    `json:"session,omitempty"`
	At      time.Time `json:"at"`
	Ends    time.Time `json:"ends"`
	// Proved says that the password had been proved, or chosen, in what the message tells
	// of. Password names that password, so that a later one is left alone.
	Proved   bool   `json:"proved,omitempty"`
	Password string `json:"password,omitempty"`
	Used     bool   `json:"used,omitempty"`
	Locked   bool   `json:"locked,omitempty"` // it has made the password unusable

	email string // To, opened
}

// DisownView is what the page for a token shows, and no secret.
type DisownView struct {
	Purpose Purpose
	Email   string // to which the message went; may be empty
	Device  string // of whoever was not the owner; may be empty
	At      time.Time
	Done    bool // it has been disowned
	// Reset says that the password can no longer be used until it is reset.
	Reset bool
}

// EndsAll reports whether disowning ends all sessions of the account, and not only the
// one attempt; and Unlocks whether it ends none, but a row of failures.
func (v DisownView) EndsAll() bool { return v.Purpose.endsAll() }

// Unlocks is told of at EndsAll.
func (v DisownView) Unlocks() bool { return v.Purpose == NoticeGuessing }

func (p Purpose) endsAll() bool {
	switch p {
	case NoticeNewDevice, NoticePasswordReset, NoticePhoneAdded, NoticePhoneChanged, NoticePhoneRemoved,
		NoticePasswordChanged, NoticePasswordAdded, NoticeEmailChanged:
		return true
	}
	return false
}

// offerDisown makes the secret with which the reader of a mail may disown what it tells
// of. For messages about nobody it writes as much, and returns none.
func (r *effectRun) offerDisown(l Letter) (token string, err error) {
	switch {
	case l.Medium != send.Email, l.Purpose == NoticeSessionsEnded:
		return "", nil
	case l.Purpose == CodeEmailChange, l.Purpose == NoticeEmailTaken:
		return "", nil // who reads it need not be the owner, and must not end their session
	}
	e := r.engine
	if token, err = e.secret(32); err != nil {
		return "", err
	}
	_, proved := r.record.Proof.At(policy.Password)
	record := disownRecord{
		Site: l.Site.Origin, Purpose: l.Purpose, Device: l.Device, At: r.now, Ends: r.now.Add(disownLife), Proved: proved,
		Browser: r.record.Browser,
	}
	if l.Series != "" {
		record.Flow, record.Ends = r.record.ID, r.record.Ends
	}
	switch {
	case l.Purpose == NoticeNewDevice:
		record.Session = r.record.Opened
	case !r.record.Kind.identifies():
		record.Session = r.record.Began
	}
	key := disownKey(token)
	if record.To, err = e.Keys.Seal(disownLabel, []byte(l.To), key); err != nil {
		return "", err
	}
	if r.user != nil {
		record.User, record.Password = r.user.ID, e.passwordMark(r.user)
	} else {
		token = ""
		e.passwordMark(&nobody)
	}
	return token, put(r.tx, key, record, r.now, record.Ends)
}

// passwordMark names a password without saying anything about it.
func (e *Engine) passwordMark(user *User) string {
	return hex.EncodeToString(e.mac("password", user.ID, user.Password)[:16])
}

// LookDisown returns what a token would undo, or has undone. It changes nothing: those
// who scan mails open every link in them.
func (e *Engine) LookDisown(ctx context.Context, c Caller, token string) (view DisownView, err error) {
	err = e.Store.View(ctx, func(tx store.Tx) error {
		record, user, err := e.readDisown(tx, c, token)
		view = record.view(user)
		return err
	})
	if err != nil {
		return DisownView{}, fmt.Errorf("looking at what is disowned: %w", err)
	}
	return view, nil
}

// Disown undoes what a message told of, once; asking again changes nothing more. A code's
// attempt ends, with the session that it opened or came from. A notice of a sign-in or of
// a change ends all sessions of the account. Where a password had been proved or chosen
// in that, somebody else knows it, and it cannot be used until it is reset. A notice of
// guessing ends the row of failures that closes a factor. c needs no browser: who
// has the token may have nothing else.
func (e *Engine) Disown(ctx context.Context, c Caller, token string) (view DisownView, err error) {
	_, err = e.transact(ctx, func(tx store.Tx, out *outcome) error {
		record, user, err := e.readDisown(tx, c, token)
		if err != nil {
			return err
		}
		if !record.Used {
			run := effectRun{engine: e, tx: tx, caller: c, record: &flowRecord{Site: record.Site}, user: user, out: out, now: e.Now()}
			if err := run.disown(&record); err != nil {
				return err
			}
			record.Used = true
			if err := put(tx, disownKey(token), record, e.Now(), record.Ends); err != nil {
				return err
			}
		}
		view = record.view(user)
		return nil
	})
	if err != nil {
		return DisownView{}, fmt.Errorf("disowning: %w", err)
	}
	return view, nil
}

func (e *Engine) readDisown(tx store.Tx, c Caller, token string) (record disownRecord, user *User, err error) {
	if !isFlowID(token) {
		return record, nil, ErrNothingToDisown
	}
	record, found, err := get[disownRecord](tx, disownKey(token))
	if err != nil {
		return record, nil, err
	}
	if !found || record.User == "" || record.Site != c.Site.Origin || !e.Now().Before(record.Ends) {
		return record, nil, ErrNothingToDisown
	}
	owner, found, err := get[User](tx, userKey(record.User))
	if err != nil {
		return record, nil, err
	}
	if !found || owner.Disabled {
		return record, nil, ErrNothingToDisown
	}
	// Under keys that are gone it does not open. The link works all the same: it may be all
	// that the owner has.
	if to, err := e.Keys.Open(disownLabel, record.To, disownKey(token)); err == nil {
		record.email = string(to)
	}
	return record, &owner, nil
}

func (d disownRecord) view(user *User) DisownView {
	if user == nil {
		return DisownView{}
	}
	return DisownView{
		Purpose: d.Purpose, Email: d.email, Device: d.Device, At: d.At,
		Done: d.Used, Reset: d.Locked && user.PasswordLocked,
	}
}

func (r *effectRun) disown(d *disownRecord) error {
	switch {
	case d.Purpose == NoticeGuessing:
		// What may be tried in a day stays spent.
		return r.engine.forgive(r.tx, r.user, false)
	case d.Purpose.endsAll():
		if d.Purpose == NoticeNewDevice {
			if err := r.learnProved(d); err != nil {
				return err
			}
		}
		r.user.Epoch++
		if err := r.endAllBut(r.user.ID, ""); err != nil {
			return err
		}
		if err := r.letter(Letter{Purpose: NoticeSessionsEnded, Medium: send.Email, To: r.user.Email}); err != nil {
			return err
		}
	default:
		if err := r.endAttempt(d); err != nil {
			return err
		}
	}
	if d.Proved && r.user.Password != "" && d.Password == r.engine.passwordMark(r.user) {
		r.user.PasswordLocked, d.Locked = true, true
	}
	return r.putUser()
}

// learnProved finds out whether whoever signed in on the device that a notice tells of has
// proved the password since then: in that session, or after it in the same browser, which
// was new at the time.
func (r *effectRun) learnProved(d *disownRecord) error {
	if err := r.learnProvedIn(d, d.Session); err != nil {
		return err
	}
	device, found, err := get[deviceRecord](r.tx, deviceKey(d.User, d.Browser))
	if found && device.live(r.user.Epoch, r.now) && device.Proved.Has(policy.Password) {
		d.knows(r.engine.passwordMark(r.user))
	}
	return err
}

// learnProvedIn does so for one session, if it goes on: a reset would have ended it.
func (r *effectRun) learnProvedIn(d *disownRecord, sid string) error {
	session, err := r.engine.newestOf(r.tx, sid)
	if err != nil || session == nil {
		return err
	}
	if _, proved := session.Proof.At(policy.Password); proved {
		d.knows(r.engine.passwordMark(r.user))
	}
	return nil
}

// knows notes that somebody else knows the password, which may be another one than when
// the message was written.
func (d *disownRecord) knows(password string) { d.Proved, d.Password = true, password }

// endAttempt ends a code's flow, and the session that it opened; or, of a step-up, the
// one that it came from: the owner has said that somebody else is in there. Their browser
// is no known device any more.
func (r *effectRun) endAttempt(d *disownRecord) error {
	sid := d.Session
	flow, found, err := get[flowRecord](r.tx, flowKey(d.Flow))
	if err != nil {
		return err
	}
	if found && flow.User == d.User {
		d.Proved = d.Proved || flow.Here.Has(policy.Password)
		if flow.Kind.identifies() {
			sid = flow.Opened
		}
		if err := r.tx.Delete(flowKey(d.Flow)); err != nil {
			return err
		}
	}
	if d.Flow == r.user.PasswordFrom {
		d.knows(r.engine.passwordMark(r.user)) // they have chosen it, after the message
	}
	if sid != "" {
		if err := r.learnProvedIn(d, sid); err != nil {
			return err
		}
		if err := r.endFamily(sid, d.User); err != nil {
			return err
		}
	}
	return r.tx.Delete(deviceKey(d.User, d.Browser))
}
