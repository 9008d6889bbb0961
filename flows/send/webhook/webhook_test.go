package webhook

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/sendtest"
)

func letter() send.Message {
	return send.Message{ID: "m-1", Medium: send.Email, To: "john.doe@example.org", Purpose: "code.sign_in",
		Subject: "Ihr Code für Löhne", Text: "482913 ist Ihr Code – nur für Sie.\n", HTML: "<p>482913</p>",
		Lang: "de-AT", Code: "482913", Expires: time.Date(2026, 3, 1, 10, 0, 0, 0, time.FixedZone("", 3600))}
}

func to(t testing.TB, url string, f func(*Config)) *Sender {
	t.Helper()
	cfg := Config{URL: url, Secret: sendtest.WebhookSecret, Timeout: 10 * time.Second}
	if f != nil {
		f(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// check compares an error, and that it says nothing of the message or the secret.
func check(t *testing.T, err error, kind send.Kind, reason string) *send.Error {
	t.Helper()
	var e *send.Error
	if !errors.As(err, &e) {
		t.Fatalf("err = %v, want a *send.Error", err)
	}
	if e.Kind != kind || e.Reason != reason {
		t.Errorf("err = %v; want %s (%s)", err, reason, kind)
	}
	for _, secret := range []string{"john.doe", "example.org", "482913", "nur für Sie", "whsec", sendtest.WebhookSecret[6:]} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error holds %q: %v", secret, err)
		}
	}
	return e
}

func TestAMessageArrivesWholeAndSigned(t *testing.T) {
	t.Parallel()
	srv := sendtest.Webhook(t)
	m := letter()
	if err := to(t, srv.URL, nil).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := srv.WaitFor(t, 1)[0]
	h := got.Header
	got.Header = nil
	want := sendtest.Posted{ID: m.ID, Medium: "email", To: m.To, Purpose: m.Purpose, Subject: m.Subject, Text: m.Text,
		HTML: m.HTML, Lang: m.Lang, Code: m.Code, Expires: m.Expires.UTC()}
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if h.Get("User-Agent") != "Stepgate" || h.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", h)
	}
}

// The specification's own example.
func TestTheSignatureIsThatOfStandardWebhooks(t *testing.T) {
	t.Parallel()
	key, err := parseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got := sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTheSameMessageIsTakenOnce(t *testing.T) {
	t.Parallel()
	srv := sendtest.Webhook(t)
	s := to(t, srv.URL, nil)
	for range 3 { // the receiver answers 204, 409, 409
		if err := s.Send(t.Context(), letter()); err != nil {
			t.Fatal(err)
		}
	}
	if n, all := len(srv.Taken()), len(srv.Posts()); n != 1 || all != 3 {
		t.Errorf("%d taken of %d", n, all)
	}
}

func TestEveryAnswerHasItsMeaning(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]struct {
		kind   send.Kind
		reason string
		about  bool
	}{
		300: {send.Blocked, "refused", false}, 301: {send.Blocked, "refused", false}, 307: {send.Blocked, "refused", false},
		400: {send.Blocked, "refused", false}, 401: {send.Blocked, "auth", false}, 403: {send.Blocked, "auth", false},
		404: {send.Blocked, "refused", false}, 408: {send.Retryable, "unavailable", false},
		410: {send.Blocked, "refused", false}, 413: {send.Blocked, "refused", false},
		422: {send.Final, "unacceptable", true}, 429: {send.Retryable, "throttled", false},
		500: {send.Retryable, "unavailable", false}, 502: {send.Retryable, "unavailable", false},
		503: {send.Retryable, "unavailable", false}, 504: {send.Uncertain, "timeout", false},
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			srv := sendtest.Webhook(t)
			srv.Answer = func(w http.ResponseWriter, _ *http.Request, p sendtest.Posted) bool {
				w.Header().Set("Location", srv.URL+"/elsewhere")
				w.Header().Set("Retry-After", "7")
				http.Error(w, "no "+p.To+" "+p.Text+sendtest.WebhookSecret, code)
				return true
			}
			e := check(t, to(t, srv.URL, nil).Send(t.Context(), letter()), want.kind, want.reason)
			if e.AboutMessage != want.about || e.Wait != 7*time.Second {
				t.Errorf("about %v, wait %v", e.AboutMessage, e.Wait)
			}
			if !e.Asked {
				t.Error("not said to be the receiver's own word")
			}
			if n := len(srv.Posts()); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
	for _, code := range []int{200, 201, 202, 204, 299, 409} {
		srv := sendtest.Webhook(t)
		srv.Answer = func(w http.ResponseWriter, _ *http.Request, _ sendtest.Posted) bool { w.WriteHeader(code); return true }
		if err := to(t, srv.URL, nil).Send(t.Context(), letter()); err != nil {
			t.Errorf("%d: %v", code, err)
		}
	}
}

func TestWhatMayHaveBeenTakenIsUncertain(t *testing.T) {
	t.Parallel()
	for fault, reason := range map[sendtest.Fault]string{
		sendtest.Hang: "timeout", sendtest.HangUnread: "timeout", sendtest.Close: "network", sendtest.Babble: "network",
	} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			srv := sendtest.Webhook(t)
			srv.Break(fault)
			s := to(t, srv.URL, nil)
			if reason == "timeout" {
				s.timeout = 200 * time.Millisecond
			}
			check(t, s.Send(t.Context(), letter()), send.Uncertain, reason)
		})
	}
	srv := sendtest.Webhook(t)
	arrived := make(chan struct{})
	srv.Answer = func(_ http.ResponseWriter, r *http.Request, _ sendtest.Posted) bool {
		close(arrived)
		<-r.Context().Done()
		return true
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	check(t, to(t, srv.URL, nil).Send(ctx, letter()), send.Uncertain, "cancelled")
}

