package caddymodule

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stepgate/stepgate/flows"
)

// goesTo is where a browser ends that asks for a path and follows what it is told.
func (b *browser) goesTo(path string) *page {
	b.t.Helper()
	p := b.get(path)
	for range 5 {
		if p.StatusCode != http.StatusFound && p.StatusCode != http.StatusSeeOther {
			break
		}
		p = b.get(p.location)
	}
	return p
}

func TestPasswordManagersFindThePageForANewPassword(t *testing.T) {
	t.Parallel()
	const wellKnown = "/.well-known/change-password"
	s := newSite(t, strings.Replace(payrollSite("deny on /.well-known/*"), "stepgate {", "rewrite * /index.php\n\tstepgate {", 1))
	b := s.browser(t)
	for method, want := range map[string]int{"GET": 302, "HEAD": 302, "POST": 405, "PUT": 405} {
		p := b.do(b.request(method, wellKnown, nil))
		if p.StatusCode != want || want == 302 && (p.location != "/.auth/account/password" || p.body != "") {
			t.Errorf("%s: %d to %q", method, p.StatusCode, p.location)
		}
	}
	script := b.request("GET", wellKnown, nil)
	script.Header.Set("Sec-Fetch-Mode", "cors")
	script.Header.Set("Sec-Fetch-Dest", "empty")
	if p := b.do(script); p.StatusCode != 302 {
		t.Errorf("a password manager that asks by itself: %d", p.StatusCode)
	}
	p := b.get(b.get(wellKnown).location)
	if !strings.HasPrefix(p.location, "/.auth/sign-in?account=1") {
		t.Fatalf("signed out: %d to %q", p.StatusCode, p.location)
	}
	s.signUp(b, dana, "/")
	if p := b.get(p.location); p.location != "/.auth/account/password" {
		t.Errorf("signed in meanwhile: %d to %q", p.StatusCode, p.location)
	}
	if p := b.goesTo(wellKnown); p.StatusCode != 200 || !strings.Contains(p.body, `action="/.auth/account/password"`) {
		t.Errorf("signed in: %d %.300s", p.StatusCode, p.body)
	}
	if why := s.handlers[0].sites[0].whyOwn(wellKnown); !strings.HasPrefix(why, wellKnown) {
		t.Errorf("an explanation says %q", why)
	}
	for _, other := range []string{wellKnown + "/", "/.well-known/Change-Password", "/.well-known/change-passwords", "/x" + wellKnown} {
		if p := b.get(other); p.StatusCode == 302 {
			t.Errorf("%s leads to %q", other, p.location)
		}
	}
}

func TestWithoutPasswordsTheWellKnownPathIsTheApplications(t *testing.T) {
	t.Parallel()
	s := newSite(t, `{
	stepgate {
		store memory
		email inbox
		sign_in email_code
	}
}
http://localhost {
	stepgate {
		public on /.well-known/*
	}
	respond "app"
}`)
	if p := s.browser(t).get("/.well-known/change-password"); p.body != "app" {
		t.Errorf("%d to %q: %s", p.StatusCode, p.location, p.body)
	}
}

// The account's page is no page of the application: whoever signs in for it need not
// prove what the application's front page asks for, and may find that closed.
func TestTheAccountIsOpenWhateverTheRulesSayOfTheApplication(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("deny on /*"))
	b := s.browser(t)
	p := b.get("/.auth/account")
	if !strings.HasPrefix(p.location, "/.auth/sign-in?account=1") {
		t.Fatalf("signed out: %d to %q", p.StatusCode, p.location)
	}
	p = s.signUpFrom(b, p, dana)
	if p.location != "/.auth/account" {
		t.Fatalf("signed in: %d to %q", p.StatusCode, p.location)
	}
	if p := b.get(p.location); p.StatusCode != 200 || !strings.Contains(p.body, "Your account") {
		t.Errorf("%d %.300s", p.StatusCode, p.body)
	}
	if p := b.get("/"); p.StatusCode != http.StatusForbidden {
		t.Errorf("the application: %d", p.StatusCode)
	}
}

func TestWhoMayChangeTheirAddressIsSaidOrFollowsFromWhoMaySignUp(t *testing.T) {
	t.Parallel()
	for lines, fixed := range map[string]bool{
		"": false, "sign_up open": false, "sign_up domains example.com": false, "sign_up closed": true,
		"change_email off": true, "change_email on": false, "sign_up closed\nchange_email on": false, "sign_up open\nchange_email off": true,
	} {
		s := newSite(t, "{\n\tstepgate {\n\t\tstore memory\n\t\temail inbox\n"+lines+"\n\t}\n}\nhttp://localhost {\n\tstepgate\n}")
		if got := s.handlers[0].sites[0].flows.FixedEmail; got != fixed {
			t.Errorf("%q: fixed %v", lines, got)
		}
	}
}

// Nothing that leads to the account asks for more than a session, unless the address that
// leads there says so.
func TestTheAccountAsksForASessionAndWhatItsAddressSays(t *testing.T) {
	t.Parallel()
	site := newSite(t, payrollSite("require otp sms within 5m on /*")).handlers[0].sites[0]
	for need, once := range map[string]string{"": "session", "otp within 5m0s": "otp"} {
		got, label, err := site.foresee(visitor("/.auth/step-up", nil), nil, flows.Target{Account: true, ReturnTo: "/admin", Need: need})
		if err != nil || label != "" || !strings.Contains(got.String(), once) || strings.Contains(got.String(), "sms") {
			t.Errorf("%q: %s %q %v", need, got, label, err)
		}
	}
}
