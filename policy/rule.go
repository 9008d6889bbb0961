package policy

import "fmt"

// Floor is the demand of a request for which no rule is public: a session.
var Floor = Need(Session, 0)

// A TargetID names a set of requests that the edge can tell: a sensitivity, a
// matcher or a path. It indexes [Policy.Targets].
type TargetID int

// A Verb is what a rule does.
type Verb uint8

const (
	// Require joins the rule's demand to the request's.
	Require Verb = iota
	// Public waives the floor. It takes nothing away from what rules require.
	Public
	// Deny joins [Never].
	Deny
	// Only asks who somebody is, and joins [Never] for everybody but those whom it names.
	Only
)

var verbNames = [...]string{"require", "public", "deny", "only"}

func (v Verb) String() string {
	if int(v) < len(verbNames) {
		return verbNames[v]
	}
	return fmt.Sprintf("verb(%d)", uint8(v))
}

// ParseVerb is the inverse of [Verb.String].
func ParseVerb(word string) (Verb, bool) {
	for v, name := range verbNames {
		if name == word {
			return Verb(v), true
		}
	}
	return Deny, false
}

// A Rule speaks for the requests that are in any of its targets (for every request, if
// it has none), in all of its conditions, and at its risk or a higher one.
type Rule struct {
	Name   string // as written in the configuration, for explanations
	Verb   Verb
	Demand Demand // of a Require rule
	Who    Who    // of an Only rule
	On     []TargetID
	If     []TargetID
	Risk   Risk // NoRisk: at any
	// Report has the rule judged and its outcome told, without any effect.
	Report bool
}

// Conditional reports whether the rule depends on more of a request than its targets.
func (r *Rule) Conditional() bool { return r.Risk != NoRisk || len(r.If) > 0 }

// Asks is what the rule asks of a person; nil is nobody who is known.
func (r *Rule) Asks(who *Person) Demand {
	switch r.Verb {
	case Public:
		return Demand{}
	case Require:
		return r.Demand
	case Only:
		if who == nil || r.Who.Admits(who) {
			return Floor // nobody can tell yet, or it is one of them
		}
	}
	return Never // Deny, and whatever a broken configuration could hold
}

// A Target is a named set of requests.
type Target struct {
	Name string // a sensitivity's name, a matcher's, or a path
	// Label is what people are told they are opening; empty when nobody gave one.
	Label string
}

// A Policy is all the rules of one site, at most [MaxRules]. The zero Policy demands a
// session of every request.
type Policy struct {
	Targets []Target
	Rules   []Rule
}

// A Request is what the edge knows of a request.
type Request struct {
	// In reports whether the request is in a target. It is asked once for each target at
	// most. Its error ends the decision: a question that cannot be answered must refuse,
	// never skip a rule.
	In func(TargetID) (bool, error)
	// Risk of the request.
	Risk Risk
	// Person is who makes it; nil: nobody who is known.
	Person *Person
}

// A Decision is what one request must prove, and why.
type Decision struct {
	Demand Demand
	// Why are the rules that spoke, Reported those that would have, were they not there
	// to report only.
	Why, Reported RuleSet
	// Stranger is set where an Only rule does not admit the person: somebody else may open
	// what they may not.
	Stranger bool
}

// Decide joins the demands of every rule that speaks for a request, starting from the
// floor. It does not allocate.
func (p *Policy) Decide(q Request) (Decision, error) {
	var d Decision
	if len(p.Rules) > MaxRules {
		return Decision{Demand: Never}, fmt.Errorf("judging a request: more than %d rules", MaxRules)
	}
	asked := memo{ask: q.In}
	floor := Floor
	for i := range p.Rules {
		rule := &p.Rules[i]
		heard, err := rule.hear(q.Risk, &asked)
		if err != nil && rule.Report {
			continue // it has no effect, whatever becomes of it
		}
		if err != nil {
			return Decision{Demand: Never}, fmt.Errorf("judging rule %q: %w", rule.Name, err)
		}
		switch {
		case heard.Miss != "":
			continue
		case rule.Report:
			d.Reported.add(i)
			continue
		}
		d.Why.add(i)
		if rule.Verb == Public {
			floor = Demand{}
		}
		asks := rule.Asks(q.Person)
		d.Stranger = d.Stranger || rule.Verb == Only && asks.IsNever()
		d.Demand = d.Demand.Join(asks)
	}
	d.Demand = d.Demand.Join(floor)
	return d, nil
}
