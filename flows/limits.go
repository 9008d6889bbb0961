package flows

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows/limit"
)

// Limits are the engine's budgets. The zero value of each means its default. All are kept
// in the store, charged in the transaction of the act that they bound, and the same for
// the pages and for clients. What is refused charges nothing. An address without an
// account is charged like one with an account.
//
// A device from which a factor has been proved has a budget of its own for tries at that
// factor and for messages to that address, so that an outsider who spends the other does
// not lock the owner out. It is also free of what is counted per network and in total,
// where that says who may be a stranger: NetworkBudget, PasswordNetworkBudget and
// PasswordTotalBudget.
type Limits struct {
	// CodeBudget bounds the tries at codes per account and factor, and PasswordBudget
	// those at passwords. See [Limits.CheckGuessing] for what follows of the former.
	CodeBudget     limit.Rate // "guesses": 10, then one every 40 min
	PasswordBudget limit.Rate // "passwords": 10, then one every 10 min
	// PasswordNetworkBudget bounds the wrong passwords from one client network, whosever
	// they are, and PasswordTotalBudget those from everywhere, both from devices that are not
	// known: somebody tries one password at many accounts. The latter refuses nobody who
	// can be asked for an effort.
	PasswordNetworkBudget limit.Rate // "passwords_network": 100, then one every 30 s
	PasswordTotalBudget   limit.Rate // "passwords_total": 2000, then one every second

	// SendBudget bounds the messages to one address, AccountSendBudget those that an
	// account causes on all channels, whoever asks.
	SendBudget        limit.Rate // "sends_address": 5, then one every 12 min
	AccountSendBudget limit.Rate // "sends_account": 20, then one every 10 min
	// NumberBudget bounds the texts to one number, PrefixBudget those to all numbers that
	// differ in their last four digits only, CountryBudget those to one country.
	NumberBudget  limit.Rate // "sends_number": 20, then one every 30 min
	PrefixBudget  limit.Rate // "sends_prefix": 50, then one every 5 min
	CountryBudget limit.Rate // "sends_country": 300, then one every 10 s
	// NetworkBudget bounds the messages that one client network may cause to be sent
	// from devices that are not known. Enough for an office that comes to work, too
	// little to fill the outbox or to bother many strangers.
	NetworkBudget limit.Rate // "sends_network": 200, then one every 5 s
	// EmailsHour and EmailsDay are strict caps on all mail, TextsHour and TextsDay on all
	// text messages, in each hour and day of UTC.
	EmailsHour int // "sends_email_hour": 5000
	EmailsDay  int // "sends_email_day": 50000
	TextsHour  int // "sends_sms_hour": 300
	TextsDay   int // "sends_sms_day": 1000
	// Spend caps what text messages may cost in each day of UTC. Default: nothing is
	// reckoned.
	Spend Spend

	// EnrolBudget bounds the texts with which one account may try to add a number.
	EnrolBudget limit.Rate // "enrolments": 5, then one every 2 h
	// SignUpBudget bounds the accounts that are created from one client network.
	SignUpBudget limit.Rate // "sign_ups_network": 50, then one every 2 min
	// WorkBudget bounds what one client network may have the server do before anybody has
	// proved anything: begin flows, have passwords hashed for devices that are not known,
	// and ask who has an account where clients may know. Each counts for itself.
	WorkBudget limit.Rate // "work_network": 1000, then one every second
	// HardCap ends guessing after so many consecutive failures per account and factor
	// (NIST SP 800-63B-4, 3.2.2); 10 to 100. Default 100. The way out: a success on a
	// device that is known, another factor, the link in the letter that tells of the
	// guessing, or [Engine.Unlock].
	HardCap int // "hard_cap"
}

// Spend is a cap on money, in millionths of whatever currency the prices are in. The
// zero value reckons nothing.
type Spend struct {
	Daily int64
	// Prices are per text message, by ISO 3166 country; "*" is every other country, and is
	// needed: what has no price could not be reckoned.
	Prices map[string]int64
}

// namedRate and namedCap are budgets with their names in the configuration.
type namedRate struct {
	name  string
	rate  *limit.Rate
	burst int
	every time.Duration
}

type namedCap struct {
	name  string
	most  *int
	usual int
}

func (l *Limits) rates() []namedRate {
	return []namedRate{
		{"guesses", &l.CodeBudget, 10, 40 * time.Minute},
		{"passwords", &l.PasswordBudget, 10, 10 * time.Minute},
		{"passwords_network", &l.PasswordNetworkBudget, 100, 30 * time.Second},
		{"passwords_total", &l.PasswordTotalBudget, 2000, time.Second},
		{"sends_address", &l.SendBudget, 5, 12 * time.Minute},
		{"sends_account", &l.AccountSendBudget, 20, 10 * time.Minute},
		{"sends_number", &l.NumberBudget, 20, 30 * time.Minute},
		{"sends_prefix", &l.PrefixBudget, 50, 5 * time.Minute},
		{"sends_country", &l.CountryBudget, 300, 10 * time.Second},
		{"sends_network", &l.NetworkBudget, 200, 5 * time.Second},
		{"enrolments", &l.EnrolBudget, 5, 2 * time.Hour},
		{"sign_ups_network", &l.SignUpBudget, 50, 2 * time.Minute},
		{"work_network", &l.WorkBudget, 1000, time.Second},
	}
}

