package badger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	lsm "github.com/dgraph-io/badger/v4"

	"github.com/stepgate/stepgate/flows/store"
)

// Each case reads, lets another transaction commit, and then writes. It must run
// again exactly if what it read is no longer so.
func TestATransactionRunsAgainIfWhatItReadHasChanged(t *testing.T) {
	t.Parallel()
	all := func(prefix string) func(store.Tx) error {
		return func(tx store.Tx) error { return tx.Scan(prefix, func(string, []byte) error { return nil }) }
	}
	first := func(tx store.Tx) error {
		return tx.Scan("k/", func(string, []byte) error { return store.ErrStop })
	}
	get := func(key string) func(store.Tx) error {
		return func(tx store.Tx) error {
			if _, err := tx.Get(key); !errors.Is(err, store.ErrNotFound) {
				return err
			}
			return nil
		}
	}
	put := func(key string) func(store.Tx) error {
		return func(tx store.Tx) error { return tx.Set(key, []byte("new"), 0) }
	}
	remove := func(key string) func(store.Tx) error {
		return func(tx store.Tx) error { return tx.Delete(key) }
	}
	refused := func(tx store.Tx) error {
		return errors.Join(tx.Set("k/5", nil, 0), errors.New("refused"))
	}
	s := mustOpen(t, Options{Dir: t.TempDir()})
	defer s.Close()
	for _, c := range []struct {
		name        string
		read, other func(store.Tx) error
		runs        int
	}{
		{"a key read is changed", get("k/2"), put("k/2"), 2},
		{"a key read is deleted", get("k/2"), remove("k/2"), 2},
		{"a missing key is made", get("k/3"), put("k/3"), 2},
		{"another key is changed", get("k/2"), put("k/4"), 1},
		{"a key appears in the range", all("k/"), put("k/3"), 2},
		{"a key appears at the end of the range", all("k/"), put("k/9"), 2},
		{"a key appears in an empty range", all("none/"), put("none/1"), 2},
		{"a key appears in the range of everything", all(""), put("zz"), 2},
		{"a key in the range is changed", all("k/"), put("k/2"), 2},
		{"a key in the range is deleted", all("k/"), remove("k/4"), 2},
		{"a key appears outside the range", all("k/"), put("l/1"), 1},
		{"a key appears before the range", all("k/"), put("a/1"), 1},
		{"a key appears before the first", first, put("k/1"), 2},
		{"the first is changed", first, put("k/2"), 2},
		{"a key appears after the first", first, put("k/3"), 1},
		{"the other gives up", all("k/"), refused, 1},
	} {
		update(t, s, func(tx store.Tx) error { return errors.Join(put("k/2")(tx), put("k/4")(tx)) })
		runs := 0
		update(t, s, func(tx store.Tx) error {
			if runs++; runs > 1 {
				return put("result")(tx)
			}
			if err := c.read(tx); err != nil {
				return err
			}
			_ = s.Update(context.Background(), c.other)
			return put("result")(tx)
		})
		if runs != c.runs {
			t.Errorf("%s: ran %d times, want %d", c.name, runs, c.runs)
		}
		update(t, s, func(tx store.Tx) error {
			for _, key := range []string{"k/1", "k/3", "k/9", "none/1", "zz", "l/1", "a/1"} {
				if err := tx.Delete(key); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func TestATransactionThatSawMoreThanIsRememberedRunsAgain(t *testing.T) {
	t.Parallel()
	var r ranges
	sent := 0
	send := func() { sent++ }
	mark := r.now()
	for i := range rangesKept {
		r.commit(r.now(), nil, []string{fmt.Sprint("other/", i)}, send)
	}
	seen := []span{{prefix: "k/", whole: true}}
	if !r.commit(mark, seen, []string{"x"}, send) {
		t.Error("refused although all that was written is known")
	}
	if r.commit(mark, seen, []string{"y"}, send) {
		t.Error("committed although a write was forgotten")
	}
	if !r.commit(mark, nil, []string{"y"}, send) {
		t.Error("refused although nothing was scanned")
	}
	if sent != rangesKept+2 {
		t.Errorf("sent %d transactions", sent)
	}
}

func TestATransactionThatKeepsConflictingIsGivenUp(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Options{Dir: t.TempDir(), NoSync: true})
	defer s.Close()
	runs := 0
	err := s.Update(context.Background(), func(tx store.Tx) error {
		runs++
		_, _ = tx.Get("contended")
		set(t, s, "other")
		update(t, s, func(tx store.Tx) error { return tx.Set("contended", nil, 0) })
		return tx.Set("mine", nil, 0)
	})
	if !errors.Is(err, store.ErrConflict) || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Update: %v", err)
	}
	if runs != maxTries {
		t.Errorf("ran %d times, want %d", runs, maxTries)
	}
}

func TestAContextThatIsOverEndsTheWaitBetweenTries(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	for try := range maxTries {
		if try > 3 {
			cancel()
		}
		if err := pause(ctx, try); (err != nil) != (try > 3) || err != nil && !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("try %d: %v", try, err)
		}
	}
	cancel()
}

func TestBadgerNeverDropsARecordBeforeItsTime(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		now  time.Time
		ttl  time.Duration
		want uint64
	}{
		{at, time.Second, 1_800_000_061},
		{at, time.Nanosecond, 1_800_000_061},
		{at, 1500 * time.Millisecond, 1_800_000_062},
		{at.Add(999 * time.Millisecond), time.Second, 1_800_000_062},
		{at.Add(999 * time.Millisecond), 1001 * time.Microsecond, 1_800_000_062},
		{at.Add(999 * time.Millisecond), time.Millisecond, 1_800_000_061},
		{at, 1<<63 - 1, 1_800_000_061 + 9_223_372_036},
		{at, -1 << 63, 1},
	} {
		if got := expiry(c.now, c.ttl); got != c.want {
			t.Errorf("expiry(%v, %v) = %d, want %d", c.now, c.ttl, got, c.want)
		}
	}
}

func TestATimeToLiveReachesBadgerAndZeroMeansForEver(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Options{Dir: t.TempDir()})
	defer s.Close()
	before := time.Now()
	update(t, s, func(tx store.Tx) error {
		return errors.Join(tx.Set("mortal", nil, time.Hour), tx.Set("immortal", nil, 0), tx.Set("dead", nil, -time.Hour))
	})
	err := s.db.View(func(txn *lsm.Txn) error {
		for key, ttl := range map[string]time.Duration{"mortal": time.Hour + store.Grace, "immortal": 0} {
			item, err := txn.Get([]byte(records + key))
			if err != nil {
				return err
			}
			least, most := uint64(0), uint64(0)
			if ttl > 0 {
				least, most = uint64(before.Add(ttl).Unix()), uint64(time.Now().Add(ttl).Unix()+1)
			}
			if at := item.ExpiresAt(); at < least || at > most {
				t.Errorf("%s expires at %d, want %d to %d", key, at, least, most)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	update(t, s, func(tx store.Tx) error {
		if _, err := tx.Get("dead"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a record that died long ago: %v", err)
		}
		return nil
	})
}

// The value log is neither collected nor verified, because nothing is in it.
func TestTheValueLogStaysEmpty(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: dir, NoSync: true})
	update(t, s, func(tx store.Tx) error { return tx.Set("k", make([]byte, store.MaxBytes-1), 0) })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	logs, err := filepath.Glob(filepath.Join(dir, "*.vlog"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("%v, %v", logs, err)
	}
	for _, log := range logs {
		if info, err := os.Stat(log); err != nil || info.Size() > 64 {
			t.Errorf("%s: %+v, %v", log, info, err)
		}
	}
}

func update(t testing.TB, s store.Store, fn func(store.Tx) error) {
	t.Helper()
	if err := s.Update(context.Background(), fn); err != nil {
		t.Errorf("updating: %v", err)
	}
}
