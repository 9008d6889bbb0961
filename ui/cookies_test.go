package ui

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stepgate/stepgate/flows"
)

func TestExactlyOneSessionCookieCounts(t *testing.T) {
	t.Parallel()
	secure, plain := CookiesFor("https://payroll.example.com"), CookiesFor("http://localhost:8080")
	for _, c := range []struct {
		cookies Cookies
		header  []string
		want    string
	}{
		{secure, []string{"__Host-stepgate=abc=="}, "abc=="},
		{secure, []string{"a=b;__Host-stepgate=abc ; c=d"}, "abc"},
		{secure, []string{"a=b", "__Host-stepgate=abc"}, "abc"},
		{secure, []string{"__Host-stepgate=abc; __Host-stepgate=abc"}, ""},
		{secure, []string{"__Host-stepgate=abc", "__Host-stepgate=def"}, ""},
		{secure, []string{"__Host-stepgate=abc; __Host-stepgate="}, ""},
		{secure, []string{"__Host-stepgate="}, ""},
		{secure, []string{"__Host-stepgate"}, ""},
		{secure, []string{"stepgate=abc; __host-stepgate=abc; __Host-stepgate-browser=abc; x__Host-stepgate=abc"}, ""},
		{secure, nil, ""},
		{plain, []string{"stepgate=abc; __Host-stepgate=def"}, "abc"},
		{plain, []string{"stepgate=abc; stepgate=def"}, ""},
	} {
		r := &http.Request{Header: http.Header{"Cookie": c.header}}
		if got, ok := c.cookies.RawSession(r); got != c.want && ok || ok != (c.want != "") {
			t.Errorf("%q holds %q, %v", c.header, got, ok)
		}
	}
}

func TestReadingTheSessionCookieDoesNotAllocate(t *testing.T) {
	cookies := CookiesFor("https://payroll.example.com")
	r := &http.Request{Header: http.Header{"Cookie": {"a=b; " + strings.Repeat("x=y; ", 40) + "__Host-stepgate=abc; c=d"}}}
	if n := testing.AllocsPerRun(100, func() { cookies.RawSession(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestDoubledSessionCookiesAreClearedAndSignNobodyIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t).signedIn()
	r := w.request("GET", "/sign-out", nil)
	r.Header.Set("Cookie", SessionCookie+"=a; "+SessionCookie+"=b")
	a := w.do(r).status(200).says("You’ve signed out")
	if got := a.Header["Set-Cookie"]; len(got) != 1 || got[0] != SessionCookie+"=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax" {
		t.Errorf("cookies %q", got)
	}
}

func TestTheBrowserCookieIsMadeAtTheFirstForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.now = viewOf(flows.SignIn, flows.AskCode)
	r := w.request("POST", "/sign-in", map[string][]string{"email": {"d@x.example"}})
	r.Header.Del("Cookie")
	a := w.do(r).status(303)
	cookies := a.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("cookies %v", cookies)
	}
	c := cookies[0]
	if c.Name != BrowserCookie || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 180*24*3600 {
		t.Errorf("the cookie is %s", c)
	}
	if secret, err := base64.RawURLEncoding.DecodeString(w.engine.seen.Browser); err != nil || len(secret) != 32 {
		t.Errorf("the flow is bound to %d bytes, %v", len(secret), err)
	}
	bound := w.engine.seen.Browser
	r = w.request("GET", "/code?f=f8Q2k", nil)
	r.Header.Set("Cookie", c.Name+"="+c.Value)
	w.do(r).status(200)
	if w.engine.seen.Browser != bound {
		t.Error("the next request is another browser")
	}
	// A browser that has one keeps it.
	if a := w.post("/sign-in", "email", "d@x.example"); len(a.Cookies()) != 0 {
		t.Errorf("cookies %v", a.Cookies())
	}
	again := w.do(func() *http.Request {
		r := w.request("POST", "/sign-in", map[string][]string{"email": {"d@x.example"}})
		r.Header.Del("Cookie")
		return r
	}())
	if again.Cookies()[0].Value == c.Value || w.engine.seen.Browser == bound {
		t.Error("two browsers have one secret")
	}
}

