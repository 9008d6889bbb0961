package caddymodule

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/stepgate/stepgate/policy"
)

// What a rule says may be right by itself and yet never come to anything. What can only be
// a mistake is refused; what is merely of no use is warned of.

// A warning is something in the configuration that is probably not meant.
type warning struct{ message, problem string }

func (h *Handler) warn(warnings []warning) {
	for _, w := range warnings {
		h.log.Warn(w.message, "problem", w.problem, "site", strings.Join(h.Origins, " "))
	}
}

// checkRules judges rules, sensitivities and risk by one another. Their matchers must not be
// loaded yet: then there is nothing to see of them any more.
func (h *Handler) checkRules() error {
	if h.Risk != nil {
		if err := h.Risk.check(); err != nil {
			return fmt.Errorf("risk: %w", err)
		}
	}
	for _, rule := range h.Rules {
		if rule == nil {
			continue // refused elsewhere
		}
		err := rule.check()
		if err == nil {
			err = h.checkRule(rule)
		}
		if err != nil {
			return fmt.Errorf("rule %q: %w", rule, err)
		}
	}
	for _, name := range sortedKeys(h.Sensitivities) {
		if s := h.Sensitivities[name]; s != nil {
			if err := h.checkOwnPaths(s.MatchRaw); err != nil {
				return fmt.Errorf("sensitivity %s: %w", name, err)
			}
		}
	}
	return h.checkRisk()
}

// checkRule judges a rule, right by itself, by the risks that there can be, and by where our
// own pages are.
func (h *Handler) checkRule(rule *Rule) error {
	if rule.When != nil && rule.When.Risk != "" {
		band, err := parseBand(rule.When.Risk)
		if err != nil {
			return err
		}
		switch highest := h.Risk.highest(); {
		case h.Risk == nil:
			return fmt.Errorf("`when risk %[1]s` is never so: nothing tells a risk; add what does, such as risk { new_device %[1]s }", band)
		case band > highest:
			return fmt.Errorf("`when risk %s` is never so: nothing in the risk block says more than %s", band, highest)
		}
	}
	if err := h.checkOwnPaths(rule.MatchRaw); err != nil {
		return err
	}
	if rule.When == nil {
		return nil
	}
	return h.checkOwnPaths(rule.When.MatchRaw)
}

// checkRisk judges the risk by the rest of the handler.
func (h *Handler) checkRisk() error {
	if h.Risk == nil {
		return nil
	}
	if !slices.ContainsFunc(h.Rules, func(r *Rule) bool { return r != nil && r.When != nil && r.When.Risk != "" }) {
		return errUnusedRisk
	}
	for _, match := range h.Risk.Matches {
		if err := h.checkOwnPaths(match.MatchRaw); err != nil {
			return err
		}
	}
	injection := cmp.Or(h.Inject, defaultInjection())
	for _, name := range h.Risk.headerNames() {
		if slices.ContainsFunc(injection.names(), func(injected string) bool { return strings.EqualFold(injected, name) }) {
			return fmt.Errorf("header %s cannot both tell the risk and be injected: the application gets no header that the risk is read from; "+
				"inject under another name", name)
		}
	}
	return nil
}

var errUnusedRisk = fmt.Errorf("no rule speaks of the risk: add one, such as require otp when risk medium, or remove the block")

// ownPlaces are the paths below which everything is ours.
func (h *Handler) ownPlaces() []string {
	places := []string{cmp.Or(h.Prefix, defaultPrefix)}
	if h.Native != nil && h.Native.Base != "" {
		places = append(places, h.Native.Base)
	}
	return places
}

// checkOwnPaths refuses matcher sets that only match our own pages, which no rule opens or
// closes.
func (h *Handler) checkOwnPaths(raw caddyhttp.RawMatcherSets) error {
	for _, set := range raw {
		var paths []string
		if json.Unmarshal(set["path"], &paths) != nil || len(paths) == 0 {
			continue
		}
		if !slices.ContainsFunc(paths, func(path string) bool { return !h.ownPath(path) }) {
			return fmt.Errorf("%s is among Stepgate's own pages, which rules never speak of: they are open to whoever needs them; remove it", paths[0])
		}
	}
	return nil
}

// ownPath reports whether a path matcher can only match what is ours.
func (h *Handler) ownPath(pattern string) bool {
	stem, wild := strings.ToLower(pattern), false
	if i := strings.IndexAny(stem, `*?[\%`); i >= 0 {
		stem, wild = stem[:i], true
	}
	for _, place := range h.ownPlaces() {
		place = strings.ToLower(place)
		if strings.HasPrefix(stem, place+"/") || !wild && stem == place {
			return true
		}
	}
	return false
}

