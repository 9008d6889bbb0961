package caddymodule

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/stepgate/stepgate/policy"
)

// kept is the explanation of a decision of the site.
func (s *testSite) kept(t *testing.T, id string) *Explanation {
	t.Helper()
	d := s.app.logbook.find(id)
	if d == nil {
		t.Fatalf("decision %q is not kept", id)
	}
	return d.explanation()
}

const riskyPayroll = `{
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
	rewrite /old/* /admin/x
	stepgate {
		sensitivity admin /admin /admin/*
		risk {
			header X-Risk-Score medium 40 high 80
			missing low
		}
		public on /open
		require otp within 30m on admin
		deny on /internal/*
		deny on admin when risk high
		report require otp sms on *
	}
	respond "in"
}`

func TestEveryChallengeAndRefusalCanBeExplainedByItsId(t *testing.T) {
	t.Parallel()
	s := newSite(t, riskyPayroll)
	b := s.browser(t)
	s.signUp(b, dana, "/")
	s.clock.advance(time.Minute)
	b.header.Set("X-Risk-Score", "55")
	b.header.Set("X-Forwarded-For", "203.0.113.77")
	p := b.get("/old/page?tab=1&token=verysecret")
	if p.StatusCode != http.StatusSeeOther || p.decision == "" {
		t.Fatalf("%d, decision %q", p.StatusCode, p.decision)
	}
	e := s.kept(t, p.decision)
	text := e.text(t)
	for _, want := range []string{
		"decision  " + p.decision + " at 2026-03-01T12:01:00Z", "target    GET /admin/x?tab&token", "rewritten from /old/page",
		"from      203.0.113.0/24, through a trusted proxy", "person    dana@example.com, in no group", "proved: email_code 1m ago",
		"risk      medium", "X-Risk-Score        medium  55", "hit     require otp within 30m on admin", "miss    deny on admin when risk high",
		"the risk is medium, not high or more", "missing   otp within 30m", "answer    step up: otp within 30m", "report  require otp sms on *",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %q:\n%s", want, text)
		}
	}
	cookie := b.session().Value
	for _, secret := range []string{"verysecret", "203.0.113.77", cookie[:20], "Mozilla"} {
		if strings.Contains(text, secret) || strings.Contains(fmt.Sprintf("%+v", e), secret) {
			t.Errorf("it shows %q:\n%s", secret, text)
		}
	}
	if p := b.get("/internal/x"); s.kept(t, p.decision).Answer.Verdict != "refuse" {
		t.Errorf("a refusal is explained as\n%s", s.kept(t, p.decision).text(t))
	}
	b.header = http.Header{"Sec-Fetch-Mode": {"cors"}, "X-Risk-Score": {"90"}}
	if p := b.get("/admin"); s.kept(t, p.decision).Answer.Verdict != "refuse" || s.kept(t, p.decision).Risk.Band != "high" {
		t.Errorf("a refusal by risk is explained as\n%s", s.kept(t, p.decision).text(t))
	}
}

func TestADecisionAboutAStrangerIsKeptWithoutAskingAnythingAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t, riskyPayroll)
	b := s.browser(t)
	b.header.Set("X-Risk-Score", "55")
	e := s.kept(t, b.get("/admin/x?a=1").decision)
	if e.Answer.Verdict != "sign_in" || e.Person != nil || len(e.Risk.Signals) > 0 || e.Query != nil || len(e.Notes) != 1 {
		t.Errorf("kept is %+v", e)
	}
	var spoke []string
	for _, rule := range e.Rules {
		spoke = append(spoke, rule.Outcome+" "+rule.Rule)
	}
	if got := strings.Join(spoke, "; "); got != "hit require otp within 30m on admin; report report require otp sms on *" {
		t.Errorf("the rules %s", got)
	}
	if e := s.kept(t, b.get("/internal/").decision); e.Answer.Verdict != "refuse" || e.Person != nil {
		t.Errorf("kept is %+v", e)
	}
}