func (l *Limits) caps() []namedCap {
	return []namedCap{
		{"sends_email_hour", &l.EmailsHour, 5000},
		{"sends_email_day", &l.EmailsDay, 50000},
		{"sends_sms_hour", &l.TextsHour, 300},
		{"sends_sms_day", &l.TextsDay, 1000},
	}
}

func (l *Limits) setDefaults() {
	for _, r := range l.rates() {
		if *r.rate == (limit.Rate{}) {
			*r.rate = limit.Rate{Burst: r.burst, Every: r.every}
		}
	}
	for _, c := range l.caps() {
		if *c.most == 0 {
			*c.most = c.usual
		}
	}
	if l.HardCap == 0 {
		l.HardCap = 100
	}
}

// The bounds of budgets. What is beyond them bounds nothing, or everything.
const (
	greatestBurst = 100_000
	leastEvery    = time.Millisecond
	greatestEvery = 24 * time.Hour
	greatestCap   = 1_000_000
	leastHardCap  = 10
	mostHardCap   = 100
	greatestSpend = 1_000_000_000_000 // a million, in millionths
)

// Check refuses numbers that are out of bounds, naming the budget and what is possible.
// Zero values are good: they mean the defaults.
func (l Limits) Check() error {
	for _, r := range l.rates() {
		switch {
		case *r.rate == (limit.Rate{}):
		case r.rate.Burst < 1 || r.rate.Burst > greatestBurst:
			return fmt.Errorf("%s of %d at once: 1 to %d are possible", r.name, r.rate.Burst, greatestBurst)
		case r.rate.Every < leastEvery || r.rate.Every > greatestEvery:
			return fmt.Errorf("%s, one every %v: %v to %v are possible", r.name, r.rate.Every, leastEvery, greatestEvery)
		}
	}
	for _, c := range l.caps() {
		if *c.most < 0 || *c.most > greatestCap {
			return fmt.Errorf("%s of %d: 1 to %d are possible", c.name, *c.most, greatestCap)
		}
	}
	if l.HardCap != 0 && (l.HardCap < leastHardCap || l.HardCap > mostHardCap) {
		return fmt.Errorf("a hard_cap of %d failures: %d to %d are possible", l.HardCap, leastHardCap, mostHardCap)
	}
	return l.Spend.check()
}

func (s Spend) check() error {
	if s.Daily == 0 && len(s.Prices) == 0 {
		return nil
	}
	if s.Daily <= 0 || s.Daily > greatestSpend {
		return fmt.Errorf("a daily spend of %s: above 0 and up to 1000000 is possible", money(s.Daily))
	}
	if _, ok := s.Prices["*"]; !ok {
		return fmt.Errorf("spend has no price for *: say what a text message to any other country costs, such as * 0.30")
	}
	for country, price := range s.Prices {
		if price <= 0 || price > s.Daily {
			return fmt.Errorf("a price of %s for a text message to %s: above 0 and up to the daily spend (%s) is possible",
				money(price), country, money(s.Daily))
		}
	}
	return nil
}

// price is what a text message to a country costs, in millionths.
func (s Spend) price(country string) int64 {
	if p, ok := s.Prices[country]; ok {
		return p
	}
	return s.Prices["*"]
}

func money(millionths int64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.6f", float64(millionths)/1e6), "0"), ".")
}

// greatestChance is how probable it may be that a day of guessing at one account's codes
// succeeds: 1 in 10,000.
const greatestChance = 1e-4

// codeChannels are the channels that bring codes: the mailbox and the phone.
const codeChannels = 2

// GuessesPerDay is how many guesses at the codes of one account are judged in any 24
// hours, at the most, on all channels together, from devices that are not known.
func (l Limits) GuessesPerDay() int {
	return codeChannels * (l.CodeBudget.Burst + int(24*time.Hour/max(l.CodeBudget.Every, leastEvery)))
}

// CheckGuessing refuses a budget of guesses with which codes of so many digits could be
// guessed: when a day of guesses at one account would succeed with a probability above 1
// in 10,000.
//
// The derivation. A guess is judged only in a transaction that also charges the budget of
// the account and factor, so in any 24 hours at most burst + 24h/every guesses are
// judged per factor: that is what a [limit.Rate] grants in a stretch, from however many
// sessions, addresses, networks or flows they come, and resets, step-ups and resends have
// no budgets of their own. There are two factors that are codes. A code is uniform among
// 10^digits values and new with every message, so k different guesses at one code succeed
// with probability k * 10^-digits, and what was guessed at another code tells nothing. By
// the union bound the day's probability is at most
//
//	2 * (burst + 24h/every) * 10^-digits
//
// which is 2 * (10 + 36) * 10^-6 = 9.2e-5 with the defaults. Devices that are known have
// budgets of their own, but each only for the factor that was proved there: whoever gets one
// has got a code of that channel already, or sits at the owner's device, for which the
// same bound holds by itself. Reaching the hard cap makes it less.
func (l Limits) CheckGuessing(digits int) error {
	l.setDefaults()
	if chance := float64(l.GuessesPerDay()) * math.Pow10(-digits); chance > greatestChance*(1+1e-9) {
		return fmt.Errorf("guesses of %d, then one every %v, at codes of %d digits: a day of guessing would succeed with a probability of %.2g, "+
			"and 0.0001 is the most that is possible; allow fewer guesses, or give codes more digits", l.CodeBudget.Burst, l.CodeBudget.Every, digits, chance)
	}
	return nil
}
