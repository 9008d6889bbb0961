package ui

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/ui/lang"
)

// Pages are written from right to left by the same rules, so none may name a side. Mails
// must, since their programs know no other rules; they name both.
func TestNothingNamesASide(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(files, "*/*")
	if err != nil || len(names) < 10 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	sides := regexp.MustCompile(`(?i)(margin|padding|border|inset|scroll-[a-z]+)-(left|right)|border-(top|bottom)-(left|right)-radius|` +
		`(float|clear|text-align)\s*:\s*(left|right)|[;{\s"](left|right)\s*:|align="?(left|right)`)
	shorthand := regexp.MustCompile(`(?:margin|padding|inset):([^;{}"]*)`)
	for _, name := range names {
		if name == "templates/mail.html" {
			continue
		}
		source := string(mustAsset(t, name))
		for _, found := range sides.FindAllString(source, -1) {
			t.Errorf("%s names a side: %s", name, found)
		}
		for _, m := range shorthand.FindAllStringSubmatch(source, -1) {
			if values := strings.Fields(m[1]); len(values) == 4 && values[1] != values[3] && !strings.Contains(m[1], "(-") {
				t.Errorf("%s names a side: %s", name, m[0])
			}
		}
	}
}

// rightToLeft is a style of Arabic alone.
func rightToLeft(t testing.TB) *Style {
	t.Helper()
	bundle, err := plain.bundle.Pseudo(lang.Mirrored)
	if err == nil {
		bundle, err = bundle.Only(lang.Mirrored)
	}
	if err != nil {
		t.Fatal(err)
	}
	style := *plain
	style.bundle = bundle
	return &style
}

// What is read from left to right in every language is told to be, wherever it stands.
func TestAddressesAndNumbersKeepTheirOrderFromRightToLeft(t *testing.T) {
	t.Parallel()
	style := rightToLeft(t)
	isolated := regexp.MustCompile("\u2066[^\u2069]*\u2069")
	ltr := regexp.MustCompile(`dana\.okafor@|harbour\.example|198\.51\.100|\+44|07700`)
	for _, s := range scenes() {
		change := s.change
		s.change = func(c *Config) {
			if change != nil {
				change(c)
			}
			c.Style, c.Languages = style, nil
		}
		a := s.playIn(s.world(t))
		if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") || strings.HasPrefix(s.name, "inbox") {
			continue
		}
		d := parsePage(t, a.body)
		if attr(d.one(atom.Html), "dir") != "rtl" {
			t.Errorf("%s is written from left to right", s.name)
		}
		for n := range d.one(atom.Body).Descendants() {
			if n.Type == html.TextNode && ltr.MatchString(isolated.ReplaceAllString(n.Data, "")) && !leftToRight(n) {
				t.Errorf("%s: %q has no direction", s.name, n.Data)
			}
			if n.DataAtom == atom.Input && attr(n, "dir") != "ltr" {
				switch attr(n, "type") {
				case "email", "tel":
					t.Errorf("%s: what is typed into %s has no direction", s.name, attr(n, "id"))
				}
			}
		}
	}
}

func leftToRight(n *html.Node) bool {
	for p := n.Parent; p != nil; p = p.Parent {
		if dir := attr(p, "dir"); dir != "" {
			return dir == "ltr"
		}
	}
	return false
}

func TestMailsFromRightToLeftKeepTheCodeInOrder(t *testing.T) {
	t.Parallel()
	style := rightToLeft(t)
	l := aLetter(flows.CodeSignIn)
	l.Lang = lang.Mirrored
	m, err := Compose(l, style)
	if err != nil {
		t.Fatal(err)
	}
	d := parsePage(t, m.HTML)
	if attr(d.one(atom.Html), "dir") != "rtl" || m.Lang != lang.Mirrored {
		t.Errorf("the mail is in %s", m.Lang)
	}
	codes, facts := 0, 0
	for n := range d.one(atom.Body).Descendants() {
		if n.Type == html.TextNode && n.Data == "482913" {
			if codes++; !leftToRight(n) {
				t.Error("the code has no direction")
			}
		}
		if n.DataAtom == atom.Bdi {
			facts++
		}
	}
	if codes != 1 || facts != 4 {
		t.Errorf("%d codes and %d facts", codes, facts)
	}
}
