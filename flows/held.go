package flows

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/flows/store"
)

const (
	// MaxHeld is the greatest form that is held, in bytes.
	MaxHeld = 1 << 20
	// HeldLife is how long a form is held.
	HeldLife = 10 * time.Minute

	// heldPart is how much of a form is stored in one transaction: a whole one would be
	// more than a transaction may write.
	heldPart = 256 << 10
	// maxHeldForms bounds what is held for one person at one site; the oldest makes room.
	maxHeldForms = 4
	heldLabel    = "held form"
)

// heldRate bounds what one client network may have held: a form costs one, and one more
// for each part. At most some 150 MiB can be there at a time.
var heldRate = limit.Rate{Burst: 200, Every: time.Second}

// ErrNotHeld says that no form is held for the caller under an id: there never was one,
// its time is over, or it is somebody else's. Nobody is told which. From Hold it says that
// the form is none to be held.
var ErrNotHeld = errors.New("form is not held")

// ErrSentOn says that the caller has sent the form on already.
var ErrSentOn = errors.New("form was sent on already")

// A HeldForm is a form that somebody was sending by POST when proof was owed. It is kept
// until its sender has given the proof, and sends it on by hand.
type HeldForm struct {
	URL         string    `json:"url"` // path and query that it was sent to, as they were requested
	ContentType string    `json:"content_type"`
	Referer     string    `json:"referer,omitempty"` // the page with the form; may be empty
	Body        []byte    `json:"-"`
	Ends        time.Time `json:"-"` // when it is lost
}

// heldRecord is the head of a held form: it is written last, so that a form is there as a
// whole or not at all. Its parts are records of their own.
type heldRecord struct {
	Parts  int       `json:"parts"`
	Until  time.Time `json:"until"`
	Sealed []byte    `json:"sealed"` // a heldSecret
	// Sent says that the form was sent on. Then only this is left of it, to tell a second
	// press from one that comes too late.
	Sent bool `json:"sent,omitempty"`
}

type heldSecret struct {
	HeldForm
	Size int `json:"size"` // of the body
}

// heldName is all that a held form is bound to.
type heldName struct{ site, user, browser, id string } // the last two are hashes

func heldNameOf(c Caller, user, id string) heldName {
	return heldName{c.Site.Origin, user, hashed(c.Browser), hashed(id)}
}

func (n heldName) part(i int) string { return heldPartKey(n.id, i) }

// sealedAs is what sealed bytes are bound to, so that they open nowhere else.
func (n heldName) sealedAs(what string) string {
	return strings.Join([]string{n.site, n.user, n.browser, n.id, what}, "\x00")
}

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
				if err := e.chargeHeld(tx, c); err != nil {
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
		if err := e.chargeHeld(tx, c); err != nil {
			return err
		}
		if err := makeHeldRoom(tx, name); err != nil {
			return err
		}
		return put(tx, heldKey(name.user, name.site, name.id), head, e.Now(), head.Until)
	})
}

func (e *Engine) chargeHeld(tx store.Tx, c Caller) error {
	if c.Network == "" {
		return nil
	}
	wait, err := limit.Spend(tx, e.budgetFor("held", c.Network, ""), heldRate, e.Now())
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

// Held returns the form that is held under an id for the caller, who must be the person
// that it is held for, in the browser that sent it. It changes nothing. With ErrSentOn
// comes the form without its body.
func (e *Engine) Held(ctx context.Context, c Caller, id string) (HeldForm, error) {
	var secret heldSecret
	err := e.Store.View(ctx, func(tx store.Tx) error {
		var head heldRecord
		var err error
		if head, secret, err = e.heldHead(tx, c, id); err != nil {
			return err
		}
		secret.Body, err = e.heldBody(tx, heldNameOf(c, c.Session.User, id), head.Parts, secret.Size)
		return err
	})
	if err != nil {
		return secret.HeldForm, fmt.Errorf("finding a held form: %w", err)
	}
	return secret.HeldForm, nil
}

func (e *Engine) heldHead(tx store.Tx, c Caller, id string) (heldRecord, heldSecret, error) {
	if c.Session == nil || c.Browser == "" || c.Client != nil || !IsID(id) {
		return heldRecord{}, heldSecret{}, ErrNotHeld
	}
	name := heldNameOf(c, c.Session.User, id)
	head, found, err := get[heldRecord](tx, heldKey(name.user, name.site, name.id))
	if err != nil {
		return head, heldSecret{}, err
	}
	if !found || !e.Now().Before(head.Until) {
		return head, heldSecret{}, ErrNotHeld
	}
	plain, err := e.Keys.Open(heldLabel, head.Sealed, name.sealedAs("head"))
	if err != nil { // sent from another browser, above all
		return head, heldSecret{}, ErrNotHeld
	}
	var secret heldSecret
	if err := json.Unmarshal(plain, &secret); err != nil {
		return head, secret, fmt.Errorf("reading a stored record: %w", err)
	}
	secret.Ends = head.Until
	if head.Sent {
		return head, secret, ErrSentOn
	}
	return head, secret, nil
}

func (e *Engine) heldBody(tx store.Tx, name heldName, parts, size int) ([]byte, error) {
	body := make([]byte, 0, size)
	for i := range parts {
		sealed, err := tx.Get(name.part(i))
		if err != nil {
			return nil, fmt.Errorf("reading a part: %w", err)
		}
		part, err := e.Keys.Open(heldLabel, sealed, name.sealedAs(strconv.Itoa(i)))
		if err != nil {
			return nil, err
		}
		body = append(body, part...)
	}
	if len(body) != size {
		return nil, fmt.Errorf("reading a held form: %d bytes of %d are there", len(body), size)
	}
	return body, nil
}

// TakeHeld is the moment at which a form that Held returned is sent on, to the URL that it
// was sent to: of several calls one gets no error. A call for another URL takes nothing.
func (e *Engine) TakeHeld(ctx context.Context, c Caller, id, url string) error {
	err := e.Store.Update(ctx, func(tx store.Tx) error {
		head, secret, err := e.heldHead(tx, c, id)
		if err != nil {
			return err
		}
		if secret.URL != url {
			return ErrNotHeld
		}
		name := heldNameOf(c, c.Session.User, id)
		if err := deleteParts(tx, name.id, head.Parts); err != nil {
			return err
		}
		head.Sent, head.Parts = true, 0
		return put(tx, heldKey(name.user, name.site, name.id), head, e.Now(), head.Until)
	})
	if err != nil {
		return fmt.Errorf("taking a held form: %w", err)
	}
	return nil
}
