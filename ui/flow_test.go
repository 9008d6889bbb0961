package ui

import (
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// Each button and form is one input, and nothing else is.
func TestEveryFormIsItsInput(t *testing.T) {
	t.Parallel()
	sms, email := policy.SMSCode, policy.EmailCode
	for _, c := range []struct {
		path   string
		fields []string
		want   flows.Input
		kind   flows.Kind
	}{
		{"/sign-in", []string{"email", " dana@x.example"}, flows.Identify{Email: " dana@x.example"}, flows.SignIn},
		{"/sign-in", []string{"email", "d@x.example", "way", "password"}, flows.Identify{Email: "d@x.example", ByPassword: true}, flows.SignIn},
		{"/sign-in", []string{"email", "d@x.example", "way", "nonsense"}, flows.Identify{Email: "d@x.example"}, flows.SignIn},
		{"/sign-up", []string{"email", "d@x.example", "way", "password"}, flows.Identify{Email: "d@x.example"}, flows.SignUp},
		{"/reset", []string{"email", "d@x.example", "way", "password"}, flows.Identify{Email: "d@x.example"}, flows.Reset},
		{"/enrol", nil, flows.Open{}, flows.Enrol},
		{"/password?f=f", []string{"email", "e", "password", "p", "new_password", "n"}, flows.GivePassword{Email: "e", Password: "p"}, ""},
		{"/password?f=f", []string{"do", "switch", "password", "p"}, flows.SwitchMethod{}, ""},
		{"/password?f=f", []string{"way", "sms_code"}, flows.SendCode{Factor: sms}, ""},
		{"/code?f=f", []string{"code", " 482 913 "}, flows.GiveCode{Code: " 482 913 "}, ""},
		{"/code?f=f&code=482913", nil, flows.GiveCode{}, ""},
		{"/code?f=f", []string{"do", "resend", "code", "482913"}, flows.Resend{}, ""},
		{"/code?f=f", []string{"do", "switch"}, flows.SwitchMethod{ToPassword: true}, ""},
		{"/code?f=f", []string{"way", "email_code"}, flows.SendCode{Factor: email}, ""},
		{"/code?f=f", []string{"way", "password"}, flows.UsePassword{}, ""},
		{"/new-password?f=f", []string{"new_password", " spaces kept "}, flows.SetPassword{Password: " spaces kept "}, ""},
		{"/new-password?f=f", []string{"do", "skip"}, flows.SkipPassword{}, ""},
		{"/choose?f=f", []string{"way", "sms_code"}, flows.SendCode{Factor: sms}, ""},
		{"/choose?f=f", []string{"way", "password"}, flows.UsePassword{}, ""},
		{"/phone?f=f", []string{"tel", "07700 900123"}, flows.GivePhone{Phone: "07700 900123"}, ""},
		{"/step-up?f=f", []string{"way", "sms_code"}, flows.SendCode{Factor: sms}, ""},
		{"/step-up", []string{"way", "email_code"}, flows.SendCode{Factor: email}, flows.StepUp},
		{"/step-up", nil, flows.Open{}, flows.StepUp},
	} {
		w := newWorld(t).signedIn()
		w.engine.now, w.engine.next = confirmView(), smsView(flows.StepUp)
		w.post(c.path, c.fields...).status(http.StatusSeeOther)
		if !reflect.DeepEqual(w.engine.input, c.want) || w.engine.kind != c.kind {
			t.Errorf("POST %s %v is %q %#v, want %q %#v", c.path, c.fields, w.engine.kind, w.engine.input, c.kind, c.want)
		}
	}
}

func TestTheSitesMethodsDecideHowASignInBegins(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ code, password, wants, by bool }{
		{true, true, false, false}, {true, true, true, true}, {true, false, true, false}, {false, true, false, true},
	} {
		w := newWorld(t, func(cfg *Config) { cfg.Site.EmailCode, cfg.Site.Password = c.code, c.password })
		w.engine.now = viewOf(flows.SignIn, flows.AskCode)
		way := ""
		if c.wants {
			way = "password"
		}
		w.post("/sign-in", "email", "d@x.example", "way", way)
		if got := w.engine.input.(flows.Identify).ByPassword; got != c.by {
			t.Errorf("%+v: by password %v", c, got)
		}
	}
}

