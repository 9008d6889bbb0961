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
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/seal"
	"github.com/stepgate/stepgate/policy"
)

var noon = time.Date(2026, 8, 4, 14, 20, 0, 0, time.UTC)

// spy is an engine that does what the test says and writes down what it was asked.
type spy struct {
	mu    sync.Mutex
	asked []string // the names of the methods called
	input flows.Input
	kind  flows.Kind
	seen  flows.Caller
	goal  flows.Target

	now  flows.View // answer of Look, Preview and Start
	next flows.View // answer of Submit
	err  error      // of Submit, SignOut, and Start if there is no view
	lost error      // of Look, Preview and Held
	held flows.HeldForm

	disowned flows.DisownView // answer of LookDisown and Disown
	token    string           // what they were asked about
}

func (s *spy) note(method string, c flows.Caller) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, method)
	s.seen = c
}

func (s *spy) Start(_ context.Context, c flows.Caller, kind flows.Kind, t flows.Target, in flows.Input) (flows.View, error) {
	s.note("Start", c)
	s.kind, s.goal, s.input = kind, t, in
	if s.err != nil && s.now.Flow == "" {
		return flows.View{}, s.err
	}
	return s.now, nil
}

func (s *spy) Look(_ context.Context, c flows.Caller, flow string) (flows.View, error) {
	s.note("Look", c)
	if s.lost != nil {
		return flows.View{}, s.lost
	}
	return s.now, nil
}

func (s *spy) Submit(_ context.Context, c flows.Caller, flow string, in flows.Input) (flows.View, error) {
	s.note("Submit", c)
	s.input = in
	if s.err != nil {
		return s.now, s.err
	}
	return s.next, nil
}

func (s *spy) Preview(_ context.Context, c flows.Caller, t flows.Target) (flows.View, error) {
	s.note("Preview", c)
	s.goal = t
	v := s.now
	v.Flow, v.Target = "", t
	return v, s.lost
}

func (s *spy) Held(_ context.Context, c flows.Caller, id string) (flows.HeldForm, error) {
	s.note("Held", c)
	return s.held, s.lost
}

func (s *spy) SealCookie(o *flows.Opened) (string, error) { return "sealed-" + o.ID, nil }

func (s *spy) SignOut(_ context.Context, session *flows.Session) error {
	s.note("SignOut", flows.Caller{Session: session})
	return s.err
}

func (s *spy) LookDisown(_ context.Context, c flows.Caller, token string) (flows.DisownView, error) {
	s.note("LookDisown", c)
	s.token = token
	return s.disowned, s.lost
}

func (s *spy) Disown(_ context.Context, c flows.Caller, token string) (flows.DisownView, error) {
	s.note("Disown", c)
	s.token = token
	return s.disowned, s.err
}

func (s *spy) changed() []string {
	var out []string
	for _, method := range s.asked {
		if method != "LookDisown" && method != "Look" && method != "Preview" && method != "Held" {
			out = append(out, method)
		}
	}
	return out
}

// world is the pages of one site over a spy.
type world struct {
	t       testing.TB
	pages   *Pages
	engine  *spy
	session *flows.Session
	browser string // the browser cookie's value
	log     strings.Builder
}

func newSite() *flows.Site {
	return &flows.Site{
		Origin: "https://payroll.harbour.example", Prefix: "/.auth", Name: "Payroll", Brand: "Harbour Mutual",
		EmailCode: true, Password: true, SMS: true, SignUp: flows.SignUpOpen,
	}
}

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
	cfg := Config{
		Site:    newSite(),
		Engine:  func() (Engine, error) { return w.engine, nil },
		Session: func(*http.Request) (*flows.Session, error) { return w.session, nil },
		Demand: func(*http.Request) flows.Evaluate {
			return func(context.Context, flows.Target, *flows.Session) (policy.Demand, error) { return policy.Floor, nil }
		},
		Network: func(*http.Request) string { return "198.51.100.0/24" },
		Keys:    testKeys(),
		Now:     func() time.Time { return noon },
		Log:     slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	for _, change := range changes {
		change(&cfg)
	}
	var err error
	if w.pages, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	name := w.pages.cookies.BrowserName()
	sealed, err := w.pages.Keys.SealCookie(name, []byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	w.browser = name + "=" + sealed
	return w
}

func (w *world) signedIn() *world {
	w.session = &flows.Session{SID: "s1", User: "u1", Email: "dana.okafor@harbour.example"}
	return w
}

// request is a navigation of a browser that has our browser cookie.
func (w *world) request(method, path string, form url.Values) *http.Request {
	r := httptest.NewRequest(method, w.pages.Site.Origin+"/.auth"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:150.0) Gecko/20100101 Firefox/150.0")
	r.Header.Set("Cookie", w.browser)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", w.pages.Site.Origin)
	}
	return r
}

func (w *world) do(r *http.Request) *answer {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.pages.ServeHTTP(rec, r)
	return &answer{w.t, rec.Result(), rec.Body.String()}
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

// Views as the engine makes them.

func viewOf(kind flows.Kind, step flows.Step) flows.View {
	return flows.View{
		Flow: "f8Q2k", Kind: kind, Step: step, Email: "dana.okafor@harbour.example", Factor: policy.EmailCode,
		Target: flows.Target{ReturnTo: "/reports?year=2026"}, Digits: 6, PasswordMin: 15,
		Sent: noon, Expires: noon.Add(10 * time.Minute), ResendAfter: noon.Add(30 * time.Second),
	}
}

func with(v flows.View, change func(*flows.View)) flows.View {
	change(&v)
	return v
}

func smsView(kind flows.Kind) flows.View {
	return with(viewOf(kind, flows.AskCode), func(v *flows.View) {
		v.Factor, v.Phone = policy.SMSCode, "21"
		v.Options = []policy.Factor{policy.EmailCode, policy.SMSCode}
	})
}

func confirmView() flows.View {
	return with(viewOf(flows.StepUp, flows.Confirm), func(v *flows.View) {
		v.Factor, v.Phone, v.ValidFor = policy.SMSCode, "21", 15*time.Minute
		v.Target.ReturnTo, v.Target.Label = "/bank", "Bank details"
		v.Options = []policy.Factor{policy.SMSCode, policy.EmailCode}
	})
}

func refused(code flows.RefusalCode, left int) *flows.Refusal {
	return &flows.Refusal{Code: code, Left: left, Count: 5, Wait: 90 * time.Second}
}

var errBoom = errors.New("boom")
