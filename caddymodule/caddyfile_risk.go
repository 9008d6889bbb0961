package caddymodule

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// riskOf reads
//
//	risk {
//	    header          <name> <band> <value> [<band> <value>…] [missing <band>]
//	    new_device      <band>
//	    new_network     <band>
//	    recent_failures <n> <band>
//	    session_age     <duration> <band>
//	    match           <matcher>… <band>
//	    missing         <band>
//	}
func (p *siteParser) riskOf() error {
	d := p.Dispenser
	if p.handler.Risk != nil {
		return repeated(d, "risk")
	}
	p.riskAt = here(d)
	if d.NextArg() {
		return d.Errf("unexpected %q after risk: what tells it goes into a block; a condition is written `when risk …`, behind a rule", d.Val())
	}
	r := new(Risk)
	p.handler.Risk = r
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := p.riskOption(r); err != nil {
			return err
		}
		// What was read so far, so that the error names its line.
		if err := r.checkParts(); err != nil {
			return d.WrapErr(err)
		}
	}
	return nil
}

func (p *siteParser) riskOption(r *Risk) error {
	d := p.Dispenser
	switch option := d.Val(); option {
	case "header":
		return p.riskHeader(r)
	case "new_device":
		return p.band(&r.NewDevice)
	case "new_network":
		return p.band(&r.NewNetwork)
	case "missing":
		return p.band(&r.Missing)
	case "recent_failures":
		var count, band string
		if !d.Args(&count, &band) {
			return d.Err("recent_failures needs a number and a risk, such as recent_failures 5 medium")
		}
		n, err := strconv.Atoi(count)
		if err != nil {
			return d.Errf("recent_failures must be a number, such as recent_failures 5 medium, not %q", count)
		}
		r.RecentFailures = append(r.RecentFailures, RiskCount{n, band})
		return parseEnd(d, option)
	case "session_age":
		var age, band string
		if !d.Args(&age, &band) {
			return d.Err("session_age needs a duration and a risk, such as session_age 8h low")
		}
		duration, err := positiveDuration(d, option, age)
		if err != nil {
			return err
		}
		r.SessionAge = append(r.SessionAge, RiskAge{caddy.Duration(duration), band})
		return parseEnd(d, option)
	case "match":
		return p.riskMatch(r)
	default:
		return unknownWord(d, option, "header", "new_device", "new_network", "recent_failures", "session_age", "match", "missing")
	}
}

// band reads the band of a signal.
func (p *siteParser) band(into *string) error {
	d := p.Dispenser
	what := d.Val()
	if *into != "" {
		return repeated(d, what)
	}
	if !d.NextArg() {
		return d.Errf("%[1]s names no risk: use low, medium or high, such as %[1]s medium", what)
	}
	*into = d.Val()
	_, err := parseBand(*into)
	if err == nil && what != "missing" {
		_, err = parseSignal(what, *into)
	}
	if err != nil {
		return d.WrapErr(err)
	}
	return parseEnd(d, what)
}

// riskHeader reads `header <name> <band> <value>… [missing <band>]`. Values are numbers if
// all of them look so.
func (p *siteParser) riskHeader(r *Risk) error {
	d := p.Dispenser
	if !d.NextArg() {
		return d.Err("header has no name, such as header X-Risk-Score medium 40 high 80")
	}
	h := &RiskHeader{Name: d.Val()}
	if err := checkRiskHeaderName(h.Name); err != nil {
		return d.WrapErr(err)
	}
	var bands, values []string
	for d.NextArg() {
		band := d.Val()
		if band == "missing" {
			if !d.NextArg() {
				return d.Errf("missing names no risk: use none, low, medium or high")
			}
			h.Missing = d.Val()
			if d.NextArg() {
				return d.Errf("unexpected %q: missing comes last on the line of a header", d.Val())
			}
			break
		}
		if _, err := parseBand(band); err != nil {
			return d.Errf("%w: a header's line has bands, each before the value from which on (or for which) it holds, such as medium 40 high 80", err)
		}
		if !d.NextArg() {
			return d.Errf("%s has no value: write the number from which on it holds, or the word that means it", band)
		}
		bands, values = append(bands, band), append(values, d.Val())
	}
	if err := h.take(bands, values); err != nil {
		return d.WrapErr(err)
	}
	r.Headers = append(r.Headers, h)
	p.riskHeaders = append(p.riskHeaders, here(d))
	return parseEnd(d, "header")
}

// riskMatch reads `match <matcher>… <band>`.
func (p *siteParser) riskMatch(r *Risk) error {
	d := p.Dispenser
	m := new(RiskMatch)
	for d.NextArg() {
		if m.Risk != "" {
			return d.Errf("unexpected %q: the risk comes last, such as match @outside medium", d.Val())
		}
		if d.Val() == "*" {
			return d.WrapErr(errRiskOfAll)
		}
		name, set, err := p.target()
		if err != nil {
			return err
		}
		if name == "" {
			m.MatchRaw = addSet(m.MatchRaw, set)
			continue
		}
		if _, err := parseSignal("match", name); err != nil {
			return d.Errf("%q is neither a matcher nor a risk: write @matcher or /path, and low, medium or high behind them", name)
		}
		m.Risk = name
	}
	if m.Risk == "" {
		return d.Err("match has no risk: write it behind the matchers, such as match @outside medium")
	}
	r.Matches = append(r.Matches, m)
	return parseEnd(d, "match")
}

// take sorts out whether values are numbers or words.
func (h *RiskHeader) take(bands, values []string) error {
	for i, value := range values {
		number, plain := riskNumber(value)
		if !plain && looksLikeNumber(value) {
			return fmt.Errorf("header %s: %q is no threshold: write a plain number that is not negative, such as 40 or 0.5", h.Name, value)
		}
		if plain {
			h.Numbers = append(h.Numbers, RiskNumber{number, bands[i]})
		} else {
			h.Words = append(h.Words, RiskWord{value, bands[i]})
		}
	}
	_, err := h.compile("")
	return err
}

// looksLikeNumber tells what somebody may have meant as a number, and no header could hold.
func looksLikeNumber(text string) bool {
	_, notFloat := strconv.ParseFloat(strings.ReplaceAll(text, ",", "."), 64)
	_, notInt := strconv.ParseInt(text, 0, 64) // 0x10 and the like
	return notFloat == nil || notInt == nil
}
