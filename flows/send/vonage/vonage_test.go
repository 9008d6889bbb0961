package vonage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/sendtest"
)

func text() send.Message {
	return send.Message{ID: "m-1", Medium: send.SMS, To: "+447700900123", Purpose: "code.step_up",
		Text: "482913 is your Example code to open Admin.\n\n@id.example.com #482913", Code: "482913"}
}

func to(t *testing.T, srv *sendtest.VonageServer, f func(*Config)) *Sender {
	t.Helper()
	cfg := Config{APIKey: sendtest.VonageKey, APISecret: sendtest.VonageSecret, From: "Example", BaseURL: srv.URL}
	if f != nil {
		f(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.transport.(*http.Transport).CloseIdleConnections)
	return s
}

func check(t *testing.T, err error, kind send.Kind, reason string) {
	t.Helper()
	var e *send.Error
	if !errors.As(err, &e) {
		t.Fatalf("err = %v, want a *send.Error", err)
	}
	if e.Kind != kind || e.Reason != reason {
		t.Errorf("err = %v; want %s (%s)", err, reason, kind)
	}
	for _, secret := range []string{sendtest.VonageSecret, sendtest.VonageKey, "7700900123", "482913", "is your Example code"} {
		if strings.Contains(fmt.Sprintf("%v %+v", err, err), secret) {
			t.Errorf("the error holds %q: %v", secret, err)
		}
	}
	if len(err.Error()) > 300 {
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
}

func TestATextIsPostedAsVonageDocumentsIt(t *testing.T) {
	t.Parallel()
	srv := sendtest.Vonage(t)
	s := to(t, srv, nil)
	m := text()
	if err := s.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	m.Text = "482913 to Twój kod"
	if err := s.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := srv.WaitFor(t, 2)
	want := url.Values{"api_key": {sendtest.VonageKey}, "api_secret": {sendtest.VonageSecret}, "from": {"Example"},
		"to": {"447700900123"}, "text": {text().Text}, "client-ref": {"m-1"}}
	if got[0].Encode() != want.Encode() {
		t.Errorf("posted %v\nwant %v", got[0], want)
	}
	if got[1].Get("type") != "unicode" || got[1].Get("text") != m.Text {
		t.Errorf("posted %v, want type unicode", got[1])
	}
}

func TestEveryDocumentedStatusHasItsMeaning(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status string
		kind   send.Kind
		reason string
		about  bool
	}{
		{"1", send.Retryable, "throttled", false},
		{"2", send.Blocked, "missing_parameters", false},
		{"3", send.Final, "invalid_parameters", true},
		{"4", send.Blocked, "bad_credentials", false},
		{"5", send.Retryable, "internal_error", false},
		{"6", send.Final, "invalid_message", true},
		{"7", send.Final, "number_barred", true},
		{"8", send.Blocked, "account_barred", false},
		{"9", send.Blocked, "quota", false},
		{"10", send.Retryable, "too_many_binds", false},
		{"11", send.Blocked, "account_not_enabled", false},
		{"12", send.Final, "message_too_long", true},
		{"14", send.Blocked, "invalid_signature", false},
		{"15", send.Blocked, "invalid_sender", true},
		{"22", send.Blocked, "invalid_network", true},
		{"23", send.Blocked, "invalid_callback", false},
		{"29", send.Blocked, "not_whitelisted", true},
		{"32", send.Blocked, "secret_not_allowed", false},
		{"33", send.Final, "number_deactivated", true},
		{"99", send.Retryable, "unknown_status", false},
		{"", send.Uncertain, "bad_reply", false},
		{"00", send.Uncertain, "bad_reply", false},
	}
	if len(statuses) != len(tests)-3 {
		t.Errorf("%d statuses are known, %d are tested", len(statuses), len(tests)-3)
	}
	for _, tt := range tests {
		t.Run("status "+tt.status, func(t *testing.T) {
			t.Parallel()
			srv := sendtest.Vonage(t)
			srv.Statuses(tt.status)
			err := to(t, srv, nil).Send(t.Context(), text())
			check(t, err, tt.kind, tt.reason)
			var e *send.Error
			if errors.As(err, &e) && e.AboutMessage != tt.about {
				t.Errorf("AboutMessage = %v, want %v", e.AboutMessage, tt.about)
			}
			if e != nil && !e.Asked {
				t.Error("not said to be Vonage's own word")
			}
		})
	}
}

func TestAPartThatFailedIsSeenBehindOneThatDidNot(t *testing.T) {
	t.Parallel()
	srv := sendtest.Vonage(t)
	m := text()
	m.Text = strings.Repeat("482913 is your Example code. ", 10)
	s := to(t, srv, nil)
	if err := s.Send(t.Context(), m); err != nil {
		t.Fatalf("both parts accepted: %v", err)
	}
	srv.Statuses("0", "9")
	check(t, s.Send(t.Context(), m), send.Uncertain, "quota") // the first part is on its way
	srv.Statuses("9", "9")
	check(t, s.Send(t.Context(), m), send.Blocked, "quota")
}

func TestWrongCredentialsBlockTheSender(t *testing.T) {
	t.Parallel()
	srv := sendtest.Vonage(t)
	s := to(t, srv, func(c *Config) { c.APISecret = "wrong-secret" })
	err := s.Send(t.Context(), text())
	check(t, err, send.Blocked, "bad_credentials")
	if strings.Contains(err.Error(), "wrong-secret") || !strings.Contains(err.Error(), "status 4 Bad Credentials") {
		t.Errorf("%v: operators need Vonage's words, and not the secret", err)
	}
}

func TestAReplyThatIsNoVerdictIsAnError(t *testing.T) {
	t.Parallel()
	raw := func(code int, kind, body string, headers ...string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", kind)
			for i := 0; i < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}
	}
	const js = "application/json"
	echo := `{"error":"447700900123 482913 ` + sendtest.VonageSecret + `"}`
	tests := map[string]struct {
		answer func(http.ResponseWriter)
		kind   send.Kind
		reason string
	}{
		"empty object":   {raw(200, js, `{}`), send.Uncertain, "bad_reply"},
		"no messages":    {raw(200, js, `{"message-count":"0","messages":[]}`), send.Uncertain, "bad_reply"},
		"null messages":  {raw(200, js, `{"messages":null}`), send.Uncertain, "bad_reply"},
		"null":           {raw(200, js, `null`), send.Uncertain, "bad_reply"},
		"nothing":        {raw(200, js, ``), send.Uncertain, "bad_reply"},
		"an array":       {raw(200, js, `[]`), send.Uncertain, "bad_reply"},
		"a page":         {raw(200, "text/html", `<html>Please log in, 447700900123`), send.Uncertain, "bad_reply"},
		"XML":            {raw(200, "text/xml", `<a><b/></a>`), send.Uncertain, "bad_reply"},
		"half a reply":   {raw(200, js, `{"messages":[{"status":"0"`), send.Uncertain, "bad_reply"},
		"a numeric code": {raw(200, js, `{"messages":[{"status":0}]}`), send.Uncertain, "bad_reply"},
		"bytes":          {raw(200, js, "\x00\xff\xfe"), send.Uncertain, "bad_reply"},
		"deep nesting":   {raw(200, js, strings.Repeat("[", 60<<10)), send.Uncertain, "bad_reply"},
		"202":            {raw(202, js, `{"messages":[{"status":"0"}]}`), send.Uncertain, "bad_reply"},
		"204":            {raw(204, js, ``), send.Uncertain, "bad_reply"},
		"redirect":       {raw(307, js, ``, "Location", "/elsewhere"), send.Blocked, "redirected"},
		"400":            {raw(400, js, echo), send.Blocked, "bad_reply"},
		"401":            {raw(401, js, echo), send.Blocked, "bad_credentials"},
		"402":            {raw(402, js, echo), send.Blocked, "quota"},
		"403":            {raw(403, js, echo), send.Blocked, "account_barred"},
		"404":            {raw(404, js, echo), send.Blocked, "bad_reply"},
		"408":            {raw(408, js, echo), send.Retryable, "unavailable"},
		"420":            {raw(420, js, echo), send.Retryable, "throttled"},
		"429":            {raw(429, js, echo, "Retry-After", "7"), send.Retryable, "throttled"},
		"500":            {raw(500, "text/html", echo), send.Retryable, "unavailable"},
		"504":            {raw(504, "text/html", echo), send.Uncertain, "bad_reply"},
		"no status":      {raw(200, js, `{"messages":[{}]}`), send.Uncertain, "bad_reply"},
		"503":            {raw(503, js, `{"messages":[{"status":"0"}]}`), send.Retryable, "unavailable"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := sendtest.Vonage(t)
			srv.Answer = func(w http.ResponseWriter, _ *http.Request, _ url.Values) bool { tt.answer(w); return true }
			err := to(t, srv, nil).Send(t.Context(), text())
			check(t, err, tt.kind, tt.reason)
			if n := len(srv.Requests()); n != 1 {
				t.Errorf("%d requests", n)
			}
			var e *send.Error
			if errors.As(err, &e); name == "429" && e.Wait != 7*time.Second {
				t.Errorf("Wait = %v, want 7s", e.Wait)
			}
		})
	}
}

