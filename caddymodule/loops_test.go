package caddymodule

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// pickyJar keeps and shows only some cookies.
type pickyJar struct {
	http.CookieJar
	keeps func(name string) bool
	shows func(path string) bool
}

func (j pickyJar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	var kept []*http.Cookie
	for _, c := range cookies {
		if j.keeps == nil || j.keeps(c.Name) {
			kept = append(kept, c)
		}
	}
	j.CookieJar.SetCookies(u, kept)
}

func (j pickyJar) Cookies(u *url.URL) []*http.Cookie {
	if j.shows != nil && !j.shows(u.Path) {
		return nil
	}
	return j.CookieJar.Cookies(u)
}

func noSession(name string) bool { return !strings.HasSuffix(name, "stepgate") }

// changed has every request of the browser changed on its way.
func (b *browser) changed(change func(*http.Request)) {
	next := b.client.Transport.(handlerTransport)
	b.client.Transport = handlerTransport{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		change(r)
		next.ServeHTTP(w, r)
	})}
}

// on goes where an answer leads, with the id of the decision that other tests do not look
// at: bounces are linked by it.
func (b *browser) on(p *page) *page {
	b.t.Helper()
	return b.follow(p.whole())
}

func (p *page) whole() *page {
	p.location = p.Header.Get("Location")
	return p
}

// onFor goes on for as long as it is sent on, at most so often, without doing anything.
func (b *browser) onFor(p *page, most int) (_ *page, hops int) {
	b.t.Helper()
	for hops < most && p.StatusCode == http.StatusSeeOther {
		p = b.on(p)
		hops++
	}
	return p, hops
}

// signInFrom goes on from the sign-in page to which an answer leads, with a code by mail,
// and returns the answer that leads home.
func (s *testSite) signInFrom(b *browser, p *page, email string) *page {
	b.t.Helper()
	s.clock.advance(31 * time.Second)
	p = b.here(p.whole(), url.Values{"email": {email}})
	return b.here(p.whole(), url.Values{"code": {s.message(b.t, email).Code}})
}

// isLoop checks the page that names a cause.
func (p *page) isLoop(t *testing.T, cause string, words ...string) {
	t.Helper()
	if p.StatusCode != http.StatusConflict || !strings.Contains(p.body, `data-page="loop"`) || p.location != "" {
		t.Fatalf("no page about %s: %d to %q\n%s", cause, p.StatusCode, p.location, p.body)
	}
	if p.decision == "" || !strings.Contains(p.body, "Reference:") || p.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("decision %q, headers %v\n%s", p.decision, p.Header, p.body)
	}
	for _, text := range words {
		if !strings.Contains(p.body, text) {
			t.Errorf("%s: no %q in\n%s", cause, text, p.body)
		}
	}
}

var warned = regexp.MustCompile(`"level":"warn"[^\n]*sent in circles[^\n]*`)

// warnedOnce checks that the log tells of one loop, by its decision and cause.
func (s *testSite) warnedOnce(t *testing.T, decision, cause string) {
	t.Helper()
	lines := warned.FindAllString(s.logs.String(), -1)
	if len(lines) != 1 || !strings.Contains(lines[0], `"decision":"`+decision+`"`) || !strings.Contains(lines[0], `"cause":"`+cause+`"`) {
		t.Errorf("the log tells of %d loops: %s", len(lines), lines)
	}
}

