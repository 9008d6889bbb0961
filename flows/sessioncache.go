package flows

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/flows/token"
)

// Live is a session as the gateway holds it on the hot path: shared and cached, so
// its Session must not be changed.
type Live struct {
	Session
	// Tokens keeps what was minted for this session at this proof. A raised session is
	// another Live, so no token outlives the proof it speaks of.
	Tokens atomic.Pointer[token.Bundle]

	// failures are newer than Session.Failures, if there are any newer.
	failures atomic.Pointer[[]int64]

	seen  atomic.Int64 // Unix milliseconds
	saved atomic.Int64 // what of it the store has
	ended atomic.Bool
	idle  int64 // Unix milliseconds without use that end it

	cache *SessionCache // that of the engine which found it
}

func (e *Engine) newLive(s Session) *Live {
	live := &Live{Session: s, idle: s.idle(e.SessionIdle).Milliseconds(), cache: e.Cache}
	live.seen.Store(s.LastSeen.UnixMilli())
	live.saved.Store(s.LastSeen.UnixMilli())
	return live
}

func (l *Live) alive(now time.Time) bool {
	return !l.ended.Load() && now.Before(l.Ends) && now.UnixMilli()-l.seen.Load() <= l.idle
}

// SessionCache keeps warm sessions by the raw value of their cookie, so that a
// request costs one map look-up. It is bounded; when full, some other session makes
// room, and costs one store read when it comes back. It also knows what is to end when a
// session does: see [Live.Watch]. It is safe for concurrent use.
type SessionCache struct {
	max   int
	store store.Store
	now   func() time.Time

	mu       sync.RWMutex
	byCookie map[string]*Live
	bySID    map[string]map[string]struct{} // the cookies and tokens of each sign-in
	byUser   map[string]map[string]struct{} // and of each account
	gen      uint64                         // how often something was forgotten

	watches watches
}

// NewSessionCache returns a cache for at most max sessions (least 1; about 1 kB each) of
// what is in the store. now is the clock by which sessions end.
func NewSessionCache(max int, st store.Store, now func() time.Time) *SessionCache {
	if max < 1 {
		max = 1
	}
	return &SessionCache{
		max: max, store: st, now: now,
		byCookie: make(map[string]*Live), bySID: make(map[string]map[string]struct{}), byUser: make(map[string]map[string]struct{}),
	}
}

func (c *SessionCache) find(cookie string) (*Live, bool) {
	c.mu.RLock()
	live, ok := c.byCookie[cookie]
	c.mu.RUnlock()
	return live, ok
}

// generation is to be read before the store is; keep takes it back.
func (c *SessionCache) generation() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.gen
}

// keep remembers a session that was read from the store, unless anything was
// revoked since the read began: it might have been this one.
func (c *SessionCache) keep(cookie string, live *Live, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gen != generation {
		return
	}
	if _, ok := c.byCookie[cookie]; ok {
		return
	}
	for other := range c.byCookie { // map order: as good as any
		if len(c.byCookie) < c.max {
			break
		}
		c.remove(other)
	}
	mine := c.bySID[live.SID]
	for other := range mine {
		if len(mine) < maxWarm {
			break
		}
		c.remove(other)
	}
	index(c.bySID, live.SID, cookie)
	index(c.byUser, live.User, cookie)
	c.byCookie[cookie] = live
}

// maxWarm bounds what one sign-in keeps warm: a client may ask for as many tokens as it
// likes, and must not crowd out everybody else with them.
const maxWarm = 16

// forget drops a sign-in at once; if it was revoked, what others still hold of it is
// marked as ended, and what is watched ends.
func (c *SessionCache) forget(sid string, revoked bool) {
	c.drain(sid, revoked)
	if revoked {
		c.watches.fireSID(sid)
	}
}

func (c *SessionCache) drain(sid string, revoked bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	for cookie := range c.bySID[sid] {
		if revoked {
			c.byCookie[cookie].ended.Store(true)
		}
		c.remove(cookie)
	}
}

// forgetUser drops every session of an account, as revoked.
func (c *SessionCache) forgetUser(user string) {
	c.drainUser(user)
	c.watches.fireAll(func(w *watch) bool { return w.user == user })
}

func (c *SessionCache) drainUser(user string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	for cookie := range c.byUser[user] {
		c.byCookie[cookie].ended.Store(true)
		c.remove(cookie)
	}
}

// rereadUser has every session of an account read from the store again. None of them
// ends, so what still holds one may go on with it.
func (c *SessionCache) rereadUser(user string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	for cookie, live := range c.byCookie {
		if live.User == user {
			c.remove(cookie)
		}
	}
}

func index(by map[string]map[string]struct{}, name, cookie string) {
	if by[name] == nil {
		by[name] = make(map[string]struct{})
	}
	by[name][cookie] = struct{}{}
}

func unindex(by map[string]map[string]struct{}, name, cookie string) {
	delete(by[name], cookie)
	if len(by[name]) == 0 {
		delete(by, name)
	}
}

// noteFailures tells the warm sessions of an account of wrong tries at its factors. How
// many others there are costs nothing: the time that a wrong try takes must not tell
// whether there is an account.
func (c *SessionCache) noteFailures(user string, at []int64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for cookie := range c.byUser[user] {
		c.byCookie[cookie].failures.Store(&at)
	}
}

// drop removes one cookie's session, which has come to its end.
func (c *SessionCache) drop(cookie string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(cookie)
}

// remove needs the lock.
func (c *SessionCache) remove(cookie string) {
	live, ok := c.byCookie[cookie]
	if !ok {
		return
	}
	delete(c.byCookie, cookie)
	unindex(c.bySID, live.SID, cookie)
	unindex(c.byUser, live.User, cookie)
}

// Len is the number of warm sessions.
func (c *SessionCache) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.byCookie)
}
