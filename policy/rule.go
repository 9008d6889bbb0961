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
)

var verbNames = [...]string{"require", "public", "deny"}

func (v Verb) String() string {
	if int(v) < len(verbNames) {
		return verbNames[v]
	}
	return fmt.Sprintf("verb(%d)", uint8(v))
}

// A Rule speaks for the requests that are in any of its targets, or for every
// request if it has none. (Conditions, `when`, and `report` and `only` rules will
// be further fields: a rule speaks if its target and all its conditions match.)
type Rule struct {
	Name   string // as written in the configuration, for explanations
	Verb   Verb
	Demand Demand // of a Require rule
	On     []TargetID
}

// A Target is a named set of requests.
type Target struct {
	Name string // a sensitivity's name, a matcher's, or a path
	// Label is what people are told they are opening; empty when nobody gave one.
	Label string
}

// A Policy is all the rules of one site. The zero Policy demands a session of
// every request.
type Policy struct {
	Targets []Target
	Rules   []Rule
}

// A Decision is what one request must prove, and why.
type Decision struct {
	Demand Demand
	Why    []int // indexes of the rules that spoke, in the order they were written
}

// Decide joins the demands of every rule that speaks for a request, starting from
// the floor. in reports whether the request is in a target; it is asked once per
// target at most for each rule that names it. Its error ends the decision: a
// question that cannot be answered must refuse, never skip a rule.
func (p *Policy) Decide(in func(TargetID) (bool, error)) (Decision, error) {
	var d Decision
	floor := Floor
	for i := range p.Rules {
		rule := &p.Rules[i]
		speaks, err := rule.speaks(in)
		if err != nil {
			return Decision{Demand: Never}, fmt.Errorf("judging rule %q: %w", rule.Name, err)
		}
		if !speaks {
			continue
		}
		if d.Why == nil { // one allocation, whatever the number of rules that speak
			d.Why = make([]int, 0, len(p.Rules)-i)
		}
		d.Why = append(d.Why, i)
		switch rule.Verb {
		case Public:
			floor = Demand{}
		case Require:
			d.Demand = d.Demand.Join(rule.Demand)
		default: // Deny, and whatever a broken configuration could hold
			d.Demand = Never
		}
	}
	d.Demand = d.Demand.Join(floor)
	return d, nil
}

func (r *Rule) speaks(in func(TargetID) (bool, error)) (bool, error) {
	if len(r.On) == 0 {
		return true, nil
	}
	for _, target := range r.On {
		ok, err := in(target)
		if ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}