// Signed in three times and still asked: the cookie is lost, and the page says what may
// have lost it, by what can be seen of the request.
func TestASessionCookieThatIsLostIsExplainedAtTheThirdBounce(t *testing.T) {
	t.Parallel()
	public := strings.Replace(payrollSite(), "http://localhost {", "https://localhost {", 1)
	proxied := strings.Replace(testGlobals, "\tstepgate {", "\tservers {\n\t\ttrusted_proxies static 127.0.0.0/8\n\t\ttrusted_proxies_strict\n\t}\n\tstepgate {", 1)
	anyHost := strings.NewReplacer("http://localhost {", ":443 {", "name Payroll", "name Payroll\n\t\torigin https://localhost").Replace(payrollSite())
	overTLS := func(r *http.Request) { r.TLS = new(tls.ConnectionState) }
	for name, c := range map[string]struct {
		site, origin string
		change       func(*http.Request)
		cause        string
		words        []string
	}{
		"the browser keeps none":    {payrollSite(), "", nil, "cookie", []string{"Allow cookies for", "localhost"}},
		"over https":                {public, "", overTLS, "cookie", []string{"Allow cookies for"}},
		"at the site's own port":    {public, "https://localhost:443", overTLS, "cookie", nil},
		"plain http to a https one": {public, "", nil, "http", []string{`<a href="https://localhost/report?x=1">`, "trusted_proxies"}},
		"a proxy that is not trusted": {public, "", func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") }, "http",
			[]string{"trusted_proxies"}},
		"a proxy that is trusted": {proxied + public, "", func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") }, "cookie",
			[]string{"Allow cookies for"}},
		"another host": {anyHost, "https://10.0.0.5", overTLS, "host", []string{"10.0.0.5", `<a href="https://localhost/report?x=1">`}},
		"another host in a header that anybody sends": {anyHost, "", func(r *http.Request) {
			overTLS(r)
			r.Header.Set("X-Forwarded-Host", "evil.example")
		}, "cookie", nil},
		"another host by a proxy that is trusted": {proxied + public, "", func(r *http.Request) {
			r.Header.Set("X-Forwarded-Proto", "https")
			r.Header.Set("X-Forwarded-Host", "other.example, localhost")
		}, "host", []string{"other.example"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, c.site)
			b := s.browser(t)
			s.signUp(s.browser(t), dana, "/")
			if c.origin != "" {
				b.origin = c.origin
			}
			b.client.Jar = pickyJar{CookieJar: b.client.Jar, keeps: noSession}
			if c.change != nil {
				b.changed(c.change)
			}
			p := b.get("/report?x=1")
			for range 3 {
				if p.StatusCode != http.StatusSeeOther || !strings.HasPrefix(p.location, "/.auth/sign-in") {
					t.Fatalf("not sent to sign in: %d to %q\n%s", p.StatusCode, p.location, p.body)
				}
				p = b.on(s.signInFrom(b, p, dana))
			}
			p.isLoop(t, c.cause, c.words...)
			s.warnedOnce(t, p.decision, c.cause)
			if strings.Contains(p.body, "evil.example") || strings.Contains(p.body, "Sign out") {
				t.Errorf("%s", p.body)
			}
			// "Try again" works: the count begins again.
			if p = b.get("/report?x=1"); p.StatusCode != http.StatusSeeOther {
				t.Errorf("trying again: %d", p.StatusCode)
			}
		})
	}
}

// Browsers that are at another address, without encryption, send forms that are refused,
// and would begin again for ever.
func TestAFormFromAnotherAddressIsAnsweredWithTheRightOne(t *testing.T) {
	t.Parallel()
	s := newSite(t, strings.NewReplacer("http://localhost {", ":443 {", "name Payroll", "name Payroll\n\t\torigin https://localhost").Replace(payrollSite()))
	for origin, want := range map[string]string{"http://10.0.0.5:8080": "You’re at", "http://localhost": "without encryption (http)"} {
		b := s.browser(t)
		b.origin = origin
		b.header = http.Header{"Sec-Fetch-Mode": nil, "Sec-Fetch-Site": nil, "Sec-Fetch-Dest": nil} // which browsers send to safe places only
		p := b.post("/.auth/sign-in?return_to=%2Freport", url.Values{"email": {dana}})
		if p.StatusCode != http.StatusForbidden || !strings.Contains(p.body, want) || !strings.Contains(p.body, `<a href="https://localhost/report">`) {
			t.Errorf("%s: %d\n%s", origin, p.StatusCode, p.body)
		}
	}
	b := s.browser(t)
	b.header.Set("Sec-Fetch-Site", "cross-site")
	b.changed(func(r *http.Request) { r.TLS = new(tls.ConnectionState) })
	if p := b.post("/.auth/sign-in", url.Values{"email": {dana}}); p.StatusCode != http.StatusForbidden || strings.Contains(p.body, "https://localhost") {
		t.Errorf("from another site: %d\n%s", p.StatusCode, p.body)
	}
}

