package flows

import (
	"encoding/hex"
	"time"

	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/store"
)

// warnEvery is how seldom the same is told again.
const warnEvery = 24 * time.Hour

// newDeviceRate bounds how many new browsers one owner is told of: whoever has the
// password has as many as they like, and the first few notices say it all.
var newDeviceRate = limit.Rate{Burst: 5, Every: 4 * time.Hour}

func toldKey(sum string) string { return schema + "told/" + sum }

// tellOnce reports whether something is to be told now, because it was not within
// warnEvery, and remembers that it was. The store does not say who was told what.
func (e *Engine) tellOnce(tx store.Tx, what ...string) (first bool, err error) {
	key, now := toldKey(hex.EncodeToString(e.mac("told", what...))), e.Now()
	until, _, err := get[time.Time](tx, key)
	if err != nil || now.Before(until) {
		return false, err
	}
	return true, put(tx, key, now.Add(warnEvery), now, now.Add(warnEvery))
}

// warnOwner tells the owner of an account that somebody tries its codes or passwords, at
// most once a day. It costs the same where there is no account.
func (e *Engine) warnOwner(tx store.Tx, c Caller, record *flowRecord, out *outcome) error {
	if record.Moving {
		return nil // the guesses are at an address that is not the account's
	}
	first, err := e.tellOnce(tx, "guessing", record.account())
	if err != nil || !first {
		return err
	}
	user, found, err := get[User](tx, userKey(record.User))
	if err != nil {
		return err
	}
	run := effectRun{engine: e, tx: tx, caller: c, record: record, out: out, now: e.Now()}
	letter := Letter{Purpose: NoticeGuessing, Medium: send.Email, To: record.Email}
	if letter.Mute = !found || user.Disabled; !letter.Mute {
		run.user, letter.To = &user, user.Email
	}
	return run.letter(letter)
}

// announceDevice tells the owner of a sign-in from a browser that the account was not
// used in before: once for each browser, since one that has proved only half of what the
// account has never becomes familiar. A client shows no browser; it is told once a day
// for each network. Who made the account here, or has just been told that the password
// was reset, need not be told.
func (r *effectRun) announceDevice() error {
	if r.record.Created || r.record.Replaced {
		return nil
	}
	var first bool
	if client := r.caller.Client; client != nil {
		var err error
		if first, err = r.engine.tellOnce(r.tx, "client", r.user.ID, client.ID, r.caller.Network); err != nil {
			return err
		}
	} else {
		device, found, err := get[deviceRecord](r.tx, deviceKey(r.user.ID, r.caller.device()))
		if err != nil {
			return err
		}
		first = !found || !device.live(r.user.Epoch, r.now)
	}
	if !first {
		return nil
	}
	wait, err := limit.Spend(r.tx, r.engine.budgetFor("new devices", r.user.ID, ""), newDeviceRate, r.now)
	if err != nil || wait > 0 {
		return err
	}
	return r.letter(Letter{Purpose: NoticeNewDevice, Medium: send.Email, To: r.user.Email})
}
