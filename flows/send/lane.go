package send

import (
	"slices"
	"sync/atomic"
	"time"
)

// lane is the queue of one medium. Media share nothing but a lock that is held for
// moments only, so that one that hangs cannot hold up the other. Methods are called
// with that lock held, but for those that say otherwise.
type lane struct {
	o      *Outbox
	medium Medium
	empty  chan struct{} // closed once the lane is closed and holds nothing

	ready   []*job               // in the order in which they became due
	resting map[*job]*time.Timer // between two rounds
	places  map[string]int       // neighbourhoods that keep messages waiting, see mayRest
	running int
	closed  bool
	woken   uint64 // how often those that rest for a sender were made due
	counts  Counts
}

// job is a message on its way. Only its worker touches it while it is being sent.
type job struct {
	Message
	words  func() (Message, error) // of a draft, until it is composed
	serial uint64                  // the order of acceptance
	cap    time.Duration           // of its pauses

	attempts, rounds int
	sender, reason   string // of the last attempt
	place            string // its neighbourhood, once it rests because of it

	roster    *roster // whose senders the next two speak of, by position
	leftOut   []bool
	notBefore []time.Time

	superseded atomic.Bool // set under the lock
	held       bool        // resting for a sender; guarded by the lock
	woken      uint64      // the lane's, when its round began
}

// outcome is how a round of attempts ended. Without an end: rest and try again.
type outcome struct {
	end            Outcome
	sender, reason string
	rest           time.Duration
	held           bool // it rests for a sender, not for its own pause
}

func newLane(o *Outbox, m Medium) *lane {
	return &lane{o: o, medium: m, empty: make(chan struct{}), resting: make(map[*job]*time.Timer),
		places: make(map[string]int)}
}

func (l *lane) add(j *job) error {
	room := l.o.opt.Capacity
	if j.Series == "" {
		room += room / 4
	}
	switch {
	case l.closed:
		return ErrClosed
	case l.size() >= room:
		l.counts.Refused++
		return ErrQueueFull
	}
	l.counts.Accepted++
	l.ready = append(l.ready, j)
	l.pump()
	return nil
}

func (l *lane) size() int { return len(l.ready) + len(l.resting) + l.running }

// pump starts as many due messages as there are workers for.
func (l *lane) pump() {
	for len(l.ready) > 0 && l.running < l.o.opt.Workers {
		j := l.ready[0]
		l.ready[0] = nil // or the array would keep a sent message alive
		l.ready = l.ready[1:]
		l.running++
		j.woken = l.woken
		go l.work(j)
	}
	if l.closed && l.size() == 0 {
		select {
		case <-l.empty:
		default:
			close(l.empty)
		}
	}
}

// work is one round, without the lock. An end is told before the place in the queue is
// free, so that a slow Done cannot pile up.
func (l *lane) work(j *job) {
	before := j.attempts
	out := outcome{end: OutcomeFailed, reason: "composing"} // if Compose ends the goroutine
	defer func() { l.settle(j, out, j.attempts-before) }()
	defer func() {
		if out.end != "" {
			l.o.tell(j, out)
		}
	}()
	out = l.o.round(j)
	if out.end == "" && (l.o.ctx.Err() != nil || out.held && l.closing()) {
		// Not sent through a sender known to fail, only because time is short: who
		// keeps messages can post it again.
		out = l.o.dropped(j)
	}
}

// drop ends what Close took, without the lock.
func (l *lane) drop(taken []*job) {
	for _, j := range taken {
		out := l.o.dropped(j)
		l.o.tell(j, out)
		l.settle(j, out, 0)
	}
}

// closing takes the lock itself.
func (l *lane) closing() bool {
	l.o.mu.Lock()
	defer l.o.mu.Unlock()
	return l.closed
}

// settle books a round. It takes the lock itself.
func (l *lane) settle(j *job, out outcome, attempts int) {
	l.o.mu.Lock()
	defer l.o.mu.Unlock()
	l.running--
	l.counts.Attempts += uint64(attempts)
	switch {
	case out.end != "":
		l.end(j, out.end)
	case j.superseded.Load(), out.held && (l.closed || l.woken != j.woken):
		l.ready = append(l.ready, j)
	default:
		j.held = out.held
		l.resting[j] = time.AfterFunc(out.rest, func() { l.o.wake(l, j) })
	}
	l.pump()
}

// end counts an end, and forgets the message.
func (l *lane) end(j *job, how Outcome) {
	switch how {
	case OutcomeSent:
		l.counts.Sent++
	case OutcomeFailed:
		l.counts.Failed++
	case OutcomeUncertain:
		l.counts.Uncertain++
	case OutcomeSuperseded:
		l.counts.Superseded++
	case OutcomeDropped:
		l.counts.Dropped++
	}
	if l.o.newest[j.Series] == j {
		delete(l.o.newest, j.Series)
	}
	if j.place == "" {
		return
	}
	if l.places[j.place]--; l.places[j.place] == 0 {
		delete(l.places, j.place)
	}
}

// due makes a resting message due.
func (l *lane) due(j *job) {
	t, ok := l.resting[j]
	if !ok {
		return // it is being sent, or ended
	}
	t.Stop()
	delete(l.resting, j)
	j.held = false
	l.ready = append(l.ready, j)
}

// wakeHeld makes those due that only wait for a sender, the oldest first.
func (l *lane) wakeHeld() {
	l.woken++
	var held []*job
	for j := range l.resting {
		if j.held {
			held = append(held, j)
		}
	}
	slices.SortFunc(held, func(a, b *job) int { return int(a.serial) - int(b.serial) })
	for _, j := range held {
		l.due(j)
	}
	l.pump()
}

// close refuses new messages and makes all resting ones due.
func (l *lane) close() {
	l.closed = true
	for j := range l.resting {
		l.due(j)
	}
	l.pump()
}

// take empties the lane of everything that no worker holds, for Close to end. Its
// messages count as being sent until they have ended.
func (l *lane) take() []*job {
	for j := range l.resting {
		l.due(j)
	}
	taken := l.ready
	l.ready = nil
	l.running += len(taken)
	return taken
}

func (l *lane) stats() Counts {
	c := l.counts
	c.Queued, c.Sending = len(l.ready)+len(l.resting), l.running
	return c
}
