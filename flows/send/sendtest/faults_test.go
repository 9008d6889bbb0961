package sendtest_test

import (
	"crypto/tls"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/sendtest"
	"github.com/stepgate/stepgate/flows/send/smtp"
	"github.com/stepgate/stepgate/flows/send/vonage"
	"github.com/stepgate/stepgate/flows/send/webhook"
)

// a provider is a sender with the server behind it.
type provider struct {
	send.Sender
	taken func() []string // IDs of the messages that the server may deliver
	mend  func()
}

const (
	impatient = 300 * time.Millisecond
	// patient is long enough for a server on loopback to get to its fault, on a busy
	// machine: where that decides about the outcome.
	patient = 1500 * time.Millisecond
)

func mailServer(t *testing.T, at sendtest.Stage, fault sendtest.Fault) provider {
	srv := sendtest.FaultySMTP(t, at, fault)
	s, err := smtp.New(smtp.Config{Host: srv.Host, Port: srv.Port, From: "Example <no-reply@example.com>",
		Username: "u", Password: "p", Timeout: timeoutFor(fault, at == sendtest.AtDot), TLSConfig: &tls.Config{RootCAs: srv.RootCAs}})
	if err != nil {
		t.Fatal(err)
	}
	return provider{s, func() (ids []string) {
		for _, m := range srv.Taken() {
			ids = append(ids, strings.TrimSuffix(strings.TrimPrefix(m.Header.Get("Message-Id"), "<"), "@example.com>"))
		}
		return ids
	}, func() { srv.Break(at, sendtest.NoFault) }}
}

func smsServer(t *testing.T, fault sendtest.Fault, statuses ...string) provider {
	srv := sendtest.Vonage(t)
	srv.Break(fault)
	srv.Statuses(statuses...)
	s, err := vonage.New(vonage.Config{APIKey: sendtest.VonageKey, APISecret: sendtest.VonageSecret, From: "Example",
		BaseURL: srv.URL, Timeout: timeoutFor(fault, true)})
	if err != nil {
		t.Fatal(err)
	}
	return provider{s, func() (ids []string) {
		for _, form := range srv.Taken() {
			ids = append(ids, form.Get("client-ref"))
		}
		return ids
	}, func() { srv.Break(sendtest.NoFault); srv.Statuses("0") }}
}

func hookServer(t *testing.T, fault sendtest.Fault) provider {
	srv := sendtest.Webhook(t)
	srv.Break(fault)
	s, err := webhook.New(webhook.Config{URL: srv.URL, Secret: sendtest.WebhookSecret, Timeout: timeoutFor(fault, true)})
	if err != nil {
		t.Fatal(err)
	}
	return provider{s, func() (ids []string) {
		for _, p := range srv.Taken() {
			ids = append(ids, p.ID)
		}
		return ids
	}, func() { srv.Break(sendtest.NoFault) }}
}

func timeoutFor(f sendtest.Fault, decides bool) time.Duration {
	switch {
	case f != sendtest.Hang && f != sendtest.HangUnread:
		return time.Minute
	case decides:
		return patient
	}
	return impatient
}

func message(medium send.Medium, id string) send.Message {
	m := send.Message{ID: id, Medium: medium, To: "+447700900123", Purpose: "code.step_up", Subject: "482913 is your code",
		Text: "482913 is your code.\n\n@id.example.com #482913", Code: "482913"}
	if medium == send.Email {
		m.To = "ada.lovelace@example.org"
	}
	return m
}

