package caddymodule

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// signals lists everything that tells the risk of a request, of which there are several
// readings perhaps, with the band of each: the highest of them is what riskbook.of says,
// which stops looking where nothing can be added.
func (b *riskbook) signals(readings []*http.Request, told told, who *flows.Live, now time.Time) ([]ExplainedSignal, error) {
	if b == nil {
		return nil, nil
	}
	var all []ExplainedSignal
	add := func(signal, value, why string, band policy.Risk) {
		all = append(all, ExplainedSignal{Signal: signal, Value: value, Why: why, Band: band.String()})
	}
	for i := range b.headers {
		h := &b.headers[i]
		var values []string
		if i < len(told.values) {
			values = told.values[i]
		}
		band, why := h.read(http.Header{h.name: values}, told.trusted)
		add(h.name, strings.Join(values, ", "), why, band)
	}
	for i := range b.matches {
		in := false
		for _, r := range readings {
			if in {
				break
			}
			var err error
			if in, err = b.matches[i].sets.AnyMatchWithError(r); err != nil {
				return nil, err
			}
		}
		if in {
			add(b.matches[i].name, "", "it matches", b.matches[i].risk)
		} else {
			add(b.matches[i].name, "", "it does not match", policy.NoRisk)
		}
	}
	if who == nil {
		return all, nil // nothing else is known of nobody
	}
	unless := func(known bool, band policy.Risk) policy.Risk {
		if known {
			return policy.NoRisk
		}
		return band
	}
	if b.newDevice != policy.NoRisk {
		add("new_device", knownOrNew(who.KnownDevice), "", unless(who.KnownDevice, b.newDevice))
	}
	if b.newNetwork != policy.NoRisk {
		known := who.FamiliarNetwork(network(readings[0]))
		add("new_network", knownOrNew(known), "", unless(known, b.newNetwork))
	}
	if len(b.failures) > 0 {
		failures, band := who.RecentFailures(now), policy.NoRisk
		for _, f := range b.failures {
			if failures >= f.count {
				band = max(band, f.risk)
			}
		}
		add("recent_failures", fmt.Sprint(failures), "", band)
	}
	if len(b.ages) > 0 {
		age, band := now.Sub(who.Created), policy.NoRisk
		for _, a := range b.ages {
			if age > a.age {
				band = max(band, a.risk)
			}
		}
		add("session_age", ageWords(age), "", band)
	}
	return all, nil
}

func knownOrNew(known bool) string {
	if known {
		return "known"
	}
	return "new"
}
