package send_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/sendtest"
)

func mailTo(id, to string) send.Message {
	m := letter(id)
	m.To = to
	return m
}

func textTo(id, to string) send.Message {
	m := text(id)
	m.To = to
	return m
}

func TestCodesCannotTakeTheRoomOfNotices(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := send.NewOutbox(send.OutboxOptions{Capacity: 40})
		o.Use(byMail(&sendtest.Recorder{Answer: hang}))
		code := func(n int) error { return o.Post(inSeries(letter(fmt.Sprint("code", n)), fmt.Sprint("flow", n))) }
		for n := range 40 {
			if err := code(n); err != nil {
				t.Fatalf("code %d: %v", n, err)
			}
		}
		if err := code(40); !errors.Is(err, send.ErrQueueFull) {
			t.Errorf("code 41 of 40: %v", err)
		}
		mustPostAll(t, o, "notice", 10)
		if err := o.Post(letter("notice 11")); !errors.Is(err, send.ErrQueueFull) {
			t.Errorf("notice 11 of 10: %v", err)
		}
		if c := settled(o); c.Accepted != 50 || c.Refused != 2 {
			t.Errorf("counts = %+v", c)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = o.Close(ctx)
	})
}

func TestNoNeighbourhoodFillsTheQueueByBeingSlow(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		medium   send.Medium
		capacity int
		post     func(n int) send.Message // to one neighbourhood
		other    send.Message
		rest     int
	}{
		"a mail domain": {send.Email, 40, func(n int) send.Message {
			return mailTo(fmt.Sprint("m", n), fmt.Sprintf("a%d@host%d.slow.example", n, n))
		}, mailTo("other", "ada@other.example"), 20},
		"a number's prefix": {send.SMS, 40, func(n int) send.Message {
			return textTo(fmt.Sprint("t", n), fmt.Sprintf("+4477009%05d", n))
		}, textTo("other", "+12025550123"), 20},
		"ten of a small queue": {send.Email, 40, func(n int) send.Message {
			return mailTo(fmt.Sprint("m", n), "ada@slow.example")
		}, mailTo("other", "ada@other.example"), 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var e ends
				slow := &sendtest.Recorder{Answer: always(greylisted)}
				o := send.NewOutbox(send.OutboxOptions{Capacity: tt.capacity, Done: e.done})
				o.Use(map[send.Medium][]send.Named{tt.medium: {{Name: "relay", Sender: slow}}})
				counts := func() send.Counts { synctest.Wait(); return o.Stats()[tt.medium] }
				for n := range 100 {
					mustPost(t, o, tt.post(n))
					synctest.Wait()
				}
				rest := tt.rest
				if c := counts(); c.Queued != rest || c.Failed != uint64(100-rest) {
					t.Fatalf("counts = %+v, want %d to rest", c, rest)
				}
				for _, r := range e.told {
					if r.Outcome != send.OutcomeFailed || r.Reason != "greylisted" || r.Sender != "relay" {
						t.Fatalf("told %+v", r)
					}
				}
				mustPost(t, o, tt.other)
				if c := counts(); c.Queued != rest+1 {
					t.Errorf("counts = %+v: others were to rest all the same", c)
				}
				// They keep their places between tries, whoever else comes.
				time.Sleep(time.Minute)
				mustPost(t, o, tt.post(100))
				if c := counts(); c.Queued != rest+1 || e.of(tt.post(100).ID) != "failed" {
					t.Errorf("counts = %+v: who had a place lost it", c)
				}
				// And give them back.
				time.Sleep(15 * time.Minute)
				if c := counts(); c.Queued != 0 {
					t.Fatalf("counts = %+v", c)
				}
				mustPost(t, o, tt.post(101))
				if c := counts(); c.Queued != 1 {
					t.Errorf("counts = %+v: the places are taken for good", c)
				}
				time.Sleep(15 * time.Minute)
				mustClose(t, o)
			})
		})
	}
}

// What rests because its sender is busy is nobody's flood.
func TestAnOutageOfTheSenderIsNotPutOnItsRecipients(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := send.NewOutbox(send.OutboxOptions{Capacity: 100, Workers: 1})
		o.Use(byMail(&sendtest.Recorder{Answer: func(_ context.Context, n int, _ send.Message) error {
			if n%2 == 1 {
				return busy
			}
			return nil // so that it is not left aside
		}}))
		mustPostAll(t, o, "m", 60)
		if c := settled(o); c.Queued != 30 || c.Sent != 30 {
			t.Errorf("counts = %+v", c)
		}
		time.Sleep(15 * time.Minute)
		mustClose(t, o)
	})
}

var (
	refusedByAll = &send.Error{Kind: send.Blocked, Reason: "refused", AboutMessage: true, Asked: true, Wait: time.Hour}
	gone         = &send.Error{Kind: send.Final, Reason: "bad_recipient", AboutMessage: true, Asked: true}
)

