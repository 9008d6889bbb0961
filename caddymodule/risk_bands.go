package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/textproto"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/stepgate/stepgate/policy"
)

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
