package caddymodule

import (
	"slices"
	"strings"

	"github.com/stepgate/stepgate/policy"
)

// A parsedRule is a rule while it is read, with the words that its name is made of.
type parsedRule struct {
	*Rule
	head, on, when []string
	saidOn         bool // on the line itself
}

// rule reads
//
//	[report] (public | deny | require <demand> | only group|user|domain <name>…) [on <target>…] [when <condition>…] [{
//	    match { … }
//	    when  { … }
//	    forms keep|drop
//	    name  <text>
//	}]
func (p *siteParser) rule() error {
	d := p.Dispenser
	p.rules = append(p.rules, here(d))
	if len(p.rules) > policy.MaxRules {
		return d.WrapErr(errTooManyRules)
	}
	rule := &parsedRule{Rule: new(Rule)}
	if d.Val() == "report" {
		rule.Report = true
		rule.head = append(rule.head, "report")
		if !d.NextArg() || !slices.Contains(ruleVerbs, d.Val()) {
			return d.Errf("report has no rule to try: write it behind, such as report require otp on /export/*")
		}
	}
	rule.Verb = d.Val()
	rule.head = append(rule.head, rule.Verb)
	switch rule.Verb {
	case "require":
		demand, err := p.demand()
		if err != nil {
			return err
		}
		rule.Demand = demand
		rule.head = append(rule.head, demand.String())
	case "only":
		if err := p.people(rule); err != nil {
			return err
		}
	}
	if err := p.clauses(rule); err != nil {
		return err
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := p.ruleOption(rule); err != nil {
			return err
		}
	}
	if rule.Name == "" {
		rule.Name = rule.words()
	}
	if err := rule.check(); err != nil {
		return d.WrapErr(err)
	}
	p.handler.Rules = append(p.handler.Rules, rule.Rule)
	return nil
}

// words are the rule as it was written.
func (r *parsedRule) words() string {
	words := slices.Clone(r.head)
	if len(r.on) > 0 {
		words = append(append(words, "on"), r.on...)
	}
	if len(r.when) > 0 {
		words = append(append(words, "when"), r.when...)
	}
	name := strings.Join(words, " ")
	if len(name) > maxRuleName {
		name = strings.ToValidUTF8(name[:maxRuleName-len("…")], "") + "…"
	}
	return name
}

// people reads `group|user|domain <name>…`, of which several may follow one another: any
// of them is admitted.
func (p *siteParser) people(rule *parsedRule) error {
	d := p.Dispenser
	rule.Only = new(Who)
	var kind *[]string
	word := ""
	for p.nextWord() {
		name := d.Val()
		into := map[string]*[]string{"group": &rule.Only.Groups, "user": &rule.Only.Users, "domain": &rule.Only.Domains}[name]
		switch {
		case into != nil:
			if kind != nil && len(*kind) == 0 {
				return p.namesNobody(word)
			}
			word, kind = name, into
		case kind == nil:
			return d.Errf("unexpected %q after only: write group, user or domain before the names", name)
		default:
			if slices.Contains(*kind, name) {
				return d.Errf("only names %s %s twice", word, name)
			}
			*kind = append(*kind, name)
			if _, err := rule.Only.compile(); err != nil {
				return d.WrapErr(err)
			}
		}
		rule.head = append(rule.head, name)
	}
	switch {
	case kind == nil:
		return d.WrapErr(errOnlyNobody)
	case len(*kind) == 0:
		return p.namesNobody(word)
	}
	return nil
}

func (p *siteParser) namesNobody(kind string) error {
	return p.Errf("%[1]s names nobody: write names behind it, such as only %[1]s %[2]s",
		kind, map[string]string{"group": "staff", "user": "dana@example.com", "domain": "example.com"}[kind])
}

