package nativeapi_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/nativeapi"
	"github.com/stepgate/stepgate/flows/password"
	"github.com/stepgate/stepgate/flows/seal"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/flows/token"
	"github.com/stepgate/stepgate/policy"
)

const (
	origin = "https://payroll.example.com"
	base   = "/.auth/native"
	tenant = "7d9f8d2c-0d47-5d5c-9d7e-0f3a0c6a4b11"

	appID    = "4f0cbbd1-2b55-4c4b-9a4b-3f0a2f0d2d11"
	otherID  = "other-app"
	revealID = "reveal-app"

	appOrigin = "https://app.example.com"

	dana       = "dana@example.com"
	danaPhone  = "+447700900123"
	longSecret = "correct horse battery staple 7"

	everything = "mfa_required registration_required"
)

// world is one site with its face, a clock that only the test moves, and a letter box.
type world struct {
	t      testing.TB
	site   *flows.Site
	face   *nativeapi.Face
	keys   *seal.Keys
	engine *flows.Engine
	ring   *token.Ring
	log    strings.Builder

	// demand is that of all tokens; demands are those of single scopes and contexts.
	demand  policy.Demand
	demands map[string]policy.Demand

	mu      sync.Mutex
	now     time.Time
	letters []flows.Letter // that somebody gets
	posts   int            // with those that nobody gets
	broken  error          // of whatever the face asks for
}

func newWorld(t testing.TB, changes ...func(*flows.Config, *nativeapi.Config)) *world {
	t.Helper()
	otp := policy.Need(policy.OTP, 0)
	w := &world{
		t: t, now: time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC),
		site: &flows.Site{
			Origin: origin, Prefix: "/.auth", Name: "Payroll", Brand: "Example",
			EmailCode: true, Password: true, SMS: true, Countries: []string{"GB"}, SignUp: flows.SignUpOpen,
		},
		demand:  policy.Floor,
		demands: map[string]policy.Demand{"payroll.write": otp, "c4": otp, "c5": otp.Join(policy.Need(policy.SMSProof, 0))},
	}
	var err error
	if w.keys, err = seal.New(make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	st := store.NewMemory()
	engine := flows.Config{
		Store: st, Keys: w.keys, Cache: flows.NewSessionCache(100, st, w.clock),
		Hasher: password.New(password.Options{Params: password.Params{Memory: 64, Time: 1, Threads: 1}, Pepper: w.keys.Pepper()}),
		Post:   w.post, Now: w.clock, Rand: rand.Reader, Log: slog.New(slog.DiscardHandler),
	}
	ring, err := token.LoadRing(t.Context(), st, w.keys, w.clock)
	if err != nil {
		t.Fatal(err)
	}
	w.ring = ring
	minter := &token.Minter{Ring: ring, Issuer: w.site.Issuer(), ClientID: origin, TenantID: tenant, Now: w.clock}
	more := nativeapi.Client{Scopes: []string{"payroll.read", "payroll.write"}, Contexts: []string{"c4", "c5"}, Audience: origin}
	client := func(id string, change func(*nativeapi.Client)) nativeapi.Client {
		c := more
		c.ID = id
		change(&c)
		return c
	}
	face := nativeapi.Config{
		Site: w.site, Base: base, Tenant: tenant,
		Clients: []nativeapi.Client{
			client(appID, func(c *nativeapi.Client) { c.Name, c.Origins = "Payroll app", []string{appOrigin} }),
			client(otherID, func(c *nativeapi.Client) { c.Origins = []string{"https://other.example"} }),
			client(revealID, func(c *nativeapi.Client) { c.Reveal, c.TokenLife = true, time.Hour }),
		},
		Engine:  func() (nativeapi.Engine, error) { return w.engine, w.failure() },
		Sealer:  func() (nativeapi.Sealer, error) { return w.keys, w.failure() },
		Minter:  func() (nativeapi.Minter, error) { return minter, w.failure() },
		Demand:  w.judge,
		Network: func(*http.Request) string { return "198.51.100.0/24" },
		Now:     w.clock,
		Log:     slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, change := range changes {
		change(&engine, &face)
	}
	if w.engine, err = flows.New(engine); err != nil {
		t.Fatal(err)
	}
	if w.face, err = nativeapi.New(face); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) judge(_ *http.Request, _ *flows.Session, _ string, scopes, contexts []string) (policy.Demand, error) {
	d := w.demand
	for _, name := range slices.Concat(scopes, contexts) {
		d = d.Join(w.demands[name])
	}
	return d, nil
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

func (w *world) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.broken
}

func (w *world) post(l flows.Letter) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if l.To == "full@example.com" {
		return errors.New("the outbox is full")
	}
	if w.posts++; !l.Mute {
		w.letters = append(w.letters, l)
	}
	return nil
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

// code is the newest one that was sent to an address.
func (w *world) code(to string) string {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.letters) - 1; i >= 0; i-- {
		if l := w.letters[i]; l.To == to && l.Code != "" {
			return l.Code
		}
	}
	w.t.Fatalf("no code was sent to %s", to)
	return ""
}

// wrong is a code that is not the given one.
func wrong(code string) string {
	if code[0] == '0' {
		return "1" + code[1:]
	}
	return "0" + code[1:]
}

