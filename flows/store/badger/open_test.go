package badger

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	lsm "github.com/dgraph-io/badger/v4"

	"github.com/stepgate/stepgate/flows/store"
)

// hasty is a pace at which a refusal takes little time.
var hasty = pace{lockWait: 20 * time.Millisecond, closeWait: 30 * time.Second, probe: time.Hour}

func TestADirectoryThatOthersMayEnterIsClosedToThem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	db, err := Open(Options{Dir: dir, MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
}

func TestANewStoreIsPrivateAndSaysThatItIsNew(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	dir := filepath.Join(t.TempDir(), "made", "on demand")
	for range 2 {
		s := mustOpen(t, Options{Dir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(log.String(), "making a new, empty store"); n != 1 {
		t.Errorf("two openings said %d times that the store is new: %s", n, &log)
	}
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o700 {
		t.Errorf("directory has mode %o", mode)
	}
}

func TestRecordsAreThereAfterReopening(t *testing.T) {
	t.Parallel()
	for name, noSync := range map[string]bool{"synced": false, "not synced": true} {
		dir := t.TempDir()
		for round := range 3 {
			s := mustOpen(t, Options{Dir: dir, NoSync: noSync})
			n, err := count(s)
			if err != nil || n != round {
				t.Errorf("%s, round %d: %d records, %v", name, round, n, err)
			}
			set(t, s, string(rune('a'+round)))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestTheOptionsThatSafetyRestsOnAreSet(t *testing.T) {
	t.Parallel()
	for _, noSync := range []bool{false, true} {
		o := Options{Dir: "x", NoSync: noSync}.tuned(nil)
		if o.SyncWrites == noSync || !o.DetectConflicts || o.BypassLockGuard || o.ReadOnly {
			t.Errorf("NoSync %v: %+v", noSync, o)
		}
	}
}

func TestASecondOpenerIsRefusedAndTheFirstGoesOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := mustOpen(t, Options{Dir: dir})
	defer first.Close()
	set(t, first, "before")
	_, err := Open(Options{Dir: dir, Logger: quiet, pace: hasty})
	if err == nil || !strings.Contains(err.Error(), "another process has this store open") ||
		!strings.Contains(err.Error(), dir) {
		t.Fatalf("second Open: %v", err)
	}
	set(t, first, "after")
	if n, err := count(first); n != 2 || err != nil {
		t.Errorf("%d records, %v", n, err)
	}
}

func TestOpenWaitsForAHandleThatIsClosing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := mustOpen(t, Options{Dir: dir})
	set(t, first, "kept")
	trying, opened := make(chan struct{}), make(chan store.Store)
	var once sync.Once
	go func() {
		s, err := Open(Options{
			Dir: dir, Logger: quiet,
			pace: pace{lockWait: time.Minute, closeWait: time.Minute, probe: time.Hour},
			FreeSpace: func(string) (uint64, error) {
				once.Do(func() { close(trying) })
				return 1 << 40, nil
			},
		})
		if err != nil {
			t.Errorf("second Open: %v", err)
		}
		opened <- s
	}()
	<-trying
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := <-opened
	defer second.Close()
	if n, err := count(second); n != 1 || err != nil {
		t.Errorf("%d records, %v", n, err)
	}
}

func TestOpenRefusesWhatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ dir, says string }{
		"no directory":           {"", "no directory given"},
		"a file":                 {file, "not a directory"},
		"a newer schema":         {withKey(t, schemaKey, "2"), "schema version 2, and this Stepgate knows up to 1"},
		"a far newer schema":     {withKey(t, schemaKey, "17"), "use a newer Stepgate"},
		"an unreadable schema":   {withKey(t, schemaKey, "one"), "unreadable"},
		"an impossible schema":   {withKey(t, schemaKey, "0"), "unreadable"},
		"another one's database": {withKey(t, "their key", "their value"), "not Stepgate's"},
	} {
		s, err := Open(Options{Dir: c.dir, Logger: quiet})
		if err == nil {
			t.Errorf("%s: opened", name)
			s.Close()
			continue
		}
		if !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "opening store") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// withKey makes a Badger database that holds one key.
func withKey(t *testing.T, key, value string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	db, err := lsm.Open(Options{Dir: dir}.tuned(nil))
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(txn *lsm.Txn) error { return txn.Set([]byte(key), []byte(value)) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

var quiet = slog.New(slog.DiscardHandler)

// set writes a record of the kind that count checks.
func set(t testing.TB, s store.Store, key string) {
	t.Helper()
	err := s.Update(context.Background(), func(tx store.Tx) error {
		return tx.Set("k/"+key, []byte(valueOf(key)), 0)
	})
	if err != nil {
		t.Fatal(err)
	}
}
