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
		old, new := &sendtest.Recorder{Answer: always(greylisted)}, &sendtest.Recorder{}
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
			return notThere
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

// Whatever happens between two looks at the clock, nothing rests that need not.
func TestNoMomentIsTooEarlyOrTooLateForAReloadOrANewerMessage(t *testing.T) {
	t.Parallel()
	for at := range 7 {
		for name, answer := range map[string]error{"while it is retried": greylisted, "while senders are left aside": unknown} {
			for _, reload := range []bool{true, false} {
				t.Run(fmt.Sprint(at, name, reload), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						var (
							e     ends
							o     *send.Outbox
							left  = -1
							clock sync.Mutex
						)
						well := map[send.Medium][]send.Named{send.Email: {{Name: "well", Sender: &sendtest.Recorder{}}}}
						happen := func() {
							if reload {
								o.Use(well)
							} else if err := o.Post(inSeries(letter("newer"), "s")); err != nil {
								t.Error(err)
							}
						}
						o = send.NewOutbox(send.OutboxOptions{Workers: 1, Done: e.done, Now: func() time.Time {
							clock.Lock()
							left--
							now := left == 0
							clock.Unlock()
							if now {
								happen()
							}
							return time.Now()
						}})
						o.Use(byMail(&sendtest.Recorder{Answer: always(answer)}))
						mustPost(t, o, letter("m1"))
						settled(o)
						clock.Lock()
						left = at + 1
						clock.Unlock()
						mustPost(t, o, inSeries(letter("m2"), "s"))
						settled(o)
						clock.Lock()
						late := left > 0
						clock.Unlock()
						if late {
							happen() // the round was over before
						}
						settled(o)
						got := e.of("m2")
						switch {
						case got == "superseded" && !reload, got == "uncertain" && reload:
						case got == "sent" && reload:
						case got == "" && reload && answer == greylisted: // rests, as after any failure
						case got == "" && !reload && at == 0: // the newer one was posted first
						default:
							t.Errorf("m2 ended as %q", got)
						}
						time.Sleep(time.Hour)
						_ = o.Close(t.Context())
					})
				})
			}
		}
	}
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
		r := &sendtest.Recorder{Answer: firstTimes(30, greylisted)}
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
			// What was with a sender that does not say may have been sent.
			if want := map[send.Medium]uint64{send.Email: 2}[m]; c.Uncertain != want || c.Dropped != 5-want || c.Queued+c.Sending != 0 {
				t.Errorf("%s: %+v", m, c)
			}
		}
		if n := strings.Count(log.String(), "message not sent before"); n != 8 {
			t.Errorf("%d lines about dropped messages, want 8", n)
		}
		if n := strings.Count(log.String(), "left aside"); n != 1 {
			t.Errorf("%d senders left aside: Close called the attempts of the first off itself", n)
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
			return &send.Error{Kind: send.Retryable, Reason: "busy", Err: errors.New(all)}
		case 3:
			return fmt.Errorf("sending to %s: %w", m.To,
				&send.Error{Kind: send.Blocked, Reason: "quota", Err: errors.New(all), AboutMessage: true})
		case 4:
			panic(all)
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
		for i := range 4 {
			mustPost(t, o, letter(fmt.Sprint("m", i)))
			mustPost(t, o, text(fmt.Sprint("t", i)))
			failing := send.Draft{Medium: send.Email, Compose: func() (send.Message, error) { return letter(""), errors.New(letter("").Text) }}
			if i%2 == 1 {
				failing.Compose = func() (send.Message, error) { panic(letter("").To) }
			}
			if err := o.PostDraft(failing); err != nil {
				t.Error(err)
			}
			time.Sleep(15 * time.Minute)
		}
		mustClose(t, o)

		got := log.String()
		for _, want := range []string{`"id":"m0"`, `"purpose":"code.sign_in"`, `"medium":"sms"`, `"sender":"mail2"`,
			`"kind":"blocked"`, `"reason":"panic"`, `"reason":"quota"`, `"attempt":3`, "message sent", "message not composed"} {
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
		kinds := []error{nil, greylisted, final, notThere, busy, unknown, nil, nil}
		r := &sendtest.Recorder{Answer: func(_ context.Context, n int, _ send.Message) error { return kinds[n%len(kinds)] }}
		o := send.NewOutbox(send.OutboxOptions{Capacity: 100, Workers: 3})
		o.Use(byMail(r))
		check := func() {
			t.Helper()
			c := o.Stats()[send.Email]
			if sum := uint64(c.Queued+c.Sending) + c.Sent + c.Failed + c.Uncertain + c.Superseded + c.Dropped; sum != c.Accepted {
				t.Errorf("%+v do not add up", c)
			}
		}
		var posters sync.WaitGroup
		for p := range 10 {
			posters.Go(func() {
				for i := range 20 {
					m := letter(fmt.Sprint(p, ".", i))
					if i%4 == 0 {
						m.Series = fmt.Sprint(p)
					}
					_ = o.Post(m)
					check()
				}
			})
		}
		posters.Wait()
		time.Sleep(20 * time.Minute)
		check()
		mustClose(t, o)
		check()
		if c := o.Stats()[send.Email]; c.Accepted+c.Refused != 200 || c.Queued+c.Sending != 0 || c.Dropped != 0 {
			t.Errorf("%+v: 200 were handed in", c)
		}
	})
}
