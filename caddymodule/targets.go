package caddymodule

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/stepgate/stepgate/policy"
)

// rulebook is the rules of a handler, ready to judge requests.
type rulebook struct {
	policy policy.Policy
	// targets are the matchers of policy.Targets, by [policy.TargetID]. A request is
	// in a target if any of its sets matches; none of them is empty.
	targets []caddyhttp.MatcherSets
	plain   []*plainPaths // the same; nil where only targets can say
	risk    *riskbook
	// drops are the rules that lose forms which they stop.
	drops policy.RuleSet
	// sensitivities are those of the targets that have such a name.
	sensitivities map[string]policy.TargetID
	// warnings are what is probably not meant.
	warnings []warning
	shapes   []shape // of policy.Targets
}

// compileRules turns sensitivities and rules into a policy. It empties their raw
// matchers, as Caddy does with what was loaded.
func compileRules(ctx caddy.Context, sensitivities map[string]*Sensitivity, rules []*Rule) (*rulebook, error) {
	ids := make(map[string]policy.TargetID)
	book := &rulebook{sensitivities: ids}
	for _, name := range slices.Sorted(maps.Keys(sensitivities)) {
		s := sensitivities[name]
		if s == nil {
			return nil, fmt.Errorf("sensitivity %s is null", name)
		}
		if err := s.check(name); err != nil {
			return nil, err
		}
		book.warnings = append(book.warnings, uncovered(name, s.MatchRaw)...)
		id, err := book.add(ctx, policy.Target{Name: name, Label: s.Label}, s, s.MatchRaw)
		if err != nil {
			return nil, fmt.Errorf("sensitivity %s: %w", name, err)
		}
		ids[name] = id
	}
	if len(rules) > policy.MaxRules {
		return nil, errTooManyRules
	}
	used := make(map[string]bool)
	for i, rule := range rules {
		if rule == nil {
			return nil, fmt.Errorf("rule %d is null", i+1)
		}
		compiled, err := book.rule(ctx, rule, ids)
		if err != nil {
			return nil, fmt.Errorf("rule %q: %w", rule, err)
		}
		book.policy.Rules = append(book.policy.Rules, compiled)
		if rule.Forms == "drop" {
			book.drops = book.drops.With(i)
		}
		for _, name := range rule.On {
			used[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sensitivities)) {
		if !used[name] {
			return nil, unusedSensitivity(name)
		}
	}
	return book, nil
}

var errTooManyRules = fmt.Errorf("there are more than %d rules: let one rule speak of several targets", policy.MaxRules)

func unusedSensitivity(name string) error {
	return fmt.Errorf("no rule speaks of the sensitivity %[1]s: add one, such as require otp on %[1]s, or remove it", name)
}

func undefinedSensitivity(name string, defined []string) error {
	there := ""
	if len(defined) > 0 {
		there = " (there is " + strings.Join(defined, ", ") + ")"
	}
	return fmt.Errorf("no sensitivity is named %q%s: define it with `sensitivity %s PATH…`, "+
		"or write @name for a matcher and /path for a path", name, there, name)
}

// unknownSensitivity is undefinedSensitivity where only names can stand.
func unknownSensitivity(name string) error {
	return fmt.Errorf("no sensitivity is named %[1]q: define it with `sensitivity %[1]s PATH…`", name)
}

func (s *Sensitivity) check(name string) error {
	if err := checkSensitivityName(name); err != nil {
		return err
	}
	if len(s.MatchRaw) == 0 {
		return fmt.Errorf("sensitivity %s holds no requests: name paths or matchers", name)
	}
	if slices.ContainsFunc(s.MatchRaw, matchesAll) {
		return errSensitivityOfAll
	}
	if s.Label != "" {
		return checkLabel("label", s.Label)
	}
	return nil
}

var errSensitivityOfAll = errors.New("a sensitivity of every request needs no name: say `on *` in the rules")

func (b *rulebook) rule(ctx caddy.Context, rule *Rule, ids map[string]policy.TargetID) (policy.Rule, error) {
	if err := rule.check(); err != nil {
		return policy.Rule{}, err
	}
	verb, ok := policy.ParseVerb(rule.Verb)
	if !ok {
		return policy.Rule{}, fmt.Errorf("unknown verb %q", rule.Verb)
	}
	compiled := policy.Rule{Name: rule.String(), Verb: verb, Report: rule.Report}
	if rule.Demand != nil {
		demand, err := rule.Demand.compile()
		if err != nil {
			return policy.Rule{}, err
		}
		compiled.Demand = demand
	}
	if rule.Only != nil {
		who, err := rule.Only.compile()
		if err != nil {
			return policy.Rule{}, err
		}
		compiled.Who = who
	}
	everything := rule.onEverything() // before the raw matchers are gone
	for _, name := range rule.On {
		id, ok := ids[name]
		switch {
		case name == "*":
		case !ok:
			return policy.Rule{}, undefinedSensitivity(name, sortedKeys(ids))
		default:
			compiled.On = append(compiled.On, id)
		}
	}
	if len(rule.MatchRaw) > 0 {
		if verb != policy.Public { // what is not public is asked for more, and safe
			b.warnings = append(b.warnings, uncovered(targetNames(rule.MatchRaw), rule.MatchRaw)...)
		}
		id, err := b.add(ctx, policy.Target{Name: targetNames(rule.MatchRaw)}, rule, rule.MatchRaw)
		if err != nil {
			return policy.Rule{}, err
		}
		compiled.On = append(compiled.On, id)
	}
	if everything {
		compiled.On = nil
	}
	return compiled, b.condition(ctx, rule.When, &compiled)
}

// condition makes each matcher set of a condition a target of its own: all must match.
func (b *rulebook) condition(ctx caddy.Context, when *Condition, compiled *policy.Rule) error {
	if when == nil {
		return nil
	}
	compiled.Risk, _ = policy.ParseRisk(cmp.Or(when.Risk, policy.NoRisk.String()))
	for _, set := range when.MatchRaw {
		one := &Condition{MatchRaw: caddyhttp.RawMatcherSets{set}}
		if compiled.Verb != policy.Public {
			b.warnings = append(b.warnings, uncovered(compiled.Name, one.MatchRaw)...)
		}
		id, err := b.add(ctx, policy.Target{Name: targetName(set)}, one, one.MatchRaw)
		if err != nil {
			return err
		}
		compiled.If = append(compiled.If, id)
	}
	return nil
}

// add loads the matchers of owner, which has them in its field MatchRaw.
func (b *rulebook) add(ctx caddy.Context, target policy.Target, owner any, raw caddyhttp.RawMatcherSets) (policy.TargetID, error) {
	seen := shapeOf(raw) // loading empties it
	sets, err := loadSets(ctx, owner, raw)
	if err != nil {
		return 0, err
	}
	id := policy.TargetID(len(b.targets))
	b.targets, b.plain = append(b.targets, sets), append(b.plain, plainPathsOf(sets))
	b.shapes = append(b.shapes, seen)
	b.policy.Targets = append(b.policy.Targets, target)
	return id, nil
}

// pathsOf returns the paths of a set that is a path matcher and nothing else.
func pathsOf(set caddy.ModuleMap) []string {
	var paths []string
	if len(set) != 1 || json.Unmarshal(set["path"], &paths) != nil {
		return nil
	}
	return paths
}

// matchesAll reports whether a set is a path matcher that no request escapes. Other
// matchers may match all requests as well; that cannot be seen from outside.
func matchesAll(set caddy.ModuleMap) bool {
	return slices.ContainsFunc(pathsOf(set), func(path string) bool { return path == "*" || path == "/*" })
}

// uncovered finds paths such as /admin/* where nothing in the target matches /admin
// itself, which most applications answer with the same page.
func uncovered(name string, raw caddyhttp.RawMatcherSets) []warning {
	var paths []string
	var warnings []warning
	for _, set := range raw {
		paths = append(paths, pathsOf(set)...)
	}
	for _, path := range paths {
		dir, ok := strings.CutSuffix(path, "/*")
		if !ok || dir == "" || strings.Contains(dir, "*") {
			continue
		}
		if !slices.ContainsFunc(paths, func(other string) bool {
			stem, wild := strings.CutSuffix(other, "*")
			return strings.EqualFold(other, dir) ||
				wild && !strings.EqualFold(stem, dir+"/") && len(stem) <= len(dir) && strings.EqualFold(stem, dir[:len(stem)])
		}) {
			warnings = append(warnings, warning{"a path is probably missing", fmt.Sprintf("%s: %s does not match %s itself: name both", name, path, dir)})
		}
	}
	return warnings
}

// targetName says what a matcher set is, as far as one can see from outside.
func targetName(set caddy.ModuleMap) string {
	if paths := pathsOf(set); len(paths) > 0 {
		return strings.Join(paths, " ")
	}
	return "matcher(" + strings.Join(slices.Sorted(maps.Keys(set)), ", ") + ")"
}

func targetNames(raw caddyhttp.RawMatcherSets) string {
	var names []string
	for _, set := range raw {
		names = append(names, targetName(set))
	}
	return strings.Join(names, " ")
}
