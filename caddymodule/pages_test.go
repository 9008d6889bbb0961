package caddymodule

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestOurPagesArePagesForPeopleOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	for _, c := range []struct {
		mode, dest string
		want       int
	}{
		{"navigate", "document", 200}, {"", "", 200}, // a browser of old
		{"navigate", "empty", 200}, // through a service worker
		{"cors", "empty", 403}, {"no-cors", "image", 403}, {"navigate", "iframe", 403}, {"same-origin", "empty", 403},
	} {
		b := s.browser(t)
		b.header = http.Header{"Sec-Fetch-Mode": {c.mode}, "Sec-Fetch-Dest": {c.dest}}
		if p := b.get("/.auth/sign-in"); p.StatusCode != c.want {
			t.Errorf("mode %q, destination %q: %d, want %d", c.mode, c.dest, p.StatusCode, c.want)
		}
	}
}

func TestOurPagesAreNeverForwardedHoweverSpelled(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("public on *"))
	b := s.browser(t)
	for _, path := range []string{
		"/.auth", "/.auth/", "/.auth/nothing", "/.AUTH/sign-in", "/.auth/..%2fadmin", "/.auth/%2e%2e/admin", "/.auth//x",
		"/.auth/sign-in/", "/%2eauth/sign-in", "/.auth/native/x", "/.auth/assets/../../x", "/.auth/jwks/", "/.auth/.well-known/",
	} {
		r := b.request("GET", "/x", nil)
		r.URL.Opaque = path
		if p := b.do(r); strings.Contains(p.body, "app path") {
			t.Errorf("%s reached the application: %d %s", path, p.StatusCode, p.body)
		}
	}
}

func TestAClosedSiteWithoutAccountsIsWarnedAbout(t *testing.T) {
	t.Parallel()
	for mode, warned := range map[string]bool{"closed": true, "open": false} {
		s := newSite(t, strings.Replace(testGlobals, "store memory", "store memory\n\t\tsign_up "+mode, 1)+payrollSite())
		if got := strings.Contains(s.logs.String(), "nobody can sign in"); got != warned {
			t.Errorf("sign_up %s: warned %v", mode, got)
		}
	}
}

func TestATargetThatCannotBeOpenedIsNoFaultOfOurPages(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	b := s.browser(t)
	s.signUp(b, dana, "/")
	for _, target := range []string{"/a;b", "/a%252fb", "/a%2fb", "/a.", "/x?%00", "//evil.example", "/.auth/sign-out", strings.Repeat("/a", 3000)} {
		for _, page := range []string{"/.auth/step-up", "/.auth/sign-in", "/.auth/enrol"} {
			if p := b.get(page + "?return_to=" + url.QueryEscape(target)); p.StatusCode >= 400 {
				t.Errorf("%s to %.20s: %d", page, target, p.StatusCode)
			}
		}
	}
	if p := b.get("/.auth/step-up?need=nonsense+within+-5m"); p.StatusCode >= 400 {
		t.Errorf("a need that nobody can read: %d", p.StatusCode)
	}
}

func TestSigningOutTakesAwayBothSessions(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	b := s.browser(t)
	s.signUp(b, dana, "/")
	home, _ := url.Parse(b.origin)
	b.client.Jar.SetCookies(home, []*http.Cookie{{Name: "legacy_session", Value: "dana's", Path: "/"}})
	stolen := b.client.Jar.Cookies(home)

	if p := b.get("/.auth/sign-out"); p.StatusCode != 200 || b.get("/").StatusCode != 200 {
		t.Fatal("a GET signed somebody out")
	}
	p := b.post("/.auth/sign-out", url.Values{})
	if p.StatusCode != 200 && p.StatusCode != 303 {
		t.Fatalf("signing out: %d", p.StatusCode)
	}
	for _, c := range b.client.Jar.Cookies(home) {
		if c.Name == "legacy_session" || c.Name == "stepgate" {
			t.Errorf("cookie %s is still there", c.Name)
		}
	}
	b.client.Jar.SetCookies(home, stolen)
	if p := b.get("/"); p.StatusCode != 303 {
		t.Errorf("a copy of the cookie works after sign-out: %d", p.StatusCode)
	}
}