func TestACookieThatComesBackAndIsWorthNothingIsAnotherCause(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	b := s.browser(t)
	p := s.signUp(b, dana, "/report")
	for range 2 {
		s.endSessions(t, dana)
		p = s.signInFrom(b, b.on(p), dana) // at the application, with a cookie that is worth nothing
	}
	s.endSessions(t, dana)
	p = b.on(p)
	p.isLoop(t, "session", "isn’t recognised here", "share store and secret")
	s.warnedOnce(t, p.decision, "session")
}

// endSessions ends the sessions of an account as if another server had done it.
func (s *testSite) endSessions(t *testing.T, email string) {
	t.Helper()
	engine := s.app.live.Load().engine
	account, err := engine.Account(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.EndSessions(t.Context(), account.ID, ""); err != nil {
		t.Fatal(err)
	}
}

// Somebody who is sent to the page for a kept form, and is not signed in there, has no
// redirect of the gateway's on the way round.
func TestAKeptFormThatLeadsBackToSigningInIsExplained(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	s.signUp(s.browser(t), dana, "/")
	b := s.browser(t)
	b.client.Jar = pickyJar{CookieJar: b.client.Jar, keeps: noSession}
	b.get("/.auth/sign-in")
	s.signInFrom(b, b.get("/report"), dana) // gives the browser its own cookie
	s.clock.advance(time.Hour)
	p := b.sends("/report", urlencoded, "a=1")
	if p.held() == "" {
		t.Fatalf("the form is not kept: %d to %q", p.StatusCode, p.location)
	}
	for range 3 {
		p = b.on(s.signInFrom(b, p, dana))
	}
	p.isLoop(t, "cookie", `<a class="btn" href="/form?page=2">Try again</a>`)
}

// Two servers whose clocks do not agree, or one whose clock is set back: what was proved a
// moment ago is yet to come.
func TestAProofFromTheFutureIsExplained(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("require otp sms within 15m on /admin /admin/*"))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	p := b.get("/admin/x")
	p = b.here(b.here(p.whole(), url.Values{}).whole(), url.Values{"tel": {danaPhone}})
	for range 2 {
		p = b.here(p.whole(), url.Values{"code": {s.message(t, danaPhone).Code}})
		s.clock.advance(-time.Second)
		if p = b.on(p); !strings.HasPrefix(p.location, "/.auth/step-up") {
			t.Fatalf("%d to %q\n%s", p.StatusCode, p.location, p.body)
		}
		p = b.here(p.whole(), url.Values{"way": {"sms_code"}})
	}
	p = b.here(p.whole(), url.Values{"code": {s.message(t, danaPhone).Code}})
	s.clock.advance(-time.Second)
	p = b.on(p)
	p.isLoop(t, "clock", "lies in the future", dana[:4], "Sign out")
	s.warnedOnce(t, p.decision, "clock")
}

// The page finds nothing to do, and the request asks for more: for a header that only the
// request has.
func TestRulesThatAskAgainAreNamedByWhatTheyAskFor(t *testing.T) {
	t.Parallel()
	s, b := oddSite(t)
	p, hops := b.onFor(b.get("/report"), 20)
	if hops != 6 { // to the page and back, three times
		t.Errorf("sent on %d times", hops)
	}
	p.isLoop(t, "rules", "ask again, for a code by text message.", "signed in as", "Sign out", `<a class="btn" href="/report">Try again</a>`)
	s.warnedOnce(t, p.decision, "rules")
	if strings.Contains(p.body, "odd") {
		t.Errorf("a rule is told:\n%s", p.body)
	}
	if p = b.get("/report"); p.StatusCode != http.StatusSeeOther || p.decision == "" {
		t.Errorf("trying again: %d", p.StatusCode)
	}
	if n := len(warned.FindAllString(s.logs.String(), -1)); n != 1 {
		t.Errorf("warned %d times", n)
	}
}

