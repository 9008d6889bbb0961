package caddymodule

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stepgate/stepgate/flows/send"
)

// wordsOfTrouble are what people read when the store cannot answer.
const wordsOfTrouble = "check who you are at the moment"

func TestAStoreThatFailsRefusesWhatIsProtectedAndNothingElse(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		fail func(*faults)
		cold int // what a session that must be read gets
	}{
		"down":       {func(f *faults) { f.down(errStoreDown) }, 503},
		"full":       {func(f *faults) { f.full() }, 200},
		"unheard of": {func(f *faults) { f.down(errStoreOdd) }, 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, f := newFaultySite(t, payrollSite("public on /open/*", "deny on /internal/*", "require otp sms on /admin/*"))
			b, nobody := s.browser(t), s.browser(t)
			b.follow(s.signUp(b, dana, "/"))
			expect := func(b *browser, path string, status int, user string) {
				t.Helper()
				p := b.get(path)
				through := strings.Contains(p.body, "app path")
				if p.StatusCode != status || through != (status == 200) || through && !strings.Contains(p.body, "user="+user+" ") {
					t.Errorf("%s: %d, want %d for %q; location %q; %.300s", path, p.StatusCode, status, user, p.location, p.body)
				}
				if status == 503 && (!strings.Contains(p.body, wordsOfTrouble) || !strings.Contains(p.body, "<h1")) {
					t.Errorf("%s says nothing that helps: %s", path, p.body)
				}
			}
			row.fail(f)
			for _, path := range []string{"/", "/report", "/open/x"} {
				expect(b, path, 200, dana) // warm
			}
			user := dana
			if row.cold == 503 {
				user = ""
			}
			for range 2 { // a failure must not be remembered as an answer
				s.cool()
				expect(b, "/report", row.cold, user)
				s.cool()
				expect(b, "/open/x", 200, user)
			}
			s.cool()
			if p := b.get("/admin/x"); strings.Contains(p.body, "app path") {
				t.Errorf("/admin/x is open: %s", p.body)
			}
			expect(b, "/internal/x", 403, "")
			expect(nobody, "/open/x", 200, "")
			expect(nobody, "/report", 303, "")
			expect(nobody, "/internal/x", 403, "")

			f.mend()
			s.cool()
			expect(b, "/report", 200, dana)
			expect(nobody, "/report", 303, "")
		})
	}
}

func TestPagesSayInWordsThatTheStoreFails(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*faults){
		"down": func(f *faults) { f.down(errStoreDown) },
		"full": func(f *faults) { f.full() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, f := newFaultySite(t, payrollSite())
			b, known := s.browser(t), s.browser(t)
			code := b.post("/.auth/sign-up", url.Values{"email": {"ed@example.com"}})
			right := url.Values{"code": {s.message(t, "ed@example.com").Code}}
			s.signUp(known, dana, "/")
			fail(f)
			expect := func(what string, p *page) {
				t.Helper()
				if p.StatusCode != 503 || !strings.Contains(p.body, wordsOfTrouble) || b.session() != nil {
					t.Errorf("%s: %d to %q\n%s", what, p.StatusCode, p.location, p.body)
				}
			}
			expect("a sign-up", b.post("/.auth/sign-up", url.Values{"email": {"fay@example.com"}}))
			expect("a sign-in", b.post("/.auth/sign-in", url.Values{"email": {dana}}))
			expect("a code", b.here(code, right))
			expect("a sign-out", known.post("/.auth/sign-out", nil))
			for _, path := range []string{"/.auth/sign-in", "/.auth/sign-up", "/.auth/jwks", "/.auth/.well-known/openid-configuration"} {
				if p := s.browser(t).get(path); p.StatusCode != 200 {
					t.Errorf("%s, which needs no store: %d", path, p.StatusCode)
				}
			}
			if name == "down" {
				s.cool()
				expect("a cold session at a page", known.get("/.auth/sign-in"))
				expect("a step", b.follow(code))
			}

			f.mend()
			if p := b.here(b.here(code, right), url.Values{"do": {"skip"}}); p.location != "/" || b.session() == nil {
				t.Errorf("the code does not work afterwards: %d to %q", p.StatusCode, p.location)
			}
		})
	}
}

