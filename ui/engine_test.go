package ui

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html/atom"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/password"
	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// place is the pages over the real engine, a clock that the test moves, and the
// messages that were sent.
type place struct {
	t      testing.TB
	pages  *Pages
	engine *flows.Engine

	mu   sync.Mutex
	now  time.Time
	mail map[string]send.Message // the newest by address
	sent int
}

func newPlace(t testing.TB) *place {
	t.Helper()
	p := &place{t: t, now: noon, mail: map[string]send.Message{}}
	clock := func() time.Time {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.now
	}
	st := store.NewMemory()
	var err error
	p.engine, err = flows.New(flows.Config{
		Store: st, Keys: testKeys(), Cache: flows.NewSessionCache(10, st, clock),
		Hasher: password.New(password.Options{Params: password.Params{Memory: 64, Time: 1, Threads: 1}, Pepper: testKeys().Pepper()}),
		Post: func(l flows.Letter) error {
			if l.Mute {
				return nil
			}
			m, err := Compose(l, plain)
			p.mu.Lock()
			defer p.mu.Unlock()
			p.mail[l.To] = m
			p.sent++
			return err
		},
		Now: clock, Rand: rand.Reader, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	site := newSite()
	site.Countries = []string{"GB"}
	cookies := CookiesFor(site.Origin)
	p.pages, err = New(Config{
		Site: site, Keys: testKeys(), Now: clock,
		Engine: func() (Engine, error) { return p.engine, nil },
		Session: func(r *http.Request) (*flows.Session, error) {
			raw, ok := cookies.RawSession(r)
			if !ok {
				return nil, nil
			}
			live, err := p.engine.Authenticate(r.Context(), site.Origin, raw)
			if live == nil {
				return nil, err
			}
			return &live.Session, nil
		},
		Demand: func(*http.Request) flows.Evaluate {
			return func(_ context.Context, t flows.Target, _ *flows.Session) (policy.Demand, error) {
				if strings.HasPrefix(t.ReturnTo, "/admin") {
					return policy.Need(policy.OTP, 15*time.Minute).Join(policy.Floor), nil
				}
				return policy.Floor, nil
			}
		},
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// person is a browser with scripts off: it keeps cookies, follows redirects on our
// own pages, and sends the forms that the page holds.
type person struct {
	*place
	jar  map[string]string
	at   string // the address bar, without the origin
	page *answer
}

func (p *place) person() *person { return &person{place: p, jar: map[string]string{}} }

func (b *person) send(method, to string, form url.Values) *person {
	b.t.Helper()
	for range 5 {
		r := httptest.NewRequest(method, b.pages.Site.Origin+to, strings.NewReader(form.Encode()))
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		if method == "POST" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		for name, value := range b.jar {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		rec := httptest.NewRecorder()
		b.pages.ServeHTTP(rec, r)
		b.page, b.at = &answer{t: b.t, Response: rec.Result(), body: rec.Body.String()}, to
		for _, c := range b.page.Cookies() {
			if b.jar[c.Name] = c.Value; c.MaxAge < 0 {
				delete(b.jar, c.Name)
			}
		}
		if b.page.StatusCode != http.StatusSeeOther {
			return b
		}
		to = b.page.Header.Get("Location")
		if b.at = to; !strings.HasPrefix(to, "/.auth") {
			return b // at the application
		}
		method, form = "GET", nil
	}
	b.t.Fatalf("redirects without end, at %s", to)
	return b
}

func (b *person) visits(path string) *person { b.t.Helper(); return b.send("GET", "/.auth"+path, nil) }

// fills sends the page's first form that has all the named fields, buttons included.
func (b *person) fills(fields ...string) *person {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
forms:
	for _, f := range parsePage(b.t, b.page.body).tags(atom.Form) {
		offered := map[string]bool{}
		for n := range f.Descendants() {
			offered[attr(n, "name")] = true
		}
		for name := range form {
			if !offered[name] {
				continue forms
			}
		}
		return b.send("POST", attr(f, "action"), form)
	}
	b.t.Fatalf("no form with %v on\n%s", fields, b.page.body)
	return b
}

func (b *person) isAt(path string) *person {
	b.t.Helper()
	if at, _, _ := strings.Cut(b.at, "?"); at != path {
		b.t.Fatalf("at %s, not at %s\n%s", b.at, path, b.page.body)
	}
	return b
}

func (b *person) code(to string) string {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	m, ok := b.mail[to]
	if !ok || !strings.Contains(m.Text, m.Code) || m.Code == "" {
		b.t.Fatalf("no code was sent to %s: %+v", to, m.Text)
	}
	return m.Code
}

func (b *person) wait(d time.Duration) *person {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
	return b
}

const dana, danasPhone = "dana@harbour.example", "+447700900123"

func (b *person) signsUp() *person {
	b.t.Helper()
	b.visits("/sign-up?return_to=%2Freports").fills("email", dana).isAt("/.auth/code")
	b.fills("code", b.code(dana)).isAt("/.auth/new-password")
	return b.fills("new_password", "three words and one more").isAt("/reports")
}

func TestSigningUpAndInBothWays(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	first := p.person().signsUp()
	if first.jar[SessionCookie] == "" || len(first.jar[SessionCookie]) > 200 {
		t.Errorf("the session cookie is %q", first.jar[SessionCookie])
	}
	first.visits("/sign-in?return_to=%2Freports").isAt("/reports")

	second := p.person()
	second.visits("/sign-in?return_to=%2Freports%3Fq%3D1").fills("email", dana).isAt("/.auth/code")
	second.fills("code", "000000").isAt("/.auth/code").page.status(200).says("That code isn’t right")
	second.fills("code", "12345").page.status(200).says("The code is 6 digits. You entered 5.", `value="12345"`)
	second.fills("do", "resend").isAt("/.auth/code").page.status(200).says("Wait 30 seconds")
	second.wait(31*time.Second).fills("do", "resend").isAt("/.auth/code").page.says("We’ve sent another code")
	second.fills("code", " "+second.code(dana)[:3]+"-"+second.code(dana)[3:]).isAt("/reports")
	if second.at != "/reports?q=1" {
		t.Errorf("ended at %s", second.at)
	}

	third := p.person()
	third.visits("/sign-in").fills("email", dana, "way", "password").isAt("/.auth/password")
	third.fills("email", dana, "password", "wrong words").isAt("/.auth/password").page.status(200).says("don’t match", `value="dana@harbour.example"`)
	third.fills("email", dana, "password", "three words and one more").isAt("/")
	third.visits("/sign-out").fills().page.says("You’ve signed out")
	if third.jar[SessionCookie] != "" {
		t.Error("the session cookie is still there")
	}
	third.visits("/step-up?return_to=%2Fadmin").isAt("/.auth/sign-in")
}

func TestSteppingUpByTextAddsThePhoneFirst(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.person()
	b.visits("/sign-up").fills("email", dana)
	b.fills("code", b.code(dana)).fills("do", "skip").isAt("/")
	old := b.jar[SessionCookie]
	before := p.sent
	b.visits("/step-up?return_to=%2Fadmin%2Fusers%3Fid%3D7").page.says("Add a mobile number")
	if p.sent != before {
		t.Error("looking at the page sent something")
	}
	b.fills().isAt("/.auth/phone").fills("tel", "07700").page.status(200).says(`value="07700"`)
	b.fills("tel", "07700 900123").isAt("/.auth/code").page.says("07700 900123")
	b.fills("code", b.code(danasPhone)).isAt("/admin/users")
	if b.at != "/admin/users?id=7" {
		t.Errorf("ended at %s", b.at)
	}
	if b.jar[SessionCookie] == old {
		t.Error("the session rose under its old id")
	}
	if p.mail[dana].Purpose != string(flows.NoticePhoneAdded) {
		t.Errorf("the owner was told %s", p.mail[dana].Purpose)
	}
	b.visits("/step-up?return_to=%2Fadmin").isAt("/admin")

	b.wait(16*time.Minute).visits("/step-up?return_to=%2Fadmin").page.says("Confirm it’s you", "Email me a code", "Text me a code instead")
	b.fills("way", "sms_code").isAt("/.auth/code").page.says("Check your phone", "data-webotp")
	b.fills("code", b.code(danasPhone)).isAt("/admin")
}

func TestAnUnknownAddressSeesTheSamePages(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.person().signsUp()
	p.person().wait(time.Minute)
	walk := func(email string) string {
		var seen strings.Builder
		b := p.person()
		note := func() {
			body := strings.ReplaceAll(b.page.body, email, "EMAIL")
			local, domain, _ := strings.Cut(email, "@")
			body = strings.ReplaceAll(body, local+"@<wbr>"+domain, "EMAIL")
			if _, rest, ok := strings.Cut(b.at, "f="); ok {
				flow, _, _ := strings.Cut(rest, "&")
				body = strings.ReplaceAll(body, flow, "FLOW")
			}
			seen.WriteString(body)
		}
		b.visits("/sign-in").fills("email", email)
		note()
		b.fills("code", "000000")
		note()
		b.fills("do", "switch")
		note()
		b.fills("email", email, "password", "wrong words")
		note()
		return seen.String()
	}
	if known, unknown := walk(dana), walk("nobody@harbour.example"); known != unknown {
		t.Errorf("known and unknown differ:\n%s\n---\n%s", known, unknown)
	}
}

func TestAnotherBrowsersFlowIsGone(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	a, b := p.person(), p.person()
	a.visits("/sign-up?return_to=%2Freports").fills("email", dana).isAt("/.auth/code")
	b.visits("/sign-up").fills("email", "mallory@harbour.example").isAt("/.auth/code")
	b.send("POST", a.at, url.Values{"code": {b.code(dana)}}).page.status(410).says("Start again", "return_to=%2Freports")
	a.wait(61 * time.Minute)
	a.send("GET", a.at, nil).page.status(410)
}
