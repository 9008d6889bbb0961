package storetest

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/stepgate/stepgate/flows/store"
)

// Trace is a store that writes down what is done to it: each transaction, how it ended,
// and the kinds of records that it wrote, in order. Two requests that must not be told
// apart leave the same trace. Reads are left out: how many there are depends on what is
// there, and they cost next to nothing.
type Trace struct {
	store.Store
	mu    sync.Mutex
	lines []string
}

// Taken returns what was written down since the last time.
func (t *Trace) Taken() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := t.lines
	t.lines = nil
	return lines
}

func (t *Trace) note(line string, err error) {
	if err != nil {
		line += " undone"
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line)
}

// View implements [store.Store].
func (t *Trace) View(ctx context.Context, fn func(store.Tx) error) error {
	err := t.Store.View(ctx, fn)
	t.note("view", nil) // whether something was found is no difference in what was done
	return err
}

// Update implements [store.Store].
func (t *Trace) Update(ctx context.Context, fn func(store.Tx) error) error {
	var line strings.Builder
	err := t.Store.Update(ctx, func(tx store.Tx) error {
		line.Reset()
		line.WriteString("update")
		return fn(tracedTx{tx, &line})
	})
	t.note(line.String(), err)
	return err
}

type tracedTx struct {
	store.Tx
	line *strings.Builder
}

func (tx tracedTx) Set(key string, value []byte, ttl time.Duration) error {
	tx.line.WriteString(" set:" + kindOf(key))
	return tx.Tx.Set(key, value, ttl)
}

func (tx tracedTx) Delete(key string) error {
	tx.line.WriteString(" delete:" + kindOf(key))
	return tx.Tx.Delete(key)
}

// kindOf is what kind of record a key names: all but its last part, or parts.
func kindOf(key string) string {
	parts := strings.SplitN(key, "/", 3)
	return strings.Join(parts[:min(2, len(parts))], "/")
}
