package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

var whyLine = regexp.MustCompile(`<p id="why">([^<]*)</p>`)

// whyOf is the one line of the page to which an answer leads.
func (b *browser) whyOf(p *page) string {
	b.t.Helper()
	page := b.on(p)
	if page.StatusCode != http.StatusOK || !strings.Contains(page.body, `data-page="step-up"`) {
		b.t.Fatalf("no step-up: %d to %q\n%s", page.StatusCode, page.location, page.body)
	}
	if strings.Contains(page.body, "medium") || strings.Contains(page.body, "risk") {
		b.t.Errorf("the risk is told:\n%s", page.body)
	}
	if found := whyLine.FindStringSubmatch(page.body); found != nil {
		return found[1]
	}
	return ""
}

// People are told of the risk what they can see themselves, and of everything else that
// it is there.
func TestPeopleAreToldWhyMoreIsAskedOfThem(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		risk string
		rule string
		wait time.Duration
		from string // network
		want string
	}{
		"a new browser":          {"new_device medium", "require otp sms within 15m on /pay when risk medium", 0, "", "We ask because you haven’t confirmed it’s you in this browser before."},
		"a new network":          {"new_network medium", "require otp sms within 15m on /pay when risk medium", 0, "203.0.113.7", "We ask because you’re on a network we haven’t seen you on."},
		"a session of long":      {"session_age 20m medium", "require otp sms within 15m on /pay when risk medium", 30 * time.Minute, "", "We ask because you signed in 30 minutes ago."},
		"something else":         {"match @odd medium", "require otp sms within 15m on /pay when risk medium", 0, "", "We ask because something about this visit is unusual."},
		"a lower signal":         {"new_device low\n\t\t\tmatch @odd medium", "require otp sms within 15m on /pay when risk medium", 0, "", "We ask because something about this visit is unusual."},
		"an age of a lower risk": {"session_age 20m low\n\t\t\tmatch @odd medium", "require otp sms within 15m on /pay when risk medium", 30 * time.Minute, "", "We ask because something about this visit is unusual."},
		"the rule in any case":   {"new_device medium", "require otp sms within 15m on /pay\n\t\trequire otp sms within 10m on /pay when risk medium", 0, "", ""},
		"it was long ago":        {"", "require password within 15m on /pay", 20 * time.Minute, "", "You last confirmed it’s you 20 minutes ago."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := []string{c.rule}
			if c.risk != "" {
				lines = append(lines, "risk {\n\t\t\t"+c.risk+"\n\t\t}")
			}
			s := newSite(t, strings.Replace(payrollSite(lines...), "@bulk {", "@odd header X-Odd 1\n\t@bulk {", 1))
			first := s.browser(t)
			s.phoneOwner(first)
			b := s.browser(t)
			b.header.Set("X-Odd", "1")
			if c.from != "" {
				b.changed(func(r *http.Request) { r.RemoteAddr = c.from + ":49152" })
			}
			p := b.post("/.auth/sign-in", url.Values{"email": {dana}, "way": {"password"}})
			if p = b.here(p, url.Values{"email": {dana}, "password": {danaPassword}}); b.session() == nil {
				t.Fatalf("not signed in: %d to %q\n%s", p.StatusCode, p.location, p.body)
			}
			s.clock.advance(c.wait)
			if got := b.whyOf(b.get("/pay")); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

const danaPassword = "three words and one more"

// phoneOwner makes an account with a password and a phone.
func (s *testSite) phoneOwner(b *browser) {
	b.t.Helper()
	p := b.post("/.auth/sign-up", url.Values{"email": {dana}})
	p = b.here(p, url.Values{"code": {s.message(b.t, dana).Code}})
	p = b.here(p, url.Values{"new_password": {danaPassword}})
	if p.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("no account: %d\n%s", p.StatusCode, p.body)
	}
	p = b.here(b.post("/.auth/enrol", url.Values{}), url.Values{"way": {"password"}})
	p = b.here(p, url.Values{"password": {danaPassword}})
	p = b.here(p, url.Values{"tel": {danaPhone}})
	if p = b.here(p, url.Values{"code": {s.message(b.t, danaPhone).Code}}); p.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("no phone: %d\n%s", p.StatusCode, p.body)
	}
}

// After the time of one factor that factor is asked for alone, and nothing else.
func TestOneStaleFactorIsAskedForAlone(t *testing.T) {
	t.Parallel()
	for demand, want := range map[string][]string{
		"password within 15m":  {`value="password"`, "Use my password", "your password"},
		"otp sms within 15m":   {`value="sms_code"`, "Text me a code", "We won’t ask again for 15 minutes."},
		"otp email within 15m": {`value="email_code"`, "Email me a code", "We won’t ask again for 15 minutes."},
	} {
		s := newSite(t, payrollSite("require "+demand+" on /pay"))
		b := s.browser(t)
		s.phoneOwner(b)
		s.clock.advance(16 * time.Minute)
		page := b.on(b.get("/pay?q=1"))
		for _, words := range append(want, "You last confirmed it’s you 16 minutes ago.") {
			if !strings.Contains(page.body, words) {
				t.Errorf("%s: no %q in\n%s", demand, words, page.body)
			}
		}
		if n := strings.Count(page.body, `name="way"`); n != 1 {
			t.Errorf("%s: %d ways", demand, n)
		}
	}
}

