package token

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/stepgate/stepgate/policy"
)

// The bounds of a token's life.
const (
	MinLifetime     = time.Minute
	MaxLifetime     = 5 * time.Minute
	DefaultLifetime = 5 * time.Minute
)

// MaxToken is the greatest length of a token, in bytes: two fit into the header
// budget of any server.
const MaxToken = 4096

// skew is how far the clock of an application may be behind ours.
const skew = 30 * time.Second

// maxNamed is the greatest length of a claim that configuration chooses.
const maxNamed = 255

// ErrEnded means that the session is over: there is nothing to mint.
var ErrEnded = errors.New("the session has ended")

// scope is what every access token is for: the person's identity.
const scope = "openid profile email"

// Minter makes tokens for one site.
type Minter struct {
	Ring     *Ring
	Issuer   string
	ClientID string // of the site: the client_id claim
	TenantID string // the tid claim; see the function TenantID
	// Lifetime of a token, between one and five minutes. Default: five.
	Lifetime time.Duration
	Now      func() time.Time
}

// Bundle is the tokens minted for one session at one proof. It is not changed
// after it was made, so it may be shared.
type Bundle struct {
	ID     string   // the ID token
	Access []string // one access token for each audience asked for, in that order
	Made   time.Time
	// RefreshAt is the half of the tokens' life: mint others from then on.
	RefreshAt time.Time
	Expires   time.Time
	// For is the caller's own: what the bundle was minted for.
	For any
}

// Fresh reports whether the tokens are in the first half of their life. A clock
// that was set back before they were made makes them stale.
func (b *Bundle) Fresh(now time.Time) bool {
	return !now.Before(b.Made) && now.Before(b.RefreshAt)
}

// Mint makes an ID token for idAudience and an access token for each of audiences.
// No token outlives ends, the session's end; once that has come the error is
// ErrEnded. A subject without an id, or whose proof would not even open a session,
// gets no token.
func (m *Minter) Mint(s Subject, idAudience string, audiences []string, ends time.Time) (*Bundle, error) {
	now := m.Now()
	life, err := lifetime(m.Lifetime, DefaultLifetime, MaxLifetime)
	if err != nil {
		return nil, fmt.Errorf("minting tokens: %w", err)
	}
	base, err := m.base(s, life, now, ends)
	if err != nil {
		return nil, fmt.Errorf("minting tokens: %w", err)
	}
	b := &Bundle{Made: now, Expires: time.Unix(base.Expires, 0)}
	b.RefreshAt = now.Add(b.Expires.Sub(now) / 2)
	if b.ID, err = m.sign(TypeID, base, idAudience); err != nil {
		return nil, fmt.Errorf("minting ID token: %w", err)
	}
	base.ClientID, base.Scope = m.ClientID, scope
	for _, audience := range audiences {
		access, err := m.sign(TypeAccess, base, audience)
		if err != nil {
			return nil, fmt.Errorf("minting access token: %w", err)
		}
		b.Access = append(b.Access, access)
	}
	return b, nil
}

func lifetime(life, byDefault, most time.Duration) (time.Duration, error) {
	if life == 0 {
		life = byDefault
	}
	if life < MinLifetime || life > most {
		return 0, fmt.Errorf("a lifetime of %s is not between %s and %s", life, MinLifetime, most)
	}
	return life, nil
}

// base is what the tokens of one bundle have in common.
func (m *Minter) base(s Subject, life time.Duration, now, ends time.Time) (claims, error) {
	expires := now.Add(life)
	if expires.After(ends) {
		expires = ends
	}
	// Whole seconds: a session in its last one is over for tokens.
	if expires.Unix() <= now.Unix() {
		return claims{}, ErrEnded
	}
	if s.User == "" || !policy.Floor.Met(s.Proof, now) {
		return claims{}, errors.New("the subject has no id or no first factor")
	}
	for _, named := range []string{m.Issuer, m.ClientID, m.TenantID, s.User, s.SID} {
		if len(named) > maxNamed {
			return claims{}, fmt.Errorf("a name of %d bytes is longer than %d", len(named), maxNamed)
		}
	}
	c := claims{
		Issuer:    m.Issuer,
		Subject:   s.User,
		Expires:   expires.Unix(),
		IssuedAt:  now.Unix(),
		NotBefore: now.Add(-skew).Unix(),
		SID:       s.SID,
		OID:       s.User,
		TID:       m.TenantID,
	}
	c.proved(s.Proof)
	c.person(s)
	return c, nil
}

func (m *Minter) sign(typ string, c claims, audience string) (string, error) {
	if audience == "" || len(audience) > maxNamed {
		return "", fmt.Errorf("an audience of %d bytes is not between 1 and %d", len(audience), maxNamed)
	}
	c.Audience = audience
	c.ID = tokenID()
	token, err := m.Ring.Sign(typ, c)
	if err == nil && len(token) > MaxToken {
		err = fmt.Errorf("a token of %d bytes is longer than %d", len(token), MaxToken)
	}
	if err != nil {
		return "", err
	}
	return token, nil
}

// tokenID is 128 random bits.
func tokenID() string {
	var id [16]byte
	rand.Read(id[:]) // never fails: the runtime ends the program first
	return base64.RawURLEncoding.EncodeToString(id[:])
}
