package send

import (
	"context"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"slices"
	"time"
)

// watched is a sender of one configuration with what is known of its health. All but
// Named is guarded by the outbox's lock. Circuits go by the machine's own clock, as
// pauses do, which no change of the date moves.
type watched struct {
	Named
	circuit circuit
	refused refusals
	hung    int  // calls that did not come back in time, and have not since
	gone    bool // exchanged: what its last attempts find is no news of its successor
	stat    *SenderStat
}

// roster is one configuration's senders. Its address tells configurations apart.
type roster struct{ by map[Medium][]*watched }

// SenderStat is one sender's numbers, since it was first configured.
type SenderStat struct {
	Name      string // as configured; a second one of that name has " #2" after it
	Medium    Medium
	Sent      uint64 // accepted by the provider
	Failed    uint64 // refused, not reached, or failed in any other way that is certain
	Uncertain uint64 // the answer got lost
	Open      bool   // now: left aside, but for a message that finds out
}

// Use exchanges all senders at once, as a reload of the configuration does. Queued
// messages stay and go to the new senders; an attempt under way is left to finish. A
// sender that has the name of one before it inherits its numbers, and if it was made
// alike, too (see [Named]), what is known of its health.
func (o *Outbox) Use(senders map[Medium][]Named) {
	r := &roster{by: make(map[Medium][]*watched, len(senders))}
	o.mu.Lock()
	defer o.mu.Unlock()
	for m, named := range senders {
		seen := make(map[string]int)
		for _, n := range named {
			seen[n.Name]++
			label := n.Name
			if k := seen[n.Name]; k > 1 {
				label = fmt.Sprintf("%s #%d", n.Name, k)
			}
			w := &watched{Named: n, stat: &SenderStat{Name: label, Medium: m}}
			for _, before := range o.roster.by[m] {
				if before.stat.Name != label {
					continue
				}
				w.stat = before.stat
				if before.Made == n.Made {
					w.circuit, w.refused = before.circuit.inherited(), slices.Clone(before.refused)
				}
			}
			r.by[m] = append(r.by[m], w)
		}
	}
	for _, all := range o.roster.by {
		for _, w := range all {
			w.gone = true
		}
	}
	o.roster = r
	for _, l := range o.lanes {
		l.wakeHeld()
	}
}

// Down reports whether no sender of the medium works at present: there is none, or
// messages rest until one of those left aside may be tried.
func (o *Outbox) Down(m Medium) bool {
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, w := range o.roster.by[m] {
		if w.hung == 0 && !w.circuit.down(now) {
			return false
		}
	}
	return true
}

// SenderStats returns the numbers of the senders in use, mail first, as configured.
func (o *Outbox) SenderStats() []SenderStat {
	o.mu.Lock()
	defer o.mu.Unlock()
	var stats []SenderStat
	for _, m := range media {
		for _, w := range o.roster.by[m] {
			s := *w.stat
			s.Open = w.circuit.open() || w.hung > 0
			stats = append(stats, s)
		}
	}
	return stats
}

// senders are those of a medium, now. The slice is never written again.
func (o *Outbox) senders(m Medium) (*roster, []*watched) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.roster, o.roster.by[m]
}

func (o *Outbox) admit(w *watched) (ticket uint64, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if w.hung > 0 {
		return 0, false
	}
	return w.circuit.admit(time.Now())
}

// hear takes in the end of an admitted attempt.
func (o *Outbox) hear(w *watched, m Message, ticket uint64, v verdict) {
	at := "" // found without the lock: it reads what somebody typed in
	if v.refuses() {
		at = neighbourhood(m)
	}
	o.mu.Lock()
	switch {
	case v.unasked:
	case v.taken:
		w.stat.Sent++
	case v.kind == Uncertain:
		w.stat.Uncertain++
	default:
		w.stat.Failed++
	}
	now, n, wait := time.Now(), v.news(), v.wait
	if w.refused.hear(v, at) {
		n, wait = barred, 0 // how long is said of the message
	}
	t := w.circuit.hear(n, ticket, wait, now, mathrand.Float64())
	if t == closed || t == freed {
		o.lanes[m.Medium].wakeHeld()
	}
	gone, left := w.gone, w.circuit.until.Sub(now)
	o.mu.Unlock()

	about := []slog.Attr{slog.String("sender", w.Name), slog.String("medium", string(m.Medium))}
	switch {
	case gone:
	case t == opened:
		o.opt.Log.LogAttrs(context.Background(), slog.LevelWarn, "sender left aside: it does not work", append(about,
			slog.String("reason", v.reason), slog.String("until_tried_again", left.Round(time.Second).String()))...)
	case t == closed:
		o.opt.Log.LogAttrs(context.Background(), slog.LevelInfo, "sender works again", about...)
	}
}

// earliest is how long it takes until a sender may be asked for this message; ok is
// false if none ever may.
func (o *Outbox) earliest(j *job, senders []*watched) (d time.Duration, ok bool) {
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, w := range senders {
		if j.leftOut[i] {
			continue
		}
		at := j.notBefore[i]
		if u := w.circuit.until; u.After(at) {
			at = u
		}
		if w.hung > 0 || w.circuit.probe != 0 {
			// Its end wakes whoever waits; this is for when it is a bad one.
			if u := now.Add(o.opt.AttemptTimeout); u.After(at) {
				at = u
			}
		}
		if left := max(0, at.Sub(now)); !ok || left < d {
			d, ok = left, true
		}
	}
	return d, ok
}
