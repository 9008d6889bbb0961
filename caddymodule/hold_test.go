package caddymodule

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
	"github.com/stepgate/stepgate/ui"
)

func TestAFormThatIsStoppedIsKeptShownAndSentOnByAPress(t *testing.T) {
	t.Parallel()
	multi, multiBody := aMultipart(t)
	for name, form := range map[string]struct{ path, contentType, body string }{
		"urlencoded":       {"/export?a=1&b='x'(%41)|", urlencoded, "to=Ines&amount=12%2C50&n%C3%B6te=gr%C3%BC%C3%9Fe"},
		"with a file":      {"/export", multi, multiBody},
		"without any name": {"/export", urlencoded + "; charset=UTF-8", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, echoSite("require otp sms within 15m on @bulk"))
			b := s.browser(t)
			s.signUp(b, dana, "/")
			p := b.sends(form.path, form.contentType, form.body)
			if p.held() == "" || !strings.HasPrefix(p.location, "/.auth/step-up?") || strings.Contains(p.location, "lost=") || !strings.Contains(p.location, "return_to=%2Fform%3Fpage%3D2") {
				t.Fatalf("%d to %q", p.StatusCode, p.location)
			}
			if step := b.follow(p); !strings.Contains(step.body, "is kept for up to 10 minutes") {
				t.Errorf("nobody says that it is kept:\n%s", step.body)
			}
			p = s.prove(b, p)
			if !strings.HasPrefix(p.location, "/.auth/continue?") {
				t.Fatalf("after the proof: %d to %q", p.StatusCode, p.location)
			}
			for range 3 { // looking sends nothing, and takes nothing away
				page := b.follow(p)
				if page.StatusCode != 200 || strings.Contains(page.body, "Ines") || strings.Contains(page.body, "scan.pdf") || !strings.Contains(page.body, `href="/form?page=2"`) {
					t.Fatalf("%d\n%s", page.StatusCode, page.body)
				}
			}
			held := p.held()
			want := "app POST " + form.path + " type=" + form.contentType + " length=" + strconv.Itoa(len(form.body)) +
				" referer=http://localhost/form?page=2 user=" + dana + " body=" + form.body
			if sent := b.press(p); sent.StatusCode != 200 || sent.body != want {
				t.Fatalf("%d\n got %q\nwant %q", sent.StatusCode, sent.body, want)
			}
			again := b.sends(form.path, ui.ContinueType, "stepgate-continue="+held+"\r\n")
			if again.StatusCode != http.StatusGone || strings.Contains(again.body, "app POST") || !strings.Contains(again.body, "sent on already") || !strings.Contains(again.body, `href="/form?page=2"`) {
				t.Errorf("a reload: %d %s", again.StatusCode, again.body)
			}
			if page := b.follow(p); page.StatusCode != http.StatusGone || !strings.Contains(page.body, "sent on already") || !strings.Contains(page.body, `href="/form?page=2"`) {
				t.Errorf("going back to the page: %d %s", page.StatusCode, page.body)
			}
		})
	}
}

func TestPeopleAreToldWhatTheFormDoesAndNotWhereItsPageIs(t *testing.T) {
	t.Parallel()
	s := newSite(t, echoSite("sensitivity export @bulk {\nlabel \"The <yearly> export\"\n}", "sensitivity pages /form {\nlabel \"A form\"\n}",
		"require otp sms within 15m on export", "require session on pages"))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	b.press(s.prove(b, b.sends("/export", urlencoded, "a=1")))
	s.clock.advance(20 * time.Minute)
	p := b.sends("/export", urlencoded, "a=1")
	at := []*page{b.follow(p)}
	at = append(at, b.follow(s.prove(b, p)))
	for _, page := range at {
		if !strings.Contains(page.body, "The &lt;yearly&gt; export") || strings.Contains(page.body, "A form") {
			t.Errorf("the page says:\n%s", page.body)
		}
	}
}

func TestAFormIsKeptWhereTheSessionEndedWhileItWasFilledIn(t *testing.T) {
	t.Parallel()
	s := newSite(t, echoSite())
	b := s.browser(t)
	s.signUp(b, dana, "/")
	s.clock.advance(61 * time.Minute)
	p := b.sends("/save", urlencoded, "text=long")
	if p.held() == "" || !strings.HasPrefix(p.location, "/.auth/sign-in?") {
		t.Fatalf("%d to %q", p.StatusCode, p.location)
	}
	if page := b.follow(p); !strings.Contains(page.body, "is kept") || !strings.Contains(page.body, "Your session has ended") {
		t.Errorf("the sign-in page:\n%s", page.body)
	}
	p = b.here(p, url.Values{"email": {dana}})
	p = b.here(p, url.Values{"code": {s.message(t, dana).Code}})
	if sent := b.press(p); sent.StatusCode != 200 || !strings.HasSuffix(sent.body, "body=text=long") {
		t.Errorf("%d %s", sent.StatusCode, sent.body)
	}
}

