package flows

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// The ways out of the hard cap for an owner whom others have closed out of their account.

// warnExhausted tells the owner, once a day, of a row of failures for as long as it keeps
// anybody out: the first letter about it may be lost, or its link too old.
func (e *Engine) warnExhausted(tx store.Tx, c Caller, record *flowRecord, refusal *Refusal, out *outcome) error {
	if refusal == nil || refusal.Code != Exhausted {
		return nil
	}
	return e.warnOwner(tx, c, record, out)
}

// maxForgiven is how many rows of known devices are ended at once; the longest go first.
// It keeps the transaction within its bounds, however many browsers somebody has used.
const maxForgiven = 1000

// forgive ends the rows of failures at an account, at every factor: those of outsiders and
// those of the devices that it knows. With rates, they may try as much as at first again.
func (e *Engine) forgive(tx store.Tx, user *User, rates bool) error {
	devices, err := e.devicesOf(tx, user)
	if err != nil {
		return err
	}
	type row struct {
		key    string
		length int
	}
	var outside, known []row
	for _, factor := range policy.All().Slice() {
		outside = append(outside, row{key: e.budgetFor(triesAt(factor), user.Canonical, outsiders)})
		rate := e.triesRate(factor)
		for name, device := range devices {
			if !device.Proved.Has(factor) {
				continue // it has tried as an outsider
			}
			key := e.budgetFor(triesAt(factor), user.Canonical, name)
			length, err := limit.Failures(tx, key, e.Now())
			if err != nil {
				return err
			}
			spent, err := limit.Spent(tx, key, rate, e.Now())
			if err != nil {
				return err
			}
			if length > 0 || rates && spent > 0 {
				known = append(known, row{key, length})
			}
		}
	}
	slices.SortFunc(known, func(a, b row) int { return b.length - a.length })
	for _, row := range append(outside, known[:min(len(known), maxForgiven)]...) {
		if err := limit.Clear(tx, row.key); err != nil {
			return err
		}
		if !rates {
			continue
		}
		if err := limit.Reset(tx, row.key); err != nil {
			return err
		}
	}
	return nil
}

// devicesOf returns the devices that an account knows, by their names.
func (e *Engine) devicesOf(tx store.Tx, user *User) (map[string]deviceRecord, error) {
	devices, prefix := map[string]deviceRecord{}, deviceKey(user.ID, "")
	err := tx.Scan(prefix, func(key string, value []byte) error {
		var device deviceRecord
		if err := json.Unmarshal(value, &device); err != nil {
			return nil // what nobody can read must not keep the owner out
		}
		if device.live(user.Epoch, e.Now()) {
			devices[strings.TrimPrefix(key, prefix)] = device
		}
		return nil
	})
	return devices, err
}

// Unlock forgets what was tried at an account, at every factor, by outsiders and by its
// known devices: their rows of failures and their rates. It is the operator's way out of
// the hard cap; each use gives whoever is guessing their first tries again.
// [ErrNoAccount] if there is no such account.
func (e *Engine) Unlock(ctx context.Context, email string) error {
	err := e.Store.Update(ctx, func(tx store.Tx) error {
		user, err := userOf(tx, email)
		if err != nil {
			return err
		}
		return e.forgive(tx, &user, true)
	})
	if err != nil {
		return fmt.Errorf("unlocking an account: %w", err)
	}
	return nil
}
