package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// The most of each kind that a site may list: enough for any table of bands, and a bound
// on what one request costs.
const (
	maxRiskHeaders = 16
	maxRiskWords   = 64
	maxRiskMatches = 32
)

const (
	leastRiskAge    = time.Minute
	greatestRiskAge = 30 * 24 * time.Hour
)

func parseBand(word string) (policy.Risk, error) {
	band, ok := policy.ParseRisk(word)
	if !ok {
		return policy.HighRisk, fmt.Errorf("unknown risk %q: use none, low, medium or high", word)
	}
	return band, nil
}

// parseSignal reads the band of something that would say nothing with none.
func parseSignal(what, word string) (policy.Risk, error) {
	band, err := parseBand(word)
	if err == nil && band == policy.NoRisk {
		err = fmt.Errorf("%s none says nothing: leave it out, or use low, medium or high", what)
	}
	return band, err
}

// check judges what the block says by itself.
func (r *Risk) check() error {
	if len(r.Headers) == 0 {
		switch {
		case r.Missing != "":
			return errors.New("missing is about headers, and the risk has none: remove it, or add a header")
		case r.NewDevice == "" && r.NewNetwork == "" && len(r.RecentFailures) == 0 && len(r.SessionAge) == 0 && len(r.Matches) == 0:
			return errors.New("risk says nothing: write what tells it, such as new_device medium, or remove the block")
		}
	}
	return r.checkParts()
}

// checkParts is check but for what only the whole block shows.
func (r *Risk) checkParts() error {
	if err := r.checkHeaders(); err != nil {
		return err
	}
	for _, signal := range []struct{ name, band string }{{"new_device", r.NewDevice}, {"new_network", r.NewNetwork}} {
		if signal.band == "" {
			continue
		}
		if _, err := parseSignal(signal.name, signal.band); err != nil {
			return err
		}
	}
	if _, err := r.counts(); err != nil {
		return err
	}
	if _, err := r.ages(); err != nil {
		return err
	}
	if len(r.Matches) > maxRiskMatches {
		return fmt.Errorf("risk has more than %d lines with match: name several matchers in one", maxRiskMatches)
	}
	for _, match := range r.Matches {
		if match == nil {
			return errors.New("a match of the risk is null")
		}
		if err := match.check(); err != nil {
			return err
		}
	}
	return nil
}

func (r *Risk) checkHeaders() error {
	if r.Missing != "" {
		if _, err := parseBand(r.Missing); err != nil {
			return fmt.Errorf("missing: %w", err)
		}
	}
	if len(r.Headers) > maxRiskHeaders {
		return fmt.Errorf("risk has more than %d headers", maxRiskHeaders)
	}
	seen := make(map[string]bool)
	for _, header := range r.Headers {
		if header == nil {
			return errors.New("a header of the risk is null")
		}
		if _, err := header.compile(r.Missing); err != nil {
			return err
		}
		name := textproto.CanonicalMIMEHeaderKey(header.Name)
		if seen[name] {
			return fmt.Errorf("risk reads the header %s twice: put all its bands on one line", name)
		}
		seen[name] = true
	}
	return nil
}

func (m *RiskMatch) check() error {
	if _, err := parseSignal("match", m.Risk); err != nil {
		return err
	}
	if len(m.MatchRaw) == 0 {
		return errors.New("match names no requests: write @matcher or /path before the risk")
	}
	if slices.ContainsFunc(m.MatchRaw, matchesAll) {
		return errRiskOfAll
	}
	return nil
}

var errRiskOfAll = errors.New("a risk of every request is none: rules without `when risk` speak for all of them")

// counts are the bands of failures, rising.
func (r *Risk) counts() ([]riskCount, error) {
	var counts []riskCount
	for _, c := range r.RecentFailures {
		band, err := parseSignal("recent_failures", c.Risk)
		if err != nil {
			return nil, err
		}
		if c.Count < 1 || c.Count > flows.MostRecentFailures {
			return nil, fmt.Errorf("recent_failures must be a number from 1 to %d, not %d: more are not told apart", flows.MostRecentFailures, c.Count)
		}
		counts = append(counts, riskCount{c.Count, band})
	}
	slices.SortFunc(counts, func(a, b riskCount) int { return cmp.Compare(a.count, b.count) })
	for i := 1; i < len(counts); i++ {
		if counts[i].count == counts[i-1].count || counts[i].risk <= counts[i-1].risk {
			return nil, fmt.Errorf("recent_failures %d %s adds nothing to %d %s: more failures must mean a higher risk",
				counts[i].count, counts[i].risk, counts[i-1].count, counts[i-1].risk)
		}
	}
	return counts, nil
}

// ages are the bands of sessions, rising.
func (r *Risk) ages() ([]riskAge, error) {
	var ages []riskAge
	for _, a := range r.SessionAge {
		band, err := parseSignal("session_age", a.Risk)
		if err != nil {
			return nil, err
		}
		age := time.Duration(a.Age)
		if age < leastRiskAge || age > greatestRiskAge {
			return nil, fmt.Errorf("session_age must be between %s and %s, not %s",
				shortDuration(leastRiskAge), shortDuration(greatestRiskAge), shortDuration(age))
		}
		ages = append(ages, riskAge{age, band})
	}
	slices.SortFunc(ages, func(a, b riskAge) int { return cmp.Compare(a.age, b.age) })
	for i := 1; i < len(ages); i++ {
		if ages[i].age == ages[i-1].age || ages[i].risk <= ages[i-1].risk {
			return nil, fmt.Errorf("session_age %s %s adds nothing to %s %s: a greater age must mean a higher risk",
				shortDuration(ages[i].age), ages[i].risk, shortDuration(ages[i-1].age), ages[i-1].risk)
		}
	}
	return ages, nil
}

// highest is the greatest risk that a request could have by the block, which must be right
// by itself.
func (r *Risk) highest() policy.Risk {
	if r == nil {
		return policy.NoRisk
	}
	highest := policy.NoRisk
	see := func(word string) {
		if band, err := parseBand(cmp.Or(word, policy.NoRisk.String())); err == nil {
			highest = max(highest, band)
		}
	}
	see(r.NewDevice)
	see(r.NewNetwork)
	for _, header := range r.Headers {
		see(cmp.Or(header.Missing, r.Missing, policy.HighRisk.String()))
		for _, n := range header.Numbers {
			see(n.Risk)
		}
		for _, w := range header.Words {
			see(w.Risk)
		}
	}
	for _, c := range r.RecentFailures {
		see(c.Risk)
	}
	for _, a := range r.SessionAge {
		see(a.Risk)
	}
	for _, m := range r.Matches {
		see(m.Risk)
	}
	return highest
}

// headerNames are the canonical names of the headers that the risk is read from.
func (r *Risk) headerNames() []string {
	if r == nil {
		return nil
	}
	var names []string
	for _, header := range r.Headers {
		names = append(names, textproto.CanonicalMIMEHeaderKey(header.Name))
	}
	return names
}
