package caddymodule

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/stepgate/stepgate/caddymodule/hygiene"
	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
	"github.com/stepgate/stepgate/ui"
)

// ServeHTTP is the gateway, in an order that matters: own pages first, then cleaning,
// then who it is, then what is needed, and only then the application. Whatever goes
// wrong on the way refuses, and is answered here: an error returned to Caddy would
// let handle_errors pass on a request that was not judged.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if x := imaginedIn(r); x != nil {
		h.explain(x, r)
		return nil
	}
	if h.awaits(w) {
		return nil
	}
	s := h.siteFor(r.Host)
	if s == nil {
		misdirected(w)
		return nil
	}
	expects := r.ProtoMajor == 1 && r.Header["Expect"] != nil
	if expects {
		// Whoever asks before sending a body is answered without it: with this, net/http
		// does not wait for what the client holds back.
		w.Header().Set("Connection", "close")
	}
	original := originalOf(r)
	if s.owns(original.URL.Path) {
		return s.servePages(w, r, original)
	}
	// Cookies, bearer token, risk and target are read before cleaning takes them away.
	said, told := s.rules.risk.said(r), s.rules.risk.told(r)
	cookies := strings.Join(r.Header["Cookie"], "; ") // of one line, as it nearly always is, no copy
	cookie, hasCookie := s.cookies.RawSession(r)
	s.noteLanguage(r)
	raw, byToken := s.bearer(r.Header)
	if err := s.hygiene.Clean(r, original.RequestURI); err != nil {
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

	if s.cors.isPreflight(r) {
		return s.answerPreflight(w, r, said, next)
	}
	var session *flows.Live
	var authErr error
	if byToken {
		delete(r.Header, "Authorization") // it was for us, also where the site passes others on
		if session, authErr = s.authenticateBearer(r.Context(), raw); session == nil && authErr == nil {
			s.invalidToken(w, r)
			return nil
		}
	} else {
		session, authErr = s.authenticate(r, cookie, hasCookie)
	}
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		h.log.Error("a request came without Caddy's replacer")
		s.pages.Problem(w, r, http.StatusInternalServerError)
		return nil
	}
	person := newPerson(repl)
	person.set(session)

	form := s.submission(r, original, cookies, byToken)
	s.resume(w, r, session, form)
	judged, err := s.judge(r, said, session)
	if err != nil {
		h.log.Error("judging a request", "error", err)
		s.pages.Problem(w, r, http.StatusInternalServerError)
		return nil
	}
	judged.cookies, judged.form, judged.told = cookies, form, told
	switch {
	case judged.Demand.IsNever():
		s.refuse(w, r, original, session, judged, byToken)
		return nil
	case authErr != nil && !judged.Demand.IsZero():
		h.log.Error("finding out who makes a request", "error", authErr)
		s.problem(w, r, byToken, http.StatusServiceUnavailable)
		return nil
	}
	if session == nil {
		if !judged.Demand.IsZero() {
			s.challenge(w, r, original, nil, judged)
			return nil
		}
	} else {
		owes, err := s.owes(r, original, session, judged)
		switch {
		case err != nil:
			h.log.Error("looking for a permit", "error", err)
			s.problem(w, r, byToken, http.StatusServiceUnavailable)
			return nil
		case owes && byToken:
			s.bearerChallenge(w, r, original, session, judged)
			return nil
		case owes:
			s.challenge(w, r, original, session, judged)
			return nil
		}
		err = s.inject(r, repl, session)
		switch {
		case err != nil && judged.Demand.IsZero():
			person.set(nil) // open to everybody, so to nobody in particular as well
		case errors.Is(err, errSessionOver) && byToken:
			s.invalidToken(w, r)
			return nil
		case errors.Is(err, errSessionOver):
			s.challenge(w, r, original, nil, judged)
			return nil
		case err != nil:
			h.log.Error("making tokens for the application", "error", err)
			s.problem(w, r, byToken, http.StatusServiceUnavailable)
			return nil
		}
	}
	if !s.sendOn(w, r, original, session, form) {
		return nil
	}
	if expects {
		w.Header().Del("Connection")
	}
	s.report(r, session, judged)
	if session != nil && s.justProved(session) {
		s.arrived(r, original, judged)
	}
	guard := s.hygiene.GuardResponse(w)
	defer guard.Done()
	s.cors.lend(guard, r)
	r, release := s.attend(guard, r, session)
	defer release()
	return next.ServeHTTP(guard, r)
}