// Where something takes all cookies away on the way to the application, there is only how
// a browser looks to know it by.
func TestWhoeverLosesAllCookiesIsStillCounted(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	b := s.browser(t)
	s.signUp(b, dana, "/")
	b.client.Jar = pickyJar{CookieJar: b.client.Jar, shows: func(path string) bool { return strings.HasPrefix(path, "/.auth") }}
	b.header.Set("Sec-Fetch-Site", "none") // as when the address was typed
	p, _ := b.onFor(b.get("/report"), 20)
	p.isLoop(t, "cookie")
}

func TestReloadingIsNoLoop(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("require otp sms within 15m on /admin /admin/*"))
	b := s.browser(t)
	for i := range 10 {
		if p := b.get("/report"); p.StatusCode != http.StatusSeeOther {
			t.Fatalf("reload %d: %d", i, p.StatusCode)
		}
	}
	s.signUp(b, dana, "/admin/x")
	for i := range 10 {
		p := b.get("/admin/x")
		if p.StatusCode != http.StatusSeeOther {
			t.Fatalf("reload %d, signed in: %d", i, p.StatusCode)
		}
		if i%2 == 0 { // looks at the page and comes back
			b.on(p)
		}
	}
}

// On the way to the third bounce: whoever does not come at once, where they were sent and
// as they were sent, has done something else.
func TestOnlyWhoeverIsChallengedWhereTheyWereJustSentBounces(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		come func(s *testSite, b *browser, home *page) *page
		want int
	}{
		"at once":   {func(s *testSite, b *browser, home *page) *page { return b.on(home) }, 409},
		"soon":      {func(s *testSite, b *browser, home *page) *page { s.clock.advance(landing - 1); return b.on(home) }, 409},
		"later":     {func(s *testSite, b *browser, home *page) *page { s.clock.advance(landing); return b.on(home) }, 303},
		"elsewhere": {func(s *testSite, b *browser, home *page) *page { return b.get("/other") }, 303},
		"with a form": {func(s *testSite, b *browser, home *page) *page {
			return b.post("/report", url.Values{"a": {"1"}})
		}, 303},
		"as a script": {func(s *testSite, b *browser, home *page) *page {
			b.header.Set("Sec-Fetch-Mode", "cors")
			return b.get("/report")
		}, 401},
		"in another browser": {func(s *testSite, b *browser, home *page) *page {
			other := s.browser(b.t)
			s.signUp(other, "ed@example.com", "/")
			other.changed(isOdd)
			return other.get("/report")
		}, 303},
		"in a browser without cookies": {func(s *testSite, b *browser, home *page) *page {
			other := s.browser(b.t)
			other.header.Set("Sec-Fetch-Site", "none")
			return other.get("/report")
		}, 303},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, b := oddSite(t)
			home, hops := b.onFor(b.get("/report"), 5)
			if hops != 5 || home.location != "/report" {
				t.Fatalf("after %d hops: %d to %q", hops, home.StatusCode, home.location)
			}
			if p := c.come(s, b, home); p.StatusCode != c.want {
				t.Errorf("%d to %q, want %d", p.StatusCode, p.location, c.want)
			}
		})
	}
}

func TestWhereAScriptWaitsNobodyIsSentAnywhere(t *testing.T) {
	t.Parallel()
	s, b := oddSite(t)
	p, hops := b.onFor(b.get("/report"), 4)
	if hops != 4 || !strings.HasPrefix(p.location, "/.auth/step-up?") {
		t.Fatalf("after %d hops: %d to %q", hops, p.StatusCode, p.location)
	}
	if p = b.get(p.whole().location + "&window=1"); p.location != "/.auth/done" && !strings.HasPrefix(p.location, "/.auth/done?") {
		t.Fatalf("%d to %q", p.StatusCode, p.location)
	}
	if p = b.get("/report"); p.StatusCode != http.StatusSeeOther {
		t.Errorf("taken for a loop: %d\n%s", p.StatusCode, s.logs)
	}
}

