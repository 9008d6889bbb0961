package storetest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stepgate/stepgate/flows/store"
)

var lifecycle = []property{
	{"AClosedStoreSaysSo", func(t *testing.T, s store.Store) {
		put(t, s, "a", "1")
		for range 2 {
			if err := s.Close(); err != nil {
				t.Fatalf("closing: %v", err)
			}
		}
		never := func(store.Tx) error { t.Error("fn ran in a closed store"); return nil }
		for name, err := range map[string]error{
			"View":   s.View(context.Background(), never),
			"Update": s.Update(context.Background(), never),
		} {
			if !errors.Is(err, store.ErrClosed) || !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}},

	{"CloseWaitsForRunningTransactions", func(t *testing.T, s store.Store) {
		put(t, s, "a", "1")
		var ended atomic.Bool
		running, closed := make(chan struct{}), make(chan struct{})
		result := make(chan error, 1)
		go func() {
			result <- s.View(context.Background(), func(tx store.Tx) error {
				close(running)
				// Once a newcomer is turned away, Close is under way.
				for s.View(context.Background(), func(store.Tx) error { return nil }) == nil {
				}
				await(func() bool { return false })
				if a := read(t, tx, "a"); a != "1" {
					t.Errorf("a = %q while the store closes", a)
				}
				ended.Store(true)
				return nil
			})
		}()
		<-running
		go func() {
			defer close(closed)
			if err := s.Close(); err != nil {
				t.Errorf("closing: %v", err)
			}
			if !ended.Load() {
				t.Error("Close returned before the transaction had ended")
			}
		}()
		if err := <-result; err != nil {
			t.Errorf("View: %v", err)
		}
		<-closed
	}},

	{"AContextThatIsOverStopsEverything", func(t *testing.T, s store.Store) {
		put(t, s, "a", "1", "b", "1")
		over, cancel := context.WithCancel(context.Background())
		cancel()
		never := func(store.Tx) error { t.Error("fn ran"); return nil }
		later := func(fn func(store.Tx) error) error {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			return s.Update(ctx, func(tx store.Tx) error {
				if err := tx.Set("a", []byte("2"), 0); err != nil {
					return err
				}
				cancel()
				return fn(tx)
			})
		}
		for name, err := range map[string]error{
			"before a View":     s.View(over, never),
			"before an Update":  s.Update(over, never),
			"before the commit": later(func(store.Tx) error { return nil }),
			"within a Scan": later(func(tx store.Tx) error {
				return tx.Scan("", func(string, []byte) error { t.Error("still scanning"); return nil })
			}),
		} {
			if !errors.Is(err, context.Canceled) || !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
		}
		want(t, s, "a", "1")
	}},
}
