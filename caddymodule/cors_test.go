package caddymodule

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// crossSite is a site with what other origins may do, in front of an application that says
// nothing about it, unless it is asked to.
func crossSite(t testing.TB, lines ...string) (*liveSite, *upstream) {
	t.Helper()
	app := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if own := cmp.Or(r.URL.Query().Get("own"), r.Header.Get("X-Own")); own != "" {
			w.Header().Set("Access-Control-Allow-Origin", own)
		}
		w.Header().Set("Allow", r.RequestURI) // where tests find out what arrived
		w.Header().Set("X-Page", "secret")
		w.Header().Set("Set-Cookie", "stepgate=planted")
		io.WriteString(w, "the application")
	}))
	return newLiveSite(t, proxied(app.addr, append(lines, "deny on /internal/*", "public on /open/*", "require otp sms within 5m on /admin/*")...)), app
}

// speak sends the lines of a request over HTTP/1.1, and returns the answer.
func (s *liveSite) speak(t testing.TB, method, path, body string, lines ...string) *page {
	t.Helper()
	conn := s.dial(t)
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: localhost\r\n", method, path)
	for _, line := range lines {
		fmt.Fprintf(conn, "%s\r\n", line)
	}
	fmt.Fprintf(conn, "\r\n%s", body)
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %s %q: %v", method, path, lines, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return readPage(response, string(text))
}

const (
	fromApp  = "Origin: https://app.example"
	asksPOST = "Access-Control-Request-Method: POST"
)

// granted is what an answer lets scripts do: the origin, and whether with credentials.
func granted(p *page) string {
	return strings.TrimSpace(strings.Join(p.Header["Access-Control-Allow-Origin"], "|") + " " +
		strings.Join(p.Header["Access-Control-Allow-Credentials"], "|"))
}

func varies(p *page, by string) bool {
	for _, value := range p.Header["Vary"] {
		for name := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(name), by) {
				return true
			}
		}
	}
	return false
}

func TestAPreflightIsAnsweredByWhatIsConfigured(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ config, methods, headers, age string }{
		{"cors https://app.example", "GET, HEAD, POST, PUT, PATCH, DELETE", "authorization, content-type", "600"},
		{"cors https://other.example https://app.example:443 {\n\t\t\tmethods GET PROPFIND\n\t\t\theaders X-Requested-With content-type\n\t\t\tmax_age 0\n\t\t}",
			"GET, PROPFIND", "x-requested-with, content-type", "0"},
		{"cors HTTPS://APP.example {\n\t\t\tmax_age 24h\n\t\t}", "GET, HEAD, POST, PUT, PATCH, DELETE", "authorization, content-type", "86400"},
	} {
		s, app := crossSite(t, row.config)
		for _, path := range []string{"/api/x", "/admin/x", "/internal/x", "/open/x"} {
			p := s.speak(t, "OPTIONS", path, "", fromApp, asksPOST, "Access-Control-Request-Headers: content-type")
			h := p.Header
			if p.StatusCode != 204 || granted(p) != "https://app.example true" || h.Get("Access-Control-Allow-Methods") != row.methods ||
				h.Get("Access-Control-Allow-Headers") != row.headers || h.Get("Access-Control-Max-Age") != row.age {
				t.Errorf("%s: %d %v", path, p.StatusCode, h)
			}
			for _, name := range []string{"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"} {
				if !varies(p, name) {
					t.Errorf("%s: caches are not told of %s: %q", path, name, h["Vary"])
				}
			}
			if p.body != "" || p.decision != "" {
				t.Errorf("%s: %q, decision %q", path, p.body, p.decision)
			}
		}
		if seen := app.take(); len(seen) != 0 {
			t.Errorf("the application was asked: %v", seen)
		}
	}
}