// clauses reads `[on <target>…] [when <condition>…]`.
func (p *siteParser) clauses(rule *parsedRule) error {
	d := p.Dispenser
	for d.NextArg() {
		switch word := d.Val(); {
		case word == "on" && rule.When != nil:
			return d.Err("`on` stands after `when`: write what the rule is about first, and then when it speaks")
		case word == "on" && rule.on != nil, word == "when" && rule.When != nil:
			return d.Errf("%s is given twice: name everything behind one", word)
		case word == "on":
			for p.nextWord() {
				if err := p.on(rule); err != nil {
					return err
				}
			}
			if rule.on == nil {
				return d.Err("`on` names nothing: write a sensitivity, @matcher, /path or *")
			}
			rule.saidOn = true
		case word == "when":
			rule.When = new(Condition)
			for p.nextWord() {
				if err := p.when(rule); err != nil {
					return err
				}
			}
			if rule.when == nil {
				return d.Err("`when` names no condition: use risk and a band, or @matcher")
			}
		case word == "risk":
			return d.Err("unexpected \"risk\" in a rule: use `when` before it, such as require otp when risk medium")
		default:
			if rule.Demand != nil && !strings.HasPrefix(word, "/") && !strings.HasPrefix(word, "@") {
				return d.Errf("unexpected %q in a rule: a demand has email or sms and `within`, and then come `on` and `when`", word)
			}
			return d.Errf("unexpected %q in a rule: use `on` before what the rule is about", word)
		}
	}
	return nil
}

// nextWord moves to the next word of a clause, if there is one.
func (p *siteParser) nextWord() bool {
	if !p.NextArg() {
		return false
	}
	if p.Val() == "on" || p.Val() == "when" {
		p.Prev()
		return false
	}
	return true
}

// on adds the target at the cursor to the rule.
func (p *siteParser) on(rule *parsedRule) error {
	rule.on = append(rule.on, p.Val())
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

// when adds the condition at the cursor to the rule.
func (p *siteParser) when(rule *parsedRule) error {
	d := p.Dispenser
	word := d.Val()
	rule.when = append(rule.when, word)
	switch {
	case word == "risk":
		if rule.When.Risk != "" {
			return d.Err("risk is given twice: the rule speaks from one band on, and at every higher one")
		}
		if !p.nextWord() {
			return d.Err("risk names no band: use low, medium or high")
		}
		rule.When.Risk = d.Val()
		rule.when = append(rule.when, d.Val())
		return wrap(d, rule.When.check())
	case strings.HasPrefix(word, "@"):
		_, set, err := p.target()
		if err != nil {
			return err
		}
		rule.When.MatchRaw = append(rule.When.MatchRaw, set)
		return nil
	case strings.HasPrefix(word, "/"):
		return d.Errf("the path %s is no condition: a rule speaks of paths behind `on`", word)
	}
	if _, ok := policy.ParseRisk(word); ok {
		return d.Errf("unexpected %[1]q behind `when`: write risk before it, such as when risk %[1]s", word)
	}
	return d.Errf("%q is no condition: use risk and a band, or @matcher", word)
}

// ruleOption reads a line in the block of a rule.
func (p *siteParser) ruleOption(rule *parsedRule) error {
	d := p.Dispenser
	switch option := d.Val(); option {
	case "match", "when":
		set, err := p.inline()
		if err != nil {
			return err
		}
		if option == "match" && rule.saidOn {
			// Read as narrower by some and as wider by others.
			return d.Err("a rule has its targets behind `on` or in `match { … }`: write when { … } to narrow what stands behind `on`, or a second rule for what comes on top")
		}
		if option == "match" {
			rule.on = append(rule.on, targetName(set))
			rule.MatchRaw = addSet(rule.MatchRaw, set)
			return nil
		}
		if rule.When == nil {
			rule.When = new(Condition)
		}
		rule.when = append(rule.when, targetName(set))
		rule.When.MatchRaw = append(rule.When.MatchRaw, set)
		return nil
	case "forms":
		if err := parseWord(d, &rule.Forms); err != nil {
			return err
		}
		return wrap(d, rule.checkForms())
	case "name":
		if err := parseWord(d, &rule.Name); err != nil {
			return err
		}
		return wrap(d, checkRuleName(rule.Name))
	default:
		return d.Errf("unknown word %q: use %s, or close the block of the rule above with }",
			option, alternatives([]string{"match", "when", "forms", "name"}))
	}
}
