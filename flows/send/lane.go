package send

import (
	"sync"
	"time"
)

// lane is the queue of one medium. Media share nothing, so that one that hangs cannot
// hold up the other.
type lane struct {
	o      *Outbox
	medium Medium
	empty  chan struct{} // closed once the lane is closed and holds nothing

	mu      sync.Mutex
	ready   []*job               // in the order in which they became due
	resting map[*job]*time.Timer // between two rounds
	running int
	closed  bool
	counts  Counts
}

// job is a message on its way. Only its worker touches it while it is being sent.
type job struct {
	Message
	attempts int
	rounds   int
	roster   *roster // whose senders blocked speaks of
	blocked  []bool  // by position in the roster
}

// outcome is how a round of attempts ended: sent, given up, or rest and try again.
type outcome struct {
	end  ending
	rest time.Duration
}

type ending uint8

const (
	again ending = iota
	sent
	failed
	calledOff
)

func newLane(o *Outbox, m Medium) *lane {
	return &lane{o: o, medium: m, empty: make(chan struct{}), resting: make(map[*job]*time.Timer)}
}

func (l *lane) add(j *job) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return ErrClosed
	case l.held() >= l.o.opt.Capacity:
		l.counts.Refused++
		return ErrQueueFull
	}
	l.counts.Accepted++
	l.ready = append(l.ready, j)
	l.pump()
	return nil
}

func (l *lane) held() int { return len(l.ready) + len(l.resting) + l.running }

// pump starts as many due messages as there are workers for. The caller holds mu.
func (l *lane) pump() {
	for len(l.ready) > 0 && l.running < l.o.opt.Workers {
		j := l.ready[0]
		l.ready[0] = nil // or the array would keep a sent message alive
		l.ready = l.ready[1:]
		l.running++
		go l.work(j)
	}
	if l.closed && l.held() == 0 {
		select {
		case <-l.empty:
		default:
			close(l.empty)
		}
	}
}

func (l *lane) work(j *job) {
	before := j.attempts
	out := l.o.round(j)
	if out.end == again && l.o.ctx.Err() != nil {
		l.o.logDropped(j)
		out.end = calledOff
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	l.running--
	l.counts.Attempts += uint64(j.attempts - before)
	switch out.end {
	case sent:
		l.counts.Sent++
	case failed:
		l.counts.Failed++
	case calledOff:
		l.counts.Dropped++
	case again:
		l.resting[j] = time.AfterFunc(out.rest, func() { l.wake(j) })
	}
	l.pump()
}

// wake makes a resting message due. It may come after Close took the message away.
func (l *lane) wake(j *job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.resting[j]; !ok {
		return
	}
	delete(l.resting, j)
	l.ready = append(l.ready, j)
	l.pump()
}

// close refuses new messages and makes all resting ones due.
func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for j, t := range l.resting {
		t.Stop()
		delete(l.resting, j)
		l.ready = append(l.ready, j)
	}
	l.pump()
}

// drop gives up everything that no worker holds.
func (l *lane) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for j, t := range l.resting {
		t.Stop()
		l.ready = append(l.ready, j)
	}
	clear(l.resting)
	for _, j := range l.ready {
		l.counts.Dropped++
		l.o.logDropped(j)
	}
	l.ready = nil
	l.pump()
}

func (l *lane) stats() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counts
	c.Queued, c.Sending = len(l.ready)+len(l.resting), l.running
	return c
}