func TestARequestThatIsOverIsNotLetThrough(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	b := s.browser(t)
	s.signUp(b, dana, "/")
	s.cool()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	r := b.request(http.MethodGet, "/report", nil).WithContext(over)
	r.AddCookie(b.session())
	response, err := handlerTransport{s}.RoundTrip(r)
	if err != nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%v, %v", response, err)
	}
}

func TestPagesDoNotWaitForASender(t *testing.T) {
	t.Parallel()
	name := t.Name()
	f := faultsOf(name)
	s := newEditedSite(t, payrollSite(), func(apps map[string]any) {
		apps["stepgate"].(map[string]any)["email"] = []map[string]any{{"module": "faulty", "name": name}}
	})
	entered, release := make(chan send.Message, 2000), make(chan struct{})
	t.Cleanup(func() { close(release) }) // before the app waits for its queue
	hang := func(_ context.Context, m send.Message) error {
		entered <- m
		<-release // it does not even listen to its context
		return nil
	}
	f.sender.Store(&hang)
	b := s.browser(t)
	p := b.post("/.auth/sign-up", url.Values{"email": {dana}})
	if p = b.follow(p); p.StatusCode != 200 || !strings.Contains(p.body, `name="code"`) {
		t.Fatalf("the code page: %d\n%s", p.StatusCode, p.body)
	}
	if m := await(t, entered, "the sender to be called"); m.To != dana {
		t.Errorf("a message to %s", m.To)
	}
	// The queue fills, and the page says so at once.
	outbox := s.app.live.Load().rt.outbox
	for outbox.Post(send.Message{Medium: send.Email, To: "fay@example.com", Text: "x"}) == nil {
	}
	p = s.browser(t).post("/.auth/sign-up", url.Values{"email": {"ed@example.com"}})
	if p.StatusCode == 303 {
		p = b.follow(p)
	}
	if p.StatusCode != 503 || !strings.Contains(p.body, "<h1") || strings.Contains(p.body, wordsOfTrouble) {
		t.Errorf("with a full queue: %d\n%s", p.StatusCode, p.body)
	}
}

func TestASenderThatPanicsOrRefusesTakesNothingDown(t *testing.T) {
	t.Parallel()
	name := t.Name()
	f := faultsOf(name)
	s := newEditedSite(t, payrollSite(), func(apps map[string]any) {
		apps["stepgate"].(map[string]any)["email"] = []map[string]any{{"module": "faulty", "name": name}, {"module": "inbox"}}
	})
	panics := func(context.Context, send.Message) error { panic("no more") }
	f.sender.Store(&panics)
	// Nobody knows whether it has sent that one, so nobody else does; the next goes on.
	if p := s.browser(t).post("/.auth/sign-up", url.Values{"email": {"panics@example.com"}}); p.StatusCode != 303 {
		t.Errorf("a sender that panics: %d\n%s", p.StatusCode, p.body)
	}
	s.settle(t)
	for what, do := range map[string]func(context.Context, send.Message) error{
		"has panicked": panics,
		"refuses": func(context.Context, send.Message) error {
			return &send.Error{Kind: send.Blocked, Reason: "credentials"}
		},
		"has gone": func(context.Context, send.Message) error { return context.DeadlineExceeded },
	} {
		f.sender.Store(&do)
		if b := s.browser(t); b.follow(s.signUp(b, strings.ReplaceAll(what, " ", ".")+"@example.com", "/")).StatusCode != 200 {
			t.Errorf("a sender that %s keeps people out, although the next one works", what)
		}
	}
}
