package ui

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

func (w *world) problem(r *http.Request, status int) *answer {
	rec := httptest.NewRecorder()
	w.pages.Problem(rec, r, status)
	return &answer{t: w.t, Response: rec.Result(), body: rec.Body.String()}
}

func TestProblemsArePagesForPeopleAndJSONForPrograms(t *testing.T) {
	t.Parallel()
	w := newWorld(t).signedIn()
	for status, kind := range map[int]string{
		400: "bad_target", 403: "denied", 404: "not_found", 405: "method", 429: "too_many", 500: "fault", 503: "unavailable", 418: "fault",
	} {
		r := httptest.NewRequest("GET", "https://payroll.harbour.example/admin?x=1", nil)
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		a := w.problem(r, status).status(status).says("<h1>")
		if a.Header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%d is no page", status)
		}
		parsePage(t, a.body).checkSkeleton()

		r.Header.Set("Sec-Fetch-Mode", "cors")
		a = w.problem(r, status).status(status)
		var got problemJSON
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || got.Error != kind || got.Reason == "" {
			t.Errorf("%d for a program: %s, %v", status, a.body, err)
		}
	}
}

func TestNavigationsAreToldFromFetches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mode, accept string
		want         bool
	}{
		{"navigate", "", true}, {"cors", "text/html", false}, {"no-cors", "text/html", false}, {"websocket", "", false},
		{"", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", true}, {"", "*/*", false}, {"", "application/json", false},
		{"", "", false}, {"", "text/html;q=0", false}, {"", "text/htmlx", false}, {"", "application/json, text/html; q=0.5", true},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		if c.mode != "" {
			r.Header.Set("Sec-Fetch-Mode", c.mode)
		}
		r.Header.Set("Accept", c.accept)
		if got := navigation(r); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestADeniedPersonMayComeBackAsAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t).signedIn()
	r := httptest.NewRequest("GET", "https://payroll.harbour.example/admin?x=1", nil)
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	w.problem(r, 403).says("dana.okafor@<wbr>harbour.example", `action="/.auth/sign-out?return_to=%2Fadmin%3Fx%3D1"`)
	r.Method = "POST"
	w.problem(r, 403).says(`action="/.auth/sign-out"`)
	w.session = nil
	w.problem(r, 403).says("Signing in doesn’t change that").saysNot("dana")
	r.Method = "HEAD"
	if a := w.problem(r, 403); a.body != "" {
		t.Error("HEAD has a body")
	}
}

func TestATooManyPageOffersTheOtherFirstFactorByWhatTheSiteHas(t *testing.T) {
	t.Parallel()
	const byPassword, byCode = ">Sign in with your password</a>", ">Sign in with a code by email</a>"
	for name, row := range map[string]struct {
		change func(*Config)
		view   func(*flows.View) // of a sign-in
		want   string
	}{
		"a code, both ways":        {nil, func(v *flows.View) { v.Factor = policy.EmailCode }, byPassword},
		"a password, both ways":    {nil, func(v *flows.View) { v.Factor = policy.Password }, byCode},
		"a code alone":             {func(c *Config) { c.Site.Password = false }, func(v *flows.View) { v.Factor = policy.EmailCode }, ""},
		"a password alone":         {func(c *Config) { c.Site.EmailCode = false }, func(v *flows.View) { v.Factor = policy.Password }, ""},
		"a second factor":          {nil, func(v *flows.View) { v.First, v.Factor = false, policy.SMSCode }, ""},
		"the code of a new person": {nil, func(v *flows.View) { v.Kind, v.Factor = flows.SignUp, policy.EmailCode }, ""},
	} {
		for _, code := range []flows.RefusalCode{flows.TooManyTries, flows.Exhausted} {
			w := newWorld(t, func(c *Config) {
				if row.change != nil {
					row.change(c)
				}
			})
			v := flows.View{Kind: flows.SignIn, First: true} // of a flow that is gone
			row.view(&v)
			w.engine.now, w.engine.err = v, &flows.Refusal{Code: code, Wait: 15 * time.Minute, Left: -1}
			a := w.post("/code?f=f8Q2k", "code", "123456")
			for _, offer := range []string{byPassword, byCode} {
				if got := strings.Contains(a.body, offer); got != (offer == row.want) {
					t.Errorf("%s, %s: offers %q: %v\n%s", name, code, offer, got, a.body)
				}
			}
		}
	}
}

func TestASpentSecondFactorIsToldWhereTheOtherWaysAre(t *testing.T) {
	t.Parallel()
	for code, words := range map[flows.RefusalCode]string{
		flows.TooManyTries: "Wait 15 minutes, or choose another way",
		flows.Exhausted:    "closed to new devices. Choose another way",
		flows.NumberPaused: "or try again in 15 minutes",
	} {
		w := newWorld(t).signedIn()
		v := viewOf(flows.StepUp, flows.AskCode)
		v.Factor, v.Options = policy.SMSCode, []policy.Factor{policy.SMSCode, policy.EmailCode}
		w.engine.now, w.engine.err = v, &flows.Refusal{Code: code, Wait: 15 * time.Minute, Left: -1}
		w.told(w.post("/code?f=f8Q2k", "code", "123456")).says(words).says("email")
	}
}
