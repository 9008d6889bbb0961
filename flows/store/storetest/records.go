package storetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/store"
)

var records = []property{
	{"AMissingKeyIsNotFound", func(t *testing.T, s store.Store) {
		view(t, s, func(tx store.Tx) error {
			if value, err := tx.Get("nobody"); !errors.Is(err, store.ErrNotFound) || value != nil {
				t.Errorf("got %q, %v", value, err)
			}
			return nil
		})
	}},

	{"WhatWasSetIsReadBack", func(t *testing.T, s store.Store) {
		put(t, s, "a", "1", "b", "", "a", "2")
		want(t, s, "a", "2")
		want(t, s, "b", "")
		put(t, s, "a", "3")
		want(t, s, "a", "3")
	}},

	{"ADeletedKeyIsGone", func(t *testing.T, s store.Store) {
		put(t, s, "a", "1")
		update(t, s, func(tx store.Tx) error { return errors.Join(tx.Delete("a"), tx.Delete("never")) })
		want(t, s, "a", absent)
		put(t, s, "a", "2")
		want(t, s, "a", "2")
	}},

	{"ATransactionSeesItsOwnWrites", func(t *testing.T, s store.Store) {
		put(t, s, "a", "1")
		update(t, s, func(tx store.Tx) error {
			if err := errors.Join(tx.Set("a", []byte("2"), 0), tx.Set("b", []byte("3"), time.Hour)); err != nil {
				return err
			}
			if a, b := read(t, tx, "a"), read(t, tx, "b"); a != "2" || b != "3" {
				t.Errorf("a = %q, b = %q", a, b)
			}
			if err := tx.Delete("a"); err != nil {
				return err
			}
			if a := read(t, tx, "a"); a != absent {
				t.Errorf("a = %q after Delete", a)
			}
			return tx.Set("a", []byte("4"), 0)
		})
		want(t, s, "a", "4")
	}},

	{"ValuesAreCopiedInAndOut", func(t *testing.T, s store.Store) {
		update(t, s, func(tx store.Tx) error {
			value := []byte("mine")
			err := tx.Set("a", value, 0)
			copy(value, "----")
			own, _ := tx.Get("a")
			copy(own, "YYYY")
			return err
		})
		want(t, s, "a", "mine")
		var got, scanned []byte
		view(t, s, func(tx store.Tx) (err error) {
			got, err = tx.Get("a")
			return errors.Join(err, tx.Scan("a", func(_ string, value []byte) error {
				scanned = value
				return nil
			}))
		})
		copy(got, "ZZZZ")
		copy(scanned, "ZZZZ")
		want(t, s, "a", "mine")
	}},

	{"AnErrorRollsBackAndIsReturnedAsItIs", func(t *testing.T, s store.Store) {
		put(t, s, "a", "1", "b", "1")
		refused := errors.New("refused")
		err := s.Update(context.Background(), func(tx store.Tx) error {
			return errors.Join(tx.Set("a", []byte("2"), 0), tx.Set("c", nil, 0), tx.Delete("b"), refused)
		})
		if !errors.Is(err, refused) {
			t.Errorf("Update: %v", err)
		}
		if err := s.Update(context.Background(), func(store.Tx) error { return refused }); err != refused {
			t.Errorf("Update: %v, want the same error", err)
		}
		if err := s.View(context.Background(), func(store.Tx) error { return refused }); err != refused {
			t.Errorf("View: %v, want the same error", err)
		}
		want(t, s, "a", "1")
		want(t, s, "b", "1")
		want(t, s, "c", absent)
	}},

	{"APanicRollsBackAndTheStoreGoesOn", func(t *testing.T, s store.Store) {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_ = s.Update(context.Background(), func(tx store.Tx) error {
				_ = tx.Set("a", []byte("1"), 0)
				panic("in fn")
			})
		}()
		want(t, s, "a", absent)
		put(t, s, "a", "2")
		want(t, s, "a", "2")
	}},

	{"AViewCannotWrite", func(t *testing.T, s store.Store) {
		put(t, s, "a", "1")
		for name, write := range map[string]func(store.Tx) error{
			"Set":    func(tx store.Tx) error { return tx.Set("a", []byte("2"), 0) },
			"Delete": func(tx store.Tx) error { return tx.Delete("a") },
		} {
			if err := s.View(context.Background(), write); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s in a View: %v", name, err)
			}
		}
		want(t, s, "a", "1")
	}},

	{"ATimeToLiveNeverEndsEarly", func(t *testing.T, s store.Store) {
		update(t, s, func(tx store.Tx) error {
			return errors.Join(
				tx.Set("short", []byte("1"), time.Nanosecond),
				tx.Set("odd", []byte("1"), 1999*time.Millisecond),
				tx.Set("greatest", []byte("1"), time.Duration(1<<63-1)))
		})
		// Other writes give a sweeping store its chance.
		for range 10 {
			put(t, s, "other", "1")
		}
		for _, key := range []string{"short", "odd", "greatest"} {
			want(t, s, key, "1")
		}
	}},

	{"BigRecordsComeBackWhole", func(t *testing.T, s store.Store) {
		for _, size := range []int{64 << 10, 64<<10 + 1, 300 << 10, 1<<20 - 64} {
			value := strings.Repeat("0123456789abcdef", size/16+1)[:size]
			put(t, s, "big", value)
			want(t, s, "big", value)
		}
	}},
}
