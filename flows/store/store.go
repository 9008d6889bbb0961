package store

import (
	"context"
	"errors"
	"time"
)

// ErrNotFound is what Tx.Get returns for a key that is not there.
var ErrNotFound = errors.New("record not found")

// ErrUnavailable is wrapped by every error that means "the store cannot answer
// now": closed, disk full, conflicts without end, context over, disk failing.
// Callers answer 503.
var ErrUnavailable = errors.New("store unavailable")

// Errors that say why a store is unavailable. Each wraps [ErrUnavailable].
var (
	ErrClosed   error = &unavailable{"store is closed"}
	ErrFull     error = &unavailable{"free disk space is below the store's low-water mark"}
	ErrConflict error = &unavailable{"transaction kept conflicting with others"}
)

// ErrInvalid is wrapped by every error that means "the caller broke the rules of
// Tx": a write in a View, a malformed key, too much in one transaction, a
// transaction used after its end. It never depends on what is stored.
var ErrInvalid = errors.New("invalid use of a store transaction")

// ErrStop ends a Scan early without an error.
var ErrStop = errors.New("stop scanning")

// What one transaction may hold. The limits are the same for every back end, so
// that what works in a test works in production.
const (
	// MaxKey is the greatest length of a key, in bytes.
	MaxKey = 1024
	// MaxBytes is how much one transaction may write, in bytes, keys and values
	// together and each write counted. No value can be as long.
	MaxBytes = 1 << 20
	// MaxWrites is how often one transaction may call Set and Delete.
	MaxWrites = 5000
)

// Grace is how much longer than its time-to-live a back end keeps a record, at
// the least. It keeps small differences between clocks out of the picture.
const Grace = time.Minute

type unavailable struct{ text string }

func (e *unavailable) Error() string        { return e.text }
func (e *unavailable) Is(target error) bool { return target == ErrUnavailable }

// Store runs transactions. It is safe for concurrent use.
//
// Transactions are serializable: the outcome is that of some order, one at a
// time. That includes what a Scan did not see: a key that appears in a range
// after a transaction scanned it makes one of the two run again.
// An error from fn leaves the store as it was and is returned as it is. When
// Update returns nil, the change survives a crash of the process (and, for
// durable back ends, of the machine).
type Store interface {
	// View runs fn with a consistent read-only view. Set and Delete fail in it.
	View(ctx context.Context, fn func(Tx) error) error
	// Update runs fn and commits what it wrote. It may run fn more than once, so fn
	// must have no effect but through tx, and must set the variables it hands
	// out anew each time. A transaction in which a call failed with anything but
	// ErrNotFound is not committed, even if fn ignores that error. A context
	// that is over before the commit begins prevents it.
	//
	// Neither fn may start another transaction on the same store: some back ends
	// would wait for ever.
	Update(ctx context.Context, fn func(Tx) error) error
	// Close waits for running transactions; later ones get ErrClosed. Closing
	// twice is harmless.
	Close() error
}

// Tx is one transaction. It is for one goroutine, and dead when fn returns.
type Tx interface {
	// Get returns the value of key, the caller's to keep, or ErrNotFound.
	Get(key string) ([]byte, error)
	// Set writes a value, which the store copies. After ttl the record may
	// vanish; zero keeps it for ever, and a negative ttl says that it is dead
	// already. It never vanishes earlier.
	Set(key string, value []byte, ttl time.Duration) error
	// Delete removes key; a key that is not there is no error.
	Delete(key string) error
	// Scan calls fn for each key with the prefix, in ascending byte order, with the
	// transaction's own writes seen. It stops at the first error from fn and
	// returns it, except ErrStop, which it swallows. The value is the caller's.
	// fn may Get, but not write and not Scan: collect first, then write.
	Scan(prefix string, fn func(key string, value []byte) error) error
}
