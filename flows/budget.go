package flows

import (
	"cmp"
	"encoding/hex"
	"time"

	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

func (e *Engine) mac(label string, parts ...string) []byte {
	sum := e.Keys.MAC(label, parts...)
	return sum[:]
}

// outsiders share one budget; each known device has its own.
const outsiders = "outsiders"

// budgetFor is the key of a budget: what is counted, for whom, and by whom. It is an
// HMAC, so the store does not tell which addresses were tried.
func (e *Engine) budgetFor(what, whom, who string) string {
	return budgetKey(hex.EncodeToString(e.mac("budget", what, whom, who)))
}

// budgetName is a budget before it is known whether the browser is a known device.
type budgetName struct {
	engine       *Engine
	user, device string
	epoch        int // the account's, as the flow knows it
	factor       policy.Factor
	what, whom   string
}

func (e *Engine) budget(c Caller, record *flowRecord, factor policy.Factor, what, whom string) budgetName {
	user := record.User
	if record.Moving {
		user = "" // nobody has proved anything of the new address
	}
	return budgetName{
		engine: e, user: user, epoch: record.Epoch, device: c.device(), factor: factor, what: what, whom: whom,
	}
}

// key settles the name within a transaction.
func (b budgetName) key(tx store.Tx) (string, error) {
	known, err := b.known(tx)
	if err != nil || !known {
		return b.engine.budgetFor(b.what, b.whom, outsiders), err
	}
	return b.engine.budgetFor(b.what, b.whom, b.device), nil
}

// known reports whether this very factor has been proved from the browser. Having
// proved one factor gives no fresh guesses at another: whoever has only the password
// would otherwise get as many as they have browsers.
func (b budgetName) known(tx store.Tx) (bool, error) {
	if b.device == "" {
		return false, nil
	}
	// Looked for as well where there is no account, which must not be quicker.
	device, found, err := get[deviceRecord](tx, deviceKey(cmp.Or(b.user, noUser), b.device))
	return found && b.user != "" && device.live(b.epoch, b.engine.Now()) && device.Proved.Has(b.factor), err
}

// device names what may become a known device: the browser by its cookie. A client shows
// nothing that lasts and that nobody else has, so it is always an outsider: to know it
// by its network would give guesses to the neighbours, and tell them who has an account.
// Empty: there is nothing to know it by.
func (c Caller) device() string {
	if c.Client != nil {
		return ""
	}
	return hashed(c.Browser)
}

// deviceLife is how long a browser that proved something stays a known device.
const deviceLife = 180 * 24 * time.Hour

// deviceRecord is what one browser has proved of one account.
type deviceRecord struct {
	Until  time.Time      `json:"until"`
	Proved policy.Factors `json:"proved"`
	// Epoch is the account's when it was written. What ends all sessions ends what the
	// browsers had proved as well: one of them may be whoever it was done against.
	Epoch int `json:"epoch,omitempty"`
	// Familiar says that a sign-in in this browser has proved enough: see acquaint.
	Familiar bool `json:"familiar,omitempty"`
	Alone    bool `json:"alone,omitempty"`
}

// live reports whether the record still counts, for an account of that epoch.
func (d deviceRecord) live(epoch int, now time.Time) bool {
	return d.Epoch == epoch && now.Before(d.Until)
}

// recogniseDevice remembers what the flow has proved from this browser.
func (r *effectRun) recogniseDevice() error {
	name := r.caller.device()
	if name == "" {
		return nil
	}
	key := deviceKey(r.record.User, name)
	device, found, err := get[deviceRecord](r.tx, key)
	if err != nil {
		return err
	}
	if !found || !device.live(r.user.Epoch, r.now) {
		device = deviceRecord{Epoch: r.user.Epoch}
	}
	device.Until = r.now.Add(deviceLife)
	device.Proved |= r.record.Here
	device.Familiar, device.Alone = device.Familiar || r.familiar, device.Alone || r.alone
	return put(r.tx, key, device, r.now, device.Until)
}

// chargeWork bounds what one client network may have the server do for people of whom
// nothing is proved: a flow is a record for an hour, and a password costs a hash.
func (e *Engine) chargeWork(tx store.Tx, what, network string) error {
	if network == "" {
		return nil
	}
	wait, err := limit.Spend(tx, e.budgetFor(what, network, ""), e.WorkBudget, e.Now())
	if err == nil && wait > 0 {
		return &Refusal{Code: TooManyTries, Wait: wait, Left: -1}
	}
	return err
}

// chargeSignUp bounds the accounts that are created from one client network.
func (e *Engine) chargeSignUp(tx store.Tx, network string) error {
	if network == "" {
		return nil
	}
	wait, err := limit.Spend(tx, e.budgetFor("sign-ups", network, ""), e.SignUpBudget, e.Now())
	if err == nil && wait > 0 {
		return &Refusal{Code: TooManyTries, Wait: wait, Left: -1}
	}
	return err
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
		return &Refusal{Code: Exhausted, Left: -1}, nil
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

// refundFailure takes back a charge for a try that was not judged after all.
func (e *Engine) refundFailure(tx store.Tx, b budgetName, rate limit.Rate) error {
	key, err := b.key(tx)
	if err != nil {
		return err
	}
	return refundTry(tx, key, rate, e.Now())
}

func refundTry(tx store.Tx, key string, rate limit.Rate, now time.Time) error {
	if err := limit.Refund(tx, key, rate, now); err != nil {
		return err
	}
	return limit.Forgive(tx, key, now)
}

// clearBudget forgets the failures after a success: of this factor, and of no other. A
// success ends the outsiders' row of failures too, so that nobody can keep the owner
// out of their next device for good. Their rate stays spent: whoever knows a factor
// must not be able to give themselves another round of guesses, or of sessions.
func (e *Engine) clearBudget(tx store.Tx, b budgetName) error {
	if err := limit.Clear(tx, e.budgetFor(b.what, b.whom, outsiders)); err != nil {
		return err
	}
	if b.device == "" {
		return nil
	}
	// The device's own, also if a reset has just made it an unknown one.
	key := b.engine.budgetFor(b.what, b.whom, b.device)
	if err := limit.Reset(tx, key); err != nil {
		return err
	}
	return limit.Clear(tx, key)
}

// noteGuessing tells operators, and the owner, when a wrong try has spent what may be
// tried at an account.
func (e *Engine) noteGuessing(tx store.Tx, c Caller, record *flowRecord, b budgetName, rate limit.Rate, out *outcome) error {
	refusal, err := e.checkBudget(tx, b, rate)
	if err != nil || refusal == nil {
		return err
	}
	if err := e.report(tx, out, Incident{Kind: Guessing}, b.whom); err != nil {
		return err
	}
	return e.warnOwner(tx, c, record, out)
}

// closeWay ends what can be tried in a flow with the awaited factor. Where the flow has
// other ways on it stays, and its person may take one of them; a first factor has none,
// and its flow is over.
func (e *Engine) closeWay(tx store.Tx, record flowRecord, out *outcome) error {
	if record.otherWays() {
		record.Code = nil
		out.record = record
		return put(tx, flowKey(record.ID), record, e.Now(), record.Ends)
	}
	out.gone = true
	return tx.Delete(flowKey(record.ID))
}

// otherWays reports whether the flow could go on by another factor than the awaited one.
func (f *flowRecord) otherWays() bool {
	return !f.First && !f.Enrolling && !f.ThenPhone && f.Options.Without(f.Factor) != 0
}

// triesAt names the budget of tries at a factor, and triesRate is how large it is.
func triesAt(factor policy.Factor) string { return "try:" + factor.String() }

func (e *Engine) triesRate(factor policy.Factor) limit.Rate {
	if factor == policy.Password {
		return e.PasswordBudget
	}
	return e.CodeBudget
}
