package caddymodule

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// sensitivity reads `sensitivity <name> <target>… [{ label <text>; match { … } }]`.
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
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		switch word := d.Val(); word {
		case "label":
			if err := parseWord(d, &s.Label); err != nil {
				return err
			}
			if err := checkLabel("label", s.Label); err != nil {
				return d.WrapErr(err)
			}
		case "match":
			set, err := p.inline()
			if err != nil {
				return err
			}
			s.MatchRaw = addSet(s.MatchRaw, set)
		default:
			return d.Errf("unknown word %q: use label or match, or close the block of the sensitivity above with }", word)
		}
	}
	if err := s.check(name); err != nil {
		return p.defined[name].wrap(err)
	}
	if p.handler.Sensitivities == nil {
		p.handler.Sensitivities = make(map[string]*Sensitivity)
	}
	p.handler.Sensitivities[name] = s
	return nil
}

// target reads the target at the cursor: a matcher set, or else a name.
func (p *siteParser) target() (name string, set caddy.ModuleMap, err error) {
	word := p.Val()
	if !strings.HasPrefix(word, "@") && !strings.HasPrefix(word, "/") {
		return word, nil, nil
	}
	if strings.Contains(word, ",") {
		return "", nil, p.Errf("%q has a comma in it: blanks stand between targets; a path with a comma goes into a matcher", word)
	}
	if strings.HasPrefix(word, "/") && strings.Contains(word, "**") {
		return "", nil, p.Errf("%q has ** in it, which is no more than *: write /x/* for everything below /x", word)
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
	return "", set, wrap(p.Dispenser, checkSet(set))
}

// inline reads matchers that are written where they are used, all of which must match:
// `match { … }` or `when { … }`, with the cursor at the first word.
func (p *siteParser) inline() (caddy.ModuleMap, error) {
	d := p.Dispenser
	word, at := d.Val(), here(d)
	set, err := caddyhttp.ParseCaddyfileNestedMatcherSet(d)
	if err != nil {
		if strings.Contains(err.Error(), fmt.Sprintf(", at %s:", at.file)) {
			return nil, err // names its line already
		}
		return nil, at.wrap(err)
	}
	if len(set) == 0 {
		return nil, at.wrap(fmt.Errorf("%[1]s names no matcher: write one on each line, such as %[1]s { method POST }", word))
	}
	if err := checkSet(set); err != nil {
		return nil, at.wrap(err)
	}
	return set, nil
}

// checkSet refuses matchers without anything to match, which Caddy would refuse later
// without a line.
func checkSet(set caddy.ModuleMap) error {
	for _, name := range sortedKeys(set) {
		if string(set[name]) == "null" {
			return fmt.Errorf("the matcher %s names nothing to match: write it behind the word, such as path /x/*", name)
		}
	}
	return nil
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
