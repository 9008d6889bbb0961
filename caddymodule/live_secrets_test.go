package caddymodule

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/send"
)

// secrets are what must not be found in a log, by what they are.
type secrets map[string]string

// watch keeps all of our cookies that a browser is given.
func (s secrets) watch(b *browser) {
	b.client.Transport = watchedTransport{b.client.Transport, s}
}

type watchedTransport struct {
	http.RoundTripper
	found secrets
}

func (t watchedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.RoundTripper.RoundTrip(r)
	if err == nil {
		for _, cookie := range response.Cookies() {
			if cookie.Value != "" {
				t.found[cookie.Value] = "a cookie"
			}
		}
	}
	return response, err
}

// checkLog looks for the secrets as whole words, since six digits are also found in
// the middle of a time.
func (s secrets) checkLog(t *testing.T, log string) {
	t.Helper()
	for secret, what := range s {
		if len(secret) < 6 {
			t.Errorf("%s is too short to look for", what)
		}
		word := regexp.MustCompile(`(^|[^0-9A-Za-z.])` + regexp.QuoteMeta(secret) + `($|[^0-9A-Za-z])`)
		for line := range strings.Lines(log) {
			if word.MatchString(line) {
				t.Errorf("%s, %s, is in the log: %s", what, secret, line)
			}
		}
	}
}

// Caddy's own proxy writes the header that it sends to the application into the log at
// level DEBUG, and knows only of Cookie and Authorization that they are secret. Nothing
// of ours can change that, so those lines are left out here.
func withoutTheProxysDebugging(log string) string {
	var kept strings.Builder
	for line := range strings.Lines(log) {
		if !strings.HasPrefix(line, `{"level":"debug"`) || !strings.Contains(line, `"logger":"http.handlers.reverse_proxy"`) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

func TestNoSecretIsEverLogged(t *testing.T) {
	t.Parallel()
	app := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "page") }))
	s, f := newFaultySite(t, `{
	stepgate {
		store memory
		email inbox
		sms inbox
		code {
			digits 8
		}
	}
}
http://localhost {
	log
	stepgate {
		require otp sms within 5m on /admin/*
		inject {
			id_token X-Id-Token
			access_token Authorization
		}
	}
	reverse_proxy `+app.addr+`
}`)
	const (
		password = "violet otter lantern"
		wrong    = "violet otter lanterm"
	)
	found := secrets{
		password: "the password", wrong: "a mistyped password", testSecret: "the master secret",
		"+447700900123": "the number", "447700900123": "the number", "07700900123": "the number", "7700900123": "the number",
		"+44 7700 900123": "the number as typed", "44+7700+900123": "the number as a form has it",
	}
	take := func(to string) url.Values {
		code := s.message(t, to).Code
		found[code] = "a code"
		return url.Values{"code": {code}}
	}
	off := func(code url.Values) url.Values { // by one digit
		typed := []byte(code.Get("code"))
		typed[0] = '0' + (typed[0]-'0'+1)%10
		found[string(typed)] = "a mistyped code"
		return url.Values{"code": {string(typed)}}
	}
	b := s.browser(t)
	found.watch(b)

	begun := b.post("/.auth/sign-up?return_to=%2Fadmin%2Fx", url.Values{"email": {dana}})
	code := take(dana)
	b.here(begun, off(code))
	p := b.here(begun, code)
	b.here(p, url.Values{"new_password": {"short-" + password[:6]}})
	p = b.here(p, url.Values{"new_password": {password}})
	if !strings.HasPrefix(p.location, "/.auth/phone") {
		t.Fatalf("the phone is not asked for: %d to %q", p.StatusCode, p.location)
	}
	begun = b.here(p, url.Values{"tel": {"+44 7700 900123"}})
	code = take(danaPhone)
	b.here(begun, off(code))
	if p = b.here(begun, code); p.location != "/admin/x" {
		t.Fatalf("after the step-up: %d to %q\n%s", p.StatusCode, p.location, p.body)
	}
	for range 2 {
		b.follow(p)
	}
	for _, header := range app.take() {
		found[header.Get("X-Id-Token")] = "an ID token"
		found[strings.TrimPrefix(header.Get("Authorization"), "Bearer ")] = "an access token"
	}

	// The wrong ways to hand in a secret.
	r := b.request(http.MethodPost, "/.auth/sign-in", strings.NewReader("password="+password+"&password="+wrong))
	r.Header.Set("Content-Type", "text/plain")
	b.do(r)
	b.post("/.auth/password?f=x", url.Values{"password": {password}, "x": {strings.Repeat("x", 70_000)}})
	b.header.Set("Authorization", "Bearer "+found.one("an access token"))
	b.get("/other")
	b.header.Del("Authorization")
	b.post("/.auth/sign-out", nil)

	// Signing in again: a wrong password, a store that fails, a provider that quotes.
	s.clock.advance(time.Minute)
	other := s.browser(t)
	found.watch(other)
	p = other.post("/.auth/sign-in", url.Values{"email": {dana}, "way": {"password"}})
	other.here(p, url.Values{"password": {wrong}})
	f.down(fmt.Errorf("%w at %s", errStoreDown, "the disk"))
	other.here(p, url.Values{"password": {password}})
	f.mend()
	if p = other.here(p, url.Values{"password": {password}}); p.location != "/" {
		t.Fatalf("with the password: %d to %q\n%s", p.StatusCode, p.location, p.body)
	}
	p = other.post("/.auth/step-up?return_to=%2Fadmin%2Fx", nil)
	other.here(p, url.Values{"way": {"sms_code"}})
	take(danaPhone)

	logs := s.logs.String()
	for _, line := range []string{`"level":"debug"`, `"level":"error"`, `"uri":"/.auth/code?`, `"uri":"/admin/x"`, "message sent", "handled request"} {
		if !strings.Contains(logs, line) {
			t.Errorf("the log has no %s: it is not the one to look at", line)
		}
	}
	kinds := map[string]int{}
	for _, what := range found {
		kinds[what]++
	}
	if kinds["a code"] < 3 || kinds["a cookie"] < 4 || kinds["an ID token"] < 1 || kinds["an access token"] < 1 {
		t.Errorf("too few secrets to look for: %v", kinds)
	}
	found.checkLog(t, withoutTheProxysDebugging(logs))
}

