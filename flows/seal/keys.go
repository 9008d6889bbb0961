package seal

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// ErrOpen is wrapped by every error about a cookie or record that these keys did
// not seal, that was changed, or that is too old. The reason is for logs only;
// whoever showed it is told nothing.
var ErrOpen = errors.New("not authentic or too old")

// keySize is the length in bytes of every derived key.
const keySize = 32

// The first word of an HKDF label: what kind of key it is.
const (
	macKey     = "mac"
	boxKey     = "box"
	boxID      = "box id"
	cookieHash = "cookie hash"
	cookieEnc  = "cookie encryption"
	pepperKey  = "password pepper"
)

// Keys derives every secret key from one master secret. It is safe for concurrent
// use, and prints as nothing.
type Keys struct {
	masters [][]byte // the first seals; all open
	macs    sync.Map // label → []byte
	boxes   sync.Map // label → []box
	cookies sync.Map // cookieUse → []securecookie.Codec
}

// New returns the keys of a master secret, with older ones that still open what
// they sealed. Each must have at least 32 bytes, all of them random.
func New(master []byte, older ...[]byte) (*Keys, error) {
	k := &Keys{}
	for _, m := range append([][]byte{master}, older...) {
		if len(m) < SecretSize {
			return nil, fmt.Errorf("deriving keys: the secret has %d bytes, at least %d are needed", len(m), SecretSize)
		}
		k.masters = append(k.masters, slices.Clone(m))
	}
	return k, nil
}

// String and GoString keep the secret out of logs, whoever prints it.
func (k *Keys) String() string { return "seal.Keys" }

// GoString is String.
func (k *Keys) GoString() string { return k.String() }

// derive returns the key of one master for one kind and label.
func derive(master []byte, kind, label string) []byte {
	key, err := hkdf.Key(sha256.New, master, nil, "stepgate/1/"+kind+"/"+label, keySize)
	if err != nil {
		// HKDF fails only for keys longer than 255 hashes.
		panic("seal: " + err.Error())
	}
	return key
}

// Sign is the first half of a MAC as text fit for a URL: what is shown to browsers and
// comes back unchanged needs no more.
func (k *Keys) Sign(label string, parts ...string) (string, error) {
	sum := k.MAC(label, parts...)
	return base64.RawURLEncoding.EncodeToString(sum[:16]), nil
}

// MAC is HMAC-SHA-256 over the parts, each with its length before it, so that no
// two lists of parts are the same message. It uses the first master secret only:
// what is short-lived needs no rotation.
func (k *Keys) MAC(label string, parts ...string) [32]byte {
	key, ok := k.macs.Load(label)
	if !ok {
		key, _ = k.macs.LoadOrStore(label, derive(k.masters[0], macKey, label))
	}
	h := hmac.New(sha256.New, key.([]byte))
	var size [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:])
		h.Write([]byte(part))
	}
	var sum [32]byte
	h.Sum(sum[:0])
	return sum
}

// Pepper is the key that new passwords are hashed with.
func (k *Keys) Pepper() []byte { return derive(k.masters[0], pepperKey, "") }

// OldPeppers are the peppers of the older master secrets. A password is hashed
// again with the new one at its owner's next sign-in, so an old secret must stay
// until those who matter have signed in once.
func (k *Keys) OldPeppers() [][]byte {
	var peppers [][]byte
	for _, m := range k.masters[1:] {
		peppers = append(peppers, derive(m, pepperKey, ""))
	}
	return peppers
}