// outbox is one whose results come on a channel.
func outbox(t *testing.T, medium send.Medium, first, second send.Sender) (*send.Outbox, chan send.Result) {
	results := make(chan send.Result, 100)
	o := send.NewOutbox(send.OutboxOptions{FirstRetry: time.Millisecond, Done: func(r send.Result) { results <- r }})
	named := []send.Named{{Name: "first", Sender: first}}
	if second != nil {
		named = append(named, send.Named{Name: "second", Sender: second})
	}
	o.Use(map[send.Medium][]send.Named{medium: named})
	t.Cleanup(func() {
		if err := o.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return o, results
}

func post(t *testing.T, o *send.Outbox, m send.Message) {
	t.Helper()
	before := time.Now()
	err := o.PostDraft(send.Draft{ID: m.ID, Medium: m.Medium, Purpose: m.Purpose,
		Compose: func() (send.Message, error) { return m, nil }})
	if err != nil {
		t.Fatal(err)
	}
	if d := time.Since(before); d > patient/2 {
		t.Errorf("posting took %v", d)
	}
}

// A fault is one thing that can be wrong with the first of two senders.
type fault struct {
	name   string
	medium send.Medium
	first  func(*testing.T) provider
	want   send.Outcome
	by     string // whose word it is
	long   bool   // a text of two parts
}

func faults() []fault {
	var all []fault
	add := func(name string, medium send.Medium, want send.Outcome, by string, first func(*testing.T) provider) *fault {
		all = append(all, fault{name: name, medium: medium, want: want, by: by, first: first})
		return &all[len(all)-1]
	}
	for _, at := range sendtest.Stages {
		for _, f := range []sendtest.Fault{sendtest.Hang, sendtest.Close, sendtest.Babble, sendtest.Ramble} {
			want, by := send.OutcomeSent, "second"
			if at == sendtest.AtDot {
				want, by = send.OutcomeUncertain, "first"
			}
			add(fmt.Sprint("mail ", f, " at ", at), send.Email, want, by,
				func(t *testing.T) provider { return mailServer(t, at, f) })
		}
	}
	for _, at := range []sendtest.Stage{sendtest.AtBanner, sendtest.AtEHLO, sendtest.AtSTARTTLS, sendtest.AtAUTH,
		sendtest.AtMAIL, sendtest.AtRCPT, sendtest.AtDATA, sendtest.AtDot} {
		for _, reply := range []string{"421 4.3.2 going down", "450 4.2.1 busy", "550 5.1.1 no such user"} {
			want, by := send.OutcomeSent, "second"
			if reply[0] == '5' && (at == sendtest.AtRCPT || at == sendtest.AtDATA || at == sendtest.AtDot) {
				want, by = send.OutcomeFailed, "first"
			}
			add(fmt.Sprint("mail ", reply[:3], " at ", at), send.Email, want, by,
				func(t *testing.T) provider { return mailServer(t, at, sendtest.Refuse(reply)) })
		}
	}
	sms := func(f sendtest.Fault, statuses ...string) func(*testing.T) provider {
		return func(t *testing.T) provider { return smsServer(t, f, statuses...) }
	}
	for _, f := range []sendtest.Fault{sendtest.Hang, sendtest.HangUnread, sendtest.Close, sendtest.Babble,
		sendtest.LiePage, sendtest.LieEmpty, sendtest.LieJSON, sendtest.LieHalf} {
		add(fmt.Sprint("text ", f), send.SMS, send.OutcomeUncertain, "first", sms(f))
	}
	add("text half taken", send.SMS, send.OutcomeUncertain, "first", sms(sendtest.NoFault, "0", "9")).long = true
	for _, code := range []string{"302", "401", "402", "403", "404", "429", "500", "503"} {
		add("text HTTP "+code, send.SMS, send.OutcomeSent, "second", sms(sendtest.Refuse(code)))
	}
	for _, status := range []string{"1", "2", "4", "5", "8", "9", "10", "15", "22", "29"} {
		add("text status "+status, send.SMS, send.OutcomeSent, "second", sms(sendtest.NoFault, status))
	}
	for _, status := range []string{"3", "6", "7", "12", "33"} {
		add("text status "+status, send.SMS, send.OutcomeFailed, "first", sms(sendtest.NoFault, status))
	}
	hook := func(f sendtest.Fault) func(*testing.T) provider {
		return func(t *testing.T) provider { return hookServer(t, f) }
	}
	for _, f := range []sendtest.Fault{sendtest.Hang, sendtest.HangUnread, sendtest.Close, sendtest.Babble} {
		add(fmt.Sprint("webhook ", f), send.SMS, send.OutcomeUncertain, "first", hook(f))
	}
	for _, code := range []string{"302", "401", "403", "404", "408", "429", "500", "503"} {
		add("webhook HTTP "+code, send.SMS, send.OutcomeSent, "second", hook(sendtest.Refuse(code)))
	}
	add("webhook HTTP 422", send.SMS, send.OutcomeFailed, "first", hook(sendtest.Refuse("422")))
	add("webhook HTTP 409", send.SMS, send.OutcomeSent, "first", hook(sendtest.Refuse("409")))
	return all
}

// Not parallel: it counts what the process holds.
func TestWhateverAProviderDoesAMessageArrivesAtMostOnceAndNothingIsLeftBehind(t *testing.T) {
	goroutines := runtime.NumGoroutine()
	heap, total := memory()
	t.Run("faults", func(t *testing.T) {
		for _, f := range faults() {
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				play(t, f)
			})
		}
	})
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > goroutines && time.Now().Before(end); {
		runtime.Gosched()
	}
	if n := runtime.NumGoroutine() - goroutines; n > 0 {
		t.Errorf("%d goroutines are left", n)
	}
	heapAfter, totalAfter := memory()
	// One endless reply read to its end would be a gigabyte.
	if left, made := heapAfter-heap, totalAfter-total; left > 8<<20 || made > 1<<30 {
		t.Errorf("%d bytes are left of %d", left, made)
	}
}

