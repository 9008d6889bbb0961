package ui

import (
	"html/template"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// everyBlock is one of each, with all that a block may hold.
var everyBlock = map[string]string{
	"head-extra": `<meta name="theme-color" content="#0b5d51">{{/* for phones */}}<link rel="apple-touch-icon" href="/static/icon.png">`,
	"header": `<a class="brand" href="https://www.example.com/"><img src="/static/crest.svg" alt="" width="32" height="32"> {{.Brand}}</a>
<svg viewBox="0 0 9 9" aria-hidden="true"><path d="M0 0"/></svg>`,
	"before-sheet": `{{if eq .Page "sign-in"}}<aside class="note" role="note" aria-label="News"><p>The office is closed on Friday.<br>See you.</p></aside>{{end}}`,
	"after-form":   `<p class="small" id="x-hint">{{if eq .Lang "de"}}Fragen?{{else}}Questions?{{end}} <a href="tel:+447700900123">Call {{.App}}</a></p>`,
	"footer":       `<ul class="links"><li><a href="/imprint">Imprint of {{.Host}}</a></li></ul>`,
}

func TestBlocksStandAtTheirPlaces(t *testing.T) {
	t.Parallel()
	w := worldOf(t, Look{Blocks: everyBlock})
	a := w.get("/sign-in").status(200)
	d := parsePage(t, a.body)
	for what, c := range map[string]struct {
		in  atom.Atom
		has func(*html.Node) bool
	}{
		"head-extra":   {atom.Head, func(n *html.Node) bool { return attr(n, "rel") == "apple-touch-icon" }},
		"header":       {atom.Header, func(n *html.Node) bool { return attr(n, "src") == "/static/crest.svg" }},
		"before-sheet": {atom.Body, func(n *html.Node) bool { return n.DataAtom == atom.Aside }},
		"after-form":   {atom.Main, func(n *html.Node) bool { return text(n) == "Questions? Call Payroll" && n.DataAtom == atom.P }},
		"footer": {atom.Footer, func(n *html.Node) bool {
			return text(n) == "Imprint of payroll.harbour.example" && n.DataAtom == atom.A
		}},
	} {
		if found := d.all(c.has); len(found) != 1 || !within(found[0], c.in) {
			t.Errorf("%s is not in its place: %d times", what, len(found))
		}
	}
	if strings.Contains(a.body, `class="mark"`) {
		t.Error("the header is there twice")
	}
	if css := string(w.pages.assets.css.plain); !strings.Contains(css, ".before{") || strings.Contains(string(newWorld(t).pages.assets.css.plain), ".before") {
		t.Error("the stylesheet does not go with the blocks")
	}
	w.get("/sign-up").saysNot("The office is closed").says("Questions?")
	w.get("/nowhere").status(404).says("Imprint of", "Questions?").saysNot("The office")
}

// Every page there is, in every state: whatever stands around it, it is the same page.
func TestNoPageLosesAnythingToBlocks(t *testing.T) {
	t.Parallel()
	style := styled(Look{Blocks: everyBlock})
	for _, s := range scenes() {
		w := newWorld(t, func(c *Config) {
			c.Keys = exampleKeys{}
			if s.change != nil {
				s.change(c)
			}
			c.Style = style
		})
		if s.name == "fault" { // has another reference each time
			continue
		}
		got, want := mainPartsOf(t, s.playIn(w).body), mainPartsOf(t, seen(t, s.name).body)
		if !slices.Equal(got, want) {
			t.Errorf("%s is another page", s.name)
		}
	}
}

func mainPartsOf(t *testing.T, page string) (parts []string) {
	for n := range parsePage(t, page).root.Descendants() {
		switch n.DataAtom {
		case atom.Title, atom.Script, atom.Main, atom.H1, atom.Form, atom.Label, atom.Input, atom.Button:
			parts = append(parts, partOf(n))
		}
	}
	return parts
}

// A page that PageNames does not know would be without the operator's blocks.
func TestAllPagesHaveAKnownName(t *testing.T) {
	t.Parallel()
	played := map[string]bool{}
	for _, s := range scenes() {
		name := attr(parsePage(t, seen(t, s.name).body).one(atom.Body), "data-page")
		if !slices.Contains(PageNames, name) {
			t.Errorf("%s is a page %q", s.name, name)
		}
		played[name] = true
	}
	for i, name := range PageNames {
		if !played[name] && name != string(badTarget) && name != string(signedOut) { // the gateway shows these
			t.Errorf("no scene is a page %q", name)
		}
		if slices.Contains(PageNames[:i], name) {
			t.Errorf("%q is there twice", name)
		}
	}
}

func TestBlocksThatWouldHurtAPageAreRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ place, text, want string }{
		{"sidebar", "x", "there is no block"},
		{"footer", "{{.Password}}", "can't evaluate field Password"},
		{"footer", "{{if}}", "footer"},
		{"footer", `{{template "top" .}}`, "top"},
		{"footer", `{{define "top"}}x{{end}}`, "defines a template"},
		{"footer", `{{range 100000}}xxxxxxxxxx{{end}}`, "more than 32 kB"},
		{"footer", strings.Repeat("x", maxBlock+1), "more than 32 kB"},
		{"footer", `{{index .Brand 99}}`, "footer"},
		{"footer", "<script>alert(1)</script>", "<script> is refused"},
		{"footer", `<script src="/x.js"></script>`, "<script> is refused"},
		{"footer", "<style>a{}</style>", "rules go into `css`"},
		{"footer", `<p style="color:red">x</p>`, "style= of <p> is refused"},
		{"footer", `<p onclick="x()">x</p>`, "onclick= of <p> is refused"},
		{"footer", `<a href="javascript:alert(1)">x</a>`, "is refused"},
		{"footer", `<a href="java&#10;script:alert(1)">x</a>`, "is refused"},
		{"footer", `<a href="//example.com">x</a>`, "write https://"},
		{"footer", `<a href="/\example.com">x</a>`, "write https://"},
		{"footer", `<a href="help">x</a>`, "whole path of this site"},
		{"footer", `<base href="/">`, "<base> is refused"},
		{"footer", `<form action="/x"></form>`, "<form> is refused"},
		{"footer", `<button formaction="/x">x</button>`, "<button> is refused"},
		{"footer", `<input name="password">`, "<input> is refused"},
		{"footer", `<meta http-equiv="refresh" content="0;url=/x">`, "<meta> is refused"},
		{"footer", `<h1>x</h1>`, "<h1> is refused"},
		{"footer", `<main>x</main>`, "<main> is refused"},
		{"footer", `<template><p>x</p></template>`, "<template> is refused"},
		{"footer", `<noscript><p>x</p></noscript>`, "<noscript> is refused"},
		{"footer", `<plaintext>`, "<plaintext> is refused"},
		{"footer", `<iframe src="/x"></iframe>`, "<iframe> is refused"},
		{"footer", `<p id="main">x</p>`, "begin it with x-"},
		{"footer", `<p autofocus tabindex="1">x</p>`, "autofocus= of <p> is refused"},
		{"footer", `<p data-wait="9">x</p>`, "data-wait= of <p> is refused"},
		{"footer", `<img src="/x.png">`, "has no alt"},
		{"footer", `<img src="https://example.com/x.png" alt="">`, "pictures of their own site"},
		{"footer", `<img src="data:image/png;base64,AAAA" alt="">`, "pictures of their own site"},
		{"footer", `<svg><use href="/x.svg#a"></use></svg>`, "<use> is refused"},
		{"footer", `<svg><path href="/x"/></svg>`, "href= of <path> is refused"},
		{"footer", "<div>", "<div> is not closed"},
		{"footer", "<div><p></div>", "</div> closes nothing"},
		{"footer", "<div/>", "<div> is not closed"},
		{"footer", "</main>", "</main> closes nothing"},
		{"footer", "</p>", "</p> closes nothing"},
		{"footer", "<p", "it ends within a tag"},
		{"footer", `<p class="x`, "it ends within a tag"},
		{"footer", "<!-- x", "it ends within a tag"},
		{"footer", "<!doctype html>", "is refused"},
		{"after-form", `{{if eq .Page "code"}}<div>{{end}}`, "<div> is not closed"},
		{"after-form", `{{if eq .Lang "en"}}<div>{{end}}`, "<div> is not closed"},
		{"header", `{{if eq .Page "new-password"}}</header>{{end}}`, "</header> closes nothing"},
		{"before-sheet", "<table><tr><td>x</td></tr><p>y</p></table><li></li></table>", "</table> closes nothing"},
		{"head-extra", "Hello", "cannot stand in the head"},
		{"head-extra", "<p>x</p>", "only <meta> and <link>"},
		{"head-extra", "<script></script>", "only <meta> and <link>"},
		{"head-extra", "<title>x</title>", "only <meta> and <link>"},
		{"head-extra", `<base href="/">`, "only <meta> and <link>"},
		{"head-extra", `<meta http-equiv="refresh" content="0">`, "http-equiv= of <meta> is refused"},
		{"head-extra", `<meta charset="latin1">`, "charset= of <meta> is refused"},
		{"head-extra", `<meta name=" Referrer " content="unsafe-url">`, "has its own"},
		{"head-extra", `<link rel="stylesheet" href="/x.css">`, "rules go into"},
		{"head-extra", `<link rel="preconnect" href="https://example.com">`, "nothing but icons"},
		{"head-extra", `<link rel="icon" href="https://example.com/x.png">`, "whole path of this site"},
	} {
		_, err := NewStyle(Look{Blocks: map[string]string{c.place: c.text}})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "template ") {
			t.Errorf("%s %.60q: %v, want %q", c.place, c.text, err, c.want)
		}
	}
}

