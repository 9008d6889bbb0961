package flows

import (
	"context"
	"sync"
	"time"

	"github.com/stepgate/stepgate/flows/store"
)

// watches are what must end with its session: requests that go on for long. They are kept
// apart from the warm sessions, which come and go while a stream stays.
type watches struct {
	mu    sync.Mutex
	n     int // how many there are
	bySID map[string]map[*watch]struct{}
	// timer looks for sessions that have come to their end. It runs while there is anything
	// to look at.
	timer *time.Timer
}

type watch struct {
	sid, user string
	epoch     int
	ends      time.Time
	end       func()
}

// watchEvery is how often absolute expiry is looked for: half of the second within which
// a stream is to end.
const watchEvery = 500 * time.Millisecond

// Watch calls end, in a goroutine of its own and once at most, when the session is over:
// by sign-out, by revocation or by its absolute end, of which the latter is noticed within
// half a second. A session that was revoked before Watch is over. A rise ends nothing, and
// what is watched is neither use of the session nor ended by a lack of it. Watch costs no
// goroutine, and a read of the store only where the session is not warm any more.
//
// stop ends the watch, and may be called more than once. An end that has begun goes on.
func (l *Live) Watch(end func()) (stop func()) {
	c := l.cache
	w := &watch{sid: l.SID, user: l.User, epoch: l.Epoch, ends: l.Ends, end: end}
	c.watches.add(w, c.expire)
	// Whoever revokes the session from here on finds the watch. Who has done so before has
	// made the cache forget it; but so does a rise, or the lack of room.
	if !c.holds(l.SID) {
		c.confirm(w)
	}
	return func() { c.watches.take(w) }
}

// Watched is how much there is that is going to end with its session.
func (c *SessionCache) Watched() int {
	c.watches.mu.Lock()
	defer c.watches.mu.Unlock()
	return c.watches.n
}

// holds reports whether a sign-in is warm, and so not revoked.
func (c *SessionCache) holds(sid string) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.bySID[sid]) > 0
}

// confirmTimeout bounds the wait for a store that does not answer.
const confirmTimeout = 5 * time.Second

// confirm ends what is watched unless the store still has its sign-in. Where that cannot
// be found out it ends too.
func (c *SessionCache) confirm(w *watch) {
	ctx, cancel := context.WithTimeout(context.Background(), confirmTimeout)
	defer cancel()
	stands := false
	err := c.store.View(ctx, func(tx store.Tx) error {
		_, begun, err := get[begunRecord](tx, ofUserKey(w.user, w.sid))
		if err != nil || !begun {
			return err
		}
		user, found, err := get[User](tx, userKey(w.user))
		stands = found && !user.Disabled && user.Epoch == w.epoch
		return err
	})
	if err != nil || !stands {
		c.watches.fire(w)
	}
}

// expire ends what is watched of sessions that have come to their end.
func (c *SessionCache) expire() {
	now := c.now()
	c.watches.fireAll(func(w *watch) bool { return !now.Before(w.ends) })
	c.watches.goOn()
}

func (s *watches) add(w *watch, expire func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bySID == nil {
		s.bySID = make(map[string]map[*watch]struct{})
	}
	if s.bySID[w.sid] == nil {
		s.bySID[w.sid] = make(map[*watch]struct{})
	}
	s.bySID[w.sid][w] = struct{}{}
	s.n++
	if s.timer == nil {
		s.timer = time.AfterFunc(watchEvery, expire)
	}
}

// goOn winds the timer up again, unless there is nothing left to watch.
func (s *watches) goOn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n == 0 {
		s.timer = nil
		return
	}
	s.timer.Reset(watchEvery)
}

// take removes a watch, and reports whether it was still there: then it is the caller's
// alone to end.
func (s *watches) take(w *watch) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.remove(w)
}

// remove needs the lock.
func (s *watches) remove(w *watch) bool {
	if _, ok := s.bySID[w.sid][w]; !ok {
		return false
	}
	s.n--
	delete(s.bySID[w.sid], w)
	if len(s.bySID[w.sid]) == 0 {
		delete(s.bySID, w.sid)
	}
	return true
}

// fire ends one. What it does may take its time, and must not hold up whoever revokes.
func (s *watches) fire(w *watch) {
	if s.take(w) {
		go w.end()
	}
}

// fireSID ends all of a sign-in.
func (s *watches) fireSID(sid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.bySID[sid] {
		s.remove(w)
		go w.end()
	}
}

// fireAll ends those that are meant. It looks at all there are.
func (s *watches) fireAll(meant func(*watch) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, mine := range s.bySID {
		for w := range mine {
			if meant(w) {
				s.remove(w)
				go w.end()
			}
		}
	}
}
