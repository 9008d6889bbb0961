package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"pgregory.net/rapid"
)

// pathSegments are small, so that paths and patterns meet often.
var pathSegments = rapid.SampledFrom([]string{"a", "A", "b", "ab", "admin", "Ädmin", "ﬁ", "İ", "K", ".", "..", "", " ", "a.b", "[a]", "a?", `\`, "%61", "é", "\xff"})

func drawPath(t *rapid.T, label string) string {
	return "/" + strings.Join(rapid.SliceOfN(pathSegments, 0, 4).Draw(t, label), "/")
}

func TestPlainPathsHoldExactlyWhatCaddysMatcherDoes(t *testing.T) {
	t.Parallel()
	plain := 0
	rapid.Check(t, func(t *rapid.T) {
		var sets caddyhttp.MatcherSets
		for range rapid.IntRange(1, 2).Draw(t, "sets") {
			var m caddyhttp.MatchPath
			for range rapid.IntRange(1, 3).Draw(t, "paths") {
				pattern := drawPath(t, "pattern")
				switch rapid.IntRange(0, 5).Draw(t, "star") {
				case 0:
					pattern += "*"
				case 1:
					pattern += "/*"
				case 2:
					pattern = rapid.SampledFrom([]string{"*", "*.php", "/a*b", "/*/b", "*a*", "/{http.request.method}", "/"}).Draw(t, "special")
				}
				m = append(m, pattern)
			}
			if err := m.Provision(caddy.Context{}); err != nil {
				t.Fatal(err)
			}
			sets = append(sets, caddyhttp.MatcherSet{m})
		}
		p := plainPathsOf(sets)
		if p == nil {
			return
		}
		plain++
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, nil)
		r.URL.Path = drawPath(t, "asked")
		if rapid.Bool().Draw(t, "rootless") {
			r.URL.Path = strings.TrimPrefix(r.URL.Path, "/")
		}
		want, err := sets.AnyMatchWithError(r)
		if got := p.holds(comparedPath(r)); err != nil || got != want {
			t.Fatalf("%q in %q: %v, Caddy says %v, %v", r.URL.Path, sets, got, want, err)
		}
	})
	if plain == 0 {
		t.Error("no target was plain: nothing was compared")
	}
}

func TestOnlyPathsThatComparePlainlyAreTakenFromCaddysMatchers(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]bool{
		"/admin": true, "/admin/*": true, "/admin*": true, "*": true, "/": true, "/grüße": true,
		"*.php": false, "/a*b": false, "/*/x": false, "/a%2fb": false, "/a//b": false, "/a?": false, "/[a]": false, `/a\b`: false,
		"/{http.vars.x}": false, "/Admin": false,
	} {
		if got := plainPathsOf(caddyhttp.MatcherSets{{caddyhttp.MatchPath{pattern}}}) != nil; got != want {
			t.Errorf("%s: %v", pattern, got)
		}
	}
	if plainPathsOf(caddyhttp.MatcherSets{{caddyhttp.MatchPath{"/a"}, caddyhttp.MatchMethod{"POST"}}}) != nil {
		t.Error("a path with a method was taken for a path")
	}
	s := newSite(t, guarded("respond ok", manyRules()...))
	rules := s.handlers[0].rules
	for id, p := range rules.plain {
		if p == nil {
			t.Errorf("a target of mere paths is judged by Caddy's matchers: %s", rules.policy.Targets[id].Name)
		}
	}
}
