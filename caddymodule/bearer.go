package caddymodule

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/token"
	"github.com/stepgate/stepgate/policy"
)

// bearer reads the access token of a request, before cleaning takes the Authorization
// header away. shown says that the request comes with one for us: then it is judged by
// the token alone, since one that is worth nothing must not turn into whoever the
// browser's cookie belongs to. Where the header is removed from requests, every bearer
// token is for us. Where the site passes it on, whatever holds a token of ours is, under
// any scheme and in any wrapping: it opens something if it is a clean, single bearer
// token, and otherwise nothing, and the application never sees it unjudged.
func (s *site) bearer(h http.Header) (raw string, shown bool) {
	values := h["Authorization"]
	if s.native == nil {
		return "", false
	}
	for _, value := range values {
		rest, bearer := bearerCredentials(value)
		shown = shown || bearer && !s.native.passes || s.native.passes && s.native.namesUs(value)
		raw = strings.TrimLeft(rest, " ")
	}
	if len(values) != 1 {
		raw = "" // nobody can tell which is meant
	}
	return raw, shown
}

// bearerCredentials takes the scheme, in any case (RFC 9110, section 11.1), off the
// value of an Authorization header. What follows is the client's, in whatever form.
func bearerCredentials(value string) (rest string, bearer bool) {
	const scheme = "Bearer"
	value = strings.TrimLeft(value, " \t")
	if len(value) < len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) {
		return "", false
	}
	rest = value[len(scheme):]
	if rest != "" && isSchemeByte(rest[0]) {
		return "", false
	}
	return rest, true
}

// isSchemeByte reports whether the name of a scheme goes on with c (RFC 9110, 5.6.2).
func isSchemeByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// authenticateBearer finds the sign-in behind an access token. Neither a sign-in nor an
// error means that the token is worth nothing.
func (s *site) authenticateBearer(ctx context.Context, raw string) (*flows.Live, error) {
	l, release, err := s.app.acquire()
	if err != nil {
		return nil, err
	}
	defer release()
	session, err := l.engine.AuthenticateBearer(ctx, s.flows.Origin, raw, s.verifier(l).Access)
	if err != nil || session == nil {
		return nil, err
	}
	// A token that is warm was verified by a configuration that may have had more clients.
	if s.native.clients[session.Client] == nil {
		return nil, nil
	}
	return session, nil
}

// verifier knows which tokens are of this site and its clients, and for this site: one
// that a client has for somebody else's API must not open ours.
func (s *site) verifier(l *live) *token.Verifier {
	return &token.Verifier{
		Ring: l.rt.ring, Issuer: s.flows.Issuer(), Audiences: []string{s.flows.Origin}, ClientIDs: s.native.ids, Now: s.app.now,
	}
}

// A bearerAnswer is what an application is told that came with a token: never a page,
// and never the way to one. Scripts of any origin may read it, since whoever can send a
// token has it.
type bearerAnswer struct {
	Error   string   `json:"error"`
	Reason  string   `json:"reason"`
	Missing []string `json:"missing,omitempty"`
	// ACRs are the authentication contexts to ask for in the claims request.
	ACRs []string `json:"acrs,omitempty"`
	// Decision is the id of the decision, for those who ask why.
	Decision string `json:"decision,omitempty"`
}

func (a bearerAnswer) write(c *cors, w http.ResponseWriter, r *http.Request, status int, challenge string) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Add("Vary", "Authorization")
	if challenge != "" {
		header.Set("WWW-Authenticate", challenge)
	}
	header.Set("Content-Type", "application/json")
	header.Set("X-Content-Type-Options", "nosniff")
	c.share(header, r)
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_ = json.NewEncoder(w).Encode(a)
	}
}

// invalidToken refuses a credential that is worth nothing (RFC 6750, section 3.1). Why
// is not said: expired, forged and revoked look the same.
func (s *site) invalidToken(w http.ResponseWriter, r *http.Request) {
	const reason = "The access token is not valid here."
	bearerAnswer{Error: "invalid_token", Reason: reason}.
		write(s.cors, w, r, http.StatusUnauthorized, `Bearer error="invalid_token", error_description="`+reason+`"`)
}

// bearerProblem refuses what no proof opens (403), or what cannot be judged at the
// moment (503).
func (s *site) bearerProblem(w http.ResponseWriter, r *http.Request, status int, decision string) {
	answer := bearerAnswer{Error: "access_denied", Reason: "The rules of this site do not let this through."}
	if status != http.StatusForbidden {
		answer = bearerAnswer{Error: "temporarily_unavailable", Reason: "Who you are cannot be checked at the moment."}
	}
	answer.Decision = decision
	answer.write(s.cors, w, r, status, "")
}

// bearerChallenge says which proof a token lacks (RFC 9470), and which contexts the
// application may ask for to get one that has it.
func (s *site) bearerChallenge(w http.ResponseWriter, r *http.Request, original arrival, session *flows.Live, d judgement) {
	missing, _ := d.Demand.Missing(session.Proof, s.app.now())
	want := wanted(missing)
	answer := bearerAnswer{Error: insufficient, Reason: reasonMore, Missing: want.words, ACRs: s.contextsOf(r, session, d)}
	if answer.ACRs == nil {
		answer.ACRs = []string{want.acr}
	}
	answer.Decision = s.note(r, original, session, d, verdictStepUp)
	w.Header().Set(decisionHeader, answer.Decision)
	answer.write(s.cors, w, r, http.StatusUnauthorized, want.challenge(answer.Reason))
}

// contextsOf names the sensitivities of a request on which rules ask for more than was
// proved: each is an authentication context of that name.
func (s *site) contextsOf(r *http.Request, session *flows.Live, d judgement) []string {
	about := make(map[policy.TargetID]bool)
	for i := range d.Why.All() {
		rule := &s.rules.policy.Rules[i]
		if rule.Verb != policy.Require || rule.Demand.Met(session.Proof, s.app.now()) {
			continue
		}
		for _, id := range rule.On {
			about[id] = true
		}
	}
	var names []string
	for _, name := range sortedKeys(s.rules.sensitivities) {
		id := s.rules.sensitivities[name]
		if !about[id] {
			continue
		}
		if in, err := s.rules.targets[id].AnyMatchWithError(r); in && err == nil {
			names = append(names, name)
		}
	}
	return names
}
