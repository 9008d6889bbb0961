package caddymodule

import (
	"net/http"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// An outcome is what would have become of a request by a rule that reports only.
type outcome string

const (
	outcomePass   outcome = "pass"
	outcomeAsk    outcome = "ask"           // for proof that the person can give
	outcomeStuck  outcome = "ask_no_method" // for proof that the account has no method for
	outcomeRefuse outcome = "refuse"
)

var outcomes = [...]outcome{outcomePass, outcomeAsk, outcomeStuck, outcomeRefuse}

// outcomeOf is the outcome of a rule that asks something of somebody who has the given
// proof, nil for nobody, and methods. A proof for the very request is never there already.
func outcomeOf(asks policy.Demand, proof *policy.Proof, have policy.Factors, now time.Time) outcome {
	switch {
	case asks.IsNever():
		return outcomeRefuse
	case asks.IsZero():
		return outcomePass
	case proof == nil:
		return outcomeAsk
	case asks.Met(*proof, now):
		return outcomePass
	case policy.Ways(asks, *proof, now, have) == nil:
		return outcomeStuck
	}
	return outcomeAsk
}

// report counts a request that is let through, and tells what would have become of it by
// rules that are there to report only. It has no other effect.
func (s *site) report(r *http.Request, session *flows.Live, j judgement) {
	s.tally.count(verdictPass)
	if j.Reported == (policy.RuleSet{}) {
		return
	}
	now := s.app.now()
	var person policy.Person
	if session != nil {
		person.Email, person.Groups = session.Canonical, session.Groups
		_, person.Domain, _ = strings.Cut(person.Email, "@")
	}
	for i := range s.reports {
		if s.reports[i] == nil || !j.Reported.Has(i) {
			continue
		}
		rule := &s.rules.policy.Rules[i]
		var would outcome
		if session == nil {
			would = outcomeOf(rule.Asks(nil), nil, 0, now)
		} else {
			would = outcomeOf(rule.Asks(&person), &session.Proof, session.Have, now)
		}
		s.reports[i].count(would)
		if would != outcomePass {
			s.tell(r, session, rule, would)
		}
	}
}

func (s *site) tell(r *http.Request, session *flows.Live, rule *policy.Rule, would outcome) {
	user := ""
	if session != nil {
		user = session.User
	}
	s.app.log.Info("a rule that only reports would not have let a request through", "rule", rule.Name,
		"outcome", string(would), "method", r.Method, "host", r.Host, "path", r.URL.Path, "user", user)
}
