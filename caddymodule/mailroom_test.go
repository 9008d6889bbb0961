package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/store"
)

// A desk is a mailroom with an outbox and a store that the test plays.
type desk struct {
	*mailroom
	mu           sync.Mutex
	room         int   // in the outbox
	broken       error // the store
	posts, notes []string
	tries        int // at notes
}

func newDesk(room int) *desk {
	d := &desk{room: room}
	d.mailroom = newMailroom(func(draft send.Draft) error {
		if d.room == 0 {
			return fmt.Errorf("posting: %w", send.ErrQueueFull)
		}
		d.room--
		d.posts = append(d.posts, draft.ID)
		return nil
	}, func(_ context.Context, r send.Result) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.tries++; d.broken != nil {
			return d.broken
		}
		d.notes = append(d.notes, r.ID)
		return nil
	}, slog.New(slog.DiscardHandler))
	return d
}

func notice(i int) send.Draft     { return send.Draft{ID: fmt.Sprint(i)} }
func ended(id string) send.Result { return send.Result{ID: id, Outcome: send.OutcomeSent} }

func TestANoticeThatTheOutboxHadNoRoomForIsPostedOnceThereIs(t *testing.T) {
	t.Parallel()
	d := newDesk(1)
	if err := d.post(notice(0)); err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		if err := d.post(notice(i + 1)); !errors.Is(err, send.ErrQueueFull) {
			t.Fatalf("%d: %v", i, err)
		}
	}
	if err := d.post(send.Draft{ID: "code", Series: "s"}); !errors.Is(err, send.ErrQueueFull) {
		t.Fatal(err)
	}
	d.done(ended("0")) // its place is not free yet
	for _, step := range []struct {
		room int
		want []string
	}{{1, []string{"0", "1"}}, {9, []string{"0", "1", "2", "3", "4", "5"}}, {9, []string{"0", "1", "2", "3", "4", "5", "6"}}, {9, []string{"0", "1", "2", "3", "4", "5", "6"}}} {
		d.room = step.room
		d.done(ended("x"))
		if !slices.Equal(d.posts, step.want) {
			t.Errorf("posted %v, want %v", d.posts, step.want)
		}
	}
	d.room = 0
	for i := range keptNotices + 10 {
		_ = d.post(notice(i + 10))
	}
	if n := len(d.later); n != keptNotices {
		t.Errorf("%d are kept", n)
	}
}

func TestALetterIsPostedOnceWhileAnEarlierProcesssAreTakenUp(t *testing.T) {
	t.Parallel()
	d := newDesk(3)
	now := newTestClock()
	tried := 0
	takeUp := func(err error) { d.takeUp(now.Now(), func() error { tried++; return err }) }
	takeUp(errStoreDown)
	for _, id := range []string{"a", "b", "a", "c", "b", "late", "late"} {
		_ = d.post(send.Draft{ID: id}) // "late" finds no room
	}
	d.room = 5
	_ = d.post(send.Draft{ID: "late"}) // it waits already
	d.done(ended("a"))
	if want := []string{"a", "b", "c", "late"}; !slices.Equal(d.posts, want) {
		t.Errorf("posted %v, want %v", d.posts, want)
	}
	for _, step := range []struct {
		wait time.Duration
		err  error
		want int
	}{{takeUpPause - 1, nil, 1}, {1, errStoreDown, 2}, {takeUpPause, nil, 3}, {takeUpPause, nil, 3}} {
		now.advance(step.wait)
		if takeUp(step.err); tried != step.want {
			t.Errorf("tried %d times, want %d", tried, step.want)
		}
	}
	if d.backlog.Load() || d.posted != nil {
		t.Error("ids are remembered for nothing")
	}
}

func TestTheIdsOfPostedLettersAreBounded(t *testing.T) {
	t.Parallel()
	d := newDesk(keptPosted + 10)
	d.takeUp(time.Now(), func() error { return errStoreDown })
	for i := range keptPosted + 1 {
		if err := d.post(notice(i)); err != nil {
			t.Fatal(err)
		}
	}
	if d.posted != nil || d.backlog.Load() {
		t.Errorf("%d are kept", len(d.posted))
	}
	d.takeUp(time.Now().Add(time.Hour), func() error { t.Error("a letter could be posted twice"); return nil })
}

