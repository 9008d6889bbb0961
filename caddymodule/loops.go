package caddymodule

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
	"github.com/stepgate/stepgate/ui"
)

// A bounce is somebody whom our pages have just sent home, with nothing left to do, and who
// is challenged there. Bounces are linked by the decisions that led to the pages, so those
// of two people never add up; from the pages to the challenge somebody is known by their
// browser cookie, or, since cookies may be just what is lost, by how they look.
const (
	tooManyBounces = 3
	// landing is how long it may take to arrive where one was sent. It is less than the
	// shortest demand for a fresh proof, whose end is no bounce.
	landing = 8 * time.Second
	// errand is how long one may be about what a challenge has asked for.
	errand = 10 * time.Minute
)

// sent notes that a page of ours sends somebody home.
func (s *site) sent(r *http.Request, t flows.Target) {
	path := s.flows.Prefix + continuePath
	switch {
	case t.Window: // where a script waits, nobody is sent anywhere
		return
	case t.Held == "":
		u, err := url.Parse(t.ReturnTo)
		if err != nil {
			return
		}
		path = u.Path
	}
	now := s.app.now()
	bounces, known := s.app.rounds.look(s.errand(t.Decision), now)
	s.app.rounds.drop(s.errand(t.Decision)) // one decision sends one person home once
	if !known {
		bounces = 0
	}
	s.app.rounds.put(bounces, now.Add(landing), s.ways(r, r, path)...)
}

// continuePath is the page for a form that was kept.
const continuePath = "/continue"

// errand is the key of what a decision asks for.
func (s *site) errand(decision string) roundKey {
	return s.app.rounds.key("errand", s.flows.Origin, decision)
}

// ways are the keys of somebody on the way to a path, the surest first. cookies is the
// request, or one that still has the cookies of it.
func (s *site) ways(r, cookies *http.Request, path string) []roundKey {
	address, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	// Where many people share an address, those who type it or come from elsewhere are not
	// taken for one who has just sent a form of ours.
	keys := []roundKey{s.app.rounds.key("looks", s.flows.Origin, path, address, r.UserAgent(),
		r.Header.Get("Accept-Language"), r.Header.Get("Sec-Fetch-Site"))}
	if raw, ok := s.cookies.RawBrowser(cookies); ok {
		if browser := s.pages.OpenBrowser(raw); browser != "" {
			keys = slices.Insert(keys, 0, s.app.rounds.key("browser", s.flows.Origin, path, browser))
		}
	}
	return keys
}

// justProved reports whether a session has been proved so lately that its owner may be on
// the way from a page of ours. It costs the others nothing more.
func (s *site) justProved(session *flows.Live) bool {
	latest, ok := session.Proof.Latest()
	return ok && s.app.now().Sub(latest) < landing
}

// arrived notes that somebody was let through: to be asked again for the next request, after
// a sign-out or for another proof, is no bounce.
func (s *site) arrived(r *http.Request, original arrival, j judgement) {
	s.app.rounds.drop(s.ways(r, j.asItCame(), original.URL.Path)...)
}

// bounced counts somebody who was sent to a path and must go from there for a decision.
// It reports whether that is once too often; then the count begins again.
func (s *site) bounced(r, cookies *http.Request, path, decision string) bool {
	now := s.app.now()
	ways := s.ways(r, cookies, path)
	bounces, ok := s.app.rounds.look(ways[0], now)
	s.app.rounds.drop(ways...)
	if !ok {
		return false
	}
	if bounces++; bounces >= tooManyBounces {
		return true
	}
	s.app.rounds.put(bounces, now.Add(errand), s.errand(decision))
	return false
}

// looping answers a navigation that keeps coming back from pages of ours with nothing
// gained: with a page that names the cause. It returns false where there is no loop. A
// form is none: whoever is sent on is sent to look.
func (s *site) looping(w http.ResponseWriter, r *http.Request, original arrival, session *flows.Live, j judgement, id string) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || !s.bounced(r, j.asItCame(), original.URL.Path, id) {
		return false
	}
	loop := ui.Loop{Decision: id, Again: original.URL.RequestURI(), Missing: policy.Missing{Demand: j.Demand}}
	if session != nil {
		loop.Session = &session.Session
		loop.Missing, _ = j.Demand.Missing(session.Proof, s.app.now())
	}
	s.tellLoop(w, r, j.asItCame(), loop)
	return true
}

// returning is looping for a page of ours that must send somebody away again.
func (s *site) returning(w http.ResponseWriter, r *http.Request, t flows.Target) bool {
	if !s.bounced(r, r, r.URL.Path, t.Decision) {
		return false
	}
	s.tellLoop(w, r, r, ui.Loop{Decision: t.Decision, Again: t.ReturnTo, Missing: policy.Missing{Demand: policy.Floor}})
	return true
}

func (s *site) tellLoop(w http.ResponseWriter, r, cookies *http.Request, loop ui.Loop) {
	loop.Cause = s.loopCause(r, cookies, loop.Session)
	s.app.log.Warn("somebody is sent in circles", "decision", loop.Decision, "cause", string(loop.Cause),
		"host", hostAsked(r), "https", overTLS(r), "site", s.flows.Origin)
	if loop.Decision != "" {
		w.Header().Set(decisionHeader, loop.Decision)
	}
	s.pages.Loop(w, r, loop)
}

// loopCause says why the session that was just opened or raised does not help.
func (s *site) loopCause(r, cookies *http.Request, session *flows.Session) ui.LoopCause {
	_, wrong := s.here(r)
	switch {
	case session != nil && fromTheFuture(session, s.app.now()):
		return ui.LoopClock
	case session != nil:
		return ui.LoopRules
	case s.cookies.HasSession(cookies):
		return ui.LoopSession
	case wrong != "":
		return wrong
	}
	return ui.LoopCookie
}

// here is how the browser calls the site, and what is wrong with that.
func (s *site) here(r *http.Request) (host string, wrong ui.LoopCause) {
	host = hostAsked(r)
	switch {
	case !slices.Contains(hostKeys(s.flows.Origin), strings.ToLower(host)):
		return host, ui.LoopHost
	case strings.HasPrefix(s.flows.Origin, "https:") && !overTLS(r):
		return host, ui.LoopHTTP
	}
	return host, ""
}

// fromTheFuture reports whether a session, or a proof in it, is newer than now: by another
// clock, or by this one before it was set back.
func fromTheFuture(session *flows.Session, now time.Time) bool {
	if session.Created.After(now) {
		return true
	}
	for _, f := range policy.All().Slice() {
		if at, ok := session.Proof.At(f); ok && at.After(now) {
			return true
		}
	}
	return false
}

// overTLS and hostAsked are how the browser came, as far as a trusted proxy or we can tell.

func overTLS(r *http.Request) bool {
	return r.TLS != nil || fromTrustedProxy(r) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

func hostAsked(r *http.Request) string {
	if host, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Host"), ","); host != "" && fromTrustedProxy(r) {
		return strings.TrimSpace(host)
	}
	return r.Host
}

func fromTrustedProxy(r *http.Request) bool {
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return trusted
}