func TestTheCallerIsWhoTheRequestShows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, labelled).signedIn()
	w.engine.now = viewOf(flows.SignIn, flows.AskCode)
	w.post("/sign-in?return_to=%2Fbank&need=otp+%2B+password+within+5m0s", "email", "d@x.example")
	c := w.engine.seen
	if c.Site != w.pages.Site || c.Session != w.session || c.Browser == "" || c.Device != "Firefox on Windows" ||
		c.Network != "198.51.100.0/24" || c.Lang != "en" || c.Demand == nil {
		t.Errorf("the engine saw %+v", c)
	}
	need, _ := policy.ParseDemand("otp + password within 5m0s")
	if want := (flows.Target{ReturnTo: "/bank", Label: "Bank details", Need: need.String()}); w.engine.goal != want {
		t.Errorf("the target is %+v", w.engine.goal)
	}
	w.post("/sign-in?return_to=%2F%2Fevil.example&need=deny", "email", "d@x.example")
	if want := (flows.Target{ReturnTo: "/"}); w.engine.goal != want {
		t.Errorf("a hostile target is %+v", w.engine.goal)
	}
}

// Wherever one is, the step's page is where the flow leads, and no page is shown
// for a step that is not.
func TestEveryStepHasItsPage(t *testing.T) {
	t.Parallel()
	for step, path := range stepPaths {
		v := viewOf(flows.SignIn, step)
		want := "/.auth" + path + "?f=f8Q2k&return_to=%2Freports%3Fyear%3D2026"
		w := newWorld(t).signedIn()
		w.engine.now, w.engine.next = v, v
		w.get("/flow?f=f8Q2k").leadsTo(want)
		w.post("/code?f=f8Q2k", "code", "482913").leadsTo(want)
		for _, other := range stepPaths {
			if other != path {
				w.get(other + "?f=f8Q2k").leadsTo(want)
			} else {
				w.get(other + "?f=f8Q2k").status(http.StatusOK)
			}
		}
	}
}

func TestAFinishedFlowLeadsHome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.now = viewOf(flows.SignIn, flows.Done)
	w.engine.next = w.engine.now
	for _, path := range []string{"/code", "/password", "/phone", "/flow", "/step-up"} {
		a := w.get(path + "?f=f8Q2k").leadsTo("/reports?year=2026")
		if len(a.Cookies()) != 0 {
			t.Error("looking at a finished flow set a cookie")
		}
	}
	w.post("/code?f=f8Q2k", "code", "482913").leadsTo("/reports?year=2026")
	w.engine.now.Target.ReturnTo = "//evil.example"
	w.get("/code?f=f8Q2k").leadsTo("/")
	w.engine.next.Target.ReturnTo = "/.auth/sign-out"
	w.post("/code?f=f8Q2k", "code", "482913").leadsTo("/")
}

func TestSigningInHandsOutTheSessionAndExpiresTheApplicationsCookies(t *testing.T) {
	t.Parallel()
	play := func(newPerson, keep bool) []string {
		w := newWorld(t, func(c *Config) { c.KeepAppCookies = keep })
		w.engine.next = viewOf(flows.SignIn, flows.Done)
		w.engine.next.Opened = &flows.Opened{ID: "new-id", Session: &flows.Session{}, NewPerson: newPerson}
		r := w.request("POST", "/code?f=f8Q2k", map[string][]string{"code": {"482913"}})
		r.Header.Add("Cookie", "JSESSIONID=old; __Host-app=1; JSESSIONID=again; stepgate=x; "+SessionCookie+"=old")
		a := w.do(r).leadsTo("/reports?year=2026")
		if a.Header.Get("Clear-Site-Data") != "" {
			t.Error("signing in cleared what the site stores")
		}
		return a.Header["Set-Cookie"]
	}
	session := SessionCookie + "=sealed-new-id; Path=/; HttpOnly; Secure; SameSite=Lax"
	got := play(false, false)
	if len(got) != 2 || got[1] != session || !strings.HasPrefix(got[0], BrowserCookie+"=") {
		t.Errorf("the same person got %q", got)
	}
	got = play(true, false)
	want := []string{
		session,
		"JSESSIONID=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
		"JSESSIONID=; Path=/; Domain=payroll.harbour.example; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
		"__Host-app=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
	}
	if !reflect.DeepEqual(got[1:], want) {
		t.Errorf("another person got %q", got)
	}
	if got = play(true, true); len(got) != 2 {
		t.Errorf("although told to leave them alone: %q", got)
	}
}

func TestStartingAlreadySignedInGoesStraightOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t).signedIn()
	w.get("/sign-in?return_to=%2Freports").leadsTo("/reports")
	w.get("/sign-up?return_to=%2Freports").leadsTo("/reports")
	w.get("").leadsTo("/")
	w.get("/").leadsTo("/")
	w.session = nil
	w.get("/").leadsTo("/.auth/sign-in")
	for _, path := range []string{"/step-up", "/enrol"} {
		w.get(path + "?return_to=%2Freports").leadsTo("/.auth/sign-in?return_to=%2Freports")
		w.post(path + "?return_to=%2Freports").leadsTo("/.auth/sign-in?return_to=%2Freports")
	}
	if changed := w.engine.changed(); changed != nil {
		t.Errorf("called %v", changed)
	}
}

func TestAStepUpThatIsMetGoesStraightOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t).signedIn()
	w.engine.now = viewOf(flows.StepUp, flows.Done)
	w.get("/step-up?return_to=%2Fbank%3Fid%3D7").leadsTo("/bank?id=7")
	w.engine.now = viewOf(flows.StepUp, flows.AskPhone)
	w.post("/step-up?return_to=%2Fbank", "way", "sms_code").leadsTo("/.auth/phone?f=f8Q2k&return_to=%2Freports%3Fyear%3D2026")
}

func TestTheStepUpPageSaysWhatWhoAndHow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, labelled).signedIn()
	w.engine.now = confirmView()
	w.get("/step-up?return_to=%2Fbank").says("Bank details", "payroll.harbour.example", "dana.okafor@<wbr>harbour.example",
		"your number ending in", "15 minutes", `name="way" value="sms_code"`, `name="way" value="email_code"`, "Sensitive page in", `href="/"`)
	r := w.request("GET", "/step-up?return_to=%2Fbank", nil)
	r.Header.Set("Referer", "https://payroll.harbour.example/start?x=1")
	w.do(r).says(`href="/start?x=1"`)
	for _, referrer := range []string{"https://payroll.harbour.example/bank", "https://evil.example/x", "https://payroll.harbour.example/.auth/sign-in", "::"} {
		r.Header.Set("Referer", referrer)
		w.do(r).says(`<div class="after"><p><a href="/">`).saysNot("evil")
	}
	// Going back must never lead to the page that is protected, and so right back.
	w.get("/step-up").saysNot("Go back without opening it")
}

func TestRefusalsLeadWhereTheyShould(t *testing.T) {
	t.Parallel()
	play := func(err error, v flows.View) *answer {
		w := newWorld(t).signedIn()
		w.engine.now, w.engine.err = v, err
		return w.post("/code?f=f8Q2k&return_to=%2Freports", "code", "482913")
	}
	at := viewOf(flows.SignIn, flows.AskCode)
	play(refused(flows.FlowGone, -1), flows.View{}).status(410).says("expired", `href="/.auth/sign-in?return_to=%2Freports"`)
	play(refused(flows.CookiesOff, -1), flows.View{}).status(400).says("opened in another browser", "allow cookies")
	play(refused(flows.SignInFirst, -1), flows.View{}).leadsTo("/.auth/sign-in?return_to=%2Freports")
	play(refused(flows.NotThisStep, -1), viewOf(flows.SignIn, flows.Choose)).leadsTo("/.auth/choose?f=f8Q2k&return_to=%2Freports%3Fyear%3D2026")
	play(refused(flows.NotThisStep, -1), viewOf(flows.SignIn, flows.Done)).leadsTo("/reports?year=2026")
	play(refused(flows.NotThisStep, -1), flows.View{}).status(410)
	play(refused(flows.SignUpNotOpen, -1), at).status(403)
	play(refused(flows.SignUpNotForYou, -1), at).status(403).says("There is no place for this address yet")
	play(refused(flows.NoMethod, -1), at).status(403).says("Use another account", `action="/.auth/sign-out?return_to=%2Freports%3Fyear%3D2026"`)
	a := play(&flows.Refusal{Code: flows.TooManyTries, Wait: 15 * time.Minute}, at).status(429).
		says("Wait 15 minutes", "You can try again in 15 minutes, <strong>", `datetime="2026-08-04T14:35:00Z"`, "14:35 UTC", `href="/.auth/sign-in?return_to=`)
	if got := a.Header.Get("Retry-After"); got != "900" {
		t.Errorf("try again after %s", got)
	}
	play(refused(flows.TooManySends, -1), flows.View{}).status(429).says("in 90 seconds", "it still works where you asked for it")
	play(refused("no_such_code", -1), at).status(500)
	play(refused(flows.CodeWrong, -1), flows.View{}).status(410)
}

var allRefusals = []flows.RefusalCode{
	flows.EmailMissing, flows.EmailMalformed, flows.PasswordMissing, flows.PairWrong, flows.CodeMissing, flows.CodeMalformed,
	flows.CodeWrong, flows.CodeExpired, flows.CodeSpent, flows.ResendTooSoon, flows.TooManySends, flows.TooManyTries,
	flows.PhoneMissing, flows.PhoneMalformed, flows.PhoneNotMobile, flows.PhoneCountry, flows.PasswordShort, flows.PasswordLong,
	flows.PasswordCommon, flows.PasswordContext, flows.ChoiceMissing, flows.SignUpNotOpen, flows.SignUpNotForYou, flows.MethodOff,
	flows.NoMethod, flows.EnrolNotAllowed, flows.FlowGone, flows.NotThisStep, flows.CookiesOff, flows.SignInFirst, flows.SendFailed, flows.Busy,
	flows.AttributesMissing, flows.AttributesInvalid, flows.MailboxSpent, flows.NeedsBrowser, flows.UserUnknown, flows.UserExists,
	flows.NoPassword, flows.RefreshInvalid, flows.ProofNeeded, flows.EffortNeeded,
}

