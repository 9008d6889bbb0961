package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Claims is what this application wants to know about the person.
type Claims struct {
	Subject string           `json:"sub"`
	Email   string           `json:"email"`
	ACR     string           `json:"acr"`
	Factors map[string]int64 `json:"factors"` // Unix time of each proof
}

// The kinds of token, as the header of each says. go-oidc does not look at it, and an
// ID token and an access token may have the same issuer and audience.
const (
	IDToken     = "JWT"
	AccessToken = "at+jwt" // RFC 9068
)

// RequireToken lets a request through only if the named header holds a token of that
// kind that the issuer signed for this audience and that has not expired. The
// discovery document is read once, keys when an unknown one is seen.
func RequireToken(ctx context.Context, issuer, audience, header, kind string) (func(http.Handler) http.Handler, error) {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, fmt.Errorf("reading discovery document: %w", err)
	}
	verifier := provider.VerifierContext(ctx, &oidc.Config{ClientID: audience})

	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var claims Claims
			raw := r.Header.Get(header)
			token, err := verifier.Verify(r.Context(), raw)
			if err == nil && kindOf(raw) != kind {
				err = errors.New("another kind of token")
			}
			if err == nil {
				err = token.Claims(&claims)
			}
			if err != nil {
				http.Error(w, "This application is reached through its gateway only.", http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), claimsKey{}, &claims)))
		})
	}, nil
}

// kindOf reads the header of a token whose signature has been verified.
func kindOf(token string) string {
	first, _, _ := strings.Cut(token, ".")
	data, err := base64.RawURLEncoding.DecodeString(first)
	var header struct {
		Type string `json:"typ"`
	}
	if err != nil || json.Unmarshal(data, &header) != nil {
		return ""
	}
	return header.Type
}

type claimsKey struct{}

// ClaimsOf returns the verified claims of a request that [RequireToken] let through.
func ClaimsOf(ctx context.Context) *Claims {
	c, _ := ctx.Value(claimsKey{}).(*Claims)
	return c
}