func TestASenderThatRefusesEverybodyIsLeftAside(t *testing.T) {
	t.Parallel()
	domains := func(pattern string, n int) (all []send.Message) {
		for i := range n {
			id := fmt.Sprint("m", i)
			all = append(all, mailTo(id, strings.ReplaceAll(pattern, "N", fmt.Sprint(i))))
		}
		return all
	}
	numbers := func(pattern string, n int) (all []send.Message) {
		for i := range n {
			all = append(all, textTo(fmt.Sprint("t", i), fmt.Sprintf(pattern, i)))
		}
		return all
	}
	fine := func(all []send.Message, i int) []send.Message { all[i].ID = "fine"; return all }
	for name, tt := range map[string]struct {
		posted []send.Message
		err    error
		open   bool
	}{
		"five domains":                      {domains("ada@dN.example", 5), refusedByAll, true},
		"four domains":                      {domains("ada@dN.example", 4), refusedByAll, false},
		"people of one domain":              {domains("N@example.org", 30), refusedByAll, false},
		"hosts of one domain":               {domains("ada@N.example.org", 30), refusedByAll, false},
		"one that is taken in between":      {fine(domains("ada@dN.example", 8), 4), refusedByAll, false},
		"mailboxes that do not exist":       {domains("ada@dN.example", 30), gone, false},
		"a sender that asks nobody":         {domains("ada@dN.example", 30), notThere, false},
		"a sender that asks for patience":   {domains("ada@dN.example", 30), greylisted, false},
		"numbers of five prefixes":          {numbers("+4477009%d0123", 5), refusedByAll, true},
		"numbers of one prefix":             {numbers("+447700900%03d", 30), refusedByAll, false},
		"numbers that the sender will not":  {numbers("+4477009%d0123", 9), notThere, false},
		"numbers of five prefixes, no such": {numbers("+4477009%d0123", 9), gone, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				relay := &sendtest.Recorder{Answer: func(_ context.Context, _ int, m send.Message) error {
					if m.ID == "fine" {
						return nil
					}
					return tt.err
				}}
				second := &sendtest.Recorder{}
				medium := tt.posted[0].Medium
				o := send.NewOutbox(send.OutboxOptions{Workers: 1})
				o.Use(map[send.Medium][]send.Named{medium: {{Name: "relay", Sender: relay}, {Name: "second", Sender: second}}})
				for _, m := range tt.posted {
					mustPost(t, o, m)
					synctest.Wait()
				}
				if s := o.SenderStats(); s[0].Open != tt.open || s[1].Open {
					t.Fatalf("stats = %+v", s)
				}
				asked := relay.Calls()
				probe := tt.posted[0]
				probe.ID = "probe"
				mustPost(t, o, probe)
				if synctest.Wait(); (relay.Calls() == asked) != tt.open {
					t.Errorf("%d calls after %d", relay.Calls(), asked)
				}
				time.Sleep(time.Hour)
				mustClose(t, o)
			})
		})
	}
}

// One address must not be enough to keep a sender out that five have put out.
func TestOneMoreRefusalDoesNotKeepASenderAside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		relay := &sendtest.Recorder{Answer: func(_ context.Context, _ int, m send.Message) error {
			if m.ID == "fine" {
				return nil
			}
			return refusedByAll
		}}
		o := send.NewOutbox(send.OutboxOptions{Workers: 1})
		o.Use(byMail(relay))
		for i := range 5 {
			mustPost(t, o, mailTo(fmt.Sprint("m", i), fmt.Sprintf("ada@d%d.example", i)))
		}
		settled(o)
		time.Sleep(20 * time.Second)
		mustPost(t, o, mailTo("again", "ada@d0.example"))
		settled(o)
		mustPost(t, o, letter("fine"))
		if c := settled(o); c.Sent != 1 || o.SenderStats()[0].Open {
			t.Errorf("counts = %+v, stats = %+v", c, o.SenderStats())
		}
		mustClose(t, o)
	})
}

func TestARefusalForGoodClosesACircuitIfTheProviderMadeIt(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err  error
		open bool
	}{
		"it was asked": {gone, false},
		"it was not":   {&send.Error{Kind: send.Final, Reason: "bad_recipient", AboutMessage: true}, true},
		"of old":       {final, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := &sendtest.Recorder{Answer: func(_ context.Context, n int, _ send.Message) error {
					if n == 1 {
						return unknown
					}
					return tt.err
				}}
				o := send.NewOutbox(send.OutboxOptions{})
				o.Use(byMail(a))
				mustPost(t, o, letter("m1"))
				settled(o)
				time.Sleep(20 * time.Second)
				mustPost(t, o, letter("m2"))
				if c := settled(o); c.Failed != 1 || o.SenderStats()[0].Open != tt.open {
					t.Errorf("counts = %+v, stats = %+v", c, o.SenderStats())
				}
				mustClose(t, o)
			})
		})
	}
}
