package ui

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/ui/lang"
)

// threeTongues is a style of three languages, two of which say very little.
func threeTongues(t testing.TB) *Style {
	t.Helper()
	bundle, err := lang.Load(fstest.MapFS{
		"en.json": {Data: mustRead(t, "lang/en.json")},
		"de.json": {Data: []byte(`{"language": "Deutsch", "sign_in.title": "Anmelden", "foot.language": "Sprache", "problem.not_found": "Hier gibt es keine Seite", "script.confirm": "Bestätigen"}`)},
		"ar.json": {Data: []byte(`{"language": "العربية", "sign_in.title": "تسجيل الدخول"}`)},
	}, "en")
	if err != nil {
		t.Fatal(err)
	}
	style := *plain
	style.bundle = bundle
	return &style
}

func polyglot(t testing.TB, changes ...func(*Config)) *world {
	t.Helper()
	return newWorld(t, append([]func(*Config){func(c *Config) { c.Style, c.Languages = threeTongues(t), nil }}, changes...)...)
}

// in is a request with an Accept-Language header, and with a language cookie if there is
// one.
func (w *world) in(accept, cookie, method, path string) *http.Request {
	r := w.request(method, path, nil)
	if accept != "" {
		r.Header.Set("Accept-Language", accept)
	}
	if cookie != "" {
		r.Header.Set("Cookie", w.browser+"; "+cookie)
	}
	return r
}

// switchOf is the form in the footer, or nil.
func switchOf(d document) *html.Node {
	for _, form := range d.all(func(n *html.Node) bool { return n.DataAtom == atom.Form && attr(n, "action") == "/.auth/language" }) {
		return form
	}
	return nil
}

func TestTheLanguageIsChosenAskedForPreferredOrTheDefault(t *testing.T) {
	t.Parallel()
	const de = LanguageCookie + "=de"
	for _, c := range []struct{ path, accept, cookie, want string }{
		{"/sign-in", "", "", "en"},
		{"/sign-in", "ar-EG, de;q=0.5", "", "ar"},
		{"/sign-in", "sv", "", "en"},
		{"/sign-in?ui_locales=de", "ar", "", "de"},
		{"/sign-in?ui_locales=sv+de-AT", "ar", "", "de"},
		{"/sign-in?return_to=%2F&ui_locales=de%20ar", "", "", "de"},
		{"/sign-in?ui_locales=sv", "ar", "", "ar"},
		{"/sign-in?ui_locales=%3Cscript%3E", "ar", "", "ar"},
		{"/sign-in?ui_locales=%E0%A4%A", "ar", "", "ar"},
		{"/sign-in?ui_locales=ar", "ar", de, "de"},
		{"/sign-in", "ar", de, "de"},
		{"/sign-in", "ar", LanguageCookie + "=sv", "ar"},
		{"/sign-in", "ar", LanguageCookie + "=", "ar"},
		{"/sign-in", "ar", LanguageCookie + "=DE", "ar"},
		{"/sign-in", "ar", de + "; " + LanguageCookie + "=en", "ar"}, // of two, somebody else may have planted one
		{"/sign-in", "ar", LoopbackLanguageCookie + "=de", "ar"},
		{"/nowhere", "de", "", "de"},
		{"/language", "", de, "de"},
	} {
		w := polyglot(t)
		a := w.do(w.in(c.accept, c.cookie, "GET", c.path))
		if got := attr(parsePage(t, a.body).one(atom.Html), "lang"); a.StatusCode != 400 && (got != c.want || a.Header.Get("Content-Language") != c.want) {
			t.Errorf("%s with %q and %q is in %s, want %s", c.path, c.accept, c.cookie, got, c.want)
		}
		if vary := strings.Join(a.Header.Values("Vary"), ", "); !strings.Contains(vary, "Accept-Language") || !strings.Contains(vary, "Cookie") {
			t.Errorf("%s varies by %s", c.path, vary)
		}
		if len(a.Header["Set-Cookie"]) != 0 {
			t.Errorf("a GET of %s sets %v", c.path, a.Header["Set-Cookie"])
		}
	}
	limited := polyglot(t, func(c *Config) { c.Languages = []string{"ar", "de"} })
	for accept, want := range map[string]string{"": "ar", "en": "ar", "de": "de", "sv": "ar"} {
		a := limited.do(limited.in(accept, LanguageCookie+"=en", "GET", "/sign-in"))
		if got := a.Header.Get("Content-Language"); got != want {
			t.Errorf("of Arabic and German, %q gets %s", accept, got)
		}
	}
	if _, err := newStage(func(c *Config) { c.Style, c.Languages = threeTongues(t), []string{"de", "tlh"} }); err == nil || !strings.Contains(err.Error(), `unknown language "tlh": there are ar, de, en`) {
		t.Errorf("an unknown language: %v", err)
	}
}

