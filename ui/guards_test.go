package ui

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stepgate/stepgate/flows"
)

func TestEveryAnswerCarriesTheHeaders(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"Cache-Control":              "no-store",
		"Referrer-Policy":            "strict-origin",
		"X-Content-Type-Options":     "nosniff",
		"X-Frame-Options":            "DENY",
		"Cross-Origin-Opener-Policy": "same-origin",
		"Permissions-Policy":         "otp-credentials=(self), camera=(), microphone=(), geolocation=()",
	}
	check := func(name string, a *answer) {
		for header, value := range want {
			if got := a.Header.Get(header); got != value {
				t.Errorf("%s: %s is %q", name, header, got)
			}
		}
		csp := a.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: the policy lacks %s", name, part)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "data:") {
			t.Errorf("%s: the policy is %s", name, csp)
		}
		if a.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: other origins may read it", name)
		}
	}
	for _, s := range scenes() {
		a := seen(t, s.name)
		check(s.name, a)
		if a.body != "" && (a.Header.Get("Content-Language") != "en" || !strings.Contains(a.Header.Get("Vary"), "Accept-Language")) {
			t.Errorf("%s does not say its language", s.name)
		}
	}
	w := newWorld(t)
	check("redirect", w.get("/"))
	w.engine.next = viewOf(flows.SignIn, flows.Choose)
	check("redirect after a form", w.post("/code?f=f8Q2k", "code", "482913"))
}

// A GET never starts, submits or ends anything, however often it comes.
func TestGETAndHEADChangeNothing(t *testing.T) {
	t.Parallel()
	paths := slices.Sorted(maps.Keys(routes))
	for _, v := range []flows.View{viewOf(flows.SignIn, flows.AskCode), confirmView(), viewOf(flows.SignIn, flows.Done), {}} {
		for _, in := range []bool{false, true} {
			w := newWorld(t)
			if in {
				w.signedIn()
			}
			w.engine.now = v
			if v.Flow == "" {
				w.engine.lost = refused(flows.FlowGone, -1)
			}
			for _, path := range paths {
				for _, query := range []string{"", "?f=f8Q2k", "?f=f8Q2k&code=482913&do=resend&way=sms_code&email=a@b.example&again=1", "?return_to=/x&lost=1&need=otp", "?f=f8Q2k&why=code_wrong&n=2", "?f=f8Q2k&why=busy"} {
					for _, method := range []string{"GET", "HEAD"} {
						a := w.do(w.request(method, path+query, nil))
						if a.StatusCode >= 500 {
							t.Errorf("%s %s: %d", method, path+query, a.StatusCode)
						}
						if method == "HEAD" && a.body != "" {
							t.Errorf("HEAD %s has a body", path)
						}
						for _, c := range a.Cookies() {
							t.Errorf("%s %s sets a cookie: %s", method, path, c)
						}
					}
				}
			}
			if changed := w.engine.changed(); changed != nil {
				t.Errorf("GETs called %v", changed)
			}
		}
	}
}

func postPaths() []string {
	var paths []string
	for path, route := range routes {
		if route.post != nil {
			paths = append(paths, path)
		}
	}
	return paths
}

func TestAFormFromElsewhereDoesNothing(t *testing.T) {
	t.Parallel()
	for name, tweak := range map[string]func(http.Header){
		"cross-site": func(h http.Header) { h.Set("Sec-Fetch-Site", "cross-site"); h.Set("Origin", "https://evil.example") },
		"same-site": func(h http.Header) {
			h.Set("Sec-Fetch-Site", "same-site")
			h.Set("Origin", "https://x.harbour.example")
		},
		"old browser, other origin": func(h http.Header) {
			h.Del("Sec-Fetch-Site")
			h.Set("Origin", "https://evil.example")
		},
		"old browser, no origin to speak of": func(h http.Header) { h.Del("Sec-Fetch-Site"); h.Set("Origin", "null") },
		"old browser, same host over http": func(h http.Header) {
			h.Del("Sec-Fetch-Site")
			h.Set("Origin", "http://payroll.harbour.example")
		},
	} {
		w := newWorld(t).signedIn()
		w.engine.now = viewOf(flows.SignIn, flows.AskCode)
		for _, path := range postPaths() {
			r := w.request("POST", path+"?f=f8Q2k", url.Values{"code": {"482913"}})
			tweak(r.Header)
			w.do(r).status(http.StatusForbidden)
			if changed := w.engine.changed(); changed != nil {
				t.Errorf("%s POST %s called %v", name, path, changed)
			}
		}
	}
	// The same, from our own pages in an old browser, works.
	w := newWorld(t)
	w.engine.now = viewOf(flows.SignIn, flows.AskCode)
	r := w.request("POST", "/sign-in", url.Values{"email": {"dana@harbour.example"}})
	r.Header.Del("Sec-Fetch-Site")
	w.do(r).status(http.StatusSeeOther)
}

