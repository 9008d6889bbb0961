package ui

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/ui/lang"
)

// problemKind says what went wrong: a closed set, and a key of messages.
type problemKind string

const (
	badTarget        problemKind = "bad_target" // 400: two servers could read the address differently
	badForm          problemKind = "bad_form"   // 400, 413, 415
	signedOut        problemKind = "signed_out" // 401: a form from a browser that cannot be sent on
	crossSite        problemKind = "cross_site" // 403: a form from somewhere else
	denied           problemKind = "denied"     // 403: the policy says no
	stranger         problemKind = "stranger"   // 403: the policy says no to this person
	unusual          problemKind = "unusual"    // 403: the policy says no because of the risk
	closed           problemKind = "closed"     // 403: no sign-up here
	notFound         problemKind = "not_found"  // 404
	methodNotAllowed problemKind = "method"     // 405
	expired          problemKind = "expired"    // 410: the flow is over or somebody else's
	cookiesOff       problemKind = "cookies"    // 400
	tooMany          problemKind = "too_many"   // 429
	tooManySends     problemKind = "too_many_sends"
	exhausted        problemKind = "exhausted"   // 403: too many failures in a row, for good
	notHeld          problemKind = "not_held"    // 410: a form that is not there to be sent on
	sentOn           problemKind = "sent_on"     // 410: one that was
	fault            problemKind = "fault"       // 500
	unavailable      problemKind = "unavailable" // 503
)

// kindOf is what a status means unless somebody says more.
var kindOf = map[int]problemKind{
	http.StatusBadRequest: badTarget, http.StatusForbidden: denied, http.StatusNotFound: notFound,
	http.StatusMethodNotAllowed: methodNotAllowed, http.StatusTooManyRequests: tooMany,
	http.StatusServiceUnavailable: unavailable,
}

type problem struct {
	kind      problemKind   // default: what the status means
	wait      time.Duration // for 429 and 503: when it is worth trying again
	reference string        // a short word that the log holds too
	decision  string        // the id of the decision that led here
	account   string        // who is refused; default: whoever is signed in
	returnTo  string        // where a new start should lead; checked
	toAccount bool          // a new start leads to the account
	other     string        // a first factor with which it is worth trying at once
	stepUp    string        // for 401: the page on which the missing proof is given
	confirm   bool          // for 401: somebody is signed in, and owes more
}

// Unproved is what a request lacks that is answered with 401.
type Unproved struct {
	// StepUp is the address of the page on which it can be proved: one of [Pages.URL].
	StepUp string
	// Confirm says that somebody is signed in, and more proof is asked of them.
	Confirm   bool
	Reference string // the id of the decision
}

// Unproved answers 401 with a page: to browsers too old to say that they are going
// somewhere, whose form could not be kept. What is to be in the header is set before.
func (p *Pages) Unproved(w http.ResponseWriter, r *http.Request, u Unproved) {
	p.tell(w, r, http.StatusUnauthorized, problem{kind: signedOut, decision: u.Reference, stepUp: u.StepUp, confirm: u.Confirm})
}

// Problem answers a request, for a page of ours or of the application, with the
// error page of the status (400, 403, 404, 405, 429, 500 or 503), or with a small
// JSON object {error, reason} where the answer is not going to be shown as a page.
func (p *Pages) Problem(w http.ResponseWriter, r *http.Request, status int) {
	if status == http.StatusForbidden {
		p.Refuse(w, r, Refused{})
		return
	}
	p.tell(w, r, status, problem{})
}

// Refused is why a request was refused that no proof would open.
type Refused struct {
	Reference string // the id of the decision
	// Stranger says that the page is for certain people only, and this is none of them.
	Stranger bool
	// Unusual says that it is the risk for which the page is closed: it may open later, or
	// from elsewhere, and to nobody else now.
	Unusual bool
	// Account is the address of whoever is signed in. Default: what Config.Session says.
	Account string
	// Target is what was asked for, a path with its query. Default: the request's own.
	Target string
}

