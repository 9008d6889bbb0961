package inbox

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stepgate/stepgate/flows/send"
)

func TestTheInboxShowsTheNewestFirstAndForgetsTheOldest(t *testing.T) {
	t.Parallel()
	box := New(Options{Keep: 3})
	for i := range 5 {
		if err := box.Send(t.Context(), send.Message{ID: fmt.Sprint(i), To: fmt.Sprintf("p%d@example.com", i)}); err != nil {
			t.Fatal(err)
		}
	}
	all := box.Messages("")
	if len(all) != 3 || all[0].ID != "4" || all[2].ID != "2" {
		t.Fatalf("kept %v", all)
	}
	if _, ok := box.Get("1"); ok {
		t.Error("a message that made room can still be read")
	}
	if m, ok := box.Get("3"); !ok || m.To != "p3@example.com" || m.At.IsZero() {
		t.Errorf("got %+v, %v", m, ok)
	}
	if found := box.Messages("P4@"); len(found) != 1 || found[0].ID != "4" {
		t.Errorf("filtered: %v", found)
	}
}

func TestACancelledSendIsNotKept(t *testing.T) {
	t.Parallel()
	box := New(Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := box.Send(ctx, send.Message{ID: "1"}); send.KindOf(err) != send.Retryable || err == nil {
		t.Errorf("sending: %v", err)
	}
	if len(box.Messages("")) != 0 {
		t.Error("kept all the same")
	}
}

func TestTheInboxIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	box := New(Options{Keep: 10})
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			_ = box.Send(t.Context(), send.Message{ID: fmt.Sprint(i)})
			box.Messages("")
		})
	}
	wg.Wait()
	if n := len(box.Messages("")); n != 10 {
		t.Fatalf("%d kept", n)
	}
}
