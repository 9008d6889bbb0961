package caddymodule

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// explanation puts a decision into words.
func (d *decided) explanation() *Explanation {
	e := &Explanation{
		Decision: d.id, Time: d.at.UTC(), Site: d.site, Method: d.method, Target: d.target, Query: d.query,
		AskedFor: d.askedFor, Readings: d.readings, Client: d.client,
		Risk: ExplainedRisk{Band: d.risk.String(), Signals: d.signals},
	}
	j := judgement{Decision: d.policy}
	var proof *policy.Proof
	if d.who != nil {
		proof, e.Person = &d.who.proof, d.who.explained(d.at)
	}
	verdict, missing := j.decide(proof, d.at)
	e.Demand, e.Missing = demandWords(d.policy.Demand), needsOf(missing.Demand)
	e.Answer.Verdict = string(verdict)
	var joined policy.Demand
	public, denied := false, false
	for i := range d.rules.Rules {
		if d.heard == nil && !d.policy.Why.Has(i) && !d.policy.Reported.Has(i) {
			continue
		}
		e.Rules = append(e.Rules, d.rule(i))
		if !d.policy.Why.Has(i) {
			continue
		}
		rule := &d.rules.Rules[i]
		asks := d.asks(rule)
		joined = joined.Join(asks)
		public, denied = public || rule.Verb == policy.Public, denied || rule.Verb == policy.Deny
		if rule.Verb == policy.Only && asks.IsNever() {
			e.Answer.Only = append(e.Answer.Only, strings.Join(whoWords(&rule.Who), " "))
		}
	}
	if denied {
		e.Answer.Only = nil // it is not for those people either
	}
	if public && joined != d.policy.Demand {
		e.Notes = append(e.Notes, "Servers may read the request in several ways, and it is public in some of them only.")
	}
	if d.heard == nil {
		e.Notes = append(e.Notes, "Only the rules that spoke are kept of requests by people who are not signed in.")
	}
	return e
}

// asks is what a rule asks of the person.
func (d *decided) asks(rule *policy.Rule) policy.Demand {
	if d.who == nil {
		return rule.Asks(nil)
	}
	return rule.Asks(d.who.person())
}

func (p *decidedPerson) person() *policy.Person {
	return personOf(&flows.Session{Canonical: p.email, Groups: p.groups})
}

func (p *decidedPerson) explained(now time.Time) *ExplainedPerson {
	e := &ExplainedPerson{
		User: p.user, Email: p.email, Groups: append([]string{}, p.groups...), Proof: map[string]string{},
		SessionAge: ageWords(p.age), KnownDevice: p.device, KnownNetwork: p.network, RecentFailures: p.failures, Client: p.client,
	}
	for _, f := range p.proof.Factors().Slice() {
		at, _ := p.proof.At(f)
		e.Proof[f.String()] = ageWords(now.Sub(at))
	}
	for _, c := range p.proof.Spent() {
		e.Spent = append(e.Spent, c.String())
	}
	return e
}

// rule says whether rule i spoke, and why.
func (d *decided) rule(i int) ExplainedRule {
	rule := &d.rules.Rules[i]
	e := ExplainedRule{Rule: rule.Name, Outcome: "hit", Why: "it spoke"}
	if d.heard != nil {
		e.Why = d.why(rule, d.heard[i])
		if d.heard[i].Miss != "" {
			e.Outcome = "miss"
			return e
		}
	}
	asks := d.asks(rule)
	e.Asks = demandWords(asks)
	if rule.Verb == policy.Only {
		e.Why += ", and " + d.onlyWords(&rule.Who)
	}
	if rule.Report {
		e.Outcome = "report"
		e.Would = string(d.would(asks))
	}
	return e
}

// would is the outcome of a rule that reports only.
func (d *decided) would(asks policy.Demand) outcome {
	if d.who == nil {
		return outcomeOf(asks, nil, 0, d.at)
	}
	return outcomeOf(asks, &d.who.proof, d.who.have, d.at)
}

func (d *decided) onlyWords(who *policy.Who) string {
	switch {
	case d.who == nil:
		return "nobody is signed in"
	case who.Admits(d.who.person()):
		return d.who.email + " is one of them"
	}
	return d.who.email + " is none of them"
}

func (d *decided) why(rule *policy.Rule, heard policy.Hearing) string {
	switch heard.Miss {
	case policy.MissRisk:
		return fmt.Sprintf("the risk is %s, not %s or more", d.risk, rule.Risk)
	case policy.MissTarget:
		return "the request is not in " + d.targetNames(rule.On, " or ")
	case policy.MissCondition:
		return "the condition " + d.targetName(heard.Target) + " does not hold"
	}
	var parts []string
	if heard.Target >= 0 {
		parts = append(parts, "the request is in "+d.targetName(heard.Target))
	} else {
		parts = append(parts, "it speaks for every request")
	}
	if rule.Risk != policy.NoRisk {
		parts = append(parts, "the risk is "+d.risk.String())
	}
	if len(rule.If) > 0 {
		parts = append(parts, "its conditions hold")
	}
	return strings.Join(parts, ", and ")
}

func (d *decided) targetName(id policy.TargetID) string {
	if id < 0 || int(id) >= len(d.rules.Targets) {
		return "no target"
	}
	return d.rules.Targets[id].Name
}

func (d *decided) targetNames(ids []policy.TargetID, between string) string {
	var names []string
	for _, id := range ids {
		names = append(names, d.targetName(id))
	}
	return strings.Join(names, between)
}

// whoWords are people in the words of an only rule.
func whoWords(who *policy.Who) []string {
	return (&Who{Groups: who.Groups, Users: who.Users, Domains: who.Domains}).words()
}

// demandWords is a demand as rules write it, with ages that people like to read.
func demandWords(d policy.Demand) string {
	switch {
	case d.IsNever():
		return "deny"
	case d.IsZero():
		return "nothing"
	}
	var parts []string
	for _, need := range needsOf(d) {
		parts = append(parts, need.String())
	}
	return strings.Join(parts, " + ")
}

// String is the need in the words of the Caddyfile.
func (n ExplainedNeed) String() string {
	words := []string{n.Proof}
	if n.Within != "" {
		words = append(words, "within", n.Within)
	}
	if n.Once {
		words = append(words, "once")
	}
	return strings.Join(words, " ")
}

// needsOf lists what a demand asks for. Never asks for nothing that there is.
func needsOf(d policy.Demand) []ExplainedNeed {
	var needs []ExplainedNeed
	for dimension := range policy.Dimensions() {
		within, wanted := d.Within(dimension)
		if !wanted || d.IsNever() {
			continue
		}
		need := ExplainedNeed{Proof: dimension.String(), Once: d.AsksOnce(dimension)}
		if within != 0 {
			need.Within = shortDuration(within)
		}
		needs = append(needs, need)
	}
	return needs
}

// ageWords is how old something is, to the second. What comes from the future has no age.
func ageWords(age time.Duration) string {
	if age < 0 {
		return "in the future"
	}
	return shortDuration(age.Truncate(time.Second))
}

// needNames are the names of what is missing, in a fixed order.
func needNames(needs []ExplainedNeed) []string {
	var names []string
	for _, need := range needs {
		names = append(names, need.Proof)
	}
	slices.Sort(names)
	return names
}