func TestTheEndOfAMessageThatTheStoreCouldNotTakeIsNotForgotten(t *testing.T) {
	t.Parallel()
	d := newDesk(0)
	d.broken = fmt.Errorf("recording: %w", store.ErrConflict)
	d.done(ended("a"))
	if d.tries != 2 {
		t.Errorf("%d tries", d.tries)
	}
	d.done(ended("b"))
	d.broken = errStoreOdd
	d.done(ended("hopeless"))
	d.broken = nil
	d.done(ended("c"))
	if want := []string{"c", "a", "b"}; !slices.Equal(d.notes, want) {
		t.Errorf("recorded %v, want %v", d.notes, want)
	}
	d.broken = store.ErrFull
	for i := range 2 * atOnce {
		d.done(ended(fmt.Sprint(i)))
	}
	d.broken, d.notes = nil, nil
	d.close()
	if n := len(d.notes); n != 2*atOnce {
		t.Errorf("%d of %d were recorded at closing", n, 2*atOnce)
	}
}

// diskSite is a site whose store outlives it, with faults of both store and sender.
func diskSite(t *testing.T) (open func() *testSite, f *faults) {
	name := fmt.Sprintf("%s %d", t.Name(), memories.Add(1))
	f = faultsOf(name)
	f.disk = store.NewMemory()
	t.Cleanup(func() { allFaults.Delete(name) })
	return func() *testSite {
		return newEditedSite(t, `{
			stepgate {
				store memory
				secret {env.STEPGATE_TEST_SECRET}
				email inbox
			}
		}
		`+payrollSite(), func(apps map[string]any) {
			app := apps["stepgate"].(map[string]any)
			app["store"] = map[string]any{"module": "faulty", "name": name}
			app["email"] = []map[string]any{{"module": "faulty", "name": name}}
		})
	}, f
}

func (f *faults) sends(do func(context.Context, send.Message) error) { f.sender.Store(&do) }

func TestLettersThatTheStoreCouldNotGiveAreTakenUpLaterAndNothingIsSentTwice(t *testing.T) {
	t.Parallel()
	open, f := diskSite(t)
	f.sends(func(context.Context, send.Message) error { return &send.Error{Kind: send.Blocked, Reason: "auth"} })
	s := open()
	s.browser(t).post("/.auth/sign-up", url.Values{"email": {dana}})
	if err := s.app.Cleanup(); err == nil {
		t.Fatal("everything was sent")
	}

	const ed = "ed@example.com"
	got, release := make(chan string, 10), make(chan struct{})
	f.sends(func(_ context.Context, m send.Message) error {
		got <- m.To
		if m.To == ed {
			<-release
		}
		return nil
	})
	f.full()
	s = open()
	f.mend()
	b := s.browser(t)
	b.post("/.auth/sign-up", url.Values{"email": {ed}})
	if to := await(t, got, "a message"); to != ed { // it stays on its way
		t.Fatalf("the first message is to %s", to)
	}
	s.clock.advance(takeUpPause - time.Second)
	b.get("/")
	s.clock.advance(time.Second)
	if len(got) > 0 {
		t.Error("it was tried too soon")
	}
	b.get("/")
	if to := await(t, got, "the message of the process before"); to != dana {
		t.Fatalf("the second message is to %s", to)
	}
	close(release)
	s.settle(t)
	s.clock.advance(takeUpPause)
	b.get("/")
	s.settle(t)
	if n := len(got); n != 0 || s.app.live.Load().rt.mail.backlog.Load() {
		t.Errorf("%d messages were sent again", n)
	}
	if n := s.stored(t, "1/letter/"); n != 0 {
		t.Errorf("%d letters are left", n)
	}
}

func TestAMessageThatWasSentWhileTheStoreFailedIsNotSentAgainAfterARestart(t *testing.T) {
	t.Parallel()
	open, f := diskSite(t)
	entered, release := make(chan string, 10), make(chan struct{})
	f.sends(func(_ context.Context, m send.Message) error {
		entered <- m.To
		<-release
		return nil
	})
	s := open()
	s.browser(t).post("/.auth/sign-up", url.Values{"email": {dana}})
	await(t, entered, "the sender to be called")
	f.full()
	close(release)
	s.logs.line(t, "could not be recorded yet")
	f.mend()
	if err := s.app.Cleanup(); err != nil {
		t.Fatal(err)
	}
	next := open()
	next.settle(t)
	if n := len(entered); n != 0 || strings.Contains(next.logs.String(), "message sent") {
		t.Errorf("it was sent %d times more", n)
	}
}
