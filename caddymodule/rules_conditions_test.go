package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/stepgate/stepgate/policy"
)

// probe is a request to the rules of a site.
type probe struct {
	method, path, header string // header: X-Test
	risk                 policy.Risk
	who                  *policy.Person
}

// demands is what the rules of a site ask of a request.
func (s *testSite) demands(t *testing.T, q probe) policy.Decision {
	t.Helper()
	r := httptest.NewRequest(q.method, q.path, nil)
	if q.header != "" {
		r.Header.Set("X-Test", q.header)
	}
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, &caddyhttp.Server{})
	question := s.handlers[0].sites[0].question(r, q.risk)
	question.Person = q.who
	decision, err := s.handlers[0].rules.policy.Decide(question)
	if err != nil {
		t.Fatal(err)
	}
	return decision
}

func TestARuleSpeaksInExactlyItsConditions(t *testing.T) {
	t.Parallel()
	site := newSite(t, `http://localhost {
	@post method POST
	@marked header X-Test yes
	@plain not header X-Test *
	@expression `+"`{method} == \"DELETE\" && path('/c/*')`"+`
	stepgate {
		sensitivity both {
			match {
				path /s /s/*
				method POST
			}
			match {
				path /t
			}
		}
		risk {
			new_device high
		}
		deny on /a when @post @marked
		require otp on /b when risk medium
		require password when risk high @marked
		deny on @expression
		require otp sms on both when @plain
		require session within 1h {
			match {
				path /d
				method POST
			}
			match path /e
			when {
				header X-Test yes
			}
			when method POST PUT
		}
	}
}`)
	floor, never := policy.Floor, policy.Never
	otp, password := policy.Need(policy.OTP, 0).Join(floor), policy.Need(policy.PasswordProof, 0).Join(floor)
	sms := policy.Need(policy.SMSProof, 0).Join(otp)
	for _, row := range []struct {
		q    probe
		want policy.Demand
	}{
		{probe{method: "POST", path: "/a", header: "yes"}, never},
		{probe{method: "POST", path: "/a"}, floor},
		{probe{method: "GET", path: "/a", header: "yes"}, floor},
		{probe{method: "POST", path: "/x", header: "yes"}, floor},
		{probe{method: "GET", path: "/b"}, floor},
		{probe{method: "GET", path: "/b", risk: policy.LowRisk}, floor},
		{probe{method: "GET", path: "/b", risk: policy.MediumRisk}, otp},
		{probe{method: "GET", path: "/b", risk: policy.HighRisk}, otp},
		{probe{method: "GET", path: "/b", risk: policy.HighRisk, header: "yes"}, otp.Join(password)},
		{probe{method: "GET", path: "/x", risk: policy.HighRisk, header: "yes"}, password},
		{probe{method: "GET", path: "/x", risk: policy.HighRisk, header: "no"}, floor},
		{probe{method: "DELETE", path: "/c/x"}, never},
		{probe{method: "DELETE", path: "/d"}, floor},
		{probe{method: "POST", path: "/d", header: "yes"}, policy.Need(policy.Session, time.Hour)},
		{probe{method: "POST", path: "/d"}, floor},
		{probe{method: "PUT", path: "/e", header: "yes"}, policy.Need(policy.Session, time.Hour)},
		{probe{method: "GET", path: "/e", header: "yes"}, floor},
		{probe{method: "POST", path: "/s/x"}, sms},
		{probe{method: "GET", path: "/s/x"}, floor},
		{probe{method: "GET", path: "/t"}, sms},
		{probe{method: "GET", path: "/t", header: "yes"}, floor},
	} {
		if got := site.demands(t, row.q).Demand; got != row.want {
			t.Errorf("%+v: %v, want %v", row.q, got, row.want)
		}
	}
}

func TestALongRuleHasAShortName(t *testing.T) {
	t.Parallel()
	site := newSite(t, "http://localhost {\n\tstepgate {\n\t\tdeny on"+strings.Repeat(" /ä-long-path-of-the-application", 100)+"\n\t}\n}")
	name := site.handlers[0].rules.policy.Rules[0].Name
	if !strings.HasPrefix(name, "deny on /ä-long") || len(name) > maxRuleName || !utf8.ValidString(name) || !strings.HasSuffix(name, "…") {
		t.Errorf("%d bytes: %s", len(name), name)
	}
}

