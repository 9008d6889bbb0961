package caddymodule

import (
	"crypto/rand"
	"net/http"
	"strings"

	"github.com/stepgate/stepgate/flows"
)

// decisionHeader marks an answer as the gateway's own, and names the decision.
const decisionHeader = "Stepgate-Decision"

// asked is the verdict on a request that owes proof.
func asked(session *flows.Live) verdict {
	if session == nil {
		return verdictSignIn
	}
	return verdictStepUp
}

// note logs and keeps a decision that is not a pass, and gives it an id by which people can
// ask for the reasons.
func (s *site) note(r *http.Request, original arrival, session *flows.Live, j judgement, v verdict) (id string) {
	id = strings.ToLower(rand.Text()[:12])
	user := ""
	if session != nil {
		user = session.User
	}
	s.app.log.Info("a request was not let through", "decision", id, "verdict", string(v),
		"method", r.Method, "host", r.Host, "path", r.URL.Path, "user", user,
		"demand", j.Demand.String(), "risk", j.risk.String(), "rules", s.ruleNames(j.Why))
	s.tally.count(v)
	// Strangers cause decisions as fast as they can send requests: theirs cost no more than
	// has been found out already, and make room only for each other.
	d := s.outline(r, original, session, &j)
	if session != nil {
		if all, err := s.facts(r, original, session, &j); err == nil {
			d = all
		}
	}
	d.id = id
	s.app.logbook.keep(d)
	return id
}
