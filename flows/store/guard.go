package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Guarded is a transaction whose use is checked. A back end makes one with
// [Guard] for each call of fn.
type Guarded struct {
	ctx      context.Context
	raw      Tx
	writable bool

	scanning bool
	writes   int
	bytes    int
	failed   error
	ended    atomic.Bool
}

// Guard puts the promises that do not depend on how records are kept in front of
// a back end's own transaction: keys are well-formed, views are read-only, a
// transaction is bounded and dead after its end, writing and scanning do not mix,
// ErrStop is swallowed, and a Scan ends with its context. The back end calls
// [Guarded.End] when fn has returned, also when it panicked.
func Guard(ctx context.Context, raw Tx, writable bool) *Guarded {
	return &Guarded{ctx: ctx, raw: raw, writable: writable}
}

// End makes the transaction dead. It returns the first failure of a call that
// must keep the transaction from being committed.
func (g *Guarded) End() error {
	g.ended.Store(true)
	return g.failed
}

// Over returns nil while ctx lives, and after its end an error that wraps both
// [ErrUnavailable] and the context's own.
func Over(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// Get implements [Tx].
func (g *Guarded) Get(key string) ([]byte, error) {
	if err := g.alive(); err != nil {
		return nil, err
	}
	if err := checkKey(key); err != nil {
		return nil, g.fail(err)
	}
	value, err := g.raw.Get(key)
	if err != nil {
		return nil, g.fail(err)
	}
	return value, nil
}

// Set implements [Tx].
func (g *Guarded) Set(key string, value []byte, ttl time.Duration) error {
	if err := g.write(key, len(value)); err != nil {
		return err
	}
	return g.fail(g.raw.Set(key, value, ttl))
}

// Delete implements [Tx].
func (g *Guarded) Delete(key string) error {
	if err := g.write(key, 0); err != nil {
		return err
	}
	return g.fail(g.raw.Delete(key))
}

// Scan implements [Tx].
func (g *Guarded) Scan(prefix string, fn func(key string, value []byte) error) error {
	if err := g.alive(); err != nil {
		return err
	}
	if g.scanning {
		return g.fail(invalid("scan inside a scan"))
	}
	if prefix != "" {
		if err := checkKey(prefix); err != nil {
			return g.fail(err)
		}
	}
	g.scanning = true
	defer func() { g.scanning = false }()

	// What fn returns is the caller's business and must not spoil the
	// transaction; what the back end returns must.
	var told error
	err := g.raw.Scan(prefix, func(key string, value []byte) error {
		if told = Over(g.ctx); told == nil {
			told = fn(key, value)
		}
		return told
	})
	switch {
	case told == nil:
		return g.fail(err)
	case errors.Is(told, ErrStop):
		return nil
	default:
		return told
	}
}

// write admits one more write.
func (g *Guarded) write(key string, size int) error {
	if err := g.alive(); err != nil {
		return err
	}
	if err := checkKey(key); err != nil {
		return g.fail(err)
	}
	g.writes++
	g.bytes += len(key) + size
	switch {
	case !g.writable:
		return g.fail(invalid("write in a read-only view"))
	case g.scanning:
		return g.fail(invalid("write inside a scan"))
	case g.writes > MaxWrites:
		return g.fail(invalid("more than %d writes in one transaction", MaxWrites))
	case g.bytes > MaxBytes:
		return g.fail(invalid("more than %d bytes written in one transaction", MaxBytes))
	}
	return nil
}

func (g *Guarded) alive() error {
	if g.ended.Load() {
		return invalid("transaction used after its end")
	}
	return nil
}

// fail remembers the first failure, so that code which overlooks an error cannot
// commit half of what it meant, or what it concluded from a read that failed.
func (g *Guarded) fail(err error) error {
	if err != nil && g.failed == nil && !errors.Is(err, ErrNotFound) {
		g.failed = err
	}
	return err
}

// checkKey never puts the key into its error: keys hold addresses.
func checkKey(key string) error {
	switch {
	case key == "":
		return invalid("empty key")
	case len(key) > MaxKey:
		return invalid("key longer than %d bytes", MaxKey)
	}
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return invalid("key with a byte that is not printable ASCII")
		}
	}
	return nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
}

var _ Tx = (*Guarded)(nil)
