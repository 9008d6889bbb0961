package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/send"
)

func TestATestMessageIsOfferedToEachSenderOnceAndReportedOn(t *testing.T) {
	t.Parallel()
	got := make(chan send.Message, 10)
	take := func(_ context.Context, m send.Message) error { got <- m; return nil }
	refuse := func(err error) func(context.Context, send.Message) error {
		return func(_ context.Context, m send.Message) error { got <- m; return err }
	}
	email := []string{
		senderJSON(scripted(t, script{send: refuse(&send.Error{Kind: send.Blocked, Reason: "auth", Err: errors.New("535 not dana@example.com")})}), ""),
		senderJSON(scripted(t, script{send: take}), ""),
	}
	sms := []string{
		senderJSON(scripted(t, script{send: take}), `, "countries": ["FR"]`),
		senderJSON(scripted(t, script{send: take}), `, "countries": ["GB"]`),
		senderJSON(scripted(t, script{send: func(context.Context, send.Message) error { panic("glass") }}), `, "countries": ["GB"]`),
	}
	s, err := startSite(t, jsonConfig(t, `{"email": [`+strings.Join(email, ", ")+`], "sms": [`+strings.Join(sms, ", ")+`], "brand": {"name": "Example"}}`, `{}`))
	if err != nil {
		t.Fatal(err)
	}
	admin := s.admin(t)
	ask := func(question string) (SendTest, string) {
		t.Helper()
		status, answer := askAdmin(t, admin, "POST", "/stepgate/send-test", question)
		var test SendTest
		if err := json.Unmarshal([]byte(answer), &test); err != nil || status != http.StatusOK {
			t.Fatalf("%s: %d %s", question, status, answer)
		}
		return test, answer
	}

	test, answer := ask(`{"to": "Dana@EXAMPLE.com"}`)
	first, second := <-got, <-got
	if first.To != "Dana@example.com" || first.Medium != send.Email || first.Purpose != "test" || first.Code != "" || !strings.Contains(first.Text, "test of Example") || first.Subject == "" {
		t.Errorf("the message: %+v", first)
	}
	if first.ID == second.ID || first.ID == "" {
		t.Error("two senders were given one message: a mailbox may show one of two")
	}
	if r := test.Results; len(r) != 2 || r[0].Accepted || r[0].Sender != "scripted" || r[0].Reason != "auth" || !strings.Contains(r[0].Remedy, "password") || !r[1].Accepted || r[1].Remedy != "" {
		t.Errorf("%+v", test)
	}
	if strings.Contains(answer, "dana@example.com") || strings.Contains(s.logs.String(), "ana@example.com") {
		t.Error("the address is quoted")
	}

	test, _ = ask(`{"to": "+44 7700 900123"}`)
	if m := <-got; m.To != "+447700900123" || m.Medium != send.SMS {
		t.Errorf("the message: %+v", m)
	}
	if r := test.Results; len(r) != 3 || r[0].Reason != "country_not_allowed" || !r[1].Accepted || r[2].Reason != "panic" {
		t.Errorf("%+v", test)
	}

	if test, _ = ask(`{"to": "dana@example.com", "sender": "scripted 2"}`); len(test.Results) != 1 || test.Results[0].Sender != "scripted 2" || !test.accepted() {
		t.Errorf("the one named: %+v", test)
	}
	<-got
	if len(got) > 0 {
		t.Error("more was sent than asked for")
	}
	s.logs.line(t, "an operator tried a sender", `"sender":"scripted"`, `"accepted":false`, `"reason":"auth"`)
}

func TestATestThatCannotBeMadeIsRefusedInOneSentence(t *testing.T) {
	t.Parallel()
	none, err := startSite(t, jsonConfig(t, `{"sms": null}`, `{}`))
	if err != nil {
		t.Fatal(err)
	}
	british, err := startSite(t, jsonConfig(t, `{"email": [{"module": "smtp", "address": "a.example.com:587", "from": "a@example.com"}, {"module": "inbox"}, {"module": "smtp", "address": "b.example.com:587", "from": "a@example.com"}], "sms": [`+senderJSON(scripted(t, script{}), `, "countries": ["GB"]`)+`]}`, `{}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		site           *testSite
		question, want string
	}{
		{none, `{"to": "+447700900123"}`, "no sender for text messages"},
		{none, `{"to": "dana"}`, "neither an e-mail address nor a phone number"},
		{none, `{}`, "neither an e-mail address nor a phone number"},
		{none, `{"to": "dana@localhost"}`, "no e-mail address"},
		{none, `{"to": "dana@example.com", "text": "buy"}`, "unknown field"},
		{british, `{"to": "+12025550123"}`, "its country is not among"},
		{british, `{"to": "+442079460123"}`, "no mobile number"},
		{british, `{"to": "dana@example.com", "sender": "smtp"}`, `there is \"smtp a.example.com:587\", \"inbox\", \"smtp b.example.com:587\"`},
		{british, `{"to": "dana@example.com", "sender": "vonage"}`, "no email sender has the name"},
	} {
		status, answer := askAdmin(t, row.site.admin(t), "POST", "/stepgate/send-test", row.question)
		if status != http.StatusBadRequest || !strings.Contains(answer, row.want) {
			t.Errorf("%s: %d %s\nwant %s", row.question, status, answer, row.want)
		}
	}
	if status, answer := askAdmin(t, british.admin(t), "POST", "/stepgate/send-test", `{"to": "dana@example.com", "sender": "inbox"}`); status != http.StatusOK || !strings.Contains(answer, `"accepted":true`) {
		t.Errorf("by the only one of a kind: %d %s", status, answer)
	}
}

func TestASenderHasABoundedTimeForATest(t *testing.T) {
	t.Parallel()
	bound := make(chan time.Duration, 1)
	name := scripted(t, script{send: func(ctx context.Context, _ send.Message) error {
		deadline, _ := ctx.Deadline()
		bound <- time.Until(deadline)
		return context.DeadlineExceeded
	}})
	s, err := startSite(t, jsonConfig(t, `{"email": [`+senderJSON(name, "")+`]}`, `{}`))
	if err != nil {
		t.Fatal(err)
	}
	_, answer := askAdmin(t, s.admin(t), "POST", "/stepgate/send-test", `{"to": "dana@example.com"}`)
	if d := <-bound; d <= 0 || d > testTimeout {
		t.Errorf("it may take %v", d)
	}
	if !strings.Contains(answer, `"reason":"timeout"`) || !strings.Contains(answer, "firewall") {
		t.Error(answer)
	}
}
