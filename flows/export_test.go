package flows

import (
	"context"

	"github.com/stepgate/stepgate/flows/store"
)

// ReadAttributes lets tests of the package's contract see how values are read.
func ReadAttributes(s *Site, given map[string]string) (map[string]string, *Refusal) {
	return s.readAttributes(nil, given)
}

// Winding reports whether the timer runs that looks for sessions which have come to their
// end, and Families for how many sign-ins there is something to end.
func (c *SessionCache) Families() int {
	c.watches.mu.Lock()
	defer c.watches.mu.Unlock()
	return len(c.watches.bySID)
}

func (c *SessionCache) Winding() bool {
	c.watches.mu.Lock()
	defer c.watches.mu.Unlock()
	return c.watches.timer != nil
}

// Expire is what the timer does.
func (c *SessionCache) Expire() { c.expire() }

// RequireEffort asks for an effort in a transaction of its own, which then comes to the
// given end.
func (e *Engine) RequireEffort(ctx context.Context, c Caller, what string, end error) error {
	return e.Store.Update(ctx, func(tx store.Tx) error {
		if err := e.requireEffort(tx, c, what); err != nil {
			return err
		}
		return end
	})
}
