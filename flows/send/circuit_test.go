package send

import (
	"math/rand/v2"
	"testing"
	"time"
)

var dawn = time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)

// A step is a moment in a circuit's life: after some time, an attempt is asked for and,
// where one is let through, ends with some news.
type step struct {
	after time.Duration
	news  news
	wait  time.Duration
	let   bool
	turn  turn
}

func TestACircuitOpensAndClosesAsItIsTold(t *testing.T) {
	t.Parallel()
	const s = time.Second
	tests := map[string][]step{
		"three failures in a row open it": {
			{0, failing, 0, true, same}, {0, failing, 0, true, same}, {0, failing, 0, true, opened},
			{14 * s, works, 0, false, same}, {1 * s, works, 0, true, closed}, {0, works, 0, true, same},
		},
		"a success in between starts the row again": {
			{0, failing, 0, true, same}, {0, failing, 0, true, same}, {0, works, 0, true, same},
			{0, failing, 0, true, same}, {0, failing, 0, true, same}, {0, failing, 0, true, opened},
		},
		"verdicts about messages count for nothing": {
			{0, failing, 0, true, same}, {0, nothing, 0, true, same}, {0, failing, 0, true, same},
			{0, nothing, 0, true, same}, {0, failing, 0, true, opened}, {15 * s, nothing, 0, true, freed},
			{0, works, 0, true, closed},
		},
		"one lost answer opens it":    {{0, lost, 0, true, opened}, {14 * s, works, 0, false, same}, {1 * s, works, 0, true, closed}},
		"one barred sender is opened": {{0, barred, 0, true, opened}, {0, works, 0, false, same}},
		"a probe that fails doubles it up to five minutes": {
			{0, lost, 0, true, opened},
			{15 * s, failing, 0, true, same}, {29 * s, works, 0, false, same},
			{1 * s, lost, 0, true, same}, {59 * s, works, 0, false, same},
			{1 * s, barred, 0, true, same}, {119 * s, works, 0, false, same},
			{1 * s, failing, 0, true, same}, {239 * s, works, 0, false, same},
			{1 * s, failing, 0, true, same}, {299 * s, works, 0, false, same},
			{1 * s, failing, 0, true, same}, {299 * s, works, 0, false, same},
			{1 * s, works, 0, true, closed},
			{0, lost, 0, true, opened}, {15 * s, works, 0, true, closed},
		},
		"a short wait is kept, and counted once": {
			{0, failing, 2 * s, true, same}, {1 * s, works, 0, false, same}, {1 * s, failing, 2 * s, true, same},
			{2 * s, works, 0, true, same}, {0, failing, 0, true, same}, {0, failing, 0, true, same}, {0, failing, 0, true, opened},
		},
		"a long wait opens it for that long": {
			{0, failing, 40 * s, true, opened}, {39 * s, works, 0, false, same}, {1 * s, works, 0, true, closed},
		},
		"a wait makes an opening longer, never shorter": {
			{0, lost, s, true, opened}, {14 * s, works, 0, false, same}, {1 * s, lost, 100 * s, true, same},
			{99 * s, works, 0, false, same}, {1 * s, works, 0, true, closed},
		},
		"nobody silences it for more than five minutes": {
			{0, failing, 1000 * time.Hour, true, opened}, {300*s - 1, works, 0, false, same}, {1, works, 0, true, closed},
		},
		"a refusal for good shows that it is there": {
			{0, lost, 0, true, opened}, {14 * s, answers, 0, false, same}, {1 * s, answers, 0, true, closed},
			{0, lost, 0, true, opened}, {15 * s, works, 0, true, closed},
		},
		"a refusal for good does not start the row again": {
			{0, failing, 0, true, same}, {0, answers, 0, true, same}, {0, failing, 0, true, same},
			{0, answers, 0, true, same}, {0, failing, 0, true, opened},
		},
		"a negative wait is none": {{0, failing, -time.Hour, true, same}, {0, works, 0, true, same}},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var c circuit
			now := dawn
			for i, s := range steps {
				now = now.Add(s.after)
				ticket, ok := c.admit(now)
				if ok != s.let {
					t.Fatalf("step %d: let through = %v", i+1, ok)
				}
				if !ok {
					continue
				}
				if got := c.hear(s.news, ticket, s.wait, now, 0.5); got != s.turn {
					t.Fatalf("step %d: turn = %v, want %v", i+1, got, s.turn)
				}
			}
		})
	}
}

