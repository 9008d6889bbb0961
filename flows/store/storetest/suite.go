package storetest

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/store"
)

// Run tests the back end that open makes. open returns a new, empty store each
// time; the suite closes it. The tests run in parallel.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, group := range [][]property{records, scans, limits, isolation, contention, lifecycle, model} {
		for _, p := range group {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				s := open(t)
				t.Cleanup(func() {
					if err := s.Close(); err != nil {
						t.Errorf("closing: %v", err)
					}
				})
				p.check(t, s)
			})
		}
	}
}

// property is one thing that a store promises.
type property struct {
	name  string
	check func(t *testing.T, s store.Store)
}

// patience bounds how long a test waits for another transaction to come along.
// A back end that runs updates one at a time never lets it, which is fine.
const patience = 20 * time.Millisecond

// await yields until the condition holds or patience is over.
func await(condition func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); runtime.Gosched() {
		if condition() {
			return true
		}
	}
	return condition()
}

// closed reports whether the channel is closed.
func closed(c <-chan struct{}) func() bool {
	return func() bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
}

func put(t *testing.T, s store.Store, pairs ...string) {
	t.Helper()
	update(t, s, func(tx store.Tx) error {
		for i := 0; i < len(pairs); i += 2 {
			if err := tx.Set(pairs[i], []byte(pairs[i+1]), 0); err != nil {
				return err
			}
		}
		return nil
	})
}

func update(t *testing.T, s store.Store, fn func(store.Tx) error) {
	t.Helper()
	if err := s.Update(context.Background(), fn); err != nil {
		t.Errorf("updating: %v", err)
	}
}

func view(t *testing.T, s store.Store, fn func(store.Tx) error) {
	t.Helper()
	if err := s.View(context.Background(), fn); err != nil {
		t.Errorf("viewing: %v", err)
	}
}

// want checks a record in a view of its own; absent is a record that must not be.
func want(t *testing.T, s store.Store, key, value string) {
	t.Helper()
	view(t, s, func(tx store.Tx) error {
		if got := read(t, tx, key); got != value {
			t.Errorf("%s = %q, want %q", key, got, value)
		}
		return nil
	})
}

const absent = "<absent>"

func read(t *testing.T, tx store.Tx, key string) string {
	t.Helper()
	value, err := tx.Get(key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return absent
	case err != nil:
		t.Errorf("reading %s: %v", key, err)
		return absent
	}
	return string(value)
}

// list returns what a Scan shows, as key=value.
func list(t *testing.T, tx store.Tx, prefix string) []string {
	t.Helper()
	var all []string
	err := tx.Scan(prefix, func(key string, value []byte) error {
		all = append(all, key+"="+string(value))
		return nil
	})
	if err != nil {
		t.Errorf("scanning %s: %v", prefix, err)
	}
	return all
}
