package ui

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/net/html/atom"
)

// Forms that come from another address than the site's are refused, and cookies are not
// kept there: to start again there leads nowhere.
func TestWhoeverIsAtAnotherAddressIsToldTheRightOne(t *testing.T) {
	t.Parallel()
	const right = `<a href="https://payroll.harbour.example/bank">`
	seen(t, "cross-site-elsewhere").says("You’re at", "10.0.0.5:8080", right, "names the host")
	seen(t, "cookies-off-elsewhere").says("without encryption", right, "Redirect http to https").saysNot("another window")
	for _, name := range []string{"gone-elsewhere", "cross-site", "cookies-off"} {
		seen(t, name).saysNot("10.0.0.5", `<a href="https:`, "without encryption")
	}
}

func TestALoopSaysItsCauseFirstThenWhatToDoThenWhatOperatorsNeed(t *testing.T) {
	t.Parallel()
	const wrong = "https://payroll.harbour.example/bank?x=1&amp;y=%22"
	for cause, want := range map[LoopCause][]string{
		LoopCookie:  {"doesn’t send back the cookie", "Allow cookies for", "Or try another browser", "did not come back"},
		LoopHTTP:    {"without encryption (http)", `<a href="` + wrong + `">`, "Redirect http to https", "trusted_proxies"},
		LoopHost:    {"You’re at", "10.0.0.5:8080", "This site’s address is", `<a href="` + wrong + `">`, "names the host"},
		LoopSession: {"isn’t recognised here", "share store and secret"},
		LoopClock:   {"clocks here don’t agree", "NTP"},
		LoopRules:   {"The rules of this site ask again, for", "your password, and a code by email, and a code by text message.", "Look the decision up"},
	} {
		a := seen(t, "loop-"+string(cause)).says(`data-page="loop"`, `<a class="btn" href="/bank?x=1&amp;y=%22">Try again</a>`).
			saysNot("second way", "http-equiv")
		rest := a.body
		for _, words := range append(want, "Reference:", someDecision) {
			_, after, found := strings.Cut(rest, words)
			if !found {
				t.Errorf("%s: no %q, or not in its place, in\n%s", cause, words, a.body)
				continue
			}
			rest = after
		}
		if cause == LoopHost {
			a.says(`<p>You are at <bdi dir="ltr">10.0.0.5:8080</bdi></p>`)
		}
		if a.Header.Get("Location") != "" || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", cause, a.Header)
		}
		signedIn := cause == LoopClock || cause == LoopRules
		if got := strings.Contains(a.body, `href="/.auth/sign-out?return_to=%2Fbank%3Fx%3D1%26y%3D%2522"`); got != signedIn ||
			strings.Contains(a.body, "dana.okafor@") != signedIn {
			t.Errorf("%s: signing out is offered: %v", cause, got)
		}
	}
	seen(t, "loop-rules-second").says("for a second way to confirm it’s you.")
	seen(t, "loop-rules-session").says("for signing in again.")
}

// The name by which somebody asked for the site, and where to try again, come from the
// request.
func TestALoopRepeatsNothingButText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, hostile := range []string{`"><script>alert(1)</script>`, "javascript:alert(1)", "//evil.example/x", "/.auth/sign-in", "a\u202eb", strings.Repeat("x", 5000)} {
		for _, cause := range loopCauses {
			l := aLoop(cause)
			l.Again = hostile
			rec, r := httptest.NewRecorder(), w.request("GET", "/", nil)
			r.Host = hostile
			w.pages.Loop(rec, r, l)
			d := parsePage(t, rec.Body.String())
			d.checkStrict()
			if len(d.tags(atom.Script)) != 1 || rec.Body.Len() > 20<<10 || strings.Contains(rec.Body.String(), "\u202e") {
				t.Errorf("%s: %q: %.2000s", cause, hostile, rec.Body)
			}
			for _, a := range d.tags(atom.A) {
				if text(a) == "Try again" && attr(a, "href") != "/" {
					t.Errorf("%q is tried again at %q", hostile, attr(a, "href"))
				}
			}
		}
	}
}

func TestARefusalSaysWhoIsRefusedAndWhy(t *testing.T) {
	t.Parallel()
	const account = "dana.okafor@<wbr>harbour.example"
	seen(t, "stranger").says("<h1>This page is only for certain people</h1>", account, `action="/.auth/sign-out?return_to=%2Fbank%3Fx%3D1"`, "Use another account", "Reference:", someDecision)
	seen(t, "denied").says("<h1>You can’t open this page with this account</h1>", account, "Use another account", someDecision)
	seen(t, "unusual").says("<h1>You can’t open this page right now</h1>", "the network that you usually use", someDecision).saysNot("<form")
	seen(t, "denied-anonymous").says("<h1>You can’t open this page</h1>", someDecision).saysNot("account", "<form")
}

func TestARefusalNamesItsDecisionToPrograms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, stranger := range []bool{true, false} {
		r := w.request("POST", "/bank", nil)
		r.Header.Set("Sec-Fetch-Mode", "cors")
		rec := httptest.NewRecorder()
		w.pages.Refuse(rec, r, Refused{Reference: someDecision, Stranger: stranger, Account: "dana.okafor@harbour.example"})
		var got map[string]string
		if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		want := "denied"
		if stranger {
			want = "stranger"
		}
		if got["error"] != want || got["decision"] != someDecision || got["reason"] == "" || len(got) != 3 {
			t.Errorf("stranger %v: %s", stranger, rec.Body)
		}
	}
	// As somebody else, a form would be sent twice: they begin at the front page.
	r := w.request("POST", "/bank", nil)
	rec := httptest.NewRecorder()
	w.pages.Refuse(rec, r, Refused{Stranger: true, Account: "d@x.example", Target: "/bank"})
	(&answer{t: t, Response: rec.Result(), body: rec.Body.String()}).says(`action="/.auth/sign-out"`)
}