func TestWhatWasUnderWayWhenACircuitOpenedSaysNothingNew(t *testing.T) {
	t.Parallel()
	var c circuit
	for range openAfter {
		c.hear(failing, 0, 0, dawn, 0.5)
	}
	for range 50 {
		if c.hear(lost, 0, 0, dawn.Add(time.Second), 0.5) != same || c.opening != firstOpening {
			t.Fatal("failures of attempts begun before prolonged the opening")
		}
	}
	at := dawn.Add(firstOpening)
	ticket, ok := c.admit(at)
	if !ok {
		t.Fatal("no probe")
	}
	c.hear(failing, 0, 0, at, 0.5)
	if _, ok := c.admit(at); ok {
		t.Error("a late failure of somebody else ended the probe")
	}
	if c.hear(answers, 0, 0, at, 0.5) != same || !c.open() {
		t.Error("a late refusal, of an attempt begun before, closed it")
	}
	if c.hear(works, 0, 0, at, 0.5) != closed {
		t.Error("a late success of somebody else is a success, too")
	}
	c.hear(lost, 0, 0, at, 0.5)
	later := at.Add(firstOpening)
	second, _ := c.admit(later)
	c.hear(nothing, ticket, 0, later, 0.5)
	if _, ok := c.admit(later); ok || second == ticket {
		t.Error("the end of an old probe let a second one through beside the new")
	}
}

func TestALateThrottlingIsTheSameThrottling(t *testing.T) {
	t.Parallel()
	var c circuit
	for range 8 {
		if got := c.hear(failing, 0, time.Second, dawn, 0.5); got != same {
			t.Fatal("eight sends at once that were told to wait a second look like a broken provider")
		}
	}
	if c.failures != 1 {
		t.Errorf("%d failures, want 1", c.failures)
	}
}

func TestACircuitIsPassedOnByAReload(t *testing.T) {
	t.Parallel()
	for n, tried := range map[news]bool{lost: false, barred: true} {
		var c circuit
		c.hear(n, 0, 0, dawn, 0.5)
		d := c.inherited()
		if _, ok := d.admit(dawn); ok != tried || !d.open() {
			t.Errorf("after news %d: tried at once = %v, want %v", n, ok, tried)
		}
		// A probe of the old sender speaks of the old one only.
		at := dawn.Add(firstOpening)
		c.admit(at)
		d = c.inherited()
		if _, ok := d.admit(at); !ok {
			t.Errorf("after news %d: the new sender waits for a probe of the old", n)
		}
	}
}

// Whatever happens to a circuit in whatever order, it keeps these promises.
func TestTheLawsOfCircuits(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		dice := rand.New(rand.NewPCG(seed, 5))
		var (
			c        circuit
			now      = dawn
			underWay []uint64 // tickets
			was      bool
		)
		for range 300 {
			now = now.Add(time.Duration(dice.Int64N(int64(10 * time.Second))))
			if dice.IntN(2) == 0 {
				if ticket, ok := c.admit(now); ok {
					if c.open() != (ticket != 0) {
						t.Fatalf("seed %d: open = %v, ticket %d", seed, c.open(), ticket)
					}
					underWay = append(underWay, ticket)
				} else if !c.open() && !now.Before(c.until) {
					t.Fatalf("seed %d: a closed circuit keeps messages back", seed)
				}
				if _, again := c.admit(now); c.open() && again {
					t.Fatalf("seed %d: two probes at once", seed)
				}
			} else if len(underWay) > 0 {
				i := dice.IntN(len(underWay))
				n := news(dice.IntN(6))
				wait := time.Duration(max(0, dice.Int64N(int64(time.Minute))-int64(50*time.Second)))
				turn := c.hear(n, underWay[i], wait, now, dice.Float64())
				underWay = append(underWay[:i], underWay[i+1:]...)
				if (turn == opened) != (!was && c.open()) || (turn == closed) != (was && !c.open()) {
					t.Fatalf("seed %d: turn %v when open went from %v to %v", seed, turn, was, c.open())
				}
				if n == works && c.open() {
					t.Fatalf("seed %d: a success left it open", seed)
				}
				if (n == lost || n == barred) && !c.open() {
					t.Fatalf("seed %d: news %v left it closed", seed, n)
				}
			}
			was = c.open()
			if left := c.until.Sub(now); left > longestOpening*5/4 {
				t.Fatalf("seed %d: open for another %v", seed, left)
			}
			if c.opening != 0 && (c.opening < firstOpening || c.opening > longestOpening) {
				t.Fatalf("seed %d: an opening of %v", seed, c.opening)
			}
		}
		// It always comes back: let the probe end, wait, succeed.
		c.hear(nothing, c.probe, 0, now, 0.5)
		ticket, ok := c.admit(now.Add(longestOpening * 5 / 4))
		if !ok {
			t.Fatalf("seed %d: it never lets anybody find out", seed)
		}
		if c.hear(works, ticket, 0, now, 0.5); c.open() {
			t.Fatalf("seed %d: it never closes", seed)
		}
	}
}

func TestOpeningsAreSpreadByAQuarter(t *testing.T) {
	t.Parallel()
	for chance, want := range map[float64]time.Duration{0: 9 * time.Second, 0.5: 12 * time.Second, 1: 15 * time.Second} {
		if got := spread(12*time.Second, chance); got != want {
			t.Errorf("spread(12s, %v) = %v, want %v", chance, got, want)
		}
	}
}
