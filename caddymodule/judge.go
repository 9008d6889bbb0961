package caddymodule

import (
	"net/http"
	"net/url"

	"github.com/stepgate/stepgate/policy"
)

// decide says what a clean request must prove. Where the site lets through targets
// that servers read differently, every reading is judged and the strictest wins.
func (s *site) decide(r *http.Request) (policy.Decision, error) {
	readings := s.hygiene.Readings(r.URL)
	decision, err := s.decideAs(r)
	if err != nil || len(readings) <= 1 {
		return decision, err
	}
	for _, path := range readings {
		other := r.Clone(r.Context())
		other.URL = &url.URL{Path: path, RawQuery: r.URL.RawQuery}
		also, err := s.decideAs(other)
		if err != nil {
			return policy.Decision{Demand: policy.Never}, err
		}
		// A reading that is public takes nothing away from one that is not.
		decision.Demand = decision.Demand.Join(also.Demand)
		decision.Why = append(decision.Why, also.Why...)
	}
	return decision, nil
}

func (s *site) decideAs(r *http.Request) (policy.Decision, error) {
	return s.rules.policy.Decide(func(id policy.TargetID) (bool, error) {
		return s.rules.targets[id].AnyMatchWithError(r)
	})
}

// label is what people are told they are opening: the label of the first target that
// made a rule demand something of the request.
func (s *site) label(r *http.Request, d policy.Decision) string {
	for _, i := range d.Why {
		rule := &s.rules.policy.Rules[i]
		if rule.Verb != policy.Require {
			continue
		}
		for _, id := range rule.On {
			label := s.rules.policy.Targets[id].Label
			if label == "" {
				continue
			}
			if ok, err := s.rules.targets[id].AnyMatchWithError(r); ok && err == nil {
				return label
			}
		}
	}
	return ""
}

// ruleNames are the rules that spoke, for logs.
func (s *site) ruleNames(d policy.Decision) []string {
	var names []string
	for _, i := range d.Why {
		names = append(names, s.rules.policy.Rules[i].Name)
	}
	return names
}
