package token

import (
	"context"
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4/json" // refuses doubled members, and sub is not Sub

	"github.com/stepgate/stepgate/policy"
)

// Access is what a client's access token says, once it is verified.
type Access struct {
	User, SID, ClientID string
	Scope               []string
	// Proof is the one that was minted, its times cut to whole seconds: a proof never
	// gets younger on its way through a token.
	Proof   policy.Proof
	Expires time.Time
}

// Verifier judges access tokens that come in. It is a plain value without state: make
// one for each call or keep it, neither costs anything. All fields are required.
type Verifier struct {
	Ring      *Ring
	Issuer    string
	Audiences []string // any of them
	ClientIDs []string // any of them: the clients of the site
	Now       func() time.Time
}

// Access verifies an access token (RFC 9068, section 4) that MintClient made, with a
// key that is still published; nothing else has a chance, however well it is signed.
// Whether the sign-in still lives is the caller's to find out. The error is for logs,
// holds nothing of the token's secret, and always means that the token is worthless.
func (v *Verifier) Access(ctx context.Context, raw string) (Access, error) {
	now := v.Now()
	payload, err := v.payload(ctx, raw, now)
	if err != nil {
		return Access{}, fmt.Errorf("verifying an access token: %w", err)
	}
	a, err := v.read(payload, now)
	if err != nil {
		return Access{}, fmt.Errorf("verifying an access token: %w", err)
	}
	return a, nil
}

// check is what verifies the access tokens of one key: its algorithm only, and no
// other key, whatever a key set would try.
type check struct {
	key  *Key
	set  *oidc.StaticKeySet
	algs []string
}

// newChecks returns the checks by the first segment of the tokens they are for. A
// header of ours has exactly one spelling, so that alg, typ and kid are compared at
// once, and nothing else (crit, jwk, jku, x5c, b64) can be in it.
func newChecks(keys []*Key) map[string]*check {
	checks := make(map[string]*check, len(keys))
	for _, k := range keys {
		header := mustJSON(struct {
			Alg Alg    `json:"alg"`
			Kid string `json:"kid"`
			Typ string `json:"typ"`
		}{k.Alg, k.ID, TypeAccess})
		checks[base64.RawURLEncoding.EncodeToString(header)] = &check{
			key:  k,
			set:  &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{k.private.Public()}},
			algs: []string{string(k.Alg)},
		}
	}
	return checks
}

// payload is what a key of ours has signed, as yet only checked for its issuer and its
// end.
func (v *Verifier) payload(ctx context.Context, raw string, now time.Time) ([]byte, error) {
	if len(raw) > MaxToken {
		return nil, fmt.Errorf("%d bytes are longer than any token", len(raw))
	}
	header, rest, _ := strings.Cut(raw, ".")
	c, ok := v.Ring.checks[header]
	if !ok || !c.key.publishedAt(now) {
		return nil, errors.New("its header is not that of an access token by a key of ours")
	}
	body, signature, _ := strings.Cut(rest, ".")
	if !canonical(body) || !canonical(signature) {
		return nil, errors.New("it is not spelt as tokens are")
	}
	verified, err := oidc.NewVerifier(v.Issuer, c.set, &oidc.Config{
		SupportedSigningAlgs: c.algs,
		SkipClientIDCheck:    true, // the audience is compared in read, which allows only one
		Now:                  func() time.Time { return now },
	}).Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	var payload json.RawMessage
	err = verified.Claims(&payload)
	return payload, err
}

// canonical reports whether a segment is the one spelling of what it holds: readers of
// base64 pass over line breaks and spare bits.
func canonical(segment string) bool {
	data, err := base64.RawURLEncoding.DecodeString(segment)
	return err == nil && base64.RawURLEncoding.EncodeToString(data) == segment
}

// read believes the claims if they are what MintClient writes. What go-oidc has looked
// at is looked at again, since it reads names of claims in any case and takes the last.
func (v *Verifier) read(payload []byte, now time.Time) (Access, error) {
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return Access{}, fmt.Errorf("reading its claims: %w", err)
	}
	switch {
	case c.Issuer != v.Issuer:
		return Access{}, fmt.Errorf("its issuer is %q", c.Issuer)
	case !slices.Contains(v.Audiences, c.Audience):
		return Access{}, fmt.Errorf("it is for %q", c.Audience)
	case !slices.Contains(v.ClientIDs, c.ClientID):
		return Access{}, fmt.Errorf("it is of the client %q", c.ClientID)
	case c.Subject == "" || c.Subject != c.OID:
		return Access{}, errors.New("its subject is not clear")
	case c.SID == "":
		return Access{}, errors.New("it names no sign-in")
	}
	if err := c.timely(now); err != nil {
		return Access{}, err
	}
	proof, err := c.proof(now)
	if err != nil {
		return Access{}, err
	}
	a := Access{User: c.Subject, SID: c.SID, ClientID: c.ClientID, Proof: proof, Expires: time.Unix(c.Expires, 0)}
	if c.Scope != "" {
		a.Scope = strings.Split(c.Scope, " ")
	}
	if _, err := scopeClaim(a.Scope); err != nil {
		return Access{}, err
	}
	return a, nil
}

// timely refuses a token outside its time, which ends with the second exp (RFC 7519,
// section 4.1.4), and one that claims a longer life than any has.
func (c *claims) timely(now time.Time) error {
	if !now.Before(time.Unix(c.Expires, 0)) {
		return &oidc.TokenExpiredError{Expiry: time.Unix(c.Expires, 0)}
	}
	soon := now.Add(skew).Unix()
	switch {
	case c.IssuedAt <= 0 || c.IssuedAt > soon:
		return errors.New("it was issued at no time or in the future")
	case c.NotBefore <= 0 || c.NotBefore > now.Unix():
		return errors.New("it is not good yet")
	case c.Expires-c.IssuedAt > int64(MaxClientLifetime/time.Second):
		return errors.New("its life is longer than that of any token")
	}
	return nil
}

// channels that can be spent, by their words.
var channels = map[string]policy.Channel{
	policy.Knowledge.String(): policy.Knowledge,
	policy.Mailbox.String():   policy.Mailbox,
	policy.Phone.String():     policy.Phone,
}

// proof is what was proved. A proof that is not understood whole is not believed.
func (c *claims) proof(now time.Time) (policy.Proof, error) {
	var p policy.Proof
	soon := now.Add(skew).Unix()
	for word, at := range c.Factors {
		f, ok := policy.ParseFactor(word)
		if !ok {
			return policy.Proof{}, fmt.Errorf("unknown factor %q", word)
		}
		if at <= 0 || at > soon {
			return policy.Proof{}, fmt.Errorf("impossible time %d of %s", at, word)
		}
		p = p.With(f, time.Unix(at, 0))
	}
	// After the factors: proving one may restore a channel.
	for _, word := range c.Spent {
		channel, ok := channels[word]
		if !ok {
			return policy.Proof{}, fmt.Errorf("unknown channel %q", word)
		}
		p = p.Spend(channel)
	}
	if !policy.Floor.Met(p, now) {
		return policy.Proof{}, errors.New("it proves no first factor")
	}
	return p, nil
}
