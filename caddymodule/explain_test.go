package caddymodule

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// httpApp is the HTTP app of the site's configuration.
func (s *testSite) httpApp(t testing.TB) *caddyhttp.App {
	t.Helper()
	app, err := s.app.ctx.App("http")
	if err != nil {
		t.Fatal(err)
	}
	return app.(*caddyhttp.App)
}

// explain imagines a request. A URL may be a path of the site.
func (s *testSite) explain(t testing.TB, q Question) *Explanation {
	t.Helper()
	if strings.HasPrefix(q.URL, "/") {
		q.URL = s.origin + q.URL
	}
	if err := q.check(); err != nil {
		t.Fatal(err)
	}
	e, err := imagine(t.Context(), s.httpApp(t), &imagined{Question: q})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *Explanation) text(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	if err := e.print(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// golden compares text with a file in testdata, or writes it there.
func golden(t *testing.T, path, got string) {
	t.Helper()
	path = filepath.Join("testdata", path)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

// explainedSite is payroll as docs/configuration.md has it, with something of every kind.
const explainedSite = `{
	servers {
		trusted_proxies static 10.0.0.0/8
		trusted_proxies_strict
	}
	stepgate {
		store memory
		email smtp mail.example.com:25 {
			from "Example <no-reply@example.com>"
		}
		sms vonage {
			api_key abcd1234
			api_secret "not a real one"
			from Example
			countries GB
		}
	}
}
https://payroll.example.com {
	@outside not client_ip 198.51.100.0/24
	@bulk {
		method POST
		path /export/*
	}
	redir /home / 302
	rewrite /old/* /admin/x
	stepgate {
		sensitivity admin /admin /admin/*
		sensitivity money /transfer /transfer/*
		risk {
			header X-Risk-Score medium 40 high 80
			header X-Risk-Word low odd
			new_device medium
			new_network low
			recent_failures 3 medium
			session_age 8h low
			match @bulk low
			missing low
		}
		public on /assets/*
		require otp within 30m on admin
		require otp sms within once on money
		require otp within 1m on admin when risk medium
		require session on /export/* when @outside
		deny on money when risk high
		only group staff on admin
		report only user eli@example.org on /admin/x
		report require otp sms on /export/*
	}
	handle /static/* {
		file_server
	}
	reverse_proxy 127.0.0.1:1
}
https://open.example.com {
	reverse_proxy 127.0.0.1:1
}
http://payroll.example.com:8080 {
	redir https://payroll.example.com{uri}
}
`

func minutes(n float64) caddy.Duration { return caddy.Duration(n * float64(time.Minute)) }

func TestAnExplanationSaysWhatWasAskedWhatIsMissingAndWhy(t *testing.T) {
	t.Parallel()
	s := newSite(t, explainedSite)
	dana := Question{
		Method: "GET", User: dana, Groups: []string{"staff"}, From: "203.0.113.7",
		Proof:  map[string]caddy.Duration{"email_code": minutes(2), "password": minutes(40)},
		Header: map[string][]string{"X-Risk-Score": {"70"}, "X-Risk-Word": {"fine"}},
	}
	with := func(change func(*Question)) Question {
		q := dana
		q.Header = q.Header.Clone()
		change(&q)
		return q
	}
	for name, q := range map[string]Question{
		"step_up": with(func(q *Question) { q.URL = "/admin/x?tab=2&token=secret" }),
		"pass": with(func(q *Question) {
			q.URL, q.Header = "/admin/x", map[string][]string{"X-Risk-Score": {"12.5"}, "X-Risk-Word": {"odd"}}
		}),
		"only": with(func(q *Question) { q.URL, q.Groups, q.NewDevice, q.NewNetwork = "/admin/", nil, true, true }),
		"refuse": with(func(q *Question) {
			q.URL, q.Method, q.Header["X-Risk-Score"], q.Direct = "/transfer", "POST", []string{"80"}, false
		}),
		"direct":     with(func(q *Question) { q.URL, q.Direct, q.Failures, q.SessionAge = "/export/a", true, 4, minutes(600) }),
		"once":       with(func(q *Question) { q.URL, q.Header = "/transfer?to=7", map[string][]string{"X-Risk-Score": {"1"}} }),
		"sign_in":    {Method: "GET", URL: "/admin/x"},
		"public":     {Method: "GET", URL: "/assets/app.css", From: "2001:db8::7"},
		"rewritten":  with(func(q *Question) { q.URL = "/old/page" }),
		"head":       with(func(q *Question) { q.URL, q.Method = "/export/a", "HEAD" }),
		"bad_target": with(func(q *Question) { q.URL = "/admin/..;/x" }),
		"own_page":   with(func(q *Question) { q.URL = "/.auth/sign-in?return_to=/" }),
		"redirected": with(func(q *Question) { q.URL = "/home" }),
		"unguarded":  with(func(q *Question) { q.URL = "https://open.example.com/x" }),
		"http":       with(func(q *Question) { q.URL = "http://payroll.example.com/x" }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := s.explain(t, q)
			data, err := json.MarshalIndent(e, "", "\t")
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{"secret", "to=7"} {
				if strings.Contains(e.text(t)+string(data), secret) {
					t.Errorf("a value of the query is shown:\n%s", data)
				}
			}
			golden(t, "explain/"+name+".txt", e.text(t))
			if name == "step_up" || name == "only" || name == "unguarded" {
				golden(t, "explain/"+name+".json", string(data)+"\n")
			}
		})
	}
}

func TestAnExplanationMakesNoFalsePromises(t *testing.T) {
	t.Parallel()
	s := newSite(t, strings.Replace(strings.Replace(riskyPayroll, "\tstepgate {\n\t\tsens", "\t@get method GET\n\tstepgate {\n\t\tsens", 1), "deny on /internal/*", `deny on /internal/*
		only group staff on /internal/* /staff
		only domain example.com on /staff
		public on @get`, 1)+"\n")
	e := s.explain(t, Question{Method: "GET", URL: "/staff", User: dana})
	if e.answer() != "refuse: only for group staff" {
		t.Errorf("somebody else may: %s", e.answer())
	}
	e = s.explain(t, Question{Method: "GET", URL: "/internal/x", User: dana})
	if e.answer() != "refuse" || e.Answer.Only != nil {
		t.Errorf("nobody may: %s", e.answer())
	}
	if e = s.explain(t, Question{Method: "GET", URL: "/x"}); e.Answer.Verdict != "pass" || e.Notes != nil {
		t.Errorf("what is public: %s, %q", e.answer(), e.Notes)
	}
	if e = s.explain(t, Question{Method: "HEAD", URL: "/x"}); e.Answer.Verdict != "sign_in" || len(e.Notes) != 1 {
		t.Errorf("what is public as GET only: %s, %q", e.answer(), e.Notes)
	}
	// The address that is asked about is the client's, whatever lists the proxy adds to.
	e = s.explain(t, Question{Method: "GET", URL: "/x", From: "127.0.0.9", Header: map[string][]string{"X-Forwarded-For": {"203.0.113.7"}}})
	if e.Client.Network != "127.0.0.0/24" {
		t.Errorf("the client is in %s", e.Client.Network)
	}
}

func TestTheRiskIsExplainedByEveryReadingThatItIsJudgedBy(t *testing.T) {
	t.Parallel()
	s := newSite(t, `http://localhost {
	@get method GET
	stepgate {
		lenient_paths double_slash
		risk {
			match @get medium
			match /x/y high
		}
		deny on /z when risk medium
		deny on /x/* when risk high
	}
	respond "in"
}`)
	for url, want := range map[string]string{"/z": "medium", "/x//y": "high"} {
		e := s.explain(t, Question{Method: "HEAD", URL: url})
		highest := ""
		for _, signal := range e.Risk.Signals {
			if signal.Why == "it matches" && (highest == "" || signal.Band == "high") {
				highest = signal.Band
			}
		}
		if e.Answer.Verdict != "refuse" || e.Risk.Band != want || highest != want {
			t.Errorf("%s: %s", url, e.text(t))
		}
	}
}