func TestChoosingALanguageKeepsItAndThePlace(t *testing.T) {
	t.Parallel()
	w := polyglot(t)
	w.engine.now = viewOf(flows.SignIn, flows.AskCode)
	const path = "/code?f=f8Q2k&return_to=%2Freports&why=code_wrong"
	form := switchOf(parsePage(t, w.get(path).status(200).body))
	back := ""
	for n := range form.Descendants() {
		if attr(n, "name") == "back" {
			back = attr(n, "value")
		}
	}
	if back != "/.auth"+path {
		t.Fatalf("the switch leads back to %s", back)
	}
	w.engine.asked = nil
	a := w.post("/language", "language", "de", "back", back).leadsTo(back)
	const want = LanguageCookie + "=de; Path=/; Max-Age=15552000; HttpOnly; Secure; SameSite=Lax"
	if got := a.Header["Set-Cookie"]; len(got) != 1 || got[0] != want {
		t.Errorf("the cookie is %q, want %q", got, want)
	}
	if w.engine.asked != nil {
		t.Errorf("the engine was asked %v", w.engine.asked)
	}
	for _, other := range []string{"sv", "DE", "", "de; Domain=x", "en\r\nX: y"} {
		if a := w.post("/language", "language", other, "back", back).leadsTo(back); len(a.Header["Set-Cookie"]) != 0 {
			t.Errorf("%q sets %v", other, a.Header["Set-Cookie"])
		}
	}
	loopback := polyglot(t, func(c *Config) { c.Site.Origin = "http://localhost:8080" })
	if got := loopback.post("/language", "language", "ar").Header.Get("Set-Cookie"); got != "stepgate-language=ar; Path=/; Max-Age=15552000; HttpOnly; SameSite=Lax" {
		t.Errorf("on loopback the cookie is %s", got)
	}
}

func TestChoosingALanguageLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	w := polyglot(t)
	const here = "/.auth/language"
	for back, want := range map[string]string{
		"/.auth/code?f=f8Q2k&return_to=%2Freports": "/.auth/code?f=f8Q2k&return_to=%2Freports",
		"/.auth/sign-in":                    "/.auth/sign-in",
		"/.auth/":                           "/.auth/",
		"/.auth":                            "/.auth",
		"/.auth/not-me?m=x":                 "/.auth/not-me?m=x",
		"/reports?year=2026":                "/reports?year=2026",
		"/":                                 "/",
		"/authentic":                        "/authentic",
		"":                                  here,
		"/.auth/language":                   here,
		"/.auth/nowhere":                    here,
		"/.auth/inbox":                      here, // there is none
		"/.auth/assets/x":                   here,
		"/.auth/native/token":               here,
		"/.AUTH/sign-in":                    here,
		"/.auth//evil.example":              here,
		"/.auth/%2e%2e/x":                   here,
		"/.auth/../x":                       here,
		"/.auth/sign-in\r\nSet-Cookie: x=y": here,
		"/.auth/sign-in?a=\\":               here,
		"/.auth/sign-in#x":                  here,
		"//evil.example":                    here,
		"///evil.example":                   here,
		"/\\evil.example":                   here,
		"/%5cevil.example":                  here,
		"/%2fevil.example":                  here,
		"https://evil.example/":             here,
		"https://payroll.harbour.example/":  here,
		"javascript:alert(1)":               here,
		"/.auth/sign-in?x=" + strings.Repeat("x", maxReturnTo): here,
	} {
		a := w.post("/language", "language", "de", "back", back).leadsTo(want)
		if a.Header.Get("Set-Cookie") == "" {
			t.Errorf("%q: nothing is kept", back)
		}
	}
	inbox := polyglot(t, func(c *Config) { c.Inbox = someMessages() })
	inbox.post("/language", "language", "de", "back", "/.auth/inbox?to=x").leadsTo("/.auth/inbox?to=x")
}

