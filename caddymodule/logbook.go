package caddymodule

import (
	"sync"

	"github.com/caddyserver/caddy/v2"
)

// A logbook is what is remembered of decisions, in memory: the newest that were not passes,
// and how many there were. There is one for each store, and it lives across reloads.
type logbook struct {
	mu       sync.Mutex
	people   ring // by people who are signed in
	nobodies ring
	sites    map[string]*tally // by origin
}

const (
	// keptDecisions bounds each of the two rings: about 5 MB with 50 rules.
	keptDecisions = 1000
	// keptOfOne is how many of them may be one account's, so that nobody can push out what
	// others ask about.
	keptOfOne = 50
)

// logbooks has them by the place of the store.
var logbooks = caddy.NewUsagePool()

// holdLogbook takes a reference to the logbook of a place. Each needs one dropLogbook.
func holdLogbook(place string) (*logbook, error) {
	held, _, err := logbooks.LoadOrNew(place, func() (caddy.Destructor, error) {
		return &logbook{sites: make(map[string]*tally)}, nil
	})
	if err != nil {
		return nil, err
	}
	return held.(*logbook), nil
}

func dropLogbook(place string) error {
	_, err := logbooks.Delete(place)
	return err
}

// Destruct implements caddy.Destructor.
func (*logbook) Destruct() error { return nil }

// keep remembers a decision, and forgets an old one where there are too many.
func (l *logbook) keep(d *decided) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.who == nil {
		l.nobodies.add(d, keptDecisions)
		return
	}
	l.people.add(d, keptOfOne)
}

// find returns a decision that is remembered, or nil.
func (l *logbook) find(id string) *decided {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d := l.people.find(id); d != nil {
		return d
	}
	return l.nobodies.find(id)
}

// A ring keeps the newest decisions, oldest first from next on once it is full.
type ring struct {
	all  []*decided
	next int
}

// add remembers d. If so many are the same account's, it takes the place of the oldest of
// them.
func (r *ring) add(d *decided, ofOne int) {
	if d.who != nil {
		own, oldest := 0, -1
		for i := range r.all {
			at := (r.next + i) % len(r.all)
			if other := r.all[at].who; other != nil && other.user == d.who.user {
				if own++; oldest < 0 || r.all[at].at.Before(r.all[oldest].at) {
					oldest = at
				}
			}
		}
		if own >= ofOne {
			r.all[oldest] = d
			return
		}
	}
	if len(r.all) < keptDecisions {
		r.all = append(r.all, d)
		return
	}
	r.all[r.next] = d
	r.next = (r.next + 1) % len(r.all)
}

func (r *ring) find(id string) *decided {
	for _, d := range r.all {
		if d.id == id {
			return d
		}
	}
	return nil
}
