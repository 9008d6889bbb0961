package flows

import (
	"context"
	"fmt"
	"time"

	"github.com/stepgate/stepgate/flows/store"
)

// sessionCookie is the name under which session cookies are sealed, whatever the
// face calls its cookie.
const sessionCookie = "session"

// SealCookie is the value of the session cookie for a session that was just opened
// or raised.
func (e *Engine) SealCookie(o *Opened) (string, error) {
	return e.Keys.SealCookie(sessionCookie, []byte(o.ID))
}

// Authenticate finds the live session behind the value of a session cookie, for one
// site (its origin). nil without error: there is none. An error means that it could
// not be found out, and must refuse.
//
// A warm session costs neither a store read nor a cookie decode, and a revoked one is
// never warm.
func (e *Engine) Authenticate(ctx context.Context, site, cookie string) (*Live, error) {
	if live, known := e.warm(ctx, site, cookie, false); known {
		return live, nil
	}
	id, err := e.Keys.OpenCookie(sessionCookie, cookie, e.SessionLife)
	if err != nil {
		return nil, nil // forged, foreign, or from before a change of keys
	}
	return e.wake(ctx, cookie, hashed(string(id)), func(s *Session) bool { return s.Site == site && s.Client == "" })
}

// warm looks for a session in the cache: a client's, or a browser's. known says that
// there is no need to look further: live is it, or nil because it is over, another
// site's, or of the other sort. What is the name of a token in the cache may well come as
// a cookie.
func (e *Engine) warm(ctx context.Context, site, credential string, client bool) (live *Live, known bool) {
	live, ok := e.Cache.find(credential)
	if !ok {
		return nil, false
	}
	now := e.Now()
	switch {
	case live.Site != site, client != (live.Client != ""):
		return nil, true
	case !live.alive(now):
		e.Cache.drop(credential)
		return nil, true
	}
	e.touch(ctx, live, now)
	return live, true
}

// wake reads a session from the store and keeps it warm under its credential, if it
// lives and is one that will do. ours may change what it is asked about.
func (e *Engine) wake(ctx context.Context, credential, key string, ours func(*Session) bool) (*Live, error) {
	generation := e.Cache.generation()
	now := e.Now()
	var session Session
	var user User
	var alive bool
	err := e.Store.View(ctx, func(tx store.Tx) (err error) {
		if session, alive, err = e.readSession(tx, key); err != nil || !alive {
			return err
		}
		var found bool
		user, found, err = get[User](tx, userKey(session.User))
		alive = found && !user.Disabled && user.Epoch == session.Epoch
		if err != nil || !alive {
			return err
		}
		session.Failures, err = e.readFailures(tx, user.Canonical)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading a session: %w", err)
	}
	if !alive || !ours(&session) || !now.Before(session.Ends) {
		return nil, nil
	}
	session.of(&user)
	live := e.newLive(session)
	e.Cache.keep(credential, live, generation)
	e.touch(ctx, live, now)
	return live, nil
}

// of fills in what the account says as of now.
func (s *Session) of(user *User) {
	s.Email, s.Canonical, s.Groups, s.Attributes = user.Email, user.Canonical, user.Groups, user.Attributes
	s.Have = user.Factors()
	s.Proof = user.settled(s.Proof)
}

// touch records that the session is in use: always in memory, and now and then in the
// store, so that a warm request costs no write. After a crash a session may seem
// idle for longer than it was, by a twelfth of the limit, never for shorter.
func (e *Engine) touch(ctx context.Context, live *Live, now time.Time) {
	live.seen.Store(now.UnixMilli())
	saved := live.saved.Load()
	if now.UnixMilli()-saved < live.idle/12 || !live.saved.CompareAndSwap(saved, now.UnixMilli()) {
		return
	}
	err := e.Store.Update(ctx, func(tx store.Tx) error {
		session, alive, err := e.readSession(tx, live.Key)
		if err != nil || !alive || !session.LastSeen.Before(now) {
			return err // never write a session back that has ended meanwhile
		}
		session.LastSeen = now
		return put(tx, sessionKey(session.Key), session, now, session.Ends)
	})
	if err != nil {
		e.Log.Warn("recording that a session is in use", "error", err)
	}
}