func TestOnlyThosePeopleMayWhomARuleNames(t *testing.T) {
	t.Parallel()
	site := newSite(t, `http://localhost {
	stepgate {
		only group staff Board-1 user Dana@Example.COM domain BÜCHER.example on /all
		only user kim@example.com on /one
		only domain example.org on /domain
	}
}`)
	person := func(email string, groups ...string) *policy.Person {
		_, domain, _ := strings.Cut(email, "@")
		return &policy.Person{Email: email, Domain: domain, Groups: groups}
	}
	for _, row := range []struct {
		path string
		who  *policy.Person
		may  bool
	}{
		{"/all", nil, true}, // who it is must be found out first
		{"/all", person("dana@example.com"), true},
		{"/all", person("eli@xn--bcher-kva.example"), true},
		{"/all", person("eli@example.net", "visitors", "staff"), true},
		{"/all", person("eli@example.net", "Board-1"), true},
		{"/all", person("eli@example.net", "Staff"), false},
		{"/all", person("eli@example.com"), false},
		{"/all", person("eli@sub.xn--bcher-kva.example"), false},
		{"/one", person("kim@example.com"), true},
		{"/one", person("dana@example.com"), false},
		{"/domain", person("dana@example.org"), true},
		{"/domain", person("dana@notexample.org"), false},
		{"/", person("eli@example.net"), true},
	} {
		got := site.demands(t, probe{method: "GET", path: row.path, who: row.who})
		if row.may && got.Demand != policy.Floor || !row.may && got.Demand != policy.Never || got.Stranger == row.may {
			t.Errorf("%s, %+v: %v, stranger: %t", row.path, row.who, got.Demand, got.Stranger)
		}
	}
}

func TestAPersonWhomNoRuleNamesIsTurnedAway(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("only group staff on /office", "only user dana@example.com on /hers", "only domain example.org on /theirs"))
	b := s.browser(t)
	if p := b.get("/hers"); p.StatusCode != 303 {
		t.Fatalf("nobody yet: %d", p.StatusCode)
	}
	s.signUp(b, dana, "/")
	for path, want := range map[string]int{"/": 200, "/hers": 200, "/theirs": 403, "/office": 403} {
		if p := b.get(path); p.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, p.StatusCode, want)
		}
	}
	if err := s.app.live.Load().engine.SetGroups(t.Context(), dana, []string{"staff"}); err != nil {
		t.Fatal(err)
	}
	if p := b.get("/office"); p.StatusCode != 200 {
		t.Errorf("in the group: %d", p.StatusCode)
	}
}

func TestARuleThatOnlyReportsHasNoEffect(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("report deny on *", "report require otp sms within once", "report only group staff", "report public on /open"))
	b := s.browser(t)
	if p := b.get("/open"); p.StatusCode != 303 {
		t.Errorf("a public rule that only reports opens: %d", p.StatusCode)
	}
	s.signUp(b, dana, "/")
	if p := b.get("/x"); p.StatusCode != 200 {
		t.Errorf("rules that only report stop a request: %d", p.StatusCode)
	}
	got := s.demands(t, probe{method: "GET", path: "/x"})
	if got.Demand != policy.Floor || got.Why.Len() != 0 || got.Reported.Len() != 3 {
		t.Errorf("%+v", got)
	}
}

func TestAProofWithinOnceOpensOneRequest(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("require otp sms within once on /sign"))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	for range 2 {
		p := b.get("/sign?contract=7")
		if p.StatusCode != 303 {
			t.Fatalf("before: %d", p.StatusCode)
		}
		p = s.prove(b, p)
		if p.location != "/sign?contract=7" {
			t.Fatalf("after the proof: %d to %q", p.StatusCode, p.location)
		}
		if other := b.get("/sign?contract=8"); other.StatusCode != 303 {
			t.Errorf("another request: %d", other.StatusCode)
		}
		if p = b.get("/sign?contract=7"); p.StatusCode != 200 {
			t.Errorf("the request it was for: %d", p.StatusCode)
		}
		s.clock.advance(time.Minute) // another code may be sent
	}
}

