package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/stepgate/stepgate/caddymodule/hygiene"
	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// The laws of the rules as people write them: over random rule sets, with risk, conditions
// and reports, and random requests by random people.

const lawSite = `{
	servers {
		trusted_proxies static 127.0.0.0/8
		trusted_proxies_strict
	}
	stepgate {
		store memory
		email inbox
		sms inbox
	}
}
http://localhost {
	@post {
		method POST
		path /a/* /b
	}
	@listed header X-Listed yes
	@get method GET
	@cel ` + "`path('/b', '/c/*') && {method} != 'DELETE'`" + `
	@unlike not path /admin /admin/*
	@staff vars {http.auth.user.groups} staff
	stepgate {
		sensitivity admin /admin /admin/*
		sensitivity mixed @cel /a/x
		risk {
			header X-Risk-Score low 10 medium 40 high 80
			header X-Risk-Word none calm medium odd high bad missing low
			new_device low
			new_network medium
			recent_failures 3 medium
			session_age 8h high
			match @listed low
			missing high
		}
		require session on admin mixed
		require session when risk low
		%s
	}
	respond "in"
}`

type lawRules struct{ *rand.Rand }

func (r lawRules) pick(words ...string) string { return words[r.IntN(len(words))] }

// rule is a line of a site that is not public.
func (r lawRules) rule() string {
	line := r.pick("", "", "", "report ") + r.pick("deny", "require session within 1h", "require password within 1h", "require otp", "require otp within 15m",
		"require otp sms within 5m", "require otp email", "require otp within once", "only group staff board", "only user dana@example.com", "only domain example.com")
	on := r.pick("on admin", "on mixed /c/*", "on /a/* /a", "on @post", "on @listed admin", "on @cel", "on @get", "on @unlike", "on *")
	return line + " " + on + r.pick("", "", " when risk medium", " when risk high @unlike", " when @listed", " when @staff", " when @get risk low")
}

func (r lawRules) public() string {
	return "public " + r.pick("on /a/* /a", "on @listed", "on @post", "on mixed", "on @get", "on *") + r.pick("", "", " when @listed")
}

// rules are some lines, public ones among them.
func (r lawRules) rules() (lines []string) {
	for range r.IntN(6) {
		if r.IntN(4) == 0 {
			lines = append(lines, r.public())
		} else {
			lines = append(lines, r.rule())
		}
	}
	return lines
}

// lawRequest is a request that can be made more than once.
type lawRequest struct {
	method, path string
	header       http.Header
	who          *flows.Live
	peer         string // default: a trusted proxy
}

func (r lawRules) request(now time.Time) lawRequest {
	q := lawRequest{
		method: r.pick("GET", "GET", "POST", "HEAD", "DELETE"),
		path:   r.pick("/", "/admin", "/admin/x", "/a/x", "/a", "/b", "/c/d", "/other") + r.pick("", "?q=1"),
		header: http.Header{"X-Listed": {r.pick("yes", "no")}},
	}
	q.header.Set("X-Risk-Score", r.pick("0", "15", "55", "90", "nan", "-1"))
	if r.IntN(2) == 0 {
		q.header.Set("X-Risk-Word", r.pick("calm", "odd", "bad", "what"))
	}
	if r.IntN(4) == 0 {
		return q
	}
	q.who = &flows.Live{Session: flows.Session{
		SID: "sid", User: "user", Canonical: r.pick("dana@example.com", "eli@example.org"), KnownDevice: r.IntN(2) == 0,
		Created: now.Add(-time.Duration(r.IntN(10)) * time.Hour), Ends: now.Add(time.Hour), LastSeen: now,
	}}
	if r.IntN(2) == 0 {
		q.who.Networks = []string{"127.0.0.0/24"}
	}
	if r.IntN(2) == 0 {
		q.who.Groups = []string{r.pick("staff", "visitors")}
	}
	for range r.IntN(6) {
		q.who.Failures = append(q.who.Failures, now.Unix()-60)
	}
	for _, f := range policy.All().Slice() {
		if r.IntN(2) == 0 {
			q.who.Proof = q.who.Proof.With(f, now.Add(-time.Duration(r.IntN(90))*time.Minute))
		}
	}
	return q
}

// judged is what a site demands of a request: Never, if it does not even take it.
func (s *testSite) judged(t *testing.T, q lawRequest) policy.Demand {
	t.Helper()
	in := httptest.NewRequest("GET", q.path, nil)
	in.Method, in.Host, in.RemoteAddr, in.Header = q.method, "localhost", cmp.Or(q.peer, "127.0.0.1:5000"), q.header.Clone()
	repl := caddy.NewReplacer()
	in = caddyhttp.PrepareRequest(in, repl, nil, s.Handler.(*caddyhttp.Server))
	site := s.handlers[0].sites[0]
	said := site.rules.risk.said(in)
	if err := site.hygiene.Clean(in, q.path); err != nil {
		if !errors.As(err, new(*hygiene.Refusal)) {
			t.Fatal(err)
		}
		return policy.Never
	}
	newPerson(repl).set(q.who)
	j, err := site.judge(in, said, q.who)
	if err != nil {
		t.Fatal(err)
	}
	return j.Demand
}

