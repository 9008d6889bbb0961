package caddymodule

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stepgate/stepgate/ui"
)

// A pressing is a site at which dana's form to /export waits for the press, everything
// proved.
type pressing struct {
	*testSite
	t    *testing.T
	dana *browser
	at   *page // leads to the page with the button
	id   string
}

func newPressing(t *testing.T, lines ...string) *pressing {
	s := newSite(t, echoSite(append(lines, "require otp sms on @bulk")...))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	p := s.prove(b, b.sends("/export", urlencoded, "secret=canary"))
	if p.held() == "" {
		t.Fatalf("nothing is held: %d to %q", p.StatusCode, p.location)
	}
	return &pressing{s, t, b, p, p.held()}
}

func marker(id string) string { return "stepgate-continue=" + id + "\r\n" }

// waits fails the test unless the form still waits for its owner, who can send it on.
func (p *pressing) waits(name string) {
	p.t.Helper()
	if sent := p.dana.press(p.at); sent.StatusCode != 200 || !strings.HasSuffix(sent.body, "body=secret=canary") {
		p.t.Errorf("%s: the owner's press: %d %s", name, sent.StatusCode, sent.body)
	}
}

func TestNothingButItsOwnersPressSendsAFormOn(t *testing.T) {
	t.Parallel()
	text := ui.ContinueType
	for name, row := range map[string]struct {
		path, contentType, body string
		headers                 []string
		status                  int
		passes                  bool // to the application, as what it is
	}{
		"a tampered id":            {body: marker("AAAAAAAAAAAAAAAAAAAAAA"), status: 410},
		"another case":             {body: "ID", status: 410},
		"another address":          {path: "/export?x=1", status: 410},
		"an address without rules": {path: "/other", status: 410},
		"as a form":                {contentType: urlencoded, status: 200, passes: true},
		"as a form with files":     {contentType: "multipart/form-data; boundary=x", status: 200, passes: true},
		"with more":                {body: "MARKER&x=1", status: 200, passes: true},
		"with another field":       {body: "MARKERstepgate-x=1\r\n", status: 200, passes: true},
		"with other line ends":     {body: "MARKER\n", status: 200, passes: true},
		"from another site":        {headers: []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, status: 200, passes: true},
		"from a sibling":           {headers: []string{"Sec-Fetch-Site", "same-site", "Origin", "http://x.localhost"}, status: 200, passes: true},
		"by a script":              {headers: []string{"Sec-Fetch-Mode", "cors"}, status: 200, passes: true},
		"by a script without CORS": {headers: []string{"Sec-Fetch-Mode", "no-cors"}, status: 200, passes: true},
		"by a browser of old":      {headers: []string{"Sec-Fetch-Mode", "", "Sec-Fetch-Site", ""}, status: 200, passes: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newPressing(t)
			if row.path == "" {
				row.path = "/export"
			}
			if row.contentType == "" {
				row.contentType = text
			}
			switch row.body {
			case "":
				row.body = marker(s.id)
			case "ID":
				row.body = marker(strings.Map(func(r rune) rune {
					if r >= 'a' && r <= 'z' {
						return r - 32
					}
					return r
				}, s.id))
			default:
				row.body = strings.ReplaceAll(row.body, "MARKER", strings.TrimSpace(marker(s.id)))
			}
			p := s.dana.sends(row.path, row.contentType, row.body, row.headers...)
			if p.StatusCode != row.status || strings.Contains(p.body, "canary") {
				t.Errorf("%d, want %d: %s", p.StatusCode, row.status, p.body)
			}
			if passed := strings.HasPrefix(p.body, "app POST"); passed != row.passes || passed && !strings.HasSuffix(p.body, "body="+row.body) {
				t.Errorf("came to the application: %v: %s", passed, p.body)
			}
			s.waits(name)
		})
	}
}

func TestOtherMethodsWithAPressSendNothing(t *testing.T) {
	t.Parallel()
	s := newPressing(t)
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		r := s.dana.request(method, "/export", strings.NewReader(marker(s.id)))
		r.Header.Set("Content-Type", ui.ContinueType)
		if p := s.dana.do(r); strings.Contains(p.body, "canary") {
			t.Errorf("%s sends the form: %s", method, p.body)
		}
	}
	s.waits("afterwards")
}

