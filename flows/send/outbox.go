package send

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// ErrQueueFull is returned by [Outbox.Post] when the queue of that medium holds as
	// much as it may. Nothing was accepted; a person may be asked to try again.
	ErrQueueFull = errors.New("the outbox is full")
	// ErrNoSender is returned by [Outbox.Post] when nothing can send by that medium.
	ErrNoSender = errors.New("no sender for this medium")
	// ErrClosed is returned by [Outbox.Post] once [Outbox.Close] was called.
	ErrClosed = errors.New("the outbox is closed")
)

// closeGrace is how long Close waits for senders to notice that they were called off.
const closeGrace = time.Second

// OutboxOptions are an [Outbox]'s numbers. The zero value of each means its default.
type OutboxOptions struct {
	// Capacity bounds the messages held per medium, those being sent and those waiting
	// for a retry included. Each medium has its own, so that an outage of one cannot
	// fill the other's queue. Default 1000.
	Capacity int
	// Workers bounds the sends at once per medium. A message that waits for a retry
	// occupies none. Default 8.
	Workers int
	// Rounds bounds how often a message is offered to the senders, whatever its time to
	// live: an answer that got lost may have been a delivery. Default 20, which the
	// other defaults do not reach.
	Rounds int
	// AttemptTimeout bounds one attempt with one sender. Default 15 s.
	AttemptTimeout time.Duration
	// Life is how long a message without Expires is worth sending. Default 10 min.
	Life time.Duration
	// FirstRetry is the pause after the first round in which no sender succeeded; it
	// doubles with each round up to LastRetry. Of each pause a random half is taken
	// off, so that messages held up together do not come back together.
	// Defaults 2 s and 1 min.
	FirstRetry, LastRetry time.Duration

	// Done is told the end of each message, without any lock held. Default: nobody.
	Done func(Result)

	Now func() time.Time // the clock that Message.Expires is measured by; default time.Now
	Log *slog.Logger     // default: nothing is logged
}

// Named is a sender with the name it has in the configuration, for logs.
type Named struct {
	Name   string
	Sender Sender
}

// Outbox queues messages and sends them in the background. A message goes to the
// senders of its medium in their order until one accepts it; if none does, it is
// offered again later, until it expires. A sender that reported [Blocked] is left out of
// that message's further rounds unless the senders are exchanged meanwhile; a message
// that all senders are blocked for is given up.
//
// Delivery is at least once: a provider whose answer got lost may deliver twice.
// An Outbox holds no goroutine while it has nothing to send.
type Outbox struct {
	opt    OutboxOptions
	ctx    context.Context // of every attempt; ends when Close runs out of time
	cancel context.CancelFunc
	roster atomic.Pointer[roster]
	lanes  map[Medium]*lane // fixed: never written after NewOutbox

	closing  sync.Once
	closeErr error
}

// roster is one configuration's senders. Its address tells configurations apart.
type roster struct{ by map[Medium][]Named }

// NewOutbox returns an outbox without senders: see [Outbox.Use].
func NewOutbox(opt OutboxOptions) *Outbox {
	setDefault(&opt.Capacity, 1000)
	setDefault(&opt.Workers, 8)
	setDefault(&opt.Rounds, 20)
	setDefault(&opt.AttemptTimeout, 15*time.Second)
	setDefault(&opt.Life, 10*time.Minute)
	setDefault(&opt.FirstRetry, 2*time.Second)
	setDefault(&opt.LastRetry, time.Minute)
	opt.LastRetry = max(opt.LastRetry, opt.FirstRetry)
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	o := &Outbox{opt: opt, lanes: make(map[Medium]*lane)}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	o.roster.Store(&roster{})
	for _, m := range []Medium{Email, SMS} {
		o.lanes[m] = newLane(o, m)
	}
	return o
}