// forSites runs a test on sites with random rules.
func forSites(t *testing.T, n int, test func(t *testing.T, r lawRules, rules []string, now time.Time)) {
	for i := range n {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			r := lawRules{rand.New(rand.NewPCG(seed, 0))}
			rules := r.rules()
			defer func() {
				if t.Failed() {
					t.Logf("seed %d, rules:\n\t%s", seed, strings.Join(rules, "\n\t"))
				}
			}()
			test(t, r, rules, newTestClock().Now())
		})
	}
}

func lawfulSite(t *testing.T, rules []string) *testSite {
	t.Helper()
	return newSite(t, fmt.Sprintf(lawSite, strings.Join(rules, "\n\t\t")))
}

func TestAddingALineThatIsNotPublicNeverLetsMoreThrough(t *testing.T) {
	t.Parallel()
	forSites(t, 25, func(t *testing.T, r lawRules, rules []string, now time.Time) {
		added := r.rule()
		before := lawfulSite(t, rules)
		after := lawfulSite(t, slices.Insert(slices.Clone(rules), r.IntN(len(rules)+1), added))
		for range 200 {
			q := r.request(now)
			less, more := before.judged(t, q), after.judged(t, q)
			if more.Join(less) != more {
				t.Fatalf("adding %q turned %v into %v for %+v", added, less, more, q)
			}
		}
	})
}

func TestNoDisguiseOfARequestLowersWhatItDemands(t *testing.T) {
	t.Parallel()
	disguises := map[string]func(*lawRequest){
		"another query":            func(q *lawRequest) { q.path, _, _ = strings.Cut(q.path, "?"); q.path += "?admin=0&risk=none" },
		"an unlisted header":       func(q *lawRequest) { q.header.Set("X-Forwarded-For", "127.0.0.1"); q.header.Set("X-Unlisted", "yes") },
		"a spelling with _":        func(q *lawRequest) { q.header["X_Risk_Score"] = []string{"0"}; q.header["X_Listed"] = []string{"yes"} },
		"a spelling in lower case": func(q *lawRequest) { q.header["x-risk-score"] = []string{"0"} },
		"a second risk":            func(q *lawRequest) { q.header.Add("X-Risk-Score", "0") },
		"a second risk before":     func(q *lawRequest) { q.header["X-Risk-Score"] = append([]string{"0"}, q.header["X-Risk-Score"]...) },
		"a risk of its own":        func(q *lawRequest) { q.peer = "203.0.113.7:5000"; q.header.Set("X-Risk-Score", "0") },
		"no number":                func(q *lawRequest) { q.header.Set("X-Risk-Score", "1e0") },
		"no word":                  func(q *lawRequest) { q.header.Set("X-Risk-Word", "calm, odd"); q.header.Set("X-Risk-Score", "") },
		"no risk at all":           func(q *lawRequest) { q.header.Del("X-Risk-Score") },
		"the method in lower case": func(q *lawRequest) { q.method = strings.ToLower(q.method) },
		"HEAD for GET": func(q *lawRequest) {
			if q.method == "GET" {
				q.method = "HEAD"
			}
		},
		"an override of the method": func(q *lawRequest) { q.header.Set("X-HTTP-Method-Override", "GET") },
		"letters in another case": func(q *lawRequest) {
			path, query, asked := strings.Cut(q.path, "?")
			if q.path = strings.ToUpper(path); asked {
				q.path += "?" + query
			}
		},
		"escapes": func(q *lawRequest) {
			q.path = strings.NewReplacer("/admin", "/%61dmin", "/a/", "/%61/", "/b", "/%62", "/c/", "/%63/").Replace(q.path)
		},
	}
	forSites(t, 25, func(t *testing.T, r lawRules, rules []string, now time.Time) {
		site := lawfulSite(t, rules)
		for range 60 {
			q := r.request(now)
			plain := site.judged(t, q)
			for name, disguise := range disguises {
				d := q
				d.header = q.header.Clone()
				disguise(&d)
				if strings.Contains(name, "case") && strings.Contains(strings.Join(rules, "\n"), "@cel") {
					continue // what CEL compares is the operator's to say
				}
				if got := site.judged(t, d); got.Join(plain) != got {
					t.Fatalf("%s turned %v into %v for %+v", name, plain, got, q)
				}
			}
		}
	})
}

func TestARisenRiskNeverLowersWhatARequestDemands(t *testing.T) {
	t.Parallel()
	forSites(t, 15, func(t *testing.T, r lawRules, rules []string, now time.Time) {
		rules = slices.DeleteFunc(rules, func(rule string) bool { return strings.HasPrefix(rule, "public") && strings.Contains(rule, "when") })
		site := lawfulSite(t, rules)
		for range 200 {
			q := r.request(now)
			plain := site.judged(t, q)
			q.header = q.header.Clone()
			q.header.Set("X-Risk-Score", "99")
			if got := site.judged(t, q); got.Join(plain) != got {
				t.Fatalf("a higher risk turned %v into %v for %+v", plain, got, q)
			}
		}
	})
}
