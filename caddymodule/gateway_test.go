package caddymodule

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/inbox"
)

// payrollSite is a Caddyfile for one site with the given lines in its stepgate block. The
// application answers with what it was told.
func payrollSite(lines ...string) string {
	return `http://localhost {
	@bulk {
		method POST
		path /export
	}
	stepgate {
		name Payroll
		` + strings.Join(lines, "\n\t\t") + `
	}
	respond "app path={http.request.uri} user={http.auth.user.email} id={http.request.header.X-Id-Token} access={http.request.header.X-Access-Token} remote={http.request.header.Remote-User}"
}`
}

// message waits for the newest message to somebody that holds a code: another goroutine
// sends it, within moments, and a notice that was posted before may come after it.
func (s *testSite) message(t testing.TB, to string) inbox.Received {
	t.Helper()
	return s.arrived(t, to, func(m send.Message) bool { return m.Code != "" })
}

// arrived waits for the newest message to somebody that is the one.
func (s *testSite) arrived(t testing.TB, to string, is func(send.Message) bool) inbox.Received {
	t.Helper()
	rt := s.app.live.Load().rt
	for range 2000 {
		queued := 0
		for _, counts := range rt.outbox.Stats() {
			queued += counts.Queued + counts.Sending
		}
		found := rt.inbox.Messages(to)
		if i := slices.IndexFunc(found, func(m inbox.Received) bool { return is(m.Message) }); queued == 0 && i >= 0 {
			return found[i]
		}
		<-time.After(time.Millisecond)
	}
	t.Fatalf("no message to %s came", to)
	return inbox.Received{}
}

// follow goes where an answer sends the browser.
func (b *browser) follow(p *page) *page {
	b.t.Helper()
	if p.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("status %d, want a redirect; body:\n%s", p.StatusCode, p.body)
	}
	return b.get(p.location)
}

// here posts to the page that an answer redirected to.
func (b *browser) here(p *page, form url.Values) *page {
	b.t.Helper()
	if p.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("status %d, want a redirect; body:\n%s", p.StatusCode, p.body)
	}
	return b.post(p.location, form)
}

const (
	dana      = "dana@example.com"
	danaPhone = "+447700900123"
)

// signUp makes an account by mail code and ends where the target is.
func (s *testSite) signUp(b *browser, email, returnTo string) *page {
	b.t.Helper()
	p := b.post("/.auth/sign-up?return_to="+url.QueryEscape(returnTo), url.Values{"email": {email}})
	p = b.here(p, url.Values{"code": {s.message(b.t, email).Code}})
	return b.here(p, url.Values{"do": {"skip"}})
}

func TestTheApplicationSeesOnlyWhoHasProvedEnough(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite(
		"sensitivity admin /admin /admin/*", "require otp sms within 15m on admin", "public on /assets/*", "deny on /internal/*"))
	b := s.browser(t)

	if p := b.get("/report?month=3&x=a%20b"); p.StatusCode != 303 || p.location != "/.auth/sign-in?return_to=%2Freport%3Fmonth%3D3%26x%3Da%2520b" {
		t.Fatalf("anonymous: %d to %q", p.StatusCode, p.location)
	}
	if p := b.get("/assets/app.css"); p.StatusCode != 200 || !strings.Contains(p.body, "user= id= access=") {
		t.Errorf("public: %d %s", p.StatusCode, p.body)
	}
	p := s.signUp(b, dana, "/report?month=3&x=a%20b")
	if p.location != "/report?month=3&x=a%20b" {
		t.Fatalf("after sign-up: %d to %q\n%s", p.StatusCode, p.location, p.body)
	}
	p = b.follow(p)
	if p.StatusCode != 200 || !strings.Contains(p.body, "user=dana@example.com id=ey") || !strings.Contains(p.body, "access=ey") {
		t.Fatalf("signed in: %d %s", p.StatusCode, p.body)
	}
	if p := b.get("/assets/app.css"); !strings.Contains(p.body, "user=dana@example.com") {
		t.Errorf("a public page for somebody signed in: %s", p.body)
	}
	if p := b.get("/internal/x"); p.StatusCode != 403 || strings.Contains(p.body, "app path") {
		t.Errorf("denied: %d %s", p.StatusCode, p.body)
	}

	p = b.get("/admin/users?q=1")
	if p.location != "/.auth/step-up?return_to=%2Fadmin%2Fusers%3Fq%3D1" {
		t.Fatalf("step-up: %d to %q", p.StatusCode, p.location)
	}
	p = b.here(p, url.Values{}) // begins to add a phone
	p = b.here(p, url.Values{"tel": {danaPhone}})
	p = b.here(p, url.Values{"code": {s.message(t, danaPhone).Code}})
	if p.location != "/admin/users?q=1" {
		t.Fatalf("after the step-up: %d to %q\n%s", p.StatusCode, p.location, p.body)
	}
	if p = b.follow(p); p.StatusCode != 200 {
		t.Fatalf("stepped up: %d", p.StatusCode)
	}
	s.clock.advance(15*time.Minute + time.Second)
	if p := b.get("/admin/"); p.StatusCode != 303 {
		t.Fatalf("an expired step-up: %d", p.StatusCode)
	}
	if p := b.get("/report"); p.StatusCode != 200 {
		t.Fatalf("the session ended with the step-up: %d", p.StatusCode)
	}
}

