package caddymodule

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// fetch is what a script of the site's does, and the address at which a window is to be
// opened, if the gateway says one.
func (b *browser) fetch(method, path, body string) (p *page, window string) {
	b.t.Helper()
	r := b.request(method, path, strings.NewReader(body))
	for name, value := range map[string]string{
		"Accept": "*/*", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Origin": b.origin, "Referer": b.origin + "/app/page?x=1", "Content-Type": "application/json",
	} {
		r.Header.Set(name, value)
	}
	p = b.do(r)
	if p.StatusCode != http.StatusUnauthorized {
		return p, ""
	}
	var answer struct {
		StepUpURL string `json:"step_up_url"`
		Decision  string `json:"decision"`
	}
	// readPage has taken the decision out of the body.
	if err := json.Unmarshal([]byte(p.body), &answer); err != nil || p.decision == "" {
		b.t.Fatalf("%v: %s", err, p.body)
	}
	u, err := url.Parse(answer.StepUpURL)
	if err != nil || u.Scheme+"://"+u.Host != b.origin {
		b.t.Fatalf("%v: %s", err, answer.StepUpURL)
	}
	q := u.Query()
	q.Set("decision", p.decision)
	q.Set("window", "1")
	u.RawQuery = q.Encode()
	return p, u.String()
}

// done checks that a window has come to its end, for a decision.
func (b *browser) done(p *page, decision string) {
	b.t.Helper()
	if want := "/.auth/done?decision=" + decision; p.StatusCode != http.StatusSeeOther || p.location != want {
		b.t.Fatalf("the window is at %d %s, want %s\n%s", p.StatusCode, p.location, want, p.body)
	}
	if end := b.follow(p); end.StatusCode != 200 || !strings.Contains(end.body, `data-page="done"`) {
		b.t.Fatalf("%d %s", end.StatusCode, end.body)
	}
}

func TestAWindowThatAScriptOpenedEndsByItself(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("require otp sms within 5m on /api/admin/*"))
	b := s.browser(t)

	p, window := b.fetch("GET", "/api/x", "")
	asked := b.get(window)
	if asked.StatusCode != 200 {
		t.Fatalf("the window shows %d %s", asked.StatusCode, asked.body)
	}
	// Signing up, which takes three steps.
	window = strings.Replace(window, "/sign-in?", "/sign-up?", 1)
	step := b.post(window, url.Values{"email": {dana}})
	step = b.here(step, url.Values{"code": {s.message(t, dana).Code}})
	b.done(b.here(step, url.Values{"do": {"skip"}}), p.decision)
	if p, _ := b.fetch("GET", "/api/x", ""); p.StatusCode != 200 {
		t.Fatalf("after signing up: %d", p.StatusCode)
	}

	// More proof, which a phone has to be added for.
	p, window = b.fetch("GET", "/api/admin/x", "")
	step = b.here(b.post(window, nil), url.Values{"tel": {"+44 7700 900123"}})
	b.done(b.here(step, url.Values{"code": {s.message(t, danaPhone).Code}}), p.decision)
	if p, _ := b.fetch("GET", "/api/admin/x", ""); p.StatusCode != 200 {
		t.Fatalf("after more proof: %d", p.StatusCode)
	}

	// A window that was opened when all was proved in another has nothing left to do.
	b.done(b.get(window), p.decision)
}

func TestWhatAScriptHasApprovedIsLetThroughOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("sensitivity pay /api/pay {\n\t\t\tlabel \"Pay everybody\"\n\t\t}", "require otp sms within once on pay"))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	p, window := b.fetch("POST", "/api/pay?run=7", `{"amount":1}`)
	if u, err := url.Parse(window); err != nil || u.Query().Get("for") != "POST /api/pay?run=7" {
		t.Fatalf("%v: %s", err, window)
	}
	step := b.here(b.post(window, nil), url.Values{"tel": {"+44 7700 900123"}})
	code := s.message(t, danaPhone)
	if !strings.Contains(code.Text, "Pay everybody") {
		t.Errorf("the message does not say what is approved: %s", code.Text)
	}
	b.done(b.here(step, url.Values{"code": {code.Code}}), p.decision)
	for _, row := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/api/pay?run=7", 401}, {"POST", "/api/pay?run=8", 401}, {"POST", "/api/pay", 401}, {"PUT", "/api/pay?run=7", 401},
		{"POST", "/api/pay?run=7", 200}, {"POST", "/api/pay?run=7", 401},
	} {
		if p, _ := b.fetch(row.method, row.path, `{"amount":1}`); p.StatusCode != row.status {
			t.Errorf("%s %s: %d, want %d", row.method, row.path, p.StatusCode, row.status)
		}
	}
}
