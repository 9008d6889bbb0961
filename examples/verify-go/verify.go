package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Claims is what this application wants to know about the person.
type Claims struct {
	Subject string           `json:"sub"`
	Email   string           `json:"email"`
	ACR     string           `json:"acr"`
	Factors map[string]int64 `json:"factors"` // Unix time of each proof
}

// RequireToken lets a request through only if the named header holds a token that
// the issuer signed for this audience and that has not expired. The discovery
// document is read once, keys when an unknown one is seen.
func RequireToken(ctx context.Context, issuer, audience, header string) (func(http.Handler) http.Handler, error) {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, fmt.Errorf("reading discovery document: %w", err)
	}
	verifier := provider.VerifierContext(ctx, &oidc.Config{ClientID: audience})

	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var claims Claims
			token, err := verifier.Verify(r.Context(), r.Header.Get(header))
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

type claimsKey struct{}

// ClaimsOf returns the verified claims of a request that [RequireToken] let through.
func ClaimsOf(ctx context.Context) *Claims {
	c, _ := ctx.Value(claimsKey{}).(*Claims)
	return c
}
