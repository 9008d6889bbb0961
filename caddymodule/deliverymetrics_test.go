package caddymodule

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/send"
)

// scraped are the values of our metrics, by name and labels in alphabetical order.
func (s *testSite) scraped(t *testing.T) map[string]float64 {
	t.Helper()
	families, err := s.app.ctx.GetMetricsRegistry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]float64)
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), "caddy_stepgate_") {
			continue
		}
		for _, m := range family.GetMetric() {
			key := family.GetName()
			for _, label := range m.GetLabel() {
				key += " " + label.GetName() + "=" + label.GetValue()
			}
			found[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return found
}

// settle waits until nothing is on its way.
func (s *testSite) settle(t *testing.T) {
	t.Helper()
	for range 5000 {
		queued := 0
		for _, counts := range s.app.live.Load().rt.outbox.Stats() {
			queued += counts.Queued + counts.Sending
		}
		if queued == 0 {
			return
		}
		<-time.After(time.Millisecond)
	}
	t.Fatal("messages are still on their way")
}

func TestMetricsTellOfMessagesAndSendersAcrossReloads(t *testing.T) {
	t.Parallel()
	blocked := &send.Error{Kind: send.Blocked, Reason: "quota"}
	fails := scripted(t, script{send: func(context.Context, send.Message) error { return blocked }})
	unproved := scripted(t, script{check: func(context.Context) error { return errors.New("no") }})
	config := countedConfig(t, `{COUNTED, "secret": "`+testSecret+`", "email": [`+senderJSON(fails, "")+`, {"module": "inbox"}, `+senderJSON(unproved, "")+`]}`)
	s, err := startSite(t, config)
	if err != nil {
		t.Fatal(err)
	}
	s.browser(t).post("/.auth/sign-up", url.Values{"email": {dana}})
	s.message(t, dana)
	s.settle(t)
	s.logs.line(t, `"sender does not work"`, `"sender":"scripted 2"`)
	rt := s.app.live.Load().rt
	for !rt.checked.doubtful(send.Email, "scripted 2", 0) {
		<-time.After(time.Millisecond)
	}
	rt.counts.receipt("vonage", send.ReceiptRefused)
	s.app.observe(rt, flows.Incident{Kind: flows.Guessing})
	want := map[string]float64{
		"caddy_stepgate_messages_total medium=email outcome=sent sender=inbox":           1,
		"caddy_stepgate_send_attempts_total medium=email outcome=sent sender=inbox":      1,
		"caddy_stepgate_send_attempts_total medium=email outcome=failed sender=scripted": 1,
		"caddy_stepgate_send_attempts_total medium=email outcome=sent sender=scripted":   0,
		"caddy_stepgate_sender_up medium=email sender=scripted":                          0,
		"caddy_stepgate_sender_up medium=email sender=inbox":                             1,
		"caddy_stepgate_sender_up medium=email sender=scripted 2":                        0,
		"caddy_stepgate_sender_up medium=sms sender=inbox":                               1,
		"caddy_stepgate_message_queue medium=email":                                      0,
		"caddy_stepgate_message_queue medium=sms":                                        0,
		"caddy_stepgate_receipts_total sender=vonage status=refused":                     1,
		"caddy_stepgate_incidents_total kind=guessing":                                   1,
		"caddy_stepgate_incidents_total kind=budget_spent":                               0,
		"caddy_stepgate_incidents_total kind=prefix_paused":                              0,
		"caddy_stepgate_incidents_total kind=budget_near":                                0,
	}
	check := func(when string, s *testSite) {
		t.Helper()
		got := s.scraped(t)
		for name, value := range want {
			if n, ok := got[name]; !ok || n != value {
				t.Errorf("%s: %s is %v (%t), want %v", when, name, n, ok, value)
			}
		}
	}
	check("at first", s)
	again, err := startSite(t, config) // over what is open, as a reload
	if err != nil {
		t.Fatal(err)
	}
	check("after a reload", again)
	if err := s.app.Cleanup(); err != nil {
		t.Fatal(err)
	}
	check("without the old one", again)
}

func TestASenderThatWasDoubtedIsUpOnceItHasSent(t *testing.T) {
	t.Parallel()
	name := scripted(t, script{check: func(context.Context) error { return errors.New("no balance to be had") }})
	s, err := startSite(t, jsonConfig(t, `{"email": [`+senderJSON(name, "")+`]}`, `{}`))
	if err != nil {
		t.Fatal(err)
	}
	const up = "caddy_stepgate_sender_up medium=email sender=scripted"
	rt := s.app.live.Load().rt
	for !rt.checked.doubtful(send.Email, "scripted", 0) {
		<-time.After(time.Millisecond)
	}
	if got := s.scraped(t)[up]; got != 0 {
		t.Errorf("in doubt: %v", got)
	}
	s.browser(t).post("/.auth/sign-up", url.Values{"email": {dana}})
	s.settle(t)
	if got := s.scraped(t)[up]; got != 1 {
		t.Errorf("after it has sent: %v", got)
	}
}
