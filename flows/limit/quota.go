package limit

import (
	"fmt"
	"time"

	"github.com/stepgate/stepgate/flows/store"
)

// A Quota grants Most in each stretch of UTC time: in every hour of the clock, or in
// every day of the calendar. Unlike a [Rate] it gives nothing back before the stretch is
// over, which makes it a strict cap. The zero Quota grants nothing.
type Quota struct {
	Most   int64
	Window time.Duration // time.Hour or 24 * time.Hour
}

func (q Quota) String() string { return fmt.Sprintf("%d in %s", q.Most, q.Window) }

// ends is the end of the stretch that holds a moment.
func (q Quota) ends(t time.Time) time.Time { return t.UTC().Truncate(q.Window).Add(q.Window) }

// valid keeps to windows that divide the day, so that all servers see the same ones.
func (q Quota) valid() bool {
	return q.Most > 0 && q.Window > 0 && 24*time.Hour%q.Window == 0
}

const countPrefix = "l/count/"

// Count takes n, at least one, from the quota of key. A wait above zero is a refusal, and
// then nothing is written. An error is a refusal too.
//
// A clock that is set back never grants more: what was counted in a stretch that has not
// begun counts in the one before it, and nobody waits longer than one stretch.
func Count(tx store.Tx, key string, q Quota, n int64, now time.Time) (wait time.Duration, err error) {
	rec, err := readCount(tx, key, q, now)
	if err != nil {
		return Never, err
	}
	if !q.valid() || n < 1 || n > q.Most {
		return Never, nil
	}
	if rec.Count > q.Most-n {
		return time.Unix(0, rec.Expires).Sub(now), nil
	}
	rec.Count += n
	if err := write(tx, countPrefix, key, rec, now); err != nil {
		return Never, err
	}
	return 0, nil
}

// Counted is how much of the quota of key is used up. It writes nothing.
func Counted(tx store.Tx, key string, q Quota, now time.Time) (n int64, err error) {
	rec, err := readCount(tx, key, q, now)
	return rec.Count, err
}

// Uncount gives back n that Count took at the moment then, for what turned out not to be
// done. What was taken from a stretch that is over is gone.
func Uncount(tx store.Tx, key string, q Quota, n int64, then, now time.Time) error {
	rec, err := readCount(tx, key, q, now)
	if err != nil || rec.Count == 0 || !q.ends(then).Equal(time.Unix(0, rec.Expires)) {
		return err
	}
	if rec.Count -= n; rec.Count <= 0 {
		return remove(tx, countPrefix, key)
	}
	return write(tx, countPrefix, key, rec, now)
}

// readCount returns the count of the stretch that holds now.
func readCount(tx store.Tx, key string, q Quota, now time.Time) (record, error) {
	rec, err := read(tx, countPrefix, key, now)
	if err == nil && q.valid() {
		rec.Expires = q.ends(now).UnixNano()
	}
	return rec, err
}