// Every refusal there is has words on every page where it can come up.
func TestEveryRefusalHasWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t).signedIn()
	for step := range stepPaths {
		for _, code := range allRefusals {
			for _, left := range []int{-1, 0, 2} {
				w.engine.now, w.engine.err = viewOf(flows.SignIn, step), refused(code, left)
				if a := w.post("/code?f=f8Q2k", "code", "1"); a.StatusCode == 500 || a.StatusCode == 200 {
					t.Errorf("%s at %s answers %d", code, step, a.StatusCode)
				}
			}
		}
	}
}

func TestFaultsAreLoggedAndNotTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.err = errors.New("boom with a secret")
	a := w.post("/sign-in", "email", "d@x.example").status(500).saysNot("boom")
	_, after, _ := strings.Cut(w.log.String(), "reference=")
	reference, _, _ := strings.Cut(after, " ")
	if len(reference) != 8 || !strings.Contains(a.body, reference) || !strings.Contains(w.log.String(), "boom") {
		t.Errorf("the page and the log do not share a reference: %s", w.log.String())
	}
	for name, change := range map[string]func(*world){
		"store is full":      func(w *world) { w.engine.err = store.ErrFull },
		"there is no engine": func(w *world) { w.pages.Engine = func() (Engine, error) { return nil, errBoom } },
		"nobody can say who it is": func(w *world) {
			w.pages.Session = func(*http.Request) (*flows.Session, error) { return nil, store.ErrClosed }
		},
	} {
		w := newWorld(t)
		change(w)
		if a := w.post("/sign-in", "email", "d@x.example"); a.StatusCode != 503 {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
}

func TestAFlowWithoutItsBrowserIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.now = viewOf(flows.SignIn, flows.AskCode)
	for name, c := range map[string]struct {
		cookie string
		status int
	}{
		"no cookie at all":  {"", 400},
		"other cookies":     {"a=b", 410},
		"tampered":          {w.browser + "x", 410},
		"two of ours":       {w.browser + "; " + w.browser, 410},
		"another's content": {BrowserCookie + "=garbage", 410},
		"the session's":     {strings.Replace(w.browser, BrowserCookie, SessionCookie, 1), 410},
	} {
		for _, method := range []string{"GET", "POST"} {
			for _, path := range []string{"/code", "/password", "/choose", "/phone", "/new-password", "/attributes", "/step-up"} {
				r := w.request(method, path+"?f=f8Q2k&return_to=%2Freports", nil)
				r.Header.Del("Cookie")
				if c.cookie != "" {
					r.Header.Set("Cookie", c.cookie)
				}
				w.do(r).status(c.status).says(`href="/.auth/sign-in?return_to=%2Freports"`)
				_ = name
			}
		}
	}
	w.get("/code").status(410)
	if w.engine.asked != nil {
		t.Errorf("the engine was asked %v", w.engine.asked)
	}
}

func TestResendingSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.next = viewOf(flows.SignIn, flows.AskCode)
	w.post("/code?f=f8Q2k", "do", "resend").leadsTo("/.auth/code?f=f8Q2k&return_to=%2Freports%3Fyear%3D2026&sent=1")
	w.engine.next = viewOf(flows.SignIn, flows.Done) // another tab was quicker
	w.post("/code?f=f8Q2k", "do", "resend").leadsTo("/reports?year=2026")
}

// The seconds to wait come from the server's clock each time.
func TestTheCodePageCountsFromTheServersClock(t *testing.T) {
	t.Parallel()
	now := noon
	w := newWorld(t, func(c *Config) { c.Now = func() time.Time { return now } })
	w.engine.now = with(viewOf(flows.SignIn, flows.AskCode), func(v *flows.View) { v.First = true })
	w.get("/code?f=f8Q2k").says(`data-wait="30"`, "10 minutes", `href="/.auth/sign-in?f=f8Q2k`)
	now = noon.Add(18*time.Second + 300*time.Millisecond)
	w.get("/code?f=f8Q2k").says(`data-wait="12"`)
	now = noon.Add(7 * time.Minute)
	w.get("/code?f=f8Q2k").saysNot("data-wait").says("3 minutes")
	now = noon.Add(time.Hour)
	w.get("/code?f=f8Q2k").says("expired")
}
