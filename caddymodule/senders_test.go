package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/stepgate/stepgate/flows/send"
)

func vonageIn(countries string) string {
	return `{"module": "vonage", "api_key": "abcd1234", "api_secret": "secret", "from": "Example", "countries": [` + countries + `]}`
}

func TestASiteReachesTheCountriesOfAllItsSenders(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		sms  string
		want []string
	}{
		{``, nil}, // no text messages at all
		{`{"module": "inbox"}`, []string{"*"}},
		{vonageIn(`"FR", "DE"`), []string{"FR", "DE"}},
		{vonageIn(`"FR", "DE"`) + `, ` + vonageIn(`"DE", "GB"`), []string{"FR", "DE", "GB"}},
		{vonageIn(`"FR"`) + `, ` + vonageIn(`"*"`), []string{"*"}},
		{vonageIn(`"FR"`) + `, {"module": "inbox"}`, []string{"FR"}},
	} {
		site, err := startSite(t, jsonConfig(t, `{"sms": [`+row.sms+`]}`, `{}`))
		if err != nil {
			t.Fatal(err)
		}
		flows := site.handlers[0].sites[0].flows
		if !reflect.DeepEqual(flows.Countries, row.want) || flows.SMS != (row.want != nil) {
			t.Errorf("%s: got %v, SMS %t; want %v", row.sms, flows.Countries, flows.SMS, row.want)
		}
		if warned := strings.Contains(site.logs.String(), "any country"); warned != strings.Contains(row.sms, `"*"`) {
			t.Errorf("%s: warned is %t", row.sms, warned)
		}
	}
}

// recorder is a sender that remembers to whom it sent.
type recorder struct{ to []string }

func (r *recorder) Send(_ context.Context, m send.Message) error {
	r.to = append(r.to, m.To)
	return nil
}

func TestASenderIsNeverUsedBeyondItsCountries(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		to, countries string
		sent          bool
	}{
		{"+447700900123", "GB", true},
		{"+447700900123", "FR GB", true},
		{"+33639980123", "GB", false},
		{"+12025550123", "GB FR", false},
		{"+12025550123", "*", true},
		{"not a number", "*", false},
	} {
		inner := new(recorder)
		limited := &withinCountries{inner, strings.Fields(row.countries)}
		err := limited.Send(t.Context(), send.Message{Medium: send.SMS, To: row.to})
		if sent := len(inner.to) == 1; sent != row.sent || (err == nil) != row.sent {
			t.Errorf("%s within %s: sent is %t, error %v", row.to, row.countries, sent, err)
		}
		if err != nil && send.KindOf(err) != send.Blocked {
			t.Errorf("%s within %s: another sender would not be tried: %v", row.to, row.countries, err)
		}
	}
}

func TestTheNewestConfigurationsSendersAreUsedUntilItGoes(t *testing.T) {
	t.Parallel()
	var used string
	logs := map[*slog.Logger]string{}
	stack := senderStack{use: func(x attached) {
		if used = x.senders[send.Email][0].Name; logs[x.log] != used {
			t.Errorf("%s's senders are used with the log of %s", used, logs[x.log])
		}
	}}
	named := func(owner *App, name string) attached {
		log := slog.New(slog.DiscardHandler)
		logs[log] = name
		return attached{owner, map[send.Medium][]send.Named{send.Email: {{Name: name}}}, log}
	}
	first, second, third := new(App), new(App), new(App)
	for i, step := range []struct {
		do   func()
		want string
	}{
		{func() { stack.attach(named(first, "first")) }, "first"},
		{func() { stack.attach(named(second, "second")) }, "second"},
		{func() { stack.detach(second) }, "first"}, // it failed to start
		{func() { stack.attach(named(third, "third")) }, "third"},
		{func() { stack.detach(first) }, "third"}, // the old one goes, as after a reload
		{func() { stack.detach(first) }, "third"},
		{func() { stack.detach(third) }, "third"}, // nobody is left to ask for
	} {
		step.do()
		if used != step.want {
			t.Errorf("step %d: %s's senders are used, want %s's", i, used, step.want)
		}
	}
}

