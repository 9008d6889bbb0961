package ui

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/stepgate/stepgate/flows"
)

// document is a parsed page.
type document struct {
	t    testing.TB
	root *html.Node
}

func parsePage(t testing.TB, body string) document {
	t.Helper()
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return document{t, root}
}

func (d document) all(match func(*html.Node) bool) []*html.Node {
	var found []*html.Node
	for n := range d.root.Descendants() {
		if n.Type == html.ElementNode && match(n) {
			found = append(found, n)
		}
	}
	return found
}

func (d document) tags(tags ...atom.Atom) []*html.Node {
	return d.all(func(n *html.Node) bool { return slices.Contains(tags, n.DataAtom) })
}

func (d document) id(id string) *html.Node {
	found := d.all(func(n *html.Node) bool { return attr(n, "id") == id })
	if len(found) != 1 {
		d.t.Errorf("%d elements with id %q", len(found), id)
		return nil
	}
	return found[0]
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func text(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func TestEveryPageIsSoundAndAccessible(t *testing.T) {
	t.Parallel()
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			a := seen(t, s.name)
			d := parsePage(t, a.body)
			d.checkSkeleton()
			d.checkStrict()
			d.checkForms()
			d.checkErrors(strings.Contains(s.path, "&why=") || a.told)
		})
	}
}

func (d document) one(tag atom.Atom) *html.Node {
	d.t.Helper()
	found := d.tags(tag)
	if len(found) != 1 {
		d.t.Fatalf("%d <%s>", len(found), tag)
	}
	return found[0]
}

func (d document) checkSkeleton() {
	d.t.Helper()
	root := d.one(atom.Html)
	if attr(root, "lang") != "en" || attr(root, "dir") != "ltr" {
		d.t.Error("the page says no language or direction")
	}
	d.one(atom.Main)
	heading := text(d.one(atom.H1))
	title := strings.TrimPrefix(text(d.one(atom.Title)), "Error: ")
	if heading == "" || title != heading+" – Harbour Mutual" {
		d.t.Errorf("the title is %q, the heading %q", title, heading)
	}
	if skip := d.tags(atom.A)[0]; attr(skip, "href") != "#main" || attr(d.id("main"), "tabindex") != "-1" {
		d.t.Error("the first link does not lead to the content")
	}
	ids := map[string]bool{}
	for _, n := range d.all(func(n *html.Node) bool { return has(n, "id") }) {
		if ids[attr(n, "id")] {
			d.t.Errorf("two elements with id %q", attr(n, "id"))
		}
		ids[attr(n, "id")] = true
	}
	for _, n := range d.tags(atom.Svg, atom.Img) {
		if attr(n, "aria-hidden") != "true" && !has(n, "alt") {
			d.t.Error("a picture has no text")
		}
	}
}

// checkStrict holds a page to its Content-Security-Policy.
func (d document) checkStrict() {
	d.t.Helper()
	for n := range d.root.Descendants() {
		if n.Type == html.CommentNode {
			d.t.Errorf("a comment: %q", n.Data)
		}
		if n.Type != html.ElementNode {
			continue
		}
		if n.DataAtom == atom.Style || n.DataAtom == atom.Script && (attr(n, "src") == "" || text(n) != "") {
			d.t.Errorf("inline <%s>", n.Data)
		}
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") || a.Key == "maxlength" || a.Key == "pattern" || a.Key == "disabled" || a.Key == "placeholder" {
				d.t.Errorf("<%s> has %s", n.Data, a.Key)
			}
			if a.Key == "src" || a.Key == "href" || a.Key == "action" {
				if fragment, ok := strings.CutPrefix(a.Val, "#"); ok {
					d.id(fragment)
				} else if path := strings.TrimPrefix(a.Val, newSite().Origin); !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
					d.t.Errorf("<%s %s=%q> leads elsewhere", n.Data, a.Key, a.Val)
				}
			}
		}
	}
}

func (d document) checkForms() {
	d.t.Helper()
	for _, form := range d.tags(atom.Form) {
		if method := attr(form, "method"); method != "post" && attr(form, "action") != "/.auth/inbox" {
			d.t.Errorf("a form with method %q", method)
		}
	}
	for _, input := range d.tags(atom.Input) {
		if has(input, "hidden") || attr(input, "type") == "hidden" {
			continue
		}
		id := attr(input, "id")
		labels := d.all(func(n *html.Node) bool { return n.DataAtom == atom.Label && attr(n, "for") == id })
		if id == "" || len(labels) != 1 || text(labels[0]) == "" {
			d.t.Errorf("input %q has %d labels", id, len(labels))
		}
		for described := range strings.FieldsSeq(attr(input, "aria-describedby")) {
			d.id(described)
		}
	}
	for _, button := range d.tags(atom.Button) {
		if text(button) == "" {
			d.t.Error("a button without words")
		}
	}
	if focused := d.all(func(n *html.Node) bool { return has(n, "autofocus") }); len(focused) > 1 {
		d.t.Errorf("%d elements want the focus", len(focused))
	}
}