func TestAPermitForOneRequestOpensTheFormThatWasHeldForIt(t *testing.T) {
	t.Parallel()
	s := newSite(t, echoSite("require otp sms within once on /pay", "require otp sms within 5m on /pay"))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	p := s.prove(b, b.sends("/pay?to=3", urlencoded, "amount=1"))
	if sent := b.press(p); sent.StatusCode != 200 || !strings.HasSuffix(sent.body, "body=amount=1") {
		t.Fatalf("%d to %q: %s", sent.StatusCode, sent.location, sent.body)
	}
	p = b.sends("/pay?to=3", urlencoded, "amount=2")
	if p.held() == "" {
		t.Fatalf("the permit opens two requests: %d", p.StatusCode)
	}
	p = s.prove(b, p)
	s.clock.advance(6 * time.Minute) // the proof is too old, the form is not
	late := b.press(p)
	if late.StatusCode != 303 || late.held() != p.held() || !strings.HasPrefix(late.location, "/.auth/step-up?") {
		t.Fatalf("a late press: %d to %q", late.StatusCode, late.location)
	}
	if sent := b.press(s.prove(b, late)); sent.StatusCode != 200 || !strings.HasSuffix(sent.body, "body=amount=2") {
		t.Errorf("%d: %s", sent.StatusCode, sent.body)
	}
}

func TestAPressThatOwesProofAgainKeepsTheFormForNoLonger(t *testing.T) {
	t.Parallel()
	s := newSite(t, echoSite("require otp sms within 5m on @bulk"))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	p := s.prove(b, b.sends("/export", urlencoded, "a=1"))
	s.clock.advance(6 * time.Minute)
	again := b.press(p)
	if again.held() != p.held() || strings.Contains(again.location, "lost=") || !strings.Contains(again.location, "return_to=%2Fform%3Fpage%3D2") {
		t.Fatalf("%d to %q", again.StatusCode, again.location)
	}
	if n := s.stored(t, "1/held/"); n != 1 {
		t.Errorf("%d forms are held", n)
	}
	again = s.prove(b, again)
	s.clock.advance(4*time.Minute + time.Second)
	page := b.follow(again)
	if page.StatusCode != http.StatusGone || !strings.Contains(page.body, "no longer kept") || !strings.Contains(page.body, `href="/form?page=2"`) {
		t.Errorf("%d %s", page.StatusCode, page.body)
	}
	gone := b.sends("/export", ui.ContinueType, "stepgate-continue="+p.held()+"\r\n")
	if gone.StatusCode != http.StatusGone || strings.Contains(gone.body, "app POST") {
		t.Errorf("%d %s", gone.StatusCode, gone.body)
	}
}

func TestWhatIsNotAPersonsOwnFormIsNotHeld(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("a=1&", flows.MaxHeld/4)
	for name, row := range map[string]struct {
		path, contentType, body string
		headers                 []string
		held                    bool
	}{
		"a form":                           {held: true},
		"of the greatest size":             {body: big, held: true},
		"from a page that hides itself":    {headers: []string{"Origin", "null", "Referer", ""}, held: true},
		"without an origin":                {headers: []string{"Origin", ""}, held: true},
		"one byte more":                    {body: big + "x"},
		"from another site":                {headers: []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}},
		"from a sibling":                   {headers: []string{"Sec-Fetch-Site", "same-site", "Origin", "http://other.localhost"}},
		"from nowhere":                     {headers: []string{"Sec-Fetch-Site", "none", "Origin", ""}},
		"that contradicts itself":          {headers: []string{"Origin", "https://evil.example"}},
		"that does not say from where":     {headers: []string{"Sec-Fetch-Site", "", "Origin", ""}},
		"that hides from where":            {headers: []string{"Sec-Fetch-Site", "", "Origin", "null"}},
		"that says from where by origin":   {headers: []string{"Sec-Fetch-Site", ""}, held: true},
		"by a script":                      {headers: []string{"Sec-Fetch-Mode", "cors"}},
		"by a script of the same origin":   {headers: []string{"Sec-Fetch-Mode", "same-origin"}},
		"by a browser of old":              {headers: []string{"Sec-Fetch-Mode", "", "Sec-Fetch-Site", ""}},
		"as JSON":                          {contentType: "application/json"},
		"as text":                          {contentType: "text/plain"},
		"of several parts, not told which": {contentType: "multipart/form-data"},
		"to a place that is far too long":  {path: "/export?x=" + strings.Repeat("x", 2048)},
		"packed":                           {headers: []string{"Content-Encoding", "gzip"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, echoSite("require otp sms on @bulk"))
			b := s.browser(t)
			s.signUp(b, dana, "/")
			if row.contentType == "" {
				row.contentType = urlencoded
			}
			if row.body == "" {
				row.body = "a=1"
			}
			if row.path == "" {
				row.path = "/export"
			}
			p := b.sends(row.path, row.contentType, row.body, row.headers...)
			if (p.held() != "") != row.held {
				t.Errorf("held %q, %d to %q", p.held(), p.StatusCode, p.location)
			}
			if lost := strings.Contains(p.location, "lost=1"); p.StatusCode == 303 && lost == row.held {
				t.Errorf("to %q", p.location)
			}
			if n := s.stored(t, "1/held"); n == 0 == row.held {
				t.Errorf("%d records are stored", n)
			}
		})
	}
}