// html/template finds most of what breaks off; what it lets through is found all the same.
func TestABlockThatBreaksOffIsFoundWithoutTheTemplate(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"<p", `x<p class="`, "<p>x</p><a href='", "<p>x</p", "<!-- x", "<![CDATA[ x"} {
		if err := checkBlock("footer", text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

// What no list forbids must still not change a page: a browser closes some elements
// where others begin.
func TestAPageIsComparedWithWhatItWasWithoutBlocks(t *testing.T) {
	t.Parallel()
	l := plain.bundle.Get("en")
	for _, text := range []string{"<form>", "<!-- x", "<title>", "<textarea>", "<main></main>", "<h1>x</h1>", "<button>", "<input>", "</body>x<select>", "<p title='"} {
		made := &rendered{map[onPage]template.HTML{}}
		for _, name := range PageNames {
			made.byPage[onPage{"before-sheet", "en", name}] = template.HTML(text)
		}
		if err := tryOn(made, face{}, plain.bundle.Languages()[:1]); err == nil || !strings.Contains(err.Error(), "no longer whole") {
			t.Errorf("%q changes nothing on %s: %v", text, l.Tag, err)
		}
	}
	if err := tryOn(nil, face{}, plain.bundle.Languages()); err != nil {
		t.Errorf("without blocks: %v", err)
	}
}

func TestASamplePageHasAllThatIsToBeKept(t *testing.T) {
	t.Parallel()
	fields := map[string]string{
		"sign-in": "username", "sign-up": "email", "password": "current-password", "code": "one-time-code", "new-password": "new-password", "phone": "tel",
	}
	for _, pg := range samplePages(face{}, plain.bundle.Get("en")) {
		frame, err := frameOf(pg)
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Join(frame, "\n")
		if strings.Count(all, "html>body>main>h1") != 1 || !strings.Contains(all, `autocomplete="`+fields[pg.Name]) && fields[pg.Name] != "" {
			t.Errorf("%s has\n%s", pg.Name, all)
		}
	}
}

// Names come from the operator, and from whoever chose the host; they are text.
func TestWhatABlockSpeaksOfIsEscaped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) {
		c.Site.Brand, c.Site.Name = `<b>"Bold" & Co`, `</main>`
		c.Style = styled(Look{Blocks: map[string]string{"footer": `<p title="{{.Brand}}">{{.App}} {{.Lang}} {{.Dir}} {{.Page}}</p>`}})
	})
	w.get("/sign-in").says(`<p title="&lt;b&gt;&#34;Bold&#34; &amp; Co">&lt;/main&gt; en ltr sign-in</p>`)
}

// A block that depends on the site's own names is tried with them.
func TestABlockIsTriedOnTheSiteItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := w.pages.Config
	cfg.Style = styled(Look{Blocks: map[string]string{"footer": `{{if eq .Brand "Harbour Mutual"}}<div>{{end}}`}})
	if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "<div> is not closed") {
		t.Errorf("the pages were made: %v", err)
	}
}

func TestAnEmptyBlockIsNone(t *testing.T) {
	t.Parallel()
	worldOf(t, Look{Blocks: map[string]string{"header": " \n"}}).get("/sign-in").says(`class="brand"`)
}
