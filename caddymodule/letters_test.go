package caddymodule

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/inbox"
)

// keepingSite has a store on a disk and a mail sender that the test plays.
func keepingSite(t *testing.T, dir, name string) *testSite {
	return newEditedSite(t, `{
		stepgate {
			store badger `+dir+`
			secret {env.STEPGATE_TEST_SECRET}
			email inbox
		}
	}
	`+payrollSite(), func(apps map[string]any) {
		apps["stepgate"].(map[string]any)["email"] = []map[string]any{{"module": "faulty", "name": name}}
	})
}

func TestARestartForgetsNoMessageThatIsYoungerThanItsCode(t *testing.T) {
	t.Parallel()
	dir, name := t.TempDir(), t.Name()
	blocked := func(context.Context, send.Message) error {
		return &send.Error{Kind: send.Blocked, Reason: "credentials"}
	}
	faultsOf(name).sender.Store(&blocked)
	s := keepingSite(t, dir, name)
	b := s.browser(t)
	code := b.post("/.auth/sign-up", url.Values{"email": {dana}})
	if p := b.follow(code); p.StatusCode != http.StatusOK {
		t.Fatalf("the code page: %d\n%s", p.StatusCode, p.body)
	}
	if err := s.app.Cleanup(); err == nil || !strings.Contains(err.Error(), "1 messages not sent") {
		t.Fatalf("closing: %v", err)
	}

	sent := make(chan send.Message, 10)
	takes := func(_ context.Context, m send.Message) error { sent <- m; return nil }
	faultsOf(name).sender.Store(&takes)
	next := keepingSite(t, dir, name)
	m := await(t, sent, "the message of the process before")
	if m.To != dana || m.Purpose != "code.sign_up" || !strings.Contains(m.Text, m.Code) || m.ID == "" || m.Series == "" {
		t.Errorf("the message is %v", m)
	}
	b.client.Transport = handlerTransport{next}
	if p := b.here(code, url.Values{"code": {m.Code}}); !strings.Contains(p.location, "/.auth/new-password") {
		t.Errorf("the code opens nothing: %d to %q\n%s", p.StatusCode, p.location, p.body)
	}
	next.settle(t)
	if n := next.stored(t, "1/letter/"); n != 0 {
		t.Errorf("%d letters wait although all were sent", n)
	}
	if err := next.app.Cleanup(); err != nil {
		t.Fatal(err)
	}
	last := keepingSite(t, dir, name)
	last.settle(t)
	select {
	case m := <-sent:
		t.Errorf("sent again: %v", m)
	default:
	}
}

// A reload is no restart: what is under way would be sent twice.
func TestAReloadTakesUpNothing(t *testing.T) {
	t.Parallel()
	name := t.Name()
	entered, release := make(chan send.Message, 10), make(chan struct{})
	hang := func(_ context.Context, m send.Message) error {
		entered <- m
		<-release
		return nil
	}
	faultsOf(name).sender.Store(&hang)
	dir := t.TempDir()
	s := keepingSite(t, dir, name)
	s.browser(t).post("/.auth/sign-up", url.Values{"email": {dana}})
	await(t, entered, "the sender to be called")
	reloaded := keepingSite(t, dir, name)
	if reloaded.app.live.Load().rt != s.app.live.Load().rt {
		t.Fatal("that was no reload")
	}
	close(release)
	reloaded.settle(t)
	if n := len(entered); n != 0 {
		t.Errorf("it was sent %d times more", n)
	}
	if n := reloaded.stored(t, "1/letter/"); n != 0 {
		t.Errorf("%d letters wait although all were sent", n)
	}
}

func TestTheLinkOfAMailSignsOutEverywhereAndLeadsToTheReset(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	owner := s.browser(t)
	p := owner.post("/.auth/sign-up?return_to=%2F", url.Values{"email": {dana}})
	p = owner.here(p, url.Values{"code": {s.message(t, dana).Code}})
	owner.here(p, url.Values{"new_password": {"four words and a comma"}})
	thief := s.browser(t)
	p = thief.post("/.auth/sign-in?return_to=%2F", url.Values{"email": {dana}, "way": {"password"}})
	thief.here(p, url.Values{"email": {dana}, "password": {"four words and a comma"}})
	if p := thief.get("/"); !strings.Contains(p.body, "user="+dana) {
		t.Fatalf("the thief is not in: %d %s", p.StatusCode, p.body)
	}
	notice := func(purpose flows.Purpose) inbox.Received {
		return s.arrived(t, dana, func(m send.Message) bool { return m.Purpose == string(purpose) })
	}
	m := notice(flows.NoticeNewDevice)
	if m.Receipts != "http://localhost/.auth/receipts" && !strings.HasSuffix(m.Receipts, "/.auth/receipts") {
		t.Fatalf("the message is %v", m)
	}
	_, link, _ := strings.Cut(m.Text, "sign out everywhere\n")
	link, _, _ = strings.Cut(link, "\n")
	phone := s.browser(t) // where the mail is read: no cookie, no session
	page := phone.get(link)
	if page.StatusCode != http.StatusOK || !strings.Contains(page.body, "Sign out everywhere?") {
		t.Fatalf("the page: %d\n%s", page.StatusCode, page.body)
	}
	if p := thief.get("/"); !strings.Contains(p.body, "user="+dana) {
		t.Fatal("opening the link did something")
	}
	done := phone.follow(phone.post(strings.TrimPrefix(link, s.origin), nil))
	for _, want := range []string{"All devices are signed out", `action="/.auth/reset"`, `value="` + dana + `"`} {
		if !strings.Contains(done.body, want) {
			t.Errorf("it lacks %q\n%s", want, done.body)
		}
	}
	for _, b := range []*browser{owner, thief} {
		if p := b.get("/"); p.StatusCode != http.StatusSeeOther {
			t.Errorf("still signed in: %d %s", p.StatusCode, p.body)
		}
	}
	notice(flows.NoticeSessionsEnded)
	code := phone.post("/.auth/reset", url.Values{"email": {dana}})
	if p := phone.here(code, url.Values{"code": {s.message(t, dana).Code}}); !strings.Contains(p.location, "/.auth/new-password") {
		t.Errorf("the reset: %d to %q\n%s", p.StatusCode, p.location, p.body)
	}
}
