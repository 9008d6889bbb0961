package caddymodule

import (
	"net/url"
	"strings"
	"testing"
)

// The policy may look at the account that a flow is for. What it asks for must tell nobody
// that there is one.

const mallory = "mallory@example.com"

// signOut leaves the browser its own cookie.
func (b *browser) signOut() {
	b.t.Helper()
	p := b.post("/.auth/sign-out", url.Values{})
	if b.session() != nil && b.session().Value != "" {
		b.t.Fatalf("still signed in: %d %s", p.StatusCode, p.body)
	}
}

func TestAFlowForSomebodyElseTellsWhoeverIsSignedInNothing(t *testing.T) {
	t.Parallel()
	for name, rules := range map[string][]string{
		"new device": {"risk {\nnew_device medium\n}", "require otp on /x when risk medium"},
		"only":       {"only group staff on /x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, payrollSite(rules...))
			s.signUp(s.browser(t), dana, "/")
			s.signUp(s.browser(t), mallory, "/")
			ask := func(email string) string {
				b := s.browser(t)
				flow := b.post("/.auth/sign-in?return_to=%2Fx", url.Values{"email": {email}}).location
				p := b.post("/.auth/sign-in?return_to=%2F", url.Values{"email": {mallory}})
				b.here(p, url.Values{"code": {s.message(t, mallory).Code}})
				if b.session() == nil {
					t.Fatal("mallory is not signed in")
				}
				p = b.get(flow)
				return p.Status + " " + strings.Split(p.location, "?")[0]
			}
			if known, unknown := ask(dana), ask("nobody@example.com"); known != unknown {
				t.Errorf("with an account: %q; without: %q", known, unknown)
			}
		})
	}
}

func TestAnotherAddressOnThePasswordPageTellsNothingOfTheFirst(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("risk {\nnew_device medium\n}", "require otp on /x when risk medium"))
	s.signUp(s.browser(t), dana, "/")
	b := s.browser(t)
	p := b.post("/.auth/sign-up", url.Values{"email": {mallory}})
	p = b.here(p, url.Values{"code": {s.message(t, mallory).Code}})
	b.here(p, url.Values{"new_password": {danaPassword}})
	ask := func(email string) string {
		b.signOut()
		p := b.post("/.auth/sign-in?return_to=%2Fx", url.Values{"email": {email}, "way": {"password"}})
		p = b.here(p, url.Values{"email": {mallory}, "password": {danaPassword}})
		return p.Status + " " + strings.Split(p.location, "?")[0]
	}
	if known, unknown := ask(dana), ask("nobody@example.com"); known != unknown {
		t.Errorf("with an account %q, without %q", known, unknown)
	}
}

func TestASignInIsJudgedForWhoeverItSignsIn(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("risk {\nnew_device medium\n}", "require otp on /x when risk medium"))
	s.phoneOwner(s.browser(t))
	b := s.browser(t)
	p := b.post("/.auth/sign-in?return_to=%2Fx", url.Values{"email": {"nobody@example.com"}, "way": {"password"}})
	p = b.here(p, url.Values{"email": {dana}, "password": {danaPassword}})
	if b.session() != nil {
		t.Errorf("a session although the target owes more: %d to %s", p.StatusCode, p.location)
	}
}

func TestACodeNamesWhatTheRuleIsAboutThatWantsItEachTime(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("sensitivity bank /bank /bank/* {\nlabel \"Online banking\"\n}", "sensitivity money /bank/transfer {\nlabel Transfers\n}",
		"require session within 8h on bank", "require otp sms within once on money"))
	b := s.browser(t)
	s.phoneOwner(b)
	p := b.get("/bank/transfer?to=3")
	b.here(p, url.Values{"way": {"sms_code"}})
	if text := s.message(t, danaPhone).Text; !strings.Contains(text, "Transfers") || strings.Contains(text, "Online banking") {
		t.Errorf("the message says %q", text)
	}
}