func TestAFormIsNobodyElsesToSend(t *testing.T) {
	t.Parallel()
	const mallory = "mallory@example.com"
	for name, act := range map[string]func(s *pressing) *browser{
		"another person in another browser": func(s *pressing) *browser {
			b := s.browser(s.t)
			s.signUp(b, mallory, "/")
			return b
		},
		"the owner in another browser": func(s *pressing) *browser {
			b := s.browser(s.t)
			p := b.post("/.auth/sign-in", url.Values{"email": {dana}})
			b.here(p, url.Values{"code": {s.message(s.t, dana).Code}})
			return b
		},
		"the owner's session with another browser's cookie": func(s *pressing) *browser {
			b := s.browser(s.t)
			s.signUp(b, mallory, "/")
			home, _ := url.Parse(s.origin)
			b.client.Jar.SetCookies(home, []*http.Cookie{s.dana.session()})
			return b
		},
		"nobody": func(s *pressing) *browser { return s.browser(s.t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newPressing(t, "public on /export") // @bulk still asks for a phone
			other := act(s)
			for _, p := range []*page{
				other.get("/.auth/continue?held=" + s.id), other.sends("/export", ui.ContinueType, marker(s.id)),
			} {
				if strings.Contains(p.body, "app POST") || strings.Contains(p.body, "secret") || strings.Contains(p.body, dana) || p.StatusCode == 200 {
					t.Errorf("%d to %q: %s", p.StatusCode, p.location, p.body)
				}
			}
			if name != "the owner in another browser" && name != "the owner's session with another browser's cookie" {
				s.waits(name) // a second session of the owner's does not end the first
			}
		})
	}
}

// The next person at the same computer, which has the owner's browser cookie.
func TestTheNextPersonInTheSameBrowserCannotSendWhatTheLastOneTyped(t *testing.T) {
	t.Parallel()
	s := newPressing(t)
	b := s.dana
	b.post("/.auth/sign-out", nil)
	s.signUp(b, "mallory@example.com", "/")
	if p := b.follow(s.at); p.StatusCode != http.StatusGone || strings.Contains(p.body, "secret") || strings.Contains(p.body, "sent on already") {
		t.Errorf("the page: %d %s", p.StatusCode, p.body)
	}
	if p := b.sends("/export", ui.ContinueType, marker(s.id)); strings.Contains(p.body, "canary") || strings.Contains(p.body, "app POST") {
		t.Errorf("the press: %d %s", p.StatusCode, p.body)
	}
}

func TestAPressNeverReachesAnApplicationThatAsksForNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, echoSite("public on *"))
	b := s.browser(t)
	p := b.sends("/save", ui.ContinueType, marker("AAAAAAAAAAAAAAAAAAAAAA"))
	if p.StatusCode != 303 || p.location != "/.auth/sign-in?held=AAAAAAAAAAAAAAAAAAAAAA&return_to=%2Fform%3Fpage%3D2" {
		t.Errorf("anonymous: %d to %q: %s", p.StatusCode, p.location, p.body)
	}
	s.signUp(b, dana, "/")
	if p := b.sends("/save", ui.ContinueType, marker("AAAAAAAAAAAAAAAAAAAAAA")); p.StatusCode != http.StatusGone {
		t.Errorf("signed in: %d %s", p.StatusCode, p.body)
	}
}

// A rule may look at what a form says it is. The press is judged as the form that it
// sends on, and not as itself.
func TestThePressIsJudgedAsTheFormThatItSendsOn(t *testing.T) {
	t.Parallel()
	text := strings.Replace(echoSite("require otp sms on @files"), "stepgate {", `@files header Content-Type multipart/form-data*
	stepgate {`, 1)
	s := newSite(t, text)
	b := s.browser(t)
	s.signUp(b, dana, "/")
	contentType, body := aMultipart(t)
	p := b.sends("/upload", contentType, body)
	if p.held() == "" {
		t.Fatalf("%d to %q", p.StatusCode, p.location)
	}
	if early := b.sends("/upload", ui.ContinueType, marker(p.held())); early.StatusCode != 303 || early.held() != p.held() {
		t.Fatalf("unproved: %d %s", early.StatusCode, early.body)
	}
	if sent := b.press(s.prove(b, p)); sent.StatusCode != 200 || !strings.HasSuffix(sent.body, "body="+body) {
		t.Errorf("%d %s", sent.StatusCode, sent.body)
	}
}

