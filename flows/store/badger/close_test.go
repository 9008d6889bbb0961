package badger

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/store"
)

// Not parallel, since it looks at all goroutines of the process.
func TestAllGoroutinesEndOnClose(t *testing.T) {
	stores := func() int {
		stacks := make([]byte, 1<<20)
		n := 0
		for _, stack := range strings.Split(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
			if strings.Contains(stack, "dgraph-io/") || strings.Contains(stack, "(*database)") {
				n++
			}
		}
		return n
	}
	// Badger leaves some behind when it refuses to open damaged files, which a
	// repeated run of the tests would find here.
	before := stores()
	s := mustOpen(t, Options{Dir: t.TempDir()})
	set(t, s, "something")
	if stores() < before+5 {
		t.Error("the count misses goroutines")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// Some are told to end and end a moment later.
	for end := time.Now().Add(10 * time.Second); stores() > before; runtime.Gosched() {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("still there:\n%s", stacks[:runtime.Stack(stacks, true)])
		}
	}
}

func TestAnUpdateThatRunsWhileTheStoreClosesIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: dir})
	closed := make(chan error, 1)
	update(t, s, func(tx store.Tx) error {
		go func() { closed <- s.Close() }()
		for s.View(context.Background(), func(store.Tx) error { return nil }) == nil {
		}
		return tx.Set("k/late", []byte(valueOf("late")), 0)
	})
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, Options{Dir: dir})
	defer s.Close()
	if n, err := count(s); n != 1 || err != nil {
		t.Errorf("%d records, %v", n, err)
	}
}

func TestCloseDoesNotWaitForEverForADiskThatFails(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	pace := hasty
	pace.closeWait = 50 * time.Millisecond
	s := mustOpen(t, Options{Dir: dir, pace: pace})
	set(t, s, "pending")
	// Without its directory, Badger's last flush fails and is tried again.
	if err := os.Rename(dir, dir+".gone"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "closing store in "+dir) {
		t.Errorf("Close: %v", err)
	}
	if err := os.Rename(dir+".gone", dir); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Close(); err != nil { // waits for the one under way
		t.Error(err)
	}
}

func TestCloseDoesNotFlushToAFullDisk(t *testing.T) {
	t.Parallel()
	var d disk
	d.free.Store(mark)
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: dir, MinFree: mark, FreeSpace: d.ask, pace: hasty})
	set(t, s, "pending")
	d.free.Store(closeRoom - 1)
	for range 2 {
		if err := s.Close(); !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), dir) {
			t.Errorf("Close: %v", err)
		}
	}
	if s.db.IsClosed() {
		t.Error("Badger was closed, which writes")
	}
	if err := s.View(context.Background(), func(store.Tx) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("View: %v", err)
	}
	if err := s.db.Close(); err != nil {
		t.Error(err)
	}
}
