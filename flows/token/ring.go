package token

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/stepgate/stepgate/flows/seal"
	"github.com/stepgate/stepgate/flows/store"
)

// Overlap is how long a key that signs no more is still published: many times the
// life of a token, and long enough for verifiers that fetch keys once a day.
const Overlap = 48 * time.Hour

// The typ headers that Sign accepts. An application that checks them cannot take
// one kind of token for the other (RFC 8725, section 3.11).
const (
	TypeID     = "JWT"
	TypeAccess = "at+jwt"
)

// ringKey holds all signing keys in one record, so that whoever wants to add one
// must have read the others: two processes that start together end with one key.
const ringKey = "k/ring"

type ringRecord struct {
	Version int         `json:"v"`
	Keys    []keyRecord `json:"keys"`
}

const ringVersion = 1

// Ring is the signing keys as they were when it was loaded: one signs, all are
// published until their time is over. It is safe for concurrent use.
type Ring struct {
	keys       []*Key // the first signs
	now        func() time.Time
	signers    map[string]jose.Signer // by typ
	checks     map[string]*check      // by the first segment of an access token
	signatures atomic.Uint64
}

// LoadRing is LoadRingFor with ES256.
func LoadRing(ctx context.Context, st store.Store, keys *seal.Keys, now func() time.Time) (*Ring, error) {
	return LoadRingFor(ctx, st, keys, ES256, now)
}

// LoadRingFor reads the signing keys from the store. If none may sign with alg it
// makes one, and the keys of other algorithms sign no more. Private keys are stored
// sealed; a key that does not open is an error, since replacing it in silence would
// hide a lost or wrong secret.
func LoadRingFor(ctx context.Context, st store.Store, keys *seal.Keys, alg Alg, now func() time.Time) (*Ring, error) {
	var found []*Key
	var complete bool
	look := func(tx store.Tx) (err error) {
		found, complete, err = readRing(tx, keys, alg, now())
		return err
	}
	if err := st.View(ctx, look); err != nil {
		return nil, fmt.Errorf("loading signing keys: %w", err)
	}
	if !complete {
		// Made outside the transaction, which may run more than once.
		fresh, err := Generate(alg, now())
		if err != nil {
			return nil, err
		}
		err = st.Update(ctx, func(tx store.Tx) error {
			if err := look(tx); err != nil || complete {
				return err // complete: somebody else was faster, and there is nothing to write
			}
			found = adopt(found, fresh, alg, now())
			return writeRing(tx, keys, found)
		})
		if err != nil {
			return nil, fmt.Errorf("storing signing keys: %w", err)
		}
	}
	return newRing(found, now)
}

// readRing returns the keys that are not over, the signing one first. complete
// reports that nothing needs to be written: there is a key to sign with, and all
// are sealed under the newest secret.
func readRing(tx store.Tx, keys *seal.Keys, alg Alg, now time.Time) (found []*Key, complete bool, err error) {
	value, err := tx.Get(ringKey)
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	var rec ringRecord
	if err := json.Unmarshal(value, &rec); err != nil {
		return nil, false, fmt.Errorf("reading signing keys: %w", err)
	}
	if rec.Version != ringVersion {
		return nil, false, fmt.Errorf("reading signing keys: unknown record version %d", rec.Version)
	}
	current := true
	for i := range rec.Keys {
		if r := &rec.Keys[i]; r.Until.IsZero() || r.Until.After(now) {
			k, err := r.open(keys)
			if err != nil {
				return nil, false, err
			}
			found = append(found, k)
			current = current && keys.Current(sealLabel, r.Sealed)
		}
	}
	slices.SortFunc(found, func(a, b *Key) int {
		return cmp.Or(cmp.Compare(rank(a, alg), rank(b, alg)), b.Made.Compare(a.Made), cmp.Compare(a.ID, b.ID))
	})
	return found, current && len(found) > 0 && rank(found[0], alg) == 0, nil
}

// rank is 0 for a key that may sign with alg.
func rank(k *Key, alg Alg) int {
	if k.Until.IsZero() && k.Alg == alg {
		return 0
	}
	return 1
}

// adopt puts fresh first and retires the others, unless one of them can sign: then
// only their seals were old, and fresh is dropped.
func adopt(found []*Key, fresh *Key, alg Alg, now time.Time) []*Key {
	if len(found) > 0 && rank(found[0], alg) == 0 {
		return found
	}
	for _, k := range found {
		if k.Until.IsZero() {
			k.Until = now.Add(Overlap)
		}
	}
	return append([]*Key{fresh}, found...)
}

func writeRing(tx store.Tx, keys *seal.Keys, ring []*Key) error {
	rec := ringRecord{Version: ringVersion}
	for _, k := range ring {
		r, err := k.record(keys)
		if err != nil {
			return err
		}
		rec.Keys = append(rec.Keys, r)
	}
	value, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("writing signing keys: %w", err)
	}
	return tx.Set(ringKey, value, 0)
}

func newRing(keys []*Key, now func() time.Time) (*Ring, error) {
	r := &Ring{keys: keys, now: now, signers: make(map[string]jose.Signer), checks: newChecks(keys)}
	first := keys[0]
	for _, typ := range []string{TypeID, TypeAccess} {
		signer, err := jose.NewSigner(jose.SigningKey{
			Algorithm: jose.SignatureAlgorithm(first.Alg),
			Key:       jose.JSONWebKey{Key: first.private, KeyID: first.ID},
		}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
		if err != nil {
			return nil, fmt.Errorf("using signing key %s: %w", first.ID, err)
		}
		r.signers[typ] = signer
	}
	return r, nil
}

// Sign returns a compact JWS over the claims as JSON, with typ, which is TypeID or
// TypeAccess, and the key's id in its header.
func (r *Ring) Sign(typ string, claims any) (string, error) {
	signer, ok := r.signers[typ]
	if !ok {
		return "", fmt.Errorf("signing a token: unknown type %q", typ)
	}
	// No HTML escaping: a token is bounded in size, and "&" should not cost six bytes.
	var payload bytes.Buffer
	enc := json.NewEncoder(&payload)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(claims); err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	r.signatures.Add(1)
	jws, err := signer.Sign(bytes.TrimRight(payload.Bytes(), "\n"))
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return jws.CompactSerialize()
}

// Signatures is how many tokens were signed since the ring was loaded.
func (r *Ring) Signatures() uint64 { return r.signatures.Load() }

// PublicKeys are the public parts of all published keys, the signing one first: for
// verifying tokens in this process, without the network.
func (r *Ring) PublicKeys() []crypto.PublicKey {
	var keys []crypto.PublicKey
	for _, k := range r.published() {
		keys = append(keys, k.private.Public())
	}
	return keys
}

// published leaves out keys whose time has come since the ring was loaded.
func (r *Ring) published() []*Key {
	now := r.now()
	var keys []*Key
	for _, k := range r.keys {
		if k.publishedAt(now) {
			keys = append(keys, k)
		}
	}
	return keys
}