func TestARequestWithoutAPageGets401ThatSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("require otp sms within 5m on /api/*"))
	b := s.browser(t)
	b.header = http.Header{"Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}, "Referer": {"http://localhost/app?tab=2"}}
	p := b.get("/api/accounts")
	want := `{"error":"login_required","reason":"Nobody is signed in.","missing":["session","sms_code","otp"],` +
		`"step_up_url":"http://localhost/.auth/sign-in?need=session+%2B+sms_code+within+5m0s+%2B+otp\u0026return_to=%2Fapp%3Ftab%3D2"}`
	if p.StatusCode != 401 || strings.TrimSpace(p.body) != want {
		t.Errorf("%d %s\nwant %s", p.StatusCode, p.body, want)
	}
	if h := p.Header.Get("WWW-Authenticate"); h != `Bearer error="insufficient_user_authentication", error_description="Nobody is signed in.", acr_values="urn:stepgate:acr:2", max_age="300"` {
		t.Errorf("WWW-Authenticate: %s", h)
	}
	if p.location != "" || p.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", p.Header)
	}
	b.header = http.Header{}
	s.signUp(b, dana, "/")
	b.header = http.Header{"Sec-Fetch-Mode": {"cors"}}
	p = b.get("/api/accounts")
	if p.StatusCode != 401 || !strings.Contains(p.body, `"insufficient_user_authentication"`) ||
		!strings.Contains(p.body, `"missing":["sms_code","otp"]`) || !strings.Contains(p.body, "/.auth/step-up?need=") {
		t.Errorf("signed in: %d %s", p.StatusCode, p.body)
	}
}

func TestAFormFromAnOldBrowserIsAnsweredWithAPageThatLeadsToTheMissingProof(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("require otp sms within 5m on /api/*"))
	b := s.browser(t)
	send := func(header http.Header) *page {
		r := b.request("POST", "/api/pay", strings.NewReader("to=3"))
		r.Header = http.Header{"Accept": {"text/html"}, "Origin": {"http://localhost"}, "Referer": {"http://localhost/form"}}
		maps.Copy(r.Header, header)
		return b.do(r)
	}
	p := send(nil)
	if p.StatusCode != 401 || p.Header.Get("WWW-Authenticate") == "" || !strings.Contains(p.body, "<h1>Sign in to see this page</h1>") ||
		!strings.Contains(p.body, `lost=1&amp;need=`) || !strings.Contains(p.body, "Nothing was sent") || !strings.Contains(p.body, "return_to=%2Fform") {
		t.Errorf("signed out: %d %s", p.StatusCode, p.body)
	}
	for name, header := range map[string]http.Header{
		"a script of old": {"X-Requested-With": {"XMLHttpRequest"}},
		"an API client":   {"Accept": {"*/*"}},
		"fetch":           {"Sec-Fetch-Mode": {"cors"}},
	} {
		if p := send(header); p.StatusCode != 401 || p.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", name, p.StatusCode, p.body)
		}
	}
	s.signUp(b, dana, "/")
	if p := send(nil); p.StatusCode != 401 || !strings.Contains(p.body, "<h1>Confirm it’s you</h1>") || !strings.Contains(p.body, `href="/.auth/step-up?`) {
		t.Errorf("signed in: %d %s", p.StatusCode, p.body)
	}
}

