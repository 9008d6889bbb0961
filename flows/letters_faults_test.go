package flows_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/store"
)

// stumbling fails one update.
type stumbling struct {
	store.Store
	at  int // the number of the update that fails
	err error
}

func (s *stumbling) Update(ctx context.Context, fn func(store.Tx) error) error {
	if s.at--; s.at == 0 {
		return s.err
	}
	return s.Store.Update(ctx, fn)
}

func TestARecordThatNobodyCanReadHoldsUpNoOtherLetter(t *testing.T) {
	t.Parallel()
	w, next := killed(t)
	for range 4 {
		w.browser().start(flows.SignUp, flows.Identify{Email: dana}).at(flows.AskCode)
	}
	flowRecords := w.records("flow/")
	err := w.engine.Store.Update(t.Context(), func(tx store.Tx) error {
		for key := range flowRecords {
			return tx.Set(key, []byte("poison"), time.Hour)
		}
		return errors.New("there is no flow")
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := next().resume(); n != 3 {
		t.Errorf("%d letters were taken up, want the three good ones", n)
	}
}

func TestAStoreThatFailsForOneLetterLeavesItForTheNextTry(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]error{"a conflict": store.ErrConflict, "an outage": store.ErrUnavailable} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, next := killed(t)
			for range 3 {
				w.browser().start(flows.SignUp, flows.Identify{Email: dana}).at(flows.AskCode)
			}
			w2 := next()
			whole := w2.engine.Store
			w2.engine.Store = &stumbling{whole, 2, fault}
			site := func(string) *flows.Site { return w2.site }
			n, err := w2.engine.Resume(t.Context(), site)
			if n != 2 || !errors.Is(err, store.ErrUnavailable) {
				t.Fatalf("%d were taken up: %v", n, err)
			}
			w2.finishAll(send.OutcomeSent)
			if n, err := w2.engine.Resume(t.Context(), site); n != 1 || err != nil {
				t.Errorf("%d were taken up by the second try: %v", n, err)
			}
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := w2.engine.Resume(ended, site); err == nil {
				t.Error("a try that was called off went well")
			}
		})
	}
}

func TestAnEndThatWasNotRecordedCanBeToldAgain(t *testing.T) {
	t.Parallel()
	w, _ := killed(t)
	w.browser().start(flows.SignUp, flows.Identify{Email: dana}).at(flows.AskCode)
	whole := w.engine.Store
	w.engine.Store = &stumbling{whole, 1, store.ErrConflict}
	if err := w.engine.Finished(t.Context(), result(w.letter(dana), send.OutcomeSent)); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the failure is not told: %v", err)
	}
	if err := w.engine.Finished(t.Context(), result(w.letter(dana), send.OutcomeSent)); err != nil || len(w.records("letter/")) != 0 {
		t.Errorf("telling it again: %v", err)
	}
}
