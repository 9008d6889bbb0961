package seal

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"slices"

	"golang.org/x/crypto/chacha20poly1305"
)

// A sealed record is
//
//	version (1) | id of the master secret (4) | nonce (24) | ciphertext and tag
//
// with XChaCha20-Poly1305, whose nonce is long enough to be drawn at random for as
// many records as anybody will ever write.
const (
	boxVersion = 1
	boxHead    = 1 + 4
	boxNonce   = chacha20poly1305.NonceSizeX
	// BoxOverhead is how much longer a sealed record is than its content, in bytes.
	BoxOverhead = boxHead + boxNonce + chacha20poly1305.Overhead
)

// box is the key of one label and one master secret.
type box struct {
	head []byte // version and id
	aead cipher.AEAD
}

// Seal encrypts and authenticates a record at rest. The label names its purpose;
// aad names the record itself, so that sealed bytes moved to another record do not
// open there.
func (k *Keys) Seal(label string, plain []byte, aad string) ([]byte, error) {
	b := k.boxesFor(label)[0]
	sealed := make([]byte, boxHead+boxNonce, len(plain)+BoxOverhead)
	copy(sealed, b.head)
	nonce := sealed[boxHead:]
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("sealing %s: %w", label, err)
	}
	return b.aead.Seal(sealed, nonce, plain, []byte(aad)), nil
}

// Open returns what was sealed with the same label and aad, under any of the master
// secrets. Anything else is an error that wraps ErrOpen.
func (k *Keys) Open(label string, sealed []byte, aad string) ([]byte, error) {
	if len(sealed) < BoxOverhead {
		return nil, fmt.Errorf("opening %s: %w: too short", label, ErrOpen)
	}
	for _, b := range k.boxesFor(label) {
		if !bytes.Equal(b.head, sealed[:boxHead]) {
			continue
		}
		plain, err := b.aead.Open(nil, sealed[boxHead:boxHead+boxNonce], sealed[boxHead+boxNonce:], []byte(aad))
		if err == nil {
			return plain, nil
		}
	}
	return nil, fmt.Errorf("opening %s: %w", label, ErrOpen)
}

// Current reports whether a sealed record was sealed under the first master secret.
// One that was not should be sealed again before its secret is dropped.
func (k *Keys) Current(label string, sealed []byte) bool {
	return len(sealed) >= BoxOverhead && bytes.Equal(k.boxesFor(label)[0].head, sealed[:boxHead])
}

func (k *Keys) boxesFor(label string) []box {
	if boxes, ok := k.boxes.Load(label); ok {
		return boxes.([]box)
	}
	var made []box
	for _, m := range k.masters {
		aead, err := chacha20poly1305.NewX(derive(m, boxKey, label))
		if err != nil {
			panic("seal: " + err.Error()) // only for a key of another length
		}
		id := derive(m, boxID, "")[:boxHead-1]
		made = append(made, box{slices.Concat([]byte{boxVersion}, id), aead})
	}
	boxes, _ := k.boxes.LoadOrStore(label, made)
	return boxes.([]box)
}