func TestAVerdictCountsWhateverItsContentType(t *testing.T) {
	t.Parallel()
	srv := sendtest.Vonage(t)
	srv.Answer = func(w http.ResponseWriter, _ *http.Request, _ url.Values) bool {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, `{"message-count":"1","messages":[{"status":"0"}]}`)
		return true
	}
	if err := to(t, srv, nil).Send(t.Context(), text()); err != nil {
		t.Errorf("an accepted text would be sent again: %v", err)
	}
}

func TestARedirectIsNeverFollowed(t *testing.T) {
	t.Parallel()
	other := sendtest.Vonage(t)
	srv := sendtest.Vonage(t)
	srv.Answer = func(w http.ResponseWriter, r *http.Request, _ url.Values) bool {
		http.Redirect(w, r, other.URL+"/json", http.StatusPermanentRedirect) // 308 keeps the body
		return true
	}
	check(t, to(t, srv, nil).Send(t.Context(), text()), send.Blocked, "redirected")
	if len(other.Requests()) != 0 {
		t.Error("the secret went to another address")
	}
}

func TestAGigabyteOfReplyCostsNoMemory(t *testing.T) {
	t.Parallel()
	srv := sendtest.Vonage(t)
	written := make(chan int, 1)
	srv.Answer = func(w http.ResponseWriter, _ *http.Request, _ url.Values) bool {
		chunk, n := make([]byte, 64<<10), 0
		for n < 1<<30 {
			k, err := w.Write(chunk)
			if n += k; err != nil {
				break
			}
		}
		written <- n
		return true
	}
	check(t, to(t, srv, nil).Send(t.Context(), text()), send.Uncertain, "bad_reply")
	if n := <-written; n > 32<<20 { // what the kernel buffers comes on top
		t.Errorf("%d bytes were taken", n)
	}
}

