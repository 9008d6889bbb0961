package ui

import (
	"cmp"
	"crypto/subtle"
	"errors"
	"net/http"
	"regexp"
	"strings"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
	"github.com/stepgate/stepgate/ui/lang"
)

// A route is one address below the prefix. HEAD is answered as GET.
type route struct {
	get  func(*call)
	post func(*call) // nil: the address takes no forms
}

var routes = map[string]route{
	"":              {get: (*call).getRoot},
	"/":             {get: (*call).getRoot},
	"/sign-in":      {get: (*call).getSignIn, post: (*call).postSignIn},
	"/sign-up":      {get: (*call).getSignUp, post: (*call).postSignUp},
	"/reset":        {get: (*call).getReset, post: (*call).postReset},
	"/password":     {get: show(flows.AskPassword), post: (*call).postPassword},
	"/code":         {get: show(flows.AskCode), post: (*call).postCode},
	"/new-password": {get: show(flows.AskNewPassword), post: (*call).postNewPassword},
	"/attributes":   {get: show(flows.AskAttributes), post: (*call).postAttributes},
	"/choose":       {get: show(flows.Choose), post: (*call).postChoose},
	"/phone":        {get: (*call).getPhone, post: (*call).postPhone},
	"/stuck":        {get: show(flows.Stuck)},
	"/flow":         {get: show("")},
	"/step-up":      {get: (*call).getStepUp, post: (*call).postStepUp},
	"/enrol":        {get: (*call).getEnrol, post: (*call).postEnrol},
	"/continue":     {get: (*call).getContinue},
	"/done":         {get: (*call).getDone},
	"/sign-out":     {get: (*call).getSignOut, post: (*call).postSignOut},
	"/not-me":       {get: (*call).getNotMe, post: (*call).postNotMe},
	"/email":        {get: (*call).getNewEmail, post: (*call).postNewEmail},

	"/account":              {get: (*call).getAccount, post: (*call).postAccount},
	"/account/password":     {get: askChange(flows.ChangePassword), post: beginChange(flows.ChangePassword)},
	"/account/phone":        {get: askChange(flows.ChangePhone), post: beginChange(flows.ChangePhone)},
	"/account/remove-phone": {get: askChange(flows.RemovePhone), post: beginChange(flows.RemovePhone)},
	"/account/email":        {get: askChange(flows.ChangeEmail), post: beginChange(flows.ChangeEmail)},
	"/account/profile":      {get: (*call).getProfile, post: (*call).postProfile},
}

// stepPaths says which address shows which step.
var stepPaths = map[flows.Step]string{
	flows.AskPassword:    "/password",
	flows.AskCode:        "/code",
	flows.AskNewPassword: "/new-password",
	flows.AskAttributes:  "/attributes",
	flows.Confirm:        "/step-up",
	flows.Choose:         "/choose",
	flows.AskPhone:       "/phone",
	flows.AskEmail:       "/email",
	flows.Stuck:          "/stuck",
}

// call is one request being answered.
type call struct {
	*Pages
	w           http.ResponseWriter
	r           *http.Request
	lang        *lang.Language
	locale      string // the language to name in addresses; empty: none
	query, form fields
	engine      Engine
	caller      flows.Caller
	target      flows.Target
	typed       typed // into the form that was refused
	// formAt is the page on which a refused input is told, where it is not the step's own.
	formAt string
	// adding: the flow at hand gives an account its first password.
	adding bool
}

// ServeHTTP answers everything below the prefix. The request's path is the full one;
// a path that is not ours is a 404.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header())
	path, below := strings.CutPrefix(r.URL.Path, p.Site.Prefix)
	if name, ok := strings.CutPrefix(path, "/assets/"); ok && below {
		p.serveAsset(w, r, name)
		return
	}
	if (path == "/inbox" || path == "/inbox.json" || strings.HasPrefix(path, "/inbox/")) && below && p.inboxOpen(r) {
		p.serveInbox(w, r, path)
		return
	}
	if path == languagePath && below {
		p.serveLanguage(w, r)
		return
	}
	route, known := routes[path]
	if !known || !below {
		p.Problem(w, r, http.StatusNotFound)
		return
	}
	handle := route.get
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodPost:
		handle = route.post
	default:
		handle = nil
	}
	if handle == nil {
		p.refuseMethod(w, r, route.post != nil)
		return
	}
	if c := p.newCall(w, r); c != nil {
		handle(c)
	}
}

// forPerson reports whether a person's browser is going to the page, rather than a
// script of the application, or of whoever got into it, walking through our pages in
// the person's name. A service worker that passes navigations on has the destination
// "empty" and still the mode "navigate", which no script can send by itself.
func forPerson(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Dest") {
	case "", "document":
		return true
	case "empty":
		return r.Header.Get("Sec-Fetch-Mode") == "navigate"
	}
	return false
}

func (p *Pages) refuseMethod(w http.ResponseWriter, r *http.Request, post bool) {
	allow := "GET, HEAD"
	if post {
		allow += ", POST"
	}
	w.Header().Set("Allow", allow)
	p.Problem(w, r, http.StatusMethodNotAllowed)
}

func (p *Pages) serveAsset(w http.ResponseWriter, r *http.Request, name string) {
	f := p.assets.byName[name]
	if name == stepUpName {
		f = cmp.Or(p.assets.stepUp[p.language(r).Tag], f)
	}
	switch {
	case f == nil:
		p.Problem(w, r, http.StatusNotFound)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		p.refuseMethod(w, r, false)
	default:
		f.serve(w, r)
	}
}

