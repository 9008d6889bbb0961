package ui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// signedFor is the gateway's signature under a request that a proof would open.
func signedFor(action, need string) string {
	sig, err := testKeys().Sign("action", "https://payroll.harbour.example", action, need)
	if err != nil {
		panic(err)
	}
	return sig
}

func TestAStepUpSaysInOneLineWhyItIsAsked(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"step-up-long-ago":       "You last confirmed it’s you 3 hours ago.",
		"step-up-new-browser":    "We ask because you haven’t confirmed it’s you in this browser before.",
		"step-up-new-place":      "We ask because you’re on a network we haven’t seen you on.",
		"step-up-old-session":    "We ask because you signed in 5 hours ago.",
		"step-up-unusual":        "We ask because something about this visit is unusual.",
		"step-up-password-alone": "You last confirmed it’s you 5 hours ago.",
		"step-up-no-such-reason": "You last confirmed it’s you 5 hours ago.",
		"step-up-once":           "",
		// What they have is asked for to add a phone, not for being old.
		"step-up-long-ago-then-phone": "",
		"enrol-long-ago":              "",
		"step-up":                     "", // the page is sensitive, and that is said above
	} {
		d := parsePage(t, seen(t, name).body)
		if want == "" {
			if len(d.all(func(n *html.Node) bool { return attr(n, "id") == "why" })) != 0 {
				t.Errorf("%s: there is a reason on\n%s", name, text(d.one(atom.Main)))
			}
			continue
		}
		if got := text(d.id("why")); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		seen(t, name).saysNot("70", "score")
	}
}

func TestOnlyAProofThatHasGrownOldWasLongAgo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sms      time.Duration
		validFor time.Duration
		want     string
	}{
		"old":                      {16*time.Minute + 59*time.Second, 15 * time.Minute, "16 minutes ago"},
		"a day":                    {25 * time.Hour, 15 * time.Minute, "25 hours ago"},
		"still good":               {14 * time.Minute, 15 * time.Minute, ""},
		"from the future":          {-time.Minute, 15 * time.Minute, ""},
		"good as long as possible": {3 * time.Hour, 0, ""},
	} {
		w := newWorld(t)
		w.signedInSince(5*time.Hour, c.sms)
		w.engine.now = with(confirmView(), func(v *flows.View) { v.ValidFor, v.Options = c.validFor, []policy.Factor{policy.SMSCode} })
		a := w.get("/step-up?return_to=%2Fbank").status(200)
		if _, line, _ := strings.Cut(a.body, `<p id="why">`); !strings.Contains(line, c.want) || c.want == "" && line != "" {
			t.Errorf("%s: %.80q", name, line)
		}
	}
}

// What is missing alone is asked for alone, in its own words.
func TestOneMissingFactorIsNamedAlone(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][3]string{
		"step-up-password-alone": {"We’ll ask foryour password", "Use my password", "We won’t ask again for 15 minutes."},
		"step-up-email-alone":    {"We’ll emaildana.okafor@harbour.example", "Email me a code", "We won’t ask again for 15 minutes."},
		"step-up-sms-alone":      {"We’ll textyour number ending in 21", "Text me a code", "We won’t ask again for 15 minutes."},
	} {
		a := seen(t, name).saysNot(" instead<")
		main := text(parsePage(t, a.body).one(atom.Main))
		for _, words := range want {
			if !strings.Contains(main, words) {
				t.Errorf("%s lacks %q: %s", name, words, main)
			}
		}
	}
}

