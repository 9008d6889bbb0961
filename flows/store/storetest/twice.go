package storetest

import (
	"context"
	"errors"

	"github.com/stepgate/stepgate/flows/store"
)

// Twice returns a store that runs each Update's function one time for nothing,
// rolls it back, and then runs it for good, as a back end does after a conflict.
// Code whose function has an effect other than through its transaction fails
// visibly on top of it.
func Twice(s store.Store) store.Store { return twice{s} }

type twice struct{ store.Store }

var errAgain = errors.New("once more")

func (s twice) Update(ctx context.Context, fn func(store.Tx) error) error {
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return errAgain
	})
	if !errors.Is(err, errAgain) {
		return err
	}
	return s.Store.Update(ctx, fn)
}
