package token

import (
	"encoding/json"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// JWKS is the JSON Web Key Set (RFC 7517) of all published keys: public parts only,
// and the same bytes until a key comes or goes.
func (r *Ring) JWKS() []byte {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range r.published() {
		set.Keys = append(set.Keys, k.public())
	}
	return mustJSON(set)
}

// discovery has the fields of OpenID Connect Discovery 1.0, section 3, that are
// required or true. No response type answers anything: tokens reach applications in
// request headers, and clients at the token endpoint.
type discovery struct {
	Issuer        string   `json:"issuer"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint,omitempty"`
	TokenAuth     []string `json:"token_endpoint_auth_methods_supported,omitempty"`
	JWKS          string   `json:"jwks_uri"`
	ResponseTypes []string `json:"response_types_supported"`
	GrantTypes    []string `json:"grant_types_supported"`
	SubjectTypes  []string `json:"subject_types_supported"`
	Algs          []Alg    `json:"id_token_signing_alg_values_supported"`
	Scopes        []string `json:"scopes_supported"`
	ACRs          []string `json:"acr_values_supported"`
	Claims        []string `json:"claims_supported"`
}

// Discovery is the document that issuer serves at /.well-known/openid-configuration
// under itself, so that applications find the keys by the issuer's name alone.
func (r *Ring) Discovery(issuer string) []byte { return mustJSON(r.discovery(issuer)) }

// DiscoveryWithAPI is Discovery for a site with clients, whose API is at the URL base,
// such as https://app.example/.auth/native. The same document is served at
// base + "/v2.0/.well-known/openid-configuration", where clients' libraries look: those
// for iOS insist on authorization_endpoint, token_endpoint and issuer.
func (r *Ring) DiscoveryWithAPI(issuer, base string) []byte {
	d := r.discovery(issuer)
	d.Token = base + "/oauth2/v2.0/token"
	d.TokenAuth = []string{"none"} // clients are public: they have no secret
	d.GrantTypes = []string{"password", "oob", "mfa_oob", "continuation_token", "refresh_token"}
	d.Scopes = append(d.Scopes, "offline_access")
	d.Claims = append(d.Claims, "ver")
	return mustJSON(d)
}

func (r *Ring) discovery(issuer string) discovery {
	var algs []Alg
	for _, k := range r.published() {
		if !slices.Contains(algs, k.Alg) {
			algs = append(algs, k.Alg)
		}
	}
	return discovery{
		Issuer:        issuer,
		Authorization: issuer + "/sign-in",
		JWKS:          issuer + "/jwks",
		ResponseTypes: []string{"none"},
		GrantTypes:    []string{},
		SubjectTypes:  []string{"public"},
		Algs:          algs,
		Scopes:        []string{"openid", "profile", "email"},
		ACRs:          []string{ACR1, ACR2},
		Claims: []string{"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "sid", "auth_time", "acr", "amr",
			"amr_detail", "factors", "email", "email_verified", "preferred_username", "name", "groups", "oid", "tid"},
	}
}

func mustJSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic("token: " + err.Error()) // only for types that JSON has no form for
	}
	return data
}