// Whoever confirms, and whoever is sent the code for it, reads what they approve; never
// the query, which may hold secrets.
func TestWhatIsApprovedOnceIsNamedOnEveryPage(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{
		"step-up-once":            {"Bank details is confirmed each time.", "You’re approvingBank details", "This opens it one time."},
		"step-up-once-unnamed":    {"POST /transfer is confirmed each time.", "You’re approvingPOST /transfer", "Then you go straight to the page. This opens it one time."},
		"step-up-once-kept":       {"POST /transfer is confirmed each time.", "you can send it on", "Then it is sent, one time.", "Go back without sending it"},
		"step-up-once-then-phone": {"POST /transfer is protected.", "mobile number"},
		"code-once":               {"Enter the code to approve Bank details", "It approves Bank details, one time."},
		"code-once-unnamed":       {"Enter the code to approve POST /transfer", "It approves POST /transfer, one time."},
		"code-once-enrolling":     {"We texted a code to 07700 900123", "It approves POST /transfer, one time."},
		"code-once-first":         {"We sent a code to", "It approves POST /transfer, one time."},
	} {
		a := seen(t, name).saysNot("We won’t ask again")
		main := text(parsePage(t, a.body).one(atom.Main))
		for _, words := range want {
			if !strings.Contains(main, words) {
				t.Errorf("%s lacks %q: %s", name, words, main)
			}
		}
		if strings.Contains(main, "query-word") {
			t.Errorf("%s shows the query: %s", name, main)
		}
	}
	// What an address claims that no rule asks for is not repeated.
	seen(t, "code-not-once-first").saysNot("approve")
	if main := text(parsePage(t, seen(t, "step-up-once-kept").body).one(atom.Main)); strings.Contains(main, "straight to") {
		t.Errorf("a kept form comes first: %s", main)
	}
}

func TestTheDecisionIsInSmallPrintWhereAChallengeLedThere(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"sign-in-challenged", "enrol-challenged", "stuck-challenged", "gone-challenged", "step-up-long-ago", "step-up-once"} {
		d := parsePage(t, seen(t, name).body)
		found := d.all(func(n *html.Node) bool { return strings.Contains(attr(n, "class"), "ref") })
		if len(found) != 1 || text(found[0]) != "Reference: "+someDecision || !strings.Contains(attr(found[0], "class"), "small") {
			t.Errorf("%s: no reference", name)
		}
	}
	for _, name := range []string{"sign-in", "sign-in-reference-forged", "step-up", "stuck", "gone"} {
		seen(t, name).saysNot("Reference:", "call us")
	}
}

func TestARequestWithoutANameIsShortenedInItsMiddle(t *testing.T) {
	t.Parallel()
	long := "/" + strings.Repeat("a", 40) + "/" + strings.Repeat("z", 40)
	for action, want := range map[string]string{
		"POST /transfer":                    "POST /transfer",
		"POST /transfer?to=3#x":             "POST /transfer",
		"POST /transfer#x":                  "POST /transfer",
		"DELETE /a\x00\r\nb\u202ec\u00e9 d": "DELETE /abcd",
		"POST " + long:                      "POST /aaaaaaaaaaaaaaaaaaaa…zzzzzzzzzzzzzzzzzzzzz",
		"A-METHOD-OF-20-CHARS " + long:      "A-METHOD-OF-20-CHARS /aaaaaaaaaaaa…zzzzzzzzzzzzz",
		"":                                  " ",
	} {
		got := requestName(action, longestRequest, "…")
		if got != want || len([]rune(got)) > longestRequest {
			t.Errorf("%q is %q, want %q", action, got, want)
		}
	}
	for action, want := range map[string]string{
		"POST /pay.do": "POST /pay*do", "POST /evil.example/x": "POST /evil*example/x", "GET /%C3%A9t%C3%A9/1?a=b": "GET /*t*/1",
		"POST /a@b;c=d": "POST /a*b*c*d", "PUT /v1/a-b_c": "PUT /v1/a-b_c",
	} {
		if got := tame(action); got != want {
			t.Errorf("%q is %q in a message, want %q", action, got, want)
		}
	}
}