// one is any secret of a kind.
func (s secrets) one(kind string) string {
	for secret, what := range s {
		if what == kind {
			return secret
		}
	}
	return ""
}

func TestWhatAProviderQuotesIsNotLogged(t *testing.T) {
	t.Parallel()
	name := t.Name()
	f := faultsOf(name)
	var sent send.Message
	quote := func(_ context.Context, m send.Message) error {
		sent = m
		return fmt.Errorf("cannot deliver %q to %s (code %s)", m.Text, m.To, m.Code)
	}
	f.sender.Store(&quote)
	s := newEditedSite(t, payrollSite(), func(apps map[string]any) {
		app := apps["stepgate"].(map[string]any)
		app["code"] = map[string]any{"digits": 8}
		app["sms"] = []map[string]any{{"module": "faulty", "name": name}, {"module": "inbox"}}
	})
	b := s.browser(t)
	s.signUp(b, dana, "/")
	p := b.post("/.auth/step-up?return_to=%2Fx&need=session+%2B+sms_code+%2B+otp", nil)
	b.here(p, url.Values{"tel": {danaPhone}})
	s.message(t, danaPhone)
	logs := s.logs.String()
	if !strings.Contains(logs, "sender did not take message") {
		t.Fatalf("the failure is not in the log")
	}
	secrets{sent.Code: "the code", danaPhone: "the number", danaPhone[1:]: "the number"}.checkLog(t, logs)
}
