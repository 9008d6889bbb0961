package caddymodule

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/limit"
)

func TestEveryLimitReachesTheEngineInItsPlace(t *testing.T) {
	t.Parallel()
	every := func(burst int, d time.Duration) limit.Rate { return limit.Rate{Burst: burst, Every: d} }
	want := flows.Limits{
		CodeBudget: every(1, time.Hour), PasswordBudget: every(2, time.Minute), PasswordNetworkBudget: every(3, time.Minute),
		PasswordTotalBudget: every(4, time.Minute), SendBudget: every(5, time.Minute), AccountSendBudget: every(6, time.Minute),
		NumberBudget: every(7, time.Minute), PrefixBudget: every(8, time.Minute), CountryBudget: every(9, time.Minute),
		NetworkBudget: every(10, time.Minute), EnrolBudget: every(11, time.Minute), SignUpBudget: every(12, time.Minute),
		WorkBudget: every(13, 500*time.Millisecond), EmailsHour: 14, EmailsDay: 15, TextsHour: 16, TextsDay: 17, HardCap: 18,
		Spend: flows.Spend{Daily: 25_000_000, Prices: map[string]int64{"DE": 72_500, "*": 300_000}},
	}
	s := newSite(t, `{
	stepgate {
		store memory
		email inbox
		limits {
			guesses 1 every 1h
			passwords 2 every 1m
			passwords_network 3 every 1m
			passwords_total 4 every 1m
			sends_address 5 every 1m
			sends_account 6 every 1m
			sends_number 7 every 1m
			sends_prefix 8 every 1m
			sends_country 9 every 1m
			sends_network 10 every 1m
			enrolments 11 every 1m
			sign_ups_network 12 every 1m
			work_network 13 every 500ms
			sends_email_hour 14
			sends_email_day 15
			sends_sms_hour 16
			sends_sms_day 17
			hard_cap 18
			spend 25.00 {
				DE 0.0725
				* 0.3
			}
		}
	}
}
`+guarded(`respond "hello"`))
	if got := s.app.live.Load().engine.Limits; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestTextsToAnywhereAtAnyCostAreWarnedOf(t *testing.T) {
	t.Parallel()
	const anywhere = `"sms": [{"module": "vonage", "api_key": "abcd1234", "api_secret": "s", "from": "Example", "countries": ["*"]}]`
	for app, want := range map[string]bool{
		`{` + anywhere + `}`: true,
		`{` + anywhere + `, "limits": {"sends_sms_day": 10}}`:                              true,
		`{` + anywhere + `, "limits": {"spend": {"daily": "25", "prices": {"*": "0.3"}}}}`: false,
		`{` + strings.Replace(anywhere, `["*"]`, `["DE"]`, 1) + `}`:                        false,
		`{"sms": [{"module": "inbox"}]}`:                                                   false,
	} {
		s, err := startSite(t, jsonConfig(t, app, `{}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(s.logs.String(), "nothing bounds what they cost"); got != want {
			t.Errorf("%s: warned is %t", app, got)
		}
	}
}

func TestTheDocumentedLimitsAreTheRealOnes(t *testing.T) {
	t.Parallel()
	engine, err := flows.New(flows.Config{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../docs/delivery.md")
	if err != nil {
		t.Fatal(err)
	}
	short := strings.NewReplacer("h0m0s", "h", "m0s", "m")
	rows := map[string]string{"hard_cap": fmt.Sprintf("`%d`", engine.HardCap)}
	for name, rate := range new(LimitSettings).rates(&engine.Limits) {
		rows[name] = fmt.Sprintf("`%d every %s`", rate.is.Burst, short.Replace(rate.is.Every.String()))
	}
	for name, caps := range map[string][2]int{
		"sends_email_hour`, `sends_email_day": {engine.EmailsHour, engine.EmailsDay},
		"sends_sms_hour`, `sends_sms_day":     {engine.TextsHour, engine.TextsDay},
	} {
		rows[name] = fmt.Sprintf("`%d`, `%d`", caps[0], caps[1])
	}
	for name, usual := range rows {
		row := regexp.MustCompile("(?m)^\\| `" + name + "` \\|.*$").FindString(string(text))
		if !strings.Contains(row, "| "+usual+" |") {
			t.Errorf("the row of %s does not say %s: %q", name, usual, row)
		}
	}
}