func TestOnlyOurOwnPagesChooseALanguage(t *testing.T) {
	t.Parallel()
	w := polyglot(t)
	for name, tweak := range map[string]func(*http.Request){
		"another site":   func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"another origin": func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "https://evil.example") },
		"a picture":      func(r *http.Request) { r.Header.Set("Sec-Fetch-Dest", "image") },
		"no form":        func(r *http.Request) { r.Header.Set("Content-Type", "application/json") },
		"doubled fields": func(r *http.Request) { r.Body = http.NoBody; r.Header.Set("Content-Encoding", "gzip") },
	} {
		r := w.request("POST", "/language", url.Values{"language": {"de"}, "back": {"/"}})
		tweak(r)
		if a := w.do(r); a.StatusCode < 400 || len(a.Header["Set-Cookie"]) != 0 {
			t.Errorf("%s: %d, %v", name, a.StatusCode, a.Header["Set-Cookie"])
		}
	}
	r := w.request("PUT", "/language", nil)
	if a := w.do(r).status(405); a.Header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("allowed are %s", a.Header.Get("Allow"))
	}
}

func TestEveryPageOffersTheLanguages(t *testing.T) {
	t.Parallel()
	tongues := threeTongues(t)
	for _, s := range scenes() {
		change := s.change
		s.change = func(c *Config) {
			if change != nil {
				change(c)
			}
			style := *c.Style
			style.bundle = tongues.bundle
			c.Style, c.Languages = &style, nil
		}
		a := s.playIn(s.world(t))
		if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
			continue
		}
		d := parsePage(t, a.body)
		d.checkSkeleton()
		d.checkStrict()
		form := switchOf(d)
		if form == nil {
			t.Errorf("%s offers no languages", s.name)
			continue
		}
		said := ""
		for n := range form.Descendants() {
			if n.DataAtom == atom.Button {
				said += attr(n, "value") + " " + attr(n, "lang") + " " + attr(n, "dir") + " " + attr(n, "aria-current") + " " + text(n) + ", "
			}
			if attr(n, "name") == "back" && !strings.HasPrefix(attr(n, "value"), "/") {
				t.Errorf("%s leads back to %q", s.name, attr(n, "value"))
			}
		}
		if said != "en en ltr true English, ar ar rtl  العربية, de de ltr  Deutsch, " {
			t.Errorf("%s offers %s", s.name, said)
		}
	}
}

func TestOneLanguageIsNoChoice(t *testing.T) {
	t.Parallel()
	w := polyglot(t, func(c *Config) { c.Languages = []string{"de"} })
	if switchOf(parsePage(t, w.get("/sign-in").says("Anmelden").body)) != nil {
		t.Error("there is a switch")
	}
	w.get("/language").status(404)
	w.post("/language", "language", "de", "back", "/").status(404)
}

func TestTheLanguageCanBeChosenWhileNothingElseWorks(t *testing.T) {
	t.Parallel()
	down := errors.New("the store is down")
	w := polyglot(t, func(c *Config) {
		c.Engine = func() (Engine, error) { return nil, down }
		c.Session = func(*http.Request) (*flows.Session, error) { return nil, down }
	})
	if switchOf(parsePage(t, w.get("/sign-in").status(503).body)) == nil {
		t.Error("there is no switch")
	}
	w.get("/language").status(200).says(">Deutsch</button>", `<a href="/">Go to Payroll</a>`)
	w.post("/language", "language", "de", "back", "/.auth/sign-in").leadsTo("/.auth/sign-in")
	if got := w.do(w.in("", LanguageCookie+"=de", "GET", "/sign-in")).status(503).Header.Get("Content-Language"); got != "de" {
		t.Errorf("the page is in %s", got)
	}
}

