package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"
	"github.com/go-jose/go-jose/v4"
)

const audience = "https://payroll.example.com"

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestOnlyATokenForThisApplicationLetsARequestThrough(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	idp := &oidctest.Server{
		PublicKeys: []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: "k1", Algorithm: oidc.ES256}},
		Algorithms: []string{oidc.ES256},
	}
	srv := httptest.NewServer(idp)
	t.Cleanup(srv.Close)
	idp.SetIssuer(srv.URL)

	require, err := RequireToken(t.Context(), srv.URL, audience, "X-Id-Token", IDToken)
	if err != nil {
		t.Fatal(err)
	}
	app := require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, ClaimsOf(r.Context()).Email)
	}))

	claims := func(change func(map[string]any)) string {
		c := map[string]any{"iss": srv.URL, "aud": audience, "sub": "u1", "email": "dana@example.com", "exp": time.Now().Add(time.Minute).Unix()}
		if change != nil {
			change(c)
		}
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	signAs := func(kind jose.ContentType, key *ecdsa.PrivateKey, change func(map[string]any)) string {
		options := new(jose.SignerOptions)
		if kind != "" {
			options = options.WithType(kind)
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}, options)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := signer.Sign([]byte(claims(change)))
		if err != nil {
			t.Fatal(err)
		}
		token, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	sign := func(change func(map[string]any)) string { return signAs(IDToken, key, change) }
	good := sign(nil)
	parts := strings.Split(good, ".")

	tests := map[string]struct {
		token string
		want  int
	}{
		"a good token":         {good, http.StatusOK},
		"none":                 {"", http.StatusUnauthorized},
		"garbage":              {"a.b.c", http.StatusUnauthorized},
		"expired":              {sign(func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() }), http.StatusUnauthorized},
		"another audience":     {sign(func(c map[string]any) { c["aud"] = "https://wiki.example.com" }), http.StatusUnauthorized},
		"another issuer":       {sign(func(c map[string]any) { c["iss"] = "https://evil.example" }), http.StatusUnauthorized},
		"another key":          {signAs(IDToken, newKey(t), nil), http.StatusUnauthorized},
		"an access token":      {signAs(AccessToken, key, nil), http.StatusUnauthorized},
		"a token of no kind":   {signAs("", key, nil), http.StatusUnauthorized},
		"signature cut off":    {parts[0] + "." + parts[1] + ".", http.StatusUnauthorized},
		"unsigned (alg: none)": {"eyJhbGciOiJub25lIn0." + parts[1] + ".", http.StatusUnauthorized},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			if tc.token != "" {
				r.Header.Set("X-Id-Token", tc.token)
			}
			w := httptest.NewRecorder()
			app.ServeHTTP(w, r)
			if w.Code != tc.want {
				t.Errorf("got %d %s, want %d", w.Code, w.Body, tc.want)
			}
			if tc.want == http.StatusOK && w.Body.String() != "dana@example.com" {
				t.Errorf("the application saw %q", w.Body)
			}
		})
	}
}

func TestWithoutADiscoveryDocumentThereIsNoVerifier(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(srv.Close)
	if _, err := RequireToken(t.Context(), srv.URL, audience, "X-Id-Token", IDToken); err == nil {
		t.Error("a verifier was made without an issuer")
	}
}
