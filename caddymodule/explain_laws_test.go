package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// factsOf explains a request of the laws, and says what was judged.
func (s *testSite) factsOf(t *testing.T, q lawRequest) (*decided, *judgement) {
	t.Helper()
	in := httptest.NewRequest("GET", q.path, nil)
	in.Method, in.Host, in.RemoteAddr, in.Header = q.method, "localhost", "127.0.0.1:5000", q.header.Clone()
	repl := caddy.NewReplacer()
	in = caddyhttp.PrepareRequest(in, repl, nil, s.Handler.(*caddyhttp.Server))
	original := originalOf(in)
	site := s.handlers[0].sites[0]
	said, told := site.rules.risk.said(in), site.rules.risk.told(in)
	if err := site.hygiene.Clean(in, original.RequestURI); err != nil {
		t.Fatal(err)
	}
	newPerson(repl).set(q.who)
	j, err := site.judge(in, said, q.who)
	if err != nil {
		t.Fatal(err)
	}
	j.told = told
	d, err := site.facts(in, original, q.who, &j)
	if err != nil {
		t.Fatal(err)
	}
	return d, &j
}

func TestTheRulesThatAnExplanationNamesJoinToWhatWasJudged(t *testing.T) {
	t.Parallel()
	forSites(t, 25, func(t *testing.T, r lawRules, rules []string, now time.Time) {
		s := lawfulSite(t, rules)
		for range 200 {
			q := r.request(now)
			d, j := s.factsOf(t, q)
			e := d.explanation()
			var joined policy.Demand
			var risk policy.Risk
			public := false
			for i, rule := range e.Rules {
				compiled := &d.rules.Rules[i]
				switch {
				case rule.Rule != compiled.Name:
					t.Fatalf("rule %d is called %s and not %s", i, rule.Rule, compiled.Name)
				case (rule.Outcome == "hit") != j.Why.Has(i), (rule.Outcome == "report") != j.Reported.Has(i), rule.Why == "":
					t.Fatalf("rule %s: %+v, for %+v", rule.Rule, rule, q)
				case rule.Outcome == "hit":
					joined = joined.Join(d.asks(compiled))
					public = public || compiled.Verb == policy.Public
				}
			}
			if !public {
				joined = joined.Join(policy.Floor)
			}
			if partly := public && joined != j.Demand; partly != (len(e.Notes) > 0) || partly && (joined.Join(policy.Floor) != j.Demand || q.method != "HEAD") {
				t.Fatalf("the rules that were named come to %v, and %v was judged, with the notes %q, for %+v", joined, j.Demand, e.Notes, q)
			}
			for _, signal := range e.Risk.Signals {
				band, ok := policy.ParseRisk(signal.Band)
				if risk = max(risk, band); !ok {
					t.Fatalf("signal %+v", signal)
				}
			}
			if risk != j.risk || e.Risk.Band != risk.String() {
				t.Fatalf("the signals come to %v, and %v was judged, for %+v: %+v", risk, j.risk, q, e.Risk)
			}
		}
	})
}

// happened is the verdict that an answer of the gateway shows.
func happened(t *testing.T, p *page) verdict {
	t.Helper()
	switch {
	case p.StatusCode == http.StatusOK && p.body == "in":
		return verdictPass
	case p.StatusCode == http.StatusSeeOther && strings.HasPrefix(p.location, "/.auth/sign-in"), strings.Contains(p.body, `"login_required"`):
		return verdictSignIn
	case p.StatusCode == http.StatusSeeOther && strings.HasPrefix(p.location, "/.auth/step-up"), strings.Contains(p.body, `"insufficient_user_authentication"`):
		return verdictStepUp
	case p.StatusCode == http.StatusForbidden:
		return verdictRefuse
	case p.StatusCode == http.StatusBadRequest:
		return verdictBadTarget
	}
	t.Fatalf("%d to %q: %s", p.StatusCode, p.location, p.body)
	return ""
}

// sid names the browser's sign-in.
func (s *testSite) sid(t *testing.T, b *browser) string {
	t.Helper()
	live, err := s.app.live.Load().engine.Authenticate(t.Context(), s.origin, b.session().Value)
	if err != nil || live == nil {
		t.Fatalf("%v, %v", live, err)
	}
	return live.SID
}

func TestWhatIsExplainedIsWhatHappens(t *testing.T) {
	t.Parallel()
	forSites(t, 12, func(t *testing.T, r lawRules, rules []string, _ time.Time) {
		s := lawfulSite(t, rules)
		people := []*browser{s.browser(t), s.browser(t), s.browser(t)}
		s.signUp(people[1], "eli@example.org", "/")
		s.signUp(people[2], dana, "/")
		if err := s.app.live.Load().engine.SetGroups(t.Context(), dana, []string{"staff"}); err != nil && !errors.Is(err, flows.ErrNoAccount) {
			t.Fatal(err)
		}
		for i := range 60 {
			q := r.request(s.clock.Now())
			if i%10 == 0 {
				q.path = "/admin/..;/x"
			}
			b := people[i%3]
			in := b.request(q.method, q.path, nil)
			in.Header = q.header.Clone()
			in.Header.Set("Sec-Fetch-Mode", r.pick("navigate", "cors"))
			ask := Question{Method: q.method, URL: s.origin + q.path, Header: in.Header, From: "127.0.0.1"}
			x := &imagined{Question: ask}
			if b.session() != nil { // else the rules ask for more than a code by mail, already to sign up
				x.Session = s.sid(t, b)
				var err error
				if x.session, err = s.app.live.Load().engine.SessionNamed(t.Context(), x.Session); err != nil {
					t.Fatal(err)
				}
			}
			e, err := imagine(t.Context(), s.httpApp(t), x)
			if err != nil {
				t.Fatal(err)
			}
			real := b.do(in)
			if q.method == "HEAD" && real.StatusCode != http.StatusSeeOther && e.Answer.Verdict != "refuse" {
				continue // an answer without a body says too little
			}
			if got := happened(t, real); string(got) != e.Answer.Verdict {
				t.Fatalf("%s %s: %s happened, and explained was\n%s", q.method, q.path, got, e.text(t))
			}
			if real.decision != "" {
				compareWithRecorded(t, s, real.decision, e)
			}
			s.clock.advance(time.Duration(r.IntN(120)) * time.Second)
		}
	})
}

// compareWithRecorded holds what was kept of a decision against what was imagined.
func compareWithRecorded(t *testing.T, s *testSite, id string, imagined *Explanation) {
	t.Helper()
	d := s.app.logbook.find(id)
	if d == nil {
		t.Fatalf("decision %s is not kept", id)
	}
	kept := d.explanation()
	if kept.Decision != id || kept.Answer.Verdict != imagined.Answer.Verdict || kept.Demand != imagined.Demand || kept.Risk.Band != imagined.Risk.Band ||
		kept.Target != imagined.Target || !slices.Equal(kept.Missing, imagined.Missing) {
		t.Fatalf("kept was\n%s\nimagined was\n%s", kept.text(t), imagined.text(t))
	}
	if kept.Person == nil {
		return
	}
	if got, want := fmt.Sprint(kept.Rules, kept.Risk, kept.Person), fmt.Sprint(imagined.Rules, imagined.Risk, imagined.Person); got != want {
		t.Fatalf("kept was\n%s\nimagined was\n%s", got, want)
	}
}