// checkErrors: with scripts off as well, the title says that something is wrong, and
// the focus is on the one bad field or on the box that says what.
func (d document) checkErrors(refused bool) {
	d.t.Helper()
	title := text(d.one(atom.Title))
	if !refused {
		return
	}
	if !strings.HasPrefix(title, "Error: ") {
		d.t.Errorf("the title of a refusal is %q", title)
	}
	focused := d.all(func(n *html.Node) bool { return has(n, "autofocus") })
	if len(focused) != 1 {
		d.t.Fatalf("%d elements have the focus after a refusal", len(focused))
	}
	switch n := focused[0]; {
	case attr(n, "role") == "alert":
		if attr(n, "tabindex") != "-1" {
			d.t.Error("the box cannot have the focus")
		}
	case attr(n, "type") == "radio":
	case attr(n, "aria-invalid") != "true" || !strings.Contains(attr(n, "aria-describedby"), "-err"):
		d.t.Errorf("field %s does not say what is wrong", attr(n, "id"))
	}
}

// The attributes that password managers, keyboards and browsers go by, exactly.
func TestFieldsHaveTheAttributesThatBrowsersGoBy(t *testing.T) {
	t.Parallel()
	email := `name=email type=email inputmode=email autocomplete=username autocapitalize=none autocorrect=off spellcheck=false enterkeyhint=next required= dir=ltr`
	for name, want := range map[string]map[string]string{
		"sign-in":            {"email": email},
		"reset":              {"email": email},
		"sign-up":            {"email": strings.Replace(email, "username", "email", 1)},
		"password":           {"email": email, "current-password": `name=password type=password autocomplete=current-password autocapitalize=none spellcheck=false required=`},
		"code":               {"code": `name=code type=text inputmode=numeric autocomplete=one-time-code autocapitalize=characters spellcheck=false enterkeyhint=go required= dir=ltr aria-describedby=code-lead|code-note autofocus=`},
		"code-sms":           {"code": `autocomplete=one-time-code data-webotp=`},
		"new-password":       {"new-password": `name=new_password type=password autocomplete=new-password passwordrules=minlength:|15;|allowed:|unicode; autocapitalize=none spellcheck=false required= aria-describedby=new-password-hint`},
		"reset-code":         {"code": `name=code type=text inputmode=numeric autocomplete=one-time-code aria-describedby=code-lead|code-note autofocus=`},
		"reset-new-password": {"new-password": `name=new_password type=password autocomplete=new-password passwordrules=minlength:|15;|allowed:|unicode; required= aria-describedby=new-password-hint`},
		"phone":              {"tel": `name=tel type=tel autocomplete=tel required= dir=ltr`},
	} {
		a := seen(t, name)
		d := parsePage(t, a.body)
		for id, attrs := range want {
			n := d.id(id)
			for pair := range strings.FieldsSeq(attrs) {
				key, value, _ := strings.Cut(pair, "=")
				if value = strings.ReplaceAll(value, "|", " "); !has(n, key) || attr(n, key) != value {
					t.Errorf("%s: #%s has %s=%q, want %q", name, id, key, attr(n, key), value)
				}
			}
		}
		if name != "code-sms" && strings.Contains(a.body, "data-webotp") {
			t.Errorf("%s waits for a text message", name)
		}
	}
}

func TestNothingSecretIsShownAgain(t *testing.T) {
	t.Parallel()
	for _, s := range scenes() {
		seen(t, s.name).saysNot("hunter2hunter2", "secret-word", `value="111111"`, "0123456789abcdef")
	}
}

// Only a first factor may be swapped for the other one: later, a way on is one of
// the flow's options.
func TestOnlyTheFirstFactorCanBeSwitched(t *testing.T) {
	t.Parallel()
	seen(t, "code").says(`name="do" value="switch"`)
	seen(t, "password").says(`name="do" value="switch"`)
	for _, later := range []string{"code-second", "code-sms", "code-step-up", "code-enrolling", "code-sign-up", "password-step-up", "password-also", "reset-code", "reset-then-sms"} {
		seen(t, later).saysNot(`value="switch"`)
	}
}

