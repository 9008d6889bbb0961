package flows_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/limit"
)

func TestBudgetsThatAreAbsurdAreRefusedByName(t *testing.T) {
	t.Parallel()
	euro := flows.Spend{Daily: 1_000_000, Prices: map[string]int64{"*": 300_000}}
	price := func(country string, p int64) flows.Spend {
		s := flows.Spend{Daily: euro.Daily, Prices: maps.Clone(euro.Prices)}
		s.Prices[country] = p
		return s
	}
	for _, row := range []struct {
		limits flows.Limits
		want   string // empty: it is good
	}{
		{flows.Limits{}, ""},
		{flows.Limits{SendBudget: limit.Rate{Burst: 100_000, Every: time.Millisecond}}, ""},
		{flows.Limits{SendBudget: limit.Rate{Burst: 100_001, Every: time.Second}}, "sends_address"},
		{flows.Limits{SendBudget: limit.Rate{Burst: 5}}, "sends_address"},
		{flows.Limits{AccountSendBudget: limit.Rate{Every: time.Second}}, "sends_account"},
		{flows.Limits{NumberBudget: limit.Rate{Burst: -1, Every: time.Second}}, "sends_number"},
		{flows.Limits{PrefixBudget: limit.Rate{Burst: 1, Every: -time.Second}}, "sends_prefix"},
		{flows.Limits{CountryBudget: limit.Rate{Burst: 1, Every: 25 * time.Hour}}, "sends_country"},
		{flows.Limits{NetworkBudget: limit.Rate{Burst: 1, Every: time.Microsecond}}, "sends_network"},
		{flows.Limits{PasswordBudget: limit.Rate{Burst: 1}}, "passwords"},
		{flows.Limits{PasswordNetworkBudget: limit.Rate{Burst: 1}}, "passwords_network"},
		{flows.Limits{PasswordTotalBudget: limit.Rate{Burst: 1}}, "passwords_total"},
		{flows.Limits{EnrolBudget: limit.Rate{Burst: 1}}, "enrolments"},
		{flows.Limits{SignUpBudget: limit.Rate{Burst: 1}}, "sign_ups_network"},
		{flows.Limits{WorkBudget: limit.Rate{Burst: 1}}, "work_network"},
		{flows.Limits{CodeBudget: limit.Rate{Burst: 1}}, "guesses"},
		{flows.Limits{EmailsHour: -1}, "sends_email_hour"},
		{flows.Limits{EmailsDay: 1_000_001}, "sends_email_day"},
		{flows.Limits{TextsHour: 1_000_001}, "sends_sms_hour"},
		{flows.Limits{TextsDay: -5}, "sends_sms_day"},
		{flows.Limits{TextsDay: 1_000_000}, ""},
		{flows.Limits{HardCap: 9}, "hard_cap"},
		{flows.Limits{HardCap: 101}, "hard_cap"},
		{flows.Limits{HardCap: 10}, ""},
		{flows.Limits{Spend: euro}, ""},
		{flows.Limits{Spend: flows.Spend{Daily: 1_000_000}}, "no price for *"},
		{flows.Limits{Spend: flows.Spend{Prices: euro.Prices}}, "daily spend"},
		{flows.Limits{Spend: flows.Spend{Daily: -1, Prices: euro.Prices}}, "daily spend"},
		{flows.Limits{Spend: price("DE", 0)}, "DE"},
		{flows.Limits{Spend: price("DE", 2_000_000)}, "DE"},
	} {
		_, err := flows.New(flows.Config{Settings: flows.Settings{Limits: row.limits}})
		switch {
		case row.want == "" && err != nil:
			t.Errorf("%+v: %v", row.limits, err)
		case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)):
			t.Errorf("%+v: %v, want an error about %s", row.limits, err, row.want)
		}
	}
}

func TestCodesThatCouldBeGuessedInADayAreRefused(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		digits int
		rate   limit.Rate
		good   bool
	}{
		{0, limit.Rate{}, true},
		{6, limit.Rate{Burst: 10, Every: 40 * time.Minute}, true},
		{6, limit.Rate{Burst: 14, Every: 40 * time.Minute}, true}, // 2 * (14 + 36) in a million
		{6, limit.Rate{Burst: 15, Every: 40 * time.Minute}, false},
		{6, limit.Rate{Burst: 10, Every: 30 * time.Minute}, false},
		{6, limit.Rate{Burst: 1, Every: time.Second}, false},
		{7, limit.Rate{Burst: 15, Every: 5 * time.Minute}, true},
		{7, limit.Rate{Burst: 300, Every: 5 * time.Minute}, false},
		{8, limit.Rate{Burst: 2120, Every: 30 * time.Second}, true},
		{8, limit.Rate{Burst: 2121, Every: 30 * time.Second}, false},
	} {
		_, err := flows.New(flows.Config{Settings: flows.Settings{CodeDigits: row.digits, Limits: flows.Limits{CodeBudget: row.rate}}})
		if row.good != (err == nil) || err != nil && !strings.Contains(err.Error(), "more digits") {
			t.Errorf("%d digits, %v: %v", row.digits, row.rate, err)
		}
	}
}