func TestAFormThatARuleDropsIsLost(t *testing.T) {
	t.Parallel()
	for word, kept := range map[string]bool{"": true, "forms keep": true, "forms drop": false} {
		s := newSite(t, payrollSite("require otp sms on @bulk {\n"+word+"\n}"))
		b := s.browser(t)
		s.signUp(b, dana, "/")
		p := b.post("/export", url.Values{"all": {"1"}})
		if p.StatusCode != http.StatusSeeOther || strings.Contains(p.location, "held=") != kept {
			t.Errorf("%q: %d to %q", word, p.StatusCode, p.location)
		}
	}
}

func TestRulesAndRiskInJSONMeanTheSameAsInTheCaddyfile(t *testing.T) {
	t.Parallel()
	fromCaddyfile := newSite(t, trusting("127.0.0.0/8")+`http://localhost:8080 {
	@outside not client_ip 198.51.100.0/24
	stepgate {
		sensitivity money {
			match path /transfer
		}
		risk {
			header x-risk-score high 80.5 medium 40 missing low
			header X-Risk-Level none Normal high SEVERE
			new_device low
			new_network medium
			recent_failures 10 high
			recent_failures 5 medium
			session_age 8h low
			match /export @outside high
			missing medium
		}
		deny on money when risk high @outside {
			forms drop
			name a
		}
		require otp within once on money {
			name b
		}
		only group staff user Dana@example.com domain example.org on /admin {
			name c
		}
		report require otp when risk low {
			name d
		}
	}
}`).handlers[0]
	outside := `{"not": [{"client_ip": {"ranges": ["198.51.100.0/24"]}}]}`
	config := jsonConfig(t, `{}`, `{
		"sensitivities": {"money": {"match": [{"path": ["/transfer"]}]}},
		"risk": {
			"headers": [
				{"name": "X-RISK-SCORE", "numbers": [{"from": 40, "risk": "medium"}, {"from": 80.5, "risk": "high"}], "missing": "low"},
				{"name": "X-Risk-Level", "words": [{"word": "severe", "risk": "high"}, {"word": "normal", "risk": "none"}], "missing": "medium"}
			],
			"new_device": "low", "new_network": "medium", "recent_failures": [{"count": 5, "risk": "medium"}, {"count": 10, "risk": "high"}],
			"session_age": [{"age": "8h", "risk": "low"}],
			"matches": [{"match": [{"path": ["/export"]}, `+outside+`], "risk": "high"}]
		},
		"rules": [
			{"name": "a", "verb": "deny", "on": ["money"], "when": {"risk": "high", "match": [`+outside+`]}, "forms": "drop"},
			{"name": "b", "verb": "require", "demand": {"proof": "otp", "once": true}, "on": ["money"]},
			{"name": "c", "verb": "only", "only": {"groups": ["staff"], "users": ["dana@EXAMPLE.com"], "domains": ["example.org"]}, "match": [{"path": ["/admin"]}]},
			{"name": "d", "verb": "require", "demand": {"proof": "otp"}, "when": {"risk": "low"}, "report": true}
		]
	}`)
	site, err := startSite(t, []byte(strings.Replace(string(config), `"listen":`, `"trusted_proxies": {"source": "static", "ranges": ["127.0.0.0/8"]}, "trusted_proxies_strict": 1, "listen":`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	a, b := fromCaddyfile.rules, site.handlers[0].rules
	if !reflect.DeepEqual(a.policy, b.policy) {
		t.Errorf("policies differ:\n%+v\n%+v", a.policy, b.policy)
	}
	if a.drops != b.drops || a.drops.Len() != 1 || !a.drops.Has(0) {
		t.Errorf("other forms are dropped: %v, %v", a.drops, b.drops)
	}
	for i := range a.risk.matches {
		a.risk.matches[i].sets, b.risk.matches[i].sets = nil, nil // the matchers themselves
	}
	if !reflect.DeepEqual(a.risk, b.risk) {
		t.Errorf("risks differ:\n%+v\n%+v", a.risk, b.risk)
	}
	if !reflect.DeepEqual(fromCaddyfile.sites[0].hygiene, site.handlers[0].sites[0].hygiene) {
		t.Error("other headers are removed")
	}
}
