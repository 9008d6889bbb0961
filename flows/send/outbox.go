package send

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

var (
	// ErrQueueFull is returned by [Outbox.Post] when the queue of that medium holds as
	// much as it may (see OutboxOptions.Capacity). Nothing was accepted; a person may be asked to try again.
	ErrQueueFull = errors.New("the outbox is full")
	// ErrNoSender is returned by [Outbox.Post] when nothing can send by that medium.
	ErrNoSender = errors.New("no sender for this medium")
	// ErrClosed is returned by [Outbox.Post] once [Outbox.Close] was called.
	ErrClosed = errors.New("the outbox is closed")
)

const (
	// closeGrace is how long Close waits for senders to notice that they were called off.
	closeGrace = overrun + time.Second
	// Pauses grow to a fifteenth of a message's life, within bounds.
	longestPause = 15 * time.Minute
	pausesInLife = 15
)

var (
	media = []Medium{Email, SMS}

	errLeftAside = errors.New("no sender works at present")
)

// OutboxOptions are an [Outbox]'s numbers. The zero value of each means its default.
type OutboxOptions struct {
	// Capacity bounds the messages held per medium, those being sent and those waiting
	// for a retry included. Each medium has its own, so that an outage of one cannot
	// fill the other's queue. Messages without a Series, such as notices about an account,
	// have a quarter more, which those with one, such as codes that anybody may ask for,
	// cannot fill. Of either a twentieth (10 at least) may rest because of one mail domain
	// or number prefix that asks to be tried later; what is more fails. Default 1000.
	Capacity int
	// Workers bounds the sends at once per medium. A message that waits for a retry
	// occupies none. Default 8.
	Workers int
	// Rounds bounds how often a message is offered to the senders, whatever its time to
	// live: an answer that got lost may have been a delivery. Default 100, which only
	// messages that live for most of a day reach.
	Rounds int
	// AttemptTimeout bounds one attempt with one sender. Default 15 s.
	AttemptTimeout time.Duration
	// Life is how long a message without Expires is worth sending. Default 10 min.
	Life time.Duration
	// FirstRetry is the pause after the first round in which no sender succeeded; it
	// doubles with each round up to LastRetry, or for a message that lives longer than
	// 15 min a fifteenth of its life, but at most 15 min. Of each pause a random half is
	// taken off, so that messages held up together do not come back together.
	// Defaults 2 s and 1 min.
	FirstRetry, LastRetry time.Duration

	// Done is told the end of each message that was accepted, once, in the background or
	// by Close, without any lock held. Until it returns the message keeps its place in the
	// queue. Its panic is logged. Default: nobody.
	Done func(Result)

	Now func() time.Time // the clock that Message.Expires is measured by; default time.Now
	Log *slog.Logger     // default: nothing is logged
}

// Named is a sender with the name it has in the configuration, for logs.
type Named struct {
	Name   string
	Sender Sender
	// Made is a fingerprint of all that the sender was made of, credentials included. It is
	// only compared, never logged: after a reload, what was known of a sender's health goes
	// for one of the same name and Made. May be empty, where the name says it all.
	Made string
}

// Outbox queues messages and sends them in the background. A message goes to the
// senders of its medium in their order until one accepts it; if none does, it is
// offered again later, until it expires. One that a sender reported [Final] or
// [Uncertain] for is given up at once. A sender that is [Blocked] for a message alone
// (see Error.AboutMessage) is left out of that message's further rounds, unless the
// senders are exchanged meanwhile; a message that no sender is left for is given up.
//
// A sender that fails is left aside for a while, from 15 s growing to 5 min, after three
// failures in a row, one that is Blocked or Uncertain, or a request to wait 15 s or more.
// Then one message at a time finds out whether it works again. Failures about a message
// count for nothing here, neither way, but for what the provider itself said (see
// Error.Asked). While all senders are left aside, messages rest.
//
// A message is accepted by a provider at most once, as far as senders can tell: what
// may have been accepted is [OutcomeUncertain]. That two messages have the same ID is
// for the caller to avoid. An Outbox holds no goroutine while it has nothing to send.
type Outbox struct {
	opt    OutboxOptions
	ctx    context.Context // of every attempt; ends when Close runs out of time
	cancel context.CancelFunc
	lanes  map[Medium]*lane // fixed: never written after NewOutbox

	mu     sync.Mutex // held for moments only: never while anything foreign runs
	roster *roster
	newest map[string]*job // by series, of those that have not ended
	serial uint64

	closing  sync.Once
	closeErr error
}

// NewOutbox returns an outbox without senders: see [Outbox.Use].
func NewOutbox(opt OutboxOptions) *Outbox {
	setDefault(&opt.Capacity, 1000)
	setDefault(&opt.Workers, 8)
	setDefault(&opt.Rounds, 100)
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
	o := &Outbox{opt: opt, lanes: make(map[Medium]*lane), roster: new(roster), newest: make(map[string]*job)}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	for _, m := range media {
		o.lanes[m] = newLane(o, m)
	}
	return o
}