// request is a call as an SDK makes it.
func (w *world) request(path, body string) *http.Request {
	r := httptest.NewRequest("POST", origin+base+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func (w *world) do(r *http.Request) *answer {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.face.ServeHTTP(rec, r)
	a := &answer{t: w.t, path: r.URL.Path, Status: rec.Code, Header: rec.Header(), Body: rec.Body.String()}
	if rec.Code != http.StatusNoContent {
		decoder := json.NewDecoder(strings.NewReader(a.Body))
		decoder.UseNumber()
		if err := decoder.Decode(&a.JSON); err != nil {
			w.t.Fatalf("%s: %d is not JSON: %q", a.path, a.Status, a.Body)
		}
	}
	return a
}

// app is one installation of an application: what it always sends.
type app struct {
	*world
	id           string
	types        string // challenge_type
	capabilities string
}

func (w *world) app() *app { return &app{w, appID, "oob password redirect", everything} }

// codeApp knows one-time codes only.
func (w *world) codeApp() *app { return &app{w, appID, "oob redirect", everything} }

// call posts parameters given as name, value, name, value.
func (a *app) call(path string, pairs ...string) *answer {
	a.t.Helper()
	form := url.Values{"client_id": {a.id}}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return a.do(a.request(path, form.Encode()))
}

// begin makes the first call of a flow.
func (a *app) begin(path, email string, pairs ...string) *answer {
	a.t.Helper()
	pairs = append([]string{"username", email, "challenge_type", a.types, "capabilities", a.capabilities}, pairs...)
	return a.call(path, pairs...)
}

// with makes a call that goes on from an answer.
func (a *app) with(from *answer, path string, pairs ...string) *answer {
	a.t.Helper()
	return a.call(path, append([]string{"continuation_token", from.token()}, pairs...)...)
}

// tokens is a token call that goes on from an answer.
func (a *app) tokens(from *answer, grant string, pairs ...string) *answer {
	a.t.Helper()
	return a.with(from, "/oauth2/v2.0/token", append([]string{"grant_type", grant, "client_info", "1"}, pairs...)...)
}

// answer is what came back.
type answer struct {
	t      testing.TB
	path   string
	Status int
	Header http.Header
	Body   string
	JSON   map[string]any
}

func (a *answer) text(name string) string { s, _ := a.JSON[name].(string); return s }

func (a *answer) number(name string) int64 {
	n, _ := a.JSON[name].(json.Number)
	i, err := n.Int64()
	if err != nil {
		a.t.Helper()
		a.t.Fatalf("%s: %s is no integer in %s", a.path, name, a.Body)
	}
	return i
}

func (a *answer) token() string {
	a.t.Helper()
	if a.text("continuation_token") == "" {
		a.t.Fatalf("%s: no continuation token in %d %s", a.path, a.Status, a.Body)
	}
	return a.text("continuation_token")
}

func (a *answer) ok() *answer {
	a.t.Helper()
	if a.Status != http.StatusOK {
		a.t.Fatalf("%s: %d %s", a.path, a.Status, a.Body)
	}
	return a
}

// says fails the test unless the answer is a success with exactly these members.
func (a *answer) says(members string) *answer {
	a.t.Helper()
	a.ok()
	var names []string
	for name := range a.JSON {
		names = append(names, name)
	}
	slices.Sort(names)
	want := strings.Fields(members)
	slices.Sort(want)
	if !slices.Equal(names, want) {
		a.t.Fatalf("%s: members %v, want %v", a.path, names, want)
	}
	return a
}

// refused fails the test unless the answer is this very error.
func (a *answer) refused(kind, suberror, code string) *answer {
	a.t.Helper()
	codes, _ := a.JSON["error_codes"].([]any)
	if a.Status != http.StatusBadRequest || a.text("error") != kind || a.text("suberror") != suberror ||
		len(codes) != 1 || codes[0] != json.Number(code) {
		a.t.Fatalf("%s: %d %s, want %s/%s/%s", a.path, a.Status, a.Body, kind, suberror, code)
	}
	return a
}

// redirected fails the test unless the person is sent to a browser.
func (a *answer) redirected() *answer {
	a.t.Helper()
	if a.says("challenge_type redirect_reason"); a.text("challenge_type") != "redirect" {
		a.t.Fatalf("%s: %s", a.path, a.Body)
	}
	return a
}

// gotTokens fails the test unless the answer holds all that SDKs insist on.
func (a *answer) gotTokens() *answer {
	a.t.Helper()
	a.says("token_type scope expires_in ext_expires_in access_token refresh_token id_token client_info")
	return a
}

// claims reads the middle part of a token.
func (a *answer) claims(name string) map[string]any {
	a.t.Helper()
	parts := strings.Split(a.text(name), ".")
	if len(parts) != 3 {
		a.t.Fatalf("%s: %s is no token: %q", a.path, name, a.text(name))
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	claims := make(map[string]any)
	if err == nil {
		err = json.Unmarshal(raw, &claims)
	}
	if err != nil {
		a.t.Fatal(err)
	}
	return claims
}

// verified reads the access token as a gateway would.
func (w *world) verified(a *answer) token.Access {
	w.t.Helper()
	v := &token.Verifier{Ring: w.ring, Issuer: w.site.Issuer(), Audiences: []string{origin}, ClientIDs: []string{appID, otherID, revealID}, Now: w.clock}
	access, err := v.Access(context.Background(), a.text("access_token"))
	if err != nil {
		w.t.Fatal(err)
	}
	return access
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
