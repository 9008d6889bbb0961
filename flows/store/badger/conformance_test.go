package badger

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/flows/store/storetest"
)

func TestBadgerConforms(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		return mustOpen(t, Options{Dir: t.TempDir()})
	})
}

// mustOpen opens a store that keeps its log to itself. The caller closes it.
func mustOpen(t testing.TB, o Options) *database {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s.(*database)
}

func BenchmarkBadger(b *testing.B) {
	for _, noSync := range []bool{false, true} {
		b.Run(fmt.Sprintf("NoSync=%v", noSync), func(b *testing.B) {
			s := mustOpen(b, Options{Dir: b.TempDir(), NoSync: noSync})
			b.Cleanup(func() { s.Close() })
			storetest.Bench(b, s)
		})
	}
}