// soon returns the first deadline that leaves at most so much time, or -1. Caddy's own, for
// idle clients, leave more.
func (d *deadlined) soon(within time.Duration) int {
	latest := time.Now().Add(within)
	return slices.IndexFunc(d.set, func(t time.Time) bool { return !t.IsZero() && !t.After(latest) })
}

func TestAFormOrPressMustArriveSoon(t *testing.T) {
	t.Parallel()
	s := newSite(t, echoSite("require otp sms on @bulk"))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	home, err := url.Parse(b.origin)
	if err != nil {
		t.Fatal(err)
	}
	deadlines := func(path, contentType, body string) *deadlined {
		r := visitorTo(http.MethodPost, path, body)
		for _, cookie := range b.client.Jar.Cookies(home) {
			r.AddCookie(cookie)
		}
		r.Header = with(r.Header, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "same-origin", "Content-Type", contentType)
		w := newDeadlined()
		s.ServeHTTP(w, r)
		return w
	}
	if w := deadlines("/export", urlencoded, "a=1"); w.soon(holdTimeout) < 0 || !strings.Contains(w.Header().Get("Location"), "held=") {
		t.Errorf("a form: deadlines %v, to %s", w.set, w.Header().Get("Location"))
	}
	press := marker("AAAAAAAAAAAAAAAAAAAAAA")
	if w := deadlines("/save", ui.ContinueType, press); w.soon(formTimeout) < 0 {
		t.Errorf("a press: deadlines %v", w.set)
	}
	// What is none goes on to an application that may take its time.
	if w := deadlines("/save", ui.ContinueType, strings.ToUpper(press)); w.Code != 200 || !slices.ContainsFunc(w.set, time.Now().Add(formTimeout).Before) {
		t.Errorf("%d, deadlines %v are left", w.Code, w.set)
	}
	for _, other := range []string{"hello", press + press} {
		if w := deadlines("/save", ui.ContinueType, other); w.Code != 200 || w.soon(formTimeout) >= 0 {
			t.Errorf("%q: %d, deadlines %v", other, w.Code, w.set)
		}
	}
}

func with(h http.Header, fields ...string) http.Header {
	for i := 0; i < len(fields); i += 2 {
		h.Set(fields[i], fields[i+1])
	}
	return h
}

func TestAFormOfUnknownLengthIsHeldIfItIsShortEnough(t *testing.T) {
	t.Parallel()
	s := newSite(t, echoSite("require otp sms on @bulk"))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	for size, want := range map[int]bool{100: true, flows.MaxHeld: true, flows.MaxHeld + 1: false} {
		r := b.request(http.MethodPost, "/export", io.MultiReader(strings.NewReader(strings.Repeat("a", size))))
		r.Header.Set("Content-Type", urlencoded)
		if r.ContentLength = -1; (b.do(r).held() != "") != want {
			t.Errorf("%d bytes: not %v", size, want)
		}
	}
}

func TestNothingIsReadOfAFormThatIsTooLongAnyway(t *testing.T) {
	t.Parallel()
	s := newSite(t, echoSite("require otp sms on @bulk"))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	read := 0
	r := b.request(http.MethodPost, "/export", watched{func() { read++ }})
	r.Header.Set("Content-Type", urlencoded)
	if r.ContentLength = flows.MaxHeld + 1; !strings.Contains(b.do(r).location, "lost=1") || read != 0 {
		t.Errorf("its body was read %d times", read)
	}
}

// watched is a body without end that tells of each read.
type watched struct{ read func() }

func (w watched) Read(p []byte) (int, error) { w.read(); return len(p), nil }

