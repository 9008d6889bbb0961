package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/stepgate/stepgate/flows/seal"
)

// Alg is a signature algorithm by its JOSE name.
type Alg string

// The algorithms there are.
const (
	ES256 Alg = "ES256" // the default
	EdDSA Alg = "EdDSA" // Ed25519
	RS256 Alg = "RS256" // 2048 bits; for applications that know nothing newer
)

// sealLabel is the purpose under which private keys are sealed in the store.
const sealLabel = "token signing key"

// Key is one key pair for signing tokens. It prints as its id.
type Key struct {
	ID   string // its RFC 7638 thumbprint (SHA-256)
	Alg  Alg
	Made time.Time
	// Until is when the last token signed with it is dead, for a key that signs no
	// more; zero while it may sign.
	Until   time.Time
	private crypto.Signer
}

func (k *Key) String() string { return k.ID }

// GoString is String: a private key is never printed.
func (k *Key) GoString() string { return k.ID }

// Generate makes a key pair.
func Generate(alg Alg, now time.Time) (*Key, error) {
	var private crypto.Signer
	var err error
	switch alg {
	case ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case EdDSA:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case RS256:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		err = fmt.Errorf("unknown algorithm %q: ES256, EdDSA and RS256 are known", alg)
	}
	if err != nil {
		return nil, fmt.Errorf("generating a signing key: %w", err)
	}
	return newKey(alg, private, now)
}

func newKey(alg Alg, private crypto.Signer, made time.Time) (*Key, error) {
	k := &Key{Alg: alg, Made: made, private: private}
	jwk := k.public()
	sum, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("naming a signing key: %w", err)
	}
	k.ID = base64.RawURLEncoding.EncodeToString(sum)
	return k, nil
}

// publishedAt reports whether tokens signed with the key are to be believed.
func (k *Key) publishedAt(now time.Time) bool { return k.Until.IsZero() || k.Until.After(now) }

// public is the key as it is published (RFC 7517).
func (k *Key) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.private.Public(), KeyID: k.ID, Algorithm: string(k.Alg), Use: "sig"}
}

// keyRecord is a key as the store has it.
type keyRecord struct {
	ID     string    `json:"kid"`
	Alg    Alg       `json:"alg"`
	Made   time.Time `json:"made"`
	Until  time.Time `json:"until,omitzero"`
	Sealed []byte    `json:"sealed"` // PKCS #8, bound to kid and alg
}

func (r *keyRecord) bond() string { return string(r.Alg) + " " + r.ID }

func (k *Key) record(keys *seal.Keys) (keyRecord, error) {
	r := keyRecord{ID: k.ID, Alg: k.Alg, Made: k.Made, Until: k.Until}
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err == nil {
		r.Sealed, err = keys.Seal(sealLabel, der, r.bond())
	}
	if err != nil {
		return keyRecord{}, fmt.Errorf("sealing signing key %s: %w", k.ID, err)
	}
	return r, nil
}

// open believes the id and the algorithm because the seal is bound to both.
func (r *keyRecord) open(keys *seal.Keys) (*Key, error) {
	der, err := keys.Open(sealLabel, r.Sealed, r.bond())
	if err != nil {
		return nil, fmt.Errorf("opening signing key %s: %w (the keys were made with another secret: put the former one back)", r.ID, err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("reading signing key %s: %w", r.ID, err)
	}
	private, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("reading signing key %s: it cannot sign", r.ID)
	}
	k, err := newKey(r.Alg, private, r.Made)
	if err != nil {
		return nil, err
	}
	k.Until = r.Until
	return k, nil
}
