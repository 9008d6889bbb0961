package hygiene_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stepgate/stepgate/caddymodule/hygiene"
	"github.com/stepgate/stepgate/caddymodule/hygiene/rawtest"
)

const (
	ownCookie = "__Host-stepgate"
	token     = "eyJ.gateway.token"
)

// gateway stands an ordinary reverse proxy between clients and the application. It
// forbids /admin as Caddy's path matcher would see it: decoded, in lower case, cleaned.
func gateway(t *testing.T, clean func(*http.Request) error) rawtest.Front {
	t.Helper()
	return gatewayThatReads(t, clean, func(r *http.Request) []string { return []string{r.URL.Path} })
}

// gatewayThatReads forbids what is /admin in any of the readings.
func gatewayThatReads(t *testing.T, clean func(*http.Request) error, readings func(*http.Request) []string) rawtest.Front {
	t.Helper()
	echo := rawtest.NewEcho(t)
	upstream := &url.URL{Scheme: "http", Host: echo.Addr}
	quiet := log.New(io.Discard, "", 0)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(upstream)
			r.Out.Host = r.In.Host
			r.Out.Trailer = r.In.Trailer // as Caddy's proxy does
		},
		Transport: &http.Transport{DisableCompression: true},
		ErrorLog:  quiet,
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := clean(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, reading := range readings(r) {
			seen := strings.ToLower(path.Clean("/" + reading))
			if seen == "/admin" || strings.HasPrefix(seen, "/admin/") {
				http.Error(w, "forbidden", http.StatusForbidden)
				return
			}
		}
		r.Header.Set("X-Id-Token", token)
		proxy.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = quiet
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	return rawtest.Front{
		Addr: server.Listener.Addr().String(), Host: "localhost", Echo: echo,
		Cookie: ownCookie, Session: "0123456789abcdef", Genuine: func(value string) bool { return value == token },
	}
}

func newRules(t testing.TB, o hygiene.Options) *hygiene.Rules {
	t.Helper()
	rules, err := hygiene.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func TestNothingHostileReachesTheApplication(t *testing.T) {
	t.Parallel()
	rules := newRules(t, hygiene.Options{Strip: []string{"X-Id-Token"}, Cookies: []string{ownCookie}, Prefixes: []string{"/.auth"}})
	cases := rawtest.Corpus()
	if len(cases) < 800 {
		t.Errorf("only %d cases", len(cases))
	}
	rawtest.Run(t, gateway(t, func(r *http.Request) error { return rules.Clean(r, "") }), cases)
}

// Being lenient about paths is safe where the policy is asked about every reading.
func TestNothingHostileReachesTheApplicationOfALenientSiteEither(t *testing.T) {
	t.Parallel()
	rules := newRules(t, hygiene.Options{Strip: []string{"X-Id-Token"}, Cookies: []string{ownCookie}, Lenient: hygiene.Classes})
	clean := func(r *http.Request) error { return rules.Clean(r, "") }
	readings := func(r *http.Request) []string { return rules.Readings(r.URL) }
	rawtest.Run(t, gatewayThatReads(t, clean, readings), rawtest.Corpus())
}

// A suite that finds nothing proves nothing: each row leaves one thing out and must be
// caught.
func TestTheCorpusCatchesAGatewayThatLeavesSomethingOut(t *testing.T) {
	t.Parallel()
	rules := newRules(t, hygiene.Options{Strip: []string{"X-Id-Token"}, Cookies: []string{ownCookie}})
	open := newRules(t, hygiene.Options{Strip: []string{"X-Id-Token"}, Cookies: []string{ownCookie}, Lenient: hygiene.Classes})

	keep := func(name string) func(*http.Request) error {
		return func(r *http.Request) error {
			kept := slices.Clone(r.Header[name])
			err := rules.Clean(r, "")
			if kept != nil {
				r.Header[name] = kept
			}
			return err
		}
	}
	for name, row := range map[string]struct {
		cases string // those whose names have this
		least int
		clean func(*http.Request) error
	}{
		"everything":              {"", 2000, func(*http.Request) error { return nil }},
		"the cookies":             {"cookie", 30, keep("Cookie")},
		"what Connection names":   {"nomination", 8, keep("Connection")},
		"the strictness of paths": {"path", 50, func(r *http.Request) error { return open.Clean(r, "") }},
		"trailers": {"trailer", 100, func(r *http.Request) error {
			kept := r.Trailer
			err := rules.Clean(r, "")
			r.Trailer = kept
			return err
		}},
		"the folding of names": {"header", 100, func(r *http.Request) error {
			kept := r.Header.Clone()
			err := rules.Clean(r, "")
			for name, values := range kept {
				if strings.ContainsAny(name, "_.~+!'") {
					r.Header[name] = values
				}
			}
			return err
		}},
		"to forward what was judged": {"inverse", 5, func(r *http.Request) error {
			judged := r.Clone(r.Context())
			judged.URL.Path, judged.URL.RawPath = path.Clean(judged.URL.Path), ""
			judged.RequestURI = judged.URL.RequestURI()
			err := rules.Clean(judged, "")
			r.Header, r.Trailer = judged.Header, nil
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cases := slices.DeleteFunc(rawtest.Corpus(), func(c rawtest.Case) bool { return !strings.Contains(c.Name, row.cases) })
			found := rawtest.Probe(t, gateway(t, row.clean), cases)
			if len(found) < row.least {
				t.Errorf("%d violations found, expected %d at least", len(found), row.least)
			}
		})
	}
}
