package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
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
