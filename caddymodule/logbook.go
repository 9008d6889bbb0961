package caddymodule

import (
	"slices"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
)

// A logbook is what is remembered of decisions, in memory: the newest that were not passes,
// and how many there were. There is one for each store, and it lives across reloads.
type logbook struct {
	mu       sync.Mutex
	people   newest // by people who are signed in
	nobodies newest
	sites    map[string]*tally // by origin
}

const (
	// keptDecisions bounds each of the two lists: about 5 MB with 50 rules.
	keptDecisions = 1000
	// keptOfOne is how many of them may be one account's, so that nobody can push out what
	// others ask about.
	keptOfOne = 50

	// How much is kept of what clients write.
	keptText     = 512
	keptReadings = 4
	keptNames    = 32
	keptName     = 64
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
	d.clip()
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.who == nil {
		l.nobodies.add(d, keptDecisions) // whose they are nobody knows
		return
	}
	l.people.add(d, keptOfOne)
}

// clip bounds what a client has a say in, and lets go of the request that it was part of.
func (d *decided) clip() {
	clip := func(text *string, most int) {
		if len(*text) > most {
			*text = strings.ToValidUTF8((*text)[:most], "") + "…"
		}
		*text = strings.Clone(*text)
	}
	clip(&d.method, 32)
	clip(&d.target, keptText)
	clip(&d.askedFor, keptText)
	d.readings = d.readings[:min(len(d.readings), keptReadings)]
	for i := range d.readings {
		clip(&d.readings[i], keptText)
	}
	d.query = d.query[:min(len(d.query), keptNames)]
	for i := range d.query {
		clip(&d.query[i], keptName)
	}
	for i := range d.signals {
		clip(&d.signals[i].Value, keptName)
	}
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

// newest are the newest decisions, oldest first: all about people, or none.
type newest struct{ all []*decided }

// add remembers d. If so many are the same account's, its oldest goes; if there are too
// many in all, the oldest of whoever has the most: some accounts must not push out what
// is remembered of all the others.
func (r *newest) add(d *decided, ofOne int) {
	switch {
	case d.who == nil:
		if len(r.all) >= keptDecisions {
			r.all = slices.Delete(r.all, 0, 1)
		}
	case r.count(d.who.user) >= ofOne:
		r.dropOldest(d.who.user)
	case len(r.all) >= keptDecisions:
		r.dropOldest(r.busiest())
	}
	r.all = append(r.all, d)
}

func (r *newest) count(user string) (n int) {
	for _, d := range r.all {
		if d.who.user == user {
			n++
		}
	}
	return n
}

// busiest is the account of which most is remembered.
func (r *newest) busiest() (user string) {
	counts := make(map[string]int)
	for _, d := range r.all {
		counts[d.who.user]++
		if counts[d.who.user] > counts[user] {
			user = d.who.user
		}
	}
	return user
}

func (r *newest) dropOldest(user string) {
	if i := slices.IndexFunc(r.all, func(d *decided) bool { return d.who.user == user }); i >= 0 {
		r.all = slices.Delete(r.all, i, i+1)
	}
}

func (r *newest) find(id string) *decided {
	for _, d := range r.all {
		if d.id == id {
			return d
		}
	}
	return nil
}
