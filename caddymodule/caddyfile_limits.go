package caddymodule

import (
	"maps"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/stepgate/stepgate/flows"
)

// parseLimits reads the block of budgets. Syntax: see parseGlobal.
func (a *App) parseLimits(d *caddyfile.Dispenser) error {
	return parsePart(d, &a.Limits, (*LimitSettings).check, func(l *LimitSettings) map[string]func() error {
		words := map[string]func() error{
			"spend": func() error { return parseSpend(d, &l.Spend) },
		}
		for name, number := range l.caps(new(flows.Limits)) {
			words[name] = func() error { return parseCap(d, number.said) }
		}
		for name, rate := range l.rates(new(flows.Limits)) {
			words[name] = func() error { return parseRate(d, rate.said) }
		}
		rate := words["guesses"]
		words["guesses"] = func() error {
			l.guessesAt = here(d)
			return rate()
		}
		return words
	})
}

// parseRate reads a budget that comes back, such as "guesses 10 every 40m".
func parseRate(d *caddyfile.Dispenser, into **Rate) error {
	name := d.Val()
	if *into != nil {
		return repeated(d, name)
	}
	words := d.RemainingArgs()
	if len(words) != 3 || words[1] != "every" {
		return d.Errf("%s is a number and how soon there is one more: write it like %s 10 every 5m", name, name)
	}
	n, err := strconv.Atoi(words[0])
	if err != nil || n <= 0 {
		return d.Errf("%s must be a positive number, not %q", name, words[0])
	}
	every, err := positiveDuration(d, name+" … every", words[2])
	if err != nil {
		return err
	}
	*into = &Rate{Burst: n, Every: caddy.Duration(every)}
	return parseEnd(d, name)
}

// parseCap reads a budget that begins anew with every hour or day, or the hard cap.
func parseCap(d *caddyfile.Dispenser, into **int) error {
	if d.Val() != "hard_cap" && d.CountRemainingArgs() > 1 {
		return d.Errf("%s is one number for each hour or day, as its name says: write it like %s 500", d.Val(), d.Val())
	}
	if *into != nil {
		return repeated(d, d.Val())
	}
	n := 0
	if err := parseNumber(d, &n); err != nil {
		return err
	}
	*into = &n
	return nil
}

// parseSpend reads the cap on money with its table of prices.
func parseSpend(d *caddyfile.Dispenser, into **Spend) error {
	if *into != nil {
		return repeated(d, "spend")
	}
	if !d.NextArg() {
		return d.Err("spend names no amount: say what text messages may cost in a day, such as spend 25.00")
	}
	spend := &Spend{Daily: d.Val(), Prices: map[string]string{}}
	if d.NextArg() {
		return d.Errf("unexpected %q after spend %s: prices go into a block", d.Val(), spend.Daily)
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		country := d.Val()
		if _, twice := spend.Prices[country]; twice {
			return d.Errf("spend has two prices for %s: keep one", country)
		}
		price := ""
		if err := parseWord(d, &price); err != nil {
			return err
		}
		spend.Prices[country] = price
		// Whatever else is still missing, this line is judged where it can be named.
		so := Spend{Daily: spend.Daily, Prices: maps.Clone(spend.Prices)}
		if _, err := so.reckoned(); err != nil {
			return d.WrapErr(err)
		}
	}
	*into = spend
	return nil
}
