package caddymodule

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

func TestAValueAloneInAQueryIsNotKeptWithADecision(t *testing.T) {
	t.Parallel()
	const secret = "mF9x7QhT2zKc81LwVdRb"
	s := newSite(t, payrollSite("require otp sms within 5m on /invite /invite/*"))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	for _, path := range []string{"/invite?" + secret, "/invite?" + secret + "&a=1", "/invite?a=" + secret} {
		p := b.get(path)
		if _, answer := askAdmin(t, s.admin(t), "GET", "/stepgate/decisions/"+p.decision, ""); strings.Contains(answer, secret) {
			t.Errorf("%s: an operator reads the token: %.300s", path, answer)
		}
	}
	if strings.Contains(s.logs.String(), secret) {
		t.Error("it is in the log as well")
	}
}

func TestSomeAccountsDoNotPushOutWhatIsRememberedOfOthers(t *testing.T) {
	t.Parallel()
	l := new(logbook)
	keep := func(id, user string) { l.keep(&decided{id: id, who: &decidedPerson{user: user}}) }
	keep("asked about", "dana")
	for account := range 40 {
		for i := range keptOfOne {
			keep(fmt.Sprint(account, " ", i), fmt.Sprint("mallory", account))
		}
	}
	if l.find("asked about") == nil || len(l.people.all) > keptDecisions {
		t.Errorf("the one decision that somebody asks about is gone; %d are kept", len(l.people.all))
	}
}

func TestAnImaginedRequestComesInWhereRealOnesDo(t *testing.T) {
	t.Parallel()
	s := newLiveSite(t, "http://localhost {\n\t@here vars {http.request.local.host} 127.0.0.1\n\tstepgate {\n\t\tpublic on @here\n\t}\n\trespond in\n}")
	real := s.speak(t, "GET", "/x", "", "Connection: close")
	_, told := askAdmin(t, s.admin(t), "POST", "/stepgate/explain", `{"method": "GET", "url": "http://localhost/x"}`)
	if passes := strings.Contains(told, `"verdict":"pass"`); passes != (real.StatusCode == 200) {
		t.Errorf("explained as %.400s, answered %d", told, real.StatusCode)
	}
}

func TestABodyThatIsStillToComeEndsWithItsSession(t *testing.T) {
	t.Parallel()
	arrived, got := make(chan struct{}), make(chan error, 1)
	app := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "POST" {
			return
		}
		if _, err := io.ReadFull(r.Body, make([]byte, 4)); err == nil {
			close(arrived)
		}
		_, err := io.ReadAll(r.Body)
		got <- err
	}))
	s := newLiveSite(t, proxied(app.addr))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	conn := s.dial(t)
	fmt.Fprintf(conn, "POST /transfer HTTP/1.1\r\nHost: localhost\r\nCookie: %s\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"amount\"", b.session())
	<-arrived
	b.signOut()
	if err := <-got; err == nil {
		t.Error("the application got it whole")
	}
}

func init() { caddy.RegisterModule(panickyMatcher{}) }

// panickyMatcher is a third party's that does not bear what it is asked.
type panickyMatcher struct{}

func (panickyMatcher) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.matchers.panicky_test", New: func() caddy.Module { return new(panickyMatcher) }}
}

func (panickyMatcher) Match(*http.Request) bool { panic("not this one") }

func TestWhatPanicsFailsTheTestsOfTheRulesAndNothingElse(t *testing.T) {
	t.Parallel()
	site := func(before, rule, test string) []byte {
		return []byte(`{"apps": {"stepgate": {"store": {"module": "memory"}, "email": [{"module": "inbox"}]},
			"http": {"servers": {"srv0": {"listen": [":80"], "routes": [{` + before + `"handle": [
			{"handler": "stepgate", "origins": ["http://localhost"], "rules": [{"verb": "public", "match": [{"path": ["/open"]}]}` + rule + `]` + test + `},
			{"handler": "static_response", "body": "in"}]}]}}}}}`)
	}
	const rule, test = `, {"verb": "deny", "match": [{"panicky_test": {}}]}`, `, "tests": [{"name": "x.cases", "text": "GET /open expect pass"}]`
	if _, err := startSite(t, site("", "", test)); err != nil {
		t.Fatalf("without it: %v", err)
	}
	for name, config := range map[string][]byte{"in a rule": site("", rule, test), "before": site(`"match": [{"panicky_test": {}}], `, "", test)} {
		if _, err := startSite(t, config); err == nil || !strings.Contains(err.Error(), "not this one") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
