package caddymodule

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

const reportingSite = `{
	stepgate {
		store memory
		email inbox
		sms inbox
	}
}
http://localhost {
	stepgate {
		public on /open
		report require session within 10m on /page /open
		report require otp within 5m on /page
		report deny on /page
		report only group staff on /page
		deny on /internal
	}
	respond "in"
}`

// counts are the outcomes of the site's rules so far, those that are not zero.
func (s *testSite) counts() map[string]string {
	counts := make(map[string]string)
	for _, site := range s.app.report().Sites {
		for _, rule := range site.Rules {
			var words []string
			for _, o := range outcomes {
				if n := rule.Outcomes[string(o)]; n > 0 {
					words = append(words, fmt.Sprintf("%s %d", o, n))
				}
			}
			counts[strings.TrimPrefix(rule.Rule, "report ")] = strings.Join(words, ", ")
		}
	}
	return counts
}

func TestARuleThatReportsIsCountedInFourKindsAndHasNoEffect(t *testing.T) {
	t.Parallel()
	s := newSite(t, reportingSite)
	expect := func(when string, want map[string]string) {
		t.Helper()
		if got := s.counts(); !maps.Equal(got, want) {
			t.Errorf("%s: %v\nwant %v", when, got, want)
		}
	}
	nobody := s.browser(t)
	if p := nobody.get("/open"); p.body != "in" {
		t.Fatalf("a public page: %d %s", p.StatusCode, p.body)
	}
	nobody.get("/page") // not let through: nobody counts that
	want := map[string]string{
		"require session within 10m on /page /open": "ask 1", "require otp within 5m on /page": "", "deny on /page": "", "only group staff on /page": "",
	}
	expect("nobody", want)

	b := s.browser(t)
	s.signUp(b, dana, "/")
	if p := b.get("/page?secret=1"); p.body != "in" {
		t.Fatalf("%d %s", p.StatusCode, p.body)
	}
	want["require session within 10m on /page /open"] = "pass 1, ask 1"
	want["require otp within 5m on /page"] = "ask_no_method 1" // there is nothing but a mailbox
	want["deny on /page"] = "refuse 1"
	want["only group staff on /page"] = "refuse 1"
	expect("dana", want)

	if err := s.app.live.Load().engine.SetGroups(t.Context(), dana, []string{"staff"}); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(11 * time.Minute)
	b.get("/page")
	want["require session within 10m on /page /open"] = "pass 1, ask 2"
	want["require otp within 5m on /page"] = "ask_no_method 2"
	want["deny on /page"] = "refuse 2"
	want["only group staff on /page"] = "pass 1, refuse 1"
	expect("dana later, one of staff", want)

	log := s.logs.String()
	for _, line := range []string{
		`"rule":"report deny on /page","outcome":"refuse","method":"GET","host":"localhost","path":"/page","user":"`,
		`"rule":"report require session within 10m on /page /open","outcome":"ask","method":"GET","host":"localhost","path":"/open","user":""`,
	} {
		if !strings.Contains(log, line) {
			t.Errorf("the log lacks %s", line)
		}
	}
	if strings.Contains(log, `"outcome":"pass"`) || strings.Contains(log, "secret=1") {
		t.Error("the log has what it should not")
	}
	b.get("/internal")
	decisions := s.app.report().Sites[0].Decisions
	if got := fmt.Sprint(decisions); got != "map[pass:3 refuse:1 sign_in:1 step_up:0]" {
		t.Errorf("counted are the decisions %s", got)
	}
}

