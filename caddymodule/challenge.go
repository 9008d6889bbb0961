package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/token"
	"github.com/stepgate/stepgate/policy"
	"github.com/stepgate/stepgate/ui"
)

// challenge answers a request that owes proof: a navigation goes to the page of the
// missing step, everything else gets a 401 that says what is missing. The body of a
// request is not read, but for a form that is worth keeping.
func (s *site) challenge(w http.ResponseWriter, r *http.Request, original arrival, session *flows.Live, d judgement) {
	id := s.note(r, original, session, d, asked(session))
	w.Header().Set("Cache-Control", "no-store")
	// The answer depends on these, whatever a cache in between believes.
	w.Header().Add("Vary", "Cookie, Sec-Fetch-Mode, Accept")
	w.Header().Set(decisionHeader, id)
	if navigation(r) {
		if s.looping(w, r, original, session, d, id) {
			return
		}
		w.Header().Set("Location", s.stepPage(w, r, original, session, d, id))
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	s.unauthorized(w, r, original, session, d, id)
}

// navigation reports whether a person is going somewhere, rather than a script
// fetching something: by fetch metadata, or, from browsers too old to send it, by a
// GET that wants HTML.
func navigation(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html") &&
		!strings.EqualFold(r.Header.Get("X-Requested-With"), "XMLHttpRequest") && r.Header.Get("Upgrade") == ""
}

// oldForm reports whether the request is a form that a person has sent with a browser too
// old to say so. It is not kept, but whoever sent it gets a page to read.
func oldForm(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Mode") == "" && r.Method == http.MethodPost && r.Header.Get("Origin") != "" &&
		strings.Contains(r.Header.Get("Accept"), "text/html") && r.Header.Get("X-Requested-With") == "" && r.Header.Get("Upgrade") == ""
}

// stepPage is where the missing step is taken. Afterwards a GET leads back to the very
// URL. A form that was being sent is kept for the person to send on; where that cannot be,
// the way leads back to the page with the form.
func (s *site) stepPage(w http.ResponseWriter, r *http.Request, original arrival, session *flows.Live, d judgement, id string) string {
	target := flows.Target{ReturnTo: original.URL.RequestURI(), Action: action(original, d.Demand), Decision: id}
	lost := false
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		target.ReturnTo = s.referrer(r)
		target.Held = s.hold(w, r, original, session, d)
		if lost = target.Held == ""; !lost {
			// People are told what they are about to send, which is not where they go back to.
			target.Action = original.Method + " " + original.URL.RequestURI()
		}
	}
	target.ReturnTo, _ = ui.ReturnTo(target.ReturnTo, s.flows.Prefix)
	// The page for the step judges a GET of where it leads back to. That may ask for less
	// than this request does: a form's own page, a path before a rewrite, a header that
	// only this request has. Without a word about it there would be no way on.
	foreseen, _, err := s.foresee(r, session, target)
	if err != nil || foreseen.Join(d.Demand) != foreseen {
		target.Need = need(d.Demand)
	}
	page := "/sign-in"
	if session != nil {
		page = "/step-up"
	}
	if lost {
		return s.pages.URL(page, target, "lost", "1")
	}
	return s.pages.URL(page, target)
}

// need tells a page of ours what it cannot find out from the target alone. That a session
// is needed it knows.
func need(d policy.Demand) string {
	if d.IsNever() || d.Join(policy.Floor) == policy.Floor {
		return ""
	}
	return d.String()
}

// action names the request, where proof is demanded for it alone.
func action(original arrival, d policy.Demand) string {
	if !d.HasOnce() {
		return ""
	}
	return original.Method + " " + original.URL.RequestURI()
}

// referrer is the page of this site that the request came from, or the front page.
func (s *site) referrer(r *http.Request) string {
	ref, err := url.Parse(r.Referer())
	if err != nil || ref.Scheme+"://"+ref.Host != s.flows.Origin {
		return "/"
	}
	return ref.RequestURI()
}

const (
	insufficient = "insufficient_user_authentication" // RFC 9470, section 3
	reasonMore   = "More proof of who you are is needed."
)

// unauthorized is the 401 for clients without a page: RFC 9470 for machines that know
// it, JSON for those that do not.
func (s *site) unauthorized(w http.ResponseWriter, r *http.Request, original arrival, session *flows.Live, d judgement, id string) {
	missing := policy.Missing{Demand: d.Demand}
	answer := struct {
		Error     string   `json:"error"`
		Reason    string   `json:"reason"`
		Missing   []string `json:"missing"`
		StepUpURL string   `json:"step_up_url"`
		Decision  string   `json:"decision"`
	}{Error: "login_required", Reason: "Nobody is signed in.", Decision: id}
	page := "/sign-in"
	if session != nil {
		missing, _ = d.Demand.Missing(session.Proof, s.app.now())
		answer.Error, answer.Reason, page = insufficient, reasonMore, "/step-up"
	}
	want := wanted(missing)
	answer.Missing = want.words
	// Back to the page that a person was on, never to what a script was fetching.
	target := flows.Target{Need: need(missing.Demand), Action: action(original, d.Demand), Decision: id}
	target.ReturnTo, _ = ui.ReturnTo(s.referrer(r), s.flows.Prefix)
	answer.StepUpURL = s.flows.Origin + s.pages.URL(page, target)

	header := w.Header()
	header.Set("WWW-Authenticate", want.challenge(answer.Reason))
	if oldForm(r) {
		s.pages.Unproved(w, r, ui.Unproved{StepUp: s.pages.URL(page, target, "lost", "1"), Confirm: session != nil, Reference: id})
		return
	}
	header.Set("Content-Type", "application/json")
	header.Set("X-Content-Type-Options", "nosniff")
	s.cors.share(header, r)
	w.WriteHeader(http.StatusUnauthorized)
	if r.Method != http.MethodHead {
		_ = json.NewEncoder(w).Encode(answer)
	}
}

// proofWanted is what is missing, in the words of RFC 9470.
type proofWanted struct {
	words  []string
	acr    string
	maxAge time.Duration // zero: any
}

func wanted(missing policy.Missing) proofWanted {
	want := proofWanted{words: []string{}, acr: token.ACR1, maxAge: missing.ValidFor()}
	for dimension := range policy.Dimensions() {
		if !missing.Has(dimension) {
			continue
		}
		want.words = append(want.words, dimension.String())
		if dimension == policy.OTP || dimension == policy.SMSProof {
			want.acr = token.ACR2
		}
	}
	return want
}

// challenge is the value of WWW-Authenticate.
func (p proofWanted) challenge(reason string) string {
	value := `Bearer error="` + insufficient + `", error_description="` + reason + `", acr_values="` + p.acr + `"`
	if p.maxAge > 0 {
		value += fmt.Sprintf(`, max_age="%d"`, int(p.maxAge/time.Second))
	}
	return value
}
