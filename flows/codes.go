package flows

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/stepgate/stepgate/flows/otp"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// newCode makes the flow's one outstanding code and its letter. Unknown addresses
// get the same records, the same budget and a letter too; only their code is
// never sent.
func (r *effectRun) newCode(purpose Purpose) error {
	e := r.engine
	medium, to := r.address()
	if to == "" {
		return errors.New("sending a code: the account has no address for it")
	}
	toSum := e.addressMark(to)
	if old := r.record.Code; old != nil && old.Factor == r.record.Factor && r.now.Before(e.resendAfter(old)) {
		if r.again || old.To != toSum || old.Purpose != purpose {
			return &Refusal{Code: ResendTooSoon, Wait: left(r.now, e.resendAfter(old)), Left: -1}
		}
		return nil // the one that is on its way will do
	}
	if err := r.chargeSend(medium, to, toSum); err != nil {
		return r.unsent(err)
	}
	code, err := otp.New(e.Rand, e.CodeDigits)
	if err != nil {
		return err
	}
	r.record.Unsent = false
	r.record.Code = &codeRecord{
		Factor: r.record.Factor, Purpose: purpose, To: toSum,
		Sent: r.now, Expires: r.now.Add(e.CodeLife), Named: r.namesAction(),
	}
	r.record.Code.Sum = otp.Sum(e.Keys, code, r.record.binding()...)
	letter := Letter{
		Series: e.seriesOf(r.record.ID), Purpose: purpose, Medium: medium, To: to, Code: code,
		Expires: r.record.Code.Expires,
	}
	if r.record.Phantom || purpose == NoticeEmailTaken {
		letter.Code = ""
	}
	if letter.Mute, err = r.keepsQuiet(purpose); err != nil {
		return err
	}
	return r.letter(letter)
}

// addressMark names an address or a number without giving it away.
func (e *Engine) addressMark(to string) string { return hex.EncodeToString(e.mac("address", to)) }

// unsent goes on without a code where a budget refuses it to somebody who has just proved
// something: what was proved, or changed by it, is not undone by what comes next.
func (r *effectRun) unsent(err error) error {
	refusal, refused := refusalIn(err)
	if !refused || !r.proved {
		return err
	}
	r.record.Code, r.record.Unsent = nil, true
	r.out.refusal = refusal
	return nil
}

// resendAfter is when another code may be asked for: at once, where too many tries have
// ended the one there is, or its message has come to nothing, since nothing useful is on
// its way.
func (e *Engine) resendAfter(c *codeRecord) time.Time {
	if c.Tries >= e.CodeTries || c.delivery.cameToNothing() {
		return c.Sent
	}
	return c.Sent.Add(e.ResendAfter)
}

// binding is all that a code is good for: this flow, account, factor, address and
// purpose, and nothing else.
func (f *flowRecord) binding() []string {
	return []string{f.ID, f.User, f.Canonical, f.Code.Factor.String(), f.Code.To, string(f.Code.Purpose)}
}

// giveCode judges a code and, if it is right, advances the flow, all in the
// transaction that reads the code: however many arrive at once, one succeeds and no
// more are judged than may be.
func (e *Engine) giveCode(ctx context.Context, c Caller, flow string, in GiveCode, demand policy.Demand) (outcome, error) {
	code, digits, ok := otp.Normalise(in.Code, e.CodeDigits)
	if !ok {
		if in.Code == "" || digits == 0 {
			return outcome{}, &Refusal{Code: CodeMissing, Field: "code", Left: -1}
		}
		return outcome{}, &Refusal{Code: CodeMalformed, Field: "code", Count: digits, Left: -1}
	}
	return e.transact(ctx, func(tx store.Tx, out *outcome) error {
		record, err := e.loadFlow(tx, c, flow)
		if err != nil {
			return err
		}
		if record.Step != AskCode {
			return errNotThisStep
		}
		facts, user, err := e.gather(tx, c, record.State, demand)
		if err != nil {
			return err
		}
		refusal, err := e.judgeCode(tx, c, &record, user, code, out)
		if err != nil {
			return err
		}
		if refusal == nil {
			if record.Enrolling {
				if err := e.noteConversion(tx, record.Phone); err != nil {
					return err
				}
			}
			record.Silent = record.Silent.Without(record.Factor)
			if !record.Code.Named {
				record.Silent = record.Silent.With(record.Factor)
			}
			record.Code = nil
			return e.apply(tx, c, record, CodeRight{}, demand, out)
		}
		// The refusal is told and the count is kept.
		out.record, out.facts, out.phone, out.refusal = record, facts, phoneOf(user), refusal
		if refusal.Code == TooManyTries || refusal.Code == Exhausted {
			return e.closeWay(tx, record, out)
		}
		return put(tx, flowKey(flow), record, e.Now(), record.Ends)
	})
}

// judgeCode compares a code with the outstanding one and counts. It is the only
// place that does.
func (e *Engine) judgeCode(tx store.Tx, c Caller, record *flowRecord, user *User, code string, out *outcome) (*Refusal, error) {
	now, challenge := e.Now(), record.Code
	if challenge == nil || challenge.Factor != record.Factor || !now.Before(challenge.Expires) {
		record.Code = nil // dead for good, even if the clock should be set back
		return &Refusal{Code: CodeExpired, Field: "code", Left: -1}, nil
	}
	if challenge.Tries >= e.CodeTries {
		return &Refusal{Code: CodeSpent, Field: "code", Left: -1}, nil
	}
	budget := e.budget(c, record, record.Factor, triesAt(record.Factor), record.account())
	if refusal, err := e.checkBudget(tx, budget, e.CodeBudget); refusal != nil || err != nil {
		return refusal, errors.Join(err, e.warnExhausted(tx, c, record, refusal, out))
	}
	exists := user != nil || record.User == "" // a newcomer's flow has no account yet
	if otp.Equal(challenge.Sum, otp.Sum(e.Keys, code, record.binding()...)) && exists && !record.Phantom && challenge.Purpose != NoticeEmailTaken {
		return nil, e.clearBudget(tx, budget)
	}
	challenge.Tries++
	if err := e.countFailure(tx, budget, e.CodeBudget); err != nil {
		return nil, err
	}
	if err := e.noteFailure(tx, record, out); err != nil {
		return nil, err
	}
	if err := e.noteGuessing(tx, c, record, budget, e.CodeBudget, out); err != nil {
		return nil, err
	}
	tries := e.CodeTries - challenge.Tries
	if tries == 0 {
		return &Refusal{Code: CodeSpent, Field: "code", Left: -1}, nil
	}
	if challenge.Tries < 3 {
		tries = -1 // nobody needs counting down at the first slip
	}
	return &Refusal{Code: CodeWrong, Field: "code", Left: tries}, nil
}

// account names whose guesses are counted: the address for a first factor, known or
// not, and the same once the account is known, so that no way in has a budget of
// its own. Of a code to a new address it is that one: many accounts must not guess at one
// mailbox, each with a budget of its own.
func (f *flowRecord) account() string {
	if f.Moving {
		return f.NewEmail
	}
	if f.Canonical != "" {
		return f.Canonical
	}
	_, canonical, _ := CanonicalEmail(f.Email)
	return canonical
}
