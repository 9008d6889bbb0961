package flows

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

var zeroTime time.Time // a record that does not end

// openSession starts a session with what the flow has proved. Whatever session this
// browser had ends with it: nobody keeps a second identity by signing in again.
func (r *effectRun) openSession() error {
	e := r.engine
	if r.user == nil || r.user.Disabled {
		return &Refusal{Code: FlowGone}
	}
	if old := r.caller.Session; old != nil {
		if err := r.endFamily(old.SID, old.User); err != nil {
			return err
		}
	}
	sid, err := e.uuid()
	if err != nil {
		return err
	}
	session := Session{
		SID: sid, User: r.user.ID, Epoch: r.user.Epoch,
		Site: r.record.Site, Proof: r.record.Proof, Opened: firstProved(r.record.Proof), Device: r.caller.Device,
		Network: r.caller.Network, Browser: r.caller.device(),
		Created: r.now, Ends: r.now.Add(e.SessionLife),
	}
	session.of(r.user)
	newPerson := false
	if client := r.caller.Client; client != nil {
		session.Client, session.Idle = client.ID, client.SessionIdle
		if client.SessionLife != 0 {
			session.Ends = r.now.Add(client.SessionLife)
		}
	} else if newPerson, err = r.recognisePerson(); err != nil {
		return err
	}
	r.record.Opened = sid
	if err := r.announceDevice(); err != nil {
		return err
	}
	if err := r.acquaint(&session); err != nil {
		return err
	}
	if err := r.recogniseDevice(); err != nil {
		return err
	}
	if err := r.permit(sid); err != nil {
		return err
	}
	if err := r.makeRoom(); err != nil {
		return err
	}
	began := begunRecord{At: r.now, TwoChannels: session.Proof.TwoChannels()}
	if err := put(r.tx, ofUserKey(r.user.ID, sid), began, r.now, session.Ends); err != nil {
		return err
	}
	if session.Client != "" {
		return r.issueToClient(session)
	}
	return r.issue(session, newPerson)
}

// firstProved is the first factor that was proved first: what a sign-in began with,
// also where the other one followed as its second.
func firstProved(p policy.Proof) policy.Factor {
	code, byCode := p.At(policy.EmailCode)
	password, byPassword := p.At(policy.Password)
	if byPassword && (!byCode || password.Before(code)) {
		return policy.Password
	}
	return policy.EmailCode
}

// recognisePerson reports whether the browser last belonged to somebody else, or to
// nobody known, and remembers whose it is now.
func (r *effectRun) recognisePerson() (newPerson bool, err error) {
	person := personKey(hashed(r.caller.Browser), r.record.Site)
	last, _, err := get[string](r.tx, person)
	if err != nil {
		return false, err
	}
	return last != r.user.ID, put(r.tx, person, r.user.ID, r.now, r.now.Add(deviceLife))
}

// maxSessions bounds the sessions of one account: nobody has that many devices, and
// ending them all must stay a small piece of work. The oldest makes room, but one in
// which two channels were proved only if all are such: a thief who has half of what it
// takes must not be able to push the owner out.
const maxSessions = 100

// begunRecord is what the account's list of sessions says of one.
type begunRecord struct {
	At          time.Time `json:"at"`
	TwoChannels bool      `json:"two_channels,omitempty"`
}

func (a begunRecord) goesBefore(b begunRecord) bool {
	if a.TwoChannels != b.TwoChannels {
		return b.TwoChannels
	}
	return a.At.Before(b.At)
}

func (r *effectRun) makeRoom() error {
	var oldest string
	var began begunRecord
	n := 0
	err := r.tx.Scan(ofUserPrefix(r.user.ID), func(key string, value []byte) error {
		var other begunRecord
		if err := json.Unmarshal(value, &other); err != nil {
			return fmt.Errorf("reading a stored record: %w", err)
		}
		if n++; oldest == "" || other.goesBefore(began) {
			oldest, began = strings.TrimPrefix(key, ofUserPrefix(r.user.ID)), other
		}
		return nil
	})
	if err != nil || n < maxSessions {
		return err
	}
	return r.endFamily(oldest, r.user.ID)
}

// raiseSession gives the session that began the flow what the flow has proved, under
// a new id. The old id keeps its old level for a short grace, for requests that
// are on their way. Where nothing was proved there is nothing to give: a new id would
// be a second life for whoever holds the old one.
func (r *effectRun) raiseSession() error {
	e := r.engine
	if r.caller.Session == nil {
		return &Refusal{Code: SignInFirst}
	}
	if r.record.Kind == Change {
		return r.renewSession()
	}
	old, live, err := e.readSession(r.tx, r.caller.Session.Key)
	if err != nil {
		return err
	}
	if !live { // that it is the one which began the flow, loadFlow has seen
		return &Refusal{Code: SignInFirst}
	}
	raised := old
	raised.Proof = r.record.Proof // the session's own is joined in: see loadFlow
	raised.Replaced = false
	if r.record.Here == 0 {
		return nil
	}
	if err := r.acquaint(&raised); err != nil {
		return err
	}
	if err := r.recogniseDevice(); err != nil {
		return err
	}
	if err := r.permit(old.SID); err != nil {
		return err
	}
	if err := r.sweepFamily(old.SID); err != nil {
		return err
	}
	began := begunRecord{At: old.Created, TwoChannels: raised.Proof.TwoChannels()}
	if err := put(r.tx, ofUserKey(old.User, old.SID), began, r.now, old.Created.Add(e.SessionLife)); err != nil {
		return err
	}

	if !old.Replaced {
		old.Replaced = true
		if grace := r.now.Add(e.RiseGrace); grace.Before(old.Ends) {
			old.Ends = grace
		}
		if err := put(r.tx, sessionKey(old.Key), old, r.now, old.Ends); err != nil {
			return err
		}
	} else {
		// Another tab has raised the session meanwhile. Its end is kept there.
		raised.Ends = old.Created.Add(e.SessionLife)
	}
	r.out.renewed = append(r.out.renewed, old.SID)
	return r.issue(raised, false)
}

