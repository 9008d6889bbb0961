package caddymodule

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/token"
)

// errSessionOver means that a session came to its end while it was being used.
var errSessionOver = errors.New("the session is over")

// inject adds what the application receives to a request that may pass. Cleaning has
// removed whatever the client sent under these names.
func (s *site) inject(r *http.Request, repl *caddy.Replacer, session *flows.Live) error {
	in := s.injection
	if in.IDToken != "" || len(in.AccessTokens) > 0 {
		bundle, err := s.tokens(session)
		if err != nil {
			return err
		}
		// One backing array for all: what follows may change the values it finds in a
		// header, so none are shared between requests.
		values := make([]string, 0, 1+len(in.AccessTokens))
		if in.IDToken != "" {
			values = setToken(r, values, in.IDToken, bundle.ID)
		}
		for i := range in.AccessTokens {
			values = setToken(r, values, in.AccessTokens[i].Header, bundle.Access[i])
		}
	}
	for i := range in.Headers {
		// The value is the operator's; what placeholders bring is not expanded again.
		if value := repl.ReplaceAll(in.Headers[i].Value, ""); value != "" && !hasControl(value) {
			r.Header[in.Headers[i].Name] = []string{value}
		}
	}
	return nil
}

// setToken replaces a header whose name is canonical already. Its value goes to the end
// of values, which has room for it.
func setToken(r *http.Request, values []string, name, value string) []string {
	if name == "Authorization" {
		value = "Bearer " + value
	}
	n := len(values)
	values = append(values, value)
	r.Header[name] = values[n : n+1 : n+1]
	return values
}

// hasControl keeps line breaks out of headers, whatever a placeholder holds.
func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return true
		}
	}
	return false
}

// tokens returns the session's tokens for this site, minting them when there are none
// in the first half of their life. A warm session costs no signature.
func (s *site) tokens(session *flows.Live) (*token.Bundle, error) {
	now := s.app.now()
	if bundle := session.Tokens.Load(); bundle != nil && bundle.For == s.mintedFor && bundle.Fresh(now) {
		return bundle, nil
	}
	live, release, err := s.app.acquire()
	if err != nil {
		return nil, err
	}
	defer release()
	bundle, err := s.minter(live).Mint(token.Subject{
		User: session.User, SID: session.SID, Email: session.Email, Name: session.Attributes[flows.DisplayName],
		Groups: session.Groups, Proof: session.Proof,
	}, s.flows.Origin, s.audiences, session.Ends)
	if errors.Is(err, token.ErrEnded) {
		return nil, errSessionOver
	}
	if err != nil {
		return nil, err
	}
	bundle.For = s.mintedFor
	session.Tokens.Store(bundle)
	return bundle, nil
}

// minter makes the site's tokens.
func (s *site) minter(l *live) *token.Minter {
	return &token.Minter{
		Ring: l.rt.ring, Issuer: s.flows.Issuer(), ClientID: s.flows.Origin,
		TenantID: token.TenantID(s.flows.Issuer()), Now: s.app.now,
	}
}