// What is approved once is named from the page to the message; its query is in none.
func TestWhatIsApprovedIsNamedOnThePagesAndInTheMessage(t *testing.T) {
	t.Parallel()
	for label, want := range map[string]string{"": "POST /transfer", "Big money": "Big money"} {
		lines := []string{"sensitivity money /transfer", "require otp sms within once on money"}
		if label != "" {
			lines[0] = fmt.Sprintf("sensitivity money /transfer {\n\t\t\tlabel %q\n\t\t}", label)
		}
		s := newSite(t, payrollSite(lines...))
		b := s.browser(t)
		s.phoneOwner(b)
		s.clock.advance(time.Minute)
		b.header.Set("Referer", "http://localhost/transfer")
		p := b.post("/transfer?to=secret-word", url.Values{"amount": {"12"}})
		page := b.on(p)
		if !strings.Contains(page.body, "Then it is sent, one time.") || !strings.Contains(page.body, "You’re approving</dt><dd>") || !strings.Contains(page.body, want) {
			t.Errorf("the step-up does not say what it approves:\n%s", page.body)
		}
		p = b.here(p.whole(), url.Values{"way": {"sms_code"}})
		if page = b.on(p); !strings.Contains(page.body, "<h1>Enter the code to approve "+want+"</h1>") {
			t.Errorf("the code's page does not say what it approves:\n%s", page.body)
		}
		if text := s.message(t, danaPhone).Text; !strings.Contains(text, "to approve "+want) || strings.Contains(text, "secret") || strings.Contains(text, "?") {
			t.Errorf("the message: %q", text)
		}
	}
}

func TestARefusalSaysWhoIsRefusedAndNamesItsDecision(t *testing.T) {
	t.Parallel()
	s := newSite(t, strings.Replace(payrollSite("only group staff on /staff/* /short", "deny on /never"), "stepgate {", "rewrite /short /staff/x\n\tstepgate {", 1))
	b := s.browser(t)
	if p := b.get("/never"); p.StatusCode != 403 || !strings.Contains(p.body, "Signing in doesn’t change that") || strings.Contains(p.body, "/.auth/sign-out") || !strings.Contains(p.body, p.decision) {
		t.Errorf("nobody: %d\n%s", p.StatusCode, p.body)
	}
	s.signUp(b, dana, "/")
	p := b.get("/staff/x?q=1")
	if p.StatusCode != 403 || !strings.Contains(p.body, "only for certain people") || !strings.Contains(p.body, "dana@<wbr>example.com") ||
		!strings.Contains(p.body, `action="/.auth/sign-out?return_to=%2Fstaff%2Fx%3Fq%3D1"`) || !strings.Contains(p.body, p.decision) {
		t.Errorf("a stranger: %d\n%s", p.StatusCode, p.body)
	}
	if p = b.get("/short"); !strings.Contains(p.body, `action="/.auth/sign-out?return_to=%2Fshort"`) {
		t.Errorf("another account would be sent to where a rewrite leads:\n%s", p.body)
	}
	if p = b.post("/staff/x", url.Values{}); !strings.Contains(p.body, `action="/.auth/sign-out"`) {
		t.Errorf("a form would be sent twice:\n%s", p.body)
	}
	if p = b.get("/never"); !strings.Contains(p.body, "with this account") || strings.Contains(p.body, "certain people") {
		t.Errorf("denied:\n%s", p.body)
	}
	b.header.Set("Sec-Fetch-Mode", "cors")
	r := b.request("GET", "/staff/x", nil)
	answer, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var told map[string]string
	if err := json.NewDecoder(answer.Body).Decode(&told); err != nil || told["error"] != "stranger" || told["decision"] != answer.Header.Get(decisionHeader) || told["decision"] == "" {
		t.Errorf("a script is told %v, %v", told, err)
	}
}

func TestTheDecisionFollowsThePersonInSmallPrint(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("require otp sms within 15m on /pay"))
	b := s.browser(t)
	p := b.get("/report")
	if page := b.on(p); p.decision == "" || !strings.Contains(page.body, `<p class="small ref">Reference: <bdi dir="ltr">`+p.decision) {
		t.Errorf("signing in: no %q in\n%s", p.decision, page.body)
	}
	s.phoneOwner(b)
	s.clock.advance(time.Hour / 2)
	p = b.get("/pay")
	if page := b.on(p); p.decision == "" || !strings.Contains(page.body, "Reference: <bdi dir=\"ltr\">"+p.decision) {
		t.Errorf("stepping up: no %q in\n%s", p.decision, page.body)
	}
	if page := b.get("/.auth/step-up?return_to=%2Fpay"); strings.Contains(page.body, "Reference") {
		t.Errorf("a decision out of nowhere:\n%s", page.body)
	}
}

func TestWhoIsKeptOutByTheRiskAloneIsNotToldToUseAnotherAccount(t *testing.T) {
	t.Parallel()
	s := newSite(t, trusting("127.0.0.0/8")+payrollSite("risk {\nheader X-Risk-Score high 80 missing none\n}", "deny on /a /b when risk high", "deny on /b", "only group staff on /c", "deny on /c when risk high"))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	b.header = http.Header{"X-Risk-Score": {"90"}}
	for path, want := range map[string]string{"/a": "right now", "/b": "with this account", "/c": "only for certain people"} {
		if p := b.get(path); p.StatusCode != 403 || !strings.Contains(p.body, want) {
			t.Errorf("%s: %d %s", path, p.StatusCode, p.body)
		}
	}
}
