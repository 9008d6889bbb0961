package caddymodule

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What could be read in more than one way is judged in each, by every kind of matcher.

// refuses fails the test for each request that gets through.
func (s *testSite) refuses(t *testing.T, requests ...string) {
	t.Helper()
	b := s.browser(t)
	for _, request := range requests {
		method, target, _ := strings.Cut(request, " ")
		r := b.request(method, "/", nil)
		path, query, _ := strings.Cut(target, "?")
		r.URL.Path, r.URL.RawQuery = path, query
		if p := b.do(r); p.StatusCode == 200 {
			t.Errorf("%s gets through: %s", request, p.body)
		}
	}
}

func TestAHEADIsJudgedAsTheGETByEveryKindOfMatcher(t *testing.T) {
	t.Parallel()
	for name, matcher := range map[string]string{
		"matcher":     "@read {\n method GET\n path /secret\n }",
		"placeholder": "@read `{method} == \"GET\" && path(\"/secret\")`",
		"vars":        "@read {\n vars {http.request.method} GET\n path /secret\n }",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newSite(t, "http://localhost {\n"+matcher+"\nstepgate {\npublic on *\ndeny on @read\n}\nrespond in\n}").
				refuses(t, "GET /secret", "HEAD /secret")
		})
	}
}

func TestEveryReadingOfATargetIsJudgedByEveryKindOfMatcher(t *testing.T) {
	t.Parallel()
	for name, matcher := range map[string]string{
		"path":        "@adm path /admin /admin/*",
		"placeholder": "@adm `{path}.startsWith(\"/admin\")`",
		"vars":        "@adm vars_regexp {http.request.uri.path} ^/admin",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newSite(t, "http://localhost {\n"+matcher+"\nstepgate {\nlenient_paths double_slash semicolon\npublic on *\ndeny on @adm\n}\nrespond in\n}").
				refuses(t, "GET /admin/x", "GET //admin/x", "GET /;a/admin/x")
		})
	}
}

func TestWhatHandlersBeforeTheGatewayHaveFoundOutHoldsForEveryReading(t *testing.T) {
	t.Parallel()
	newSite(t, `http://localhost {
	vars zone secret
	map {host} {zone2} {
		default secret
	}
	@v `+"`{vars.zone} == \"secret\" && {method} == \"GET\" && path(\"/v\")`"+`
	@m `+"`{zone2} == \"secret\" && {method} == \"GET\" && path(\"/m\")`"+`
	@p `+"`{http.request.orig_uri.path} == \"/old\" && {method} == \"GET\"`"+`
	@s `+"`{vars.zone} == \"secret\" && path(\"/s/x\")`"+`
	rewrite /old /new
	stepgate {
		lenient_paths semicolon double_slash
		public on *
		deny on @v @m @p @s
	}
	respond in
}`).refuses(t, "GET /v", "GET /m", "GET /old", "GET /s/x", "HEAD /v", "HEAD /m", "HEAD /old", "GET /s;a/x", "GET //s/x")
}

func TestAPairThatCannotBeReadHidesNothingOfAQuery(t *testing.T) {
	t.Parallel()
	newSite(t, `http://localhost {
	@delete query action=delete
	@view not query action=*
	stepgate {
		public on /open @view
		deny on @delete
	}
	respond in
}`).refuses(t, "GET /open?action=delete", "GET /open?action=delete&x=%zz", "GET /open?action=delete&x=;", "GET /open?x=%&action=delete", "GET /open?x=%%%a;action=delete",
		"GET /x?action=edit", "GET /x?action=edit&x=%zz", "GET /x?action=edit&;", "GET /x?;action=edit")
}

func TestAnExtendedCONNECTIsJudgedAsTheGETThatItBecomes(t *testing.T) {
	t.Parallel()
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "app %s %s", r.Method, r.URL) }))
	t.Cleanup(up.Close)
	s := newSite(t, `http://localhost {
	@reads {
		method GET
		path /live
	}
	stepgate {
		public on *
		deny on @reads
	}
	reverse_proxy `+strings.TrimPrefix(up.URL, "http://")+`
}`)
	for _, proto := range []int{1, 2, 3} {
		r := httptest.NewRequest(http.MethodGet, "/live", nil)
		r.Host, r.RemoteAddr = "localhost", "127.0.0.1:49152"
		switch r.ProtoMajor = proto; proto {
		case 2:
			r.Method, r.Proto = http.MethodConnect, "HTTP/2.0"
			r.Header[":protocol"] = []string{"websocket"}
		case 3:
			r.Method, r.Proto = http.MethodConnect, "websocket"
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusForbidden {
			t.Errorf("HTTP/%d %s: %d %s", proto, r.Method, w.Code, w.Body)
		}
	}
}

func TestAReportOnlyRuleThatCannotBeJudgedHasNoEffect(t *testing.T) {
	t.Parallel()
	s := newSite(t, "http://localhost {\n@odd `double({header.X-Absent}) > 1.0`\nstepgate {\npublic on *\nreport deny on @odd\n}\nrespond in\n}")
	if p := s.browser(t).get("/"); p.StatusCode != 200 {
		t.Errorf("%d %s", p.StatusCode, p.body)
	}
}