// oddSite asks for more than its pages know of, and somebody is signed in.
func oddSite(t *testing.T) (*testSite, *browser) {
	t.Helper()
	s := newSite(t, strings.Replace(payrollSite("require otp sms within 15m on @odd"), "@bulk {", "@odd header X-Odd 1\n\t@bulk {", 1))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	b.changed(isOdd)
	return s, b
}

func isOdd(r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/.auth") {
		r.Header.Set("X-Odd", "1")
	}
}

// People who share an address, and arrive right after one another was sent home, are not
// one person who goes round.
func TestPeopleWhoShareAnAddressAreNotTakenForOne(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	// Newcomers have no cookie to be told apart by. They come from elsewhere.
	for i := range 5 {
		b := s.browser(t)
		b.header.Set("Sec-Fetch-Site", "none")
		p := b.get("/report")
		if p.StatusCode != http.StatusSeeOther {
			t.Fatalf("newcomer %d: %d", i, p.StatusCode)
		}
		b.header.Del("Sec-Fetch-Site")
		s.signUpFrom(b, p, fmt.Sprintf("newcomer%d@example.com", i))
	}
	// The others have a browser cookie.
	var people []*browser
	for i := range 5 {
		b := s.browser(t)
		s.signUp(b, fmt.Sprintf("somebody%d@example.com", i), "/")
		b.post("/.auth/sign-out", url.Values{})
		people = append(people, b)
	}
	for i, b := range people {
		p := b.get("/report")
		if p.StatusCode != http.StatusSeeOther {
			t.Fatalf("person %d: %d", i, p.StatusCode)
		}
		s.signInFrom(b, p, fmt.Sprintf("somebody%d@example.com", i))
	}
}

// signUpFrom makes an account from the sign-in page to which an answer leads.
func (s *testSite) signUpFrom(b *browser, p *page, email string) *page {
	b.t.Helper()
	p = b.post(strings.Replace(p.whole().location, "/sign-in", "/sign-up", 1), url.Values{"email": {email}})
	p = b.here(p.whole(), url.Values{"code": {s.message(b.t, email).Code}})
	return b.here(p.whole(), url.Values{"do": {"skip"}})
}

// What is asked for each time is asked for again when the page is loaded again.
func TestOpeningAPageOfOneTimeAgainAndAgainIsNoLoop(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("require otp sms within once on /vault"))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	p := b.here(b.get("/vault").whole(), url.Values{})
	p = b.here(p.whole(), url.Values{"tel": {danaPhone}})
	for i := range 4 {
		p = b.here(p.whole(), url.Values{"code": {s.message(t, danaPhone).Code}})
		if p = b.on(p); p.StatusCode != http.StatusOK {
			t.Fatalf("time %d: %d to %q\n%s", i, p.StatusCode, p.location, p.body)
		}
		if p = b.get("/vault"); p.StatusCode != http.StatusSeeOther {
			t.Fatalf("again, time %d: %d", i, p.StatusCode)
		}
		s.clock.advance(time.Second)
		p = b.here(p.whole(), url.Values{"way": {"sms_code"}})
	}
}

func TestWhoeverHasArrivedIsInNoLoopHoweverOftenTheySignIn(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	s.signUp(s.browser(t), dana, "/")
	for i := range 4 { // with a cookie that is dropped each time, on purpose
		b := s.browser(t)
		p := b.get("/report")
		if p.StatusCode != http.StatusSeeOther {
			t.Fatalf("at the %d. time: %d\n%s", i+1, p.StatusCode, p.body)
		}
		q := b.post(p.whole().location, url.Values{"email": {dana}})
		q = b.here(q, url.Values{"code": {s.message(t, dana).Code}})
		if p := b.get(q.location); p.StatusCode != http.StatusOK {
			t.Fatalf("at the %d. time: %d to %q", i+1, p.StatusCode, p.location)
		}
	}
}
