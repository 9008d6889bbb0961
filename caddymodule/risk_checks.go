package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

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

// Headers that browsers send themselves, so that no proxy can tell a risk in them, and
// whose loss the application would not bear.
var notRisk = []string{
	"Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Date", "If-Match", "If-Modified-Since",
	"If-None-Match", "If-Range", "If-Unmodified-Since", "Origin", "Range", "Referer", "Upgrade-Insecure-Requests",
	"User-Agent", "Via", "X-Requested-With",
}

func checkRiskHeaderName(name string) error {
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	switch {
	case !httpguts.ValidHeaderFieldName(name) || len(name) > 128:
		return fmt.Errorf("%q is not a header name", name)
	case strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
		return fmt.Errorf("header %s: use only letters, digits and -, servers read other characters as one another", name)
	case slices.Contains(notInjectable, canonical):
		return fmt.Errorf("header %s cannot tell the risk: it belongs to the connection", canonical)
	case slices.Contains(notRisk, canonical) || strings.HasPrefix(canonical, "Sec-"):
		return fmt.Errorf("header %s cannot tell the risk: browsers send it themselves, and the application needs it", canonical)
	}
	return nil
}

// compile reads the header's bands. missing is the block's.
func (h *RiskHeader) compile(missing string) (riskHeader, error) {
	compiled := riskHeader{name: textproto.CanonicalMIMEHeaderKey(h.Name)}
	if err := checkRiskHeaderName(h.Name); err != nil {
		return compiled, err
	}
	fail := func(err error) (riskHeader, error) {
		return compiled, fmt.Errorf("header %s: %w", compiled.name, err)
	}
	var err error
	if compiled.missing, err = parseBand(cmp.Or(h.Missing, missing, policy.HighRisk.String())); err != nil {
		return fail(fmt.Errorf("missing: %w", err))
	}
	switch {
	case len(h.Numbers) > 0 && len(h.Words) > 0:
		return fail(errMixedBands)
	case len(h.Numbers) == 0 && len(h.Words) == 0:
		return fail(errors.New("it says no band: write bands and from which value on, such as medium 40 high 80"))
	case len(h.Numbers) > 0:
		err = compiled.compileNumbers(h.Numbers)
	default:
		err = compiled.compileWords(h.Words)
	}
	if err != nil {
		return fail(err)
	}
	return compiled, nil
}

var errMixedBands = errors.New("some values are numbers and some are words: a header tells the risk as numbers or as words, not as both")

func (h *riskHeader) compileNumbers(numbers []RiskNumber) error {
	h.numbers = slices.Clone(numbers)
	slices.SortFunc(h.numbers, func(a, b RiskNumber) int { return cmp.Compare(a.From, b.From) })
	for i, n := range h.numbers {
		band, err := parseBand(n.Risk)
		switch {
		case err != nil:
			return err
		case math.IsNaN(n.From) || n.From < 0 || n.From >= 1e18: // as many digits as are read
			return fmt.Errorf("the threshold %v of %s is no number that a header could hold: use one from 0 on", n.From, n.Risk)
		case i > 0 && n.From == h.numbers[i-1].From:
			return fmt.Errorf("two bands begin at %v: keep one", n.From)
		case i > 0 && band <= h.bands[i-1]:
			return fmt.Errorf("%s from %v on comes after %s from %v on: a greater number must mean a higher risk",
				n.Risk, n.From, h.bands[i-1], h.numbers[i-1].From)
		}
		h.bands = append(h.bands, band)
	}
	return nil
}

func (h *riskHeader) compileWords(words []RiskWord) error {
	if len(words) > maxRiskWords {
		return fmt.Errorf("it has more than %d words", maxRiskWords)
	}
	h.words = make(map[string]policy.Risk)
	for _, w := range words {
		band, err := parseBand(w.Risk)
		if err != nil {
			return err
		}
		word := strings.ToLower(w.Word)
		if word == "" || len(word) > 128 || word != strings.TrimSpace(word) || !httpguts.ValidHeaderFieldValue(word) {
			return fmt.Errorf("%q is no word that a header could hold", w.Word)
		}
		if _, ok := h.words[word]; ok {
			return fmt.Errorf("the word %s is given twice (case is not regarded): keep one", word)
		}
		h.words[word] = band
	}
	return nil
}

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
