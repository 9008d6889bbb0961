package badger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	lsm "github.com/dgraph-io/badger/v4"

	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/flows/store/internal/gate"
)

const (
	// maxTries is how often a transaction runs before it is given up. With a
	// hundred writers on one record, each round lets one through.
	maxTries = 50
	// The pause before a retry is random, up to a limit that doubles from
	// minPause to maxPause.
	minPause = 500 * time.Microsecond
	maxPause = 50 * time.Millisecond
)

// database is an open store. Open makes it.
type database struct {
	db     *lsm.DB
	dir    string
	log    *slog.Logger
	pace   pace
	gate   gate.Gate
	space  *space
	ranges ranges

	stop     chan struct{} // closed to end the loops
	loops    sync.WaitGroup
	closing  sync.Once
	closeErr error
}

func (d *database) View(ctx context.Context, fn func(store.Tx) error) error {
	if !d.gate.Enter() {
		return store.ErrClosed
	}
	defer d.gate.Leave()
	if err := store.Over(ctx); err != nil {
		return err
	}
	txn := d.db.NewTransaction(false)
	defer txn.Discard()
	guarded := store.Guard(ctx, &tx{txn: txn}, false)
	defer guarded.End()
	if err := fn(guarded); err != nil {
		return err
	}
	return guarded.End()
}

func (d *database) Update(ctx context.Context, fn func(store.Tx) error) error {
	if !d.gate.Enter() {
		return store.ErrClosed
	}
	defer d.gate.Leave()
	for try := range maxTries {
		if err := pause(ctx, try); err != nil {
			return err
		}
		if d.space.low.Load() {
			return store.ErrFull
		}
		conflict, err := d.attempt(ctx, fn)
		if !conflict {
			return err
		}
	}
	d.log.Warn("giving up a transaction that kept conflicting", "tries", maxTries)
	return store.ErrConflict
}

// attempt runs fn once and commits. A conflict means that it may be run again.
func (d *database) attempt(ctx context.Context, fn func(store.Tx) error) (conflict bool, err error) {
	mark := d.ranges.now() // before the snapshot, see ranges.now
	txn := d.db.NewTransaction(true)
	defer txn.Discard()
	raw := &tx{txn: txn}
	guarded := store.Guard(ctx, raw, true)
	defer guarded.End()
	if err := fn(guarded); err != nil {
		return false, err
	}
	if err := guarded.End(); err != nil {
		return false, err
	}
	if len(raw.written) == 0 {
		return false, nil
	}
	if err := store.Over(ctx); err != nil {
		return false, err
	}

	// CommitWith finds conflicts and takes its place in the order of commits
	// before it returns; the wait for the disk comes after, with others.
	done := make(chan error, 1)
	sent := d.ranges.commit(mark, raw.seen, raw.written, func() {
		txn.CommitWith(func(err error) { done <- err })
	})
	if !sent {
		return true, nil
	}
	err = <-done
	if errors.Is(err, lsm.ErrConflict) {
		return true, nil
	}
	return false, translate("committing", err)
}

// pause waits before the given try, counted from 0, which waits for nothing. It
// returns an error if the context is over.
func pause(ctx context.Context, try int) error {
	if try == 0 {
		return store.Over(ctx)
	}
	limit := min(minPause<<min(try, 16), maxPause)
	timer := time.NewTimer(rand.N(limit))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return store.Over(ctx)
}

// Close implements [store.Store]. It does not wait for ever: Badger's last flush
// retries without end on a disk that fails, and kills the process on one that is
// full. What was acknowledged is in the write-ahead log, and the next Open
// replays it.
func (d *database) Close() error {
	d.closing.Do(func() {
		d.gate.Close()
		close(d.stop)
		d.loops.Wait()
		// The last flush of a store goes through a memory map like all others.
		if free, err := d.space.free(d.dir); err == nil && free < closeRoom {
			d.closeErr = fmt.Errorf("closing store in %s: %w: it has %d bytes free and needs %d; %s",
				d.dir, store.ErrFull, free, closeRoom, leftOpen)
			return
		}
		d.closeErr = shut(d.db, d.dir, d.pace.closeWait)
	})
	return d.closeErr
}

// leftOpen is what it means that a store could not be closed.
const leftOpen = "nothing acknowledged is lost, but the directory stays locked until the process ends"

func shut(db *lsm.DB, dir string, wait time.Duration) error {
	done := make(chan error, 1)
	go func() { done <- db.Close() }()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("closing store in %s: %s", dir, cause(err))
		}
		return nil
	case <-timer.C:
		return fmt.Errorf("closing store in %s: the disk did not take the last flush within %s; %s",
			dir, wait, leftOpen)
	}
}

// loop calls do at the interval until the store closes.
func (d *database) loop(interval time.Duration, do func()) {
	d.loops.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				do()
			case <-d.stop:
				return
			}
		}
	})
}

var _ store.Store = (*database)(nil)
