package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stepgate/stepgate/flows/store"
)

var limits = []property{
	{"AMalformedKeyIsRefusedAndNotRepeated", func(t *testing.T, s store.Store) {
		for _, key := range []string{
			"", "a\x00b", "tab\t", "line\n", "caf\u00e9", "\x7f", "\xff", strings.Repeat("k", store.MaxKey+1),
		} {
			for name, call := range map[string]func(store.Tx) error{
				"Get":    func(tx store.Tx) error { _, err := tx.Get(key); return err },
				"Set":    func(tx store.Tx) error { return tx.Set(key, nil, 0) },
				"Delete": func(tx store.Tx) error { return tx.Delete(key) },
				"Scan": func(tx store.Tx) error {
					if key == "" {
						return store.ErrInvalid // as a prefix it is fine
					}
					return tx.Scan(key, func(string, []byte) error { return nil })
				},
			} {
				err := s.Update(context.Background(), call)
				if !errors.Is(err, store.ErrInvalid) {
					t.Errorf("%s(%.20q): %v", name, key, err)
				} else if key != "" && strings.Contains(err.Error(), key) {
					t.Errorf("%s: the error tells the key: %v", name, err)
				}
			}
		}
	}},

	{"TheLongestKeyAndAllPrintableBytesWork", func(t *testing.T, s store.Store) {
		var printable strings.Builder
		for c := byte(' '); c <= '~'; c++ {
			printable.WriteByte(c)
		}
		for _, key := range []string{printable.String(), strings.Repeat("k", store.MaxKey), "!badger!txn", "schema", "r/"} {
			put(t, s, key, "1")
			want(t, s, key, "1")
		}
	}},

	{"AFullTransactionFits", func(t *testing.T, s store.Store) {
		value := make([]byte, store.MaxBytes/store.MaxWrites-len("k/0000"))
		update(t, s, func(tx store.Tx) error {
			for i := range store.MaxWrites {
				if err := tx.Set(fmt.Sprintf("k/%04d", i), value, 0); err != nil {
					return err
				}
			}
			return nil
		})
		want(t, s, fmt.Sprintf("k/%04d", store.MaxWrites-1), string(value))
		put(t, s, "key", strings.Repeat("v", store.MaxBytes-len("key")))
	}},

	{"AnOversizedTransactionIsRefusedWhole", func(t *testing.T, s store.Store) {
		for name, fn := range map[string]func(store.Tx) error{
			"bytes": func(tx store.Tx) error {
				half := make([]byte, store.MaxBytes/2)
				return errors.Join(tx.Set("a", half, 0), tx.Set("b", half, 0))
			},
			"writes": func(tx store.Tx) error {
				for range store.MaxWrites + 1 {
					if err := tx.Set("a", nil, 0); err != nil {
						return err
					}
				}
				return nil
			},
		} {
			if err := s.Update(context.Background(), fn); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s: %v", name, err)
			}
			want(t, s, "a", absent)
		}
	}},

	{"AFailedCallCannotBeOverlooked", func(t *testing.T, s store.Store) {
		err := s.Update(context.Background(), func(tx store.Tx) error {
			_ = tx.Set("a", []byte("1"), 0)
			_ = tx.Set("\x00", nil, 0)
			return nil
		})
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("Update: %v", err)
		}
		want(t, s, "a", absent)
	}},

	{"ATransactionIsDeadAfterItsEnd", func(t *testing.T, s store.Store) {
		put(t, s, "a", "1")
		var kept []store.Tx
		keep := func(tx store.Tx) error { kept = append(kept, tx); return nil }
		view(t, s, keep)
		update(t, s, keep)
		for _, tx := range kept {
			_, err := tx.Get("a")
			for _, err := range []error{
				err, tx.Set("a", nil, 0), tx.Delete("a"),
				tx.Scan("", func(string, []byte) error { t.Error("called"); return nil }),
			} {
				if !errors.Is(err, store.ErrInvalid) {
					t.Errorf("got %v", err)
				}
			}
		}
		want(t, s, "a", "1")
	}},
}