func TestAProviderThatHangsIsLeftInTime(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(http.ResponseWriter){
		"before the reply": func(http.ResponseWriter) {},
		"inside the reply": func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, `{"messages":[`)
			w.(http.Flusher).Flush()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := sendtest.Vonage(t)
			srv.Answer = func(w http.ResponseWriter, r *http.Request, _ url.Values) bool {
				begin(w)
				<-r.Context().Done()
				return true
			}
			s := to(t, srv, func(c *Config) { c.Timeout = 200 * time.Millisecond })
			check(t, s.Send(t.Context(), text()), send.Uncertain, "timeout")

			s = to(t, srv, func(c *Config) { c.Timeout = time.Hour })
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				srv.WaitFor(t, 2)
				cancel()
			}()
			check(t, s.Send(ctx, text()), send.Uncertain, "cancelled")
		})
	}
}

func TestAConnectionThatBreaksIsRetryableOnlyBeforeTheRequestIsOut(t *testing.T) {
	t.Parallel()
	srv := sendtest.Vonage(t)
	srv.Answer = func(w http.ResponseWriter, _ *http.Request, _ url.Values) bool {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return true
		}
		_ = c.Close()
		return true
	}
	check(t, to(t, srv, nil).Send(t.Context(), text()), send.Uncertain, "network")
	s := to(t, srv, func(c *Config) { c.BaseURL = "http://127.0.0.1:1/sms" })
	check(t, s.Send(t.Context(), text()), send.Retryable, "network")
}

func TestTextsMayBeSentAtTheSameTime(t *testing.T) {
	t.Parallel()
	srv := sendtest.Vonage(t)
	s := to(t, srv, nil)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			m := text()
			m.To = fmt.Sprintf("+4477009001%02d", i)
			if err := s.Send(t.Context(), m); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for _, r := range srv.WaitFor(t, 20) {
		seen[r.Get("to")] = true
	}
	if len(seen) != 20 {
		t.Errorf("%d different numbers, want 20", len(seen))
	}
}
