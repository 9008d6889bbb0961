package flows

import (
	"encoding/hex"
	"time"

	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/flows/store"
)

func (e *Engine) mac(label string, parts ...string) []byte {
	sum := e.Keys.MAC(label, parts...)
	return sum[:]
}

// deviceLife is how long a browser that signed in stays a known device.
const deviceLife = 180 * 24 * time.Hour

// budget names a budget: what is counted, for whom, and whether by an outsider or by
// one of the account's known devices. Names are HMACs, so the store does not tell
// which addresses were tried.
func (e *Engine) budget(c Caller, user, what, whom string) budgetName {
	return budgetName{engine: e, user: user, device: hashed(c.Browser), what: what, whom: whom}
}

type budgetName struct {
	engine       *Engine
	user, device string
	what, whom   string
}

// key settles the name within a transaction, where it can be seen whether the device
// is known.
func (b budgetName) key(tx store.Tx) (string, error) {
	who := "outsiders"
	if b.user != "" {
		until, found, err := get[time.Time](tx, deviceKey(b.user, b.device))
		if err != nil {
			return "", err
		}
		if found && b.engine.Now().Before(until) {
			who = b.device
		}
	}
	return budgetKey(hex.EncodeToString(b.engine.mac("budget", b.what, b.whom, who))), nil
}

// checkBudget refuses when nothing is left to try.
func (e *Engine) checkBudget(tx store.Tx, b budgetName, rate limit.Rate) (*Refusal, error) {
	key, err := b.key(tx)
	if err != nil {
		return nil, err
	}
	failures, err := limit.Failures(tx, key, e.Now())
	if err != nil {
		return nil, err
	}
	if failures >= e.HardCap {
		return &Refusal{Code: TooManyTries, Wait: 24 * time.Hour, Left: -1}, nil
	}
	wait, err := limit.Peek(tx, key, rate, e.Now())
	if err != nil {
		return nil, err
	}
	if wait > 0 {
		return &Refusal{Code: TooManyTries, Wait: wait, Left: -1}, nil
	}
	return nil, nil
}

// countFailure charges one wrong try. checkBudget, in the same transaction, has
// already seen that there is room.
func (e *Engine) countFailure(tx store.Tx, b budgetName, rate limit.Rate) error {
	key, err := b.key(tx)
	if err != nil {
		return err
	}
	if _, err := limit.Spend(tx, key, rate, e.Now()); err != nil {
		return err
	}
	_, err = limit.Fail(tx, key, e.Now())
	return err
}

// clearBudget forgets the failures after a success: of this factor, and of no other.
func (e *Engine) clearBudget(tx store.Tx, b budgetName) error {
	key, err := b.key(tx)
	if err != nil {
		return err
	}
	if err := limit.Reset(tx, key); err != nil {
		return err
	}
	return limit.Clear(tx, key)
}
