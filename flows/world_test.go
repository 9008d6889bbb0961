package flows_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/password"
	"github.com/stepgate/stepgate/flows/seal"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/flows/store/storetest"
	"github.com/stepgate/stepgate/policy"
)

// world is one engine with a clock that only the test moves and a letter box.
type world struct {
	t      *testing.T
	engine *flows.Engine
	site   *flows.Site
	demand policy.Demand // of every target

	mu      sync.Mutex
	now     time.Time
	letters []flows.Letter // that somebody gets
	posts   int            // with those that nobody gets
	full    bool           // the outbox
}

func newWorld(t *testing.T, changes ...func(*flows.Config)) *world {
	t.Helper()
	w := &world{
		t: t, now: time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC),
		site: &flows.Site{
			Origin: "https://payroll.example.com", Prefix: "/.auth", Name: "Payroll", Brand: "Example",
			EmailCode: true, Password: true, SMS: true, Countries: []string{"GB"}, SignUp: flows.SignUpOpen,
		},
		demand: policy.Floor,
	}
	keys, err := seal.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	st := storetest.Twice(store.NewMemory())
	cfg := flows.Config{
		Store: st, Keys: keys, Cache: flows.NewSessionCache(100, st, w.clock),
		Hasher: password.New(password.Options{Params: password.Params{Memory: 64, Time: 1, Threads: 1}, Pepper: keys.Pepper()}),
		Post:   w.post, Now: w.clock, Rand: rand.Reader, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	for _, change := range changes {
		change(&cfg)
	}
	if w.engine, err = flows.New(cfg); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) wait(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) post(l flows.Letter) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.full {
		return errors.New("the outbox is full")
	}
	if w.posts++; !l.Mute {
		w.letters = append(w.letters, l)
	}
	return nil
}

// letter is the newest letter to an address; its absence fails the test.
func (w *world) letter(to string) flows.Letter {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.letters) - 1; i >= 0; i-- {
		if w.letters[i].To == to {
			return w.letters[i]
		}
	}
	w.t.Fatalf("no letter to %s", to)
	return flows.Letter{}
}

func (w *world) sent() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.letters)
}

// posted counts letters with those that nobody gets.
func (w *world) posted() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.posts
}

// browser is one person's browser: its cookies and the flow it is in.
type browser struct {
	*world
	secret  string
	network string
	cookie  string // of the session
	target  flows.Target
	who     *flows.Session // of whom the policy was asked last
	client  *flows.Client  // nil: our pages
	can     policy.Factors
	opened  *flows.Opened // of a client
	flow    string
	view    flows.View
	refusal *flows.Refusal
}

func (w *world) browser() *browser {
	return &browser{world: w, secret: rand.Text() + rand.Text()}
}

func (b *browser) caller() flows.Caller {
	c := flows.Caller{
		Site: b.site, Browser: b.secret, Network: b.network, Device: "Firefox on Linux", Lang: "en",
		Demand: func(_ context.Context, _ flows.Target, who *flows.Session) (policy.Demand, error) {
			b.mu.Lock() // a browser can be asked for many things at once
			defer b.mu.Unlock()
			b.who = who
			return b.demand, nil
		},
	}
	if b.client != nil {
		c.Client, c.Can, c.Device = b.client, b.can, ""
		return c
	}
	if live := b.session(); live != nil {
		c.Session = &live.Session
	}
	return c
}

// native is an application with screens of its own, which can ask for everything.
func (w *world) native() *browser {
	b := w.browser()
	b.client = &flows.Client{ID: "app"}
	b.can = policy.All()
	return b
}

// session is who the gateway would take the browser for.
func (b *browser) session() *flows.Live {
	b.t.Helper()
	if b.cookie == "" {
		return nil
	}
	live, err := b.engine.Authenticate(b.t.Context(), b.site.Origin, b.cookie)
	if err != nil {
		b.t.Fatal(err)
	}
	return live
}

func (b *browser) took(view flows.View, err error) *browser {
	b.t.Helper()
	b.refusal = nil
	if err != nil && !errors.As(err, &b.refusal) {
		b.t.Fatal(err)
	}
	b.view = view
	if view.Flow != "" {
		b.flow = view.Flow
	}
	if view.Opened != nil && b.client != nil {
		b.opened = view.Opened
		return b
	}
	if view.Opened != nil {
		cookie, err := b.engine.SealCookie(view.Opened)
		if err != nil {
			b.t.Fatal(err)
		}
		b.cookie = cookie
	}
	return b
}

func (b *browser) start(kind flows.Kind, in flows.Input) *browser {
	b.t.Helper()
	return b.took(b.engine.Start(b.t.Context(), b.caller(), kind, b.aim(), in))
}

// aim is where the browser wants to go: the front page, unless a test says otherwise.
func (b *browser) aim() flows.Target {
	if b.target == (flows.Target{}) {
		return flows.Target{ReturnTo: "/"}
	}
	return b.target
}

func (b *browser) submit(in flows.Input) *browser {
	b.t.Helper()
	return b.took(b.engine.Submit(b.t.Context(), b.caller(), b.flow, in))
}

// at fails the test unless the flow waits at the step and nothing was refused.
func (b *browser) at(step flows.Step) *browser {
	b.t.Helper()
	if b.refusal != nil {
		b.t.Fatalf("refused: %s; wanted step %q", b.refusal.Code, step)
	}
	if b.view.Step != step {
		b.t.Fatalf("step is %q (%s), want %q", b.view.Step, b.view.Why, step)
	}
	return b
}

// refused fails the test unless the last input was refused for the reason.
func (b *browser) refused(code flows.RefusalCode) *browser {
	b.t.Helper()
	if b.refusal == nil {
		b.t.Fatalf("not refused (step %q), want %s", b.view.Step, code)
	}
	if b.refusal.Code != code {
		b.t.Fatalf("refused: %s, want %s", b.refusal.Code, code)
	}
	return b
}

const (
	dana       = "dana@example.com"
	danaPhone  = "+447700900123"
	longSecret = "correct horse battery staple 7"
)

func (b *browser) code(to string) string { return b.letter(to).Code }

func (b *browser) signUpWithCode(email string) *browser {
	b.t.Helper()
	b.start(flows.SignUp, flows.Identify{Email: email}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(email)}).at(flows.AskNewPassword)
	return b.submit(flows.SkipPassword{}).at(flows.Done)
}

func (b *browser) signUpWithPassword(email, pw string) *browser {
	b.t.Helper()
	b.start(flows.SignUp, flows.Identify{Email: email}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(email)}).at(flows.AskNewPassword)
	return b.submit(flows.SetPassword{Password: pw}).at(flows.Done)
}

func (b *browser) signInWithCode(email string) *browser {
	b.t.Helper()
	b.start(flows.SignIn, flows.Identify{Email: email}).at(flows.AskCode)
	return b.submit(flows.GiveCode{Code: b.code(email)})
}

func (b *browser) signInWithPassword(email, pw string) *browser {
	b.t.Helper()
	b.start(flows.SignIn, flows.Identify{Email: email, ByPassword: true}).at(flows.AskPassword)
	return b.submit(flows.GivePassword{Password: pw})
}

// enrolPhone steps up an account that has no phone yet.
func (b *browser) enrolPhone(number string) *browser {
	b.t.Helper()
	b.demand = policy.Need(policy.SMSProof, 0).Join(policy.Need(policy.OTP, 0))
	b.start(flows.StepUp, flows.Open{}).at(flows.AskPhone)
	b.submit(flows.GivePhone{Phone: number}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(number)}).at(flows.Done)
	b.demand = policy.Floor
	return b
}
