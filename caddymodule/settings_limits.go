package caddymodule

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/nyaruka/phonenumbers"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/limit"
)

// Rate is a budget that comes back little by little.
type Rate struct {
	// How many at once: 1 to 100000.
	Burst int `json:"burst"`

	// How long until each further one: 1 millisecond to 24 hours.
	Every caddy.Duration `json:"every"`
}

// LimitSettings are the budgets that bound guessing, sending and spending. All are kept in
// the store. What is not said has its default.
type LimitSettings struct {
	// Tries at codes, per account and factor. Refused where a day of guessing would succeed
	// with a probability above 1 in 10,000. Default: 10, then one every 40 minutes.
	Guesses *Rate `json:"guesses,omitempty"`

	// Tries at passwords, per account. Default: 10, then one every 10 minutes.
	Passwords *Rate `json:"passwords,omitempty"`

	// Wrong passwords from devices that are not known, per client network. Default: 100,
	// then one every 30 seconds.
	PasswordsNetwork *Rate `json:"passwords_network,omitempty"`

	// Wrong passwords from devices that are not known, from everywhere; when it is
	// nearly spent, strangers are asked for an effort. Default: 2000, then one every second.
	PasswordsTotal *Rate `json:"passwords_total,omitempty"`

	// Messages to one address. Default: 5, then one every 12 minutes.
	SendsAddress *Rate `json:"sends_address,omitempty"`

	// Messages that one account causes. Default: 20, then one every 10 minutes.
	SendsAccount *Rate `json:"sends_account,omitempty"`

	// Text messages to one number. Default: 20, then one every 30 minutes.
	SendsNumber *Rate `json:"sends_number,omitempty"`

	// Text messages to all numbers that differ in their last four digits only.
	// Default: 50, then one every 5 minutes.
	SendsPrefix *Rate `json:"sends_prefix,omitempty"`

	// Text messages to one country. Default: 300, then one every 10 seconds.
	SendsCountry *Rate `json:"sends_country,omitempty"`

	// Messages asked for from devices that are not known, per client network; when it is
	// nearly spent, strangers are asked for an effort. Default: 200, then one every 5 seconds.
	SendsNetwork *Rate `json:"sends_network,omitempty"`

	// All mail in an hour of UTC: 1 to 1000000; when it is nearly spent, strangers are asked
	// for an effort. Default: 5000.
	SendsEmailHour *int `json:"sends_email_hour,omitempty"`

	// All mail in a day of UTC: 1 to 1000000. Default: 50000.
	SendsEmailDay *int `json:"sends_email_day,omitempty"`

	// All text messages in an hour of UTC: 1 to 1000000. Default: 300.
	SendsSMSHour *int `json:"sends_sms_hour,omitempty"`

	// All text messages in a day of UTC: 1 to 1000000. Default: 1000.
	SendsSMSDay *int `json:"sends_sms_day,omitempty"`

	// Text messages with which one account tries to add a phone. Default: 5, then one every
	// 2 hours.
	Enrolments *Rate `json:"enrolments,omitempty"`

	// Accounts created, per client network. Default: 50, then one every 2 minutes.
	SignUpsNetwork *Rate `json:"sign_ups_network,omitempty"`

	// Flows begun, and passwords hashed, before anything is proved, per client network.
	// Default: 1000, then one every second.
	WorkNetwork *Rate `json:"work_network,omitempty"`

	// Wrong tries in a row, per account and factor, after which no more are taken from
	// devices that are not known: 10 to 100. Default: 100.
	HardCap *int `json:"hard_cap,omitempty"`

	// What text messages may cost in a day of UTC. Default: nothing is reckoned.
	Spend *Spend `json:"spend,omitempty"`

	guessesAt place // in the Caddyfile
}

// Spend is a cap on what text messages cost. All amounts are of one currency, whichever,
// and written like 25.00 or 0.0725.
type Spend struct {
	// The most in a day of UTC.
	Daily string `json:"daily"`

	// What one text message costs, by ISO 3166 country; "*" is every other country, and is
	// needed.
	Prices map[string]string `json:"prices"`
}

