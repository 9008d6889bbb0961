package send_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/sendtest"
)

func TestAReloadSendsWhatIsQueuedThroughTheNewSenders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		old, new := &sendtest.Recorder{Answer: always(busy)}, &sendtest.Recorder{}
		o := send.NewOutbox(send.OutboxOptions{})
		o.Use(byMail(old))
		for i := range 20 {
			mustPost(t, o, letter(fmt.Sprint("m", i)))
		}
		settled(o)
		o.Use(byMail(new))
		new.WaitFor(t, 20)
		if c := settled(o); c.Sent != 20 || old.Calls() != 20 {
			t.Errorf("counts = %+v, calls of the old sender = %d", c, old.Calls())
		}
		mustClose(t, o)
	})
}

func TestAReloadUnblocksAMessageThatWasWithTheOldSenders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		old := &sendtest.Recorder{Answer: func(context.Context, int, send.Message) error {
			<-release
			return blocked
		}}
		new := &sendtest.Recorder{}
		o := send.NewOutbox(send.OutboxOptions{})
		o.Use(byMail(old))
		mustPost(t, o, letter("m1"))
		settled(o)
		o.Use(byMail(new))
		close(release)
		new.WaitFor(t, 1)
		mustClose(t, o)
	})
}

func TestTheMapGivenToUseMayBeChangedAfterwards(t *testing.T) {
	t.Parallel()
	r := &sendtest.Recorder{}
	o := send.NewOutbox(send.OutboxOptions{})
	senders := byMail(r)
	o.Use(senders)
	senders[send.Email][0].Sender = nil
	mustPost(t, o, letter("m1"))
	r.WaitFor(t, 1)
	mustClose(t, o)
}

func TestCloseSendsWhatCanBeSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &sendtest.Recorder{Answer: firstTimes(30, busy)}
		o := send.NewOutbox(send.OutboxOptions{FirstRetry: time.Hour, LastRetry: time.Hour, Life: 24 * time.Hour})
		o.Use(byMail(r))
		for i := range 30 {
			mustPost(t, o, letter(fmt.Sprint("m", i)))
		}
		if c := settled(o); c.Queued != 30 {
			t.Fatalf("counts = %+v", c)
		}
		start := time.Now()
		mustClose(t, o)
		if c := settled(o); c.Sent != 30 || c.Dropped != 0 {
			t.Errorf("counts = %+v", c)
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("Close rested %v: waiting messages must be tried at once", d)
		}
	})
}

func TestCloseCountsAndLogsWhatIsLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log lines
		o := send.NewOutbox(send.OutboxOptions{Workers: 2, Log: log.logger()})
		senders := byMail(&sendtest.Recorder{Answer: hang})
		senders[send.SMS] = []send.Named{{Name: "texts", Sender: &sendtest.Recorder{Answer: always(busy)}}}
		o.Use(senders)
		for i := range 5 {
			mustPost(t, o, letter(fmt.Sprint("m", i)))
			mustPost(t, o, text(fmt.Sprint("t", i)))
		}
		settled(o)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		err := o.Close(ctx)
		if err == nil || !strings.Contains(err.Error(), "10 messages") || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close = %v", err)
		}
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("Close took %v, want the 3s it was given: senders obey their context", d)
		}
		for m, c := range o.Stats() {
			if c.Dropped != 5 || c.Queued != 0 || c.Sending != 0 {
				t.Errorf("%s: %+v", m, c)
			}
		}
		if n := strings.Count(log.String(), "message dropped"); n != 10 {
			t.Errorf("%d lines about dropped messages, want 10", n)
		}
		if again := o.Close(t.Context()); again != err {
			t.Errorf("a second Close = %v, want the same error", again)
		}
	})
}

func TestCloseDoesNotWaitForASenderThatIgnoresItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		o := send.NewOutbox(send.OutboxOptions{})
		o.Use(byMail(&sendtest.Recorder{Answer: func(context.Context, int, send.Message) error {
			<-release
			return nil
		}}))
		mustPost(t, o, letter("m1"))
		settled(o)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := o.Close(ctx); err == nil || !strings.Contains(err.Error(), "1 messages") {
			t.Errorf("Close = %v", err)
		}
		if d := time.Since(start); d > 3*time.Second {
			t.Errorf("Close took %v", d)
		}
		close(release)
	})
}

func TestNothingOfAMessageReachesTheLog(t *testing.T) {
	t.Parallel()
	echo := func(_ context.Context, n int, m send.Message) error {
		all := fmt.Sprintf("550 <%s> said %q, %s %s %s", m.To, m.Text, m.Subject, m.Code, strings.ToUpper(m.To))
		switch n {
		case 1:
			return errors.New(all)
		case 2:
			panic(all)
		case 3:
			return &send.Error{Kind: send.Retryable, Reason: "busy", Err: errors.New(all)}
		case 4:
			return fmt.Errorf("sending to %s: %w", m.To, &send.Error{Kind: send.Blocked, Reason: "quota", Err: errors.New(all)})
		}
		return nil
	}
	synctest.Test(t, func(t *testing.T) {
		var log lines
		o := send.NewOutbox(send.OutboxOptions{Log: log.logger()})
		senders := byMail(&sendtest.Recorder{Answer: echo}, &sendtest.Recorder{Answer: firstTimes(4, busy)})
		senders[send.SMS] = []send.Named{
			{Name: "texts1", Sender: &sendtest.Recorder{Answer: echo}}, {Name: "texts2", Sender: &sendtest.Recorder{Answer: echo}}}
		o.Use(senders)
		mustPost(t, o, letter("m1"))
		mustPost(t, o, text("t1"))
		time.Sleep(15 * time.Minute)
		mustClose(t, o)

		got := log.String()
		for _, want := range []string{`"id":"m1"`, `"purpose":"code.sign_in"`, `"medium":"sms"`, `"sender":"mail2"`,
			`"kind":"blocked"`, `"reason":"panic"`, `"reason":"quota"`, `"attempt":3`, "message sent"} {
			if !strings.Contains(got, want) {
				t.Errorf("the log lacks %s", want)
			}
		}
		for _, secret := range []string{"ada", "lovelace", "example.org", "482913", "771204", "7700", "900123",
			"is your code", "Payroll"} {
			if strings.Contains(strings.ToLower(got), strings.ToLower(secret)) {
				t.Errorf("the log holds %q:\n%s", secret, got)
			}
		}
	})
}

func TestCountsAlwaysAddUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kinds := []error{nil, busy, final, blocked, nil}
		r := &sendtest.Recorder{Answer: func(_ context.Context, n int, _ send.Message) error { return kinds[n%len(kinds)] }}
		o := send.NewOutbox(send.OutboxOptions{Capacity: 100, Workers: 3})
		o.Use(byMail(r))
		check := func() {
			t.Helper()
			c := o.Stats()[send.Email]
			if sum := uint64(c.Queued+c.Sending) + c.Sent + c.Failed + c.Dropped; sum != c.Accepted {
				t.Errorf("%+v do not add up", c)
			}
		}
		var posters sync.WaitGroup
		for p := range 10 {
			posters.Go(func() {
				for i := range 20 {
					_ = o.Post(letter(fmt.Sprint(p, ".", i)))
					check()
				}
			})
		}
		posters.Wait()
		mustClose(t, o)
		check()
		if c := o.Stats()[send.Email]; c.Accepted+c.Refused != 200 || c.Queued+c.Sending != 0 || c.Dropped != 0 {
			t.Errorf("%+v: 200 were handed in", c)
		}
	})
}