func memory() (heap, total int64) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), int64(m.TotalAlloc)
}

func play(t *testing.T, f fault) {
	first := f.first(t)
	second := smsServer(t, sendtest.NoFault)
	if f.medium == send.Email {
		second = mailServer(t, "", sendtest.NoFault)
	}
	o, results := outbox(t, f.medium, first, second)
	m := message(f.medium, "m-1")
	if f.long {
		m.Text = strings.Repeat(m.Text, 5)
	}
	post(t, o, m)
	r := <-results
	if r.ID != "m-1" || r.Outcome != f.want || r.Sender != f.by {
		t.Errorf("result %+v; want %s by %s", r, f.want, f.by)
	}
	a, b := len(first.taken()), len(second.taken())
	switch f.want {
	case send.OutcomeUncertain:
		// Taken or lost, nobody knows; that the second did not get it is what counts.
		if a > 1 || b != 0 {
			t.Errorf("taken %d times by the first, %d by the second", a, b)
		}
	case send.OutcomeFailed:
		if a+b != 0 {
			t.Errorf("a refused message was taken %d times", a+b)
		}
	case send.OutcomeSent:
		if f.by == "second" && (a != 0 || b != 1) {
			t.Errorf("taken %d times by the first, %d by the second", a, b)
		}
	}
	if f.want != send.OutcomeUncertain {
		return
	}
	// A sender that loses answers costs one message at most: the person's next one takes
	// the second.
	post(t, o, message(f.medium, "m-2"))
	if r := <-results; r.ID != "m-2" || r.Outcome != send.OutcomeSent || r.Sender != "second" {
		t.Errorf("the next message: %+v", r)
	}
	if len(first.taken()) != a {
		t.Error("the first took the next message, too")
	}
}

func TestAMessageWaitsForAProviderToRecoverAndArrivesOnce(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]struct {
		medium send.Medium
		first  func(*testing.T) provider
	}{
		"mail": {send.Email, func(t *testing.T) provider {
			return mailServer(t, sendtest.AtRCPT, sendtest.Refuse("450 4.7.1 greylisted"))
		}},
		"mail, late": {send.Email, func(t *testing.T) provider {
			return mailServer(t, sendtest.AtDot, sendtest.Refuse("451 4.3.0 later"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := f.first(t)
			o, results := outbox(t, f.medium, first, nil)
			post(t, o, message(f.medium, "m-1"))
			for o.Stats()[f.medium].Attempts < 2 {
				runtime.Gosched()
			}
			first.mend()
			if r := <-results; r.Outcome != send.OutcomeSent {
				t.Errorf("result %+v", r)
			}
			if ids := fmt.Sprint(first.taken()); ids != "[m-1]" {
				t.Errorf("taken %s", ids)
			}
		})
	}
}

func TestAHundredPostsToAProviderThatHangsReturnAtOnce(t *testing.T) {
	t.Parallel()
	first := smsServer(t, sendtest.Hang)
	second := smsServer(t, sendtest.NoFault)
	o, results := outbox(t, send.SMS, first, second)
	before := time.Now()
	for i := range 100 {
		post(t, o, message(send.SMS, fmt.Sprint("m-", i)))
	}
	if d := time.Since(before); d > patient/2 {
		t.Errorf("posting took %v", d)
	}
	for range 100 {
		<-results
	}
	copies := map[string]int{}
	for _, id := range append(first.taken(), second.taken()...) {
		copies[id]++
	}
	for id, n := range copies {
		if n != 1 {
			t.Errorf("%s was taken %d times", id, n)
		}
	}
	// Its eight workers' messages are lost to the first; it is not asked again.
	if n := len(first.taken()); len(copies) != 100 || n > 8 {
		t.Errorf("%d of 100 taken, %d of them by the first", len(copies), n)
	}
}
