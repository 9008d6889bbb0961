package caddymodule

import (
	"crypto/rand"
	"net/http"
	"strings"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// decisionHeader marks an answer as the gateway's own, and names the decision.
const decisionHeader = "Stepgate-Decision"

// A verdict is what became of a request that was not let through.
type verdict string

const (
	verdictSignIn verdict = "sign_in" // nobody is signed in
	verdictStepUp verdict = "step_up" // more proof is needed
	verdictRefuse verdict = "refuse"  // no proof would do
)

// asked is the verdict on a request that owes proof.
func asked(session *flows.Live) verdict {
	if session == nil {
		return verdictSignIn
	}
	return verdictStepUp
}

// note logs a decision that is not a pass, and gives it an id by which people can ask for
// the reasons.
func (s *site) note(r, original *http.Request, session *flows.Live, j judgement, v verdict) (id string) {
	id = strings.ToLower(rand.Text()[:12])
	s.app.log.Info("a request was not let through", "decision", id, "verdict", string(v),
		"method", r.Method, "host", r.Host, "path", r.URL.Path,
		"demand", j.Demand.String(), "risk", j.risk.String(), "rules", s.ruleNames(j.Why))
	return id
}

// report tells what would have become of a request by rules that are there to report only.
func (s *site) report(r *http.Request, session *flows.Live, j judgement) {
	if j.Reported == (policy.RuleSet{}) {
		return
	}
}
