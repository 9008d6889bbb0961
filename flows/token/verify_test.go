package token_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/flows/token"
	"github.com/stepgate/stepgate/policy"
)

func jsonBase64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// headerOf and payloadOf read a token as anybody can.
func headerOf(t testing.TB, signed string) map[string]any  { return segment(t, signed, 0) }
func payloadOf(t testing.TB, signed string) map[string]any { return segment(t, signed, 1) }

func segment(t testing.TB, signed string, i int) map[string]any {
	t.Helper()
	parts := strings.Split(signed, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no compact JWS", signed)
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[i])
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// site is an issuer that serves what a ring publishes, and the application behind
// it that knows nothing but the issuer's name.
type site struct {
	clock  *clock
	ring   *token.Ring
	minter token.Minter
	issuer string
}

const audience = "https://payroll.internal.example"

func newSite(t *testing.T, alg token.Alg) *site {
	t.Helper()
	s := &site{clock: &clock{epoch}}
	s.ring = load(t, store.NewMemory(), newKeys(t, 1), alg, s.clock)
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.issuer = server.URL + "/.auth"
	answer := func(path string, body func() []byte) {
		mux.HandleFunc("GET /.auth"+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(body())
		})
	}
	answer("/.well-known/openid-configuration", func() []byte { return s.ring.Discovery(s.issuer) })
	answer("/jwks", s.ring.JWKS)
	s.minter = token.Minter{Ring: s.ring, Issuer: s.issuer, ClientID: server.URL, TenantID: token.TenantID(s.issuer), Now: s.clock.now}
	return s
}

func (s *site) mint(t testing.TB) *token.Bundle {
	t.Helper()
	b, err := s.minter.Mint(ada(), s.minter.ClientID, []string{audience}, epoch.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func ada() token.Subject {
	proof := policy.Proof{}.With(policy.Password, epoch.Add(-time.Hour)).With(policy.SMSCode, epoch.Add(-time.Minute))
	return token.Subject{User: "u1", SID: "s1", Email: "ada@example.com", Name: "Ada Example", Groups: []string{"staff"}, Proof: proof}
}

var errType = errors.New("wrong typ")

// verify is what an application does: discovery, signature, issuer, audience and
// times by go-oidc, and the type by itself, which go-oidc leaves to it.
func (s *site) verify(t testing.TB, typ, audience, signed string) error {
	t.Helper()
	ctx := context.Background()
	provider, err := oidc.NewProvider(ctx, s.issuer)
	if err != nil {
		t.Fatal(err)
	}
	verifier := provider.VerifierContext(ctx, &oidc.Config{
		ClientID:             audience,
		SupportedSigningAlgs: []string{oidc.ES256},
		Now:                  s.clock.now,
	})
	if _, err := verifier.Verify(ctx, signed); err != nil {
		return err
	}
	if got := headerOf(t, signed)["typ"]; got != typ {
		return errType
	}
	return nil
}

func TestAnApplicationVerifiesTokensByTheIssuersNameAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t, token.ES256)
	b := s.mint(t)
	if err := s.verify(t, token.TypeID, s.minter.ClientID, b.ID); err != nil {
		t.Errorf("ID token: %v", err)
	}
	if err := s.verify(t, token.TypeAccess, audience, b.Access[0]); err != nil {
		t.Errorf("access token: %v", err)
	}
}

func TestEachAlgorithmVerifies(t *testing.T) {
	t.Parallel()
	for _, alg := range []token.Alg{token.EdDSA, token.RS256} {
		s := newSite(t, alg)
		ctx := context.Background()
		provider, err := oidc.NewProvider(ctx, s.issuer)
		if err != nil {
			t.Fatal(err)
		}
		// Without a list of its own the verifier takes what discovery names.
		v := provider.VerifierContext(ctx, &oidc.Config{ClientID: s.minter.ClientID, Now: s.clock.now})
		if _, err := v.Verify(ctx, s.mint(t).ID); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
	}
}

func TestATokenIsGoodForItsTimeIssuerAudienceAndKindOnly(t *testing.T) {
	t.Parallel()
	s, stranger := newSite(t, token.ES256), newSite(t, token.ES256)
	b := s.mint(t)
	client := s.minter.ClientID
	for what, refused := range map[string]error{
		"an ID token as access token":         s.verify(t, token.TypeAccess, client, b.ID),
		"an access token as ID token":         s.verify(t, token.TypeID, audience, b.Access[0]),
		"an ID token for another audience":    s.verify(t, token.TypeID, audience, b.ID),
		"an access token at the client":       s.verify(t, token.TypeAccess, client, b.Access[0]),
		"an access token at another upstream": s.verify(t, token.TypeAccess, audience+"/", b.Access[0]),
		"a token of another issuer":           stranger.verify(t, token.TypeID, client, b.ID),
	} {
		if refused == nil {
			t.Errorf("%s was accepted", what)
		}
	}
	s.clock.at = epoch.Add(token.DefaultLifetime - time.Second)
	if err := s.verify(t, token.TypeID, client, b.ID); err != nil {
		t.Errorf("in its last second: %v", err)
	}
	s.clock.at = epoch.Add(token.DefaultLifetime + time.Second)
	var expired *oidc.TokenExpiredError
	if err := s.verify(t, token.TypeID, client, b.ID); !errors.As(err, &expired) {
		t.Errorf("a dead token: %v", err)
	}
	s.clock.at = epoch.Add(-time.Hour) // the verifier forgives a few minutes
	if err := s.verify(t, token.TypeID, client, b.ID); err == nil {
		t.Error("a token from the future was accepted")
	}
}

func TestEveryForgeryIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, token.ES256)
	client := s.minter.ClientID
	good := s.mint(t).ID
	parts := strings.Split(good, ".")
	refuse := func(what, signed string) {
		t.Helper()
		if err := s.verify(t, token.TypeID, client, signed); err == nil {
			t.Errorf("%s was accepted: %s", what, signed)
		}
	}

	for i := range good {
		if i%7 == 0 && good[i] != '.' { // every character once is needless: seven apart hits all parts
			other := byte('A')
			if good[i] == other {
				other = 'Z'
			}
			refuse("a changed character", good[:i]+string(other)+good[i+1:])
		}
	}
	refuse("no signature", parts[0]+"."+parts[1]+".")
	refuse("two parts", parts[0]+"."+parts[1])
	refuse("nothing", "")

	claims := payloadOf(t, good)
	raised := maps.Clone(claims)
	raised["sub"], raised["acr"] = "u2", token.ACR2
	body := func(c map[string]any) string {
		data, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return jsonBase64(data)
	}
	refuse("other claims under the old signature", parts[0]+"."+body(raised)+"."+parts[2])
	for _, header := range []string{`{"alg":"none"}`, `{"alg":"None","typ":"JWT"}`, `{"typ":"JWT"}`, `{"alg":""}`} {
		refuse("alg none", jsonBase64([]byte(header))+"."+body(raised)+".")
		refuse("alg none with a signature", jsonBase64([]byte(header))+"."+body(raised)+"."+parts[2])
	}

	kid := headerOf(t, good)["kid"].(string)
	der, err := x509.MarshalPKIXPublicKey(s.ring.PublicKeys()[0])
	if err != nil {
		t.Fatal(err)
	}
	for what, secret := range map[string][]byte{
		"the public key":        der,
		"the public key as PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
		"the key set":           s.ring.JWKS(),
	} {
		refuse("HS256 with "+what, forge(t, jose.HS256, secret, kid, nil, raised))
	}
	theirs := newSite(t, token.ES256)
	refuse("another key under our key's name", forge(t, jose.ES256, token.Private(theirs.ring), kid, nil, raised))
	refuse("another key under no name", forge(t, jose.ES256, token.Private(theirs.ring), "", nil, raised))
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	refuse("another algorithm", forge(t, jose.RS256, rsaKey, kid, nil, raised))
	public := jose.JSONWebKey{Key: theirs.ring.PublicKeys()[0]}
	for _, header := range []map[jose.HeaderKey]any{
		{"jwk": public},
		{"jku": theirs.issuer + "/jwks"},
		{"x5u": theirs.issuer + "/jwks"},
	} {
		refuse("a key that the token brings", forge(t, jose.ES256, token.Private(theirs.ring), kid, header, raised))
	}
	// The forger's own tools work: with the right key the same claims are accepted.
	if err := s.verify(t, token.TypeID, client, forge(t, jose.ES256, token.Private(s.ring), kid, nil, raised)); err != nil {
		t.Errorf("signed with the real key: %v", err)
	}
}

// forge signs claims with whatever key somebody has.
func forge(t *testing.T, alg jose.SignatureAlgorithm, key any, kid string, header map[jose.HeaderKey]any, claims map[string]any) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType(token.TypeID)
	if kid != "" {
		options = options.WithHeader("kid", kid)
	}
	for name, value := range header {
		options = options.WithHeader(name, value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// What libraries for Microsoft's issuers read of it are the three that must be strings.
func TestDiscoveryOfASiteWithClientsNamesTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	ring := load(t, store.NewMemory(), newKeys(t, 1), token.ES256, &clock{epoch})
	var with, without map[string]any
	for doc, data := range map[*map[string]any][]byte{
		&with:    ring.DiscoveryWithAPI("https://app.example/.auth", "https://app.example/.auth/native"),
		&without: ring.Discovery("https://app.example/.auth"),
	} {
		if err := json.Unmarshal(data, doc); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"issuer":                 "https://app.example/.auth",
		"authorization_endpoint": "https://app.example/.auth/sign-in",
		"jwks_uri":               "https://app.example/.auth/jwks",
		"token_endpoint":         "https://app.example/.auth/native/oauth2/v2.0/token",
	} {
		if with[name] != want {
			t.Errorf("%s is %v", name, with[name])
		}
	}
	for name, want := range map[string]string{
		"grant_types_supported":                 "password oob mfa_oob continuation_token refresh_token",
		"scopes_supported":                      "openid profile email offline_access",
		"token_endpoint_auth_methods_supported": "none",
		"response_types_supported":              "none",
	} {
		if got := words(with[name]); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	for name := range without {
		if _, ok := with[name]; !ok {
			t.Errorf("%s is lost", name)
		}
	}
	if _, ok := with["error"]; ok {
		t.Error("a library would take the document for an error")
	}
}

func TestDiscoveryNamesOnlyWhatExists(t *testing.T) {
	t.Parallel()
	ring := load(t, store.NewMemory(), newKeys(t, 1), token.ES256, &clock{epoch})
	var doc map[string]any
	if err := json.Unmarshal(ring.Discovery("https://app.example/.auth"), &doc); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"issuer":                 "https://app.example/.auth",
		"authorization_endpoint": "https://app.example/.auth/sign-in",
		"jwks_uri":               "https://app.example/.auth/jwks",
	} {
		if doc[name] != want {
			t.Errorf("%s is %v", name, doc[name])
		}
	}
	for name := range doc {
		if strings.HasSuffix(name, "_endpoint") && name != "authorization_endpoint" {
			t.Errorf("%s does not exist", name)
		}
	}
	for _, required := range []string{"response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported"} {
		if list, ok := doc[required].([]any); !ok || len(list) == 0 {
			t.Errorf("%s is %v", required, doc[required])
		}
	}
}
