package caddymodule

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/stepgate/stepgate/ui"
)

// A liveSite is a testSite whose Caddy really listens, on a loopback port: HTTP/1.1,
// and HTTP/2 without TLS. Its real reverse_proxy speaks to a real upstream.
type liveSite struct {
	*testSite
	addr string
}

// newLiveSite starts the servers of a Caddyfile whose sites are all at
// http://localhost. They stop with the test.
func newLiveSite(t testing.TB, text string) *liveSite {
	t.Helper()
	site := newEditedSite(t, text, func(apps map[string]any) {
		server := apps["http"].(map[string]any)["servers"].(map[string]any)["srv0"].(map[string]any)
		server["listen"] = []string{"127.0.0.1:0"}
		server["protocols"] = []string{"h1", "h2", "h2c"}
		server["automatic_https"] = map[string]any{"disable": true}
	})
	app, err := site.app.ctx.App("http")
	if err != nil {
		t.Fatal(err)
	}
	if err := app.(*caddyhttp.App).Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.(*caddyhttp.App).Stop(); err != nil {
			t.Error(err)
		}
	})
	return &liveSite{site, site.Handler.(*caddyhttp.Server).Listeners()[0].Addr().String()}
}

// newEditedSite is newSite for what no Caddyfile can say: edit changes the apps of the
// adapted configuration.
func newEditedSite(t testing.TB, text string, edit func(apps map[string]any)) *testSite {
	t.Helper()
	config, err := adapt(withGlobals(text))
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := json.Unmarshal(config, &tree); err != nil {
		t.Fatal(err)
	}
	edit(tree["apps"].(map[string]any))
	if config, err = json.Marshal(tree); err != nil {
		t.Fatal(err)
	}
	site, err := startSite(t, config)
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// guarded is a Caddyfile for a site with the given lines in its stepgate block, and a
// handler behind it.
func guarded(handler string, lines ...string) string {
	return "http://localhost {\n\tstepgate {\n\t\tname Payroll\n\t\t" + strings.Join(lines, "\n\t\t") + "\n\t}\n\t" + handler + "\n}\n"
}

// proxied is guarded with an upstream behind it.
func proxied(upstream string, lines ...string) string {
	return guarded("reverse_proxy "+upstream, lines...)
}

// dial opens a connection to the site.
func (s *liveSite) dial(t testing.TB) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// client returns a client that speaks one version of HTTP to the site, whatever host
// it asks for, and follows no redirect.
func (s *liveSite) client(t testing.TB, major int) *http.Client {
	t.Helper()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", s.addr)
		},
		Protocols:             new(http.Protocols),
		DisableCompression:    true,
		ExpectContinueTimeout: patience,
	}
	transport.Protocols.SetHTTP1(major == 1)
	transport.Protocols.SetUnencryptedHTTP2(major == 2)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// signIn makes an account through the pages, with the code from the inbox, and returns
// the session's cookie.
func (s *testSite) signIn(t testing.TB, email string) *http.Cookie {
	t.Helper()
	b := s.browser(t)
	if p := s.signUp(b, email, "/"); p.StatusCode != http.StatusSeeOther || p.location != "/" {
		t.Fatalf("signing up: %d to %q\n%s", p.StatusCode, p.location, p.body)
	}
	return b.session()
}

// session is the browser's session cookie, or nil.
func (b *browser) session() *http.Cookie {
	b.t.Helper()
	home, err := url.Parse(b.origin)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, cookie := range b.client.Jar.Cookies(home) {
		if cookie.Name == ui.LoopbackSessionCookie {
			return cookie
		}
	}
	return nil
}

// An upstream is an application behind a gateway. It remembers the header of every
// request that reaches it.
type upstream struct {
	addr string

	mu     sync.Mutex
	header []http.Header
}

// newUpstream serves a handler over HTTP/1.1, and over HTTP/2 without TLS.
func newUpstream(t testing.TB, handler http.Handler) *upstream {
	t.Helper()
	u := new(upstream)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.mu.Lock()
		u.header = append(u.header, r.Header.Clone())
		u.mu.Unlock()
		handler.ServeHTTP(w, r)
	}))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	u.addr = server.Listener.Addr().String()
	return u
}

// take returns the headers of the requests that came since the last take.
func (u *upstream) take() []http.Header {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.header
	u.header = nil
	return taken
}

// one returns the header of the one request that has come since the last take.
func (u *upstream) one(t testing.TB) http.Header {
	t.Helper()
	taken := u.take()
	if len(taken) != 1 {
		t.Fatalf("%d requests came to the application, want 1", len(taken))
	}
	return taken[0]
}

// await waits for something that must happen.
func await[T any](t testing.TB, c <-chan T, what string) (value T) {
	t.Helper()
	select {
	case value = <-c:
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
	}
	return value
}
