package send_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/sendtest"
)

// The tests of the outbox run in bubbles: their clock moves only when everybody waits.

func letter(id string) send.Message {
	return send.Message{
		ID: id, Medium: send.Email, To: "ada.lovelace@example.org", Purpose: "code.sign_in",
		Subject: "Your sign-in code for Payroll", Text: "482913 is your code.", Code: "482913",
	}
}

func text(id string) send.Message {
	return send.Message{
		ID: id, Medium: send.SMS, To: "+447700900123", Purpose: "code.step_up",
		Text: "771204 is your code.", Code: "771204",
	}
}

type answer = func(ctx context.Context, n int, m send.Message) error

func always(err error) answer { return func(context.Context, int, send.Message) error { return err } }

// firstTimes fails the first n calls.
func firstTimes(n int, err error) answer {
	return func(_ context.Context, call int, _ send.Message) error {
		if call <= n {
			return err
		}
		return nil
	}
}

func hang(ctx context.Context, _ int, _ send.Message) error {
	<-ctx.Done()
	return ctx.Err()
}

// slow hangs, too, but knows that nothing was sent.
func slow(ctx context.Context, _ int, _ send.Message) error {
	<-ctx.Done()
	return &send.Error{Kind: send.Retryable, Reason: "timeout", Err: ctx.Err()}
}

func byMail(s ...send.Sender) map[send.Medium][]send.Named {
	named := make([]send.Named, len(s))
	for i := range s {
		named[i] = send.Named{Name: fmt.Sprintf("mail%d", i+1), Sender: s[i]}
	}
	return map[send.Medium][]send.Named{send.Email: named}
}

var (
	busy    = &send.Error{Kind: send.Retryable, Reason: "busy"}
	final   = &send.Error{Kind: send.Final, Reason: "bad_recipient"}
	blocked = &send.Error{Kind: send.Blocked, Reason: "auth_failed"}
	unknown = &send.Error{Kind: send.Uncertain, Reason: "no_reply"}

	// About one recipient only: the sender is well.
	greylisted = &send.Error{Kind: send.Retryable, Reason: "greylisted", AboutMessage: true}
	notThere   = &send.Error{Kind: send.Blocked, Reason: "country_not_allowed", AboutMessage: true}
)

func mustPost(t *testing.T, o *send.Outbox, m send.Message) {
	t.Helper()
	if err := o.Post(m); err != nil {
		t.Fatalf("Post(%s): %v", m.ID, err)
	}
}

func mustClose(t *testing.T, o *send.Outbox) {
	t.Helper()
	if err := o.Close(t.Context()); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// settled waits until nothing moves without time, and returns mail's numbers.
func settled(o *send.Outbox) send.Counts {
	synctest.Wait()
	return o.Stats()[send.Email]
}

func TestAMessageGoesToTheFirstSenderThatTakesIt(t *testing.T) {
	t.Parallel()
	var nilError *send.Error
	tests := map[string]struct {
		first, second           answer
		calls                   [2]int
		sent, failed, uncertain uint64
	}{
		"the first takes it":           {nil, nil, [2]int{1, 0}, 1, 0, 0},
		"the first is busy":            {always(busy), nil, [2]int{1, 1}, 1, 0, 0},
		"the first is blocked":         {always(blocked), nil, [2]int{1, 1}, 1, 0, 0},
		"the first may not send it":    {always(notThere), nil, [2]int{1, 1}, 1, 0, 0},
		"the first has another error":  {always(errors.New("odd")), nil, [2]int{1, 1}, 1, 0, 0},
		"the first makes up a kind":    {always(&send.Error{Kind: 77}), nil, [2]int{1, 1}, 1, 0, 0},
		"final ends it at once":        {always(final), nil, [2]int{1, 0}, 0, 1, 0},
		"a wrapped final ends it, too": {always(fmt.Errorf("sending: %w", final)), nil, [2]int{1, 0}, 0, 1, 0},
		"none may send it":             {always(notThere), always(notThere), [2]int{1, 1}, 0, 1, 0},
		"an answer got lost":           {always(unknown), nil, [2]int{1, 0}, 0, 0, 1},
		"an answer is no answer":       {always(nilError), nil, [2]int{1, 0}, 0, 0, 1},
		"the first panics": {func(context.Context, int, send.Message) error { panic("index out of range") },
			nil, [2]int{1, 0}, 0, 0, 1},
		"the first ends its goroutine": {func(context.Context, int, send.Message) error { runtime.Goexit(); return nil },
			nil, [2]int{1, 0}, 0, 0, 1},
		"the first has an error that panics": {always(errors.Join(errors.New("a"), sick{})),
			nil, [2]int{1, 0}, 0, 0, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, b := &sendtest.Recorder{Answer: tt.first}, &sendtest.Recorder{Answer: tt.second}
				o := send.NewOutbox(send.OutboxOptions{})
				o.Use(byMail(a, b))
				mustPost(t, o, letter("m1"))
				c := settled(o)
				if got := [2]int{a.Calls(), b.Calls()}; got != tt.calls {
					t.Errorf("calls = %v, want %v", got, tt.calls)
				}
				if c.Sent != tt.sent || c.Failed != tt.failed || c.Uncertain != tt.uncertain || c.Queued != 0 || c.Sending != 0 {
					t.Errorf("counts = %+v", c)
				}
				mustClose(t, o)
			})
		})
	}
}

