package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/stepgate/stepgate/caddymodule/hygiene"
	"github.com/stepgate/stepgate/flows"
)

// imagined is a request that is made up in order to see how it would be judged. It comes
// to the handler in the request's context, under a key that only this package has: nothing
// that a client sends can put it there.
type imagined struct {
	Question
	// session is a real sign-in that makes the request, instead of somebody imagined.
	session *flows.Live
	// account is that of User on a running server; nil: there is none, or nobody has looked.
	account *flows.Account
	running bool
	// out is what the handler found out; nil until a request has come to one.
	out *Explanation
}

type imaginedKey struct{}

func (x *imagined) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, imaginedKey{}, x)
}

// imaginedIn returns the imagined request behind r; nil: it is a real one.
func imaginedIn(r *http.Request) *imagined {
	x, _ := r.Context().Value(imaginedKey{}).(*imagined)
	return x
}

// explain judges an imagined request, in the order of ServeHTTP and by the same functions,
// but by the person that it brings. It opens no store, answers nothing and hands nothing on.
func (h *Handler) explain(x *imagined, r *http.Request) {
	original := originalOf(r)
	x.out = &Explanation{
		Time: h.app.now().UTC(), Method: r.Method, Target: r.URL.Path, Query: queryNames(r.URL),
		Client: x.client(r),
	}
	s := h.siteFor(r.Host)
	if s == nil {
		x.answer(verdictError, http.StatusMisdirectedRequest, "the site has another address")
		return
	}
	x.out.Site = s.flows.Origin
	if s.owns(original.URL.Path) {
		x.answer(verdictOwnPage, 0, s.whyOwn(original.URL.Path))
		return
	}
	said, told := max(s.rules.risk.said(r), x.least()), s.rules.risk.told(r)
	if err := s.hygiene.Clean(r, original.RequestURI); err != nil {
		var refusal *hygiene.Refusal
		if !errors.As(err, &refusal) {
			refusal = &hygiene.Refusal{Status: http.StatusBadRequest}
		}
		x.answer(verdictBadTarget, refusal.Status, badTarget(refusal.Reason))
		return
	}
	if s.owns(r.URL.Path) {
		x.answer(verdictRefuse, http.StatusNotFound, "a rewrite leads to a page of the gateway's own")
		return
	}
	if s.cors.isPreflight(r) {
		x.answer(verdictPreflight, 0, "a CORS preflight is answered without anybody's identity")
		return
	}
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		x.answer(verdictError, http.StatusInternalServerError, "the request came without Caddy's replacer")
		return
	}
	session := x.person(s, r)
	newPerson(repl).set(session)
	j, err := s.judge(r, said, session)
	if err == nil {
		j.told = told
		err = x.facts(s, r, original, session, &j)
	}
	if err != nil {
		x.answer(verdictError, http.StatusInternalServerError, err.Error())
	}
}

// facts fills in the explanation of a request that could be judged.
func (x *imagined) facts(s *site, r *http.Request, original arrival, session *flows.Live, j *judgement) error {
	d, err := s.facts(r, original, session, j)
	if err != nil {
		return err
	}
	if least := x.least(); least != 0 {
		d.signals = append(d.signals, ExplainedSignal{Signal: "imagined", Why: "at least so much was asked for", Band: least.String()})
	}
	notes := x.out.Notes
	x.out = d.explanation()
	x.out.Notes = append(x.out.Notes, notes...)
	x.out.Client = x.client(r)
	return nil
}

func (x *imagined) answer(v verdict, status int, why string) {
	x.out.Answer = ExplainedAnswer{Verdict: string(v), Status: status, Why: why}
}

func (x *imagined) note(format string, args ...any) {
	x.out.Notes = append(x.out.Notes, fmt.Sprintf(format, args...))
}

// badTarget says why a request is refused before anything is judged.
func badTarget(reason hygiene.Reason) string {
	if checkLenientClass(string(reason)) == nil {
		return fmt.Sprintf("two servers could read it differently (%[1]s); `lenient_paths %[1]s` would let it through", reason)
	}
	return fmt.Sprintf("no request may look like that (%s)", reason)
}
