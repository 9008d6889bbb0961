package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/send"
)

// line waits for a line of the log that holds all the words.
func (l *testLog) line(t *testing.T, words ...string) string {
	t.Helper()
	for range 2000 {
	lines:
		for line := range strings.Lines(l.String()) {
			for _, word := range words {
				if !strings.Contains(line, word) {
					continue lines
				}
			}
			return line
		}
		<-time.After(time.Millisecond)
	}
	t.Fatalf("nothing of the kind was logged: %q", words)
	return ""
}

func TestAStartLooksAtEachSenderAndSaysWhatHelps(t *testing.T) {
	t.Parallel()
	fails := func(err error) string {
		return senderJSON(scripted(t, script{check: func(context.Context) error { return err }}), "")
	}
	s, err := startSite(t, jsonConfig(t, `{"email": [`+strings.Join([]string{
		senderJSON(scripted(t, script{}), ""),
		fails(&send.Error{Kind: send.Blocked, Reason: "auth", Err: errors.New("at auth: 535 no such user dana@example.com")}),
		fails(&send.Error{Kind: send.Retryable, Reason: "network", Err: errors.New("connection refused")}),
		fails(&send.Error{Kind: send.Blocked, Reason: "never_heard_of"}),
		senderJSON(scripted(t, script{check: func(context.Context) error { panic("made of glass") }}), ""),
		fails(fmt.Errorf("checking: %w: HTTP status 405", send.ErrNoVerdict)),
		`{"module": "inbox"}`,
	}, ", ")+`]}`, `{}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range [][]string{
		{`"level":"info"`, `"msg":"sender works"`, `"medium":"email"`, `"sender":"scripted"`},
		{`"level":"error"`, `"sender":"scripted 2"`, `"reason":"auth"`, "check username and password", "535", "[address]"},
		{`"level":"error"`, `"sender":"scripted 3"`, `"reason":"network"`, "firewall", "connection refused"},
		{`"level":"error"`, `"sender":"scripted 4"`, `"reason":"never_heard_of"`, "the account at the provider"},
		{`"level":"error"`, `"sender":"scripted 5"`, `"reason":"panic"`, "made of glass"},
		{`"level":"info"`, `"sender":"scripted 6"`, "could not be told", "405"},
	} {
		s.logs.line(t, append(words, `"logger":"stepgate"`)...)
	}
	if log := s.logs.String(); strings.Contains(log, "dana@example.com") || strings.Contains(log, `"sender":"inbox"`) {
		t.Errorf("the log has what it should not:\n%s", log)
	}
}

func TestASenderThatHangsDelaysNoStartAndIsLetGoOfWithItsConfiguration(t *testing.T) {
	t.Parallel()
	entered, left := make(chan time.Duration, 1), make(chan error, 1)
	name := scripted(t, script{check: func(ctx context.Context) error {
		deadline, _ := ctx.Deadline()
		entered <- time.Until(deadline)
		<-ctx.Done()
		left <- ctx.Err()
		return ctx.Err()
	}})
	s, err := startSite(t, jsonConfig(t, `{"email": [`+senderJSON(name, "")+`]}`, `{}`))
	if err != nil {
		t.Fatal(err)
	}
	if bound := await(t, entered, "the check to begin"); bound <= 0 || bound > checkTimeout {
		t.Errorf("it may take %v", bound)
	}
	if err := s.app.Cleanup(); err != nil {
		t.Fatal(err)
	}
	if err := await(t, left, "the check to end"); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended by %v", err)
	}
	_ = s.app.checkSender(send.Email, "another", script{check: func(ctx context.Context) error { return ctx.Err() }})
	if strings.Contains(s.logs.String(), "sender does not work") {
		t.Error("a check that was called off is told as a failure")
	}
}

func TestASenderThatWorksIsLookedAtAgainOnlyWhenItIsConfiguredOtherwise(t *testing.T) {
	t.Parallel()
	looked := make(chan string, 10)
	good := scripted(t, script{check: func(context.Context) error { looked <- "good"; return nil }})
	bad := scripted(t, script{check: func(context.Context) error { looked <- "bad"; return errors.New("no") }})
	config := func(setting string) []byte {
		return countedConfig(t, `{COUNTED, "secret": "`+testSecret+`", "email": [`+senderJSON(good, setting)+`, `+senderJSON(bad, "")+`]}`)
	}
	// expect starts a configuration over what the earlier ones have open, at its moment, and
	// waits until what is known of the senders is written down: then the next one may ask.
	fails := 0
	expect := func(after time.Duration, config []byte, want map[string]int) {
		t.Helper()
		s, err := startSiteAt(t, config, after)
		if err != nil {
			t.Fatal(err)
		}
		if fails += want["bad"]; want["bad"] > 0 {
			s.logs.line(t, `"sender does not work"`, `"reason":"error"`)
		} else {
			s.logs.line(t, `"level":"warn"`, "not checked again for a while", `"sender":"scripted 2"`)
		}
		checked := &s.app.live.Load().rt.checked
		for !checked.works(send.Email, "scripted", madeOf(s.app.email[0])) || !checked.failed("scripted 2", fails) {
			<-time.After(time.Millisecond)
		}
		got := make(map[string]int)
		for len(looked) > 0 {
			got[<-looked]++
		}
		if got["good"] != want["good"] || got["bad"] != want["bad"] {
			t.Errorf("looked at %v, want %v", got, want)
		}
	}
	const other = `, "setting": "other"`
	expect(0, config(""), map[string]int{"good": 1, "bad": 1})
	expect(59*time.Second, config(""), nil)
	expect(time.Minute, config(other), map[string]int{"good": 1, "bad": 1})
	expect(2*time.Minute, config(other), nil)
	expect(3*time.Minute, config(other), map[string]int{"bad": 1})
}

func (c *sendersChecked) failed(name string, times int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.found[send.Email][name].fails == times
}

func TestASenderThatFailsIsLookedAtMoreAndMoreRarely(t *testing.T) {
	t.Parallel()
	var c sendersChecked
	now := newTestClock()
	for i, pause := range []time.Duration{1, 2, 4, 8, 15, 15, 15} {
		c.note(send.Email, "x", finding{made: [32]byte{1}, at: now.Now()})
		at := now.Now().Add(pause * time.Minute)
		if got := c.again(send.Email, "x", [32]byte{1}, at.Add(-1)); !got.Equal(at) {
			t.Errorf("after failure %d: until %v, want %v", i+1, got, at)
		}
		for what, again := range map[string]time.Time{
			"when it is due": c.again(send.Email, "x", [32]byte{1}, at), "made otherwise": c.again(send.Email, "x", [32]byte{2}, now.Now()),
			"another": c.again(send.Email, "y", [32]byte{1}, now.Now()), "a clock put back": c.again(send.Email, "x", [32]byte{1}, now.Now().Add(-1)),
		} {
			if !again.IsZero() {
				t.Errorf("after failure %d, %s: not before %v", i+1, what, again)
			}
		}
		now.advance(pause * time.Minute)
	}
	c.note(send.Email, "x", finding{made: [32]byte{1}, works: true, at: now.Now()})
	if again := c.again(send.Email, "x", [32]byte{1}, now.Now()); !again.IsZero() {
		t.Errorf("one that works is not looked at before %v", again)
	}
}

func TestASenderKeptToItsCountriesCanStillBeCheckedAndReadReceipts(t *testing.T) {
	t.Parallel()
	type (
		checker = send.Checker
		reader  = send.ReceiptReader
	)
	for name, row := range map[string]struct {
		sender        send.Sender
		checks, reads bool
	}{
		"plain": {new(recorder), false, false},
		"checks": {struct {
			*recorder
			checker
		}{}, true, false},
		"reads": {struct {
			*recorder
			reader
		}{}, false, true},
		"both": {struct {
			*recorder
			checker
			reader
		}{}, true, true},
	} {
		limited := within(row.sender, []string{"GB"})
		_, checks := limited.(send.Checker)
		_, reads := limited.(send.ReceiptReader)
		if checks != row.checks || reads != row.reads {
			t.Errorf("%s: checks %t, reads %t", name, checks, reads)
		}
		err := limited.Send(t.Context(), send.Message{Medium: send.SMS, To: "+12025550123"})
		if known, ok := errors.AsType[*send.Error](err); !ok || !known.AboutMessage || known.Reason != "country_not_allowed" {
			t.Errorf("%s: sending abroad: %v", name, err)
		}
	}
}
