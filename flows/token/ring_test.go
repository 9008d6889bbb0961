package token_test

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/stepgate/stepgate/flows/seal"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/flows/token"
)

var epoch = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// clock is a time that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newKeys(t testing.TB, masters ...byte) *seal.Keys {
	t.Helper()
	var secrets [][]byte
	for _, m := range masters {
		secrets = append(secrets, bytes.Repeat([]byte{m}, 32))
	}
	k, err := seal.New(secrets[0], secrets[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func load(t testing.TB, st store.Store, keys *seal.Keys, alg token.Alg, c *clock) *token.Ring {
	t.Helper()
	ring, err := token.LoadRingFor(context.Background(), st, keys, alg, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// published is the key set as a stranger reads it.
func published(t testing.TB, ring *token.Ring) jose.JSONWebKeySet {
	t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(ring.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	return set
}

// stored is every record of the store, by key.
func stored(t testing.TB, st store.Store) map[string][]byte {
	t.Helper()
	all := make(map[string][]byte)
	if err := st.View(context.Background(), func(tx store.Tx) error {
		return tx.Scan("k/", func(key string, value []byte) error {
			all[key] = value
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestManyWhoLoadTheFirstRingAtOnceEndWithOneKey(t *testing.T) {
	t.Parallel()
	st, keys := store.NewMemory(), newKeys(t, 1)
	rings := make([]*token.Ring, 20)
	var all sync.WaitGroup
	for i := range rings {
		all.Go(func() {
			ring, err := token.LoadRing(context.Background(), st, keys, time.Now)
			if err != nil {
				t.Error(err)
			}
			rings[i] = ring
		})
	}
	all.Wait()
	for _, ring := range rings {
		if set := published(t, ring); len(set.Keys) != 1 || !bytes.Equal(ring.JWKS(), rings[0].JWKS()) {
			t.Fatalf("two rings: %s and %s", ring.JWKS(), rings[0].JWKS())
		}
	}
}

// conflicting lets somebody else write between the look and the update, and runs
// the update twice, as a store may.
type conflicting struct {
	store.Store
	between func()
}

func (c *conflicting) Update(ctx context.Context, fn func(store.Tx) error) error {
	if between := c.between; between != nil {
		c.between = nil
		retry := errors.New("conflict")
		_ = c.Store.Update(ctx, func(tx store.Tx) error {
			if err := fn(tx); err != nil {
				return err
			}
			return retry
		})
		between()
	}
	return c.Store.Update(ctx, fn)
}

func TestAKeyMadeInTheMeantimeIsAdopted(t *testing.T) {
	t.Parallel()
	st, keys, c := store.NewMemory(), newKeys(t, 1), &clock{epoch}
	var theirs *token.Ring
	slow := &conflicting{Store: st, between: func() { theirs = load(t, st, keys, token.ES256, c) }}
	ours := load(t, slow, keys, token.ES256, c)
	if !bytes.Equal(ours.JWKS(), theirs.JWKS()) {
		t.Errorf("ours %s, theirs %s", ours.JWKS(), theirs.JWKS())
	}
}

func TestTheRingIsTheSameAfterARestart(t *testing.T) {
	t.Parallel()
	for _, alg := range []token.Alg{token.ES256, token.EdDSA, token.RS256} {
		st, keys, c := store.NewMemory(), newKeys(t, 1), &clock{epoch}
		first := load(t, st, keys, alg, c)
		c.at = c.at.Add(1000 * time.Hour)
		again := load(t, st, keys, alg, c)
		if !bytes.Equal(first.JWKS(), again.JWKS()) {
			t.Errorf("%s: first %s, then %s", alg, first.JWKS(), again.JWKS())
		}
		signed, err := again.Sign(token.TypeID, map[string]string{"sub": "ada"})
		if err != nil {
			t.Fatal(err)
		}
		jws, err := jose.ParseSigned(signed, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
		if err != nil {
			t.Fatal(err)
		}
		if payload, err := jws.Verify(published(t, first)); err != nil || string(payload) != `{"sub":"ada"}` {
			t.Errorf("%s: %s, %v", alg, payload, err)
		}
		if keys := again.PublicKeys(); len(keys) != 1 {
			t.Errorf("%s: %d public keys", alg, len(keys))
		}
	}
	if _, err := token.LoadRingFor(context.Background(), store.NewMemory(), newKeys(t, 1), "none", time.Now); err == nil {
		t.Error("a ring that signs with none")
	}
}

func TestAKeyIsNamedByItsThumbprint(t *testing.T) {
	t.Parallel()
	for _, alg := range []token.Alg{token.ES256, token.EdDSA, token.RS256} {
		k, err := token.Generate(alg, epoch)
		if err != nil {
			t.Fatal(err)
		}
		if len(k.ID) != 43 || strings.ContainsAny(k.ID, "+/=") {
			t.Errorf("%s: %q is no base64url SHA-256", alg, k.ID)
		}
		for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
			if out := fmt.Sprintf(format, k); out != k.ID {
				t.Errorf("%s: %s prints %q", alg, format, out)
			}
		}
	}
	// A stranger who reckons the name from what is published comes to the same.
	st, c := store.NewMemory(), &clock{epoch}
	set := published(t, load(t, st, newKeys(t, 1), token.ES256, c))
	sum, err := set.Keys[0].Thumbprint(crypto.SHA256)
	if err != nil || set.Keys[0].KeyID != jsonBase64(sum) {
		t.Errorf("kid %q, thumbprint %x, %v", set.Keys[0].KeyID, sum, err)
	}
}

func TestNothingPrivateIsPublishedOrStoredInTheClear(t *testing.T) {
	t.Parallel()
	for _, alg := range []token.Alg{token.ES256, token.EdDSA, token.RS256} {
		st, c := store.NewMemory(), &clock{epoch}
		ring := load(t, st, newKeys(t, 1), alg, c)
		var set struct{ Keys []map[string]any }
		if err := json.Unmarshal(ring.JWKS(), &set); err != nil || len(set.Keys) != 1 {
			t.Fatalf("%s: %v", ring.JWKS(), err)
		}
		allowed := map[string]bool{"kty": true, "kid": true, "alg": true, "use": true, "crv": true, "x": true, "y": true, "n": true, "e": true}
		for name := range set.Keys[0] {
			if !allowed[name] {
				t.Errorf("%s publishes %q", alg, name)
			}
		}
		for _, secret := range token.PrivateBytes(ring) {
			forms := [][]byte{secret, []byte(jsonBase64(secret)), fmt.Appendf(nil, "%x", secret), []byte(new(big.Int).SetBytes(secret).String())}
			for _, form := range forms {
				if bytes.Contains(ring.JWKS(), form) || bytes.Contains(ring.Discovery("https://app.example"), form) {
					t.Errorf("%s publishes private bytes", alg)
				}
				for key, value := range stored(t, st) {
					if bytes.Contains(value, form) {
						t.Errorf("%s stores private bytes in the clear at %s", alg, key)
					}
				}
			}
		}
	}
}

func TestAChangedRecordIsNoRing(t *testing.T) {
	t.Parallel()
	keys, c := newKeys(t, 1), &clock{epoch}
	st := store.NewMemory()
	load(t, st, keys, token.ES256, c)
	good := string(stored(t, st)["k/ring"])
	other := store.NewMemory()
	load(t, other, keys, token.ES256, c)
	theirs := string(stored(t, other)["k/ring"])

	part := func(record, name string) string {
		_, after, _ := strings.Cut(record, `"`+name+`":"`)
		value, _, _ := strings.Cut(after, `"`)
		return value
	}
	for what, changed := range map[string]string{
		"garbage":             "garbage",
		"another version":     strings.Replace(good, `"v":1`, `"v":2`, 1),
		"another key's name":  strings.Replace(good, part(good, "kid"), part(theirs, "kid"), 1),
		"another key inside":  strings.Replace(good, part(good, "sealed"), part(theirs, "sealed"), 1),
		"another algorithm":   strings.Replace(good, "ES256", "EdDSA", 1),
		"nothing inside":      strings.Replace(good, part(good, "sealed"), "", 1),
		"a time that is none": strings.Replace(good, part(good, "made"), "soon", 1),
	} {
		if changed == good {
			t.Fatalf("%s: nothing was changed", what)
		}
		if err := st.Update(context.Background(), func(tx store.Tx) error { return tx.Set("k/ring", []byte(changed), 0) }); err != nil {
			t.Fatal(err)
		}
		if ring, err := token.LoadRing(context.Background(), st, keys, c.now); err == nil {
			t.Errorf("%s: %s", what, ring.JWKS())
		}
		if after := string(stored(t, st)["k/ring"]); after != changed {
			t.Errorf("%s: the record was written over", what)
		}
	}
}

func TestTheSecretMayChangeWhileTheFormerOneIsGiven(t *testing.T) {
	t.Parallel()
	st, c := store.NewMemory(), &clock{epoch}
	first := load(t, st, newKeys(t, 1), token.ES256, c)

	_, err := token.LoadRing(context.Background(), st, newKeys(t, 2), c.now)
	if !errors.Is(err, seal.ErrOpen) || !strings.Contains(err.Error(), "former") {
		t.Errorf("with another secret: %v", err)
	}
	// Loading with both seals the key under the new one, so the old can be dropped.
	for _, keys := range []*seal.Keys{newKeys(t, 2, 1), newKeys(t, 2)} {
		if ring := load(t, st, keys, token.ES256, c); !bytes.Equal(ring.JWKS(), first.JWKS()) {
			t.Errorf("another ring: %s", ring.JWKS())
		}
	}
}

func TestAKeyThatSignsNoMoreIsPublishedUntilItsTokensAreDead(t *testing.T) {
	t.Parallel()
	st, keys, c := store.NewMemory(), newKeys(t, 1), &clock{epoch}
	old := published(t, load(t, st, keys, token.ES256, c)).Keys[0].KeyID

	ring := load(t, st, keys, token.EdDSA, c)
	set := published(t, ring)
	if len(set.Keys) != 2 || set.Keys[0].Algorithm != "EdDSA" || set.Keys[1].KeyID != old {
		t.Fatalf("after a change of algorithm: %s", ring.JWKS())
	}
	signed, err := ring.Sign(token.TypeID, struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	if header := headerOf(t, signed); header["kid"] != set.Keys[0].KeyID || header["alg"] != "EdDSA" {
		t.Errorf("signed by %v", header)
	}

	c.at = epoch.Add(token.Overlap - 1)
	if n := len(published(t, ring).Keys); n != 2 {
		t.Errorf("just before its end the old key is gone: %d", n)
	}
	if n := len(published(t, load(t, st, keys, token.EdDSA, c)).Keys); n != 2 {
		t.Errorf("just before its end the old key is not loaded: %d", n)
	}
	c.at = epoch.Add(token.Overlap)
	if n := len(published(t, ring).Keys); n != 1 || len(ring.PublicKeys()) != 1 {
		t.Errorf("after its end the old key is still published: %d", n)
	}
	// Its time over, it may not come back when the algorithm does.
	back := published(t, load(t, st, keys, token.ES256, c))
	if len(back.Keys) != 2 || back.Keys[0].KeyID == old || back.Keys[0].Algorithm != "ES256" {
		t.Errorf("after changing back: %+v", back.Keys)
	}
	if bytes.Contains(stored(t, st)["k/ring"], []byte(old)) {
		t.Error("the dead key is still stored")
	}
}

// Verifiers were told that it ends.
func TestAKeyThatSignsNoMoreNeverSignsAgain(t *testing.T) {
	t.Parallel()
	st, keys, c := store.NewMemory(), newKeys(t, 1), &clock{epoch}
	old := published(t, load(t, st, keys, token.ES256, c)).Keys[0].KeyID
	load(t, st, keys, token.EdDSA, c)
	back := published(t, load(t, st, keys, token.ES256, c))
	if len(back.Keys) != 3 || back.Keys[0].KeyID == old || back.Keys[0].Algorithm != "ES256" {
		t.Errorf("after changing back at once: %+v", back.Keys)
	}
}

func TestAStoreThatIsDownMakesNoRing(t *testing.T) {
	t.Parallel()
	st := store.NewMemory()
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := token.LoadRing(context.Background(), st, newKeys(t, 1), time.Now); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestSigningCountsAndKnowsItsTypes(t *testing.T) {
	t.Parallel()
	ring := load(t, store.NewMemory(), newKeys(t, 1), token.ES256, &clock{epoch})
	for _, typ := range []string{token.TypeID, token.TypeAccess} {
		signed, err := ring.Sign(typ, struct{}{})
		if err != nil || headerOf(t, signed)["typ"] != typ {
			t.Errorf("%s: %v, %v", typ, signed, err)
		}
	}
	for _, typ := range []string{"", "jwt", "application/at+jwt"} {
		if signed, err := ring.Sign(typ, struct{}{}); err == nil {
			t.Errorf("%q: %s", typ, signed)
		}
	}
	if _, err := ring.Sign(token.TypeID, func() {}); err == nil {
		t.Error("a function was signed")
	}
	if n := ring.Signatures(); n != 2 {
		t.Errorf("%d signatures were counted", n)
	}
}

func BenchmarkSign(b *testing.B) {
	for _, alg := range []token.Alg{token.ES256, token.EdDSA, token.RS256} {
		ring := load(b, store.NewMemory(), newKeys(b, 1), alg, &clock{epoch})
		b.Run(string(alg), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ring.Sign(token.TypeID, map[string]string{"sub": "ada"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
