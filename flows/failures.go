package flows

import (
	"slices"
	"time"

	"github.com/stepgate/stepgate/flows/store"
)

// Wrong tries of the last hour, at any factor of an account and from anywhere, are a sign
// that somebody is guessing. They are counted beside the budgets, which a success clears,
// and for addresses without an account as well, since counting must not tell.

// RecentFailures is the span in which wrong tries are recent.
const RecentFailures = time.Hour

// MostRecentFailures is up to how many of them are told apart.
const MostRecentFailures = 20

// failuresRecord holds the times of an account's newest wrong tries, in Unix seconds.
type failuresRecord struct {
	At []int64 `json:"at"` // oldest first
}

func (e *Engine) failuresKey(canonical string) string {
	return e.budgetFor("recent failures", canonical, "")
}

// noteFailure remembers one more wrong try.
func (e *Engine) noteFailure(tx store.Tx, f *flowRecord, out *outcome) error {
	key, now := e.failuresKey(f.account()), e.Now()
	record, _, err := get[failuresRecord](tx, key)
	if err != nil {
		return err
	}
	record.At = append(record.At, now.Unix())
	record.At = record.At[max(0, len(record.At)-MostRecentFailures):]
	if !f.Moving { // those are tries at an address that is not the account's
		out.failed, out.failedAt = f.User, record.At
	}
	return put(tx, key, record, now, now.Add(RecentFailures))
}

func (e *Engine) readFailures(tx store.Tx, canonical string) ([]int64, error) {
	record, _, err := get[failuresRecord](tx, e.failuresKey(canonical))
	return record.At, err
}

// RecentFailures is how many wrong tries at the account's factors were made in the last
// hour, at most [MostRecentFailures].
func (l *Live) RecentFailures(now time.Time) int {
	at := l.Failures
	if newer := l.failures.Load(); newer != nil {
		at = *newer
	}
	since := now.Add(-RecentFailures).Unix()
	first, _ := slices.BinarySearch(at, since+1)
	return len(at) - first
}
