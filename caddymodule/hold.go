package caddymodule

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/ui"
)

// A submission is a form that a person's browser sends from a page of the site itself: the
// only kind that may be held, and the only kind that sends a held one on.
type submission struct {
	cookies string // the Cookie header as it came
	// id is that of the held form which the request is to send on; empty for none.
	id string
	// why the held form is not there to be sent on; nil: the request has become that form.
	missing error
}

// submission returns what is known of a form, or nil where the request is none. A form
// that another site has the browser send is not the person's own; a script can try again
// by itself, and a client with a token is no browser.
func (s *site) submission(r *http.Request, original arrival, cookies string, byToken bool) *submission {
	if byToken || r.Method != http.MethodPost || original.Method != http.MethodPost ||
		r.Header.Get("Sec-Fetch-Mode") != "navigate" || !s.fromHere(r) {
		return nil
	}
	return &submission{cookies: cookies}
}

// fromHere reports whether a form comes from a page of the site. Pages may have their
// browser send no origin, or "null"; then its word for it counts.
func (s *site) fromHere(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin":
		return origin == "" || origin == "null" || origin == s.flows.Origin
	case "":
		return origin == s.flows.Origin
	}
	return false
}

// sender is who sends a form, as far as held forms go.
func (s *site) sender(r *http.Request, session *flows.Live, form *submission) flows.Caller {
	c := flows.Caller{Site: s.flows, Network: network(r)}
	if raw, ok := s.cookies.RawBrowser(&http.Request{Header: http.Header{"Cookie": {form.cookies}}}); ok {
		c.Browser = s.pages.OpenBrowser(raw)
	}
	if session != nil {
		c.Session = &session.Session
	}
	return c
}

// holdTimeout is how long the body of a form may take to arrive that is to be held.
const holdTimeout = 30 * time.Second

// hold keeps a form that was being sent when proof was owed, and returns its id; empty
// where it is not kept.
func (s *site) hold(w http.ResponseWriter, r *http.Request, original arrival, session *flows.Live, j judgement) string {
	form := j.form
	if form == nil || s.dropsForms(j) {
		return ""
	}
	if form.id != "" { // it is held already, and for no longer than it was
		return form.id
	}
	f := flows.HeldForm{URL: original.URL.RequestURI(), Referer: s.formPage(r)}
	if types := r.Header["Content-Type"]; len(types) == 1 && ui.HeldFormType(types[0]) {
		f.ContentType = types[0]
	}
	// The form is sent on to the address as it came. What a browser could take for another
	// place is none to send anything to.
	if to, ok := ui.ReturnTo(f.URL, s.flows.Prefix); !ok || to != f.URL {
		return ""
	}
	if f.ContentType == "" || r.Header.Get("Content-Encoding") != "" || r.ContentLength > flows.MaxHeld {
		return ""
	}
	live, release, err := s.app.acquire()
	if err != nil {
		return ""
	}
	defer release()
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(holdTimeout))
	id, err := live.engine.Hold(r.Context(), s.sender(r, session, form), f, r.Body)
	switch {
	case errors.Is(err, store.ErrUnavailable):
		s.app.log.Warn("a form is not kept", "error", err)
	case err != nil:
		s.app.log.Debug("a form is not kept", "error", err)
	}
	return id
}

// dropsForms reports whether a rule that spoke for the request loses forms.
func (s *site) dropsForms(j judgement) bool {
	for i := range j.Why.All() {
		if s.rules.drops.Has(i) {
			return true
		}
	}
	return false
}

// longestReferer bounds what is kept of where a form came from.
const longestReferer = 2048

// formPage is the address of the page with the form, as the browser has it, if that is a
// page of this site.
func (s *site) formPage(r *http.Request) string {
	ref, err := url.Parse(r.Referer())
	if err != nil || ref.Scheme+"://"+ref.Host != s.flows.Origin || len(r.Referer()) > longestReferer {
		return ""
	}
	return r.Referer()
}
