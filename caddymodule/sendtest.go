package caddymodule

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/send"
)

// testTimeout bounds the test of one sender.
const testTimeout = 30 * time.Second

// SendTest is what came of a test message that every sender of its medium, or the one
// named, was given.
type SendTest struct {
	Medium  string       `json:"medium"` // email or sms
	Results []TestResult `json:"results"`
}

// TestResult is one sender's answer.
type TestResult struct {
	Sender   string `json:"sender"`
	Accepted bool   `json:"accepted"`
	// Reason, Detail and Remedy are set where it was not accepted: a short, stable word,
	// what the provider says, and what may help.
	Reason string `json:"reason,omitempty"`
	Detail string `json:"detail,omitempty"`
	Remedy string `json:"remedy,omitempty"`
	// Milliseconds is how long the sender took.
	Milliseconds int64 `json:"milliseconds"`
}

// accepted reports whether any sender took the message.
func (t *SendTest) accepted() bool {
	for _, r := range t.Results {
		if r.Accepted {
			return true
		}
	}
	return false
}

// sendTest sends a test message by each sender in turn, past the outbox: neither the
// budgets nor what is known of the senders' health has a say, and nothing is tried again.
func sendTest(r *running, request *http.Request) (any, error) {
	var wanted struct {
		To     string `json:"to"`
		Sender string `json:"sender"`
	}
	if err := readJSON(request, &wanted); err != nil {
		return nil, err
	}
	l, release, err := r.app.acquire()
	if err != nil {
		return nil, err
	}
	defer release()
	message, err := r.app.testMessage(wanted.To)
	if err != nil {
		return nil, badQuestion(err)
	}
	senders, err := sendersNamed(l.senders, message.Medium, wanted.Sender)
	if err != nil {
		return nil, badQuestion(err)
	}
	test := &SendTest{Medium: string(message.Medium)}
	for _, sender := range senders {
		test.Results = append(test.Results, r.app.tryOut(request.Context(), sender, message))
	}
	return test, nil
}

// testMessage is a message without a code for an address or a number.
func (a *App) testMessage(to string) (send.Message, error) {
	m := send.Message{
		Purpose: "test", Lang: "en",
		Text: "This is a test of " + cmp.Or(a.Brand.Name, "Stepgate") + " by its operator. There is nothing to do.",
	}
	if !strings.Contains(to, "@") {
		e164, refusal := flows.ParsePhone(to, a.countries())
		switch {
		case refusal != nil && refusal.Code == flows.PhoneCountry:
			return m, errors.New("text messages may not go to that number: it is premium, or its country is not among the senders' `countries`")
		case refusal != nil && refusal.Code == flows.PhoneNotMobile:
			return m, errors.New("text messages may not go to that number: it is no mobile number")
		case refusal != nil:
			return m, errors.New("the recipient is neither an e-mail address nor a phone number, such as dana@example.com or +447700900123")
		case len(a.sms) == 0:
			return m, errors.New("no sender for text messages is configured: add `sms vonage { … }` or `sms webhook … { … }`")
		}
		m.Medium, m.To = send.SMS, e164
		return m, nil
	}
	typed, _, refusal := flows.CanonicalEmail(to)
	if refusal != nil {
		return m, errors.New("the recipient is no e-mail address that people could sign in with")
	}
	m.Medium, m.To, m.Subject = send.Email, typed, "Test message"
	return m, nil
}

// sendersNamed are those of a medium, or the one of a name.
func sendersNamed(all map[send.Medium][]send.Named, medium send.Medium, name string) ([]send.Named, error) {
	if name == "" {
		return all[medium], nil
	}
	var names []string
	for _, sender := range all[medium] {
		// The kind alone will do where there is one of it.
		if sender.Name == name || kindOf(sender.Name) == name && countKind(all[medium], name) == 1 {
			return []send.Named{sender}, nil
		}
		names = append(names, `"`+sender.Name+`"`)
	}
	return nil, errors.New("no " + string(medium) + " sender has the name " + `"` + name + `": there is ` + strings.Join(names, ", "))
}

func kindOf(name string) string {
	kind, _, _ := strings.Cut(name, " ")
	return kind
}

func countKind(senders []send.Named, kind string) (n int) {
	for _, sender := range senders {
		if kindOf(sender.Name) == kind {
			n++
		}
	}
	return n
}

func (a *App) tryOut(ctx context.Context, sender send.Named, m send.Message) TestResult {
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	m.ID, m.Expires = rand.Text(), a.now().Add(testTimeout) // two senders must not make one mail of it
	began := time.Now()
	err := survive(func() error { return sender.Sender.Send(ctx, m) })
	result := TestResult{Sender: sender.Name, Accepted: err == nil, Milliseconds: time.Since(began).Milliseconds()}
	if err != nil {
		result.Reason, result.Detail, result.Remedy = send.ReasonOf(err), detailOf(err, m), remedyOf(err)
	}
	a.log.Info("an operator tried a sender", "sender", sender.Name, "medium", m.Medium, "accepted", result.Accepted, "reason", result.Reason)
	return result
}
