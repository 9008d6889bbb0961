package caddymodule

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// A judgement is what a clean request must prove, and what it was judged by.
type judgement struct {
	policy.Decision
	risk policy.Risk
	told told // what the risk was read from
	// cookies is the Cookie header as the request came with it, ours included: secrets,
	// for whoever must find out more about a request that is not let through.
	cookies string
	form    *submission // what is known of a form; nil: the request is none
}

// asItCame is a request with nothing but the cookies that the judged one had before it was
// cleaned, for what reads cookies from a request.
func (j judgement) asItCame() *http.Request {
	return &http.Request{Header: http.Header{"Cookie": {j.cookies}}}
}

// judge says what a clean request by somebody must prove. said is what its headers told of
// the risk before cleaning; who is nil where nobody is signed in. Where the site lets
// through targets that servers read differently, every reading is judged and the strictest
// wins; so is GET for a HEAD, which must not find out for less what a GET would show.
func (s *site) judge(r *http.Request, said policy.Risk, who *flows.Live) (judgement, error) {
	others := s.otherReadings(r)
	risk, err := s.rules.risk.of(r, said, who, s.app.now())
	for i := 0; i < len(others) && err == nil; i++ {
		risk, err = s.rules.risk.of(others[i], risk, who, s.app.now())
	}
	if err != nil {
		return judgement{Decision: policy.Decision{Demand: policy.Never}}, err
	}
	j := judgement{risk: risk}
	if j.Decision, err = s.decideAs(r, risk, who); err != nil {
		return j, err
	}
	for _, other := range others {
		also, err := s.decideAs(other, risk, who)
		if err != nil {
			return judgement{Decision: policy.Decision{Demand: policy.Never}}, err
		}
		// A reading that is public takes nothing away from one that is not.
		j.Demand = j.Demand.Join(also.Demand)
		j.Why, j.Reported = j.Why.Join(also.Why), j.Reported.Join(also.Reported)
		j.Stranger = j.Stranger || also.Stranger
	}
	return j, nil
}

// otherReadings are the requests as which a clean request must be judged as well.
func (s *site) otherReadings(r *http.Request) (others []*http.Request) {
	if s.hygiene.OneReading() && r.Method != http.MethodHead && r.Method != http.MethodConnect && !oddQuery(r.URL.RawQuery) {
		return nil // nearly every request
	}
	readings, methods, queries := s.hygiene.Readings(r.URL), methodsOf(r), queriesOf(r)
	if len(methods) == 1 && len(queries) == 1 && len(readings) <= 1 {
		return nil
	}
	if len(readings) == 0 {
		readings = []string{r.URL.Path}
	}
	for _, path := range readings {
		for _, method := range methods {
			for _, query := range queries {
				if path == r.URL.Path && method == r.Method && query == r.URL.RawQuery {
					continue
				}
				other := r.Clone(r.Context())
				other.Method, other.URL = method, &url.URL{Path: path, RawQuery: query}
				others = append(others, ownPlaceholders(other))
			}
		}
	}
	return others
}

// queriesOf are the queries by which a request is judged. Go reads nothing of a query that
// it cannot read as a whole, and so do matchers; applications read what they can of it.
func queriesOf(r *http.Request) []string {
	query := r.URL.RawQuery
	if !oddQuery(query) {
		return []string{query}
	}
	if _, err := url.ParseQuery(query); err == nil {
		return []string{query}
	}
	var readable strings.Builder
	for i := range len(query) {
		switch _, err := url.QueryUnescape(query[i:min(i+3, len(query))]); {
		case query[i] == ';':
			readable.WriteByte('&')
		case query[i] == '%' && err != nil:
			readable.WriteString("%25")
		default:
			readable.WriteByte(query[i])
		}
	}
	return []string{query, readable.String()}
}

// oddQuery reports whether a query may be one that Go cannot read as a whole.
func oddQuery(query string) bool { return strings.ContainsAny(query, "%;") }

// ownPlaceholders has the placeholders of a request that is another's reading tell of its
// own method and target, and of everything else what the original's tell.
func ownPlaceholders(r *http.Request) *http.Request {
	ctx := r.Context()
	server, _ := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	original, ok := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return r
	}
	own, both := caddy.NewReplacer(), caddy.NewEmptyReplacer()
	caddyhttp.PrepareRequest(r, own, nil, server)
	both.Map(func(key string) (any, bool) {
		if key == "http.request.method" || strings.HasPrefix(key, "http.request.uri") {
			return own.Get(key)
		}
		return original.Get(key)
	})
	return r.WithContext(context.WithValue(ctx, caddy.ReplacerCtxKey, both))
}

// methodsOf are the methods by which a request is judged.
func methodsOf(r *http.Request) []string {
	if r.Method == http.MethodHead || r.Method == http.MethodConnect { // which becomes a GET
		return []string{r.Method, http.MethodGet}
	}
	return []string{r.Method}
}

func (s *site) decideAs(r *http.Request, risk policy.Risk, who *flows.Live) (policy.Decision, error) {
	q := s.question(r, risk)
	if who != nil {
		q.Person = personOf(&who.Session)
	}
	return s.rules.policy.Decide(q)
}

// question is a request as package policy sees it, by nobody.
func (s *site) question(r *http.Request, risk policy.Risk) policy.Request {
	return policy.Request{Risk: risk, In: s.rules.in(r)}
}

// personOf is what rules may know of somebody.
func personOf(session *flows.Session) *policy.Person {
	_, domain, _ := strings.Cut(session.Canonical, "@")
	return &policy.Person{Email: session.Canonical, Domain: domain, Groups: session.Groups}
}

// label is what people are told they are opening: the label of the first target that
// made a rule demand something of the request.
func (s *site) label(r *http.Request, j judgement) string {
	for i := range j.Why.All() {
		rule := &s.rules.policy.Rules[i]
		if rule.Verb != policy.Require || j.Demand.HasOnce() && !rule.Demand.HasOnce() {
			continue // what is approved is named by the rule that wants it approved
		}
		for _, id := range rule.On {
			label := s.rules.policy.Targets[id].Label
			if label == "" {
				continue
			}
			if ok, err := s.rules.targets[id].AnyMatchWithError(r); ok && err == nil {
				return label
			}
		}
	}
	return ""
}

// ruleNames are the names of rules, for logs and explanations.
func (s *site) ruleNames(rules policy.RuleSet) []string {
	names := []string{}
	for i := range rules.All() {
		names = append(names, s.rules.policy.Rules[i].Name)
	}
	return names
}