func TestTheSwitchOnAProblemLeadsBackToWhatCanBeAskedForAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ method, address, rewritten, want string }{
		{"GET", "/admin/?a=b", "/admin/?a=b", "/admin/?a=b"},
		{"GET", "/admin", "/index.php/admin", "/admin"},
		{"POST", "/transfer", "/transfer", "/.auth/language"},
		{"GET", "//evil.example", "//evil.example", "/.auth/language"},
	} {
		w := polyglot(t, func(cfg *Config) { cfg.Address = func(*http.Request) string { return c.address } })
		r := w.in("de", "", c.method, "/")
		r.URL.Path, r.URL.RawQuery, _ = strings.Cut(c.rewritten, "?")
		r.URL.RawQuery = ""
		form := switchOf(parsePage(t, w.problem(r, 403).body))
		if form == nil {
			t.Fatalf("%s %s: no switch", c.method, c.address)
		}
		for n := range form.Descendants() {
			if attr(n, "name") == "back" && attr(n, "value") != c.want {
				t.Errorf("%s %s leads back to %s, want %s", c.method, c.address, attr(n, "value"), c.want)
			}
		}
	}
}

func TestMachinesReadOneLanguage(t *testing.T) {
	t.Parallel()
	w := polyglot(t, func(c *Config) { c.Languages = []string{"de"} })
	r := w.in("de", "", "GET", "/nowhere")
	if w.do(r).says("Hier gibt es keine Seite"); r.Header.Get("Sec-Fetch-Mode") == "" {
		t.Fatal("that was no person")
	}
	r.Header.Set("Sec-Fetch-Mode", "cors")
	w.do(r).status(404).says(`"reason":"There is no page here"`)
}

// Whoever leads people here names a language for one visit: it goes along from page to
// page, and no further.
func TestALanguageThatIsAskedForGoesAlong(t *testing.T) {
	t.Parallel()
	w := polyglot(t)
	w.engine.now = viewOf(flows.SignIn, flows.AskCode)
	r := w.request("POST", "/sign-in?ui_locales=tlh+de&return_to=%2Freports", url.Values{"email": {"d@x.example"}})
	a := w.do(r).status(303)
	if to, _ := url.Parse(a.Header.Get("Location")); to.Query().Get("ui_locales") != "de" || w.engine.seen.Lang != "de" {
		t.Errorf("it leads to %s, and messages are in %s", to, w.engine.seen.Lang)
	}
	for _, path := range []string{"/sign-in", "/sign-up", "/reset", "/code?f=f8Q2k"} {
		addresses := func(r *http.Request) (all []string) {
			d := parsePage(t, w.do(r).body)
			for _, n := range d.all(func(n *html.Node) bool { return has(n, "href") && n.DataAtom == atom.A || has(n, "action") }) {
				if to := attr(n, "href") + attr(n, "action"); strings.HasPrefix(to, "/.auth/") && to != "/.auth/language" {
					all = append(all, to)
				}
			}
			return all
		}
		glue := "?"
		if strings.Contains(path, "?") {
			glue = "&"
		}
		for _, to := range addresses(w.in("", "", "GET", path+glue+"ui_locales=de")) {
			if !strings.Contains(to, "ui_locales=de") {
				t.Errorf("%s forgets the language on the way to %s", path, to)
			}
		}
		for _, to := range addresses(w.in("", LanguageCookie+"=ar", "GET", path+glue+"ui_locales=de")) {
			if strings.Contains(to, "ui_locales") {
				t.Errorf("%s names a language that was not chosen on the way to %s", path, to)
			}
		}
	}
	w.engine.next = with(viewOf(flows.SignIn, flows.Done), func(v *flows.View) { v.Opened = nil })
	w.post("/code?f=f8Q2k&ui_locales=de", "code", "482913").leadsTo("/reports?year=2026")
	w.do(w.in("", "", "GET", "/code?ui_locales=de")).status(410).says("ui_locales=de")
}