func TestTheApplicationIsToldThePageWithTheFormIfThatIsOneOfTheSite(t *testing.T) {
	t.Parallel()
	s := newSite(t, echoSite("require otp sms within once on /pay"))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	for referer, want := range map[string]string{
		"http://localhost/form?" + strings.Repeat("x", 3000): "", "https://evil.example/form": "", "http://localhost/": "http://localhost/", "%": "",
	} {
		p := b.press(s.prove(b, b.sends("/pay", urlencoded, "a=1", "Referer", referer)))
		if !strings.Contains(p.body, " referer="+want+" user=") {
			t.Errorf("%.40q: %d to %.40q %.300s", referer, p.StatusCode, p.location, p.body)
		}
		s.clock.advance(time.Minute) // another code may be asked for
	}
}

func TestARuleThatDropsFormsLosesThemWhateverOtherRulesSay(t *testing.T) {
	t.Parallel()
	s := newSite(t, echoSite("require otp sms on @bulk", "require otp sms on /export {\nforms drop\n}", "require otp sms on /other"))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	if p := b.sends("/export", urlencoded, "a=1"); p.held() != "" || !strings.Contains(p.location, "lost=1") || s.stored(t, "1/held") != 0 {
		t.Errorf("%d to %q", p.StatusCode, p.location)
	}
	p := b.sends("/other", urlencoded, "a=1")
	if p.held() == "" {
		t.Fatal("a rule that does not speak loses a form")
	}
	s.handlers[0].rules.drops = policy.RuleSet{}.With(2)
	if p := b.sends("/other", ui.ContinueType, "stepgate-continue="+p.held()+"\r\n"); p.held() != "" {
		t.Errorf("a press keeps what is to be dropped: %q", p.location)
	}
}

func TestANeverKnownBrowserHasNothingHeld(t *testing.T) {
	t.Parallel()
	s := newSite(t, echoSite())
	b := s.browser(t)
	if p := b.sends("/save", urlencoded, "a=1"); p.held() != "" || !strings.Contains(p.location, "lost=1") {
		t.Errorf("without a cookie: %q", p.location)
	}
	b.post("/.auth/sign-in", url.Values{"email": {dana}}) // gives the browser its cookie
	if p := b.sends("/save", urlencoded, "a=1"); p.held() != "" || s.stored(t, "1/held") != 0 {
		t.Errorf("before anybody was signed in: %q", p.location)
	}
}

func TestWhereTheStoreFailsAFormIsLostAndSaidToBe(t *testing.T) {
	t.Parallel()
	s, f := newFaultySite(t, echoSite("require otp sms on @bulk"))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	f.full()
	p := b.sends("/export", urlencoded, "a=1")
	if p.held() != "" || !strings.Contains(p.location, "lost=1") {
		t.Fatalf("%d to %q", p.StatusCode, p.location)
	}
	f.mend()
	p = s.prove(b, b.sends("/export", urlencoded, "a=1"))
	page := b.follow(p)
	for name, fail := range map[string]func(){"full": f.full, "down": func() { f.down(errStoreDown) }} {
		fail()
		if sent := b.press(page); sent.StatusCode != 503 || strings.Contains(sent.body, "app POST") {
			t.Errorf("%s: %d %s", name, sent.StatusCode, sent.body)
		}
		f.mend()
	}
	if sent := b.press(page); sent.StatusCode != 200 || !strings.HasSuffix(sent.body, "body=a=1") {
		t.Errorf("after it was mended: %d %s", sent.StatusCode, sent.body)
	}
}

func TestThatAFormIsGoneIsSaidBeforeACodeIsAskedFor(t *testing.T) {
	t.Parallel()
	s := newSite(t, echoSite("require otp sms within once on /pay"))
	b := s.browser(t)
	s.signUp(b, dana, "/")
	if sent := b.press(s.prove(b, b.sends("/pay", urlencoded, "amount=1"))); sent.StatusCode != 200 {
		t.Fatalf("%d to %q", sent.StatusCode, sent.location)
	}
	p := b.sends("/pay", urlencoded, "amount=2")
	if page := b.follow(p); page.StatusCode != 200 || !strings.Contains(page.body, "is kept") {
		t.Fatalf("%d\n%s", page.StatusCode, page.body)
	}
	sent := s.message(t, danaPhone).ID
	s.clock.advance(11 * time.Minute)
	for name, answer := range map[string]*page{"the page": b.follow(p), "the button": b.here(p, url.Values{"way": {"sms_code"}})} {
		if answer.StatusCode != 303 || answer.held() != "" || !strings.Contains(answer.location, "lost=1") {
			t.Errorf("%s: %d to %q", name, answer.StatusCode, answer.location)
		}
		if page := b.follow(answer); !strings.Contains(page.body, "couldn’t keep what you typed") {
			t.Errorf("%s:\n%s", name, page.body)
		}
	}
	if s.message(t, danaPhone).ID != sent {
		t.Error("a code was sent for a form that is gone")
	}
}
