package flows

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// A letter is written down in the transaction that makes it, before anybody hears of it,
// and struck off once the outbox knows what became of it: a process that is killed in
// between forgets no message. Of the codes of one flow only the newest is kept, under one
// key, so that what is taken up again is never an older one.

const (
	letterLabel = "letter"
	// noticeLife is for how long a notice is worth sending.
	noticeLife = 24 * time.Hour
)

func letterPrefix() string { return schema + "letter/" }

// letterKey is where a letter waits: a code under its series, a notice under its own id.
func letterKey(series, id string) string {
	if series != "" {
		return letterPrefix() + "series/" + series
	}
	return letterPrefix() + "one/" + id
}

// keptLetter is a stored letter, sealed as a whole: it holds a code and an address.
type keptLetter struct {
	Letter
	Site string // its origin, in place of the letter's own
	Flow string // whose code it is
	// Process wrote it, and posts it itself: see Engine.Resume.
	Process string
	User    string // whose account it tells of; empty: nobody's
}

// seriesOf names the codes of one flow to senders and in logs, without naming the flow.
func (e *Engine) seriesOf(flow string) string {
	return hex.EncodeToString(e.mac("series of codes", flow)[:16])
}

// letter writes a message down, to be sent once the transaction has committed.
func (r *effectRun) letter(l Letter) error {
	e := r.engine
	l.Site, l.Target, l.At = r.caller.Site, r.record.Target, r.now
	l.Lang, l.Device, l.Network = r.caller.Lang, r.caller.Device, r.caller.Network
	l.Once = l.Code != "" && r.namesAction()
	if l.Purpose == CodeChange {
		l.Changing = r.record.Changing
	}
	_, l.PasswordKnown = r.record.Proof.At(policy.Password)
	if l.Expires.IsZero() {
		l.Expires = r.now.Add(noticeLife)
	}
	kept := keptLetter{Process: e.Process, Site: l.Site.Origin}
	if r.user != nil {
		kept.User = r.user.ID
	}
	var id [16]byte
	if _, err := io.ReadFull(e.Rand, id[:]); err != nil {
		return fmt.Errorf("reading random bytes: %w", err)
	}
	l.ID = hex.EncodeToString(id[:]) // no letter case for anybody on the way to change
	if l.Series != "" {
		kept.Flow, r.record.Code.Message = r.record.ID, l.ID
		if err := e.awaitDelivery(r.tx, l); err != nil {
			return err
		}
	}
	var err error
	if l.NotMe, err = r.offerDisown(l); err != nil {
		return err
	}
	kept.Letter = l
	r.out.letters = append(r.out.letters, l)
	return e.putLetter(r.tx, kept)
}

func (e *Engine) putLetter(tx store.Tx, kept keptLetter) error {
	plain, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("writing a letter down: %w", err)
	}
	key := letterKey(kept.Series, kept.ID)
	sealed, err := e.Keys.Seal(letterLabel, plain, key)
	if err != nil {
		return err
	}
	return tx.Set(key, sealed, max(kept.Expires.Sub(e.Now()), time.Second))
}

// openLetter reads what is stored under a key. ok is false for what does not open, which
// is nothing to stop at: there is nobody who could repair it.
func (e *Engine) openLetter(key string, sealed []byte) (kept keptLetter, ok bool) {
	plain, err := e.Keys.Open(letterLabel, sealed, key)
	if err == nil {
		err = json.Unmarshal(plain, &kept)
	}
	return kept, err == nil && letterKey(kept.Series, kept.ID) == key
}

// strikeLetter deletes a letter if it is still the one that waits under its key, and
// returns it.
func (e *Engine) strikeLetter(tx store.Tx, series, id string) (kept keptLetter, found bool, err error) {
	key := letterKey(series, id)
	sealed, err := tx.Get(key)
	if errors.Is(err, store.ErrNotFound) {
		return kept, false, nil
	}
	if err != nil {
		return kept, false, err
	}
	kept, ok := e.openLetter(key, sealed)
	if !ok || kept.ID != id {
		return kept, false, nil
	}
	return kept, true, tx.Delete(key)
}