func TestAFormThatCouldBeReadTwoWaysIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		kind   string
		tweak  func(*http.Request)
	}{
		"doubled field":         {400, "code=1&code=2", "", nil},
		"doubled unknown field": {400, "code=1&x=1&x=2", "", nil},
		"bad escape":            {400, "code=%zz", "", nil},
		"semicolon":             {400, "code=1;do=resend", "", nil},
		"NUL":                   {400, "code=1%00", "", nil},
		"not UTF-8":             {400, "code=%ff", "", nil},
		"JSON":                  {415, `{"code":"1"}`, "application/json", nil},
		"plain text":            {415, "code=1", "text/plain", nil},
		"multipart":             {415, "code=1", "multipart/form-data; boundary=x", nil},
		"other charset":         {415, "code=1", "application/x-www-form-urlencoded; charset=utf-7", nil},
		"other parameter":       {415, "code=1", "application/x-www-form-urlencoded; version=2", nil},
		"no type":               {415, "code=1", " ", nil},
		"two types":             {415, "code=1", "", func(r *http.Request) { r.Header.Add("Content-Type", "text/plain") }},
		"compressed":            {415, "code=1", "", func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }},
		"too big":               {413, "code=" + strings.Repeat("1", maxForm), "", nil},
		"doubled f":             {400, "code=1", "", func(r *http.Request) { r.URL.RawQuery += "&f=other" }},
		"body fails":            {400, "", "", func(r *http.Request) { r.Body = failing{} }},
	} {
		w := newWorld(t).signedIn()
		w.engine.now = viewOf(flows.SignIn, flows.AskCode)
		for _, path := range postPaths() {
			r := w.request("POST", path+"?f=f8Q2k", nil)
			r2 := httptest.NewRequest("POST", r.URL.String(), strings.NewReader(c.body))
			r2.Header = r.Header
			if c.kind != "" {
				r2.Header.Set("Content-Type", strings.TrimSpace(c.kind))
			}
			if c.tweak != nil {
				c.tweak(r2)
			}
			if a := w.do(r2); a.StatusCode != c.status {
				t.Errorf("%s: POST %s answers %d, want %d", name, path, a.StatusCode, c.status)
			}
			if changed := w.engine.changed(); changed != nil {
				t.Errorf("%s: POST %s called %v", name, path, changed)
			}
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("connection reset") }
func (failing) Close() error             { return nil }

func TestUTF8FormsAndUnknownFieldsAreFine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.next = viewOf(flows.SignIn, flows.Choose)
	r := w.request("POST", "/code?f=f8Q2k", url.Values{"code": {"٤٨٢٩١٣"}, "utm_source": {"x"}})
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	w.do(r).status(http.StatusSeeOther)
	if got := w.engine.input; got != (flows.GiveCode{Code: "٤٨٢٩١٣"}) {
		t.Errorf("the engine got %#v", got)
	}
}

func TestUnknownAddressesAndMethodsAreOurs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/account/", "/account/nothing", "/nothing", "/sign-in/", "//sign-in", "/assets/", "/assets/../sign-in", "/inbox", "/inbox.json", "/.well-known/x"} {
		w.get(path).status(http.StatusNotFound)
	}
	r := w.request("GET", "/sign-in", nil)
	r.URL.Path = "/elsewhere/sign-in"
	w.do(r).status(http.StatusNotFound)
	for path, allow := range map[string]string{"/sign-in": "GET, HEAD, POST", "/flow": "GET, HEAD", "/assets/" + w.pages.assets.css.name: "GET, HEAD"} {
		a := w.do(w.request("PUT", path, nil)).status(http.StatusMethodNotAllowed)
		if got := a.Header.Get("Allow"); got != allow {
			t.Errorf("PUT %s allows %q", path, got)
		}
	}
	w.post("/flow?f=f8Q2k").status(http.StatusMethodNotAllowed)
}
