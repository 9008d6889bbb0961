package flows

import (
	"context"
	"errors"
	"strings"

	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/flows/password"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// givePassword checks a password in three steps, because hashing is slow and must not
// sit in a transaction: the try is charged first, so that a hundred at once cannot
// outrun the count; then the hash is made; then the result is applied, if the account
// still has the password that was checked.
func (e *Engine) givePassword(ctx context.Context, c Caller, record flowRecord, in GivePassword, demand policy.Demand) (outcome, error) {
	if in.Password == "" {
		return outcome{}, &Refusal{Code: PasswordMissing, Field: "password", Left: -1}
	}
	stored, tried, err := e.chargePassword(ctx, c, record.ID, in.Email, demand)
	if err != nil {
		return outcome{}, err
	}
	right, newHash, err := e.verify(ctx, stored, in.Password)
	if err != nil {
		// Nothing was judged, so nothing is charged: a storm of other people's passwords
		// must not use up this person's tries.
		if refundErr := e.refundPassword(ctx, tried); refundErr != nil {
			e.Log.Warn("giving back a try that was not judged", "error", refundErr)
		}
		if errors.Is(err, password.ErrBusy) {
			return outcome{}, &Refusal{Code: Busy}
		}
		return outcome{}, err
	}
	// Another address has made it another person's flow.
	if record, err = e.peek(ctx, c, record.ID); err != nil {
		return outcome{}, err
	}
	if demand, err = e.judge(ctx, c, &record); err != nil {
		return outcome{}, err
	}
	return e.transact(ctx, func(tx store.Tx, out *outcome) error {
		record, err := e.loadFlow(tx, c, record.ID)
		if err != nil {
			return err
		}
		if record.Step != AskPassword {
			return errNotThisStep
		}
		facts, user, err := e.gather(tx, c, record.State, demand)
		if err != nil {
			return err
		}
		if !right || user == nil || user.usablePassword() != stored {
			out.record, out.facts, out.phone = record, facts, phoneOf(user)
			out.refusal = &Refusal{Code: PairWrong, Left: -1}
			if err := e.noteFailure(tx, &record, out); err != nil {
				return err
			}
			if err := e.noteGuessing(tx, c, &record, e.passwordBudget(c, &record), e.PasswordBudget, out); err != nil {
				return err
			}
			// Written although nothing has changed: a right password is answered after a
			// write, and how long an answer takes must not tell.
			return put(tx, flowKey(record.ID), record, e.Now(), record.Ends)
		}
		if newHash != "" {
			user.Password = newHash
			if err := put(tx, userKey(user.ID), user, e.Now(), zeroTime); err != nil {
				return err
			}
		}
		if err := giveBackAll(tx, tried.shared, e.Now()); err != nil {
			return err // only wrong passwords count for networks and in total
		}
		budget := e.passwordBudget(c, &record)
		if c.Client != nil {
			// A new browser's sign-in stays charged, since it is the first of that browser.
			// A client is new each time, and its person must not run out of sign-ins.
			if err := e.refundFailure(tx, budget, e.PasswordBudget); err != nil {
				return err
			}
		}
		if err := e.clearBudget(tx, budget); err != nil {
			return err
		}
		return e.apply(tx, c, record, PasswordRight{}, demand, out)
	})
}

func (e *Engine) passwordBudget(c Caller, record *flowRecord) budgetName {
	return e.budget(c, record, policy.Password, triesAt(policy.Password), record.account())
}

// triedPassword is what one try has cost: whoever the flow is for by the time that it is
// given back, it goes to the account that paid.
type triedPassword struct {
	account string   // the key of its budget
	shared  []charge // of networks and in total: given back also when the password is right
}

// chargePassword takes one try from the budgets and returns the hash to check, empty
// when there is none. An address other than the flow's own starts it again first.
func (e *Engine) chargePassword(ctx context.Context, c Caller, flow, email string, demand policy.Demand) (stored string, tried triedPassword, err error) {
	var refused *Refusal
	out, err := e.transact(ctx, func(tx store.Tx, out *outcome) error {
		stored, tried, refused = "", triedPassword{}, nil
		record, err := e.loadFlow(tx, c, flow)
		if err != nil {
			return err
		}
		if record.Step != AskPassword {
			return errNotThisStep
		}
		if email != "" && record.First {
			event, err := e.identified(tx, c, record.Kind, Identify{Email: email, ByPassword: true})
			if err != nil {
				return err
			}
			if event.Canonical != record.Canonical {
				if err := e.apply(tx, c, record, event, demand, out); err != nil {
					return err
				}
				record = out.record
			}
		}
		budget := e.passwordBudget(c, &record)
		if refused, err = e.checkBudget(tx, budget, e.PasswordBudget); err != nil {
			return err
		}
		if refused != nil {
			return errors.Join(e.warnExhausted(tx, c, &record, refused, out), e.closeWay(tx, record, out))
		}
		known, err := budget.known(tx)
		if err != nil {
			return err
		}
		if !known {
			if err := e.chargeWork(tx, "hash for", c.Network); err != nil {
				return err
			}
			if err := e.chargeTry(tx, c, out); err != nil {
				return err
			}
		}
		if err := e.countFailure(tx, budget, e.PasswordBudget); err != nil {
			return err
		}
		if tried.account, err = budget.key(tx); err != nil {
			return err
		}
		_, user, err := e.gather(tx, c, record.State, demand)
		if user != nil {
			stored = user.usablePassword()
		}
		return err
	})
	if err == nil && refused != nil {
		return "", tried, refused
	}
	tried.shared = out.charged
	return stored, tried, err
}

func (e *Engine) refundPassword(ctx context.Context, tried triedPassword) error {
	// Also for somebody who has hung up meanwhile.
	return e.Store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error {
		if err := giveBackAll(tx, tried.shared, e.Now()); err != nil {
			return err
		}
		return refundTry(tx, tried.account, e.PasswordBudget, e.Now())
	})
}

