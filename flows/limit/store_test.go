package limit_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/flows/store"
)

var rate = limit.Rate{Burst: 2, Every: time.Minute}

func update(t testing.TB, st store.Store, fn func(tx store.Tx) error) {
	t.Helper()
	if err := st.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// spend runs one Spend in a transaction of its own.
func spend(t testing.TB, st store.Store, key string, now time.Time) (wait time.Duration) {
	t.Helper()
	update(t, st, func(tx store.Tx) (err error) {
		wait, err = limit.Spend(tx, key, rate, now)
		return err
	})
	return wait
}

func TestSpendingIsCountedForEachKeyAlone(t *testing.T) {
	t.Parallel()
	st := store.NewMemory()
	for _, step := range []struct {
		key  string
		at   time.Duration
		wait time.Duration
	}{
		{"a", 0, 0},
		{"a", 0, 0},
		{"a", 0, time.Minute},
		{"b", 0, 0},
		{"a", 59 * time.Second, time.Second},
		{"a", time.Minute, 0},
		{"a", time.Minute, time.Minute},
		{"a", time.Hour, 0},
		{"a", time.Hour, 0},
		{"a", time.Hour, time.Minute},
	} {
		if wait := spend(t, st, step.key, epoch.Add(step.at)); wait != step.wait {
			t.Errorf("%s at %v: wait %v, want %v", step.key, step.at, wait, step.wait)
		}
	}
	update(t, st, func(tx store.Tx) error { return limit.Reset(tx, "a") })
	if wait := spend(t, st, "a", epoch.Add(time.Hour)); wait != 0 {
		t.Errorf("after a reset: wait %v", wait)
	}
}

func TestLookingAndRefusingWriteNothing(t *testing.T) {
	t.Parallel()
	st := store.NewMemory()
	peek := func() (wait time.Duration) {
		// View: a write would be an error.
		if err := st.View(context.Background(), func(tx store.Tx) (err error) {
			wait, err = limit.Peek(tx, "a", rate, epoch)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return wait
	}
	for range 5 {
		if wait := peek(); wait != 0 {
			t.Fatalf("looking used something up: wait %v", wait)
		}
	}
	spend(t, st, "a", epoch)
	spend(t, st, "a", epoch)
	if err := st.View(context.Background(), func(tx store.Tx) error {
		wait, err := limit.Spend(tx, "a", rate, epoch)
		if wait != time.Minute {
			t.Errorf("wait %v", wait)
		}
		return err
	}); err != nil {
		t.Errorf("a refusal wrote something: %v", err)
	}
	if wait := peek(); wait != time.Minute {
		t.Errorf("looking does not see what Spend sees: wait %v", wait)
	}
}

func TestParallelAttemptsGetTheBurstAndNoMore(t *testing.T) {
	t.Parallel()
	st := store.NewMemory()
	var granted atomic.Int64
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if spend(t, st, "a", epoch) == 0 {
				granted.Add(1)
			}
		})
	}
	all.Wait()
	if n := granted.Load(); n != int64(rate.Burst) {
		t.Errorf("%d of 100 were granted", n)
	}
}

func TestFailuresAreCountedUntilClearedOrForgotten(t *testing.T) {
	t.Parallel()
	st := store.NewMemory()
	now := epoch
	fail := func(key string, want int) {
		t.Helper()
		update(t, st, func(tx store.Tx) error {
			n, err := limit.Fail(tx, key, now)
			if n != want {
				t.Errorf("failure %d of %s, want %d", n, key, want)
			}
			return err
		})
	}
	failures := func(want int) {
		t.Helper()
		update(t, st, func(tx store.Tx) error {
			n, err := limit.Failures(tx, "a", now)
			if n != want {
				t.Errorf("%d failures, want %d", n, want)
			}
			return err
		})
	}
	failures(0)
	fail("a", 1)
	fail("a", 2)
	fail("b", 1)
	failures(2)

	now = now.Add(limit.FailuresKept - 1)
	failures(2)
	fail("a", 3) // counted, and remembered as long again
	now = now.Add(limit.FailuresKept - 1)
	failures(3)
	now = now.Add(1)
	failures(0)

	fail("a", 1)
	update(t, st, func(tx store.Tx) error { return limit.Clear(tx, "a") })
	failures(0)
	fail("a", 1)
}

func TestARateAndAFailureCountMayShareAKey(t *testing.T) {
	t.Parallel()
	st := store.NewMemory()
	spend(t, st, "a", epoch)
	update(t, st, func(tx store.Tx) error {
		if n, err := limit.Fail(tx, "a", epoch); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		return limit.Clear(tx, "a")
	})
	spend(t, st, "a", epoch)
	if wait := spend(t, st, "a", epoch); wait != time.Minute {
		t.Errorf("clearing failures gave the burst back: wait %v", wait)
	}
}

func TestALimitThatCannotBeReadRefuses(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"", "garbage", `{"v":2,"x":1}`, `{"v":1,"x":"soon"}`, `null`} {
		st := store.NewMemory()
		update(t, st, func(tx store.Tx) error {
			for _, key := range []string{"l/rate/a", "l/fail/a"} {
				if err := tx.Set(key, []byte(value), 0); err != nil {
					return err
				}
			}
			if wait, err := limit.Spend(tx, "a", rate, epoch); err == nil || wait == 0 {
				t.Errorf("%q: spent, wait %v, %v", value, wait, err)
			}
			if wait, err := limit.Peek(tx, "a", rate, epoch); err == nil || wait == 0 {
				t.Errorf("%q: seen, wait %v, %v", value, wait, err)
			}
			if _, err := limit.Fail(tx, "a", epoch); err == nil {
				t.Errorf("%q: a failure was counted", value)
			}
			if _, err := limit.Failures(tx, "a", epoch); err == nil {
				t.Errorf("%q: failures were read", value)
			}
			return nil
		})
	}
}

func TestAStoreThatFailsRefuses(t *testing.T) {
	t.Parallel()
	down := brokenTx{store.ErrFull}
	if wait, err := limit.Spend(down, "a", rate, epoch); !errors.Is(err, store.ErrUnavailable) || wait == 0 {
		t.Errorf("spent: wait %v, %v", wait, err)
	}
	if _, err := limit.Fail(down, "a", epoch); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("failed: %v", err)
	}
	if err := limit.Reset(down, "a"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("reset: %v", err)
	}
}

func TestKeysThatNoStoreCouldHoldAreErrorsThatDoNotShowThem(t *testing.T) {
	t.Parallel()
	st := store.NewMemory()
	for _, key := range []string{"", "zoë", "zo\n", "z o", "zo\x00", strings.Repeat("zo", 200)} {
		update(t, st, func(tx store.Tx) error {
			wait, err := limit.Spend(tx, key, rate, epoch)
			if err == nil || wait == 0 || strings.Contains(err.Error(), "zo") {
				t.Errorf("%q: wait %v, %v", key, wait, err)
			}
			if err := limit.Clear(tx, key); err == nil {
				t.Errorf("%q was cleared", key)
			}
			return nil
		})
	}
}

// brokenTx answers everything with an error.
type brokenTx struct{ err error }

func (b brokenTx) Get(string) ([]byte, error)                    { return nil, b.err }
func (b brokenTx) Set(string, []byte, time.Duration) error       { return b.err }
func (b brokenTx) Delete(string) error                           { return b.err }
func (b brokenTx) Scan(string, func(string, []byte) error) error { return b.err }

func BenchmarkSpend(b *testing.B) {
	st, now := store.NewMemory(), epoch
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Minute)
		spend(b, st, "a", now)
	}
}
