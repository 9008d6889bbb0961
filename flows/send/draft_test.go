package send_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/sendtest"
)

// ends keeps what an outbox is told.
type ends struct {
	mu   sync.Mutex
	told []send.Result
}

func (e *ends) done(r send.Result) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told = append(e.told, r)
}

func (e *ends) len() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.told)
}

// of says how a message ended, once for each time that was told.
func (e *ends) of(id string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var how []string
	for _, r := range e.told {
		if r.ID == id {
			how = append(how, string(r.Outcome))
		}
	}
	return strings.Join(how, " and ")
}

func draft(id string, compose func() (send.Message, error)) send.Draft {
	return send.Draft{ID: id, Medium: send.Email, Purpose: "code.sign_in", Compose: compose}
}

func inSeries(m send.Message, series string) send.Message {
	m.Series = series
	return m
}

func mustDraft(t *testing.T, o *send.Outbox, d send.Draft) {
	t.Helper()
	if err := o.PostDraft(d); err != nil {
		t.Fatalf("PostDraft(%s): %v", d.ID, err)
	}
}

func TestADraftIsComposedOnceAndOnlyWhenItIsSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var composed atomic.Int32
		compose := func() (send.Message, error) {
			composed.Add(1)
			m := text("not mine") // what the draft says, counts
			m.To, m.Series, m.Expires = "ada@example.com", "not mine", time.Now().Add(-time.Hour)
			return m, nil
		}
		r := &sendtest.Recorder{Answer: firstTimes(3, greylisted)}
		o := send.NewOutbox(send.OutboxOptions{Workers: 1})
		o.Use(byMail(r))
		d := draft("d1", compose)
		d.Series, d.Expires = "flow", time.Now().Add(5*time.Minute)
		mustDraft(t, o, d)
		got := r.WaitFor(t, 1)[0]
		if got.ID != "d1" || got.Medium != send.Email || got.Purpose != d.Purpose || got.Series != "flow" || !got.Expires.Equal(d.Expires) {
			t.Errorf("sent %#v with series %q, expiring %v", got, got.Series, got.Expires)
		}
		if got.To != "ada@example.com" || got.Text == "" || composed.Load() != 1 {
			t.Errorf("to %q, composed %d times", got.To, composed.Load())
		}
		mustClose(t, o)
	})
}

func TestAQueueBehindAHangingSenderHoldsDraftsNotMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var composed atomic.Int32
		compose := func() (send.Message, error) { composed.Add(1); return letter(""), nil }
		o := send.NewOutbox(send.OutboxOptions{})
		o.Use(byMail(&sendtest.Recorder{Answer: hang}))
		start := time.Now()
		posted := 0
		for ; posted < 5000; posted++ {
			d := draft(fmt.Sprint(posted), compose)
			d.Series = d.ID
			if err := o.PostDraft(d); err != nil {
				if !errors.Is(err, send.ErrQueueFull) {
					t.Fatal(err)
				}
				break
			}
		}
		if settled(o); posted != 1000 || time.Since(start) != 0 || composed.Load() != 8 {
			t.Errorf("%d drafts in %v, %d composed; want 1000, at once, and one for each worker", posted, time.Since(start), composed.Load())
		}
		time.Sleep(2 * time.Minute)
		if settled(o); composed.Load() > 8+4 {
			t.Errorf("%d composed: nobody may be asked, but for probes", composed.Load())
		}
		time.Sleep(10 * time.Minute)
		if c := settled(o); c.Failed+c.Uncertain != 1000 {
			t.Errorf("counts = %+v", c)
		}
		mustClose(t, o) // and the bubble ends only when no goroutine is left
	})
}

