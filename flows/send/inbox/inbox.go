package inbox

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/stepgate/stepgate/flows/send"
)

// DefaultKeep is how many messages an inbox keeps.
const DefaultKeep = 200

// Options are an inbox's options. The zero value is fine.
type Options struct {
	Keep int              // how many messages; the oldest makes room. Default: DefaultKeep.
	Now  func() time.Time // Default: time.Now.
}

// Received is a message and when it came.
type Received struct {
	send.Message
	At time.Time
}

// Inbox keeps the newest messages in memory. It is a [send.Sender] for both media
// and safe for concurrent use.
type Inbox struct {
	keep int
	now  func() time.Time

	mu       sync.Mutex
	messages []Received // oldest first
}

// New returns an empty inbox.
func New(o Options) *Inbox {
	if o.Keep < 1 {
		o.Keep = DefaultKeep
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Inbox{keep: o.Keep, now: o.Now}
}

// Send keeps the message. It fails only when ctx is over.
func (b *Inbox) Send(ctx context.Context, m send.Message) error {
	if err := ctx.Err(); err != nil {
		return &send.Error{Kind: send.Retryable, Reason: "cancelled", Err: err}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.messages) >= b.keep {
		// A copy, so that what made room is not held by the array.
		b.messages = append([]Received(nil), b.messages[len(b.messages)-b.keep+1:]...)
	}
	b.messages = append(b.messages, Received{Message: m, At: b.now()})
	return nil
}

// Messages lists the messages whose recipient contains filter, in any letter case,
// newest first. The empty filter lists all.
func (b *Inbox) Messages(filter string) []Received {
	filter = strings.ToLower(filter)
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []Received
	for i := len(b.messages) - 1; i >= 0; i-- {
		if strings.Contains(strings.ToLower(b.messages[i].To), filter) {
			found = append(found, b.messages[i])
		}
	}
	return found
}

// Get returns the message with the given id.
func (b *Inbox) Get(id string) (Received, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.messages {
		if m.ID == id {
			return m, true
		}
	}
	return Received{}, false
}