func TestOnlyNavigationsAreSentToAPage(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	for _, c := range []struct {
		name   string
		method string
		header http.Header
		want   int
	}{
		{"a navigation", "GET", http.Header{"Sec-Fetch-Mode": {"navigate"}}, 303},
		{"a form", "POST", http.Header{"Sec-Fetch-Mode": {"navigate"}, "Content-Type": {"application/x-www-form-urlencoded"}}, 303},
		{"an old browser", "GET", http.Header{"Sec-Fetch-Mode": nil, "Accept": {"text/html"}}, 303},
		{"an old browser's form", "POST", http.Header{"Sec-Fetch-Mode": nil, "Accept": {"text/html"}}, 401},
		{"fetch", "GET", http.Header{"Sec-Fetch-Mode": {"cors"}}, 401},
		{"an image", "GET", http.Header{"Sec-Fetch-Mode": {"no-cors"}, "Sec-Fetch-Dest": {"image"}}, 401},
		{"a websocket", "GET", http.Header{"Sec-Fetch-Mode": {"websocket"}, "Connection": {"Upgrade"}, "Upgrade": {"websocket"}}, 401},
		{"a script of old", "GET", http.Header{"Sec-Fetch-Mode": nil, "Accept": {"text/html"}, "X-Requested-With": {"XMLHttpRequest"}}, 401},
		{"an API client", "GET", http.Header{"Sec-Fetch-Mode": nil, "Accept": {"*/*"}}, 401},
		{"a preflight", "OPTIONS", http.Header{"Sec-Fetch-Mode": {"cors"}}, 401},
	} {
		b := s.browser(t)
		b.header = c.header
		if p := b.do(b.request(c.method, "/x", nil)); p.StatusCode != c.want || strings.Contains(p.body, "app path") {
			t.Errorf("%s: %d, want %d", c.name, p.StatusCode, c.want)
		}
	}
}

func TestAFormThatIsStoppedLeadsBackToItsPageWithWhatItNeeds(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("require otp sms on @bulk {\nforms drop\n}"))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	b.header.Set("Referer", "http://localhost/export?page=2")
	p := b.post("/export", url.Values{"all": {"1"}})
	u, err := url.Parse(p.location)
	if err != nil || p.StatusCode != 303 || u.Path != "/.auth/step-up" || u.Query().Get("return_to") != "/export?page=2" ||
		u.Query().Get("need") != "session + sms_code + otp" || u.Query().Get("lost") != "1" {
		t.Fatalf("%d to %q", p.StatusCode, p.location)
	}
	// GET /export itself needs only a session: without the need, there would be no way on.
	p = b.here(b.here(p, url.Values{}), url.Values{"tel": {danaPhone}})
	p = b.here(p, url.Values{"code": {s.message(t, danaPhone).Code}})
	if p.location != "/export?page=2" {
		t.Fatalf("after the step-up: %d to %q", p.StatusCode, p.location)
	}
	if p := b.post("/export", url.Values{"all": {"1"}}); p.StatusCode != 200 {
		t.Errorf("the form after the step-up: %d", p.StatusCode)
	}
	b.header.Set("Referer", "https://evil.example/x")
	s.clock.advance(61 * time.Minute)
	if p := b.post("/export", url.Values{}); p.StatusCode != 303 || strings.Contains(p.location, "return_to") {
		t.Errorf("a foreign referrer says where people are sent: %d to %q", p.StatusCode, p.location)
	}
}

func TestWhatTheClientClaimsIsGoneBeforeTheApplicationLooks(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("public on /open/*", "inject {\nid_token X-Id-Token\nheader Remote-User {http.auth.user.email}\n}"))
	b := s.browser(t)
	b.header = http.Header{
		"X-Id-Token": {"forged"}, "x_id_token": {"forged"}, "X-Access-Token": {"forged"}, "Remote-User": {"root"},
		"REMOTE_USER": {"root"}, "Authorization": {"Basic forged"}, "Connection": {"X-Id-Token, Remote-User"},
	}
	if p := b.get("/open/x"); p.StatusCode != 200 || strings.Contains(p.body, "forged") || strings.Contains(p.body, "root") {
		t.Errorf("anonymous: %d %s", p.StatusCode, p.body)
	}
	s.signUp(b, dana, "/")
	if p := b.get("/x"); p.StatusCode != 200 || strings.Contains(p.body, "forged") || !strings.Contains(p.body, "remote=dana@example.com") {
		t.Errorf("signed in: %d %s", p.StatusCode, p.body)
	}
}

