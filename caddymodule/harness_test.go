package caddymodule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/stepgate/stepgate/flows/send"
)

// The harness turns a whole Caddyfile into an http.Handler, without sockets, without
// the admin endpoint, and without touching anything outside the test: about 10 ms, fit
// for t.Parallel.
//
//	site := newSite(t, `http://localhost {
//		stepgate
//		respond "hello {http.auth.user.email}"
//	}`)
//	b := site.browser()
//	page := b.get("/")

// testGlobals stand in front of a Caddyfile that has no global options.
const testGlobals = `{
	stepgate {
		store memory
		email inbox
		sms inbox
	}
}
`

// testSecret is what {env.STEPGATE_TEST_SECRET} stands for in tests.
const testSecret = "bm90IGEgc2VjcmV0OiB0aGlzIGlzIGZvciB0ZXN0cyBvbmx5ICEh"

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "stepgate")
	if err != nil {
		panic(err)
	}
	for name, value := range map[string]string{
		"STEPGATE_TEST_SECRET": testSecret, "STEPGATE_TEST_EMPTY": "", "STEPGATE_TEST_DIR": dir,
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// testSite is a running configuration.
type testSite struct {
	http.Handler // the server srv0
	app          *App
	handlers     []*Handler // every stepgate of srv0, in the order of the routes
	clock        *testClock // what the app takes for the time
	logs         *testLog
	origin       string         // of the first handler
	seen         map[string]int // messages per recipient that mail has returned or passed over
}

// newSite adapts, provisions and starts the app of a Caddyfile. A Caddyfile without
// global options gets testGlobals; a memory store without a name is the test's own. The
// clock stands still at a fixed moment until the test moves it.
func newSite(t testing.TB, text string) *testSite {
	t.Helper()
	site, err := tryNewSite(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// tryNewSite is newSite for a Caddyfile that may be wrong.
func tryNewSite(t testing.TB, text string) (*testSite, error) {
	t.Helper()
	config, err := adapt(withGlobals(text))
	if err != nil {
		return nil, err
	}
	return startSite(t, config)
}

// withGlobals puts testGlobals in front of a Caddyfile that has no global options.
func withGlobals(text string) string {
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		return text
	}
	return testGlobals + text
}

// adapt translates a Caddyfile, whose name is then "Caddyfile", to JSON.
func adapt(text string) ([]byte, error) {
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	return config, err
}

// provisioning is done one at a time: Caddy writes to global variables meanwhile.
var provisioning sync.Mutex

// startSite provisions a JSON configuration and starts the app.
func startSite(t testing.TB, config []byte) (*testSite, error) {
	t.Helper()
	site := &testSite{seen: make(map[string]int), clock: newTestClock(), logs: newTestLog(t)}
	ctx, err := provision(site.hermetic(t, config))
	if err != nil {
		return nil, err
	}
	apps := make(map[string]any)
	for _, name := range []string{"stepgate", "http"} {
		if apps[name], err = ctx.App(name); err != nil {
			return nil, err
		}
	}
	site.app = apps["stepgate"].(*App)
	site.app.now = site.clock.Now
	t.Cleanup(func() {
		if err := site.app.Cleanup(); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	})
	if err := site.app.Start(); err != nil {
		return nil, err
	}
	server := apps["http"].(*caddyhttp.App).Servers["srv0"]
	site.Handler = server
	site.handlers = handlersIn(server.Routes)
	if len(site.handlers) > 0 {
		site.origin = site.handlers[0].Origins[0]
	}
	return site, nil
}

func provision(config []byte) (caddy.Context, error) {
	provisioning.Lock()
	defer provisioning.Unlock()
	parsed := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(config, parsed); err != nil {
		return caddy.Context{}, err
	}
	return caddy.ProvisionContext(parsed)
}

// handlersIn finds our handlers in provisioned routes.
func handlersIn(routes caddyhttp.RouteList) (found []*Handler) {
	for _, route := range routes {
		for _, handler := range route.Handlers {
			switch h := handler.(type) {
			case *Handler:
				found = append(found, h)
			case *caddyhttp.Subroute:
				found = append(found, handlersIn(h.Routes)...)
			}
		}
	}
	return found
}

var memories atomic.Int64

// hermetic keeps a configuration away from everything outside the test.
func (s *testSite) hermetic(t testing.TB, config []byte) []byte {
	t.Helper()
	var tree map[string]any
	if err := json.Unmarshal(config, &tree); err != nil {
		t.Fatal(err)
	}
	tree["admin"] = map[string]any{"disabled": true, "config": map[string]any{"persist": false}}
	tree["storage"] = map[string]any{"module": "file_system", "root": t.TempDir()}
	tree["logging"] = map[string]any{"logs": map[string]any{"default": map[string]any{
		"level": "DEBUG", "writer": map[string]any{"output": "stepgate_test", "id": s.logs.id},
	}}}
	if apps, ok := tree["apps"].(map[string]any); ok {
		if app, ok := apps["stepgate"].(map[string]any); ok {
			if store, ok := app["store"].(map[string]any); ok && store["module"] == "memory" && store["name"] == nil {
				store["name"] = fmt.Sprintf("%s %d", t.Name(), memories.Add(1))
			}
		}
	}
	out, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// testClock is a clock that tests move.
type testClock struct{ now atomic.Int64 } // Unix nanoseconds

func newTestClock() *testClock {
	c := new(testClock)
	c.now.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *testClock) Now() time.Time          { return time.Unix(0, c.now.Load()).UTC() }
func (c *testClock) advance(d time.Duration) { c.now.Add(int64(d)) }

// browser is one person's browser: it keeps cookies, and follows no redirect by
// itself.
type browser struct {
	t      testing.TB
	client *http.Client
	origin string
	header http.Header // sent with every request, over the usual ones
}

// browser returns a new browser at the site's (first) origin.
func (s *testSite) browser(t testing.TB) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, origin: s.origin, header: make(http.Header), client: &http.Client{
		Jar:       jar,
		Transport: handlerTransport{s},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}}
}

// get navigates to a path of the site, or to a whole URL such as a Location.
func (b *browser) get(path string) *page {
	b.t.Helper()
	return b.do(b.request(http.MethodGet, path, nil))
}

// post submits a form to a path of the site.
func (b *browser) post(path string, form url.Values) *page {
	b.t.Helper()
	r := b.request(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", b.origin)
	return b.do(r)
}

// request makes a request as a browser navigates: change it before do.
func (b *browser) request(method, path string, body io.Reader) *http.Request {
	b.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.origin + path
	}
	r, err := http.NewRequest(method, path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Sec-Fetch-Dest", "document")
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	for name, values := range b.header {
		r.Header[name] = values
	}
	return r
}

func (b *browser) do(r *http.Request) *page {
	b.t.Helper()
	response, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return &page{Response: response, body: string(body), location: response.Header.Get("Location")}
}

// page is an answer that was read to its end.
type page struct {
	*http.Response
	body     string
	location string
}

// handlerTransport hands a client's requests to a handler as a server would.
type handlerTransport struct{ http.Handler }

func (t handlerTransport) RoundTrip(out *http.Request) (*http.Response, error) {
	body := out.Body
	if body == nil {
		body = http.NoBody
	}
	in := httptest.NewRequest(out.Method, out.URL.RequestURI(), body).WithContext(out.Context())
	in.Host = out.Host
	if in.Host == "" {
		in.Host = out.URL.Host
	}
	in.Header = out.Header.Clone()
	in.ContentLength = out.ContentLength
	in.RemoteAddr = "127.0.0.1:49152"
	recorder := httptest.NewRecorder()
	t.ServeHTTP(recorder, in)
	response := recorder.Result()
	response.Request = out
	return response, nil
}

// mail waits for the newest message to an address or number that was sent after the
// ones already seen by this function, and returns it. The outbox works in the
// background, so this is the one place where a test waits for real.
func (s *testSite) mail(t testing.TB, to string) send.Message {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for tick := time.NewTicker(time.Millisecond); ; {
		received := s.app.live.Load().rt.inbox.Messages(to)
		if seen := s.seen[to]; len(received) > seen {
			s.seen[to] = len(received)
			return received[0].Message
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("no message came for %s", to)
		}
	}
}

// testLog is where a site's log goes.
type testLog struct {
	id  string
	mu  sync.Mutex
	buf bytes.Buffer
}

var testLogs sync.Map // id → *testLog

func newTestLog(t testing.TB) *testLog {
	l := &testLog{id: fmt.Sprintf("%s %d", t.Name(), memories.Add(1))}
	testLogs.Store(l.id, l)
	t.Cleanup(func() {
		testLogs.Delete(l.id)
		if t.Failed() {
			t.Logf("log:\n%s", l)
		}
	})
	return l
}

// String is everything that was logged so far.
func (l *testLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *testLog) Close() error { return nil }

// testLogWriter is the log writer module behind testLog.
type testLogWriter struct {
	ID string `json:"id"`
}

func init() { caddy.RegisterModule(testLogWriter{}) }

func (testLogWriter) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.logging.writers.stepgate_test", New: func() caddy.Module { return new(testLogWriter) }}
}

func (w testLogWriter) String() string    { return "stepgate_test " + w.ID }
func (w testLogWriter) WriterKey() string { return w.String() }

func (w testLogWriter) OpenWriter() (io.WriteCloser, error) {
	log, ok := testLogs.Load(w.ID)
	if !ok {
		return nil, fmt.Errorf("no test has the log %q", w.ID)
	}
	return log.(*testLog), nil
}

var _ caddy.WriterOpener = testLogWriter{}
