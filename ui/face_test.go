package ui

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/seal"
)

// spy is a puppet that writes down what it was asked.
type spy struct {
	*puppet
	mu    sync.Mutex
	asked []string // the names of the methods called
	input flows.Input
	kind  flows.Kind
	seen  flows.Caller
	goal  flows.Target
	token string // what LookDisown and Disown were asked about
	given map[string]string
	sid   string
}

func (s *spy) note(method string, c flows.Caller) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, method)
	s.seen = c
}

func (s *spy) Start(ctx context.Context, c flows.Caller, kind flows.Kind, t flows.Target, in flows.Input) (flows.View, error) {
	s.note("Start", c)
	s.kind, s.goal, s.input = kind, t, in
	return s.puppet.Start(ctx, c, kind, t, in)
}

func (s *spy) Look(ctx context.Context, c flows.Caller, flow string) (flows.View, error) {
	s.note("Look", c)
	return s.puppet.Look(ctx, c, flow)
}

func (s *spy) Submit(ctx context.Context, c flows.Caller, flow string, in flows.Input) (flows.View, error) {
	s.note("Submit", c)
	s.input = in
	return s.puppet.Submit(ctx, c, flow, in)
}

func (s *spy) Preview(ctx context.Context, c flows.Caller, t flows.Target) (flows.View, error) {
	s.note("Preview", c)
	s.goal = t
	return s.puppet.Preview(ctx, c, t)
}

func (s *spy) Held(ctx context.Context, c flows.Caller, id string) (flows.HeldForm, error) {
	s.note("Held", c)
	return s.puppet.Held(ctx, c, id)
}

func (s *spy) SignOut(ctx context.Context, session *flows.Session) error {
	s.note("SignOut", flows.Caller{Session: session})
	return s.puppet.SignOut(ctx, session)
}

func (s *spy) LookDisown(ctx context.Context, c flows.Caller, token string) (flows.DisownView, error) {
	s.note("LookDisown", c)
	s.token = token
	return s.puppet.LookDisown(ctx, c, token)
}

func (s *spy) Disown(ctx context.Context, c flows.Caller, token string) (flows.DisownView, error) {
	s.note("Disown", c)
	s.token = token
	return s.puppet.Disown(ctx, c, token)
}

func (s *spy) Profile(ctx context.Context, c flows.Caller) (flows.Profile, error) {
	s.note("Profile", c)
	return s.puppet.Profile(ctx, c)
}

func (s *spy) SetProfile(ctx context.Context, c flows.Caller, values map[string]string) error {
	s.note("SetProfile", c)
	s.given = values
	return s.puppet.SetProfile(ctx, c, values)
}

func (s *spy) EndSession(ctx context.Context, c flows.Caller, sid string) error {
	s.note("EndSession", c)
	s.sid = sid
	return s.puppet.EndSession(ctx, c, sid)
}

func (s *spy) EndOtherSessions(ctx context.Context, c flows.Caller) error {
	s.note("EndOtherSessions", c)
	return s.puppet.EndOtherSessions(ctx, c)
}

func (s *spy) changed() []string {
	var out []string
	for _, method := range s.asked {
		if method != "LookDisown" && method != "Look" && method != "Preview" && method != "Held" && method != "Profile" {
			out = append(out, method)
		}
	}
	return out
}

// world is a stage whose puppet is spied on, with a log that is kept.
type world struct {
	*stage
	t      testing.TB
	engine *spy
	log    strings.Builder
}

func newSite() *flows.Site { return exampleSite() }

var testKeys = sync.OnceValue(func() *seal.Keys {
	keys, err := seal.New([]byte("a secret of thirty-two bytes ..."))
	if err != nil {
		panic(err)
	}
	return keys
})

func newWorld(t testing.TB, changes ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, engine: &spy{}}
	var err error
	w.stage, err = newStage(append([]func(*Config){func(c *Config) {
		c.Languages = []string{"en"} // so no switch between them, which has its own tests
		c.Engine = func() (Engine, error) { return w.engine, nil }
		c.Keys = testKeys()
		c.Log = slog.New(slog.NewTextHandler(&w.log, nil))
	}}, changes...)...)
	if err != nil {
		t.Fatal(err)
	}
	w.engine.puppet = w.stage.engine
	return w
}

func (w *world) signedIn() *world {
	w.stage.signedIn()
	return w
}

func (w *world) do(r *http.Request) *answer {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.pages.ServeHTTP(rec, r)
	return &answer{t: w.t, Response: rec.Result(), body: rec.Body.String()}
}

func (w *world) get(path string) *answer { return w.do(w.request("GET", path, nil)) }

func (w *world) post(path string, fields ...string) *answer {
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return w.do(w.request("POST", path, form))
}

// told follows a refusal to the address where it is told, if it has one.
func (w *world) told(a *answer) *answer {
	w.t.Helper()
	to := a.Header.Get("Location")
	if path, ok := strings.CutPrefix(to, w.pages.Site.Prefix); ok && strings.Contains(to, "why=") {
		return w.get(path).status(http.StatusOK)
	}
	return a
}

type answer struct {
	t testing.TB
	*http.Response
	body string
	told bool // it tells a refusal, at an address of its own
}

// status checks the status, and what every answer promises.
func (a *answer) status(want int) *answer {
	a.t.Helper()
	if a.StatusCode != want {
		a.t.Fatalf("status %d, want %d\n%s", a.StatusCode, want, a.body)
	}
	return a
}

func (a *answer) leadsTo(want string) *answer {
	a.t.Helper()
	a.status(http.StatusSeeOther)
	if got := a.Header.Get("Location"); got != want {
		a.t.Errorf("leads to %s, want %s", got, want)
	}
	return a
}

func (a *answer) says(texts ...string) *answer {
	a.t.Helper()
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			a.t.Errorf("the page lacks %q\n%s", text, a.body)
		}
	}
	return a
}

func (a *answer) saysNot(texts ...string) *answer {
	a.t.Helper()
	for _, text := range texts {
		if strings.Contains(a.body, text) {
			a.t.Errorf("the page holds %q\n%s", text, a.body)
		}
	}
	return a
}

var errBoom = errors.New("boom")
