package caddymodule

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/stepgate/stepgate/caddymodule/hygiene"
	"github.com/stepgate/stepgate/flows"
)

// ServeHTTP is the gateway, in an order that matters: own pages first, then cleaning,
// then who it is, then what is needed, and only then the application. Whatever goes
// wrong on the way refuses, and is answered here: an error returned to Caddy would
// let handle_errors pass on a request that was not judged.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	s := h.siteFor(r.Host)
	if s == nil {
		misdirected(w)
		return nil
	}
	held := r.ProtoMajor == 1 && r.Header["Expect"] != nil
	if held {
		// Whoever asks before sending a body is answered without it: with this, net/http
		// does not wait for what the client holds back.
		w.Header().Set("Connection", "close")
	}
	original, received := originalOf(r)
	if s.owns(original.URL.Path) {
		return s.servePages(w, r, original)
	}
	// Cookie and target are read before cleaning takes them away.
	cookie, hasCookie := s.cookies.RawSession(r)
	if err := s.hygiene.Clean(r, received); err != nil {
		var refusal *hygiene.Refusal
		if !errors.As(err, &refusal) {
			refusal = &hygiene.Refusal{Status: http.StatusBadRequest}
		}
		h.log.Debug("refused a request", "reason", refusal.Reason)
		s.pages.Problem(w, r, refusal.Status)
		return nil
	}
	if s.owns(r.URL.Path) { // a rewrite led here: our pages are only where they are
		s.pages.Problem(w, r, http.StatusNotFound)
		return nil
	}

	session, authErr := s.authenticate(r, cookie, hasCookie)
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		h.log.Error("a request came without Caddy's replacer")
		s.pages.Problem(w, r, http.StatusInternalServerError)
		return nil
	}
	setUser(repl, session)

	decision, err := s.decide(r)
	if err != nil {
		h.log.Error("judging a request", "error", err)
		s.pages.Problem(w, r, http.StatusInternalServerError)
		return nil
	}
	switch {
	case decision.Demand.IsNever():
		h.log.Debug("denied", "rules", s.ruleNames(decision))
		s.pages.Problem(w, r, http.StatusForbidden)
		return nil
	case authErr != nil && !decision.Demand.IsZero():
		h.log.Error("finding out who makes a request", "error", authErr)
		s.pages.Problem(w, r, http.StatusServiceUnavailable)
		return nil
	}
	if session == nil {
		if !decision.Demand.IsZero() {
			s.challenge(w, r, original, nil, decision)
			return nil
		}
	} else {
		if _, missing := decision.Demand.Missing(session.Proof, s.app.now()); missing {
			s.challenge(w, r, original, session, decision)
			return nil
		}
		err := s.inject(r, repl, session)
		switch {
		case err != nil && decision.Demand.IsZero():
			setUser(repl, nil) // open to everybody, so to nobody in particular as well
		case errors.Is(err, errSessionOver):
			s.challenge(w, r, original, nil, decision)
			return nil
		case err != nil:
			h.log.Error("making tokens for the application", "error", err)
			s.pages.Problem(w, r, http.StatusServiceUnavailable)
			return nil
		}
	}
	if held {
		w.Header().Del("Connection")
	}
	guard := s.hygiene.GuardResponse(w)
	defer guard.Done()
	return next.ServeHTTP(guard, r)
}

// misdirected answers a request for a host that is none of the site's (RFC 9110,
// 15.5.20).
func misdirected(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusMisdirectedRequest)
	_, _ = io.WriteString(w, "This server does not answer for that host.\n")
}

// originalOf returns the request as it arrived, before any rewrite, and its target.
func originalOf(r *http.Request) (original *http.Request, target string) {
	if first, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && first.URL != nil {
		return &first, first.RequestURI
	}
	return r, r.RequestURI
}

// owns reports whether a path is at or below our prefix. Letter case is ignored, so
// that no spelling of a page of ours is ever forwarded.
func (s *site) owns(path string) bool {
	prefix := s.flows.Prefix
	return len(path) >= len(prefix) && strings.EqualFold(path[:len(prefix)], prefix) &&
		(len(path) == len(prefix) || path[len(prefix)] == '/')
}

// authenticate finds the session of a request. Neither a session nor an error means
// that nobody is signed in.
func (s *site) authenticate(r *http.Request, cookie string, hasCookie bool) (*flows.Live, error) {
	if !hasCookie {
		return nil, nil
	}
	live, release, err := s.app.acquire()
	if err != nil {
		return nil, err
	}
	defer release()
	return live.engine.Authenticate(r.Context(), s.flows.Origin, cookie)
}

// setUser sets the placeholders. For an anonymous request they are empty rather than
// unset: an unset one would reach the application as its own name.
func setUser(repl *caddy.Replacer, session *flows.Live) {
	var id, email, groups string
	if session != nil {
		id, email, groups = session.User, session.Email, strings.Join(session.Groups, ",")
	}
	repl.Set("http.auth.user.id", id)
	repl.Set("http.auth.user.email", email)
	repl.Set("http.auth.user.groups", groups)
}

// servePages answers for our own pages. They see the request as it arrived, and
// nothing of what a rewrite made of it.
func (s *site) servePages(w http.ResponseWriter, r, original *http.Request) error {
	r = r.Clone(r.Context())
	url := *original.URL
	r.URL, r.RequestURI = &url, original.RequestURI
	if s.servesKeys(r.URL.Path) {
		return s.serveKeys(w, r)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		// A form arrives within moments. Whoever sends it byte by byte must not hold what
		// a reload waits for; writers that know no deadline have no slow client either.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(formTimeout))
	}
	v := &visit{site: s}
	var release func()
	if v.live, release, v.err = s.app.acquire(); v.err == nil {
		defer release()
		if cookie, ok := s.cookies.RawSession(r); ok {
			v.session, v.err = v.live.engine.Authenticate(r.Context(), s.flows.Origin, cookie)
		}
	}
	s.pages.ServeHTTP(w, r.WithContext(withVisit(r.Context(), v)))
	return nil
}

// formTimeout is how long the body of a form may take to arrive.
const formTimeout = 10 * time.Second

// The two documents with which an application checks our tokens.
const (
	discoveryPath = "/.well-known/openid-configuration"
	jwksPath      = "/jwks"
)

func (s *site) servesKeys(path string) bool {
	rest := strings.TrimPrefix(path, s.flows.Prefix)
	return rest == discoveryPath || rest == jwksPath
}

// serveKeys answers for the discovery document (OpenID Connect Discovery 1.0) and the
// key set (RFC 7517). Both are public and the same for everybody.
func (s *site) serveKeys(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		s.pages.Problem(w, r, http.StatusMethodNotAllowed)
		return nil
	}
	live, release, err := s.app.acquire()
	if err != nil {
		s.pages.Problem(w, r, http.StatusServiceUnavailable)
		return nil
	}
	defer release()
	header := w.Header()
	body := live.rt.ring.JWKS()
	header.Set("Content-Type", "application/jwk-set+json")
	if strings.HasSuffix(r.URL.Path, discoveryPath) {
		body = live.rt.ring.Discovery(s.flows.Issuer())
		header.Set("Content-Type", "application/json")
	}
	header.Set("Cache-Control", "public, max-age=300")
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("X-Content-Type-Options", "nosniff")
	if r.Method == http.MethodGet {
		_, err = w.Write(body)
	}
	return err
}