// verify costs the same whether or not there is a password to check. newHash is set
// when the stored one was made with other parameters than today's.
func (e *Engine) verify(ctx context.Context, stored, given string) (right bool, newHash string, err error) {
	if stored == "" {
		return false, "", e.Hasher.VerifyNothing(ctx, given)
	}
	right, rehash, err := e.Hasher.Verify(ctx, stored, given)
	if err != nil || !right || !rehash {
		return right, "", err
	}
	newHash, err = e.Hasher.Hash(ctx, given)
	if errors.Is(err, password.ErrBusy) {
		return true, "", nil // the old hash still serves; another sign-in will renew it
	}
	return true, newHash, err
}

// setPassword takes a new password. The step is looked at before the
// hash is made, so that nobody can have passwords hashed who has proved nothing.
func (e *Engine) setPassword(ctx context.Context, c Caller, record flowRecord, in SetPassword, demand policy.Demand) (outcome, error) {
	if record.Step != AskNewPassword {
		return outcome{}, errNotThisStep
	}
	if in.Password == "" {
		return outcome{}, &Refusal{Code: PasswordMissing, Field: "new_password", Left: -1}
	}
	if err := e.checkPassword(c, record.account(), in.Password); err != nil {
		return outcome{}, err
	}
	if err := e.chargeHash(ctx, &record); err != nil {
		return outcome{}, err
	}
	hash, err := e.Hasher.Hash(ctx, in.Password)
	if errors.Is(err, password.ErrBusy) {
		return outcome{}, &Refusal{Code: Busy}
	}
	if err != nil {
		return outcome{}, err
	}
	return e.submit(ctx, c, record.ID, PasswordChosen{Hash: hash}, demand)
}

// checkPassword judges a new password for the owner of an address.
func (e *Engine) checkPassword(c Caller, canonical, chosen string) error {
	local, _, _ := strings.Cut(canonical, "@")
	err := password.Check(chosen, e.PasswordMin, local, c.Site.Brand, c.Site.Name)
	if code, count := passwordRefusal(err, e.PasswordMin); code != "" {
		return &Refusal{Code: code, Field: "new_password", Count: count, Left: -1}
	}
	return err
}

// usePasswordGiven goes on with the password that a client brought to its sign-up, now
// that the mailbox is proved. Where it will not do, the client is asked for it as if it
// had brought none.
func (e *Engine) usePasswordGiven(ctx context.Context, c Caller, out outcome, demand policy.Demand) (outcome, error) {
	plain, err := e.Keys.Open(givenLabel, out.record.Given, out.record.ID)
	if err != nil {
		return out, err
	}
	next, err := e.setPassword(ctx, c, out.record, SetPassword{Password: string(plain)}, demand)
	if _, refused := refusalIn(err); refused {
		return out, nil
	}
	return next, err
}

// chargeHash bounds how often one proved mailbox may have a password hashed.
func (e *Engine) chargeHash(ctx context.Context, record *flowRecord) error {
	return e.Store.Update(ctx, func(tx store.Tx) error {
		wait, err := limit.Spend(tx, e.budgetFor("hash", record.account(), outsiders), e.PasswordBudget, e.Now())
		if err == nil && wait > 0 {
			return &Refusal{Code: TooManyTries, Wait: wait, Left: -1}
		}
		return err
	})
}

func passwordRefusal(err error, least int) (RefusalCode, int) {
	switch {
	case errors.Is(err, password.ErrShort):
		return PasswordShort, least
	case errors.Is(err, password.ErrLong):
		return PasswordLong, 256
	case errors.Is(err, password.ErrCommon):
		return PasswordCommon, 0
	case errors.Is(err, password.ErrContext):
		return PasswordContext, 0
	default:
		return "", 0
	}
}
