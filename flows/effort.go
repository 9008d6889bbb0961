package flows

import "github.com/stepgate/stepgate/flows/store"

// requireEffort refuses with EffortNeeded unless the caller has made an effort for this:
// solved a puzzle, or waited. what is "send" or "password". Each effort is good once.
func (e *Engine) requireEffort(tx store.Tx, c Caller, what string) error {
	return nil
}