// owes reports whether a session lacks something that is demanded of a request. What is to
// be proved for the request alone is looked up, and used up, last.
func (s *site) owes(r *http.Request, original arrival, session *flows.Live, j judgement) (bool, error) {
	if _, missing := j.Demand.Missing(session.Proof, s.app.now()); !missing {
		return false, nil
	}
	if !j.Demand.HasOnce() || !j.Demand.Standing().Met(session.Proof, s.app.now()) {
		return true, nil
	}
	live, release, err := s.app.acquire()
	if err != nil {
		return true, err
	}
	defer release()
	may, err := live.engine.UsePermit(r.Context(), &session.Session, action(original, j.Demand), j.Demand)
	if may {
		s.arrived(r, original, j)
	}
	return !may, err
}

// refuse answers a request that no proof would open.
func (s *site) refuse(w http.ResponseWriter, r *http.Request, original arrival, session *flows.Live, j judgement, byToken bool) {
	id := s.note(r, original, session, j, verdictRefuse)
	w.Header().Set(decisionHeader, id)
	if byToken {
		s.bearerProblem(w, r, http.StatusForbidden, id)
		return
	}
	s.cors.allow(w.Header(), r)
	refused := ui.Refused{Reference: id, Stranger: j.Stranger, Unusual: s.closedByRisk(j), Target: original.URL.RequestURI()}
	if session != nil {
		refused.Account = session.Email
	}
	s.pages.Refuse(w, r, refused)
}

// closedByRisk reports whether every rule that closes a request does so for its risk.
func (s *site) closedByRisk(j judgement) bool {
	byRisk := false
	for i := range j.Why.All() {
		switch rule := &s.rules.policy.Rules[i]; {
		case rule.Verb != policy.Deny:
		case rule.Risk == policy.NoRisk:
			return false
		default:
			byRisk = true
		}
	}
	return byRisk && !j.Stranger
}

// problem refuses a request that no proof would open, in the way of whoever made it.
func (s *site) problem(w http.ResponseWriter, r *http.Request, byToken bool, status int) {
	if byToken {
		s.bearerProblem(w, r, status, "")
		return
	}
	s.cors.allow(w.Header(), r)
	s.pages.Problem(w, r, status)
}

// misdirected answers a request for a host that is none of the site's (RFC 9110,
// 15.5.20).
func misdirected(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusMisdirectedRequest)
	_, _ = io.WriteString(w, "This server does not answer for that host.\n")
}

// An arrival is what a request asked for as it came, before any rewrite.
type arrival struct {
	Method, RequestURI string
	URL                *url.URL
}

// originalOf returns what a request asked for as it came.
func originalOf(r *http.Request) arrival {
	if first, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && first.URL != nil {
		return arrival{first.Method, first.RequestURI, first.URL}
	}
	return arrival{r.Method, r.RequestURI, r.URL}
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
	return s.browsers(r.Context(), live, cookie)
}

// browsers finds the session of a cookie. The sign-in of a client is none, whatever
// somebody puts into a cookie: it must not become a browser that our pages serve.
func (s *site) browsers(ctx context.Context, l *live, cookie string) (*flows.Live, error) {
	session, err := l.engine.Authenticate(ctx, s.flows.Origin, cookie)
	if err != nil || session == nil || session.Client != "" {
		return nil, err
	}
	return session, nil
}
