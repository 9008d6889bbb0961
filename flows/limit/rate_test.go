package limit_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/stepgate/stepgate/flows/limit"
)

var epoch = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestARateGrantsItsBurstAndThenOneEachInterval(t *testing.T) {
	t.Parallel()
	r := limit.Rate{Burst: 3, Every: 10 * time.Second}
	var tat time.Time
	for _, step := range []struct {
		at   time.Duration
		n    int
		ok   bool
		wait time.Duration
	}{
		{0, 1, true, 0},
		{0, 1, true, 0},
		{time.Second, 1, true, 0},
		{time.Second, 1, false, 9 * time.Second},
		{10*time.Second - 1, 1, false, 1},
		{10 * time.Second, 1, true, 0},
		{11 * time.Second, 1, false, 9 * time.Second},
		{35 * time.Second, 3, false, 5 * time.Second},
		{35 * time.Second, 2, true, 0},
		{time.Hour, 4, false, limit.Never}, // more than the burst at once
		{time.Hour, 3, true, 0},            // an hour of rest gives one burst, not 360
		{time.Hour, 1, false, 10 * time.Second},
		{time.Hour, 0, false, limit.Never},
		{time.Hour, -1, false, limit.Never},
	} {
		after, wait, ok := r.Take(tat, epoch.Add(step.at), step.n)
		if ok != step.ok || wait != step.wait {
			t.Errorf("%d at %v: %v, wait %v", step.n, step.at, ok, wait)
		}
		if !ok && !after.Equal(tat) {
			t.Errorf("a refusal at %v changed the state", step.at)
		}
		tat = after
	}
}

func TestABrokenRateGrantsNothing(t *testing.T) {
	t.Parallel()
	for _, r := range []limit.Rate{
		{},
		{Burst: 5},
		{Every: time.Second},
		{Burst: -1, Every: time.Second},
		{Burst: 5, Every: -time.Second},
		{Burst: math.MaxInt, Every: time.Hour},
		{Burst: 2, Every: math.MaxInt64},
		limit.Per(0, time.Hour),
		limit.Per(10, 0),
	} {
		if _, wait, ok := r.Take(time.Time{}, epoch, 1); ok || wait != limit.Never {
			t.Errorf("%+v: %v, wait %v", r, ok, wait)
		}
	}
	if r := limit.Per(5, time.Hour); r != (limit.Rate{Burst: 5, Every: 12 * time.Minute}) {
		t.Errorf("5 an hour is %v", r)
	}
}

func drawRate(t *rapid.T) limit.Rate {
	return limit.Rate{
		Burst: rapid.IntRange(1, 20).Draw(t, "burst"),
		Every: time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "every")),
	}
}

// grant is what was granted at a moment.
type grant struct {
	at time.Time
	n  int
}

func TestNoWindowEverGrantsMoreThanBurstAndElapsed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRate(t)
		now, tat := epoch, time.Time{}
		var grants []grant
		for range rapid.IntRange(1, 60).Draw(t, "asks") {
			now = now.Add(time.Duration(rapid.Int64Range(0, 3*int64(r.Every)).Draw(t, "pause")))
			n := rapid.IntRange(1, r.Burst).Draw(t, "n")
			after, _, ok := r.Take(tat, now, n)
			if ok {
				grants = append(grants, grant{now, n})
			}
			tat = after
		}
		for i := range grants {
			total := 0
			for _, g := range grants[i:] {
				total += g.n
				if most := r.Burst + int(g.at.Sub(grants[i].at)/r.Every); total > most {
					t.Fatalf("%v: %d granted in %v, at most %d are right", r, total, g.at.Sub(grants[i].at), most)
				}
			}
		}
	})
}

func TestARefusalSaysExactlyHowLongToWait(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRate(t)
		window := time.Duration(r.Burst) * r.Every
		tat := epoch.Add(time.Duration(rapid.Int64Range(-int64(window), int64(window)).Draw(t, "tat")))
		n := rapid.IntRange(1, r.Burst).Draw(t, "n")
		_, wait, ok := r.Take(tat, epoch, n)
		if ok {
			return
		}
		if _, _, early := r.Take(tat, epoch.Add(wait-1), n); early {
			t.Error("granted before the wait was over")
		}
		if _, _, late := r.Take(tat, epoch.Add(wait), n); !late {
			t.Error("refused after the wait")
		}
	})
}

// Whatever the clock does, the state after a jump back is at most as generous as
// without it, and a jump forward and back locks nobody out for its length.
func TestAClockSetBackGrantsNothingAndLocksNobodyOut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRate(t)
		window := time.Duration(r.Burst) * r.Every
		back := time.Duration(rapid.Int64Range(1, int64(10*window)).Draw(t, "back"))
		spent := rapid.IntRange(1, r.Burst).Draw(t, "spent")
		tat, _, _ := r.Take(time.Time{}, epoch, spent)

		now, granted := epoch.Add(-back), 0
		state := tat
		for {
			after, wait, ok := r.Take(state, now, 1)
			if !ok {
				if wait > r.Every {
					t.Fatalf("the next one after a wait of %v, and one comes back every %v", wait, r.Every)
				}
				break
			}
			state = after
			granted++
		}
		if granted > r.Burst-spent {
			t.Errorf("%d granted at once after %d of %d were spent", granted, spent, r.Burst)
		}
	})
}

func BenchmarkTake(b *testing.B) {
	r := limit.Rate{Burst: 5, Every: time.Minute}
	tat, now := time.Time{}, epoch
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Second)
		tat, _, _ = r.Take(tat, now, 1)
	}
}
