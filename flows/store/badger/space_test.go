package badger

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/store"
)

// disk is a file system whose free space the test sets, in bytes. A negative
// figure is an error.
type disk struct{ free atomic.Int64 }

func (d *disk) ask(string) (uint64, error) {
	if n := d.free.Load(); n >= 0 {
		return uint64(n), nil
	}
	return 0, syscall.EIO
}

const mark = 64 << 20

func TestAFullDiskStopsWritesAndLetsReadsThrough(t *testing.T) {
	t.Parallel()
	var d disk
	d.free.Store(mark)
	var log bytes.Buffer
	s := mustOpen(t, Options{
		Dir: t.TempDir(), MinFree: mark, FreeSpace: d.ask, pace: hasty,
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	defer s.Close()
	set(t, s, "before")

	write := func() error {
		return s.Update(context.Background(), func(tx store.Tx) error { return tx.Set("k/x", []byte(valueOf("x")), 0) })
	}
	for _, free := range []int64{mark - 1, 0, -1} {
		d.free.Store(free)
		s.space.check()
		if err := write(); !errors.Is(err, store.ErrFull) || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%d bytes free: Update: %v", free, err)
		}
		if n, err := count(s); n != 1 || err != nil {
			t.Errorf("%d bytes free: %d records, %v", free, n, err)
		}
	}
	if n := strings.Count(log.String(), "read-only until"); n != 1 {
		t.Errorf("said it %d times: %s", n, &log)
	}

	d.free.Store(mark)
	s.space.check()
	if err := write(); err != nil {
		t.Errorf("with space again: %v", err)
	}
	if !strings.Contains(log.String(), "takes writes again") {
		t.Errorf("the log does not say that it is over: %s", &log)
	}
}

func TestTheSpaceIsWatchedInTheBackground(t *testing.T) {
	t.Parallel()
	var d disk
	d.free.Store(mark)
	pace := hasty
	pace.probe = time.Millisecond
	s := mustOpen(t, Options{Dir: t.TempDir(), MinFree: mark, FreeSpace: d.ask, pace: pace})
	defer s.Close()
	for _, full := range []bool{true, false, true} {
		if d.free.Store(mark); full {
			d.free.Store(mark - 1)
		}
		for end := time.Now().Add(10 * time.Second); s.space.low.Load() != full; runtime.Gosched() {
			if time.Now().After(end) {
				t.Fatalf("full = %v was not noticed", full)
			}
		}
	}
}

func TestOpenRefusesAFullDiskAndLeavesItAlone(t *testing.T) {
	t.Parallel()
	for _, free := range []int64{5 << 20, 0, -1} {
		var d disk
		d.free.Store(free)
		dir := t.TempDir()
		_, err := Open(Options{Dir: dir, FreeSpace: d.ask, Logger: quiet, pace: hasty})
		if !errors.Is(err, store.ErrFull) {
			t.Fatalf("%d bytes free: %v", free, err)
		}
		if entries, _ := os.ReadDir(dir); len(entries) > 0 {
			t.Errorf("%d bytes free: wrote %v", free, entries)
		}
		if free == 5<<20 {
			for _, part := range []string{dir, "5242880 bytes free (5 MiB)", "needs 268435456 (256 MiB)", "free some space"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in %q", part, err)
				}
			}
		}
	}
}

func TestASystemThatCannotTellItsSpaceIsNotFull(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := mustOpen(t, Options{
		Dir: t.TempDir(), pace: hasty, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		FreeSpace: func(string) (uint64, error) { return 0, errors.ErrUnsupported },
	})
	defer s.Close()
	set(t, s, "written")
	if !strings.Contains(log.String(), "cannot be watched") {
		t.Errorf("not a word about it: %s", &log)
	}
}

func TestTheDefaultMarkLeavesRoomForWhatBadgerHasUnderWay(t *testing.T) {
	t.Parallel()
	o := Options{}.withDefaults()
	if o.MinFree != 256<<20 || o.MinFree < 4*(2*memTableSize+valueLogFileSize) {
		t.Errorf("the mark is at %d", o.MinFree)
	}
	free, err := o.FreeSpace(t.TempDir())
	if err != nil || free == 0 {
		t.Errorf("this disk has %d bytes free, %v", free, err)
	}
	if _, err := o.FreeSpace("/no/such/directory"); err == nil {
		t.Error("a directory that is not there has free space")
	}
}
