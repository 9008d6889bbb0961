package flows

import (
	"context"
	"fmt"

	"github.com/stepgate/stepgate/flows/store"
)

// HasAccounts reports whether there is any account.
func (e *Engine) HasAccounts(ctx context.Context) (has bool, err error) {
	err = e.Store.View(ctx, func(tx store.Tx) error {
		has = false
		return tx.Scan(userKey(""), func(string, []byte) error {
			has = true
			return store.ErrStop
		})
	})
	if err != nil {
		return false, fmt.Errorf("looking for accounts: %w", err)
	}
	return has, nil
}
