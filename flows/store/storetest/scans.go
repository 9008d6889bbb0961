package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stepgate/stepgate/flows/store"
)

var scans = []property{
	{"AScanIsOrderedAndKeepsToItsPrefix", func(t *testing.T, s store.Store) {
		put(t, s, "b/2", "2", "b/10", "10", "b/1", "1", "a/9", "9", "b", "0", "b0", "x", "c/1", "c", "~", "last", " ", "first")
		for prefix, keys := range map[string][]string{
			"b/":    {"b/1=1", "b/10=10", "b/2=2"},
			"b":     {"b=0", "b/1=1", "b/10=10", "b/2=2", "b0=x"},
			"b/1":   {"b/1=1", "b/10=10"},
			"b/3":   nil,
			"zebra": nil,
			"~":     {"~=last"},
			"":      {" =first", "a/9=9", "b=0", "b/1=1", "b/10=10", "b/2=2", "b0=x", "c/1=c", "~=last"},
		} {
			view(t, s, func(tx store.Tx) error {
				if got := list(t, tx, prefix); !slices.Equal(got, keys) {
					t.Errorf("Scan(%q) = %v, want %v", prefix, got, keys)
				}
				return nil
			})
		}
	}},

	{"ANewStoreIsEmpty", func(t *testing.T, s store.Store) {
		view(t, s, func(tx store.Tx) error {
			if got := list(t, tx, ""); len(got) > 0 {
				t.Errorf("found %q", got)
			}
			return nil
		})
	}},

	{"AScanSeesTheTransactionsOwnWrites", func(t *testing.T, s store.Store) {
		put(t, s, "k/1", "old", "k/3", "old", "k/5", "old")
		update(t, s, func(tx store.Tx) error {
			if err := errors.Join(
				tx.Set("k/0", []byte("new"), 0), tx.Set("k/2", []byte("new"), 0),
				tx.Set("k/3", []byte("new"), 0), tx.Delete("k/5"), tx.Delete("k/6"),
				tx.Set("k/9", []byte("new"), 0), tx.Set("l/1", []byte("new"), 0)); err != nil {
				return err
			}
			got := list(t, tx, "k/")
			if keys := []string{"k/0=new", "k/1=old", "k/2=new", "k/3=new", "k/9=new"}; !slices.Equal(got, keys) {
				t.Errorf("got %v, want %v", got, keys)
			}
			return nil
		})
	}},

	{"AScanStopsWhenTold", func(t *testing.T, s store.Store) {
		put(t, s, "k/1", "", "k/2", "", "k/3", "")
		refused := errors.New("refused")
		for _, stop := range []error{store.ErrStop, refused} {
			calls := 0
			err := s.View(context.Background(), func(tx store.Tx) error {
				return tx.Scan("k/", func(string, []byte) error {
					if calls++; calls == 2 {
						return stop
					}
					return nil
				})
			})
			if calls != 2 {
				t.Errorf("%v: called %d times", stop, calls)
			}
			if stop == refused && err != refused || stop == store.ErrStop && err != nil {
				t.Errorf("%v: Scan returned %v", stop, err)
			}
		}
	}},

	{"AScanThatWasStoppedDoesNotSpoilTheTransaction", func(t *testing.T, s store.Store) {
		put(t, s, "k/1", "")
		update(t, s, func(tx store.Tx) error {
			_ = tx.Scan("k/", func(string, []byte) error { return errors.New("enough") })
			return tx.Set("after", []byte("1"), 0)
		})
		want(t, s, "after", "1")
	}},

	{"GetWorksInsideAScan", func(t *testing.T, s store.Store) {
		put(t, s, "k/1", "x", "k/2", "y", "x", "found x", "y", "found y")
		var got []string
		update(t, s, func(tx store.Tx) error {
			got = nil
			return tx.Scan("k/", func(_ string, value []byte) error {
				got = append(got, read(t, tx, string(value)))
				return nil
			})
		})
		if !slices.Equal(got, []string{"found x", "found y"}) {
			t.Errorf("got %v", got)
		}
	}},

	{"WritingOrScanningInsideAScanIsRefused", func(t *testing.T, s store.Store) {
		put(t, s, "k/1", "1")
		for name, misuse := range map[string]func(store.Tx) error{
			"Set":    func(tx store.Tx) error { return tx.Set("k/2", nil, 0) },
			"Delete": func(tx store.Tx) error { return tx.Delete("k/1") },
			"Scan":   func(tx store.Tx) error { return tx.Scan("k/", func(string, []byte) error { return nil }) },
		} {
			err := s.Update(context.Background(), func(tx store.Tx) error {
				return tx.Scan("k/", func(string, []byte) error { return misuse(tx) })
			})
			if !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		want(t, s, "k/1", "1")
		want(t, s, "k/2", absent)
	}},
}
