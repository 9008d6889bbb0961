// Package limit counts attempts: a rate limit by the generic cell rate algorithm
// (GCRA), which keeps one time per key, a strict cap per hour or day of the calendar, and
// a counter of consecutive failures.
//
// The decisions are pure ([Rate.Take]); [Spend], [Count] and [Fail] keep them in a
// transaction of the store, the same one that judges the attempt, so that no number
// of parallel attempts gets past. Keys are opaque to this package: callers put the
// HMAC of an address in them, never the address.
package limit