// Refuse answers 403.
func (p *Pages) Refuse(w http.ResponseWriter, r *http.Request, refused Refused) {
	pr := problem{decision: refused.Reference, account: refused.Account}
	if refused.Stranger {
		pr.kind = stranger
	} else if refused.Unusual {
		pr.kind = unusual
	}
	if r.Method == http.MethodGet { // as another person it may open
		pr.returnTo = firstNonEmpty(refused.Target, r.URL.RequestURI())
	}
	p.tell(w, r, http.StatusForbidden, pr)
}

func (p *Pages) tell(w http.ResponseWriter, r *http.Request, status int, pr problem) {
	if pr.kind == "" {
		pr.kind = cmp.Or(kindOf[status], fault)
	}
	setHeaders(w.Header())
	w.Header().Add("Vary", "Accept, Sec-Fetch-Mode")
	if status == http.StatusTooManyRequests || pr.wait > 0 {
		retryAfter(w, pr.wait)
	}
	l := p.language(r)
	if !navigation(r) {
		l = p.bundle.Base() // machines, and whoever reads over their shoulder, get one language
	}
	pg := p.problemPage(l, r, pr)
	if !navigation(r) {
		writeJSON(w, r, status, problemJSON{string(pr.kind), pg.Heading, pr.reference, pr.decision})
		return
	}
	if err := p.write(w, r, status, pg); err != nil {
		p.Log.Error("answering with a problem", "kind", pr.kind, "err", err)
		http.Error(w, http.StatusText(status), status)
	}
}

type problemJSON struct {
	Error     string `json:"error"`
	Reason    string `json:"reason"`
	Reference string `json:"reference,omitempty"`
	Decision  string `json:"decision,omitempty"`
}

