package flows_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/flows/store/storetest"
)

// killed is a world whose process ends as soon as something is committed: what it posts
// reaches nobody. next is the process after it, on the same store.
func killed(t *testing.T) (w *world, next func() *world) {
	st := storetest.Twice(store.NewMemory())
	on := func(c *flows.Config) { c.Store = st }
	w = newWorld(t, on)
	return w, func() *world {
		n := newWorld(t, on)
		n.now = w.clock()
		return n
	}
}

// resume is what a process does when it starts.
func (w *world) resume() int {
	w.t.Helper()
	n, err := w.engine.Resume(w.t.Context(), func(origin string) *flows.Site {
		if origin == w.site.Origin {
			return w.site
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// in is the same browser before another process.
func (b *browser) in(w *world) *browser {
	moved := *b
	moved.world = w
	return &moved
}

func result(l flows.Letter, outcome send.Outcome) send.Result {
	return send.Result{ID: l.ID, Series: l.Series, Medium: l.Medium, Purpose: string(l.Purpose), Outcome: outcome}
}

// records are the stored records below a prefix.
func (w *world) records(prefix string) map[string][]byte {
	w.t.Helper()
	found := map[string][]byte{}
	err := w.engine.Store.View(w.t.Context(), func(tx store.Tx) error {
		return tx.Scan("1/"+prefix, func(key string, value []byte) error {
			found[key] = bytes.Clone(value)
			return nil
		})
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

func TestACodeThatWasAcceptedOutlivesAKillAndIsSentOnce(t *testing.T) {
	t.Parallel()
	w, next := killed(t)
	w.browser().signUpWithCode(dana)
	w.wait(time.Hour)
	w.finishAll(send.OutcomeSent)
	b := w.browser().start(flows.SignIn, flows.Identify{Email: dana}).at(flows.AskCode)
	lost := w.letter(dana)

	w2 := next()
	if n := w2.resume(); n != 1 || len(w2.letters) != 1 {
		t.Fatalf("%d letters were taken up: %v", n, w2.letters)
	}
	got := w2.letters[0]
	if got.Code != lost.Code || got.ID != lost.ID || got.Series != lost.Series || got.NotMe != lost.NotMe || got.Site != w2.site ||
		!got.Expires.Equal(lost.Expires) || !got.At.Equal(lost.At) || got.Target != lost.Target || got.Device != lost.Device {
		t.Errorf("the letter was %+v and is %+v", lost, got)
	}
	w2.engine.Finished(t.Context(), result(got, send.OutcomeSent))
	w3 := next()
	if n := w3.resume(); n != 0 {
		t.Errorf("%d letters were sent again", n)
	}
	b.in(w3).submit(flows.GiveCode{Code: got.Code}).at(flows.Done)
}

// finishAll tells the engine the end of everything that was posted.
func (w *world) finishAll(outcome send.Outcome) {
	for _, l := range w.letters {
		w.engine.Finished(w.t.Context(), result(l, outcome))
	}
}

func TestOnlyACodeThatIsStillGoodIsTakenUp(t *testing.T) {
	t.Parallel()
	begun := func(w *world) *browser {
		return w.browser().start(flows.SignIn, flows.Identify{Email: dana}).at(flows.AskCode)
	}
	for name, c := range map[string]struct {
		happens func(*world)
		want    []int // of the letters posted before, in their order
	}{
		"nothing else": {func(w *world) { begun(w) }, []int{0}},
		"a newer one": {func(w *world) {
			b := begun(w)
			w.wait(time.Minute)
			b.submit(flows.Resend{}).at(flows.AskCode)
		}, []int{1}},
		"a newer one that was sent": {func(w *world) {
			b := begun(w)
			w.wait(time.Minute)
			b.submit(flows.Resend{}).at(flows.AskCode)
			w.engine.Finished(w.t.Context(), result(w.letter(dana), send.OutcomeSent))
		}, nil},
		"a late word about the one before it": {func(w *world) {
			b := begun(w)
			w.wait(time.Minute)
			b.submit(flows.Resend{}).at(flows.AskCode)
			w.engine.Finished(w.t.Context(), result(w.letters[0], send.OutcomeSuperseded))
			w.engine.Finished(w.t.Context(), result(w.letters[0], send.OutcomeFailed))
		}, []int{1}},
		"its end":         {func(w *world) { begun(w); w.wait(10 * time.Minute) }, nil},
		"its use":         {func(w *world) { b := begun(w); b.submit(flows.GiveCode{Code: b.code(dana)}) }, []int{1}}, // the notice
		"another flow":    {func(w *world) { begun(w); begun(w) }, []int{0, 1}},
		"a failure":       {func(w *world) { begun(w); w.finishAll(send.OutcomeFailed) }, nil},
		"an unknown end":  {func(w *world) { begun(w); w.finishAll(send.OutcomeUncertain) }, nil},
		"a closed outbox": {func(w *world) { begun(w); w.finishAll(send.OutcomeDropped) }, []int{0}},
		"a full outbox": {func(w *world) {
			w.full = true
			w.browser().start(flows.SignIn, flows.Identify{Email: dana}).refused(flows.SendFailed)
		}, nil},
		"no site any more": {func(w *world) { w.site.Origin = "https://old.example.com"; begun(w) }, nil},
		"nobody": {func(w *world) {
			w.site.TellUnknown = flows.TellNever
			w.browser().start(flows.SignIn, flows.Identify{Email: nobody})
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, next := killed(t)
			w.browser().signUpWithCode(dana)
			w.wait(time.Hour)
			w.finishAll(send.OutcomeSent)
			w.letters = nil
			c.happens(w)
			var want, got []string
			for _, i := range c.want {
				want = append(want, w.letters[i].ID)
			}
			w2 := next()
			w2.resume()
			for _, l := range w2.letters {
				got = append(got, l.ID)
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("taken up were %v, want %v", got, want)
			}
			w2.finishAll(send.OutcomeSent)
			if left := w2.records("letter/"); len(left) != 0 {
				t.Errorf("%d letters are left in the store", len(left))
			}
		})
	}
}

func TestANoticeThatTheOutboxHadNoRoomForIsSentByTheNextProcess(t *testing.T) {
	t.Parallel()
	w, next := killed(t)
	w.browser().signUpWithPassword(dana, longSecret)
	w.wait(time.Hour)
	w.finishAll(send.OutcomeSent)
	b := w.browser().start(flows.SignIn, flows.Identify{Email: dana, ByPassword: true})
	w.full = true
	b.submit(flows.GivePassword{Password: longSecret}).at(flows.Done)
	w2 := next()
	if n := w2.resume(); n != 1 || w2.letter(dana).Purpose != flows.NoticeNewDevice {
		t.Errorf("%d taken up: %+v", n, w2.letters)
	}
	w.wait(25 * time.Hour)
	if n := next().resume(); n != 0 {
		t.Errorf("%d notices of yesterday", n)
	}
}

func TestNothingIsTakenUpForAnAccountThatWasDisabledOrEndedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		happens func(*world, flows.Account) error
		code    int // letters that are taken up, of one
		notice  int
	}{
		"nothing":     {func(*world, flows.Account) error { return nil }, 1, 1},
		"disabled":    {func(w *world, a flows.Account) error { return w.engine.SetDisabled(w.t.Context(), a.ID, true) }, 0, 0},
		"ended since": {func(w *world, a flows.Account) error { return w.engine.SetDisabled(w.t.Context(), a.ID, false) }, 0, 1},
	} {
		for sort, want := range map[string]int{"a code": c.code, "a notice": c.notice} {
			t.Run(name+", "+sort, func(t *testing.T) {
				t.Parallel()
				w, next := killed(t)
				w.browser().signUpWithPassword(dana, longSecret)
				w.wait(time.Hour)
				w.finishAll(send.OutcomeSent)
				if sort == "a code" {
					w.browser().start(flows.SignIn, flows.Identify{Email: dana}).at(flows.AskCode)
				} else {
					w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
				}
				account, err := w.engine.Account(t.Context(), dana)
				if err == nil {
					err = c.happens(w, account)
				}
				if err != nil {
					t.Fatal(err)
				}
				w2 := next()
				if n := w2.resume(); n != want || len(w2.letters) != want {
					t.Errorf("%d were taken up: %+v", n, w2.letters)
				}
				w2.finishAll(send.OutcomeSent)
				if left := w2.records("letter/"); len(left) != 0 {
					t.Errorf("%d letters are left in the store", len(left))
				}
			})
		}
	}
}

func TestARecordThatDoesNotOpenHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	w, next := killed(t)
	for range 3 {
		w.browser().start(flows.SignUp, flows.Identify{Email: dana}).at(flows.AskCode)
	}
	keys := slices.Sorted(func(yield func(string) bool) {
		for key := range w.records("letter/") {
			if !yield(key) {
				return
			}
		}
	})
	err := w.engine.Store.Update(t.Context(), func(tx store.Tx) error {
		other, err := tx.Get(keys[1])
		if err != nil {
			return err
		}
		// Sealed bytes of another letter are as worthless here as bytes from nowhere.
		if err := tx.Set(keys[0], other, time.Hour); err != nil {
			return err
		}
		return tx.Set("1/letter/series/0", []byte("poison"), time.Hour)
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := next().resume(); n != 2 {
		t.Errorf("%d letters were taken up, want the two good ones", n)
	}
}

func TestALetterIsNotReadableInTheStore(t *testing.T) {
	t.Parallel()
	w, _ := killed(t)
	w.browser().signUpWithCode(dana).enrolPhone(danaPhone)
	w.wait(time.Minute)
	w.browser().signInWithCode(dana)
	w.browser().start(flows.SignIn, flows.Identify{Email: dana})
	n := 0
	for _, prefix := range []string{"letter/", "not-me/", "delivery/", "told/"} {
		for key, value := range w.records(prefix) {
			n++
			for _, l := range w.letters {
				for _, secret := range []string{l.Code, l.NotMe, l.To, strings.TrimPrefix(l.To, "+")} {
					if secret != "" && (strings.Contains(key, secret) || bytes.Contains(value, []byte(secret))) {
						t.Errorf("%s… holds %q", key[:12], secret)
					}
				}
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d records were looked at", n)
	}
}

// Names that cannot be keys come from nowhere but a mistake, and must not stop anything.
func TestTheEndOfAMessageThatIsNobodysIsNothing(t *testing.T) {
	t.Parallel()
	w, _ := killed(t)
	w.browser().start(flows.SignUp, flows.Identify{Email: dana})
	before := len(w.records(""))
	for _, r := range []send.Result{{}, {ID: "x"}, {ID: "x", Series: "y"}, {ID: "../x"}, {ID: w.letter(dana).ID}, {ID: "x", Series: w.letter(dana).Series}} {
		r.Outcome = send.OutcomeFailed
		w.engine.Finished(context.Background(), r)
	}
	if n := len(w.records("")); n != before || n == 0 {
		t.Errorf("%d records of %d", n, before)
	}
}

func TestAProcessTakesUpNoLettersOfItsOwn(t *testing.T) {
	t.Parallel()
	st := storetest.Twice(store.NewMemory())
	process := func(name string) *world {
		return newWorld(t, func(c *flows.Config) { c.Store, c.Process = st, name })
	}
	w := process("one")
	w.browser().start(flows.SignUp, flows.Identify{Email: dana}).at(flows.AskCode)
	if n := w.resume(); n != 0 {
		t.Errorf("%d letters that are on their way were posted once more", n)
	}
	if n := process("two").resume(); n != 1 {
		t.Errorf("the next process took up %d letters", n)
	}
}

// Between looking at what was left and judging it, a person may ask for another code.
func TestTakingUpOldLettersLeavesNewerOnesAlone(t *testing.T) {
	t.Parallel()
	w, next := killed(t)
	b := w.browser().start(flows.SignUp, flows.Identify{Email: dana}).at(flows.AskCode)
	n := next()
	w.wait(time.Minute)
	_, err := n.engine.Resume(t.Context(), func(string) *flows.Site {
		b.submit(flows.Resend{}).at(flows.AskCode)
		return w.site
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(w.records("letter/")); n != 1 {
		t.Errorf("%d letters are left: the newer one is gone", n)
	}
}
