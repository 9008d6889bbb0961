package caddymodule

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/stepgate/stepgate/policy"
)

// compileRisk makes a block ready to judge requests, and empties its raw matchers, as
// Caddy does with what was loaded. Without a block there is no risk.
func compileRisk(ctx caddy.Context, r *Risk) (*riskbook, error) {
	if r == nil {
		return nil, nil
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("risk: %w", err)
	}
	b := new(riskbook)
	for _, header := range r.Headers {
		compiled, err := header.compile(r.Missing)
		if err != nil {
			return nil, fmt.Errorf("risk: %w", err)
		}
		b.headers = append(b.headers, compiled)
	}
	none := policy.NoRisk.String()
	b.newDevice, _ = policy.ParseRisk(cmp.Or(r.NewDevice, none))
	b.newNetwork, _ = policy.ParseRisk(cmp.Or(r.NewNetwork, none))
	var err error
	if b.failures, err = r.counts(); err != nil {
		return nil, fmt.Errorf("risk: %w", err)
	}
	if b.ages, err = r.ages(); err != nil {
		return nil, fmt.Errorf("risk: %w", err)
	}
	for _, match := range r.Matches {
		compiled := riskMatch{name: targetNames(match.MatchRaw)}
		compiled.risk, _ = policy.ParseRisk(match.Risk)
		if compiled.sets, err = loadSets(ctx, match, match.MatchRaw); err != nil {
			return nil, fmt.Errorf("risk: match %s: %w", compiled.name, err)
		}
		b.matches = append(b.matches, compiled)
	}
	// Highest first: what is found then spares the rest.
	slices.SortStableFunc(b.matches, func(a, b riskMatch) int { return cmp.Compare(b.risk, a.risk) })
	return b, nil
}

// loadSets loads the matchers of owner, which has them in its field MatchRaw. None of the
// sets may be empty: it would match every request.
func loadSets(ctx caddy.Context, owner any, raw caddyhttp.RawMatcherSets) (caddyhttp.MatcherSets, error) {
	for _, set := range raw {
		if len(set) == 0 {
			return nil, fmt.Errorf("a matcher set is empty and would match every request: say * if that is what you want")
		}
	}
	loaded, err := ctx.LoadModule(owner, "MatchRaw")
	if err != nil {
		return nil, fmt.Errorf("loading matchers: %w", err)
	}
	var sets caddyhttp.MatcherSets
	if err := sets.FromInterface(loaded); err != nil {
		return nil, fmt.Errorf("loading matchers: %w", err)
	}
	for _, set := range sets {
		for _, matcher := range set {
			if m, ok := matcher.(*caddyhttp.MatchPath); ok && len(*m) == 0 {
				return nil, fmt.Errorf("a path matcher has no path and would match nothing")
			}
		}
	}
	return sets, nil
}