// sick is an error of a sender that is somebody else's module.
type sick struct{}

func (sick) Error() string { panic("no words") }

func TestABlockedSenderIsLeftOutOfFurtherRounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &sendtest.Recorder{Answer: always(notThere)}
		b := &sendtest.Recorder{Answer: firstTimes(3, greylisted)}
		o := send.NewOutbox(send.OutboxOptions{})
		o.Use(byMail(a, b))
		mustPost(t, o, letter("m1"))
		b.WaitFor(t, 1)
		if a.Calls() != 1 || b.Calls() != 4 {
			t.Errorf("calls = %d, %d, want 1, 4", a.Calls(), b.Calls())
		}
		mustClose(t, o)
	})
}

func TestAMessageIsNotOfferedForever(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &sendtest.Recorder{Answer: always(busy)}
		o := send.NewOutbox(send.OutboxOptions{Rounds: 3})
		o.Use(byMail(r))
		m := letter("m1")
		m.Expires = time.Now().AddDate(10, 0, 0)
		mustPost(t, o, m)
		time.Sleep(24 * time.Hour)
		if c := settled(o); c.Failed != 1 || r.Calls() != 3 {
			t.Errorf("counts = %+v after %d calls, want 3", c, r.Calls())
		}
		mustClose(t, o)
	})
}

func TestNothingIsSentAfterItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, late := &sendtest.Recorder{Answer: slow}, &sendtest.Recorder{}
		o := send.NewOutbox(send.OutboxOptions{})
		o.Use(byMail(r, late))
		start := time.Now()
		m := letter("m1")
		m.Expires = start.Add(5 * time.Second)
		mustPost(t, o, m)
		time.Sleep(5 * time.Second)
		if c := settled(o); c.Failed != 1 {
			t.Errorf("counts = %+v: an attempt must end when the message expires", c)
		}
		if late.Calls() != 0 {
			t.Error("an expired message was offered to the second sender")
		}
		m = letter("m2")
		m.Expires = start
		mustPost(t, o, m)
		if c := settled(o); c.Failed != 2 || r.Calls() != 1 {
			t.Errorf("counts = %+v, calls = %d: the message had expired before", c, r.Calls())
		}
		mustClose(t, o)
	})
}

func TestAMessageThatWouldExpireBeforeItsRetryIsGivenUpAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := send.NewOutbox(send.OutboxOptions{FirstRetry: time.Minute})
		o.Use(byMail(&sendtest.Recorder{Answer: always(busy)}))
		m := letter("m1")
		m.Expires = time.Now().Add(29 * time.Second) // the shortest pause is 30 s
		mustPost(t, o, m)
		if c := settled(o); c.Failed != 1 || c.Queued != 0 {
			t.Errorf("counts = %+v", c)
		}
		mustClose(t, o)
	})
}

func TestTheClockOfExpiryIsTheGivenOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
		r := &sendtest.Recorder{}
		o := send.NewOutbox(send.OutboxOptions{Now: func() time.Time { return now }})
		o.Use(byMail(r))
		m := letter("m1")
		m.Expires = now.Add(time.Minute)
		mustPost(t, o, m)
		r.WaitFor(t, 1)
		mustClose(t, o)
	})
}

func TestEachAttemptHasItsOwnTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := &sendtest.Recorder{Answer: slow}, &sendtest.Recorder{}
		o := send.NewOutbox(send.OutboxOptions{})
		o.Use(byMail(a, b))
		start := time.Now()
		mustPost(t, o, letter("m1"))
		b.WaitFor(t, 1)
		if d := time.Since(start); d != 15*time.Second {
			t.Errorf("failed over after %v, want 15s", d)
		}
		mustClose(t, o)
	})
}

func TestAHangingMediumDoesNotHoldUpTheOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dead, alive := &sendtest.Recorder{Answer: hang}, &sendtest.Recorder{}
		o := send.NewOutbox(send.OutboxOptions{Capacity: 50})
		senders := byMail(alive)
		senders[send.SMS] = []send.Named{{Name: "texts", Sender: dead}}
		o.Use(senders)
		for i := range 50 {
			mustPost(t, o, inSeries(text(fmt.Sprint("t", i)), fmt.Sprint(i)))
		}
		if err := o.Post(inSeries(text("one too many"), "s")); !errors.Is(err, send.ErrQueueFull) {
			t.Errorf("the 51st text: %v, want ErrQueueFull", err)
		}
		start := time.Now()
		for i := range 20 {
			mustPost(t, o, letter(fmt.Sprint("m", i)))
		}
		alive.WaitFor(t, 20)
		if d := time.Since(start); d != 0 {
			t.Errorf("mail waited %v for texts", d)
		}
		if got := o.Stats()[send.SMS]; got.Sending != 8 || got.Queued != 42 || got.Refused != 1 {
			t.Errorf("texts: %+v", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := o.Close(ctx); err == nil {
			t.Error("Close hid that messages were lost")
		}
	})
}

func TestRetriesOccupyNoWorkerButTheirPlaceInTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &sendtest.Recorder{Answer: func(_ context.Context, _ int, m send.Message) error {
			if m.ID == "bad" {
				return busy
			}
			return nil
		}}
		o := send.NewOutbox(send.OutboxOptions{Workers: 1, Capacity: 2})
		o.Use(byMail(r))
		mustPost(t, o, letter("bad"))
		settled(o)
		mustPost(t, o, letter("good"))
		if c := settled(o); c.Sent != 1 || c.Queued != 1 {
			t.Fatalf("counts = %+v: the resting message blocks the only worker", c)
		}
		bad := letter("bad")
		mustPost(t, o, bad)
		settled(o)
		if err := o.Post(letter("third")); !errors.Is(err, send.ErrQueueFull) {
			t.Errorf("Post beyond capacity: %v, want ErrQueueFull", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = o.Close(ctx)
	})
}

func TestPostRefusesWhatCannotBeSent(t *testing.T) {
	t.Parallel()
	o := send.NewOutbox(send.OutboxOptions{})
	if err := o.Post(letter("m1")); !errors.Is(err, send.ErrNoSender) {
		t.Errorf("before Use: %v, want ErrNoSender", err)
	}
	o.Use(byMail(&sendtest.Recorder{}))
	if err := o.Post(text("t1")); !errors.Is(err, send.ErrNoSender) {
		t.Errorf("medium without sender: %v, want ErrNoSender", err)
	}
	if err := o.Post(send.Message{Medium: "pigeon"}); err == nil || !strings.Contains(err.Error(), "pigeon") {
		t.Errorf("unknown medium: %v", err)
	}
	mustClose(t, o)
	if err := o.Post(letter("m2")); !errors.Is(err, send.ErrClosed) {
		t.Errorf("after Close: %v, want ErrClosed", err)
	}
}

func TestAMessageWithoutIDIsGivenOne(t *testing.T) {
	t.Parallel()
	r := &sendtest.Recorder{}
	o := send.NewOutbox(send.OutboxOptions{})
	o.Use(byMail(r))
	mustPost(t, o, letter(""))
	mustPost(t, o, letter(""))
	got := r.WaitFor(t, 2)
	if got[0].ID == "" || got[0].ID == got[1].ID {
		t.Errorf("ids %q and %q", got[0].ID, got[1].ID)
	}
	mustClose(t, o)
}

// lines keeps what is logged. Bubbles and workers write at once.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *lines) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
