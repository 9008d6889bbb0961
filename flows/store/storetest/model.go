package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/stepgate/stepgate/flows/store"
)

var model = []property{
	{"AnySequenceOfTransactionsActsLikeASortedMap", func(t *testing.T, s store.Store) {
		var runs atomic.Int32
		rapid.Check(t, func(rt *rapid.T) {
			// Each run has its own corner, since the store outlives it.
			root := fmt.Sprintf("run%d/", runs.Add(1))
			key := rapid.Map(rapid.StringMatching(`[ab](/[ab~ ]{0,2})?`), func(k string) string { return root + k })
			is := map[string]string{}
			for range rapid.IntRange(1, 5).Draw(rt, "transactions") {
				commit := rapid.IntRange(0, 3).Draw(rt, "commit") > 0
				steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step {
					return step{
						do:    rapid.SampledFrom([]string{"set", "set", "delete", "get", "scan"}).Draw(rt, "do"),
						key:   key.Draw(rt, "key"),
						value: rapid.StringN(0, 3, -1).Draw(rt, "value"),
						ttl:   rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(rt, "ttl"),
					}
				}), 1, 8).Draw(rt, "steps")
				var next map[string]string
				err := s.Update(context.Background(), func(tx store.Tx) error {
					next = maps.Clone(is)
					for _, step := range steps {
						step.run(rt, tx, next)
					}
					if !commit {
						return errRefused
					}
					return nil
				})
				if commit {
					is = next
				}
				if commit && err != nil || !commit && !errors.Is(err, errRefused) {
					rt.Fatalf("Update: %v", err)
				}
			}
			if err := s.View(context.Background(), func(tx store.Tx) error {
				compare(rt, tx, is, root)
				return nil
			}); err != nil {
				rt.Fatal(err)
			}
		})
	}},
}

// step is one operation.
type step struct {
	do, key, value string
	ttl            time.Duration
}

// run does the step to the transaction and to the model.
func (o step) run(rt *rapid.T, tx store.Tx, is map[string]string) {
	switch o.do {
	case "set":
		if err := tx.Set(o.key, []byte(o.value), o.ttl); err != nil {
			rt.Fatalf("Set: %v", err)
		}
		is[o.key] = o.value
	case "delete":
		if err := tx.Delete(o.key); err != nil {
			rt.Fatalf("Delete: %v", err)
		}
		delete(is, o.key)
	case "get":
		got, err := tx.Get(o.key)
		expected, there := is[o.key]
		if there && (err != nil || string(got) != expected) || !there && !errors.Is(err, store.ErrNotFound) {
			rt.Fatalf("Get(%q) = %q, %v, want %q", o.key, got, err, expected)
		}
	case "scan":
		compare(rt, tx, is, o.key)
	}
}

func compare(rt *rapid.T, tx store.Tx, is map[string]string, prefix string) {
	var got, expected []string
	if err := tx.Scan(prefix, func(key string, value []byte) error {
		got = append(got, key+"="+string(value))
		return nil
	}); err != nil {
		rt.Fatalf("Scan: %v", err)
	}
	for _, key := range slices.Sorted(maps.Keys(is)) {
		if strings.HasPrefix(key, prefix) {
			expected = append(expected, key+"="+is[key])
		}
	}
	if !slices.Equal(got, expected) {
		rt.Fatalf("Scan(%q) = %q, want %q", prefix, got, expected)
	}
}