func TestWhatNeverLeftIsRetryable(t *testing.T) {
	t.Parallel()
	check(t, to(t, "http://127.0.0.1:1/", nil).Send(t.Context(), letter()), send.Retryable, "network")
	srv := httptest.NewUnstartedServer(nil)
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	srv.Config.ErrorLog = nil
	check(t, to(t, srv.URL, nil).Send(t.Context(), letter()), send.Blocked, "tls")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	check(t, to(t, srv.URL, nil).Send(ctx, letter()), send.Retryable, "cancelled")
}

func TestAnAcceptanceCountsWhateverFollowsIt(t *testing.T) {
	t.Parallel()
	srv := sendtest.Webhook(t)
	srv.Answer = func(w http.ResponseWriter, _ *http.Request, _ sendtest.Posted) bool {
		for range 1 << 14 { // a gigabyte, if anybody read it
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return true
			}
		}
		t.Error("a gigabyte of body was read")
		return true
	}
	if err := to(t, srv.URL, nil).Send(t.Context(), letter()); err != nil {
		t.Error(err)
	}
}

func TestAMessageThatCannotBePostedIsRefusedBeforeDialling(t *testing.T) {
	t.Parallel()
	srv := sendtest.Webhook(t)
	for reason, change := range map[string]func(*send.Message){
		"bad_id":        func(m *send.Message) { m.ID = "a\r\nX-Evil: b" },
		"bad_recipient": func(m *send.Message) { m.To = "" },
		"no_text":       func(m *send.Message) { m.Text = " \n" },
	} {
		m := letter()
		change(&m)
		if e := check(t, to(t, srv.URL, nil).Send(t.Context(), m), send.Final, reason); !e.AboutMessage || e.Asked {
			t.Errorf("%s is said to be about the sender, or its word", reason)
		}
	}
	if n := len(srv.Posts()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestACheckIsASignedHEADThatSendsNothing(t *testing.T) {
	t.Parallel()
	srv := sendtest.Webhook(t)
	s := to(t, srv.URL, nil)
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if srv.Checks() != 1 || len(srv.Posts()) != 0 {
		t.Errorf("%d checks, %d posts", srv.Checks(), len(srv.Posts()))
	}
	wrong := to(t, srv.URL, func(c *Config) { c.Secret = strings.Repeat("ab", 32) })
	check(t, wrong.Check(t.Context()), send.Blocked, "auth")
	for fault, want := range map[sendtest.Fault]struct {
		kind   send.Kind
		reason string
	}{
		sendtest.Refuse("401"): {send.Blocked, "auth"},
		sendtest.Refuse("500"): {send.Retryable, "unavailable"}, sendtest.Refuse("504"): {send.Retryable, "unavailable"},
		sendtest.Close: {send.Retryable, "network"},
	} {
		srv.Break(fault)
		check(t, s.Check(t.Context()), want.kind, want.reason)
	}
	srv.Break(sendtest.Hang)
	s.timeout = 100 * time.Millisecond
	check(t, s.Check(t.Context()), send.Retryable, "timeout")
	for _, code := range []string{"301", "400", "403", "404", "405", "409", "429", "501"} {
		srv.Break(sendtest.Refuse(code))
		err := to(t, srv.URL, nil).Check(t.Context())
		if _, verdict := errors.AsType[*send.Error](err); !errors.Is(err, send.ErrNoVerdict) || verdict {
			t.Errorf("%s: %v", code, err)
		}
	}
}

func TestABadConfigurationIsRefusedWithItsReason(t *testing.T) {
	t.Parallel()
	good := Config{URL: "https://hooks.example.com/send", Secret: sendtest.WebhookSecret}
	raw := []byte(strings.Repeat("hunter2-", 8))
	for _, tt := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.URL = "" }, "url"},
		{func(c *Config) { c.URL = "hooks.example.com" }, "url"},
		{func(c *Config) { c.URL = "https://" }, "url"},
		{func(c *Config) { c.URL = "https://u:hunter2-@hooks.example.com" }, "user name"},
		{func(c *Config) { c.URL = "https://hooks.example.com/#hunter2-" }, "fragment"},
		{func(c *Config) { c.URL = "http://hooks.example.com/hunter2-" }, "https"},
		{func(c *Config) { c.URL = "http://localhost.example.com/" }, "https"},
		{func(c *Config) { c.URL = "http://10.0.0.1/" }, "https"},
		{func(c *Config) { c.Secret = "" }, "missing"},
		{func(c *Config) { c.Secret = "hunter2-" }, "secret"},
		{func(c *Config) { c.Secret = "whsec_hunter2-!" }, "base64"},
		{func(c *Config) { c.Secret = "whsec_" + base64.StdEncoding.EncodeToString(raw[:23]) }, "too short"},
		{func(c *Config) { c.Secret = base64.StdEncoding.EncodeToString(raw[:31]) }, "too short"},
		{func(c *Config) { c.Secret = hex.EncodeToString(raw[:31]) }, "too short"},
	} {
		cfg := good
		tt.change(&cfg)
		_, err := New(cfg)
		if err == nil || !strings.HasPrefix(err.Error(), "configuring webhook: ") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("New(%+v) = %v, want an error about %s", cfg, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error holds a secret: %v", err)
		}
	}
	for secret, want := range map[string]int{
		"whsec_" + base64.StdEncoding.EncodeToString(raw[:24]): 24, "whsec_" + base64.RawStdEncoding.EncodeToString(raw[:25]): 25,
		hex.EncodeToString(raw[:32]): 32, base64.StdEncoding.EncodeToString(raw[:32]): 32, base64.RawStdEncoding.EncodeToString(raw): 64,
	} {
		key, err := parseSecret(secret)
		if err != nil || string(key) != string(raw[:want]) {
			t.Errorf("%s: %q, %v", secret, key, err)
		}
	}
	for _, u := range []string{"https://hooks.example.com/send?token=1", "http://127.0.0.1:8080/x", "http://[::1]/", "http://localhost/"} {
		if s := to(t, u, func(c *Config) { c.Timeout = 0 }); s.timeout != 10*time.Second || s.url != u {
			t.Errorf("%s: %s, %v", u, s.url, s.timeout)
		}
	}
}

func TestARedirectIsNeverFollowed(t *testing.T) {
	t.Parallel()
	other := sendtest.Webhook(t)
	srv := sendtest.Webhook(t)
	srv.Answer = func(w http.ResponseWriter, r *http.Request, _ sendtest.Posted) bool {
		http.Redirect(w, r, other.URL, http.StatusPermanentRedirect) // 308 keeps the body
		_, _ = io.WriteString(w, "moved")
		return true
	}
	check(t, to(t, srv.URL, nil).Send(t.Context(), letter()), send.Blocked, "refused")
	if len(other.Posts()) != 0 {
		t.Error("the message went to another address")
	}
}