// brokenSender is a sender module that cannot be made.
type brokenSender struct{}

func init() { caddy.RegisterModule(brokenSender{}) }

func (brokenSender) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "stepgate.senders.broken", New: func() caddy.Module { return new(brokenSender) }}
}

func (brokenSender) Carries(send.Medium) bool { return true }

func (brokenSender) Sender(*slog.Logger) (send.Sender, error) {
	return nil, errors.New("made of glass")
}

func TestASenderThatCannotBeMadeLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	app := provisionApp(t, countedConfig(t, `{COUNTED, "sms": [{"module": "broken"}]}`))
	if err := app.Start(); err == nil || !strings.Contains(err.Error(), "made of glass") {
		t.Errorf("starting: %v", err)
	}
	if c := countsOf(t.Name()); c.opened.Load() != 1 || c.closed.Load() != 1 {
		t.Errorf("opened %d times, closed %d times", c.opened.Load(), c.closed.Load())
	}
}

func TestSendersFailOverInTheOrderWritten(t *testing.T) {
	t.Parallel()
	smtp := func(n int) string {
		return fmt.Sprintf(`{"module": "smtp", "address": "mail%d.example.com:587", "from": "a@example.com"}`, n)
	}
	site, err := startSite(t, jsonConfig(t, `{"email": [`+smtp(1)+`, `+smtp(2)+`, {"module": "inbox"}]}`, `{}`))
	if err != nil {
		t.Fatal(err)
	}
	senders, err := site.app.makeSenders(site.app.live.Load().rt.inbox)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range senders[send.Email] {
		names = append(names, s.Name)
	}
	if got := strings.Join(names, " "); got != "smtp mail1.example.com:587 smtp mail2.example.com:587 inbox" {
		t.Errorf("got %s", got)
	}
}

func TestASiteWhoseTextsWouldCostTwiceIsRefused(t *testing.T) {
	t.Parallel()
	host := func(length int) string {
		return strings.Repeat("a", 60) + "." + strings.Repeat("b", length-61-len(".example.com")) + ".example.com"
	}
	const inboxless = `"email": [{"module": "smtp", "address": "mail.example.com:587", "from": "a@example.com"}]`
	for _, row := range []struct {
		app    string
		length int
		good   bool
	}{
		{`{` + inboxless + `, "sms": [` + vonageIn(`"GB"`) + `]}`, 100, true},
		{`{` + inboxless + `, "sms": [` + vonageIn(`"GB"`) + `], "code": {"digits": 8}}`, 100, true},
		{`{` + inboxless + `, "sms": [` + vonageIn(`"GB"`) + `]}`, 120, false}, // in languages that GSM-7 cannot write
		{`{` + inboxless + `, "languages": ["en", "pl"], "sms": [` + vonageIn(`"GB"`) + `]}`, 120, true},
		{`{` + inboxless + `, "languages": ["en"], "sms": [` + vonageIn(`"GB"`) + `]}`, 129, true},
		{`{` + inboxless + `, "languages": ["en"], "sms": [` + vonageIn(`"GB"`) + `], "code": {"digits": 8}}`, 129, false},
		{`{` + inboxless + `, "languages": ["en"], "sms": [` + vonageIn(`"GB"`) + `]}`, 130, false},
		{`{` + inboxless + `, "sms": null}`, 130, true},
	} {
		_, err := startSite(t, jsonConfig(t, row.app, `{"origins": ["https://`+host(row.length)+`"]}`))
		if row.good != (err == nil) || err != nil && !strings.Contains(err.Error(), "use a host of at most 100 characters") {
			t.Errorf("%s, a host of %d: %v", row.app, row.length, err)
		}
	}
}
