package caddymodule

import (
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// sensitivity reads `sensitivity <name> <target>… [{ label <text> }]`.
func (p *siteParser) sensitivity() error {
	d := p.Dispenser
	if !d.NextArg() {
		return d.Err("sensitivity has no name")
	}
	name := d.Val()
	if err := checkSensitivityName(name); err != nil {
		return d.WrapErr(err)
	}
	if first, ok := p.defined[name]; ok {
		return d.Errf("sensitivity %s is defined twice, first at %s: put all its requests into one", name, first)
	}
	p.defined[name] = here(d)
	s := new(Sensitivity)
	for d.NextArg() {
		if d.Val() == "*" {
			return d.WrapErr(errSensitivityOfAll)
		}
		named, set, err := p.target()
		if err != nil {
			return err
		}
		if named != "" {
			return d.Errf("sensitivity %s: %q is neither a path nor a matcher: write /path or @matcher", name, named)
		}
		s.MatchRaw = addSet(s.MatchRaw, set)
	}
	if err := s.check(name); err != nil {
		return d.WrapErr(err)
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if d.Val() != "label" {
			return d.Errf("unknown word %q: use label, or close the block of the sensitivity above with }", d.Val())
		}
		if err := parseWord(d, &s.Label); err != nil {
			return err
		}
		if err := s.check(name); err != nil {
			return d.WrapErr(err)
		}
	}
	if p.handler.Sensitivities == nil {
		p.handler.Sensitivities = make(map[string]*Sensitivity)
	}
	p.handler.Sensitivities[name] = s
	return nil
}

// rule reads `public|deny|require [<demand>] [on <target>…]`.
func (p *siteParser) rule() error {
	d := p.Dispenser
	p.rules = append(p.rules, here(d))
	rule := &Rule{Verb: d.Val()}
	words := []string{rule.Verb}
	if rule.Verb == "require" {
		demand, err := p.demand()
		if err != nil {
			return err
		}
		rule.Demand = demand
		words = append(words, demand.String())
	}
	if d.NextArg() {
		if d.Val() == "when" {
			return unsupported(d, "when")
		}
		if d.Val() != "on" {
			return d.Errf("unexpected %q in a rule: use `on` before what the rule is about", d.Val())
		}
		words = append(words, "on")
		for d.NextArg() {
			if d.Val() == "when" {
				return unsupported(d, "when")
			}
			words = append(words, d.Val())
			if err := p.on(rule); err != nil {
				return err
			}
		}
		if len(rule.On) == 0 && len(rule.MatchRaw) == 0 {
			return d.Err("`on` names nothing: write a sensitivity, @matcher, /path or *")
		}
	}
	rule.Name = strings.Join(words, " ")
	if err := rule.check(); err != nil {
		return d.WrapErr(err)
	}
	p.handler.Rules = append(p.handler.Rules, rule)
	return parseEnd(d, rule.Verb)
}

// on adds the target at the cursor to the rule.
func (p *siteParser) on(rule *Rule) error {
	if p.Val() == "*" {
		rule.On = append(rule.On, "*")
		return nil
	}
	name, set, err := p.target()
	if err != nil {
		return err
	}
	if name == "" {
		rule.MatchRaw = addSet(rule.MatchRaw, set)
		return nil
	}
	if checkSensitivityName(name) != nil {
		return p.Errf("%q is nothing that a rule can be about: write a sensitivity, @matcher, /path or *", name)
	}
	if _, ok := p.used[name]; !ok {
		p.used[name] = here(p.Dispenser)
	}
	rule.On = append(rule.On, name)
	return nil
}

// target reads the target at the cursor: a matcher set, or else a name.
func (p *siteParser) target() (name string, set caddy.ModuleMap, err error) {
	word := p.Val()
	if !strings.HasPrefix(word, "@") && !strings.HasPrefix(word, "/") {
		return word, nil, nil
	}
	// MatcherToken takes the next token, so the cursor goes back by one. What it does
	// not know it has consumed all the same, which is why the word is looked at first.
	p.Prev()
	set, ok, err := p.MatcherToken()
	if err != nil {
		return "", nil, p.Errf("no matcher is named %s: define it in the site block, such as %s path /x/*", word, word)
	}
	if !ok {
		return "", nil, p.Errf("%q is no matcher: write @name, /path or *", word)
	}
	if len(set) == 0 {
		return "", nil, p.Errf("the matcher %s is empty and would match every request: say * if that is what you want", word)
	}
	return "", set, nil
}

// addSet adds a matcher set to others, any of which may match. Paths on one line
// become one path matcher.
func addSet(sets caddyhttp.RawMatcherSets, set caddy.ModuleMap) caddyhttp.RawMatcherSets {
	last := len(sets) - 1
	paths := pathsOf(set)
	if last < 0 || len(paths) == 0 || len(pathsOf(sets[last])) == 0 {
		return append(sets, set)
	}
	// A new map: the set may be a named matcher's, which others share.
	merged := caddyhttp.MatchPath(append(pathsOf(sets[last]), paths...))
	sets[last] = caddy.ModuleMap{"path": caddyconfig.JSON(merged, nil)}
	return sets
}

// demand reads `session|password|otp [email|sms] [within <duration>]`.
func (p *siteParser) demand() (*Demand, error) {
	d := p.Dispenser
	if !d.NextArg() || d.Val() == "on" || d.Val() == "when" {
		return nil, d.Err("require asks for nothing: use session, password or otp")
	}
	demand := &Demand{Proof: d.Val()}
	switch demand.Proof {
	case "session", "password", "otp":
	default:
		return nil, d.Errf("unknown demand %q: use session, password, otp, otp email or otp sms", demand.Proof)
	}
	for d.NextArg() {
		switch word := d.Val(); word {
		case "email", "sms":
			if demand.Proof != "otp" || demand.Channel != "" || demand.Within != 0 {
				return nil, d.Errf("unexpected %q: the channel comes once, right after otp", word)
			}
			demand.Channel = word
		case "once":
			return nil, unsupported(d, "once")
		case "within":
			if demand.Within != 0 {
				return nil, repeated(d, "within")
			}
			if !d.NextArg() || d.Val() == "on" {
				return nil, d.Err("within has no duration, such as within 5m")
			}
			if d.Val() == "once" {
				return nil, unsupported(d, "within once")
			}
			within, err := positiveDuration(d, "within", d.Val())
			if err != nil {
				return nil, err
			}
			if err := checkWithin(within); err != nil {
				return nil, d.WrapErr(err)
			}
			demand.Within = caddy.Duration(within)
		default:
			d.Prev() // the rule's
			return demand, nil
		}
	}
	return demand, nil
}