func setDefault[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Use exchanges all senders at once, as a reload of the configuration does. Queued
// messages stay and go to the new senders; an attempt under way is left to finish.
func (o *Outbox) Use(senders map[Medium][]Named) {
	r := &roster{by: make(map[Medium][]Named, len(senders))}
	for m, named := range senders {
		r.by[m] = append([]Named(nil), named...)
	}
	o.roster.Store(r)
}

// Post hands in a message. It never waits for a provider. A message without an ID is
// given one. Its errors are [ErrQueueFull], [ErrNoSender] and [ErrClosed], or say that
// the medium is unknown; after any of them nothing was accepted.
func (o *Outbox) Post(m Message) error {
	l, ok := o.lanes[m.Medium]
	if !ok {
		return fmt.Errorf("posting message: unknown medium %q", m.Medium)
	}
	if len(o.roster.Load().by[m.Medium]) == 0 {
		return fmt.Errorf("posting message: %w: %s", ErrNoSender, m.Medium)
	}
	if m.ID == "" {
		m.ID = rand.Text()
	}
	if m.Expires.IsZero() {
		m.Expires = o.opt.Now().Add(o.opt.Life)
	}
	return l.add(&job{Message: m})
}

// PostDraft is Post for a message that is put into words later.
func (o *Outbox) PostDraft(d Draft) error {
	m, err := d.Compose()
	if err != nil {
		return err
	}
	return o.Post(m)
}

// Down reports whether no sender of the medium works at present.
func (o *Outbox) Down(m Medium) bool { return false }

// Close stops accepting and tries to send what is queued until ctx ends. Waiting
// messages get their next try at once. What could not be sent then is logged, counted
// and reported by the error. Further calls wait for the first and return the same.
func (o *Outbox) Close(ctx context.Context) error {
	o.closing.Do(func() { o.closeErr = o.close(ctx) })
	return o.closeErr
}

func (o *Outbox) close(ctx context.Context) error {
	defer o.cancel()
	for _, l := range o.lanes {
		l.close()
	}
	if o.idle(ctx) {
		return nil
	}
	// Called off first and dropped next: a worker that comes back in between finds the
	// context ended, so nothing is sent after it was counted as lost.
	o.cancel()
	for _, l := range o.lanes {
		l.drop()
	}
	grace, done := context.WithTimeout(context.Background(), closeGrace)
	defer done()
	o.idle(grace)
	lost := 0
	for _, c := range o.Stats() {
		lost += int(c.Dropped) + c.Queued + c.Sending
	}
	if lost == 0 {
		return nil
	}
	return fmt.Errorf("closing outbox: %d messages not sent: %w", lost, context.Cause(ctx))
}

// idle waits until no lane holds a message, or ctx ends.
func (o *Outbox) idle(ctx context.Context) bool {
	for _, l := range o.lanes {
		select {
		case <-l.empty:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// Counts are one medium's numbers. At every moment
// Accepted = Queued + Sending + Sent + Failed + Dropped.
type Counts struct {
	Queued  int // now: waiting for the first try or a retry
	Sending int // now: with a sender

	Accepted uint64
	Refused  uint64 // not accepted: the queue was full
	Attempts uint64 // calls of a sender
	Sent     uint64 // accepted by a provider
	Failed   uint64 // given up: refused for good, blocked everywhere, or too late
	Dropped  uint64 // given up by Close
}

// Stats returns the numbers of every medium.
func (o *Outbox) Stats() map[Medium]Counts {
	s := make(map[Medium]Counts, len(o.lanes))
	for m, l := range o.lanes {
		s[m] = l.stats()
	}
	return s
}

// pause is how long a message rests after its n-th fruitless round.
func (o *Outbox) pause(n int) time.Duration {
	d := o.opt.FirstRetry
	for ; n > 1 && d < o.opt.LastRetry; n-- {
		d *= 2
	}
	d = min(d, o.opt.LastRetry)
	return d - mathrand.N(d/2+1)
}
