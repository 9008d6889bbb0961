package vonage

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/sendtest"
)

func TestACheckProvesTheAccountAndSendsNothing(t *testing.T) {
	t.Parallel()
	srv := sendtest.Vonage(t)
	s := to(t, srv, nil)
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(t, to(t, srv, func(c *Config) { c.APISecret = "wrong-secret" }).Check(t.Context()), send.Blocked, "bad_credentials")
	for _, balance := range []string{"0", "0.0", "-3.14159265"} {
		srv.SetBalance(balance)
		err := s.Check(t.Context())
		check(t, err, send.Blocked, "quota")
		if balance == "-3.14159265" && strings.Contains(err.Error(), "3.14") {
			t.Errorf("%v tells the balance", err)
		}
	}
	for _, odd := range []string{`"3.14"`, "null", "{}", "1e999", "3}{"} {
		srv.SetBalance(odd)
		check(t, s.Check(t.Context()), send.Blocked, "bad_reply")
	}
	if n := len(srv.Requests()); n != 0 {
		t.Errorf("%d texts were posted", n)
	}
}

func TestACheckOfAFaultyEndpointSaysSoAndIsNeverUncertain(t *testing.T) {
	t.Parallel()
	for fault, want := range map[sendtest.Fault]struct {
		kind   send.Kind
		reason string
	}{
		sendtest.Refuse("429"): {send.Retryable, "throttled"},
		sendtest.Refuse("503"): {send.Retryable, "unavailable"},
		sendtest.Refuse("504"): {send.Retryable, "bad_reply"},
		sendtest.Refuse("403"): {send.Blocked, "account_barred"},
		sendtest.Refuse("302"): {send.Blocked, "redirected"},
		sendtest.LiePage:       {send.Blocked, "bad_reply"},
		sendtest.LieEmpty:      {send.Blocked, "bad_reply"},
		sendtest.LieHalf:       {send.Blocked, "bad_reply"},
		sendtest.Close:         {send.Retryable, "network"},
		sendtest.Hang:          {send.Retryable, "timeout"},
		sendtest.HangUnread:    {send.Retryable, "timeout"},
	} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			srv := sendtest.Vonage(t)
			srv.Break(fault)
			s := to(t, srv, func(c *Config) { c.Timeout = 200 * time.Millisecond })
			check(t, s.Check(t.Context()), want.kind, want.reason)
		})
	}
	s := to(t, sendtest.Vonage(t), func(c *Config) { c.BaseURL = "http://127.0.0.1:1/sms" })
	check(t, s.Check(t.Context()), send.Retryable, "network")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	check(t, s.Check(ctx), send.Retryable, "cancelled")
}

func TestTheBalanceIsAskedForBesideTheTexts(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"":                               "https://rest.nexmo.com/account/get-balance?",
		"https://rest.example.com/sms":   "https://rest.example.com/account/get-balance?",
		"https://rest.example.com/sms/":  "https://rest.example.com/account/get-balance?",
		"https://rest.example.com":       "https://rest.example.com/account/get-balance?",
		"https://gw.example.com/vonage/": "https://gw.example.com/vonage/account/get-balance?",
	} {
		s, err := New(Config{APIKey: "abcd1234", APISecret: "a&b", From: "Example", BaseURL: base})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.balanceURL(); got != want+"api_key=abcd1234&api_secret=a%26b" {
			t.Errorf("%q: %s", base, got)
		}
	}
}
