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
// missing step, everything else gets a 401 that says what is missing. The body of the
// request is not read.
func (s *site) challenge(w http.ResponseWriter, r, original *http.Request, session *flows.Live, d policy.Decision) {
	w.Header().Set("Cache-Control", "no-store")
	// The answer depends on these, whatever a cache in between believes.
	w.Header().Add("Vary", "Cookie, Sec-Fetch-Mode, Accept")
	if navigation(r) {
		w.Header().Set("Location", s.stepPage(r, original, session, d))
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	s.unauthorized(w, r, session, d)
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

// stepPage is where the missing step is taken. Afterwards a GET leads back to the very
// URL. A form that was being sent cannot be sent again by us, so that leads back to the
// page with the form.
func (s *site) stepPage(r, original *http.Request, session *flows.Live, d policy.Decision) string {
	query := make(url.Values)
	returnTo := original.URL.RequestURI()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		returnTo = s.referrer(r)
		query.Set("lost", "1")
	}
	returnTo, _ = ui.ReturnTo(returnTo, s.flows.Prefix)
	if returnTo != "/" {
		query.Set("return_to", returnTo)
	}
	// The page for the step judges a GET of where it leads back to. That may ask for less
	// than this request does: a form's own page, a path before a rewrite, a header that
	// only this request has. Without a word about it there would be no way on.
	foreseen, _, err := s.foresee(r, session, flows.Target{ReturnTo: returnTo})
	if err != nil || foreseen.Join(d.Demand) != foreseen {
		setNeed(query, d.Demand)
	}
	page := "/sign-in"
	if session != nil {
		page = "/step-up"
	}
	if len(query) == 0 {
		return s.flows.Prefix + page
	}
	return s.flows.Prefix + page + "?" + query.Encode()
}

// setNeed tells a page of ours what it cannot find out from the target alone. That a
// session is needed it knows.
func setNeed(query url.Values, d policy.Demand) {
	if d.Join(policy.Floor) != policy.Floor {
		query.Set("need", d.String())
	}
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
func (s *site) unauthorized(w http.ResponseWriter, r *http.Request, session *flows.Live, d policy.Decision) {
	missing := policy.Missing{Demand: d.Demand}
	answer := struct {
		Error     string   `json:"error"`
		Reason    string   `json:"reason"`
		Missing   []string `json:"missing"`
		StepUpURL string   `json:"step_up_url"`
	}{Error: "login_required", Reason: "Nobody is signed in."}
	page := "/sign-in"
	if session != nil {
		missing, _ = d.Demand.Missing(session.Proof, s.app.now())
		answer.Error, answer.Reason, page = insufficient, reasonMore, "/step-up"
	}
	want := wanted(missing)
	answer.Missing = want.words
	// Back to the page that a person was on, never to what a script was fetching.
	query := url.Values{}
	if returnTo, ok := ui.ReturnTo(s.referrer(r), s.flows.Prefix); ok && returnTo != "/" {
		query.Set("return_to", returnTo)
	}
	setNeed(query, missing.Demand)
	answer.StepUpURL = s.flows.Issuer() + page + "?" + query.Encode()

	header := w.Header()
	header.Set("WWW-Authenticate", want.challenge(answer.Reason))
	header.Set("Content-Type", "application/json")
	header.Set("X-Content-Type-Options", "nosniff")
	// Readable by scripts of any origin that sent no credentials: it tells them nothing
	// that they could not ask for themselves.
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Access-Control-Expose-Headers", "WWW-Authenticate")
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
