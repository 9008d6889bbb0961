package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
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
	if p := b.get("/.AUTH/sign-in"); p.StatusCode != 404 {
		t.Errorf("a page of ours in other letters: %d", p.StatusCode)
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

// deadlined notes the read deadlines that are set: Caddy has its own, for idle clients,
// and keeps a handler's as the ceiling.
type deadlined struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlined) SetReadDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

func newDeadlined() *deadlined { return &deadlined{ResponseRecorder: httptest.NewRecorder()} }

// visitorTo is somebody's request for a page of ours.
func visitorTo(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "localhost"
	return r
}

func TestAFormMustArriveSoon(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	for method, soon := range map[string]bool{"GET": false, "HEAD": false, "POST": true} {
		w := newDeadlined()
		s.ServeHTTP(w, visitorTo(method, "/.auth/sign-in", "email="))
		latest := time.Now().Add(formTimeout)
		if bounded := len(w.set) > 0 && !slices.ContainsFunc(w.set, latest.Before); bounded != soon {
			t.Errorf("%s: deadlines %v, at the latest %v", method, w.set, latest)
		}
	}
}

func TestTheKeysAreReadAndNothingElse(t *testing.T) {
	t.Parallel()
	b := newSite(t, payrollSite()).browser(t)
	for _, path := range []string{"/.auth/jwks", "/.auth/.well-known/openid-configuration"} {
		for method, want := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405, "OPTIONS": 405, "DELETE": 405} {
			p := b.do(b.request(method, path, nil))
			if p.StatusCode != want || method == "HEAD" && p.body != "" || method == "GET" && !strings.HasPrefix(p.body, "{") {
				t.Errorf("%s %s: %d %s", method, path, p.StatusCode, p.body)
			}
			if strings.Contains(p.body, `"d":`) {
				t.Errorf("%s %s shows a private key", method, path)
			}
		}
	}
}

// Applications with one front controller are rewritten to it as a whole.
func TestWhatIsOursAnswersWhereEverythingIsRewritten(t *testing.T) {
	t.Parallel()
	s := newSite(t, strings.Replace(payrollSite("client spa", "native /contoso"), "stepgate {", "rewrite * /index.php\n\tstepgate {", 1))
	b := s.browser(t)
	for _, path := range []string{"/.auth/sign-in", "/.auth/jwks", "/.auth/.well-known/openid-configuration", "/contoso/v2.0/.well-known/openid-configuration"} {
		if p := b.get(path); p.StatusCode != 200 || strings.Contains(p.body, "app path") {
			t.Errorf("%s: %d %.300s", path, p.StatusCode, p.body)
		}
	}
	if p := s.signUp(b, "ed@example.com", "/report"); p.location != "/report" {
		t.Fatalf("signing up: %d to %q", p.StatusCode, p.location)
	}
	if p := b.get("/report"); !strings.Contains(p.body, "app path=/index.php user=ed@example.com") {
		t.Errorf("the application: %d %s", p.StatusCode, p.body)
	}
	app := s.native(t, "spa")
	if p := app.get("/report", app.tokens(app.signUp(dana)).Access); !strings.Contains(p.body, "app path=/index.php user="+dana) {
		t.Errorf("the application, with a token: %d %s", p.StatusCode, p.body)
	}
}

func TestThePagesForeseeARuleThatLooksAtThePerson(t *testing.T) {
	t.Parallel()
	s := newSite(t, strings.Replace(payrollSite("require otp sms on @dana"), "@bulk {", "@dana vars {http.auth.user.email} "+dana+"\n\t@bulk {", 1))
	for who, asked := range map[string]bool{dana: true, "ed@example.com": false} {
		b := s.browser(t)
		s.signUp(b, who, "/.auth/")
		p := b.get("/.auth/step-up?return_to=%2Freport")
		if p.StatusCode == 200 != asked || !asked && p.location != "/report" {
			t.Errorf("%s at the page of the step: %d to %q", who, p.StatusCode, p.location)
		}
		if p := b.get("/report"); p.StatusCode == 303 != asked {
			t.Errorf("%s at the application: %d to %q", who, p.StatusCode, p.location)
		}
	}
}

// What cannot be opened has no rules of its own. It still needs a session, and whoever
// asks for proof on the way there gets asked for it.
func TestOnTheWayToWhatCannotBeOpenedANeedStillCounts(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	b := s.browser(t)
	s.signUp(b, dana, "/")
	site := s.handlers[0].sites[0]
	for need, want := range map[string]policy.Demand{"": policy.Floor, "otp within 5m0s": policy.Floor.Join(policy.Need(policy.OTP, 5*time.Minute))} {
		if got, _, err := site.foresee(visitor("/.auth/step-up", nil), nil, flows.Target{ReturnTo: "/a;b", Need: need}); got != want || err != nil {
			t.Errorf("%q: %s, want %s; %v", need, got, want, err)
		}
	}
	const needed = "&need=session+%2B+sms_code+%2B+otp"
	for _, target := range []string{"%2Fx", "%2Fa%3Bb", "%2Fa%252fb"} {
		for need, asked := range map[string]bool{"": false, needed: true} {
			if p := b.get("/.auth/step-up?return_to=" + target + need); p.StatusCode == 200 != asked {
				t.Errorf("%s%s: %d to %q", target, need, p.StatusCode, p.location)
			}
			if p := s.browser(t).get("/.auth/step-up?return_to=" + target + need); p.StatusCode != 303 || !strings.HasPrefix(p.location, "/.auth/sign-in") {
				t.Errorf("%s%s, for nobody: %d to %q", target, need, p.StatusCode, p.location)
			}
		}
	}
}
