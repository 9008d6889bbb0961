package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestDeadRecordsAreSweptAndLivingOnesKept(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	m := newMemory(func() time.Time { return now })
	set := func(key string, ttl time.Duration) {
		err := m.Update(context.Background(), func(tx Tx) error { return tx.Set(key, nil, ttl) })
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 1000 {
		set(fmt.Sprintf("flow/%04d", i), 10*time.Minute)
		set(fmt.Sprintf("user/%04d", i), 0)
	}
	now = now.Add(10*time.Minute + Grace - 1)
	for range 1000 {
		set("user/0000", 0)
	}
	if n := len(m.keys); n != 2000 {
		t.Errorf("%d records before anything is dead", n)
	}
	now = now.Add(1)
	for range 2000/sweepStep + 1 {
		set("user/0000", 0)
	}
	if len(m.keys) != 1000 || len(m.records) != 1000 {
		t.Errorf("%d keys and %d records after the sweep, want the 1000 users", len(m.keys), len(m.records))
	}
}

// A flood of short-lived records must not make the store grow without end.
func TestTheSweepOutrunsTheWriters(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	m := newMemory(func() time.Time { return now })
	most := 0
	for i := range 3000 {
		now = now.Add(time.Second)
		err := m.Update(context.Background(), func(tx Tx) error {
			for part := range 5 {
				if err := tx.Set(fmt.Sprintf("challenge/%d/%d", i, part), nil, time.Minute); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, len(m.keys))
	}
	// 120 seconds at 5 a second are alive or in their grace at any time.
	if most > 2*600 {
		t.Errorf("the store grew to %d records", most)
	}
}

func TestEveryUnavailabilityIsErrUnavailableAndNothingElseIs(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	if err := Over(ctx); err != nil {
		t.Errorf("a living context: %v", err)
	}
	cancel()
	for _, err := range []error{ErrClosed, ErrFull, ErrConflict, Over(ctx), fmt.Errorf("wrapped: %w", ErrFull)} {
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("%v is not ErrUnavailable", err)
		}
	}
	for _, err := range []error{ErrNotFound, ErrInvalid, ErrStop} {
		if errors.Is(err, ErrUnavailable) {
			t.Errorf("%v is ErrUnavailable", err)
		}
	}
	if errors.Is(ErrClosed, ErrFull) {
		t.Error("one reason is taken for another")
	}
}
