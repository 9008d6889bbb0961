package send_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/sendtest"
)

func mustPostAll(t *testing.T, o *send.Outbox, prefix string, n int) {
	t.Helper()
	for i := range n {
		mustPost(t, o, letter(fmt.Sprint(prefix, i)))
	}
}

func TestASenderThatFailsIsLeftAsideUntilOneMessageGotThrough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log lines
		var well atomic.Bool
		a := &sendtest.Recorder{Answer: func(context.Context, int, send.Message) error {
			if well.Load() {
				return nil
			}
			return busy
		}}
		b := &sendtest.Recorder{}
		o := send.NewOutbox(send.OutboxOptions{Workers: 1, Log: log.logger()})
		o.Use(byMail(a, b))
		mustPostAll(t, o, "m", 20)
		if c := settled(o); c.Sent != 20 || a.Calls() != 3 || b.Calls() != 20 {
			t.Fatalf("counts = %+v, calls = %d and %d: the first was to be asked three times", c, a.Calls(), b.Calls())
		}
		if o.Down(send.Email) {
			t.Error("mail is said to be down, although the second sender works")
		}
		if s := o.SenderStats(); !s[0].Open || s[0].Failed != 3 || s[1].Open || s[1].Sent != 20 {
			t.Errorf("stats = %+v", s)
		}
		time.Sleep(20 * time.Second)
		mustPostAll(t, o, "n", 5)
		if settled(o); a.Calls() != 4 || b.Calls() != 25 {
			t.Errorf("calls = %d and %d: one message was to find out", a.Calls(), b.Calls())
		}
		well.Store(true)
		time.Sleep(40 * time.Second)
		mustPostAll(t, o, "o", 5)
		if settled(o); a.Calls() != 9 || b.Calls() != 25 {
			t.Errorf("calls = %d and %d: the first works again", a.Calls(), b.Calls())
		}
		if !regexp.MustCompile(`"until_tried_again":"1[0-9]s"`).MatchString(log.String()) {
			t.Errorf("nobody can read when it is tried again:\n%s", log.String())
		}
		for _, words := range []string{"sender left aside", "sender works again"} {
			if n := strings.Count(log.String(), words); n != 1 {
				t.Errorf("%d lines %q, want 1", n, words)
			}
		}
		mustClose(t, o)
	})
}

func TestPeopleCannotMakeASenderLookOutOfOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kinds := []error{greylisted, notThere, final, &send.Error{Kind: send.Uncertain, AboutMessage: true}}
		a := &sendtest.Recorder{Answer: func(_ context.Context, n int, _ send.Message) error { return kinds[n%4] }}
		o := send.NewOutbox(send.OutboxOptions{})
		o.Use(byMail(a))
		mustPostAll(t, o, "m", 100)
		settled(o)
		if s := o.SenderStats()[0]; s.Open || o.Down(send.Email) || s.Failed < 75 || s.Uncertain != 25 {
			t.Errorf("stats = %+v", s)
		}
		time.Sleep(time.Hour)
		mustClose(t, o)
	})
}

// Nor can they make a dead one look well, by addresses that it refuses without asking
// anybody.
func TestAVerdictAboutAMessageDoesNotCloseACircuit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &sendtest.Recorder{Answer: func(_ context.Context, _ int, m send.Message) error {
			if m.ID == "bad" {
				time.Sleep(5 * time.Second)
				return final
			}
			return unknown
		}}
		o := send.NewOutbox(send.OutboxOptions{})
		o.Use(byMail(a))
		mustPost(t, o, letter("m1"))
		settled(o)
		time.Sleep(20 * time.Second)
		mustPost(t, o, letter("bad"))
		settled(o)
		mustPostAll(t, o, "n", 10)
		if c := settled(o); c.Uncertain != 1 || c.Queued != 10 || !o.Down(send.Email) {
			t.Errorf("counts = %+v: the others were to wait until one has found out", c)
		}
		time.Sleep(5 * time.Second)
		if c := settled(o); c.Failed != 1 || c.Uncertain != 2 || c.Queued != 9 {
			t.Errorf("counts = %+v: of ten messages one was to find out at once, since the first had not", c)
		}
		time.Sleep(time.Hour)
		_ = o.Close(t.Context())
	})
}

