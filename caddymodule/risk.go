package caddymodule

import (
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// Risk says how dangerous a request is, from what is known about it. Each signal that is
// configured names a band: none, low, medium or high. The highest counts. It is judged
// anew for every request.
type Risk struct {
	// Headers that a trusted proxy sets. They never reach the application.
	Headers []*RiskHeader `json:"headers,omitempty"`

	// The band where no sign-in in this browser has yet proved two channels for the
	// account (or all that it has).
	NewDevice string `json:"new_device,omitempty"`

	// The band where none has from this client network (/24 or /64) in the last 90 days.
	NewNetwork string `json:"new_network,omitempty"`

	// Bands by how many wrong passwords and codes the account has seen in the last hour,
	// from anywhere.
	RecentFailures []RiskCount `json:"recent_failures,omitempty"`

	// Bands by how long ago the session was opened.
	SessionAge []RiskAge `json:"session_age,omitempty"`

	// Bands of requests that matchers tell.
	Matches []*RiskMatch `json:"matches,omitempty"`

	// The band where a header is missing, repeated, no value that is understood, or not
	// set by a trusted proxy. Default: "high".
	Missing string `json:"missing,omitempty"`
}

// RiskHeader is a header that tells the risk, as a number or as a word.
type RiskHeader struct {
	Name string `json:"name"`

	// Bands of numbers: that of the greatest threshold which the value reaches. Below all
	// of them there is no risk. A value is decimal and not negative.
	Numbers []RiskNumber `json:"numbers,omitempty"`

	// Bands of words, compared without regard to case. A word that is not here counts as
	// missing.
	Words []RiskWord `json:"words,omitempty"`

	// The band where this header is missing. Default: that of all headers.
	Missing string `json:"missing,omitempty"`
}

// RiskNumber is the band of a number.
type RiskNumber struct {
	From float64 `json:"from"`
	Risk string  `json:"risk"`
}

// RiskWord is the band of a word.
type RiskWord struct {
	Word string `json:"word"`
	Risk string `json:"risk"`
}

// RiskCount is the band of so many failures: 1 to 20.
type RiskCount struct {
	Count int    `json:"count"`
	Risk  string `json:"risk"`
}

// RiskAge is the band of a session that is older.
type RiskAge struct {
	Age  caddy.Duration `json:"age"`
	Risk string         `json:"risk"`
}

// RiskMatch is the band of requests that any of the matcher sets matches.
type RiskMatch struct {
	Risk     string                   `json:"risk"`
	MatchRaw caddyhttp.RawMatcherSets `json:"match,omitempty" caddy:"namespace=http.matchers"`
}

// A riskbook is the risk of a site, ready to judge requests. A nil riskbook sees none.
type riskbook struct {
	headers               []riskHeader
	newDevice, newNetwork policy.Risk
	failures              []riskCount // rising
	ages                  []riskAge   // rising
	matches               []riskMatch
}

type riskCount struct {
	count int
	risk  policy.Risk
}

type riskAge struct {
	age  time.Duration
	risk policy.Risk
}

type riskMatch struct {
	name string
	sets caddyhttp.MatcherSets
	risk policy.Risk
}

// of is the risk of a request: what headers said of it, before they were removed, and what
// else there is to see. who is nil for somebody who is not signed in: then there is no
// device, network or age to compare with.
func (b *riskbook) of(r *http.Request, said policy.Risk, who *flows.Live, now time.Time) (policy.Risk, error) {
	if b == nil {
		return policy.NoRisk, nil
	}
	risk := said
	for i := range b.matches {
		if b.matches[i].risk <= risk {
			continue
		}
		in, err := b.matches[i].sets.AnyMatchWithError(r)
		if err != nil {
			return policy.HighRisk, err
		}
		if in {
			risk = b.matches[i].risk
		}
	}
	if who == nil {
		return risk, nil
	}
	if !who.KnownDevice {
		risk = max(risk, b.newDevice)
	}
	if b.newNetwork > risk && !who.FamiliarNetwork(network(r)) {
		risk = b.newNetwork
	}
	if len(b.failures) > 0 {
		failures := who.RecentFailures(now)
		for _, f := range b.failures {
			if failures >= f.count {
				risk = max(risk, f.risk)
			}
		}
	}
	for _, a := range b.ages {
		if now.Sub(who.Created) > a.age {
			risk = max(risk, a.risk)
		}
	}
	return risk, nil
}