func writeJSON(w http.ResponseWriter, r *http.Request, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

// tellProblem answers with a problem on the way to the call's target.
func (c *call) tellProblem(status int, pr problem) {
	pr.returnTo, pr.decision, pr.toAccount = c.target.ReturnTo, c.target.Decision, c.target.Account
	c.tell(c.w, c.r, status, pr)
}

// lost answers when the flow cannot be found: it starts again to the same place.
func (c *call) lost(kind problemKind) {
	status := http.StatusGone
	if kind == cookiesOff {
		status = http.StatusBadRequest
	}
	c.tellProblem(status, problem{kind: kind})
}

func (p *Pages) problemPage(l *lang.Language, r *http.Request, pr problem) *page {
	kind := "problem." + string(pr.kind)
	target := flows.Target{Account: pr.toAccount}
	target.ReturnTo, _ = ReturnTo(pr.returnTo, p.Site.Prefix)
	pg := p.bare(l, "tell", string(pr.kind), "")
	pg.Reference = firstNonEmpty(pr.reference, pr.decision) // of a fault the log says more by its own
	signIn := &link{must(l.Text("start_again")), p.url("/sign-in", target, uiLocales, p.carried(r))}
	app := &link{must(l.Text("back_to_app", "app", pg.App)), "/"}
	switch pr.kind {
	case tooMany, tooManySends:
		p.tooMany(pg, pr)
		pg.Next = signIn
		p.offerOther(pg, pr, signIn)
		return pg
	case denied, stranger:
		p.denied(pg, r, pr)
		if pg.Email != "" {
			pg.OtherAccount = p.url("/sign-out", target, uiLocales, p.carried(r))
		}
		pg.Cancel = app
	case unusual:
		pg.Lead = pg.T(kind + ".lead")
		pg.List = []template.HTML{pg.T(kind + ".do"), pg.T("problem.denied.do", "app", pg.App)}
		pg.Cancel = app
	case signedOut:
		pg.Lead, pg.Why = pg.T(kind+".lead", "app", pg.App), pg.T("lost")
		pg.List = []template.HTML{pg.T(kind + ".do")}
		pg.Next = &link{pg.S("sign_in.title"), pr.stepUp}
		if pr.confirm {
			pg.Heading, pg.Lead, pg.List = pg.S("step_up.title"), pg.T("step_up.lead_unnamed"), nil
			pg.Next.Text = pg.S("effort.go")
		}
	case cookiesOff:
		pg.Lead = pg.T(kind + ".lead")
		pg.List = []template.HTML{pg.T(kind + ".again"), pg.T(kind + ".window"), pg.T(kind+".do", "host", pg.LTR(pg.Host))}
		pg.Next = signIn
	case closed:
		pg.Lead = pg.T(kind+".lead", "app", pg.App)
		pg.List = []template.HTML{pg.T(kind + ".do")}
		pg.Next = &link{pg.S("sign_in.title"), signIn.URL}
	default:
		pg.Lead = pg.T(kind + ".lead")
		pg.List = []template.HTML{pg.T(kind + ".do")}
		switch pr.kind {
		case exhausted:
			pg.Next = signIn
			p.offerOther(pg, pr, signIn)
		case expired, crossSite:
			pg.Next = signIn
		case notHeld, sentOn:
			pg.Next = &link{pg.S("problem." + string(pr.kind) + ".go"), target.ReturnTo}
		case fault, unavailable:
		default:
			pg.Cancel = app
		}
	}
	if pg.Heading == "" {
		pg.Heading = pg.S(kind)
	}
	if p.Here != nil && (pr.kind == crossSite || pr.kind == cookiesOff) {
		// At another address than the site's, starting again leads right back here.
		if _, wrong := p.Here(r); wrong != "" {
			pg.List = nil
			p.misplaced(pg, r, wrong, target.ReturnTo)
		}
	}
	return pg
}

// denied says who is refused, if anybody is signed in: another account may be let in.
func (p *Pages) denied(pg *page, r *http.Request, pr problem) {
	pg.Email = pr.account
	if session, err := p.Session(r); pg.Email == "" && err == nil && session != nil {
		pg.Email = session.Email
	}
	pg.List = []template.HTML{pg.T("problem.denied.do", "app", pg.App)}
	if pg.Email == "" {
		pg.Heading, pg.Lead = pg.S("problem.denied.anonymous"), pg.T("problem.denied.lead_anonymous")
		return
	}
	pg.Lead = pg.T("problem."+string(pr.kind)+".lead", "email", pg.strong(pg.Email))
}

func (p *Pages) tooMany(pg *page, pr problem) {
	until := p.Now().Add(pr.wait + time.Minute - 1).UTC().Truncate(time.Minute) // rounded up
	pg.Heading = pg.S("problem.too_many", "time", duration(pg.L, pr.wait))
	lead, do := "problem.too_many.lead", "problem.too_many.do"
	if pr.kind == tooManySends { // told to whoever typed an address; each has its own budget
		lead, do = lead+"_sends", do+"_sends"
	}
	clock := lang.Slot{
		Open:  template.HTML(`<strong><time datetime="` + until.Format(time.RFC3339) + `">`),
		Close: "</time></strong>",
	}
	pg.Lead = pg.T("problem.too_many.after", "wait", duration(pg.L, pr.wait), "time", clock, "clock", until.Format("15:04")) + " " + pg.T(lead)
	pg.List = []template.HTML{pg.T(do), pg.T("problem.too_many.not_you")}
}

// offerOther leads to the other first factor, before a new start that has to wait.
func (p *Pages) offerOther(pg *page, pr problem, signIn *link) {
	if pr.other != "" {
		pg.List = append(pg.List, pg.T("problem.other."+pr.other))
		pg.Next, pg.Cancel = &link{pg.S("problem.other_go." + pr.other), signIn.URL}, signIn
	}
}

// newReference is short enough to read out over the phone.
func newReference() string { return strings.ToLower(rand.Text()[:8]) }
