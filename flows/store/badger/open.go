package badger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	lsm "github.com/dgraph-io/badger/v4"

	"github.com/stepgate/stepgate/flows/store"
)

// Open opens the store in a directory, making it at the first time. The caller
// closes it.
//
// Open refuses, with an error that names the remedy, when the disk is too full
// (wrapping [store.ErrFull]), when another process has the store open, when files
// are missing or rotten, when the directory belongs to something else, and when
// the store was written by a newer version.
func Open(o Options) (store.Store, error) {
	if o.Dir == "" {
		return nil, errors.New("opening store: no directory given")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("opening store: %w", err)
	}
	o.Dir = dir
	d, err := open(o.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("opening store in %s: %w", dir, err)
	}
	return d, nil
}

func open(o Options) (*database, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	watch := &space{dir: o.Dir, min: o.MinFree, free: o.FreeSpace, log: o.Logger}
	if err := watch.enough(); err != nil {
		return nil, err
	}
	if _, err := o.FreeSpace(o.Dir); errors.Is(err, errors.ErrUnsupported) {
		o.Logger.Warn("free disk space cannot be watched on this system", "dir", o.Dir)
	}
	if err := complete(o.Dir); err != nil {
		return nil, err
	}
	db, err := openWhenFree(o)
	if err != nil {
		return nil, err
	}
	if err := admit(db, o); err != nil {
		return nil, errors.Join(err, shut(db, o.Dir, o.pace.closeWait))
	}

	d := &database{
		db: db, dir: o.Dir, log: o.Logger, pace: o.pace,
		space: watch, stop: make(chan struct{}),
	}
	d.loop(o.pace.probe, watch.check)
	d.loop(o.pace.collect, d.collect)
	return d, nil
}

// openWhenFree waits a little for the directory's lock: on a reload the old
// configuration may still be closing the store.
func openWhenFree(o Options) (*lsm.DB, error) {
	deadline := time.Now().Add(o.pace.lockWait)
	for {
		db, err := openChecked(o)
		if err == nil || !isLocked(err) {
			return db, err
		}
		if !time.Now().Before(deadline) {
			return nil, fmt.Errorf("another process has this store open (%s): stop it, "+
				"or give each process a directory of its own", cause(err))
		}
		time.Sleep(min(50*time.Millisecond, o.pace.lockWait))
	}
}

// openChecked refuses a store that Badger would open without some of its tables.
func openChecked(o Options) (db *lsm.DB, err error) {
	log := &logger{to: o.Logger}
	db, err = lsm.Open(o.tuned(log))
	if err != nil {
		if isLocked(err) {
			return nil, err
		}
		return nil, fmt.Errorf("files are damaged or cannot be used: %w; restore a backup", err)
	}
	if n := log.dropped.Load(); n > 0 {
		err := fmt.Errorf("%d table files have a wrong checksum, their records would be missing; "+
			"restore a backup", n)
		return nil, errors.Join(err, shut(db, o.Dir, o.pace.closeWait))
	}
	return db, nil
}

// isLocked goes by the text, for Badger flattens the error that it wraps.
func isLocked(err error) bool {
	return strings.Contains(err.Error(), "Another process is using this Badger database")
}