// Finished is told what became of a letter that Post accepted: it is for
// [send.OutboxOptions].Done. A letter that the outbox dropped when it was closed stays,
// for [Engine.Resume] of the next process. It takes one small transaction. After an error
// the letter stays too, and would be sent again: where that wraps [store.ErrUnavailable],
// Finished may be called again later.
func (e *Engine) Finished(ctx context.Context, r send.Result) error {
	if r.Outcome == send.OutcomeDropped || !isFlowID(r.ID) || r.Series != "" && !isFlowID(r.Series) {
		return nil
	}
	err := e.Store.Update(ctx, func(tx store.Tx) error {
		kept, found, err := e.strikeLetter(tx, r.Series, r.ID)
		if err != nil || !found || kept.Series == "" {
			return err
		}
		switch r.Outcome {
		case send.OutcomeFailed:
			return e.noteDelivery(tx, r.ID, DeliveryFailed)
		case send.OutcomeUncertain:
			return e.noteDelivery(tx, r.ID, DeliveryUncertain)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("recording what became of a message: %w", err)
	}
	return nil
}

// Resume posts what a process before this one accepted and did not get rid of, and
// returns how much that was. It is for the moment after the store was opened, before
// anything else is posted: what is on its way in this process would be sent twice, unless
// Post sees to that. A record that nobody can read holds up no other. An error means that
// the store was not available for all of them, and that the rest may be asked for again.
// Codes are taken up only while they are good: the newest of their flow, and neither
// expired nor used, for an account whose sessions have not all been ended since; and
// nothing is for a disabled one. site finds a site by its origin; letters of sites that there are no
// more are given up.
func (e *Engine) Resume(ctx context.Context, site func(origin string) *Site) (n int, err error) {
	waiting := map[string][]byte{}
	err = e.Store.View(ctx, func(tx store.Tx) error {
		clear(waiting)
		return tx.Scan(letterPrefix(), func(key string, value []byte) error {
			waiting[strings.Clone(key)] = append([]byte(nil), value...)
			return nil
		})
	})
	if err != nil {
		return 0, fmt.Errorf("resuming messages: %w", err)
	}
	var (
		over, unreadable, refused, left int
		failed                          error // the last
	)
	for key, sealed := range waiting {
		if ctx.Err() != nil {
			left++
			continue
		}
		kept, ok := e.openLetter(key, sealed)
		if !ok {
			unreadable++ // it goes when its time is over
			continue
		}
		if kept.Process != "" && kept.Process == e.Process {
			continue // it is on its way, or will be in a moment
		}
		kept.Letter.Site = site(kept.Site)
		good, err := e.stillGood(ctx, kept)
		switch {
		case errors.Is(err, store.ErrUnavailable):
			left++
			failed = err
		case err != nil: // of the letter's flow
			unreadable++
			e.Log.Warn("reading what belongs to a message that an earlier process left", "id", kept.ID, "error", err)
		case !good:
			over++
		case e.Post(kept.Letter) != nil:
			refused++
		default:
			n++
		}
	}
	if len(waiting) > 0 {
		e.Log.Info("took up messages that an earlier process left", "posted", n, "over", over,
			"refused", refused, "unreadable", unreadable, "left", left)
	}
	if left > 0 {
		return n, fmt.Errorf("resuming messages: %d are left: %w", left, cmp.Or(failed, ctx.Err()))
	}
	return n, nil
}

// stillGood reports whether a letter that was left is worth sending, and deletes it if
// it is not.
func (e *Engine) stillGood(ctx context.Context, kept keptLetter) (good bool, err error) {
	err = e.Store.Update(ctx, func(tx store.Tx) error {
		good = !kept.Mute && kept.Letter.Site != nil && e.Now().Before(kept.Expires)
		var flow flowRecord
		if good && kept.Series != "" {
			var found bool
			if flow, found, err = get[flowRecord](tx, flowKey(kept.Flow)); err != nil {
				return err
			}
			good = found && flow.Code != nil && flow.Code.Message == kept.ID
		}
		if good && kept.User != "" {
			user, found, err := get[User](tx, userKey(kept.User))
			if err != nil {
				return err
			}
			good = found && !user.Disabled && (kept.Series == "" || flow.Epoch == user.Epoch)
		}
		if good {
			return nil
		}
		// Only if it is still this one: a newer code may have taken its place since.
		_, _, err := e.strikeLetter(tx, kept.Series, kept.ID)
		return err
	})
	return good, err
}