func TestOnlyTokensAreWrittenAsBearer(t *testing.T) {
	t.Parallel()
	for inject, want := range map[string]string{
		`access_token Authorization`: "Bearer ey", `header Authorization "Basic {http.auth.user.email}"`: "Basic dana@example.com",
	} {
		s := newSite(t, strings.Replace(payrollSite("inject {\n"+inject+"\n}"), `respond "`, `respond "authorization={http.request.header.Authorization} `, 1))
		b := s.browser(t)
		s.signUp(b, dana, "/")
		if p := b.get("/"); !strings.Contains(p.body, "authorization="+want) {
			t.Errorf("%s: %s", inject, p.body)
		}
	}
}

func TestInTheLastInstantOfASessionOnlyPublicPagesAreOpen(t *testing.T) {
	t.Parallel()
	globals := strings.Replace(testGlobals, "store memory", "store memory\n\t\tsession {\n\t\t\tidle 5m\n\t\t\tabsolute 5m\n\t\t}", 1)
	s := newSite(t, globals+payrollSite("public on /open/*", "inject {\nid_token X-Id-Token\nheader Remote-User {http.auth.user.email}\n}"))
	b := s.browser(t)
	s.clock.advance(700 * time.Millisecond)
	s.signUp(b, dana, "/")
	s.clock.advance(5*time.Minute - 200*time.Millisecond) // no whole second is left for a token
	if p := b.get("/open/x"); p.StatusCode != 200 || !strings.Contains(p.body, "user= id=") || !strings.Contains(p.body, "remote=") || strings.Contains(p.body, "dana") {
		t.Errorf("public: %d %s", p.StatusCode, p.body)
	}
	if p := b.get("/x"); p.StatusCode != 303 {
		t.Errorf("protected: %d", p.StatusCode)
	}
}

func TestAPathThatTwoServersReadDifferentlyIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("public on *"))
	b := s.browser(t)
	for _, path := range []string{
		"/admin/../public", "/admin/%2e%2e/x", "/x%2fadmin", "/x;a=b/admin", "/a%5cb", "/%2561dmin", "/x%00", "/admin.", "//admin", "/..;/admin",
	} {
		r := b.request("GET", "/x", nil)
		r.URL.Opaque = path
		p := b.do(r)
		if p.StatusCode != 400 || strings.Contains(p.body, "app path") {
			t.Errorf("%s: %d", path, p.StatusCode)
		}
	}
}

func TestWhereLeniencyAllowsReadingsTheStrictestIsJudged(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("public on *", "deny on /admin/*", "lenient_paths semicolon encoded_slash"))
	b := s.browser(t)
	for path, want := range map[string]int{
		"/x;v=1/page": 200, "/x;v=1/admin": 200, "/admin;v=1/page": 403, "/admin%2fpage": 403, "/docs%2fpage": 200,
	} {
		r := b.request("GET", "/x", nil)
		r.URL.Opaque = path
		if p := b.do(r); p.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, p.StatusCode, want)
		}
	}
}

func TestARewriteBeforeTheGatewayIsJudgedByWhereItLeads(t *testing.T) {
	t.Parallel()
	s := newSite(t, strings.Replace(payrollSite("require otp sms within 5m on /admin/*"), "stepgate {", "rewrite /short /admin/x\n\tstepgate {", 1))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	p := b.get("/short?q=1")
	if p.StatusCode != 303 || !strings.HasPrefix(p.location, "/.auth/step-up?need=") || !strings.Contains(p.location, "return_to=%2Fshort%3Fq%3D1") {
		t.Fatalf("%d to %q", p.StatusCode, p.location)
	}
	p = b.here(b.here(p, url.Values{}), url.Values{"tel": {danaPhone}})
	p = b.here(p, url.Values{"code": {s.message(t, danaPhone).Code}})
	if p = b.follow(p); p.StatusCode != 200 {
		t.Fatalf("after the step-up: %d to %q", p.StatusCode, p.location)
	}
}

func TestAHostThatIsNoneOfTheSitesReachesNothingNotEvenByErrorRoutes(t *testing.T) {
	t.Parallel()
	s := newSite(t, `:80 {
	@broken expression `+"`double({http.request.header.X-Score}) > 1.0`"+`
	stepgate {
		origin http://localhost http://127.0.0.1
		deny on @broken
	}
	respond "app user={http.request.header.Remote-User}"
	handle_errors {
		respond "errors user={http.request.header.Remote-User}"
	}
}`)
	for host, want := range map[string]int{"nobody.example": 421, "localhost": 500} {
		r := s.browser(t).request("GET", "/x", nil)
		r.Host = host
		r.Header.Set("Remote-User", "admin")
		if p := s.browser(t).do(r); p.StatusCode != want || strings.Contains(p.body, "user=") {
			t.Errorf("%s: %d %s", host, p.StatusCode, p.body)
		}
	}
}