func TestADraftThatCannotBeComposedEndsAlone(t *testing.T) {
	t.Parallel()
	for name, compose := range map[string]func() (send.Message, error){
		"an error":          func() (send.Message, error) { return send.Message{}, errors.New("no template") },
		"a panic":           func() (send.Message, error) { panic("index out of range") },
		"no function":       nil,
		"a goroutine's end": func() (send.Message, error) { runtime.Goexit(); return send.Message{}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var e ends
				r := &sendtest.Recorder{}
				o := send.NewOutbox(send.OutboxOptions{Workers: 1, Done: e.done})
				o.Use(byMail(r))
				if compose == nil {
					if err := o.PostDraft(draft("d1", nil)); err == nil {
						t.Error("a draft without words was accepted")
					}
				} else {
					mustDraft(t, o, draft("d1", compose))
					settled(o)
					want := send.Result{ID: "d1", Medium: send.Email, Purpose: "code.sign_in", Outcome: send.OutcomeFailed, Reason: "composing"}
					if !slices.Equal(e.told, []send.Result{want}) || r.Calls() != 0 {
						t.Errorf("told %+v, %d calls", e.told, r.Calls())
					}
				}
				mustPost(t, o, letter("m1"))
				if settled(o); e.of("m1") != "sent" {
					t.Errorf("the next message: %q", e.of("m1"))
				}
				mustClose(t, o)
			})
		})
	}
}

func TestANewerMessageTakesThePlaceOfAnOlderOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var e ends
		release := make(chan struct{})
		r := &sendtest.Recorder{Answer: func(_ context.Context, n int, m send.Message) error {
			switch {
			case m.ID == "plug":
				<-release
			case m.ID == "resting":
				return greylisted
			}
			return nil
		}}
		o := send.NewOutbox(send.OutboxOptions{Workers: 1, Done: e.done})
		o.Use(byMail(r))
		mustPost(t, o, inSeries(letter("resting"), "two"))
		settled(o)
		mustPost(t, o, letter("plug"))
		mustPost(t, o, inSeries(letter("queued"), "one"))
		mustPost(t, o, inSeries(letter("newer"), "one"))
		mustPost(t, o, inSeries(letter("after"), "two"))
		mustPost(t, o, inSeries(letter("alone"), "three"))
		mustPost(t, o, letter("none"))
		mustPost(t, o, letter("none as well"))
		close(release)
		c := settled(o)
		for id, want := range map[string]string{"resting": "superseded", "queued": "superseded", "newer": "sent",
			"after": "sent", "alone": "sent", "none": "sent", "none as well": "sent"} {
			if got := e.of(id); got != want {
				t.Errorf("%s: %q, want %q", id, got, want)
			}
		}
		if c.Superseded != 2 || r.Calls() != 7 {
			t.Errorf("counts = %+v, %d calls", c, r.Calls())
		}
		mustClose(t, o)
	})
}

func TestWhatIsBeingSentIsNotTriedAgainOnceThereIsANewerOne(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"it goes through":     {nil, "sent"},
		"it fails":            {busy, "superseded"},
		"it is refused":       {final, "superseded"},
		"its answer got lost": {unknown, "uncertain"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var e ends
				release := make(chan struct{})
				first := &sendtest.Recorder{Answer: func(_ context.Context, _ int, m send.Message) error {
					if m.ID == "old" {
						<-release
						return tt.err
					}
					return busy
				}}
				second := &sendtest.Recorder{}
				o := send.NewOutbox(send.OutboxOptions{Done: e.done})
				o.Use(byMail(first, second))
				mustPost(t, o, inSeries(letter("old"), "s"))
				settled(o)
				mustPost(t, o, inSeries(letter("new"), "s"))
				settled(o)
				close(release)
				settled(o)
				if e.of("old") != tt.want || e.of("new") != "sent" {
					t.Errorf("old: %q, want %q; new: %q", e.of("old"), tt.want, e.of("new"))
				}
				for _, m := range second.Messages() {
					if m.ID == "old" {
						t.Error("it failed over")
					}
				}
				mustClose(t, o)
			})
		})
	}
}

// One flow may ask by mail first, and then by text.
func TestASeriesMayChangeItsMedium(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var e ends
		o := send.NewOutbox(send.OutboxOptions{Done: e.done})
		senders := byMail(&sendtest.Recorder{Answer: always(greylisted)})
		senders[send.SMS] = []send.Named{{Name: "texts", Sender: &sendtest.Recorder{}}}
		o.Use(senders)
		mustPost(t, o, inSeries(letter("mail"), "s"))
		settled(o)
		mustPost(t, o, inSeries(text("text"), "s"))
		if settled(o); e.of("mail") != "superseded" || e.of("text") != "sent" {
			t.Errorf("mail: %q, text: %q", e.of("mail"), e.of("text"))
		}
		mustClose(t, o)
	})
}

