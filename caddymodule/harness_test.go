package caddymodule

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
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
//	b := site.browser(t)
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

// actsAsCaddy has the test binary be a Caddy with the module in it, for tests that run
// commands: it holds the same code, and needs no other build.
const actsAsCaddy = "STEPGATE_TEST_ACTS_AS_CADDY"

func TestMain(m *testing.M) {
	if os.Getenv(actsAsCaddy) != "" {
		caddycmd.Main()
		return
	}
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
	origin       string // of the first handler
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
	return startSiteAt(t, config, 0)
}

// startSiteAt is startSite so much later.
func startSiteAt(t testing.TB, config []byte, later time.Duration) (*testSite, error) {
	t.Helper()
	site := &testSite{clock: newTestClock(), logs: newTestLog(t)}
	site.clock.advance(later)
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
	if site.app.sendsOutside() {
		site.app.probe = func(context.Context, send.Checker) error { return nil }
	}
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

// sendsOutside reports whether a sender is more than a part of the test.
func (a *App) sendsOutside() bool {
	return slices.ContainsFunc(slices.Concat(a.email, a.sms), func(m SenderModule) bool {
		switch m.(type) {
		case *SMTPSender, *VonageSender, *WebhookSender:
			return true
		}
		return false
	})
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