// Every way home is told to whoever counts the rounds, and nothing else is.
func TestWhoeverIsSentHomeIsNoted(t *testing.T) {
	t.Parallel()
	target := flows.Target{ReturnTo: "/bank?x=1", Decision: someDecision}
	done := with(viewOf(flows.SignIn, flows.Done), func(v *flows.View) { v.Target = target })
	query := "?return_to=%2Fbank%3Fx%3D1&decision=" + someDecision
	for name, c := range map[string]struct {
		do   func(*world) *answer
		want bool
	}{
		"signed in already":       {func(w *world) *answer { return w.signedIn().get("/sign-in" + query) }, true},
		"signed up already":       {func(w *world) *answer { return w.signedIn().get("/sign-up" + query) }, true},
		"nothing to step up":      {func(w *world) *answer { w.engine.now = done; return w.signedIn().get("/step-up" + query) }, true},
		"a flow that is finished": {func(w *world) *answer { w.engine.now = done; return w.get("/code?f=f8Q2k") }, true},
		"the last code": {func(w *world) *answer {
			w.engine.next = with(done, func(v *flows.View) { v.Opened = &flows.Opened{ID: "x"} })
			return w.post("/code?f=f8Q2k", "code", "123456")
		}, true},
		"a page": {func(w *world) *answer { return w.get("/sign-in" + query) }, false},
		"the next step": {func(w *world) *answer {
			w.engine.next = viewOf(flows.SignIn, flows.Choose)
			return w.post("/code?f=f8Q2k")
		}, false},
		"signing out": {func(w *world) *answer { return w.signedIn().post("/sign-out" + query) }, false},
	} {
		var sent []flows.Target
		w := newWorld(t, func(c *Config) { c.Sent = func(_ *http.Request, t flows.Target) { sent = append(sent, t) } })
		a := c.do(w)
		if !c.want {
			if len(sent) != 0 {
				t.Errorf("%s: %+v", name, sent)
			}
			continue
		}
		if a.leadsTo("/bank?x=1"); len(sent) != 1 || sent[0] != target {
			t.Errorf("%s: %+v", name, sent)
		}
	}
}

func TestAPageToWhichSomebodyWasSentAsksBeforeItSendsThemAway(t *testing.T) {
	t.Parallel()
	for _, round := range []bool{true, false} {
		w := newWorld(t, func(c *Config) {
			c.Returning = func(w http.ResponseWriter, r *http.Request, target flows.Target) bool {
				if target.Held != someHeld {
					t.Errorf("target %+v", target)
				}
				if round {
					w.WriteHeader(http.StatusConflict)
				}
				return round
			}
		})
		a := w.get("/continue?held=" + someHeld)
		if round {
			a.status(http.StatusConflict)
		} else if to, err := url.Parse(a.status(303).Header.Get("Location")); err != nil || to.Path != "/.auth/sign-in" {
			t.Errorf("leads to %v, %v", to, err)
		}
	}
}

func TestOnlyTheGatewaySaysWhatACodeApproves(t *testing.T) {
	t.Parallel()
	const words = "YOUR-ACCOUNT-IS-LOST%2FCALL%2F0900"
	own := "/sign-in?for=POST+%2F" + words + "&need=" + url.QueryEscape("otp once")
	for name, query := range map[string]string{
		"unsigned":          own,
		"signed for others": own + "&sig=" + signedFor("POST /transfer", "otp once"),
		"another need":      own + "&sig=" + signedFor("POST /YOUR-ACCOUNT-IS-LOST/CALL/0900", ""),
	} {
		w := newWorld(t)
		w.post(query, "email", "somebody@example.com")
		if w.engine.goal.Action != "" {
			t.Errorf("%s: %q", name, w.engine.goal.Action)
		}
	}
	w := newWorld(t)
	w.post(own+"&sig="+signedFor("POST /YOUR-ACCOUNT-IS-LOST/CALL/0900", "otp once"), "email", "somebody@example.com")
	if w.engine.goal.Action == "" {
		t.Error("nor does what is signed")
	}
}