// newCall reads the request and finds out who acts. It returns nil when it has
// answered the request itself, with a problem.
func (p *Pages) newCall(w http.ResponseWriter, r *http.Request) *call {
	c := &call{Pages: p, w: w, r: r, lang: p.language(r), locale: p.carried(r)}
	var err error
	if !forPerson(r) {
		p.tell(w, r, http.StatusForbidden, problem{kind: crossSite})
		return nil
	}
	if c.query, err = parseFields(r.URL.RawQuery); err != nil {
		p.tell(w, r, http.StatusBadRequest, problem{kind: badForm})
		return nil
	}
	c.target = p.targetOf(c.query)
	if r.Method == http.MethodPost && !c.readPost() {
		return nil
	}
	if c.engine, err = p.Engine(); err != nil {
		p.Log.Error("finding the engine for a page", "err", err)
		p.Problem(w, r, http.StatusServiceUnavailable)
		return nil
	}
	session, err := p.Session(r)
	if err != nil {
		c.fail(err, flows.View{})
		return nil
	}
	if _, n := rawCookie(r, p.cookies.SessionName()); n > 1 {
		p.cookies.ClearSession(w)
		session = nil
	}
	c.caller = flows.Caller{
		Site: p.Site, Browser: p.browser(r), Session: session,
		Device: deviceLabel(c.lang, r.UserAgent()), Lang: c.lang.Tag, Demand: p.Demand(r),
		Effort: c.form.get("effort"),
	}
	if p.Network != nil {
		c.caller.Network = p.Network(r)
	}
	path := strings.TrimPrefix(r.URL.Path, p.Site.Prefix)
	if c.typed = c.openTyped(path); r.Method == http.MethodPost {
		c.typed = c.takeTyped(path)
	}
	return c
}

// readPost checks that a form comes from our own pages, and reads it.
func (c *call) readPost() bool {
	if !c.sameOrigin(c.r) {
		c.tell(c.w, c.r, http.StatusForbidden, problem{kind: crossSite, returnTo: c.target.ReturnTo})
		return false
	}
	var err error
	status := http.StatusBadRequest
	if c.form, err = readForm(c.w, c.r); err == nil {
		return true
	}
	switch {
	case errors.Is(err, errFormType):
		status = http.StatusUnsupportedMediaType
	case errors.Is(err, errFormTooBig):
		status = http.StatusRequestEntityTooLarge
	}
	c.tell(c.w, c.r, status, problem{kind: badForm})
	return false
}

// sameOrigin reports whether a POST may come from one of our pages. Browsers say
// where a request comes from in Sec-Fetch-Site; older ones only send the origin,
// which then must be the site's, scheme included.
func (p *Pages) sameOrigin(r *http.Request) bool {
	if p.origins.Check(r) != nil {
		return false
	}
	origin := r.Header.Get("Origin")
	return r.Header.Get("Sec-Fetch-Site") != "" || origin == "" || origin == p.Site.Origin
}

func deviceLabel(l *lang.Language, userAgent string) string {
	browser, system := device(userAgent)
	if browser == "" || system == "" {
		return browser + system
	}
	return must(l.Text("device.on", "browser", browser, "system", system))
}

// targetOf reads where the person wanted to go. A need that nobody can read is left
// out: the policy is asked again when the person gets there.
func (p *Pages) targetOf(query fields) flows.Target {
	var t flows.Target
	t.ReturnTo, _ = ReturnTo(query.get("return_to"), p.Site.Prefix)
	if need, err := policy.ParseDemand(query.get("need")); err == nil && !need.IsZero() {
		t.Need = need.String()
	}
	if method, path, ok := strings.Cut(query.get("for"), " "); ok && isMethod(method) && p.signed(query, t.Need) {
		if path, ok := ReturnTo(path, p.Site.Prefix); ok {
			t.Action = method + " " + path
		}
	}
	if held := query.get("held"); flows.IsID(held) {
		t.Held = held
	}
	if id := query.get("decision"); decisionForm.MatchString(id) {
		t.Decision = id
	}
	t.Window = query.get("window") == "1"
	t.Account = query.get("account") == "1"
	return t
}

// signAction signs what a target says that a proof would open; empty where it says
// nothing. Messages name it, under the operator's name, and to whoever an address was
// typed for: only the gateway may have put it there.
func (p *Pages) signAction(t flows.Target) string {
	if t.Action == "" {
		return ""
	}
	sig, err := p.Keys.Sign("action", p.Site.Origin, t.Action, t.Need)
	if err != nil {
		return ""
	}
	return sig
}

// signed reports whether the gateway has put the request there that a proof would open:
// nobody else was stopped on the way to it.
func (p *Pages) signed(query fields, need string) bool {
	sig := p.signAction(flows.Target{Action: query.get("for"), Need: need})
	return sig != "" && subtle.ConstantTimeCompare([]byte(sig), []byte(query.get("sig"))) == 1
}

// decisionForm is what the id of a decision looks like.
var decisionForm = regexp.MustCompile(`^[a-z2-7]{12}$`)

// isMethod reports whether a word is a method that the gateway would let through.
func isMethod(word string) bool {
	return word != "" && len(word) <= 20 && strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") == ""
}
