package caddymodule

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// finish judges the directive as a whole.
func (p *siteParser) finish() error {
	h := &p.handler
	for _, name := range slices.Sorted(maps.Keys(p.used)) {
		if _, ok := p.defined[name]; !ok {
			return p.used[name].wrap(undefinedSensitivity(name, sortedKeys(p.defined)))
		}
	}
	for _, name := range sortedKeys(p.defined) {
		if _, ok := p.used[name]; !ok {
			return p.defined[name].wrap(unusedSensitivity(name))
		}
	}
	if err := p.finishNative(); err != nil {
		return err
	}
	if err := p.finishRules(); err != nil {
		return err
	}
	if h.Authorization == "pass" && h.Inject != nil && slices.Contains(h.Inject.names(), "Authorization") {
		return p.start.wrap(authorizationConflict())
	}
	if h.Origins == nil {
		origins, err := deriveOrigins(p.Helper)
		if err != nil {
			return p.start.wrap(err)
		}
		h.Origins = origins
	}
	if err := p.claimOrigins(); err != nil {
		return err
	}
	return p.checkWithGlobals()
}

// finishRules judges rules and risk by one another, and by the server that they are on.
func (p *siteParser) finishRules() error {
	h := &p.handler
	for i, rule := range h.Rules {
		if err := h.checkRule(rule); err != nil {
			return p.rules[i].wrap(fmt.Errorf("rule %q: %w", rule, err))
		}
	}
	for _, name := range sortedKeys(h.Sensitivities) {
		if err := h.checkOwnPaths(h.Sensitivities[name].MatchRaw); err != nil {
			return p.defined[name].wrap(err)
		}
	}
	if h.Risk != nil {
		if err := h.Risk.check(); err != nil {
			return p.riskAt.wrap(err)
		}
		if err := h.checkRisk(); err != nil {
			return p.riskAt.wrap(err)
		}
	}
	return p.checkServers()
}

// originsKey is where the directives of one Caddyfile note whom they answer for.
const originsKey = "stepgate.origins"

// claimOrigins finds two directives that answer for one origin. A snippet imported
// into several sites is one place with several origins, and fine.
func (p *siteParser) claimOrigins() error {
	claimed, ok := p.State[originsKey].(map[string]place)
	if !ok {
		claimed = make(map[string]place)
		p.State[originsKey] = claimed
	}
	for _, origin := range p.handler.Origins {
		if first, ok := claimed[origin]; ok {
			return p.start.wrap(fmt.Errorf("%s is guarded already, by the stepgate at %s: put all rules of a site into one", origin, first))
		}
		claimed[origin] = p.start
	}
	return nil
}

// checkWithGlobals judges the site by what the global options say.
func (p *siteParser) checkWithGlobals() error {
	app, ok := p.Option("stepgate").(httpcaddyfile.App)
	if !ok {
		return p.start.wrap(errNoEmailSender)
	}
	facts, err := factsOf(app.Value)
	if err != nil {
		return p.start.wrap(err)
	}
	alwaysOTP := false
	for i, rule := range p.handler.Rules {
		if rule.Demand == nil {
			continue
		}
		demand, err := rule.Demand.compile()
		if err != nil {
			return p.rules[i].wrap(err)
		}
		if err := facts.checkDemand(demand); err != nil {
			return p.rules[i].wrap(fmt.Errorf("rule %q: %w", rule, err))
		}
		alwaysOTP = alwaysOTP || rule.always() && rule.Demand.Proof == "otp"
	}
	if err := facts.checkPasswords(alwaysOTP); err != nil {
		return p.start.wrap(err)
	}
	if err := p.checkClients(facts); err != nil {
		return err
	}
	if err := p.checkPlaceholders(facts); err != nil {
		return err
	}
	for _, origin := range p.handler.Origins {
		if strings.Contains(origin, "{") {
			continue // Provision knows what it becomes
		}
		if err := facts.checkOrigin(origin); err != nil {
			return p.start.wrap(err)
		}
	}
	return nil
}

// A place is where something stands in a Caddyfile.
type place struct {
	file string
	line int
}

func here(d *caddyfile.Dispenser) place { return place{d.File(), d.Line()} }

func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// wrap names the place the way the dispenser does.
func (p place) wrap(err error) error { return fmt.Errorf("%w, at %s", err, p) }