func setDefault[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Post hands in a message. It never waits for a provider. A message without an ID is
// given one. One with the Series of an earlier message takes that one's place: what
// waits of it is [OutcomeSuperseded]; what is being sent is not tried again.
// Its errors are [ErrQueueFull], [ErrNoSender] and [ErrClosed], or say that the medium
// is unknown; after any of them nothing was accepted.
func (o *Outbox) Post(m Message) error { return o.post(&job{Message: m}) }

// PostDraft is Post for a message that is put into words later.
func (o *Outbox) PostDraft(d Draft) error {
	if d.Compose == nil && !d.Mute {
		return errors.New("posting draft: there is nothing to compose it")
	}
	j := &job{
		Message: Message{ID: d.ID, Series: d.Series, Medium: d.Medium, Purpose: d.Purpose, Expires: d.Expires},
		words:   d.Compose,
	}
	j.superseded.Store(d.Mute)
	return o.post(j)
}

func (o *Outbox) post(j *job) error {
	l, ok := o.lanes[j.Medium]
	if !ok {
		return fmt.Errorf("posting message: unknown medium %q", j.Medium)
	}
	now := o.opt.Now()
	if j.ID == "" {
		j.ID = rand.Text()
	}
	if j.Expires.IsZero() {
		j.Expires = now.Add(o.opt.Life)
	}
	j.cap = max(o.opt.LastRetry, min(j.Expires.Sub(now)/pausesInLife, longestPause))

	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.roster.by[j.Medium]) == 0 {
		return fmt.Errorf("posting message: %w: %s", ErrNoSender, j.Medium)
	}
	o.serial++
	j.serial = o.serial
	if err := l.add(j); err != nil {
		return err
	}
	if j.Series != "" {
		if older := o.newest[j.Series]; older != nil {
			older.superseded.Store(true)
			of := o.lanes[older.Medium]
			of.due(older) // its worker ends it
			of.pump()
		}
		o.newest[j.Series] = j
	}
	return nil
}

// wake makes a message due whose rest is over. It may come late.
func (o *Outbox) wake(l *lane, j *job) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l.due(j)
	l.pump()
}

// each does something with every lane.
func (o *Outbox) each(do func(*lane)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range media {
		do(o.lanes[m])
	}
}

// Close stops accepting and tries to send what is queued until ctx ends. Waiting
// messages get their next try at once; those that only senders left aside could take
// are dropped at once. What was not sent then, or may have been, is logged, counted
// and reported by the error. Further calls wait for the first and return the same.
func (o *Outbox) Close(ctx context.Context) error {
	o.closing.Do(func() { o.closeErr = o.close(ctx) })
	return o.closeErr
}

func (o *Outbox) close(ctx context.Context) error {
	defer o.cancel()
	o.each((*lane).close)
	_, before := o.unsent()
	if !o.idle(ctx) {
		// Called off first and dropped next: a worker that comes back in between finds
		// the context ended, so nothing is sent after it was counted as lost.
		o.cancel()
		o.each(func(l *lane) {
			go l.drop(l.take())
		})
		grace, done := context.WithTimeout(context.Background(), closeGrace)
		defer done()
		o.idle(grace)
	}
	held, ended := o.unsent()
	if lost := held + ended - before; lost > 0 {
		return fmt.Errorf("closing outbox: %d messages not sent: %w", lost, cmp.Or(context.Cause(ctx), errLeftAside))
	}
	return nil
}

// unsent is how many messages are held, and how many have ended without having been
// sent for sure, those left out that a provider refused.
func (o *Outbox) unsent() (held, ended int) {
	o.each(func(l *lane) {
		held += l.size()
		ended += int(l.counts.Dropped + l.counts.Uncertain)
	})
	return held, ended
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
// Accepted = Queued + Sending + Sent + Failed + Uncertain + Superseded + Dropped.
type Counts struct {
	Queued  int // now: waiting for the first try or a retry
	Sending int // now: with a sender, or its end is being told

	Accepted   uint64
	Refused    uint64 // not accepted: the queue was full
	Attempts   uint64 // calls of a sender
	Sent       uint64 // accepted by a provider
	Failed     uint64 // given up: refused for good, blocked everywhere, or too late
	Uncertain  uint64 // given up: the answer of a provider got lost
	Superseded uint64 // given up: a newer one of the series was posted
	Dropped    uint64 // given up by Close
}

// Stats returns the numbers of every medium.
func (o *Outbox) Stats() map[Medium]Counts {
	s := make(map[Medium]Counts, len(o.lanes))
	o.each(func(l *lane) { s[l.medium] = l.stats() })
	return s
}
