package caddymodule

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/store"
)

const (
	// keptNotices bounds the notices that wait for room in the outbox, of about 1 kB each,
	// and keptEnds the ends of messages that wait for the store.
	keptNotices = 1000
	keptEnds    = 10_000
	// keptPosted bounds the ids that are remembered while letters of an earlier process are
	// still to be taken up.
	keptPosted = 100_000
	// atOnce is how much of what waits is tried with each message that ends.
	atOnce = 4
	// takeUpPause is how long the next try to take up letters waits for.
	takeUpPause = time.Minute
	// noteTimeout bounds the notes that follow the end of one message, and those before
	// the store is closed.
	noteTimeout = 5 * time.Second
)

// A mailroom stands between the engines of a store and its outbox. It keeps what one of
// them could not take at once, for as long as this process lives, and sees to it that no
// letter is posted twice.
type mailroom struct {
	send func(send.Draft) error                   // to the outbox
	note func(context.Context, send.Result) error // in the store
	log  *slog.Logger

	backlog atomic.Bool // letters of an earlier process may be left

	mu      sync.Mutex
	later   []send.Draft        // notices that the outbox had no room for, oldest first
	ends    []send.Result       // that the store could not take
	posted  map[string]struct{} // by this process; nil once there is no backlog
	over    bool                // nothing more is taken up
	taking  bool                // somebody takes up letters
	takenAt time.Time           // when somebody did last
}

func newMailroom(post func(send.Draft) error, note func(context.Context, send.Result) error, log *slog.Logger) *mailroom {
	m := &mailroom{send: post, note: note, log: log, posted: make(map[string]struct{})}
	m.backlog.Store(true)
	return m
}

// post hands a message to the outbox. A notice that there is no room for is kept; it is
// refused all the same, for the caller to know. A message that was posted before is
// accepted, and nothing is done about it.
func (m *mailroom) post(d send.Draft) error {
	if !m.claim(d.ID) {
		return nil
	}
	err := m.send(d)
	if err == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if d.Series == "" && errors.Is(err, send.ErrQueueFull) && len(m.later) < keptNotices {
		m.later = append(m.later, d)
		return err
	}
	delete(m.posted, d.ID)
	return err
}

// claim reports whether a message was not posted before.
func (m *mailroom) claim(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.posted == nil {
		return true
	}
	if _, before := m.posted[id]; before {
		return false
	}
	if len(m.posted) >= keptPosted {
		if !m.over {
			m.log.Error("the messages that an earlier process left are left to the next one")
		}
		m.over = true
		m.settle()
		return true
	}
	m.posted[id] = struct{}{}
	return true
}

// done is told the end of each message: there is room for another one then.
func (m *mailroom) done(r send.Result) {
	ctx, cancel := context.WithTimeout(context.Background(), noteTimeout)
	defer cancel()
	err := m.note(ctx, r)
	if errors.Is(err, store.ErrUnavailable) {
		err = m.note(ctx, r)
	}
	switch {
	case err == nil:
		m.noteEnds(ctx, atOnce)
	case m.keep(r, err):
		m.log.Warn("the end of a message could not be recorded yet", "id", r.ID, "outcome", r.Outcome, "error", err)
	default:
		m.log.Error("the end of a message could not be recorded", "id", r.ID, "outcome", r.Outcome, "error", err)
	}
	m.postLater()
}

// keep keeps an end for later, if that may help.
func (m *mailroom) keep(r send.Result, err error) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !errors.Is(err, store.ErrUnavailable) || len(m.ends) >= keptEnds {
		return false
	}
	m.ends = append(m.ends, r)
	return true
}

// noteEnds records so many of the ends that wait, until one fails again.
func (m *mailroom) noteEnds(ctx context.Context, most int) {
	for range most {
		m.mu.Lock()
		if len(m.ends) == 0 {
			m.mu.Unlock()
			return
		}
		r := m.ends[0]
		m.ends = m.ends[1:]
		m.mu.Unlock()
		if err := m.note(ctx, r); err != nil {
			if !m.keep(r, err) {
				m.log.Error("the end of a message could not be recorded", "id", r.ID, "outcome", r.Outcome, "error", err)
			}
			return
		}
	}
}

// postLater posts a few of the notices that there was no room for.
func (m *mailroom) postLater() {
	for range atOnce {
		m.mu.Lock()
		if len(m.later) == 0 {
			m.mu.Unlock()
			return
		}
		d := m.later[0]
		m.later[0] = send.Draft{} // or the array would keep it alive
		m.later = m.later[1:]
		m.mu.Unlock()
		if err := m.send(d); err != nil {
			m.mu.Lock()
			m.later = append([]send.Draft{d}, m.later...)
			m.mu.Unlock()
			return
		}
	}
}

// takeUp calls resume, which takes up letters of an earlier process, unless there are
// none left, somebody is at it, or it was tried a moment ago.
func (m *mailroom) takeUp(now time.Time, resume func() error) {
	if !m.begin(now) {
		return
	}
	err := resume()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.taking = false
	if err != nil && !m.over {
		m.log.Error("taking up the messages of an earlier process; it is tried again", "error", err)
		return
	}
	m.over = true
	m.settle()
}

func (m *mailroom) begin(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.isDue(now) {
		return false
	}
	m.taking, m.takenAt = true, now
	return true
}

// due reports whether takeUp would do anything.
func (m *mailroom) due(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.isDue(now)
}

func (m *mailroom) isDue(now time.Time) bool {
	soon := m.takenAt.Add(takeUpPause)
	return !m.over && !m.taking && (m.takenAt.IsZero() || !now.Before(soon) || now.Before(m.takenAt))
}

// settle forgets what was posted once that is of no more use. The caller holds the lock.
func (m *mailroom) settle() {
	m.backlog.Store(false)
	if !m.taking {
		m.posted = nil
	}
}

// close records what waits for that, once no more messages end and before the store is
// closed: a message that was sent must not be sent again by the next process.
func (m *mailroom) close() {
	ctx, cancel := context.WithTimeout(context.Background(), noteTimeout)
	defer cancel()
	m.noteEnds(ctx, keptEnds)
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.ends); n > 0 {
		m.log.Error("the next process will send messages again: their end could not be recorded", "messages", n)
	}
}
