package store_test

import (
	"testing"

	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/flows/store/storetest"
)

func TestMemoryConforms(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) store.Store { return store.NewMemory() })
}

func TestAStoreWhoseUpdatesRunTwiceConforms(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) store.Store { return storetest.Twice(store.NewMemory()) })
}

func BenchmarkMemory(b *testing.B) {
	storetest.Bench(b, store.NewMemory())
}
