package send_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/sendtest"
)

func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// Not parallel: it counts what the process holds.
func TestAFullQueueHoldsAMegabyteAndALongLifeNothing(t *testing.T) {
	goroutines, before := runtime.NumGoroutine(), heap()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	hanging := &sendtest.Recorder{Answer: hang}
	o := send.NewOutbox(send.OutboxOptions{Life: time.Hour})
	o.Use(byMail(hanging))
	n := 0
	next := func() send.Draft {
		n++
		d := draft(fmt.Sprint("id", n), func() (send.Message, error) { return letter(""), nil })
		d.Series = fmt.Sprint("series", n)
		return d
	}
	for o.PostDraft(next()) == nil {
	}
	full := heap()
	if per := (full - before) / 1000; per > 1500 {
		t.Errorf("a queued draft holds %d bytes", per)
	}
	// Eight workers, eight calls of the sender.
	if g := runtime.NumGoroutine() - goroutines; g > 16 {
		t.Errorf("%d goroutines for a full queue", g)
	}
	for range 50_000 {
		if o.PostDraft(next()) == nil {
			t.Fatal("the queue was full")
		}
	}
	if grown := heap() - full; grown > 200_000 {
		t.Errorf("refusing 50,000 drafts left %d bytes behind", grown)
	}
	cancel()
	_ = o.Close(ctx)

	// The same for an outbox that works.
	o = send.NewOutbox(send.OutboxOptions{})
	o.Use(map[send.Medium][]send.Named{send.Email: {{Name: "fine", Sender: fine{}}}})
	for range 50_000 {
		d := next()
		for o.PostDraft(d) != nil {
			runtime.Gosched()
		}
	}
	mustClose(t, o)
	if grown := heap() - before; grown > 200_000 {
		t.Errorf("50,000 messages sent left %d bytes behind", grown)
	}
	for range 1000 {
		if runtime.NumGoroutine() <= goroutines {
			break
		}
		runtime.Gosched()
	}
	if g := runtime.NumGoroutine() - goroutines; g > 0 {
		t.Errorf("%d goroutines left", g)
	}
	runtime.KeepAlive(o)
	runtime.KeepAlive(hanging)
}

// fine keeps nothing.
type fine struct{}

func (fine) Send(context.Context, send.Message) error { return nil }
