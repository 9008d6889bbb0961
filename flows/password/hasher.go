package password

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// ErrBusy means that too many passwords are being hashed already: try again later.
var ErrBusy = errors.New("too many passwords are being checked")

// MaxLength is the greatest length of a password, in code points after NFKC.
const MaxLength = 256

// maxBytes bounds what is normalised at all. It leaves room for 256 code points
// that each were typed as several.
const maxBytes = 8 * 1024

// Options are what a [Hasher] is made of. The zero value of each means its default.
type Options struct {
	Params Params // default DefaultParams
	// Pepper is a key kept apart from the store; without it stored hashes cannot be
	// guessed at. OldPeppers still verify. Default: none.
	Pepper     []byte
	OldPeppers [][]byte
	// Concurrency is how many hashes run at once, each taking Params.Memory. Default:
	// the number of CPUs.
	Concurrency int
	// Waiting is how many more may wait for their turn. Default: 32 per running one.
	Waiting int
	// QueueWait is how long one waits before ErrBusy. Default: 2 s.
	QueueWait time.Duration
}

// Hasher hashes and verifies passwords. It is safe for concurrent use.
type Hasher struct {
	params  Params
	peppers []pepper // the first hashes
	dummy   string   // a PHC string
	wait    time.Duration
	running chan struct{}
	queued  chan struct{} // running and waiting
	made    atomic.Uint64
}

// pepper is one key, and the name that hashes carry for it.
type pepper struct {
	id  string
	key []byte
}

// New returns a Hasher. It panics on parameters that Verify would refuse.
func New(o Options) *Hasher {
	if o.Params == (Params{}) {
		o.Params = DefaultParams
	}
	if err := o.Params.validate(); err != nil {
		panic("password: " + err.Error())
	}
	if o.Concurrency < 1 {
		o.Concurrency = runtime.NumCPU()
	}
	if o.Waiting < 1 {
		o.Waiting = 32 * o.Concurrency
	}
	if o.QueueWait <= 0 {
		o.QueueWait = 2 * time.Second
	}
	h := &Hasher{
		params:  o.Params,
		peppers: []pepper{newPepper(o.Pepper)},
		wait:    o.QueueWait,
		running: make(chan struct{}, o.Concurrency),
		queued:  make(chan struct{}, o.Concurrency+o.Waiting),
	}
	for _, key := range o.OldPeppers {
		h.peppers = append(h.peppers, newPepper(key))
	}
	// Nobody knows a password for random bytes, so verifying against them fails.
	h.dummy = phc{o.Params, h.peppers[0].id, random(saltSize), random(tagSize)}.String()
	return h
}

// newPepper names a pepper by a hash of it. Three bytes tell a handful of peppers
// apart and say nothing about any.
func newPepper(key []byte) pepper {
	if len(key) == 0 {
		return pepper{}
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("keyid"))
	return pepper{id: b64.EncodeToString(mac.Sum(nil)[:3]), key: key}
}

// Hash returns the PHC string of a password. Its errors are ErrLong, ErrBusy, or
// that of ctx.
func (h *Hasher) Hash(ctx context.Context, pw string) (string, error) {
	pw, ok := normalise(pw)
	if !ok {
		return "", ErrLong
	}
	out := phc{Params: h.params, keyID: h.peppers[0].id, salt: random(saltSize)}
	var err error
	out.tag, err = h.compute(ctx, out, h.peppers[0], pw, tagSize)
	if err != nil {
		return "", fmt.Errorf("hashing password: %w", err)
	}
	return out.String(), nil
}

// Verify reports whether pw is the password of a PHC string. rehash says that it
// is, and that it should be hashed anew, since the parameters or the pepper have
// changed. An error means that nothing was judged: ErrBusy, that of ctx, or a
// string that is malformed, too costly or made with a pepper that is gone.
func (h *Hasher) Verify(ctx context.Context, stored, pw string) (ok, rehash bool, err error) {
	want, err := parsePHC(stored)
	if err != nil {
		return false, false, fmt.Errorf("verifying password: %w", err)
	}
	return h.verify(ctx, want, pw)
}

// VerifyNothing costs what verifying a password of today's parameters costs, and
// verifies nothing: it is for an account that does not exist or has no password.
func (h *Hasher) VerifyNothing(ctx context.Context, pw string) error {
	_, _, err := h.Verify(ctx, h.dummy, pw)
	return err
}

func (h *Hasher) verify(ctx context.Context, want phc, pw string) (ok, rehash bool, err error) {
	key, err := h.pepper(want.keyID)
	if err != nil {
		return false, false, fmt.Errorf("verifying password: %w", err)
	}
	// What is too long can be nobody's password, and must not be told faster.
	pw, fits := normalise(pw)
	tag, err := h.compute(ctx, want, key, pw, len(want.tag))
	if err != nil {
		return false, false, fmt.Errorf("verifying password: %w", err)
	}
	ok = subtle.ConstantTimeCompare(tag, want.tag) == 1 && fits
	current := want.Params == h.params && want.keyID == h.peppers[0].id &&
		len(want.salt) >= saltSize && len(want.tag) == tagSize
	return ok, ok && !current, nil
}

// Made is how many hashes were computed so far, whatever for.
func (h *Hasher) Made() uint64 { return h.made.Load() }

func (h *Hasher) pepper(id string) (pepper, error) {
	for _, p := range h.peppers {
		if p.id == id {
			return p, nil
		}
	}
	if id == "" {
		return pepper{}, nil // from before there was a pepper
	}
	return pepper{}, errors.New("the pepper it was made with is gone: give the former secret as an older one")
}

// compute waits for a place and hashes. The pepper goes first, so that Argon2id
// sees 32 bytes whatever was typed.
func (h *Hasher) compute(ctx context.Context, p phc, key pepper, pw string, size int) ([]byte, error) {
	if err := h.enter(ctx); err != nil {
		return nil, err
	}
	defer h.leave()
	h.made.Add(1)
	mac := hmac.New(sha256.New, key.key)
	mac.Write([]byte(pw))
	return argon2.IDKey(mac.Sum(nil), p.salt, p.Time, p.Memory, p.Threads, uint32(size)), nil
}

func (h *Hasher) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case h.queued <- struct{}{}:
	default:
		return ErrBusy // the queue itself is full: a storm must not pile up
	}
	timer := time.NewTimer(h.wait)
	defer timer.Stop()
	select {
	case h.running <- struct{}{}:
		return nil
	case <-timer.C:
		<-h.queued
		return ErrBusy
	case <-ctx.Done():
		<-h.queued
		return ctx.Err()
	}
}

func (h *Hasher) leave() {
	<-h.running
	<-h.queued
}

// normalise returns the password in NFKC, in which the same characters typed on two
// keyboards are the same bytes. A password that is too long becomes the empty one.
func normalise(pw string) (string, bool) {
	if len(pw) > maxBytes {
		return "", false
	}
	pw = norm.NFKC.String(pw)
	if utf8.RuneCountInString(pw) > MaxLength {
		return "", false
	}
	return pw, true
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails: the runtime ends the program first
	return b
}
