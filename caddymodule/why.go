package caddymodule

import (
	"net/http"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
	"github.com/stepgate/stepgate/ui"
)

// why is what people are told about why more proof is asked of them than before: it is
// the risk, if without it nothing would be missing. Which signal it was they are told only
// where it is one that they can see themselves.
func (s *site) why(r *http.Request, who *flows.Live, t flows.Target) ui.Reason {
	if who == nil || s.rules.risk == nil {
		return ""
	}
	future, judged, err := s.judgeTarget(r, who, t)
	if err != nil {
		return ""
	}
	now := s.app.now()
	calm, bar := policy.Floor, policy.HighRisk
	for i := range judged.Why.All() {
		rule := &s.rules.policy.Rules[i]
		asks := rule.Asks(personOf(&who.Session))
		switch {
		case rule.Risk == policy.NoRisk:
			calm = calm.Join(asks)
		case !asks.Met(who.Proof, now):
			bar = min(bar, rule.Risk)
		}
	}
	if judged.Demand.Met(who.Proof, now) || !calm.Met(who.Proof, now) {
		return ""
	}
	return s.rules.risk.reason(future, who, bar, now)
}

// reason is the signal that reaches a band.
func (b *riskbook) reason(r *http.Request, who *flows.Live, bar policy.Risk, now time.Time) ui.Reason {
	switch {
	case b.newDevice >= bar && !who.KnownDevice:
		return ui.NewBrowser
	case b.newNetwork >= bar && !who.FamiliarNetwork(network(r)):
		return ui.NewPlace
	}
	for _, a := range b.ages {
		if a.risk >= bar && now.Sub(who.Created) > a.age {
			return ui.OldSession
		}
	}
	return ui.Unusual
}