// issue stores a session under a new secret id.
func (r *effectRun) issue(session Session, newPerson bool) error {
	id, err := r.engine.secret(32)
	if err != nil {
		return err
	}
	session.Key, session.LastSeen = hashed(id), r.now
	if err := put(r.tx, sessionKey(session.Key), session, r.now, session.Ends); err != nil {
		return err
	}
	if err := put(r.tx, familyKey(session.SID, session.Key), true, r.now, session.Ends); err != nil {
		return err
	}
	r.out.opened = &Opened{ID: id, Session: &session, NewPerson: newPerson}
	return nil
}

// sweepFamily deletes the replaced ids of a sign-in whose grace is over.
func (r *effectRun) sweepFamily(sid string) error {
	var keys []string
	err := r.tx.Scan(familyPrefix(sid), func(key string, _ []byte) error {
		keys = append(keys, strings.TrimPrefix(key, familyPrefix(sid)))
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range keys {
		session, found, err := get[Session](r.tx, sessionKey(key))
		if err != nil {
			return err
		}
		if found && r.now.Before(session.Ends) {
			continue
		}
		if err := r.tx.Delete(familyKey(sid, key)); err != nil {
			return err
		}
		if err := r.tx.Delete(sessionKey(key)); err != nil {
			return err
		}
	}
	return nil
}

func (r *effectRun) endFamily(sid, user string) error {
	r.out.ended = append(r.out.ended, sid)
	return endFamily(r.tx, sid, user)
}

// endFamily deletes every id of one sign-in, replaced ones included.
func endFamily(tx store.Tx, sid, user string) error {
	var keys []string
	err := tx.Scan(familyPrefix(sid), func(key string, _ []byte) error {
		keys = append(keys, key, sessionKey(strings.TrimPrefix(key, familyPrefix(sid))))
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range append(keys, ofUserKey(user, sid)) {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// SignOut ends the session, its replaced ids included. When it returns nil, no
// request that starts later is let through with it.
func (e *Engine) SignOut(ctx context.Context, s *Session) error {
	_, err := e.transact(ctx, func(tx store.Tx, out *outcome) error {
		out.ended = append(out.ended, s.SID)
		return endFamily(tx, s.SID, s.User)
	})
	if err != nil {
		return fmt.Errorf("signing out: %w", err)
	}
	return nil
}

// EndSessions ends every session of an account, on every device and site, except the
// one with the given sid (empty: none is spared). Each ends in a transaction of its own;
// after an error some may be left, and calling it again goes on.
func (e *Engine) EndSessions(ctx context.Context, user, except string) error {
	var sids []string
	err := e.Store.View(ctx, func(tx store.Tx) error {
		sids = nil
		return tx.Scan(ofUserPrefix(user), func(key string, _ []byte) error {
			sids = append(sids, strings.TrimPrefix(key, ofUserPrefix(user)))
			return nil
		})
	})
	for _, sid := range sids {
		if err == nil && sid != except {
			err = e.SignOut(ctx, &Session{SID: sid, User: user})
		}
	}
	if err != nil {
		return fmt.Errorf("ending sessions: %w", err)
	}
	return nil
}

// SetDisabled locks an account out, or lets it in again. Locking ends all its
// sessions at once: the epoch makes those in the store worthless in one small write,
// and the cache forgets the account before this returns.
func (e *Engine) SetDisabled(ctx context.Context, user string, disabled bool) error {
	err := e.Store.Update(ctx, func(tx store.Tx) error {
		record, found, err := get[User](tx, userKey(user))
		if err != nil || !found {
			return err
		}
		record.Disabled = disabled
		record.Epoch++
		return put(tx, userKey(user), record, e.Now(), zeroTime)
	})
	if err != nil {
		return fmt.Errorf("disabling an account: %w", err)
	}
	e.Cache.forgetUser(user)
	return e.EndSessions(ctx, user, "")
}

// readSession returns the session stored under a key, if it lives.
func (e *Engine) readSession(tx store.Tx, key string) (Session, bool, error) {
	session, found, err := get[Session](tx, sessionKey(key))
	if err != nil || !found {
		return Session{}, false, err
	}
	session.Key = key
	now := e.Now()
	live := now.Before(session.Ends) && now.Sub(session.LastSeen) <= session.idle(e.SessionIdle)
	return session, live, nil
}
