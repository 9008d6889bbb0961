package limit

import (
	"fmt"
	"math"
	"time"
)

// Never is the wait for what will not be granted however long one waits.
const Never = time.Duration(math.MaxInt64)

// A Rate grants Burst at once, and one more each Every after that: in any stretch
// of time at most Burst + stretch/Every. The zero Rate grants nothing.
type Rate struct {
	Burst int
	Every time.Duration
}

// Per is the rate of n in a period, all of them at once if need be.
func Per(n int, period time.Duration) Rate {
	if n < 1 {
		return Rate{}
	}
	return Rate{Burst: n, Every: period / time.Duration(n)}
}

func (r Rate) String() string { return fmt.Sprintf("%d, then 1 per %s", r.Burst, r.Every) }

// window is the time in which a spent burst comes back. False: the rate grants
// nothing, or its numbers are beyond reckoning.
func (r Rate) window() (time.Duration, bool) {
	if r.Burst < 1 || r.Every <= 0 || r.Every > Never/2/time.Duration(r.Burst) {
		return 0, false
	}
	return time.Duration(r.Burst) * r.Every, true
}

// Take asks for n, at least one, at the moment now. tat, the theoretical arrival time, is all the
// state there is: the moment at which the whole burst will be free again, zero for
// a key never seen. When granted, newTAT replaces it; when refused, wait says in
// how long the same request would be granted, and nothing changes.
//
// A clock that is set back never grants more, and never makes anybody wait longer
// than a whole burst takes to come back.
func (r Rate) Take(tat, now time.Time, n int) (newTAT time.Time, wait time.Duration, ok bool) {
	window, valid := r.window()
	if !valid || n < 1 || n > r.Burst {
		return tat, Never, false
	}
	base := now
	if tat.After(now) {
		base = tat
	}
	if spent := now.Add(window); base.After(spent) {
		base = spent
	}
	newTAT = base.Add(time.Duration(n) * r.Every)
	if wait = newTAT.Sub(now) - window; wait > 0 {
		return tat, wait, false
	}
	return newTAT, 0, true
}