func TestLoopbackCookiesAreTheSameButForThePrefixAndSecure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.Site.Origin = "http://localhost:8080" })
	w.engine.next = viewOf(flows.SignIn, flows.Done)
	w.engine.next.Opened = &flows.Opened{ID: "id", Session: &flows.Session{}, NewPerson: true}
	r := w.request("POST", "/code?f=f", nil)
	r.Header.Add("Cookie", "app=1")
	got := w.do(r).Header["Set-Cookie"]
	if len(got) != 3 || !strings.HasPrefix(got[0], "stepgate-browser=") || got[1] != "stepgate=sealed-id; Path=/; HttpOnly; SameSite=Lax" ||
		got[2] != "app=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax" {
		t.Errorf("cookies %q", got)
	}
	w.signedIn()
	if a := w.post("/sign-out"); a.Header.Get("Clear-Site-Data") != "" {
		t.Error("Clear-Site-Data on http")
	}
}

func TestOnlyBoundedManyCookiesAreExpired(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("GET", "https://payroll.example.com/", nil)
	for i := range 500 {
		r.AddCookie(&http.Cookie{Name: fmt.Sprintf("c%d", i), Value: "x"})
	}
	rec := httptest.NewRecorder()
	CookiesFor("https://payroll.example.com").expireOthers(rec, r)
	if n := len(rec.Result().Cookies()); n != 2*maxExpired {
		t.Errorf("%d cookies", n)
	}
	for _, name := range []string{SessionCookie, BrowserCookie, LoopbackSessionCookie, LoopbackBrowserCookie} {
		if !OurCookie(name) {
			t.Errorf("%s is not ours", name)
		}
	}
}

func TestSigningOutEndsTheSessionAndClearsUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t).signedIn()
	w.get("/sign-out").says("Sign out of Payroll?", "dana.okafor@<wbr>harbour.example")
	r := w.request("POST", "/sign-out?return_to=%2Freports", nil)
	r.Header.Add("Cookie", "JSESSIONID=x")
	a := w.do(r).leadsTo("/.auth/sign-out?return_to=%2Freports")
	if w.engine.seen.Session != w.session || strings.Join(w.engine.asked, " ") != "SignOut" {
		t.Errorf("the engine was asked %v", w.engine.asked)
	}
	got := a.Header["Set-Cookie"]
	if len(got) != 3 || got[0] != SessionCookie+"=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax" || !strings.HasPrefix(got[1], "JSESSIONID=;") {
		t.Errorf("cookies %q", got)
	}
	if csd := a.Header.Get("Clear-Site-Data"); csd != `"cache", "storage"` {
		t.Errorf("Clear-Site-Data: %s", csd)
	}
	w.post("/sign-out?return_to=%2Freports", "again", "1").leadsTo("/.auth/sign-in?return_to=%2Freports")

	w.engine.err = errBoom
	if a := w.post("/sign-out").status(500); !strings.Contains(a.Header.Get("Set-Cookie"), SessionCookie+"=;") {
		t.Error("the cookie stays when the store fails")
	}
	w.session, w.engine.asked = nil, nil
	w.post("/sign-out").leadsTo("/.auth/sign-out")
	if w.engine.asked != nil {
		t.Error("nobody was signed out")
	}
	w.get("/sign-out?return_to=%2Freports").says("You’ve signed out", `href="/.auth/sign-in?return_to=%2Freports"`)

	keep := newWorld(t, func(c *Config) { c.KeepAppCookies = true }).signedIn()
	r = keep.request("POST", "/sign-out", nil)
	r.Header.Add("Cookie", "JSESSIONID=x")
	if a := keep.do(r); len(a.Cookies()) != 1 || a.Header.Get("Clear-Site-Data") != "" {
		t.Errorf("although told to leave them alone: %v", a.Cookies())
	}
}
