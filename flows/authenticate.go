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
	now := e.Now()
	if live, ok := e.Cache.find(cookie); ok {
		switch {
		case live.Site != site:
			return nil, nil
		case !live.alive(now, e.SessionIdle):
			e.Cache.drop(cookie)
			return nil, nil
		}
		e.touch(ctx, live, now)
		return live, nil
	}
	id, err := e.Keys.OpenCookie(sessionCookie, cookie, e.SessionLife)
	if err != nil {
		return nil, nil // forged, foreign, or from before a change of keys
	}
	key := hashed(string(id))
	generation := e.Cache.generation()
	var session Session
	var alive bool
	err = e.Store.View(ctx, func(tx store.Tx) error {
		if session, alive, err = e.readSession(tx, key); err != nil || !alive {
			return err
		}
		user, found, err := get[User](tx, userKey(session.User))
		alive = found && !user.Disabled && user.Epoch == session.Epoch
		session.Email, session.Groups = user.Email, user.Groups
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading a session: %w", err)
	}
	if !alive || session.Site != site {
		return nil, nil
	}
	live := newLive(session)
	e.Cache.keep(cookie, live, generation)
	e.touch(ctx, live, now)
	return live, nil
}

// touch records that the session is in use: always in memory, and now and then in the
// store, so that a warm request costs no write. After a crash a session may seem
// idle for longer than it was, by a twelfth of the limit, never for shorter.
func (e *Engine) touch(ctx context.Context, live *Live, now time.Time) {
	live.seen.Store(now.UnixMilli())
	saved := live.saved.Load()
	if now.UnixMilli()-saved < (e.SessionIdle/12).Milliseconds() || !live.saved.CompareAndSwap(saved, now.UnixMilli()) {
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