// Every page of a flow says only what is so, and has a way out.
func TestPagesWithinAFlowHaveAWayOut(t *testing.T) {
	t.Parallel()
	goBack, startAgain := `<a href="/">Go back without opening it</a>`, `<a href="/.auth/sign-in?return_to=%2Fbank">Start again</a>`
	seen(t, "password").saysNot("Signed in as", startAgain)
	seen(t, "password-step-up").says("Signed in as", goBack).saysNot("Start again")
	for _, name := range []string{"password-also", "password-also-wrong"} {
		seen(t, name).says("Your email address is checked. Payroll also needs your password.", startAgain).saysNot("Signed in as", "Go back without")
	}
	seen(t, "phone").says(`<a href="/.auth/sign-in">Not now</a>`).saysNot("Go back without")
	seen(t, "phone-step-up").says(goBack).saysNot("Not now")
}

func TestWhoeverOwesAPhoneIsToldEachStep(t *testing.T) {
	t.Parallel()
	const phone = "Then you add a mobile number, and confirm it with a code we text to it."
	seen(t, "step-up-then-phone").says("First we’ll email you a code. " + phone)
	seen(t, "step-up-then-both").says("First we’ll ask for your password. Then we’ll email you a code. " + phone)
	seen(t, "code-then-phone").says("Then we’ll ask for your password. "+phone, "<h1>Check your email</h1>")
	seen(t, "password-then-phone").says(`<p class="small under">` + phone)
	for _, name := range []string{"step-up-then-phone", "step-up-then-both", "code-then-phone", "password-then-phone"} {
		seen(t, name).saysNot("straight", "quick", "instead")
	}
	for _, name := range []string{"step-up", "code-step-up", "password-step-up"} {
		seen(t, name).saysNot("mobile number")
	}
}

// Only where no country is assumed must a number begin with its code.
func TestThePhonePageAsksForTheCountryCodeWhereItIsNeeded(t *testing.T) {
	t.Parallel()
	const example = "+44\u00a07700\u00a0900123"
	seen(t, "phone-any-country").says("Start with + and your country code, like", example)
	seen(t, "phone-no-country").says("</span> Start with &#43; and your country code, like &#43;" + example[1:]).saysNot("right number of digits")
	seen(t, "phone-some-countries").says("From another country?", example)
	seen(t, "phone-one-country").says("With or without the country code").saysNot("+44")
	seen(t, "phone-malformed").says("right number of digits")
	w := newWorld(t)
	w.engine.now, w.engine.err = viewOf(flows.SignIn, flows.AskPhone), refused(flows.PhoneMalformed, -1)
	for _, typed := range []string{"+44 7700", "0044 7700"} {
		w.told(w.post("/phone?f=f8Q2k", "tel", typed)).says("right number of digits")
	}
	w.told(w.post("/phone?f=f8Q2k", "tel", "07700")).says("</span> Start with &#43;")
}

func TestWhatWasTypedIsKept(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"sign-in-malformed": `value="dana@"`, "password-wrong": `value="typo@harbour.example"`,
		"phone-malformed": `value="07700 9001"`, "code-malformed": `value="48291"`, "sign-in-changing": `value="dana.okafor@harbour.example"`,
	} {
		seen(t, name).says(want)
	}
}

// Input comes back as text and nothing else, whatever it holds.
func TestHostileInputIsOnlyText(t *testing.T) {
	t.Parallel()
	payloads := []string{
		`"><script>alert(1)</script>`, `' onfocus=alert(1) autofocus x='`, `</title><script>1</script>`, `javascript:alert(1)`,
		`{{.Site}}`, `{env.HOME}`, `{http.request.uri}`, `${7*7}`, "a\u202eb", "&lt;b&gt;", "`-alert(1)-`",
	}
	for _, s := range scenes() {
		if s.method != http.MethodPost || s.form == nil {
			continue
		}
		w := s.world(t)
		for _, payload := range payloads {
			for name := range s.form {
				s.form.Set(name, payload)
			}
			a := s.playIn(w)
			if a.StatusCode == http.StatusSeeOther {
				continue
			}
			d := parsePage(t, a.body)
			d.checkStrict()
			if len(d.tags(atom.Script)) != 1 {
				t.Errorf("%s: %q became a script", s.name, payload)
			}
			for _, n := range d.tags(atom.Input) {
				if value := attr(n, "value"); strings.Contains(value, "{") && value != payload {
					t.Errorf("%s: %q came back as %q", s.name, payload, value)
				}
			}
		}
	}
}
