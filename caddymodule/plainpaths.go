package caddymodule

import (
	"net/http"
	system "runtime"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/stepgate/stepgate/policy"
)

// plainPaths are the paths of a target that holds nothing else, in a form that is compared
// in one go. Caddy's matcher cleans the request's path anew for every path of every target,
// which costs more than all other judging does. Lower case, as Caddy compares.
type plainPaths struct {
	all      bool
	exact    []string
	prefixes []string // what stood before a final *
}

// plainPathsOf returns nil for a target that only Caddy's own matchers can judge: another
// matcher is in it, or a path with a placeholder, an escape, or a * before the end.
func plainPathsOf(sets caddyhttp.MatcherSets) *plainPaths {
	if system.GOOS == "windows" { // where Caddy reads backslashes as well
		return nil
	}
	p := &plainPaths{}
	for _, set := range sets {
		if len(set) != 1 {
			return nil
		}
		var paths caddyhttp.MatchPath
		switch m := set[0].(type) {
		case caddyhttp.MatchPath:
			paths = m
		case *caddyhttp.MatchPath:
			paths = *m
		default:
			return nil
		}
		for _, path := range paths {
			if !p.add(path) {
				return nil
			}
		}
	}
	return p
}

func (p *plainPaths) add(path string) bool {
	prefix, starred := strings.CutSuffix(path, "*")
	switch {
	case path == "*":
		p.all = true
	case strings.ContainsAny(prefix, `*{%?[\`), strings.Contains(path, "//"), path != strings.ToLower(path):
		return false
	case starred:
		p.prefixes = append(p.prefixes, prefix)
	default:
		p.exact = append(p.exact, path)
	}
	return true
}

// holds expects what comparedPath returns.
func (p *plainPaths) holds(path string) bool {
	if p.all {
		return true
	}
	for _, exact := range p.exact {
		if path == exact {
			return true
		}
	}
	for _, prefix := range p.prefixes {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// comparedPath is the path of a request as Caddy's path matcher compares it with plain paths.
func comparedPath(r *http.Request) string {
	return caddyhttp.CleanPath(strings.ToLower(r.URL.Path), true)
}

// in returns what says whether a request is in a target, for as long as it is as it is now.
func (b *rulebook) in(r *http.Request) func(policy.TargetID) (bool, error) {
	var path string
	return func(id policy.TargetID) (bool, error) {
		plain := b.plain[id]
		if plain == nil {
			return b.targets[id].AnyMatchWithError(r)
		}
		if path == "" {
			path = comparedPath(r)
		}
		return plain.holds(path), nil
	}
}