// A client's token speaks for the whole request, whatever cookies come along with it.
func TestARequestWithATokenNeitherHasAFormHeldNorSendsOneOn(t *testing.T) {
	t.Parallel()
	s := newSite(t, echoSite("client "+spa, "require otp sms on @bulk", "require session within 5m on /save"))
	app := s.native(t, spa)
	access := app.tokens(app.signUp(dana, "scope", "openid")).Access
	b := s.browser(t)
	s.signInBy(b, dana)
	s.clock.advance(6 * time.Minute)
	p := b.sends("/save", urlencoded, "secret=canary")
	if p.held() == "" {
		t.Fatalf("%d to %q", p.StatusCode, p.location)
	}
	if other := b.sends("/export", urlencoded, "a=1", "Authorization", "Bearer "+access); other.StatusCode != 401 || s.stored(t, "1/held/") != 1 {
		t.Errorf("a form: %d, %d are held", other.StatusCode, s.stored(t, "1/held/"))
	}
	access = app.tokens(app.signIn(dana, "scope", "openid")).Access
	press := marker(p.held())
	if sent := b.sends("/save", ui.ContinueType, press, "Authorization", "Bearer "+access); sent.StatusCode != 200 || !strings.HasSuffix(sent.body, "body="+press) {
		t.Errorf("a press: %d %s", sent.StatusCode, sent.body)
	}
}

func TestOfTwoPressesAtOnceOneArrives(t *testing.T) {
	t.Parallel()
	s := newPressing(t)
	pages := make(chan *page, 8)
	var wg sync.WaitGroup
	for range cap(pages) {
		wg.Go(func() { pages <- s.dana.sends("/export", ui.ContinueType, marker(s.id)) })
	}
	wg.Wait()
	close(pages)
	arrived := 0
	for p := range pages {
		switch {
		case strings.HasSuffix(p.body, "body=secret=canary"):
			arrived++
		case p.StatusCode != http.StatusGone || strings.Contains(p.body, "canary"):
			t.Errorf("%d %s", p.StatusCode, p.body)
		}
	}
	if arrived != 1 {
		t.Errorf("the form arrived %d times", arrived)
	}
}

func TestALargeFormComesThroughARealServerWhole(t *testing.T) {
	t.Parallel()
	sums := make(chan string, 1)
	app := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			return
		}
		sum := sha256.New()
		n, err := io.Copy(sum, r.Body)
		sums <- fmt.Sprintf("%d %d %x %v %s", n, r.ContentLength, sum.Sum(nil), err, r.Header.Get("Content-Type"))
	}))
	for _, major := range []int{1, 2} {
		s := newLiveSite(t, proxied(app.addr))
		b := s.browser(t)
		b.client.Transport = s.client(t, major).Transport
		s.signUp(b, dana, "/")
		s.clock.advance(61 * time.Minute)
		body := strings.Repeat("0123456789abcdef", 1<<16)
		p := b.sends("/upload", "multipart/form-data; boundary=x", body)
		p = b.here(p, url.Values{"email": {dana}})
		p = b.here(p, url.Values{"code": {s.message(t, dana).Code}})
		b.press(p)
		if got, want := await(t, sums, "the form"), fmt.Sprintf("%d %d %x <nil> multipart/form-data; boundary=x", len(body), len(body), sha256.Sum256([]byte(body))); got != want {
			t.Errorf("HTTP/%d: the application got %s, want %s", major, got, want)
		}
	}
}

func TestWhatIsCutOffIsNeitherHeldNorSentOn(t *testing.T) {
	t.Parallel()
	app := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n, err := io.Copy(io.Discard, r.Body); err == nil && r.Method == http.MethodPost {
			t.Errorf("a body of %d bytes came to its end", n)
		}
	}))
	s := newLiveSite(t, proxied(app.addr, "require otp sms on /export"))
	b := s.browser(t)
	b.client.Transport = s.client(t, 1).Transport
	s.signUp(b, dana, "/")
	home, err := url.Parse(b.origin)
	if err != nil {
		t.Fatal(err)
	}
	cookies := make([]string, 0, 2)
	for _, cookie := range b.client.Jar.Cookies(home) {
		cookies = append(cookies, cookie.Name+"="+cookie.Value)
	}
	for name, row := range map[string]struct{ path, contentType, body string }{
		"a press": {"/x", ui.ContinueType, marker("AAAAAAAAAAAAAAAAAAAAAA")[:20]}, "a text": {"/x", ui.ContinueType, "hello"}, "a form": {"/export", urlencoded, "a=1"},
	} {
		conn := s.dial(t)
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nCookie: %s\r\nOrigin: http://localhost\r\nSec-Fetch-Mode: navigate\r\n"+
			"Sec-Fetch-Site: same-origin\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", row.path, strings.Join(cookies, "; "), row.contentType, ui.ContinueSize, row.body)
		if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil && (response.StatusCode < 300 || strings.Contains(response.Header.Get("Location"), "held=")) {
			t.Errorf("%s that is cut off gets %d to %s", name, response.StatusCode, response.Header.Get("Location"))
		}
	}
	if n := s.stored(t, "1/held"); n != 0 {
		t.Errorf("%d records are left", n)
	}
}