func TestARuleOnARewrittenQueryStillHasAWayOn(t *testing.T) {
	t.Parallel()
	text := strings.Replace(payrollSite("require otp sms on @high"), "@bulk {", "@high query level=high\n\t@bulk {", 1)
	s := newSite(t, strings.Replace(text, "stepgate {", "uri query level high\n\tstepgate {", 1))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	p := b.get("/x")
	if !strings.Contains(p.location, "need=session+%2B+sms_code+%2B+otp") || !strings.Contains(p.location, "return_to=%2Fx") {
		t.Fatalf("%d to %q", p.StatusCode, p.location)
	}
	if p = b.follow(p); p.StatusCode != 200 {
		t.Fatalf("the step-up page: %d to %q", p.StatusCode, p.location)
	}
}

func TestAWarmSessionCostsNoSignature(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	b := s.browser(t)
	s.signUp(b, dana, "/")
	b.get("/")
	ring := s.app.live.Load().rt.ring
	before := ring.Signatures()
	for range 100 {
		if p := b.get("/"); p.StatusCode != 200 {
			t.Fatal(p.StatusCode)
		}
	}
	if n := ring.Signatures() - before; n != 0 {
		t.Errorf("a hundred warm requests made %d signatures", n)
	}
	s.clock.advance(2*time.Minute + 31*time.Second) // half of a token's life
	b.get("/")
	if n := ring.Signatures() - before; n != 2 {
		t.Errorf("after half their life %d tokens were made, want 2", n)
	}
}

func TestTokensForOtherAudiencesAreNotTakenForOurs(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	b := s.browser(t)
	s.signUp(b, dana, "/")
	before := b.get("/").body
	site := s.handlers[0].sites[0] // as a reload would leave it, with the session still warm
	site.audiences = []string{"https://other.example"}
	site.mintedFor += "\x00https://other.example"
	if after := b.get("/").body; after == before {
		t.Error("an access token for another audience was passed on")
	}
}

func TestNoPlaceholderBreaksAHeaderInTwo(t *testing.T) {
	t.Parallel()
	s := newSite(t, strings.Replace(payrollSite("inject {\nheader X-Q {http.request.uri.query.q}\n}"), `respond "`, `respond "q=[{http.request.header.X-Q}] `, 1))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	for query, want := range map[string]string{"a%20b": "q=[a b]", "a%0d%0aRemote-User:%20root": "q=[]", "a%00b": "q=[]", "%7benv.HOME%7d": "q=[{env.HOME}]"} {
		if p := b.get("/?q=" + query); !strings.Contains(p.body, want) {
			t.Errorf("%s: %s", query, p.body)
		}
	}
}

func TestACookieOfOurNameFromElsewhereIsWorthNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	b := s.browser(t)
	s.signUp(b, dana, "/")
	r := b.request("GET", "/", nil)
	r.Header.Set("Cookie", "stepgate=planted")
	if p := b.do(r); p.StatusCode != 303 { // the jar adds the real one: two of one name
		t.Errorf("two cookies of our name: %d", p.StatusCode)
	}
	for _, cookie := range []string{"stepgate=", "stepgate=x", "stepgate=" + strings.Repeat("A", 160), "stepgate=%00", `stepgate="x"`} {
		r := s.browser(t).request("GET", "/", nil)
		r.Header.Set("Cookie", cookie)
		if p := s.browser(t).do(r); p.StatusCode != 303 {
			t.Errorf("%s: %d", cookie, p.StatusCode)
		}
	}
}

func TestTwentyRulesWithReasonsJoinToTheStrictest(t *testing.T) {
	t.Parallel()
	var lines []string
	for i := range 20 {
		lines = append(lines, fmt.Sprintf("require session within %dm on /a/*", 60-i))
	}
	s := newSite(t, payrollSite(append(lines, "public on /a/*")...))
	b := s.browser(t)
	if p := b.get("/a/x"); p.StatusCode != 303 {
		t.Fatalf("public opened what twenty rules require something of: %d", p.StatusCode)
	}
	s.signUp(b, dana, "/")
	s.clock.advance(41 * time.Minute)
	if p := b.get("/a/x"); p.StatusCode != 200 {
		t.Errorf("at 41 minutes: %d", p.StatusCode)
	}
	s.clock.advance(time.Minute)
	if p := b.get("/a/x"); p.StatusCode != 303 {
		t.Errorf("at 42 minutes: %d", p.StatusCode)
	}
}
