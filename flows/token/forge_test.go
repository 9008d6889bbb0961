package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/stepgate/stepgate/flows/token"
)

// Tools of a forger, who writes headers and claims byte by byte, as no library would.

// header of the access tokens that a ring of one key makes.
func (g *gate) header(t testing.TB) string {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(strings.Split(g.mint(t, ada(), forClient()).Access, ".")[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// claims of a good access token.
func (g *gate) claims(t testing.TB) map[string]any {
	t.Helper()
	return payloadOf(t, g.mint(t, ada(), forClient()).Access)
}

// resigned is a token with our own header and key, over whatever claims.
func (g *gate) resigned(t testing.TB, claims []byte) string {
	t.Helper()
	return compact(t, g.header(t), claims, token.Private(g.ring))
}

func encoded(t testing.TB, claims map[string]any) []byte {
	t.Helper()
	data, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// changed is a copy of claims with one of them set; nil takes it away.
func changed(claims map[string]any, name string, value any) map[string]any {
	c := maps.Clone(claims)
	c[name] = value
	if value == nil {
		delete(c, name)
	}
	return c
}

// compact is the JWS of any header and claims, by the algorithm that fits the key: a
// []byte is a secret for HMAC, and no key makes no signature.
func compact(t testing.TB, header string, claims []byte, key any) string {
	t.Helper()
	input := jsonBase64([]byte(header)) + "." + jsonBase64(claims)
	digest := sha256.Sum256([]byte(input))
	var signature []byte
	var err error
	switch key := key.(type) {
	case nil:
	case []byte:
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(input))
		signature = mac.Sum(nil)
	case ed25519.PrivateKey:
		signature = ed25519.Sign(key, []byte(input))
	case *ecdsa.PrivateKey:
		r, s, failure := ecdsa.Sign(rand.Reader, key, digest[:])
		if err = failure; err == nil {
			signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}
	case *rsa.PrivateKey:
		signature, err = rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	default:
		t.Fatalf("no forger has a %T", key)
	}
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + jsonBase64(signature)
}

// The forger's tools work: what they make of the right parts is accepted. Without
// this every refusal below would prove nothing.
func TestTokensThatTheForgerMakesOfTheRightPartsAreAccepted(t *testing.T) {
	t.Parallel()
	for _, alg := range []token.Alg{token.ES256, token.EdDSA, token.RS256} {
		g := newGate(t, alg)
		if got, err := g.access(g.resigned(t, encoded(t, g.claims(t)))); err != nil || got.User != "u1" {
			t.Errorf("%s: %v, %v", alg, got, err)
		}
	}
}
