package ui

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// A scene is one page in one state.
type scene struct {
	name   string
	status int // 0: 200
	change func(*Config)
	setUp  func(*stage)
	method string // empty: GET
	path   string
	form   url.Values
	tweak  func(*http.Request)
	// answer answers instead of the pages' own addresses, as the gateway has them do.
	answer func(*Pages, http.ResponseWriter, *http.Request)
}

// stage is where a scene plays: the pages of one site, over a puppet.
type stage struct {
	pages   *Pages
	engine  *puppet
	session *flows.Session
	browser string // the browser cookie
}

var ownStyle = sync.OnceValues(func() (*Style, error) { return NewStyle(Look{}) })

// newStage makes the pages of exampleSite, or of what the changes make of it, at noon.
func newStage(changes ...func(*Config)) (*stage, error) {
	s := &stage{engine: new(puppet)}
	own, err := ownStyle()
	if err != nil {
		return nil, err
	}
	cfg := Config{
		Site:    exampleSite(),
		Style:   own,
		Lang:    "en",
		Engine:  func() (Engine, error) { return s.engine, nil },
		Session: func(*http.Request) (*flows.Session, error) { return s.session, nil },
		Demand: func(*http.Request) flows.Evaluate {
			return func(context.Context, flows.Target, *flows.Session) (policy.Demand, error) { return policy.Floor, nil }
		},
		Network: func(*http.Request) string { return "198.51.100.0/24" },
		Keys:    exampleKeys{},
		Now:     func() time.Time { return noon },
		Log:     slog.New(slog.DiscardHandler),
	}
	for _, change := range changes {
		change(&cfg)
	}
	if s.pages, err = New(cfg); err != nil {
		return nil, err
	}
	name := s.pages.cookies.BrowserName()
	sealed, err := s.pages.Keys.SealCookie(name, []byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		return nil, fmt.Errorf("sealing the browser cookie: %w", err)
	}
	s.browser = name + "=" + sealed
	return s, nil
}

func (s *stage) signedIn() *stage {
	s.session = &flows.Session{SID: "s1", User: "u1", Email: exampleEmail}
	return s
}

// signedInSince is somebody who signed in with mail and password so long ago, and has
// confirmed by text message since.
func (s *stage) signedInSince(signIn, sms time.Duration) {
	s.signedIn()
	s.session.Created = noon.Add(-signIn)
	s.session.Proof = policy.Proof{}.With(policy.EmailCode, noon.Add(-signIn)).With(policy.Password, noon.Add(-signIn)).
		With(policy.SMSCode, noon.Add(-sms))
}

// request is a navigation of a browser that has our browser cookie.
func (s *stage) request(method, path string, form url.Values) *http.Request {
	site := s.pages.Site
	r, err := http.NewRequest(method, site.Origin+site.Prefix+path, strings.NewReader(form.Encode()))
	if err != nil {
		panic(fmt.Sprintf("asking for %s %s: %v", method, path, err)) // a scene's own mistake
	}
	r.RequestURI, r.RemoteAddr = r.URL.RequestURI(), "192.0.2.1:1234"
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:150.0) Gecko/20100101 Firefox/150.0")
	r.Header.Set("Cookie", s.browser)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", site.Origin)
	}
	return r
}

// play has the pages answer what the scene asks. What was refused at an address that a
// browser is sent to is told there, as the browser would see it.
func (s *stage) play(sc scene, prepare ...func(*http.Request)) *recording {
	if sc.setUp != nil {
		sc.setUp(s)
	}
	r := s.request(firstNonEmpty(sc.method, http.MethodGet), sc.path, sc.form)
	for _, change := range prepare {
		change(r)
	}
	if sc.tweak != nil {
		sc.tweak(r)
	}
	rec := &recording{header: http.Header{}}
	if sc.answer != nil {
		sc.answer(s.pages, rec, r)
		return rec
	}
	s.pages.ServeHTTP(rec, r)
	to, ours := strings.CutPrefix(rec.header.Get("Location"), s.pages.Site.Prefix)
	if rec.status != http.StatusSeeOther || !ours {
		return rec
	}
	next := s.request(http.MethodGet, to, nil)
	for _, change := range prepare {
		change(next)
	}
	for _, cookie := range (&http.Response{Header: rec.header}).Cookies() {
		if cookie.MaxAge >= 0 {
			next.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
		}
	}
	rec = &recording{header: http.Header{}, told: next.URL.Query().Has("why")}
	s.pages.ServeHTTP(rec, next)
	return rec
}

// recording is an answer, kept.
type recording struct {
	status int
	header http.Header
	body   bytes.Buffer
	told   bool // it tells a refusal, at an address of its own
}

func (r *recording) Header() http.Header { return r.header }

func (r *recording) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recording) Write(data []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(data)
}
