package limit

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows/store"
)

// FailuresKept is how long a count of consecutive failures is remembered after the
// last of them. It is long, for a patient guesser must not outwait the hard cap,
// and finite, for anybody can fail in the name of an address that does not exist.
const FailuresKept = 90 * 24 * time.Hour

// The records' keys. A rate, a failure count and a quota may share a caller's key.
const (
	ratePrefix = "l/rate/"
	failPrefix = "l/fail/"
)

// slack keeps a record in the store somewhat longer than it counts: clocks differ.
const slack = time.Minute

// record is what is stored under one key. Expires is what counts; the store's TTL
// only collects the garbage.
type record struct {
	Version int   `json:"v"`
	Expires int64 `json:"x"`           // Unix nanoseconds; of a rate, the theoretical arrival time
	Count   int64 `json:"n,omitempty"` // of a failure count, or of a quota
}

const version = 1

// Spend takes one from the rate of key. A wait above zero is a refusal, and then
// nothing is written. An error is a refusal too.
func Spend(tx store.Tx, key string, r Rate, now time.Time) (wait time.Duration, err error) {
	return take(tx, key, r, now, true)
}

// Peek is the wait that Spend would answer. It writes nothing.
func Peek(tx store.Tx, key string, r Rate, now time.Time) (wait time.Duration, err error) {
	return take(tx, key, r, now, false)
}

func take(tx store.Tx, key string, r Rate, now time.Time, spend bool) (time.Duration, error) {
	rec, err := read(tx, ratePrefix, key, now)
	if err != nil {
		return Never, err
	}
	var tat time.Time
	if rec.Expires != 0 {
		tat = time.Unix(0, rec.Expires)
	}
	tat, wait, ok := r.Take(tat, now, 1)
	if !ok {
		return wait, nil
	}
	if !spend {
		return 0, nil
	}
	if err := write(tx, ratePrefix, key, record{Expires: tat.UnixNano()}, now); err != nil {
		return Never, err
	}
	return 0, nil
}

// Spent is how many of the rate's burst are used up at the moment, 0 to Burst. It writes
// nothing.
func Spent(tx store.Tx, key string, r Rate, now time.Time) (n int, err error) {
	rec, err := read(tx, ratePrefix, key, now)
	if err != nil || rec.Expires == 0 || r.Every <= 0 {
		return 0, err
	}
	owed := time.Unix(0, rec.Expires).Sub(now)
	return int(min((owed+r.Every-1)/r.Every, time.Duration(r.Burst))), nil
}

// Refund gives one back that Spend took, for what turned out not to be done.
func Refund(tx store.Tx, key string, r Rate, now time.Time) error {
	rec, err := read(tx, ratePrefix, key, now)
	if err != nil || rec.Expires == 0 {
		return err
	}
	if rec.Expires -= int64(r.Every); rec.Expires <= now.UnixNano() {
		return remove(tx, ratePrefix, key)
	}
	return write(tx, ratePrefix, key, rec, now)
}

// Forgive takes the newest of a row of failures back.
func Forgive(tx store.Tx, key string, now time.Time) error {
	rec, err := read(tx, failPrefix, key, now)
	if err != nil || rec.Count == 0 {
		return err
	}
	rec.Count--
	return write(tx, failPrefix, key, rec, now)
}

// Reset gives key its whole burst back.
func Reset(tx store.Tx, key string) error { return remove(tx, ratePrefix, key) }

// Fail counts one more consecutive failure of key and returns how many there are.
func Fail(tx store.Tx, key string, now time.Time) (n int, err error) {
	rec, err := read(tx, failPrefix, key, now)
	if err != nil {
		return 0, err
	}
	rec = record{Expires: now.Add(FailuresKept).UnixNano(), Count: rec.Count + 1}
	if err := write(tx, failPrefix, key, rec, now); err != nil {
		return 0, err
	}
	return int(rec.Count), nil
}

// Failures is how many consecutive failures of key there are.
func Failures(tx store.Tx, key string, now time.Time) (n int, err error) {
	rec, err := read(tx, failPrefix, key, now)
	return int(rec.Count), err
}

// Clear ends the row of failures: key has succeeded.
func Clear(tx store.Tx, key string) error { return remove(tx, failPrefix, key) }

// read returns the zero record for a key that is not there or has expired, and an
// error for one that cannot be understood: a limit that is lost must not let
// everybody pass.
func read(tx store.Tx, prefix, key string, now time.Time) (record, error) {
	if err := checkKey(key); err != nil {
		return record{}, err
	}
	value, err := tx.Get(prefix + key)
	if errors.Is(err, store.ErrNotFound) {
		return record{}, nil
	}
	if err != nil {
		return record{}, fmt.Errorf("reading limit: %w", err)
	}
	var rec record
	if err := json.Unmarshal(value, &rec); err != nil {
		return record{}, fmt.Errorf("reading limit: %w", err)
	}
	if rec.Version != version {
		return record{}, fmt.Errorf("reading limit: unknown record version %d", rec.Version)
	}
	if rec.Expires <= now.UnixNano() {
		return record{}, nil
	}
	return rec, nil
}

func write(tx store.Tx, prefix, key string, rec record, now time.Time) error {
	rec.Version = version
	value, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("writing limit: %w", err)
	}
	ttl := time.Unix(0, rec.Expires).Sub(now) + slack
	if err := tx.Set(prefix+key, value, ttl); err != nil {
		return fmt.Errorf("writing limit: %w", err)
	}
	return nil
}

func remove(tx store.Tx, prefix, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := tx.Delete(prefix + key); err != nil {
		return fmt.Errorf("clearing limit: %w", err)
	}
	return nil
}

// checkKey keeps to what every store can hold. The key is not in the error: it may
// have been meant to be secret.
func checkKey(key string) error {
	bad := func(r rune) bool { return r <= ' ' || r > '~' }
	if key == "" || len(key) > 256 || strings.ContainsFunc(key, bad) {
		return errors.New("reading limit: a key must be 1 to 256 printable ASCII characters")
	}
	return nil
}
