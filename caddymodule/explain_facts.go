package caddymodule

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// decided is what one decision was made of. It is small and holds on to nothing that lives:
// a thousand of them are kept, see [logbook], and most are never looked at. What it comes
// to in words is worked out when somebody asks.
type decided struct {
	id       string
	at       time.Time
	site     string // origin
	method   string
	target   string
	askedFor string
	query    []string // names
	readings []string
	client   ExplainedClient

	who     *decidedPerson // nil: nobody
	risk    policy.Risk
	signals []ExplainedSignal

	// rules are the site's, without their matchers. heard is how each came to speak or
	// not; nil where that was not asked again.
	rules  policy.Policy
	heard  []policy.Hearing
	policy policy.Decision
}

type decidedPerson struct {
	user, email string
	groups      []string
	proof       policy.Proof
	have        policy.Factors
	age         time.Duration // of the session
	device      bool          // known
	network     bool          // known
	failures    int
	client      string
}

// facts notes what a clean request was judged by. It asks the matchers once more, so it is
// for requests that are not let through, and for explanations.
func (s *site) facts(r *http.Request, original arrival, session *flows.Live, j *judgement) (*decided, error) {
	d := s.outline(r, original, session, j)
	if d.askedFor = original.URL.Path; d.askedFor == d.target {
		d.askedFor = ""
	}
	d.query = queryNames(r.URL)
	requests := append([]*http.Request{r}, s.otherReadings(r)...)
	var err error
	if d.heard, err = s.hear(requests, j.risk); err != nil {
		return nil, err
	}
	for _, other := range requests[1:] {
		if path := other.URL.Path; path != d.target && !slices.Contains(d.readings, path) {
			d.readings = append(d.readings, path)
		}
	}
	d.signals, err = s.rules.risk.signals(requests, j.told, session, d.at)
	return d, err
}

// outline is facts without what has to be asked again, cheap enough for strangers to cause.
func (s *site) outline(r *http.Request, original arrival, session *flows.Live, j *judgement) *decided {
	d := &decided{
		at: s.app.now(), site: s.flows.Origin, method: r.Method, target: r.URL.Path,
		client: ExplainedClient{Network: network(r), Trusted: trustedPeer(r)},
		risk:   j.risk, rules: s.rules.policy, policy: j.Decision,
	}
	if session != nil {
		d.who = &decidedPerson{
			user: session.User, email: session.Canonical, groups: session.Groups, proof: session.Proof, have: session.Have,
			age: d.at.Sub(session.Created), device: session.KnownDevice, network: session.FamiliarNetwork(d.client.Network),
			failures: session.RecentFailures(d.at), client: session.Client,
		}
	}
	return d
}

// hear asks each rule whether it speaks for any of the requests that are one and the same.
func (s *site) hear(requests []*http.Request, risk policy.Risk) ([]policy.Hearing, error) {
	questions := make([]policy.Request, len(requests))
	for i, r := range requests {
		questions[i] = remembering(s.question(r, risk))
	}
	heard := make([]policy.Hearing, len(s.rules.policy.Rules))
	for i := range heard {
		for k, q := range questions {
			h, err := s.rules.policy.Rules[i].Hear(q)
			if err != nil {
				return nil, err
			}
			if k == 0 || h.Miss == "" {
				heard[i] = h
			}
			if h.Miss == "" {
				break
			}
		}
	}
	return heard, nil
}

// remembering asks each matcher once: [policy.Rule.Hear] remembers for one rule only.
func remembering(q policy.Request) policy.Request {
	answers, ask := make(map[policy.TargetID]bool), q.In
	q.In = func(id policy.TargetID) (bool, error) {
		if in, known := answers[id]; known {
			return in, nil
		}
		in, err := ask(id)
		if err == nil {
			answers[id] = in
		}
		return in, err
	}
	return q
}

// queryNames are the names of a query's parameters: their values are nobody's business
// but the application's.
func queryNames(u *url.URL) []string {
	var names []string
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		name, _, named := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); named && err == nil { // a value alone may be a secret
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