func TestStrangersAndOnePersonCannotPushOutWhatOthersAskAbout(t *testing.T) {
	t.Parallel()
	l := &logbook{sites: make(map[string]*tally)}
	now := newTestClock().Now()
	n := 0
	add := func(user string) string {
		n++
		d := &decided{id: fmt.Sprint(n), at: now.Add(time.Duration(n) * time.Second)}
		if user != "" {
			d.who = &decidedPerson{user: user}
		}
		l.keep(d)
		return d.id
	}
	first, stranger := add("dana"), add("")
	for range 3 * keptDecisions {
		add("")
		add("mallory")
	}
	newest := add("mallory")
	if l.find(first) == nil || l.find(newest) == nil {
		t.Error("somebody else's decision went, or the newest one did")
	}
	if l.find(stranger) != nil {
		t.Error("strangers' decisions pile up")
	}
	count := func(user string) (n int) {
		for _, d := range l.people.all {
			if d.who.user == user {
				n++
			}
		}
		return n
	}
	if got := count("mallory"); got != keptOfOne {
		t.Errorf("%d decisions of one person are kept", got)
	}
	if l.find(fmt.Sprint(n-1-2*(keptOfOne-2))) == nil || l.find(fmt.Sprint(n-1-2*(keptOfOne-1))) != nil {
		t.Error("of one person, it is not the newest that are kept")
	}
	for i := range 2 * keptDecisions {
		add(fmt.Sprintf("somebody %d", i))
	}
	again := fmt.Sprintf("somebody %d", 2*keptDecisions-10)
	add(again) // who has one already, but not too many
	if got := count(again); got != 2 {
		t.Errorf("%d decisions are kept of somebody with few", got)
	}
	if len(l.people.all) != keptDecisions || len(l.nobodies.all) != keptDecisions || l.find(first) != nil {
		t.Errorf("%d and %d decisions are kept", len(l.people.all), len(l.nobodies.all))
	}
	if l.find(fmt.Sprint(n)) == nil || l.find(fmt.Sprint(n-keptDecisions+1)) == nil || l.find(fmt.Sprint(n-keptDecisions)) != nil {
		t.Error("it is not the newest that are kept")
	}
}

func TestWhatClientsWriteIsKeptInMeasure(t *testing.T) {
	t.Parallel()
	l := &logbook{}
	long := strings.Repeat("ü", 10_000)
	d := &decided{
		id: "x", target: long, askedFor: long, readings: []string{long, long, long, long, long, long}, query: strings.Split(strings.Repeat(long+",", 100), ","),
		signals: []ExplainedSignal{{Value: long}},
	}
	l.keep(d)
	e := l.find("x").explanation()
	size := len(fmt.Sprintf("%+v", e))
	if size > 8000 || !strings.HasPrefix(e.Target, "üü") || !strings.HasSuffix(e.Target, "ü…") {
		t.Errorf("%d bytes are kept, of the target %q…", size, e.Target[:10])
	}
}

func TestAKeptDecisionHoldsOnToNothingThatLives(t *testing.T) {
	t.Parallel()
	s := newSite(t, riskyPayroll)
	b := s.browser(t)
	s.signUp(b, dana, "/")
	d := s.app.logbook.find(b.get("/admin").decision)
	if got := fmt.Sprintf("%T %T", d.rules, d.who); got != "policy.Policy *caddymodule.decidedPerson" {
		t.Errorf("it holds %s", got)
	}
	if d.who.proof == (policy.Proof{}) || d.heard == nil {
		t.Errorf("it lacks what it needs: %+v", d)
	}
}

func TestDecisionsAndCountsSurviveAReload(t *testing.T) { // not parallel: Caddy runs once in a process
	r := newReloads(t)
	if err := caddy.Load(r.config("", "", ""), true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	response, err := http.Get(r.site.origin + "/")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	id := response.Header.Get(decisionHeader)
	for _, name := range []string{"Another name", "And another"} {
		if err := caddy.Load(r.config("", `, "name": "`+name+`"`, ""), true); err != nil {
			t.Fatal(err)
		}
		running, err := (&adminAPI{active: caddy.ActiveContext}).running()
		if err != nil {
			t.Fatal(err)
		}
		if d := running.app.logbook.find(id); d == nil {
			t.Fatalf("after a reload, decision %q is gone", id)
		}
		if got := running.app.report().Sites[0].Decisions["sign_in"]; got != 1 {
			t.Errorf("after a reload, %d sign-ins are counted", got)
		}
	}
}
