package flows

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// A permit opens one request one time, where a rule asks for proof each time. It is made
// when a flow with a [Target.Action] ends, for that action of that sign-in, and says which
// factors the flow has proved.
type permitRecord struct {
	Proved policy.Factors `json:"proved"`
	Until  time.Time      `json:"until"`
}

// permitLife is how long an action may be done after it was proved: the time to come back
// to it, or to press the button of a form that was kept, which must not go on for longer.
const permitLife = HeldLife

// anyAction is what a client's permit is for. The protocol has no word for a request, so
// the next one that asks is the one.
const anyAction = "*"

func (e *Engine) permitKey(sid, action string) string {
	return permitPrefix(sid) + hex.EncodeToString(e.mac("permit", action))
}

// actionOf is what a flow's proof is good for once; empty: nothing.
func actionOf(c Caller, t Target) string {
	if c.Client != nil {
		return anyAction
	}
	return t.Action
}

// permit notes that what the flow has proved opens its action once.
func (r *effectRun) permit(sid string) error {
	action := actionOf(r.caller, r.record.Target)
	if action == "" || r.record.Here == 0 || !r.record.Facts.Demand.HasOnce() {
		return nil
	}
	proved := r.record.Here
	if r.caller.Client == nil { // a client's messages have no request to name
		for _, f := range r.record.Silent.Slice() {
			proved = proved.Without(f)
		}
	}
	until := r.now.Add(permitLife)
	return put(r.tx, r.engine.permitKey(sid, action), permitRecord{proved, until}, r.now, until)
}

// UsePermit reports whether the session may do an action ("POST /transfer") that demands
// proof each time, and uses the permit up if it may: of several requests at once, one
// gets through. A permit that is not enough for the demand stays.
func (e *Engine) UsePermit(ctx context.Context, s *Session, action string, demand policy.Demand) (may bool, err error) {
	if s.Client != "" {
		action = anyAction
	}
	err = e.Store.Update(ctx, func(tx store.Tx) error {
		may = false
		key := e.permitKey(s.SID, action)
		permit, found, err := get[permitRecord](tx, key)
		if err != nil || !found {
			return err
		}
		now := e.Now()
		may = now.Before(permit.Until) && demand.Met(s.Proof.Here(permit.Proved), now)
		if !may {
			return nil
		}
		return tx.Delete(key)
	})
	if err != nil {
		return false, fmt.Errorf("using a permit: %w", err)
	}
	return may, nil
}
