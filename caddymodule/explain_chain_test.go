package caddymodule

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() { caddy.RegisterModule(loudHandler{}) }

// loudHandler is a handler of somebody else's. It must never see an imagined request.
type loudHandler struct{}

func (loudHandler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.stepgate_test_loud", New: func() caddy.Module { return new(loudHandler) }}
}

func (*loudHandler) ServeHTTP(_ http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	panic("it sees " + r.Method + " " + r.URL.Path)
}

func TestAnImaginedRequestNeverReachesAnApplication(t *testing.T) {
	t.Parallel()
	app := newUpstream(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s := newEditedSite(t, testGlobals+`http://localhost {
	route {
		reverse_proxy /early/* `+app.addr+`
		stepgate {
			public on /open/*
		}
		reverse_proxy `+app.addr+`
	}
}
http://dead.localhost {
	header X-Dead yes
}
http:// {
	reverse_proxy `+app.addr+`
}
http://open.localhost {
	intercept {
		@any status 204
		handle_response @any {
			reverse_proxy `+app.addr+`
		}
	}
	handle /quiet {
		respond 204
	}
	handle /files/* {
		file_server
	}
	handle /abort {
		abort
	}
	handle /error {
		error "no" 418
	}
	handle {
		reverse_proxy `+app.addr+`
	}
	handle_errors {
		reverse_proxy `+app.addr+`
	}
}
`, func(apps map[string]any) {
		server := apps["http"].(map[string]any)["servers"].(map[string]any)["srv0"].(map[string]any)
		loud := map[string]any{"handle": []any{map[string]any{"handler": "stepgate_test_loud"}}}
		server["routes"] = append([]any{loud}, server["routes"].([]any)...)
	})
	for _, row := range []struct{ url, verdict, by string }{
		{"http://localhost/open/x", "pass", ""},
		{"http://localhost/x", "sign_in", ""},
		{"http://localhost/early/x", "answered", "http.handlers.reverse_proxy"},
		{"http://open.localhost/x", "answered", "http.handlers.reverse_proxy"},
		{"http://open.localhost/files/x", "answered", "http.handlers.file_server"},
		{"http://open.localhost/quiet", "answered", "http.handlers.static_response 204"},
		{"http://open.localhost/error", "answered", "http.handlers.error 418"},
		{"http://open.localhost/abort", "answered", "http.handlers.static_response"},
		{"http://elsewhere.localhost/", "answered", "http.handlers.reverse_proxy"},
		{"http://dead.localhost/", "answered", ""}, // its route is the last
	} {
		for _, method := range []string{"GET", "POST"} {
			e := s.explain(t, Question{Method: method, URL: row.url})
			by := e.Answer.By
			if e.Answer.Status != 0 {
				by += fmt.Sprintf(" %d", e.Answer.Status)
			}
			if e.Answer.Verdict != row.verdict || by != row.by {
				t.Errorf("%s %s: %+v", method, row.url, e.Answer)
			}
			if len(e.Notes) == 0 || !strings.Contains(e.Notes[len(e.Notes)-1], "stepgate_test_loud comes before and was not run") {
				t.Errorf("%s %s: the notes %q", method, row.url, e.Notes)
			}
		}
	}
	if seen := app.take(); len(seen) > 0 {
		t.Errorf("the application saw %v", seen)
	}
}

func TestARequestIsImaginedThroughTheRoutesThatARealOneTakes(t *testing.T) {
	t.Parallel()
	s := newSite(t, testGlobals+`(guard) {
	stepgate {
		deny on /denied
		public on /public
		require password on @marked
	}
}
&(named) {
	rewrite /via/named /denied
}
http://localhost {
	@marked vars mark yes
	@post method POST
	@six client_ip 2001:db8::/32
	vars @post mark yes
	uri /prefix/* strip_prefix /prefix
	rewrite @six /public
	redir /gone /
	map {path} {kind} {
		/mapped first
		default other
	}
	@first expression {kind} == "first"
	rewrite @first /denied
	header /* X-Always yes
	encode
	handle_path /api/* {
		respond "api"
	}
	import guard
	respond "in"
}
http://groups.localhost {
	route {
		handle /first/* {
			rewrite * /denied
		}
		handle {
			rewrite /denied /public
		}
		stepgate {
			deny on /denied
			public on /public
		}
	}
}
http://named.localhost {
	@odd header X_Mark yes
	@secure protocol https
	@trusted vars trusted_proxy true
	route {
		invoke named
		rewrite @odd /public
		rewrite @secure /public
		rewrite @trusted /public
		stepgate {
			deny on /denied
			public on /public
		}
	}
}
`)
	s.origin = "http://localhost" // Caddy has put the other first
	for _, row := range []struct{ method, url, from, verdict, target string }{
		{"GET", "/", "", "sign_in", "/"},
		{"GET", "http://named.localhost/via/named", "", "refuse", "/denied"},
		{"GET", "http://groups.localhost/first/x", "", "refuse", "/denied"},
		{"GET", "http://named.localhost/x", "", "sign_in", "/x"},
		{"GET", "/prefix/denied", "", "refuse", "/denied"},
		{"GET", "/mapped", "", "refuse", "/denied"},
		{"GET", "/x", "2001:db8::1", "pass", "/public"},
		{"GET", "/x", "2001:db9::1", "sign_in", "/x"},
		{"GET", "/gone", "", "answered", "/gone"},
		{"GET", "/api/public", "", "sign_in", "/api/public"},
	} {
		e := s.explain(t, Question{Method: row.method, URL: row.url, From: row.from, Header: http.Header{"X_mark": {"yes"}}})
		if e.Answer.Verdict != row.verdict || e.Target != row.target {
			t.Errorf("%s %s: %s at %s", row.method, row.url, e.Answer.Verdict, e.Target)
		}
	}
	get := s.explain(t, Question{Method: "GET", URL: "/x", User: dana})
	post := s.explain(t, Question{Method: "POST", URL: "/x", User: dana})
	if get.Answer.Verdict != "pass" || post.Answer.Verdict != "step_up" || post.missing() != "password" {
		t.Errorf("a variable set before: %s and %s", get.answer(), post.answer())
	}
}

func TestAnImaginedRequestToAnHTTPSSiteIsSecure(t *testing.T) {
	t.Parallel()
	s := newSite(t, `{
	stepgate {
		store memory
		email smtp localhost:25 {
			from no-reply@example.com
			tls none
		}
	}
}
https://payroll.example.com {
	@secure protocol https
	stepgate {
		public on @secure
	}
	respond "in"
}
http://localhost:8080 {
	@secure protocol https
	stepgate {
		origin https://behind.example.com
		public on @secure
	}
	respond "in"
}
`)
	for url, want := range map[string]string{
		"https://payroll.example.com/": "pass",
		"https://behind.example.com/":  "answered", // its name is not the one that the server listens for
	} {
		if e := s.explain(t, Question{Method: "GET", URL: url}); e.Answer.Verdict != want {
			t.Errorf("%s: %s", url, e.answer())
		}
	}
}

func TestTheServerOfAURLIsTheOneThatGuardsIt(t *testing.T) {
	t.Parallel()
	s := newSite(t, testGlobals+`http://localhost:8080 {
	stepgate
	respond "in"
}
http://localhost:8081 {
	stepgate {
		origin http://localhost:9000
		public on *
	}
	respond "in"
}
`)
	for url, want := range map[string]string{
		"http://localhost:8080/": "sign_in",
		"http://localhost:8081/": "pass",
		"http://localhost:9000/": "pass", // something in front translates the port
	} {
		if e := s.explain(t, Question{Method: "GET", URL: url}); e.Answer.Verdict != want {
			t.Errorf("%s: %s", url, e.answer())
		}
	}
	if _, err := imagine(t.Context(), s.httpApp(t), &imagined{Question: Question{Method: "GET", URL: "http://localhost:7000/"}}); err == nil {
		t.Error("a server was found for a port that none listens at")
	}
}

func TestExplainingOpensNoStore(t *testing.T) {
	t.Parallel()
	counts := countsOf(t.Name())
	s := &testSite{logs: newTestLog(t), clock: newTestClock()}
	ctx, err := provision(s.hermetic(t, countedConfig(t, `{COUNTED}`)))
	if err != nil {
		t.Fatal(err)
	}
	server, err := ctx.App("http")
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"", dana} {
		e, err := imagine(t.Context(), server.(*caddyhttp.App), &imagined{Question: Question{Method: "GET", URL: "http://localhost:8080/", User: user}})
		if err != nil || e.Demand != "session" {
			t.Errorf("%+v, %v", e, err)
		}
	}
	if opened := counts.opened.Load(); opened != 0 {
		t.Errorf("the store was opened %d times", opened)
	}
}

func TestNoClientCanHaveARequestTakenForAnImaginedOne(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite("deny on /internal"))
	b := s.browser(t)
	r := b.request("GET", "/internal", nil)
	// Only this very type is the key, so nothing that others put into a context will do.
	type imaginedKey struct{}
	r = r.WithContext(context.WithValue(r.Context(), imaginedKey{}, &imagined{}))
	if p := b.do(r); p.StatusCode != http.StatusForbidden {
		t.Errorf("%d", p.StatusCode)
	}
}