func TestTheScriptForApplicationsIsInTheLanguageOfThePages(t *testing.T) {
	t.Parallel()
	w := polyglot(t)
	const path = "/assets/step-up.js"
	german := w.do(w.in("de", "", "GET", path)).status(200).says(`confirm:"Bestätigen"`, `.lang="de"`, `.dir="ltr"`)
	w.do(w.in("de", LanguageCookie+"=ar", "GET", path)).says(`.lang="ar"`, `.dir="rtl"`)
	w.do(w.in("sv", "", "GET", path)).says(`confirm:"Confirm it’s you"`, `.lang="en"`)
	w.do(w.in("sv", "", "GET", path+"?ui_locales=de")).says(`.lang="de"`)
	if vary := german.Header.Get("Vary"); vary != "Accept-Encoding, Accept-Language, Cookie" {
		t.Errorf("it varies by %s", vary)
	}
	r := w.in("ar", "", "GET", path)
	r.Header.Set("If-None-Match", german.Header.Get("ETag"))
	w.do(r).status(200)
}

func TestTheFooterIsInTheOrderThatHelpComesFirst(t *testing.T) {
	t.Parallel()
	w := polyglot(t, func(c *Config) {
		style := *c.Style
		style.links = links{HelpURL: "https://help.example/", PrivacyURL: "https://help.example/p", TermsURL: "https://help.example/t", AccessibilityURL: "https://help.example/a"}
		c.Style = &style
	}).signedIn()
	d := parsePage(t, w.get("/sign-out").status(200).body)
	var said []string
	for n := range d.one(atom.Footer).Descendants() {
		if n.DataAtom == atom.A || n.DataAtom == atom.Summary || n.DataAtom == atom.P {
			said = append(said, text(n))
		}
	}
	if got := strings.Join(said, " | "); got != "Help | Privacy | Terms of use | Accessibility | Your account | Language English | You are at payroll.harbour.example" {
		t.Errorf("the footer says %s", got)
	}
	if nav := d.one(atom.Nav); attr(nav, "aria-label") != "Help and settings" {
		t.Error("the footer's navigation has no name")
	}
	bare := newWorld(t, func(c *Config) { c.Style, c.Languages = threeTongues(t), []string{"en"} })
	if found := parsePage(t, bare.get("/sign-in").body).tags(atom.Nav); len(found) != 0 {
		t.Error("there is a navigation with nothing in it")
	}
}

// The whole choice of languages is on every page, and a first visit is small all the same.
func TestAFirstVisitWithEveryLanguageIsSmall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.Languages = nil })
	for _, l := range w.pages.bundle.Languages() {
		page := newAsset("page.html", "", []byte(w.do(w.in(l.Tag, "", "GET", "/sign-in")).body))
		if n := len(page.gzip) + len(w.pages.assets.css.gzip); n > 8<<10 {
			t.Errorf("%s: page and stylesheet have %d bytes packed", l.Tag, n)
		}
	}
}

// What the gateway took out of a request before it was judged counts on the pages that it
// answers with.
func TestALanguageThatWasTakenOutOfTheRequestCounts(t *testing.T) {
	t.Parallel()
	w := polyglot(t, func(c *Config) { c.Chosen = func(r *http.Request) string { return r.Header.Get("X-Chosen") } })
	for chosen, want := range map[string]string{"de": "de", "": "ar", "sv": "ar"} {
		r := w.in("ar", "", "GET", "/nowhere")
		r.Header.Set("X-Chosen", chosen)
		if got := w.do(r).Header.Get("Content-Language"); got != want {
			t.Errorf("%q is %s, want %s", chosen, got, want)
		}
	}
}
