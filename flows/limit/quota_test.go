package limit_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/flows/store"
)

var (
	hourly = limit.Quota{Most: 10, Window: time.Hour}
	// nine is a full hour; nothing in a day begins or ends in another zone.
	nine = time.Date(2026, 3, 14, 9, 0, 0, 0, time.FixedZone("", 5*3600+1800)).Add(30 * time.Minute)
)

func count(t testing.TB, st store.Store, q limit.Quota, n int64, now time.Time) (wait time.Duration) {
	t.Helper()
	update(t, st, func(tx store.Tx) (err error) {
		wait, err = limit.Count(tx, "a", q, n, now)
		return err
	})
	return wait
}

func counted(t testing.TB, st store.Store, q limit.Quota, now time.Time) (n int64) {
	t.Helper()
	update(t, st, func(tx store.Tx) (err error) {
		n, err = limit.Counted(tx, "a", q, now)
		return err
	})
	return n
}

func TestAQuotaIsWholeUntilItsStretchEndsAndThenBeginsAnew(t *testing.T) {
	t.Parallel()
	st := store.NewMemory()
	for _, step := range []struct {
		n     int64
		at    time.Duration
		wait  time.Duration
		after int64
	}{
		{4, 10 * time.Minute, 0, 4},
		{7, 20 * time.Minute, 40 * time.Minute, 4}, // refused as a whole
		{6, 20 * time.Minute, 0, 10},
		{1, time.Hour - 1, 1, 10},
		{10, time.Hour, 0, 10},
		{11, 2 * time.Hour, limit.Never, 0},
		{0, 2 * time.Hour, limit.Never, 0},
		{-1, 2 * time.Hour, limit.Never, 0},
	} {
		now := nine.Add(step.at)
		if wait := count(t, st, hourly, step.n, now); wait != step.wait {
			t.Errorf("%d at %v: wait %v, want %v", step.n, step.at, wait, step.wait)
		}
		if n := counted(t, st, hourly, now); n != step.after {
			t.Errorf("%d at %v: then %d are counted, want %d", step.n, step.at, n, step.after)
		}
	}
	if wait := count(t, st, limit.Quota{}, 1, nine); wait != limit.Never {
		t.Errorf("the zero quota: wait %v", wait)
	}
}

func TestAQuotaOfADayEndsAtMidnightUTC(t *testing.T) {
	t.Parallel()
	st := store.NewMemory()
	daily := limit.Quota{Most: 1, Window: 24 * time.Hour}
	midnight := time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC)
	count(t, st, daily, 1, midnight.Add(-20*time.Hour))
	if wait := count(t, st, daily, 1, midnight.Add(-time.Minute)); wait != time.Minute {
		t.Errorf("wait %v until midnight", wait)
	}
	if wait := count(t, st, daily, 1, midnight); wait != 0 {
		t.Errorf("at midnight: wait %v", wait)
	}
}

func TestAClockSetBackGrantsNothingMoreOfAQuota(t *testing.T) {
	t.Parallel()
	st := store.NewMemory()
	count(t, st, hourly, 10, nine.Add(30*24*time.Hour))
	if wait := count(t, st, hourly, 1, nine.Add(10*time.Minute)); wait != 50*time.Minute {
		t.Errorf("a month back: wait %v, want to the end of that hour", wait)
	}
}

func TestWhatIsGivenBackMayBeCountedAgainInItsStretchOnly(t *testing.T) {
	t.Parallel()
	st := store.NewMemory()
	giveBack := func(n int64, then, now time.Time) {
		update(t, st, func(tx store.Tx) error { return limit.Uncount(tx, "a", hourly, n, then, now) })
	}
	count(t, st, hourly, 10, nine)
	giveBack(3, nine, nine.Add(time.Minute))
	if n := counted(t, st, hourly, nine.Add(time.Minute)); n != 7 {
		t.Errorf("%d are counted, want 7", n)
	}
	next := nine.Add(time.Hour)
	count(t, st, hourly, 5, next)
	giveBack(3, nine, next)
	if n := counted(t, st, hourly, next); n != 5 {
		t.Errorf("something of the last hour came back in this one: %d", n)
	}
	giveBack(50, next, next)
	if n := counted(t, st, hourly, next); n != 0 {
		t.Errorf("%d are counted", n)
	}
}

func TestParallelCountsGetTheQuotaAndNoMore(t *testing.T) {
	t.Parallel()
	st := store.NewMemory()
	var granted atomic.Int64
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if count(t, st, hourly, 1, nine) == 0 {
				granted.Add(1)
			}
		})
	}
	all.Wait()
	if n := granted.Load(); n != hourly.Most {
		t.Errorf("%d of 100 were granted", n)
	}
}

func TestAQuotaThatCannotBeReadRefuses(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"", "garbage", `{"v":2,"x":1}`, `null`} {
		st := store.NewMemory()
		update(t, st, func(tx store.Tx) error {
			if err := tx.Set("l/count/a", []byte(value), 0); err != nil {
				return err
			}
			if wait, err := limit.Count(tx, "a", hourly, 1, nine); err == nil || wait == 0 {
				t.Errorf("%q: counted, wait %v, %v", value, wait, err)
			}
			return nil
		})
	}
	if wait, err := limit.Count(brokenTx{store.ErrFull}, "a", hourly, 1, nine); !errors.Is(err, store.ErrUnavailable) || wait == 0 {
		t.Errorf("a broken store: wait %v, %v", wait, err)
	}
}

func TestARefusedCountWritesNothing(t *testing.T) {
	t.Parallel()
	st := store.NewMemory()
	count(t, st, hourly, 10, nine)
	if err := st.View(context.Background(), func(tx store.Tx) error {
		wait, err := limit.Count(tx, "a", hourly, 1, nine)
		if wait != time.Hour {
			t.Errorf("wait %v", wait)
		}
		return err
	}); err != nil {
		t.Errorf("a refusal wrote something: %v", err)
	}
}

func TestSpentSaysHowMuchOfABurstIsGone(t *testing.T) {
	t.Parallel()
	st := store.NewMemory()
	for _, step := range []struct {
		spend bool
		at    time.Duration
		want  int
	}{{false, 0, 0}, {true, 0, 1}, {true, 0, 2}, {true, 0, 2}, {false, 59 * time.Second, 2}, {false, time.Minute, 1}, {false, 2 * time.Minute, 0}} {
		if step.spend {
			spend(t, st, "a", epoch.Add(step.at))
		}
		update(t, st, func(tx store.Tx) error {
			n, err := limit.Spent(tx, "a", rate, epoch.Add(step.at))
			if n != step.want {
				t.Errorf("%v: %d are spent, want %d", step.at, n, step.want)
			}
			return err
		})
	}
}
