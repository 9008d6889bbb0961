package flows

import (
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/flows/puzzle"
	"github.com/stepgate/stepgate/flows/store"
)

const (
	// effortWait is how old a puzzle is when it is taken without a solution: for browsers
	// without scripts, or whose scripts cannot compute hashes.
	effortWait = 30 * time.Second
	// maxEffort bounds what is read of an effort, in bytes.
	maxEffort = 512
)

// waiters bounds how many efforts per client network may be nothing but waiting, since
// that costs a program nothing: it could collect puzzles for half a minute, and then
// use them all. Who is too many still has the puzzle.
var waiters = limit.Rate{Burst: 20, Every: 5 * time.Second}

func effortKey(id string) string { return schema + "effort/" + id }

// requireEffort refuses with EffortNeeded unless the caller has made an effort for this:
// solved a puzzle, or waited. what is "send" or "password". Each effort is good once. The
// protocol of clients has no puzzles: only the budgets themselves bound them.
func (e *Engine) requireEffort(tx store.Tx, c Caller, what string) error {
	if c.Client != nil {
		return nil
	}
	taken, err := e.takeEffort(tx, c, what)
	if taken || err != nil {
		return err
	}
	fresh, err := e.puzzles().New(e.Now(), what, c.Network)
	if err != nil {
		return err
	}
	return &Refusal{Code: EffortNeeded, Puzzle: fresh, Wait: effortWait, Left: -1}
}

func (e *Engine) puzzles() puzzle.Maker {
	return puzzle.Maker{
		MAC:  func(parts ...string) [32]byte { return e.Keys.MAC("effort", parts...) },
		Rand: e.Rand,
	}
}

// takeEffort reports whether the caller's effort will do, and spends it. The record that
// it is spent is undone with everything else if what it was made for is refused after all.
func (e *Engine) takeEffort(tx store.Tx, c Caller, what string) (bool, error) {
	if c.Effort == "" || len(c.Effort) > maxEffort {
		return false, nil
	}
	text, solution, _ := strings.Cut(c.Effort, ":")
	age, err := e.puzzles().Age(e.Now(), text, what, c.Network)
	if err != nil {
		return false, nil // not ours: as good as none
	}
	solved := puzzle.Solved(text, solution)
	if !solved && age < effortWait {
		return false, nil
	}
	key := effortKey(puzzle.ID(text))
	if _, spent, err := get[bool](tx, key); spent || err != nil {
		return false, err
	}
	if !solved && c.Network != "" {
		wait, err := limit.Spend(tx, e.budgetFor("waiting", c.Network, ""), waiters, e.Now())
		if wait > 0 || err != nil {
			return false, err
		}
	}
	return true, put(tx, key, true, e.Now(), e.Now().Add(puzzle.Life-age))
}
