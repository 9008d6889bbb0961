package sendtest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/send"
)

// patience is how long a Wait helper waits before it fails the test. It is only ever
// used up by a test that fails.
const patience = 20 * time.Second

// A Recorder is a [send.Sender] that keeps what it is given. The zero value accepts
// everything and is ready to use.
type Recorder struct {
	// Answer decides about the n-th call (from 1), before the message is recorded. nil
	// accepts everything. It is called without any lock held, so it may block.
	Answer func(ctx context.Context, n int, m send.Message) error

	box[send.Message]
	mu    sync.Mutex
	calls int
}

// Send implements [send.Sender].
func (r *Recorder) Send(ctx context.Context, m send.Message) error {
	r.mu.Lock()
	r.calls++
	n := r.calls
	r.mu.Unlock()
	if r.Answer != nil {
		if err := r.Answer(ctx, n, m); err != nil {
			return err
		}
	}
	r.put(m)
	return nil
}

// Calls is how often Send was called, refusals included.
func (r *Recorder) Calls() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

// Messages are those accepted so far, oldest first.
func (r *Recorder) Messages() []send.Message { return r.all() }

// WaitFor waits until n messages were accepted since the test began, and returns all.
func (r *Recorder) WaitFor(t testing.TB, n int) []send.Message {
	t.Helper()
	return r.wait(t, "messages", func(got []send.Message) bool { return len(got) >= n })
}

// WaitTo waits for a message to the given address and returns the newest.
func (r *Recorder) WaitTo(t testing.TB, to string) send.Message {
	t.Helper()
	is := func(m send.Message) bool { return m.To == to }
	got := r.wait(t, "a message to "+to, func(got []send.Message) bool { return slices.ContainsFunc(got, is) })
	slices.Reverse(got)
	return got[slices.IndexFunc(got, is)]
}

// Reset forgets all messages, so that the next wait is for new ones.
func (r *Recorder) Reset() { r.clear() }

// box collects values and wakes whoever waits for them.
type box[T any] struct {
	lock    sync.Mutex
	held    []T
	changed chan struct{} // closed and replaced with each change; made on demand
}

func (b *box[T]) put(v T) {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.held = append(b.held, v)
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

func (b *box[T]) clear() {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.held = nil
}

func (b *box[T]) all() []T {
	b.lock.Lock()
	defer b.lock.Unlock()
	return slices.Clone(b.held)
}

func (b *box[T]) wait(t testing.TB, what string, enough func([]T) bool) []T {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		b.lock.Lock()
		got := slices.Clone(b.held)
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		changed := b.changed
		b.lock.Unlock()
		if enough(got) {
			return got
		}
		select {
		case <-changed:
		case <-late.C:
			t.Fatalf("waiting for %s: only %d came", what, len(got))
		}
	}
}
