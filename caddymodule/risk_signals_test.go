package caddymodule

import (
	"net/http"
	"net/url"
	"testing"
	"time"
)

// signalSite denies what has the risk of the given lines.
func signalSite(lines ...string) string {
	risk := "risk {"
	for _, line := range lines {
		risk += "\n" + line
	}
	return trusting("127.0.0.0/8") + payrollSite(risk+"\n}", "deny on /x when risk medium")
}

func (b *browser) status(path string) int {
	b.t.Helper()
	return b.get(path).StatusCode
}

func TestANewDeviceIsRiskyUntilASignInThereHasProvedEnough(t *testing.T) {
	t.Parallel()
	s := newSite(t, signalSite("new_device medium"))
	first, second := s.browser(t), s.browser(t)
	if got := first.status("/x"); got != 303 {
		t.Errorf("somebody who is not signed in is asked to: %d", got)
	}
	s.signUp(first, dana, "/")
	if got := first.status("/x"); got != 200 {
		t.Errorf("where the account was made: %d", got)
	}
	s.signInBy(second, dana)
	if first, other := second.status("/x"), second.status("/"); first != 403 || other != 200 {
		t.Errorf("a new browser: %d, and %d elsewhere", first, other)
	}
	// All that the account has was proved there: the next time it is known.
	s.clock.advance(13 * time.Hour)
	s.signInBy(second, dana)
	if got := second.status("/x"); got != 200 {
		t.Errorf("the second time: %d", got)
	}
}

func TestANewNetworkIsRiskyOnEveryRequestFromThere(t *testing.T) {
	t.Parallel()
	s := newSite(t, signalSite("new_network medium"))
	b := s.browser(t)
	from := func(client string) *browser {
		b.header = http.Header{"X-Forwarded-For": {client}}
		return b
	}
	s.signUp(from("198.51.100.7"), dana, "/")
	for _, step := range []struct {
		client string
		want   int
	}{
		{"198.51.100.7", 200}, {"198.51.100.200", 200}, {"203.0.113.9", 403}, {"2001:db8::1", 403}, {"198.51.100.8", 200},
	} {
		if got := from(step.client).status("/x"); got != step.want {
			t.Errorf("from %s: %d, want %d", step.client, got, step.want)
		}
	}
}

func TestWrongTriesFromAnywhereMakeAnAccountRiskyForAnHour(t *testing.T) {
	t.Parallel()
	s := newSite(t, signalSite("recent_failures 2 low", "recent_failures 3 medium"))
	b, stranger := s.browser(t), s.browser(t)
	s.signUp(b, dana, "/")
	p := stranger.post("/.auth/sign-in?return_to=%2F", url.Values{"email": {dana}})
	for try := range 3 {
		if got := b.status("/x"); got != 200 {
			t.Fatalf("after %d wrong tries: %d", try, got)
		}
		if p.StatusCode != 303 {
			t.Fatalf("%d %s", p.StatusCode, p.body)
		}
		stranger.post(p.location, url.Values{"code": {"000000"}})
	}
	if got := b.status("/x"); got != 403 {
		t.Errorf("after 3 wrong tries: %d", got)
	}
	if got := b.status("/"); got != 200 {
		t.Errorf("elsewhere: %d", got)
	}
	for range 3 { // the session stays in use
		s.clock.advance(21 * time.Minute)
		b.status("/")
	}
	if got := b.status("/x"); got != 200 {
		t.Errorf("an hour later: %d", got)
	}
}

func TestAnOldSessionIsRisky(t *testing.T) {
	t.Parallel()
	s := newSite(t, signalSite("session_age 90m medium", "session_age 30m low"))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{31 * time.Minute, 200}, {59 * time.Minute, 200}, {time.Second, 403}} {
		s.clock.advance(step.after)
		if got := b.status("/x"); got != step.want {
			t.Errorf("%v later: %d, want %d", step.after, got, step.want)
		}
	}
}

func TestAMatchedRequestIsRiskyHoweverItIsAskedFor(t *testing.T) {
	t.Parallel()
	const site = `{
	stepgate {
		store memory
		email inbox
		sms inbox
	}
}
http://localhost {
	@reads {
		method GET
		path /report
	}
	@late header X-Late yes
	stepgate {
		risk {
			match /export /export/* @reads high
			match @late low
			match /nowhere low
		}
		lenient_paths semicolon
		public on *
		deny when risk high
		require session when risk low
	}
	respond "in"
}`
	s := newSite(t, site)
	b := s.browser(t)
	for _, row := range []struct {
		method, path, late string
		want               int
	}{
		{"GET", "/", "", 200}, {"GET", "/", "yes", 303}, {"GET", "/exports", "", 200},
		{"GET", "/export", "", 403}, {"POST", "/export/x", "yes", 403}, {"GET", "/EXPORT", "", 403}, {"GET", "/%65xport", "", 403},
		{"GET", "/report", "", 403}, {"POST", "/report", "", 200},
		{"HEAD", "/report", "", 403},      // what GET would show
		{"GET", "/export;a=b/y", "", 403}, // what some servers read
		{"GET", "/elsewhere;a=b/y", "", 200},
	} {
		b.header = http.Header{}
		if row.late != "" {
			b.header.Set("X-Late", row.late)
		}
		if p := b.do(b.request(row.method, row.path, nil)); p.StatusCode != row.want {
			t.Errorf("%s %s: %d, want %d", row.method, row.path, p.StatusCode, row.want)
		}
	}
}
