package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"time"
)

// PrivateBytes are the numbers that must never leave the ring.
func PrivateBytes(r *Ring) [][]byte {
	var secrets [][]byte
	for _, k := range r.keys {
		switch private := k.private.(type) {
		case *ecdsa.PrivateKey:
			if d, err := private.Bytes(); err == nil {
				secrets = append(secrets, d)
			}
		case ed25519.PrivateKey:
			secrets = append(secrets, private.Seed())
		case *rsa.PrivateKey:
			secrets = append(secrets, private.D.Bytes(), private.Primes[0].Bytes(), private.Primes[1].Bytes())
		}
	}
	return secrets
}

// Private is the key that signs.
func Private(r *Ring) any { return r.keys[0].private }

// RingOf is a ring of one given key, the same in each process.
func RingOf(alg Alg, private crypto.Signer, now func() time.Time) (*Ring, error) {
	k, err := newKey(alg, private, now())
	if err != nil {
		return nil, err
	}
	return newRing([]*Key{k}, now)
}
