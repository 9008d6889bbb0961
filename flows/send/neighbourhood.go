package send

import (
	"slices"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

const (
	// Of the queue, what may rest on account of one neighbourhood's slowness.
	restingShare = 20 // a twentieth
	restingLeast = 10
	// refusedAll is how many neighbourhoods in a row a sender refuses when it has to be
	// thought that it refuses everybody.
	refusedAll = 5
)

// neighbourhood is who a message goes to, as coarsely as somebody who chooses recipients
// chooses them at no cost: a mail domain as registered, since names below it are free, or
// a number without its last four digits.
func neighbourhood(m Message) string {
	if m.Medium == SMS {
		return m.To[:max(len(m.To)-4, 0)]
	}
	domain := m.To[strings.LastIndexByte(m.To, '@')+1:]
	if strings.HasPrefix(domain, "[") {
		return "[" // an address instead of a name
	}
	if a, err := idna.Lookup.ToASCII(domain); err == nil {
		domain = a
	}
	return registered(strings.ToLower(strings.TrimSuffix(domain, ".")))
}

// registered is the part of a domain that somebody has registered with a registry. Hosts
// of free names below their own are one neighbourhood, whatever a browser makes of them.
func registered(domain string) string {
	suffix, byRegistry := publicsuffix.PublicSuffix(domain)
	for !byRegistry && strings.Contains(suffix, ".") {
		_, suffix, _ = strings.Cut(suffix, ".")
		suffix, byRegistry = publicsuffix.PublicSuffix(suffix)
	}
	below, ok := strings.CutSuffix(domain, "."+suffix)
	if !ok {
		return domain
	}
	return below[strings.LastIndexByte(below, '.')+1:] + "." + suffix
}

// mayRest gives a message that its recipient's side keeps waiting a place to rest, which
// it keeps to its end; or says that too many rest there already, while the queue is half
// full. Else whoever owns one slow domain could fill it with messages to it.
func (o *Outbox) mayRest(j *job) bool {
	if j.place != "" {
		return true
	}
	at := neighbourhood(j.Message)
	o.mu.Lock()
	defer o.mu.Unlock()
	l := o.lanes[j.Medium]
	if l.places[at] >= max(o.opt.Capacity/restingShare, restingLeast) && l.size() > o.opt.Capacity/2 {
		return false
	}
	l.places[at]++
	j.place = at
	return true
}

// refuses reports whether the provider would not serve this recipient. What a sender says
// without asking it counts for nothing, nor does that a recipient does not exist: people
// can make it say either at will.
func (v verdict) refuses() bool { return v.asked && v.about && v.kind == Blocked }

// refusals are the neighbourhoods that a sender has refused since it last took a message.
type refusals []string

// hear takes in a verdict about somebody at a place, and reports whether the sender seems
// to refuse everybody, upon which it counts anew.
func (r *refusals) hear(v verdict, at string) (everybody bool) {
	switch {
	case v.taken:
		*r = nil
	case v.refuses() && !slices.Contains(*r, at):
		*r = append(*r, at)
	}
	if len(*r) < refusedAll {
		return false
	}
	*r = nil
	return true
}
