package storetest_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/flows/store/storetest"
)

func TestATraceHoldsTheKindsOfRecordsThatWereWritten(t *testing.T) {
	t.Parallel()
	tr := &storetest.Trace{Store: store.NewMemory()}
	write := func(tx store.Tx) error {
		if err := tx.Set("1/flow/abc", []byte("x"), time.Hour); err != nil {
			return err
		}
		return tx.Delete("l/rate/1/budget/def")
	}
	if err := tr.Update(t.Context(), write); err != nil {
		t.Fatal(err)
	}
	no := errors.New("no")
	if err := tr.Update(t.Context(), func(tx store.Tx) error { _ = write(tx); return no }); !errors.Is(err, no) {
		t.Fatal(err)
	}
	if err := tr.View(t.Context(), func(tx store.Tx) error { _, err := tx.Get("1/flow/none"); return err }); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	want := []string{"update set:1/flow delete:l/rate", "update set:1/flow delete:l/rate undone", "view"}
	if got := tr.Taken(); !slices.Equal(got, want) {
		t.Errorf("the trace is %q", got)
	}
	if got := tr.Taken(); got != nil {
		t.Errorf("it is told twice: %q", got)
	}
}