// notPreflights differ from a preflight in one thing each.
var notPreflights = []struct {
	name, method, body string
	lines              []string
	status             int // default: 401
}{
	{name: "no origin", lines: []string{asksPOST}},
	{name: "an empty origin", lines: []string{"Origin:", asksPOST}},
	{name: "two origins", lines: []string{fromApp, fromApp, asksPOST}},
	{name: "another spelling of Origin", lines: []string{"Origin_: https://app.example", asksPOST}},
	{name: "no requested method", lines: []string{fromApp}},
	{name: "an empty requested method", lines: []string{fromApp, "Access-Control-Request-Method:"}},
	{name: "two requested methods", lines: []string{fromApp, asksPOST, "Access-Control-Request-Method: GET"}},
	{name: "another spelling of the requested method", lines: []string{fromApp, "Access_Control_Request_Method: POST"}},
	{name: "a body", lines: []string{fromApp, asksPOST, "Content-Length: 5"}, body: "hello"},
	{name: "a body in chunks", lines: []string{fromApp, asksPOST, "Transfer-Encoding: chunked"}, body: "5\r\nhello\r\n0\r\n\r\n"},
	{name: "an empty body in chunks", lines: []string{fromApp, asksPOST, "Transfer-Encoding: chunked"}, body: "0\r\n\r\n"},
	{name: "POST", method: "POST", lines: []string{fromApp, asksPOST, "Content-Length: 0"}},
	{name: "GET", method: "GET", lines: []string{fromApp, asksPOST}},
	{name: "HEAD", method: "HEAD", lines: []string{fromApp, asksPOST}},
	{name: "POST that is said to be OPTIONS", method: "POST", lines: []string{fromApp, asksPOST, "X-HTTP-Method-Override: OPTIONS", "Content-Length: 0"}},
	{name: "small letters", method: "options", lines: []string{fromApp, asksPOST}, status: 400},
	{name: "TRACE", method: "TRACE", lines: []string{fromApp, asksPOST}, status: 405},
}

func TestWhatIsNoPreflightIsJudgedAsEver(t *testing.T) {
	t.Parallel()
	for _, config := range []string{"cors https://app.example", "cors pass"} {
		s, app := crossSite(t, config)
		for _, row := range notPreflights {
			if row.method == "" {
				row.method = "OPTIONS"
			}
			if row.status == 0 {
				row.status = 401
			}
			if p := s.speak(t, row.method, "/api/x", row.body, row.lines...); p.StatusCode != row.status {
				t.Errorf("%s, %s: %d", config, row.name, p.StatusCode)
			}
			if seen := app.take(); len(seen) != 0 {
				t.Errorf("%s, %s reached the application: %v", config, row.name, seen)
			}
		}
		if p := s.speak(t, "OPTIONS", "/api/..%2fx", "", fromApp, asksPOST); p.StatusCode != 400 {
			t.Errorf("%s: an odd path: %d", config, p.StatusCode)
		}
		for _, path := range []string{"/.auth/sign-in", "/.auth/step-up", "/.auth/jwks", "/.AUTH/x"} {
			if p := s.speak(t, "OPTIONS", path, "", fromApp, asksPOST); p.StatusCode < 400 || granted(p) != "" {
				t.Errorf("%s: a page of ours: %s: %d %v", config, path, p.StatusCode, p.Header)
			}
		}
		if seen := app.take(); len(seen) != 0 {
			t.Errorf("%s: the application was asked: %v", config, seen)
		}
	}
}

// Over HTTP/2 it shows only by the end of the stream that there is no body.
func TestABodyMakesItNoPreflightOverHTTP2Either(t *testing.T) {
	t.Parallel()
	s, app := crossSite(t, "cors pass")
	for _, row := range []struct {
		body   io.Reader
		status int
	}{{nil, 200}, {io.MultiReader(strings.NewReader("x")), 401}} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, "http://localhost/api/x", row.body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", "https://app.example")
		r.Header.Set("Access-Control-Request-Method", "POST")
		response, err := s.client(t, 2).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != row.status || len(app.take()) != map[int]int{200: 1, 401: 0}[row.status] {
			t.Errorf("status %d, want %d", response.StatusCode, row.status)
		}
	}
}

var strangers = []string{
	"null", "https://evil.example", "https://app.example.evil.example", "https://xapp.example", "http://app.example", "https://app.example:8443",
	"https://APP.example", "https://app.example/", "https://app.example, https://evil.example", "https://app.example https://evil.example",
	"https://app.example\t", "https://*", "*",
}