// lint finds what is of no use. Sensitivities, rules and risk must be right.
func (b *rulebook) lint(risk *Risk) []warning {
	warnings := slices.Clone(b.warnings)
	for _, shadow := range b.policy.Shadows(b.inside) {
		warnings = append(warnings, warning{"a rule changes nothing", fmt.Sprintf("%q: %q speaks wherever it does and leaves it nothing to say",
			b.policy.Rules[shadow.Rule].Name, b.policy.Rules[shadow.By].Name)})
	}
	warnings = append(warnings, risk.lint()...)
	for i := range b.policy.Rules {
		rule := &b.policy.Rules[i]
		switch {
		case rule.Report:
		case rule.Verb == policy.Public && len(rule.On) == 0 && !rule.Conditional():
			warnings = append(warnings, warning{"the whole site is public", fmt.Sprintf(
				"%q: nobody signs in but where another rule asks for it; name what everybody may see, if that is not what you want", rule.Name)})
		case rule.Verb == policy.Deny && rule.Risk != policy.NoRisk && b.guessing() >= rule.Risk:
			warnings = append(warnings, warning{"strangers can shut people out", fmt.Sprintf(
				"%q: recent_failures counts wrong tries by anybody; ask for proof at that risk instead, such as require otp when risk %s", rule.Name, rule.Risk)})
		}
	}
	return warnings
}

// lint finds what is probably not meant of the risk. Of no risk it finds nothing.
func (r *Risk) lint() (warnings []warning) {
	if r == nil {
		return nil
	}
	for _, header := range r.Headers {
		calm := func(w RiskWord) bool { return w.Risk == "none" || w.Risk == "low" }
		if len(header.Words) > 0 && !slices.ContainsFunc(header.Words, calm) {
			missing := cmp.Or(header.Missing, r.Missing, policy.HighRisk.String())
			warnings = append(warnings, warning{"an ordinary request is probably taken for a dangerous one", fmt.Sprintf(
				"header %s: a word that is not listed counts as missing, and so as %s: list the ordinary ones too, such as none normal", header.Name, missing)})
		}
	}
	return warnings
}

// guessing is the risk that whoever knows an address can bring about.
func (b *rulebook) guessing() (risk policy.Risk) {
	if b.risk != nil {
		for _, f := range b.risk.failures {
			risk = max(risk, f.risk)
		}
	}
	return risk
}

// A shape is what can be seen of a target from outside: its matcher sets, each as the
// configuration of its matchers in one spelling.
type shape []map[string]string

func shapeOf(raw caddyhttp.RawMatcherSets) shape {
	var s shape
	for _, set := range raw {
		one := make(map[string]string, len(set))
		for name, config := range set {
			var compact bytes.Buffer
			if json.Compact(&compact, config) != nil {
				compact.Reset()
				compact.Write(config)
			}
			one[name] = compact.String()
		}
		s = append(s, one)
	}
	return s
}

// inside reports whether every request in target a can be seen to be in target b.
func (b *rulebook) inside(a, c policy.TargetID) bool {
	for _, narrow := range b.shapes[a] {
		if !slices.ContainsFunc(b.shapes[c], func(wide map[string]string) bool { return narrower(narrow, wide) }) {
			return false
		}
	}
	return true
}

// narrower reports whether whatever matches one set matches another: each of the other's
// matchers is there too, or a list in it says less.
func narrower(narrow, wide map[string]string) bool {
	for name, config := range wide {
		own, ok := narrow[name]
		switch {
		case !ok:
			return false
		case own == config:
		case name == "path":
			if !listed(own, config, pathInside) {
				return false
			}
		case name == "method":
			if !listed(own, config, func(a, b string) bool { return a == b }) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// listed reports whether each item of one JSON list is inside some item of another.
func listed(narrow, wide string, inside func(a, b string) bool) bool {
	var few, many []string
	if json.Unmarshal([]byte(narrow), &few) != nil || json.Unmarshal([]byte(wide), &many) != nil {
		return false
	}
	for _, a := range few {
		if !slices.ContainsFunc(many, func(b string) bool { return inside(a, b) }) {
			return false
		}
	}
	return true
}

// pathInside reports whether whatever matches one path pattern matches another, where both
// are plain paths, perhaps with a final *. Of other patterns only equal ones are known.
func pathInside(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b) // as Caddy compares them
	if a == b {
		return true
	}
	stem, wild := strings.CutSuffix(b, "*")
	plain, _ := strings.CutSuffix(a, "*")
	return wild && strings.HasPrefix(plain, stem) && !strings.ContainsAny(plain, `*?[\%`) && !strings.Contains(plain, "//")
}