func TestARefusedPostLeavesTheOlderMessageAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var e ends
		o := send.NewOutbox(send.OutboxOptions{Capacity: 1, Done: e.done})
		o.Use(byMail(&sendtest.Recorder{Answer: firstTimes(1, greylisted)}))
		mustPost(t, o, inSeries(letter("old"), "s"))
		settled(o)
		if err := o.Post(inSeries(letter("new"), "s")); !errors.Is(err, send.ErrQueueFull) {
			t.Errorf("Post = %v", err)
		}
		time.Sleep(time.Minute)
		if settled(o); e.of("old") != "sent" || e.of("new") != "" {
			t.Errorf("old: %q, new: %q", e.of("old"), e.of("new"))
		}
		mustClose(t, o)
	})
}

func TestEveryEndIsToldOnceWithItsReason(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &sendtest.Recorder{Answer: func(_ context.Context, _ int, m send.Message) error {
			return map[string]error{"refused": final, "late": greylisted, "nowhere": notThere, "lost": unknown}[m.ID]
		}}
		var e ends
		o := send.NewOutbox(send.OutboxOptions{Workers: 1, Done: func(r send.Result) {
			e.done(r)
			panic("the store is closed")
		}})
		o.Use(byMail(r))
		ids := []string{"fine", "refused", "nowhere", "late", "lost", "dropped"}
		for _, id := range ids {
			m := letter(id)
			if id == "late" {
				m.Expires = time.Now().Add(3 * time.Second)
			}
			mustPost(t, o, m)
		}
		expired := letter("expired")
		expired.Expires = time.Now()
		mustPost(t, o, expired)
		time.Sleep(5 * time.Second)
		settled(o)
		if err := o.Close(t.Context()); err == nil || !strings.Contains(err.Error(), "1 messages") {
			t.Errorf("Close = %v", err)
		}
		result := func(id string, how send.Outcome, sender, reason string) send.Result {
			return send.Result{ID: id, Medium: send.Email, Purpose: "code.sign_in", Outcome: how, Sender: sender, Reason: reason}
		}
		want := []send.Result{
			result("dropped", send.OutcomeDropped, "", ""), // its only sender was left aside
			result("expired", send.OutcomeFailed, "", "expired"),
			result("fine", send.OutcomeSent, "mail1", ""),
			result("late", send.OutcomeFailed, "mail1", "greylisted"),
			result("lost", send.OutcomeUncertain, "mail1", "no_reply"),
			result("nowhere", send.OutcomeFailed, "mail1", "country_not_allowed"),
			result("refused", send.OutcomeFailed, "mail1", "bad_recipient"),
		}
		slices.SortFunc(e.told, func(a, b send.Result) int { return strings.Compare(a.ID, b.ID) })
		if !slices.Equal(e.told, want) {
			t.Errorf("told\n%+v\nwant\n%+v", e.told, want)
		}
	})
}

// As when a sender returns its own nil pointer where it means success.
func TestANilErrorOfTheWrongTypeIsToldApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var e ends
		var none *send.Error
		o := send.NewOutbox(send.OutboxOptions{Done: e.done})
		o.Use(byMail(&sendtest.Recorder{Answer: always(none)}))
		mustPost(t, o, letter("m1"))
		if settled(o); len(e.told) != 1 || e.told[0].Reason != "nil_error" {
			t.Errorf("told %+v", e.told)
		}
		mustClose(t, o)
	})
}

// What is told may ask the outbox about itself, or hand in more.
func TestDoneMayUseTheOutbox(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &sendtest.Recorder{}
		var o *send.Outbox
		o = send.NewOutbox(send.OutboxOptions{Workers: 1, Done: func(r send.Result) {
			_, _ = o.Stats(), o.SenderStats()
			if o.Down(send.Email); len(r.ID) < 5 {
				_ = o.Post(letter(r.ID + "+"))
			}
		}})
		o.Use(byMail(r))
		mustPost(t, o, letter("m"))
		if c := settled(o); c.Sent != 5 {
			t.Errorf("counts = %+v", c)
		}
		mustClose(t, o)
	})
}