func TestStrangersAreToldNothing(t *testing.T) {
	t.Parallel()
	s, app := crossSite(t, "cors https://app.example")
	cookie := s.signIn(t, dana)
	for _, origin := range strangers {
		if strings.TrimSpace(origin) == "https://app.example" {
			continue // blanks around a value are not part of it
		}
		p := s.speak(t, "OPTIONS", "/api/x", "", "Origin: "+origin, asksPOST)
		if p.StatusCode != 204 || granted(p) != "" || p.Header.Get("Access-Control-Allow-Methods") != "" || !varies(p, "Origin") {
			t.Errorf("preflight by %s: %d %v", origin, p.StatusCode, p.Header)
		}
		if p := s.speak(t, "GET", "/api/x", "", "Origin: "+origin, "Cookie: "+cookie.String()); p.StatusCode != 200 || granted(p) != "" || !varies(p, "Origin") {
			t.Errorf("request by %s: %d %v", origin, p.StatusCode, p.Header)
		}
		if p := s.speak(t, "GET", "/api/x", "", "Origin: "+origin); p.StatusCode != 401 || granted(p) != "*" || !varies(p, "Origin") {
			t.Errorf("request by %s without a session: %d %v", origin, p.StatusCode, p.Header)
		}
		if p := s.speak(t, "GET", "/internal/x", "", "Origin: "+origin); p.StatusCode != 403 || granted(p) != "" {
			t.Errorf("request by %s for what is denied: %d %v", origin, p.StatusCode, p.Header)
		}
	}
	if p := s.speak(t, "GET", "/open/x", "", fromApp, fromApp); p.StatusCode != 200 || granted(p) != "" {
		t.Errorf("two origins: %d %v", p.StatusCode, p.Header)
	}
	for _, header := range app.take() {
		if header.Get("Access-Control-Request-Method") != "" {
			t.Errorf("a preflight reached the application: %v", header)
		}
	}
}

func TestScriptsOfTheListCanReadWhatTheyAreAnswered(t *testing.T) {
	t.Parallel()
	s, _ := crossSite(t, "cors https://app.example")
	cookie := "Cookie: " + s.signIn(t, dana).String()
	for _, row := range []struct {
		name, path string
		lines      []string
		status     int
		ours       bool
	}{
		{"nobody is signed in", "/api/x", nil, 401, true},
		{"more proof is needed", "/admin/x", []string{cookie}, 401, true},
		{"denied", "/internal/x", []string{cookie}, 403, true},
		{"denied to everybody", "/internal/x", nil, 403, true},
		{"passed", "/api/x", []string{cookie}, 200, false},
		{"public", "/open/x", nil, 200, false},
	} {
		p := s.speak(t, "GET", row.path, "", append(row.lines, fromApp)...)
		if p.StatusCode != row.status || granted(p) != "https://app.example true" || !varies(p, "Origin") {
			t.Errorf("%s: %d %v", row.name, p.StatusCode, p.Header)
		}
		if exposed := p.Header.Get("Access-Control-Expose-Headers"); row.ours != (exposed == "WWW-Authenticate, Stepgate-Decision") || row.ours != (p.decision != "") {
			t.Errorf("%s: decision %q, exposed %q", row.name, p.decision, exposed)
		}
	}
	for own, want := range map[string]string{"*": "*", "https://third.example": "https://third.example"} {
		p := s.speak(t, "GET", "/api/x?own="+own, "", cookie, fromApp)
		if granted(p) != want || varies(p, "Origin") {
			t.Errorf("the application says %s: %v", own, p.Header)
		}
	}
}

func TestAStoreThatFailsIsReadableToo(t *testing.T) {
	t.Parallel()
	s, f := newFaultySite(t, payrollSite("cors https://app.example", "client "+spa))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	native := s.native(t, spa)
	f.down(errStoreDown)
	s.cool()
	b.header = http.Header{"Origin": {"https://app.example"}, "Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}}
	if p := b.get("/report"); p.StatusCode != 503 || granted(p) != "https://app.example true" {
		t.Errorf("%d %v", p.StatusCode, p.Header)
	}
	f.mend()
	native.header.Set("Origin", "https://app.example")
	if p := native.get("/report", "x.y.z"); p.StatusCode != 401 || granted(p) != "https://app.example true" {
		t.Errorf("a worthless token: %d %v", p.StatusCode, p.Header)
	}
	native.header.Set("Origin", "https://evil.example")
	if p := native.get("/report", "x.y.z"); p.StatusCode != 401 || granted(p) != "*" {
		t.Errorf("a worthless token of somebody else: %d %v", p.StatusCode, p.Header)
	}
}

// Without a word about it everything is as the application has it.
func TestASiteWithoutCORSLeavesTheApplicationsAnswersAlone(t *testing.T) {
	t.Parallel()
	for _, config := range []string{"name Payroll2", "cors pass"} {
		app := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "page") }))
		s := newLiveSite(t, "http://localhost {\n\tstepgate {\n\t\t"+config+"\n\t\tpublic on /open/*\n\t}\n\treverse_proxy "+app.addr+"\n}\n")
		if p := s.speak(t, "GET", "/open/x", "", fromApp); p.StatusCode != 200 || granted(p) != "" || varies(p, "Origin") {
			t.Errorf("%s: %d %v", config, p.StatusCode, p.Header)
		}
		if p := s.speak(t, "GET", "/x", "", fromApp); p.StatusCode != 401 || granted(p) != "*" || varies(p, "Origin") {
			t.Errorf("%s: %d %v", config, p.StatusCode, p.Header)
		}
		status := map[bool]int{true: 200, false: 401}[config == "cors pass"]
		if p := s.speak(t, "OPTIONS", "/x", "", fromApp, asksPOST); p.StatusCode != status {
			t.Errorf("%s: a preflight: %d", config, p.StatusCode)
		}
	}
}