func TestTheOutcomeOfAReportedRuleDependsOnWhatTheAccountHas(t *testing.T) {
	t.Parallel()
	now := newTestClock().Now()
	proof := policy.Proof{}.With(policy.EmailCode, now.Add(-time.Hour))
	otp := policy.Need(policy.OTP, time.Minute)
	for _, row := range []struct {
		name  string
		asks  policy.Demand
		proof *policy.Proof
		have  policy.Factors
		want  outcome
	}{
		{"a refusal", policy.Never, &proof, policy.All(), outcomeRefuse},
		{"a refusal of nobody", policy.Never, nil, 0, outcomeRefuse},
		{"nothing", policy.Demand{}, &proof, 0, outcomePass},
		{"nothing of nobody", policy.Demand{}, nil, 0, outcomePass},
		{"a session of nobody", policy.Floor, nil, 0, outcomeAsk},
		{"what is proved", policy.Floor, &proof, policy.FactorsOf(policy.EmailCode), outcomePass},
		{"what is too old", policy.Need(policy.Session, time.Minute), &proof, policy.FactorsOf(policy.EmailCode), outcomeAsk},
		{"a second factor of who has one", otp, &proof, policy.FactorsOf(policy.EmailCode, policy.SMSCode), outcomeAsk},
		{"a second factor of who has none", otp, &proof, policy.FactorsOf(policy.EmailCode), outcomeStuck},
		{"proof each time", policy.Floor.Once(), &proof, policy.FactorsOf(policy.EmailCode), outcomeAsk},
	} {
		if got := outcomeOf(row.asks, row.proof, row.have, now); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}

func TestCountingWhatPassesAllocatesNothing(t *testing.T) { // not parallel: AllocsPerRun counts for the process
	s := newSite(t, `http://localhost {
	stepgate {
		report require session on *
		report only group staff on *
		report require otp on /other
	}
	respond "in"
}`)
	site := s.handlers[0].sites[0]
	who := &flows.Live{Session: flows.Session{
		User: "dana", Canonical: dana, Groups: []string{"staff"}, Proof: policy.Proof{}.With(policy.EmailCode, s.clock.Now()),
	}}
	r := httptest.NewRequest("GET", "/", nil)
	d, err := site.rules.policy.Decide(policy.Request{In: func(policy.TargetID) (bool, error) { return false, nil }, Person: personOf(&who.Session)})
	if err != nil || d.Reported.Len() != 2 {
		t.Fatalf("%+v, %v", d, err)
	}
	j := judgement{Decision: d}
	if n := testing.AllocsPerRun(100, func() { site.report(r, who, j) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if got := s.counts()["only group staff on *"]; got != "pass 101" {
		t.Errorf("counted: %q", got)
	}
}

func TestMetricsHoldTheCountsOfTheConfiguration(t *testing.T) {
	t.Parallel()
	s := newSite(t, strings.Replace(reportingSite, "report deny on /page", "report deny on /page\n\t\treport deny on /page", 1)) // twice the same rule is one
	b := s.browser(t)
	s.signUp(b, dana, "/")
	b.get("/page")
	b.get("/open")
	s.browser(t).get("/page")
	families, err := s.app.ctx.GetMetricsRegistry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, family := range families {
		if name := family.GetName(); name != "caddy_stepgate_decisions_total" && name != "caddy_stepgate_report_total" || family.GetType() != dto.MetricType_COUNTER {
			continue
		}
		for _, m := range family.GetMetric() {
			var labels []string
			for _, label := range m.GetLabel() {
				labels = append(labels, label.GetName()+"="+label.GetValue())
			}
			if m.GetCounter().GetValue() > 0 {
				found = append(found, fmt.Sprintf("%s %s %v", family.GetName(), strings.Join(labels, " "), m.GetCounter().GetValue()))
			}
		}
	}
	want := []string{
		"caddy_stepgate_decisions_total site=http://localhost verdict=pass 2",
		"caddy_stepgate_decisions_total site=http://localhost verdict=sign_in 1",
		"caddy_stepgate_report_total outcome=ask_no_method rule=report require otp within 5m on /page site=http://localhost 1",
		"caddy_stepgate_report_total outcome=pass rule=report require session within 10m on /page /open site=http://localhost 2",
		"caddy_stepgate_report_total outcome=refuse rule=report deny on /page site=http://localhost 2",
		"caddy_stepgate_report_total outcome=refuse rule=report only group staff on /page site=http://localhost 1",
	}
	slices.Sort(found)
	if !slices.Equal(found, want) {
		t.Errorf("metrics\n%s\nwant\n%s", strings.Join(found, "\n"), strings.Join(want, "\n"))
	}
}

func TestAChallengeOfABearerIsCountedAndKept(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("require otp sms on /admin", "client app {\n\t\t\tname App\n\t\t}"))
	p := s.browser(t)
	p.header = http.Header{"Sec-Fetch-Mode": {"cors"}, "Authorization": {"Bearer x.y.z"}}
	if got := p.get("/admin"); got.StatusCode != http.StatusUnauthorized || got.decision != "" {
		t.Errorf("a worthless token: %d, decision %q", got.StatusCode, got.decision)
	}
	if got := s.app.report().Sites[0].Decisions["sign_in"]; got != 0 {
		t.Errorf("%d decisions about a worthless token", got)
	}
}
