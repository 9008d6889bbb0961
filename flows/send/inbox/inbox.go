package inbox

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stepgate/stepgate/flows/send"
)

// DefaultKeep is how many messages an inbox keeps if nothing else is said.
const DefaultKeep = 200

// Received is a message and the moment it came.
type Received struct {
	send.Message
	At time.Time
}

// Inbox keeps the newest messages of both media. It is safe for concurrent use.
type Inbox struct {
	now func() time.Time

	mu   sync.RWMutex
	ring []Received // in order of arrival, the oldest at next once it is full
	next int
	keep int
}

var _ send.Sender = (*Inbox)(nil)

// New returns an empty inbox. keep ≤ 0 means [DefaultKeep]; a nil clock, time.Now.
func New(keep int, now func() time.Time) *Inbox {
	if keep <= 0 {
		keep = DefaultKeep
	}
	if now == nil {
		now = time.Now
	}
	return &Inbox{keep: keep, now: now}
}

// Send implements [send.Sender]. It accepts everything; the oldest message makes room.
func (b *Inbox) Send(_ context.Context, m send.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := Received{Message: m, At: b.now()}
	if len(b.ring) < b.keep {
		b.ring = append(b.ring, r)
		return nil
	}
	b.ring[b.next] = r
	b.next = (b.next + 1) % b.keep
	return nil
}

// Messages returns what came for one recipient, or everything if to is empty, newest
// first. Letter case does not matter.
func (b *Inbox) Messages(to string) []Received {
	to = strings.TrimSpace(to)
	b.mu.RLock()
	defer b.mu.RUnlock()
	var found []Received
	for _, r := range slices.Concat(b.ring[b.next:], b.ring[:b.next]) {
		if to == "" || strings.EqualFold(r.To, to) {
			found = append(found, r)
		}
	}
	slices.Reverse(found)
	return found
}

// Get returns the newest message with that id.
func (b *Inbox) Get(id string) (Received, bool) {
	for _, r := range b.Messages("") {
		if r.ID == id {
			return r, true
		}
	}
	return Received{}, false
}