func TestAPreflightThatIsPassedOnIsNobodys(t *testing.T) {
	t.Parallel()
	for _, more := range []string{"keep_app_cookies", "authorization pass"} {
		s, app := crossSite(t, "cors pass", more,
			"inject {\n\t\t\tid_token X-Id-Token\n\t\t\theader Remote-User {http.auth.user.email}\n\t\t\theader X-Who who={http.auth.user.id}\n\t\t}")
		cookie := s.signIn(t, dana)
		for _, path := range []string{"/api/x?do=delete", "/admin/x?", "/open/x"} {
			p := s.speak(t, "OPTIONS", path, "", fromApp, asksPOST, "X-Own: *", "X-Secret: 1", "Cookie: app=1; "+cookie.String()+"; b=2", "Authorization: Bearer x.y.z",
				"X-Id-Token: forged", "Remote-User: forged", "X-Who: forged", "Stepgate-Decision: forged", "stepgate_decision: forged")
			if p.StatusCode != 200 || p.body != "" || granted(p) != "*" || len(p.Cookies()) != 0 || p.Header.Get("X-Page") != "" || p.Header.Get("Content-Type") != "" {
				t.Errorf("%s: %d %v %s", path, p.StatusCode, p.Header, p.body)
			}
			header := app.one(t)
			if got, _, _ := strings.Cut(path, "?"); p.Header.Get("Allow") != got {
				t.Errorf("%s: the application was asked for %s", path, p.Header.Get("Allow"))
			}
			for name, want := range map[string]string{
				"Cookie": "", "Authorization": "", "X-Id-Token": "", "Remote-User": "", "X-Who": "", "Stepgate-Decision": "",
				"Origin": "https://app.example", "Access-Control-Request-Method": "POST",
			} {
				if got := header.Get(name); got != want {
					t.Errorf("%s: %s is %q, want %q", path, name, got, want)
				}
			}
			for name := range header {
				if strings.Contains(strings.ToLower(name), "stepgate") {
					t.Errorf("%s: %s arrived", path, name)
				}
			}
			if p := s.speak(t, "GET", path, "", fromApp); !strings.HasPrefix(path, "/open/") && p.StatusCode != 401 {
				t.Errorf("%s: the real request: %d", path, p.StatusCode)
			}
			app.take()
		}
		p := s.speak(t, "OPTIONS", "/internal/x", "", fromApp, asksPOST, "Cookie: "+cookie.String())
		if p.StatusCode != 403 || p.decision == "" || len(app.take()) != 0 {
			t.Errorf("what is denied: %d %v", p.StatusCode, p.Header)
		}
	}
}

// An application, or somebody who got into it, must not send people anywhere in our name.
func TestNobodyElseSpeaksAsTheGateway(t *testing.T) {
	t.Parallel()
	spellings := []string{"Stepgate-Decision", "stepgate_decision", "STEPGATE-DECISION", "Stepgate.Decision", "stepgate--decision"}
	app := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Stepgate-Decision"] = []string{"early"}
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Trailer", "Stepgate-Decision")
		for _, name := range spellings {
			w.Header()[name] = []string{"forged"}
		}
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, `{"step_up_url":"https://evil.example/"}`)
		w.Header()["Stepgate-Decision"] = []string{"late"}
		w.Header()[http.TrailerPrefix+"stepgate_decision"] = []string{"later"}
	}))
	s := newLiveSite(t, proxied(app.addr, "public on *"))
	for _, major := range []int{1, 2} {
		r, hints := hinted(t, "http://localhost/x")
		for _, name := range spellings {
			r.Header[name] = []string{"forged"}
		}
		response, err := s.client(t, major).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(response.Body); err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		headers := append(slices.Clone(*hints), response.Header, response.Trailer, app.one(t))
		for _, header := range headers {
			for name, values := range header {
				if strings.Contains(strings.ToLower(name), "stepgate") && len(values) > 0 {
					t.Errorf("HTTP/%d: %s: %q", major, name, values)
				}
			}
		}
		if response.StatusCode != 401 {
			t.Errorf("HTTP/%d: %d", major, response.StatusCode)
		}
	}
}
