package flows

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// heldRateOf bounds the same for one account, from wherever it is used: some 12 MiB,
// forms that are still arriving included.
var heldRateOf = limit.Rate{Burst: 24, Every: 25 * time.Second}

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