// rates are the budgets that come back, by name, and where the engine has them.
func (l *LimitSettings) rates(of *flows.Limits) map[string]struct {
	said **Rate
	is   *limit.Rate
} {
	return map[string]struct {
		said **Rate
		is   *limit.Rate
	}{
		"guesses":           {&l.Guesses, &of.CodeBudget},
		"passwords":         {&l.Passwords, &of.PasswordBudget},
		"passwords_network": {&l.PasswordsNetwork, &of.PasswordNetworkBudget},
		"passwords_total":   {&l.PasswordsTotal, &of.PasswordTotalBudget},
		"sends_address":     {&l.SendsAddress, &of.SendBudget},
		"sends_account":     {&l.SendsAccount, &of.AccountSendBudget},
		"sends_number":      {&l.SendsNumber, &of.NumberBudget},
		"sends_prefix":      {&l.SendsPrefix, &of.PrefixBudget},
		"sends_country":     {&l.SendsCountry, &of.CountryBudget},
		"sends_network":     {&l.SendsNetwork, &of.NetworkBudget},
		"enrolments":        {&l.Enrolments, &of.EnrolBudget},
		"sign_ups_network":  {&l.SignUpsNetwork, &of.SignUpBudget},
		"work_network":      {&l.WorkNetwork, &of.WorkBudget},
	}
}

// caps are the other numbers, by name, and where the engine has them.
func (l *LimitSettings) caps(of *flows.Limits) map[string]struct {
	said **int
	is   *int
} {
	return map[string]struct {
		said **int
		is   *int
	}{
		"sends_email_hour": {&l.SendsEmailHour, &of.EmailsHour},
		"sends_email_day":  {&l.SendsEmailDay, &of.EmailsDay},
		"sends_sms_hour":   {&l.SendsSMSHour, &of.TextsHour},
		"sends_sms_day":    {&l.SendsSMSDay, &of.TextsDay},
		"hard_cap":         {&l.HardCap, &of.HardCap},
	}
}

// limits are the budgets as the engine takes them. A nil l says nothing.
func (l *LimitSettings) limits() (flows.Limits, error) {
	var of flows.Limits
	if l == nil {
		return of, nil
	}
	for name, rate := range l.rates(&of) {
		if said := *rate.said; said != nil {
			*rate.is = limit.Rate{Burst: said.Burst, Every: time.Duration(said.Every)}
			if *rate.is == (limit.Rate{}) {
				return of, fmt.Errorf("limits: %s of nothing: leave it out for its default", name)
			}
		}
	}
	for name, number := range l.caps(&of) {
		if said := *number.said; said != nil {
			if *number.is = *said; *said == 0 {
				return of, fmt.Errorf("limits: %s of nothing: leave it out for its default", name)
			}
		}
	}
	var err error
	if l.Spend != nil {
		if of.Spend, err = l.Spend.reckoned(); err != nil {
			return of, fmt.Errorf("limits: %w", err)
		}
	}
	if err := of.Check(); err != nil {
		return of, fmt.Errorf("limits: %w", err)
	}
	return of, nil
}

func (l *LimitSettings) check() error {
	_, err := l.limits()
	return err
}

// checkGuessing judges the guesses together with the digits of a code, which may be said
// in another place.
func (a *App) checkGuessing() error {
	digits := 6
	if a.Code != nil && a.Code.Digits != 0 {
		digits = a.Code.Digits
	}
	limits, err := a.Limits.limits()
	if err == nil {
		err = limits.CheckGuessing(digits)
	}
	return err
}

func (s *Spend) reckoned() (flows.Spend, error) {
	var of flows.Spend
	var err error
	if of.Daily, err = parseMoney("spend", s.Daily); err != nil {
		return of, err
	}
	of.Prices = make(map[string]int64, len(s.Prices))
	regions := phonenumbers.GetSupportedRegions()
	for country, price := range s.Prices {
		if country != "*" && !regions[country] {
			return of, fmt.Errorf("spend: %q is not a country: use ISO 3166 codes in capitals, such as DE, or * for all others", country)
		}
		if of.Prices[country], err = parseMoney("the price for "+country, price); err != nil {
			return of, err
		}
	}
	return of, nil
}

var moneyForm = regexp.MustCompile(`^([0-9]{1,7})(?:\.([0-9]{1,6}))?$`)

// parseMoney reads an amount into millionths.
func parseMoney(what, amount string) (int64, error) {
	parts := moneyForm.FindStringSubmatch(amount)
	if parts == nil {
		return 0, fmt.Errorf("%s must be an amount such as 25.00 or 0.075, without a currency, not %q", what, amount)
	}
	n, err := strconv.ParseInt(parts[1]+parts[2]+strings.Repeat("0", 6-len(parts[2])), 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%s must be above zero, not %q", what, amount)
	}
	return n, nil
}

// warnOfSpending tells of text messages that may go anywhere at any cost.
func (a *App) warnOfSpending() {
	if a.Limits != nil && a.Limits.Spend != nil {
		return
	}
	for _, sender := range a.sms {
		if costly, ok := sender.(CostlySender); ok && slices.Contains(costly.AllowedCountries(), "*") {
			a.log.Warn("text messages may go to any country, and nothing bounds what they cost: " +
				"say `spend` with your provider's prices in `limits`")
			return
		}
	}
}
