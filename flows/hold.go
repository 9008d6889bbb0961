package flows

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/flows/store"
)

// Hold keeps a form for whoever is signed in, or, where the session has ended meanwhile,
// for whoever was signed in last in this browser. It returns the id to look for it with.
// Of f the body is not used: it is read from body, and stored while it is read. An error
// means that nothing is held.
func (e *Engine) Hold(ctx context.Context, c Caller, f HeldForm, body io.Reader) (id string, err error) {
	user, err := e.holder(ctx, c)
	if err == nil {
		id, err = e.secret(16)
	}
	if err != nil {
		return "", fmt.Errorf("holding a form: %w", err)
	}
	name := heldNameOf(c, user, id)
	head := heldRecord{Until: e.Now().Add(HeldLife)}
	secret := heldSecret{HeldForm: f}
	err = e.holdBody(ctx, c, name, &head, &secret, body)
	if err == nil {
		err = e.holdHead(ctx, c, name, head, secret)
	}
	if err != nil {
		e.dropParts(ctx, name, head.Parts)
		return "", fmt.Errorf("holding a form: %w", err)
	}
	return id, nil
}

// holder is the account that a form is held for.
func (e *Engine) holder(ctx context.Context, c Caller) (user string, err error) {
	if c.Browser == "" || c.Client != nil {
		return "", ErrNotHeld
	}
	if c.Session != nil {
		return c.Session.User, nil
	}
	err = e.Store.View(ctx, func(tx store.Tx) error {
		var found bool
		user, found, err = get[string](tx, personKey(hashed(c.Browser), c.Site.Origin))
		if err == nil && !found {
			err = ErrNotHeld
		}
		return err
	})
	return user, err
}

// holdBody stores the parts of a body. However slowly it comes, no more than one of them
// is in memory.
func (e *Engine) holdBody(ctx context.Context, c Caller, name heldName, head *heldRecord, secret *heldSecret, body io.Reader) error {
	buf := make([]byte, 0, 512)
	for {
		var over error
		buf, over = readPart(buf[:0], body)
		if over != nil && over != io.EOF {
			return fmt.Errorf("reading its body: %w", over)
		}
		if secret.Size += len(buf); secret.Size > MaxHeld {
			return fmt.Errorf("%w: it has more than %d bytes", ErrNotHeld, MaxHeld)
		}
		if len(buf) > 0 {
			sealed, err := e.Keys.Seal(heldLabel, buf, name.sealedAs(strconv.Itoa(head.Parts)))
			if err != nil {
				return err
			}
			head.Parts++
			err = e.Store.Update(ctx, func(tx store.Tx) error {
				if err := e.chargeHeld(tx, c, name); err != nil {
					return err
				}
				return tx.Set(name.part(head.Parts-1), sealed, HeldLife)
			})
			if err != nil {
				return err
			}
		}
		if over == io.EOF {
			return nil
		}
	}
}

// readPart reads up to heldPart bytes. The buffer grows with what comes, not with what a
// client says will come. io.EOF says that there is no more.
func readPart(buf []byte, body io.Reader) ([]byte, error) {
	for len(buf) < heldPart {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, min(cap(buf), heldPart-len(buf)))
		}
		n, err := body.Read(buf[len(buf):min(cap(buf), heldPart)])
		buf = buf[:len(buf)+n]
		if err != nil {
			return buf, err
		}
	}
	return buf, nil
}

func (e *Engine) holdHead(ctx context.Context, c Caller, name heldName, head heldRecord, secret heldSecret) error {
	plain, err := json.Marshal(secret)
	if err != nil {
		return err
	}
	if head.Sealed, err = e.Keys.Seal(heldLabel, plain, name.sealedAs("head")); err != nil {
		return err
	}
	return e.Store.Update(ctx, func(tx store.Tx) error {
		if err := e.chargeHeld(tx, c, name); err != nil {
			return err
		}
		if err := makeHeldRoom(tx, name); err != nil {
			return err
		}
		return put(tx, heldKey(name.user, name.site, name.id), head, e.Now(), head.Until)
	})
}

func (e *Engine) chargeHeld(tx store.Tx, c Caller, name heldName) error {
	wait, err := limit.Spend(tx, e.budgetFor("held for", name.user, name.site), heldRateOf, e.Now())
	if err == nil && wait > 0 {
		err = fmt.Errorf("%w: the account has had too much held", ErrNotHeld)
	}
	if err != nil || c.Network == "" {
		return err
	}
	wait, err = limit.Spend(tx, e.budgetFor("held", c.Network, ""), heldRate, e.Now())
	if err == nil && wait > 0 {
		err = fmt.Errorf("%w: the network has had too much held", ErrNotHeld)
	}
	return err
}

// makeHeldRoom drops what is the least loss to the person: first what was sent on, then
// what is oldest.
func makeHeldRoom(tx store.Tx, name heldName) error {
	type held struct {
		id string
		heldRecord
	}
	var all []held
	prefix := heldPrefix(name.user, name.site)
	err := tx.Scan(prefix, func(key string, value []byte) error {
		h := held{id: strings.TrimPrefix(key, prefix)}
		if err := json.Unmarshal(value, &h.heldRecord); err != nil {
			return fmt.Errorf("reading a stored record: %w", err)
		}
		all = append(all, h)
		return nil
	})
	if err != nil || len(all) < maxHeldForms {
		return err
	}
	slices.SortFunc(all, func(a, b held) int {
		if a.Sent != b.Sent {
			return map[bool]int{true: -1, false: 1}[a.Sent]
		}
		return cmp.Or(a.Until.Compare(b.Until), strings.Compare(a.id, b.id))
	})
	for _, h := range all[:len(all)-maxHeldForms+1] {
		if err := tx.Delete(prefix + h.id); err != nil {
			return err
		}
		if err := deleteParts(tx, h.id, h.Parts); err != nil {
			return err
		}
	}
	return nil
}

func deleteParts(tx store.Tx, id string, parts int) error {
	for i := range parts {
		if err := tx.Delete(heldPartKey(id, i)); err != nil {
			return err
		}
	}
	return nil
}

// dropParts takes back what was stored of a form that is not held after all. Where that
// fails, its time runs out.
func (e *Engine) dropParts(ctx context.Context, name heldName, parts int) {
	if parts == 0 {
		return
	}
	// The person may have gone away in the middle of it.
	err := e.Store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error { return deleteParts(tx, name.id, parts) })
	if err != nil {
		e.Log.Warn("dropping parts of a form", "error", err)
	}
}
