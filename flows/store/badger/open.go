package badger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	lsm "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/ristretto/v2/z"

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
		return nil, fmt.Errorf("%w: the user that Caddy runs as must be able to create it and to write there", err)
	}
	if err := closeToOthers(o); err != nil {
		return nil, err
	}
	watch := &space{dir: o.Dir, min: o.MinFree, free: o.FreeSpace, log: o.Logger}
	if err := watch.enough(); err != nil {
		return nil, err
	}
	if _, err := o.FreeSpace(o.Dir); errors.Is(err, errors.ErrUnsupported) {
		o.Logger.Warn("free disk space cannot be watched on this system", "dir", o.Dir)
	}
	db, err := openPatiently(o)
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
	return d, nil
}

// closeToOthers takes away what others may do with a directory that was there before:
// Badger's files can be read by whoever can enter it, and hold people's addresses.
func closeToOthers(o Options) error {
	info, err := os.Stat(o.Dir)
	if err != nil || info.Mode().Perm()&0o077 == 0 || runtime.GOOS == "windows" {
		return err
	}
	if err := os.Chmod(o.Dir, 0o700); err != nil {
		return fmt.Errorf("others may enter the directory: %w", err)
	}
	o.Logger.Warn("others could enter the store's directory; that is over", "dir", o.Dir, "mode", info.Mode().Perm().String())
	return nil
}

// openPatiently gives another handle a little time to let go: on a reload the
// old configuration may still be closing the store.
func openPatiently(o Options) (*lsm.DB, error) {
	deadline := time.Now().Add(o.pace.lockWait)
	for try := 1; ; try++ {
		db, err := openOnce(o)
		again := (errors.Is(err, errLocked) || errors.Is(err, errDamaged)) && time.Now().Before(deadline) ||
			errors.Is(err, errHalfMade) && try < 5
		if !again {
			return db, err
		}
		time.Sleep(min(50*time.Millisecond, o.pace.lockWait))
	}
}

var (
	errLocked = errors.New("another process has this store open: stop it, or give each process a directory of its own")
	// errHalfMade is about a file that a killed process had created but not yet
	// sized. Badger gives up on it after having sized it, so the next try works.
	errHalfMade = errors.New("a log file has no content yet")
)

func openOnce(o Options) (*lsm.DB, error) {
	if err := verify(o); err != nil {
		return nil, err
	}
	db, err := lsm.Open(o.tuned(logger{o.Logger}))
	switch {
	case err == nil:
		return db, nil
	// Badger flattens the errors that it wraps, so the text has to do.
	case strings.Contains(err.Error(), "Another process is using this Badger database"):
		return nil, fmt.Errorf("%w (%s)", errLocked, cause(err))
	case strings.Contains(err.Error(), z.NewFile.Error()):
		return nil, fmt.Errorf("%w: %s", errHalfMade, remedy)
	default:
		return nil, fmt.Errorf("files are damaged or cannot be used: %w: %s", err, remedy)
	}
}
