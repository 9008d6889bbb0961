package send_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/sendtest"
)

func TestABusyProviderIsTriedAgainWithGrowingJitteredPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		start := time.Now()
		r := &sendtest.Recorder{Answer: func(context.Context, int, send.Message) error {
			at = append(at, time.Since(start))
			return greylisted
		}}
		o := send.NewOutbox(send.OutboxOptions{FirstRetry: 2 * time.Second, LastRetry: time.Minute})
		o.Use(byMail(r))
		mustPost(t, o, letter("m1"))
		time.Sleep(11 * time.Minute)
		c := settled(o)

		base, odd := 2*time.Second, false
		for i := 1; i < len(at); i++ {
			d := at[i] - at[i-1]
			if d < base/2 || d > base {
				t.Errorf("pause %d is %v, want between %v and %v", i, d, base/2, base)
			}
			odd = odd || d != base && d != base/2
			base = min(2*base, time.Minute)
		}
		if !odd {
			t.Error("no pause was random")
		}
		if n := len(at); n < 12 || n > 30 {
			t.Errorf("%d attempts in ten minutes", n)
		}
		if last := at[len(at)-1]; last >= 10*time.Minute {
			t.Errorf("an attempt was made after %v, when the message had expired", last)
		}
		if c.Failed != 1 || c.Queued != 0 || c.Attempts != uint64(len(at)) {
			t.Errorf("counts = %+v", c)
		}
		mustClose(t, o)
	})
}

func TestPausesGrowWithTheLifeOfTheMessage(t *testing.T) {
	t.Parallel()
	for life, longest := range map[time.Duration]time.Duration{
		5 * time.Minute:  time.Minute,
		15 * time.Minute: time.Minute,
		time.Hour:        4 * time.Minute,
		24 * time.Hour:   15 * time.Minute,
	} {
		t.Run(life.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var last time.Time
				var most time.Duration
				r := &sendtest.Recorder{Answer: func(_ context.Context, n int, _ send.Message) error {
					if n > 1 {
						most = max(most, time.Since(last))
					}
					last = time.Now()
					return greylisted
				}}
				o := send.NewOutbox(send.OutboxOptions{})
				o.Use(byMail(r))
				m := letter("m1")
				m.Expires = time.Now().Add(life)
				mustPost(t, o, m)
				time.Sleep(life)
				c := settled(o)
				// Of twenty or more pauses at the top, one is in its upper half.
				if most > longest || life >= time.Hour && most < longest*3/4 {
					t.Errorf("the longest pause was %v, want up to %v", most, longest)
				}
				if c.Failed != 1 || r.Calls() > 100 {
					t.Errorf("counts = %+v after %d calls", c, r.Calls())
				}
				mustClose(t, o)
			})
		})
	}
}

func TestAProviderThatAsksToWaitIsLeftAloneThatLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &sendtest.Recorder{Answer: firstTimes(1,
			&send.Error{Kind: send.Retryable, Reason: "throttled", Wait: 90 * time.Second})}
		o := send.NewOutbox(send.OutboxOptions{})
		o.Use(byMail(r))
		mustPost(t, o, letter("m1"))
		time.Sleep(89 * time.Second)
		if n := r.Calls(); n != 1 {
			t.Errorf("%d calls within 90s, want 1", n)
		}
		time.Sleep(24 * time.Second)
		if c := settled(o); c.Sent != 1 {
			t.Errorf("not sent after 113s: %+v", c)
		}
		mustClose(t, o)
	})
}

func TestEachProvidersWaitIsItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		asks := func(at *[]time.Duration, wait time.Duration) *sendtest.Recorder {
			return &sendtest.Recorder{Answer: func(_ context.Context, _ int, m send.Message) error {
				if m.ID != "m1" {
					return nil
				}
				*at = append(*at, time.Since(start).Truncate(time.Second))
				return &send.Error{Kind: send.Retryable, Reason: "greylisted", Wait: wait, AboutMessage: true}
			}}
		}
		var first, second []time.Duration
		o := send.NewOutbox(send.OutboxOptions{})
		o.Use(byMail(asks(&first, 20*time.Second), asks(&second, 2*time.Minute)))
		mustPost(t, o, letter("m1"))
		settled(o)
		mustPost(t, o, letter("m2"))
		if c := settled(o); c.Sent != 1 {
			t.Errorf("counts = %+v: what is about one message keeps another waiting", c)
		}
		time.Sleep(11 * time.Minute)
		settled(o)
		for least, at := range map[time.Duration][]time.Duration{20 * time.Second: first, 2 * time.Minute: second} {
			if len(at) < 3 {
				t.Errorf("asked at %v only", at)
			}
			for i := 1; i < len(at); i++ {
				if at[i]-at[i-1] < least {
					t.Errorf("asked at %v, although it said to wait %v", at, least)
				}
			}
		}
		mustClose(t, o)
	})
}

func TestOneRequestToWaitSilencesASenderForMinutesAndItsMessageAsLongAsAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var e ends
		at := make(map[string]time.Duration)
		start := time.Now()
		r := &sendtest.Recorder{Answer: func(_ context.Context, n int, m send.Message) error {
			if n == 1 {
				return &send.Error{Kind: send.Retryable, Reason: "throttled", Wait: time.Hour}
			}
			at[m.ID] = time.Since(start)
			return nil
		}}
		o := send.NewOutbox(send.OutboxOptions{Workers: 1, Done: e.done})
		o.Use(byMail(r))
		notice := letter("notice")
		notice.Expires = start.Add(24 * time.Hour)
		mustPost(t, o, notice)
		mustPost(t, o, letter("code"))
		time.Sleep(2 * time.Hour)
		settled(o)
		if d := at["code"]; d < 5*time.Minute || d > 6*time.Minute {
			t.Errorf("another was sent after %v, want five minutes and a little", d)
		}
		if d := at["notice"]; d < time.Hour || d > 80*time.Minute {
			t.Errorf("that which was to wait was sent after %v, want an hour and a little", d)
		}
		mustClose(t, o)
	})
}

func TestAMessageThatWouldHaveToWaitLongerThanItLivesEndsAtOnce(t *testing.T) {
	t.Parallel()
	for _, wait := range []time.Duration{10 * time.Minute, time.Hour, math.MaxInt64} {
		for _, about := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				var e ends
				r := &sendtest.Recorder{Answer: always(&send.Error{Kind: send.Retryable, Reason: "throttled", Wait: wait, AboutMessage: about})}
				o := send.NewOutbox(send.OutboxOptions{Done: e.done})
				o.Use(byMail(r))
				mustPost(t, o, letter("m1"))
				if c := settled(o); c.Failed != 1 || r.Calls() != 1 || e.told[0].Reason != "throttled" {
					t.Errorf("wait %v: counts = %+v after %d calls", wait, c, r.Calls())
				}
				mustClose(t, o)
			})
		}
	}
}
