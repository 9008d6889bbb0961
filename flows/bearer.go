package flows

import (
	"context"
	"errors"
	"fmt"

	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/flows/token"
	"github.com/stepgate/stepgate/policy"
)

// AuthenticateBearer finds the live sign-in behind a client's access token, for one
// site (its origin). verify judges the token itself, and is asked only for tokens that
// are not warm. nil without error: the token is worth nothing here. An error means
// that it could not be found out, and must refuse. The session's proof is what the token
// says, no more; it ends with the token.
func (e *Engine) AuthenticateBearer(ctx context.Context, site, raw string, verify func(ctx context.Context, raw string) (token.Access, error)) (*Live, error) {
	credential := "bearer " + hashed(raw) // tokens are long, and the cache is no place to steal one from
	if live, known := e.warm(ctx, site, credential, true); known {
		return live, nil
	}
	access, err := verify(ctx, raw)
	switch {
	case errors.Is(err, store.ErrUnavailable):
		return nil, fmt.Errorf("verifying an access token: %w", err)
	case err != nil:
		e.Log.Debug("refused an access token", "reason", err)
		return nil, nil
	}
	return e.wake(ctx, credential, clientSession(access.SID), func(s *Session) bool {
		if s.Site != site || s.Client == "" || s.Client != access.ClientID || s.User != access.User {
			return false
		}
		s.Proof = within(access.Proof, s.Proof)
		if access.Expires.Before(s.Ends) {
			s.Ends = access.Expires
		}
		return true
	})
}

// within is what a token says was proved, as far as its sign-in has proved as much: a
// token says what held when it was made, and never more than its session.
func within(said, have policy.Proof) policy.Proof {
	for _, f := range said.Factors().Slice() {
		at, _ := said.At(f)
		if known, ok := have.At(f); !ok || known.Before(at) {
			at = known
		}
		said = said.With(f, at)
	}
	return said
}
