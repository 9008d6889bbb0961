package token

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The bounds of the life of a client's access token. It is longer than that of tokens
// for applications behind the gateway, since the gateway looks at each use whether the
// sign-in still lives.
const (
	MaxClientLifetime     = time.Hour
	DefaultClientLifetime = 15 * time.Minute
)

// The greatest lengths of what a client can ask for, in bytes as JSON has them.
const (
	maxScope = 512
	maxACRs  = 256 // with quotes and commas
)

// clientVersion is the ver claim that libraries written for Microsoft's tokens read.
const clientVersion = "2.0"

// ClientTokens says what the tokens of a client are to be.
type ClientTokens struct {
	ClientID string
	Audience string        // of the access token
	Scope    []string      // granted; at most 512 bytes with the spaces between them
	ACRs     []string      // authentication contexts that were asked for and are met; at most 256 bytes in all
	Lifetime time.Duration // between MinLifetime and MaxClientLifetime; 0 = DefaultClientLifetime
}

// Check refuses more scopes or contexts than a token can hold. Minting asks as well; ask
// first, where something is used up before.
func (c ClientTokens) Check() error {
	if _, err := scopeClaim(c.Scope); err != nil {
		return err
	}
	return checkACRs(c.ACRs)
}

// ClientBundle is what one answer of the token endpoint holds, but for the refresh token.
type ClientBundle struct {
	ID, Access string
	Expires    time.Time // of both, in whole seconds
}

// MintClient makes the tokens of a client: an ID token for the client itself, and an
// access token (RFC 9068) for c.Audience that a Verifier reads back. The rules of Mint
// hold, but for the lifetime, and the subject must name its sign-in.
func (m *Minter) MintClient(s Subject, c ClientTokens, ends time.Time) (*ClientBundle, error) {
	scope, err := scopeClaim(c.Scope)
	if err != nil {
		return nil, fmt.Errorf("minting a client's tokens: %w", err)
	}
	if err := checkACRs(c.ACRs); err != nil {
		return nil, fmt.Errorf("minting a client's tokens: %w", err)
	}
	life, err := lifetime(c.Lifetime, DefaultClientLifetime, MaxClientLifetime)
	if err != nil {
		return nil, fmt.Errorf("minting a client's tokens: %w", err)
	}
	if s.SID == "" {
		return nil, errors.New("minting a client's tokens: the subject names no sign-in")
	}
	claims, err := m.base(s, life, m.Now(), ends)
	if err != nil {
		return nil, fmt.Errorf("minting a client's tokens: %w", err)
	}
	claims.Version = clientVersion
	b := &ClientBundle{Expires: time.Unix(claims.Expires, 0)}
	if b.ID, err = m.sign(TypeID, claims, c.ClientID); err != nil {
		return nil, fmt.Errorf("minting a client's ID token: %w", err)
	}
	claims.ClientID, claims.Scope, claims.ACRs = c.ClientID, scope, c.ACRs
	for _, channel := range s.Proof.Spent() {
		claims.Spent = append(claims.Spent, channel.String())
	}
	if b.Access, err = m.sign(TypeAccess, claims, c.Audience); err != nil {
		return nil, fmt.Errorf("minting a client's access token: %w", err)
	}
	return b, nil
}

// scopeClaim joins scopes (RFC 6749, section 3.3).
func scopeClaim(scopes []string) (string, error) {
	for _, s := range scopes {
		if !isScope(s) {
			return "", errors.New("a scope is empty or has characters that no scope may have")
		}
	}
	claim := strings.Join(scopes, " ")
	if len(claim) > maxScope {
		return "", fmt.Errorf("scopes of %d bytes are longer than %d", len(claim), maxScope)
	}
	return claim, nil
}

// isScope: visible ASCII but for quotes and backslashes, which also keeps its JSON
// form as long as itself.
func isScope(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '"' || r == '\\'
	})
}

func checkACRs(acrs []string) error {
	n := 0
	for _, a := range acrs {
		if a == "" || clean(a) != a {
			return errors.New("an authentication context is empty or has control characters")
		}
		n += length(a) + 3
	}
	if n > maxACRs {
		return fmt.Errorf("authentication contexts of %d bytes are longer than %d", n, maxACRs)
	}
	return nil
}