func TestWhileAllSendersAreLeftAsideMessagesRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var well atomic.Bool
		var most, now, sent atomic.Int32
		var since time.Time // the first success
		r := &sendtest.Recorder{Answer: func(context.Context, int, send.Message) error {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			if well.Load() {
				switch sent.Add(1) {
				case 1:
					since = time.Now()
				case 301:
					if d := time.Since(since); d != 0 {
						t.Errorf("the last one waited %v, although the sender worked again", d)
					}
				}
				return nil
			}
			time.Sleep(time.Second)
			return blocked
		}}
		o := send.NewOutbox(send.OutboxOptions{Rounds: 4, Life: 20 * time.Minute})
		o.Use(byMail(r))
		if o.Down(send.Email) {
			t.Error("down before anything failed")
		}
		mustPost(t, o, letter("first"))
		time.Sleep(2 * time.Second)
		if !o.Down(send.Email) {
			t.Error("not down, although the only sender is left aside")
		}
		mustPostAll(t, o, "m", 300)
		most.Store(0)
		time.Sleep(6 * time.Minute)
		c := settled(o)
		if n := r.Calls(); n < 5 || n > 7 || most.Load() != 1 {
			t.Errorf("%d calls in six minutes, %d at once; want one each 15, 30, 60, 120 and 240 seconds", n, most.Load())
		}
		if c.Failed != 0 || c.Queued != 301 {
			t.Errorf("counts = %+v: resting burnt rounds", c)
		}
		well.Store(true)
		time.Sleep(6 * time.Minute)
		if c = settled(o); c.Sent != 301 {
			t.Errorf("counts = %+v: the others wait on, although the sender works again", c)
		}
		if o.Down(send.Email) {
			t.Error("still down")
		}
		mustClose(t, o)
	})
}

func TestAMessageThatRestsForASenderExpiresInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ends []time.Duration
		start := time.Now()
		o := send.NewOutbox(send.OutboxOptions{Workers: 1, Done: func(send.Result) { ends = append(ends, time.Since(start)) }})
		o.Use(byMail(&sendtest.Recorder{Answer: always(unknown)}))
		mustPost(t, o, letter("m1"))
		settled(o)
		m := letter("m2")
		m.Expires = start.Add(9 * time.Second) // no opening is that short
		mustPost(t, o, m)
		time.Sleep(10 * time.Second)
		settled(o)
		if !slices.Equal(ends, []time.Duration{0, 9 * time.Second}) {
			t.Errorf("messages ended after %v", ends)
		}
		mustClose(t, o)
	})
}

func TestAThrottledSenderIsNotFlooded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var last time.Time
		r := &sendtest.Recorder{Answer: func(_ context.Context, n int, _ send.Message) error {
			if n > 1 && time.Since(last) < time.Second {
				return &send.Error{Kind: send.Retryable, Reason: "throttled", Wait: time.Second}
			}
			last = time.Now()
			return nil
		}}
		o := send.NewOutbox(send.OutboxOptions{Workers: 1})
		o.Use(byMail(r))
		mustPostAll(t, o, "m", 30)
		time.Sleep(2 * time.Minute)
		if c := settled(o); c.Sent != 30 || r.Calls() > 70 || o.SenderStats()[0].Open {
			t.Errorf("counts = %+v after %d calls in two minutes", c, r.Calls())
		}
		mustClose(t, o)
	})
}

func TestASenderThatNeverComesBackIsAbandonedAndNotCalledAgainMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		deaf := &sendtest.Recorder{Answer: func(_ context.Context, n int, _ send.Message) error {
			if n <= 8 {
				<-release
			}
			return nil
		}}
		o := send.NewOutbox(send.OutboxOptions{Life: time.Hour})
		o.Use(byMail(deaf))
		mustPostAll(t, o, "m", 1000)
		if err := o.Post(inSeries(letter("one too many"), "s")); err == nil {
			t.Error("the queue has no bounds")
		}
		time.Sleep(30 * time.Minute)
		c := settled(o)
		if deaf.Calls() != 8 || c.Uncertain != 8 || c.Queued != 992 || c.Sending != 0 {
			t.Errorf("%d calls, counts = %+v: no more than eight workers were to be lost", deaf.Calls(), c)
		}
		if !o.Down(send.Email) || !o.SenderStats()[0].Open {
			t.Error("not said to be down")
		}
		close(release)
		time.Sleep(time.Minute)
		if c := settled(o); c.Sent != 992 || o.Down(send.Email) {
			t.Errorf("counts = %+v: it came back", c)
		}
		mustClose(t, o)
	})
}

func TestADeadPrimaryHoldsUpNobodyForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		deaf := &sendtest.Recorder{Answer: hang}
		second := &sendtest.Recorder{}
		o := send.NewOutbox(send.OutboxOptions{})
		o.Use(byMail(deaf, second))
		mustPost(t, o, letter("m1"))
		time.Sleep(16 * time.Second)
		start := time.Now()
		mustPostAll(t, o, "n", 40)
		second.WaitFor(t, 40)
		if c := settled(o); time.Since(start) != 0 || c.Uncertain != 1 {
			t.Errorf("after one lost code others waited %v; counts = %+v", time.Since(start), c)
		}
		mustClose(t, o)
	})
}
