package ui

import (
	"bytes"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html/atom"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/ui/lang"
)

func galleryOf(t *testing.T, cfg GalleryConfig) *Gallery {
	t.Helper()
	g, err := NewGallery(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func shownIn(t *testing.T, g *Gallery) []Shown {
	t.Helper()
	var all []Shown
	for s, err := range g.All() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

func TestAGalleryShowsEverySceneAndEveryLetterInEachLanguage(t *testing.T) {
	t.Parallel()
	tags := []string{"en", lang.Accented, lang.Mirrored}
	all := shownIn(t, galleryOf(t, GalleryConfig{Languages: tags}))
	form := regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	seen := map[string]bool{}
	kinds := map[ShownKind]int{}
	for _, s := range all {
		if seen[s.Lang+s.Name] || !form.MatchString(s.Name) {
			t.Errorf("%s/%s is there twice, or no name of a file", s.Lang, s.Name)
		}
		seen[s.Lang+s.Name] = true
		kinds[s.Kind]++
		switch s.Kind {
		case ShownPage:
			if s.Status < 200 || s.Header.Get("Content-Language") != s.Lang || s.Header.Get("Content-Security-Policy") != pageCSP || !bytes.Contains(s.Body, []byte(`lang="`+s.Lang+`" dir="`+s.Dir+`"`)) {
				t.Errorf("%s/%s: %d %v", s.Lang, s.Name, s.Status, s.Header)
			}
		case ShownMail:
			if s.Title == "" || s.Text == "" || len(s.Body) == 0 {
				t.Errorf("%s/%s lacks a part", s.Lang, s.Name)
			}
		case ShownText:
			if s.Text == "" || len(s.Body) != 0 {
				t.Errorf("%s/%s is no text message", s.Lang, s.Name)
			}
		}
	}
	letters := exampleLetters(exampleSite())
	if kinds[ShownPage] != len(tags)*len(scenes()) || kinds[ShownMail]+kinds[ShownText] != len(tags)*len(letters) {
		t.Errorf("there are %v", kinds)
	}
	if !seen[lang.Mirrored+"sign-in"] || !seen["enmail-code-sign-in"] {
		t.Error("names have changed, which tests and people know")
	}
}

func TestAGalleryIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	a, b := shownIn(t, galleryOf(t, GalleryConfig{Languages: []string{"en"}})), shownIn(t, galleryOf(t, GalleryConfig{Languages: []string{"en"}}))
	for i := range a {
		if a[i].Name != b[i].Name || a[i].Name != "fault" && !bytes.Equal(a[i].Body, b[i].Body) {
			t.Fatalf("%s became %s, or another page", a[i].Name, b[i].Name)
		}
	}
}

// What is shown is opened from disk, by whoever it was sent to: it fetches nothing from
// elsewhere and sends nothing anywhere.
func TestAFileOfTheGalleryStandsAlone(t *testing.T) {
	t.Parallel()
	g := galleryOf(t, GalleryConfig{Languages: []string{"en"}})
	all := shownIn(t, g)
	assets := map[string]bool{}
	for name, data := range g.Assets() {
		assets[name] = len(data) > 0
	}
	for _, s := range all {
		if s.Kind == ShownText {
			continue
		}
		body := string(g.Standalone(s, "../assets"))
		d := parsePage(t, body)
		for _, form := range d.tags(atom.Form) {
			if has(form, "action") || attr(form, "method") != "dialog" && attr(form, "method") != "" {
				t.Errorf("%s: a form goes to %q by %q", s.Name, attr(form, "action"), attr(form, "method"))
			}
		}
		for _, n := range d.tags(atom.Link, atom.Script, atom.Img, atom.Source) {
			file, ours := strings.CutPrefix(attr(n, "href")+attr(n, "src")+attr(n, "srcset"), "../assets/")
			if !ours || !assets[file] {
				t.Errorf("%s: <%s> wants %q", s.Name, n.Data, attr(n, "href")+attr(n, "src"))
			}
		}
		for _, n := range d.tags(atom.A) {
			href := attr(n, "href")
			if page, ok := strings.CutSuffix(href, ".html"); ok && slices.Contains(GalleryNames(), page) || strings.HasPrefix(href, "#") {
				continue
			}
			t.Errorf("%s: a link leads to %q", s.Name, href)
		}
		if s.Name == "sign-in" && !strings.Contains(body, `href="sign-up.html"`) {
			t.Error("sign-in does not lead to sign-up")
		}
	}
}

func TestLinksToTheOperatorsOwnPagesStay(t *testing.T) {
	t.Parallel()
	g := galleryOf(t, GalleryConfig{})
	for href, want := range map[string]string{
		"https://help.example/": "https://help.example/", "mailto:help@example.com": "mailto:help@example.com", "#main": "#main",
		"/": "#", "/.auth/nothing": "#", "https://payroll.harbour.example/.auth/sign-up?x=1": "sign-up.html", "%": "#",
	} {
		if got := g.linkTo(href); got != want {
			t.Errorf("%s leads to %s, want %s", href, got, want)
		}
	}
}

func TestAGalleryShowsTheSiteThatItIsMadeFor(t *testing.T) {
	t.Parallel()
	site := &flows.Site{Origin: "https://wages.quay.example", Prefix: "/_in", Name: "Wages", Brand: "Quay & Sons", SignUp: flows.SignUpClosed}
	pages, err := New(Config{
		Site: site, Style: styled(Look{Accent: "#FFD60A"}), Keys: testKeys(), Lang: "en",
		Engine:  func() (Engine, error) { return &puppet{}, nil },
		Session: func(*http.Request) (*flows.Session, error) { return nil, nil }, Demand: newWorld(t).pages.Demand,
	})
	if err != nil {
		t.Fatal(err)
	}
	g, err := pages.Gallery("en")
	if err != nil {
		t.Fatal(err)
	}
	if g.Origin() != site.Origin {
		t.Errorf("it is of %s", g.Origin())
	}
	for _, s := range shownIn(t, g) {
		all := string(s.Body) + s.Text
		if strings.Contains(all, "Harbour") || strings.Contains(all, "payroll.") || strings.Contains(all, "/.auth") {
			t.Errorf("%s shows the example", s.Name)
		}
		if s.Kind == ShownPage && !strings.Contains(all, "Quay &amp; Sons") {
			t.Errorf("%s lacks the brand", s.Name)
		}
	}
	for name, data := range g.Assets() {
		if strings.HasSuffix(name, ".css") && !bytes.Contains(data, []byte("--accent:#ffd60a")) {
			t.Error("the stylesheet lacks the brand's colour")
		}
	}
	if site.SignUp != flows.SignUpClosed || site.Password {
		t.Error("the site itself was changed")
	}
}

func TestALanguageThatThereIsNotIsRefusedWithThoseThatThereAre(t *testing.T) {
	t.Parallel()
	for _, tag := range []string{"tlh", "", "xx-", "fr-CA"} {
		if _, err := NewGallery(GalleryConfig{Languages: []string{tag}}); err == nil || !strings.Contains(err.Error(), "there are en, ") || !strings.Contains(err.Error(), lang.Mirrored) {
			t.Errorf("%q: %v", tag, err)
		}
	}
}

// Every purpose that the engine knows is shown, by the media that it is sent by.
func TestEveryPurposeIsShown(t *testing.T) {
	t.Parallel()
	source := string(mustRead(t, "../flows/api.go"))
	for _, found := range regexp.MustCompile(`Purpose += "([a-z_.]+)"`).FindAllStringSubmatch(source, -1) {
		purpose := flows.Purpose(found[1])
		for _, c := range []struct {
			letter flows.Letter
			list   []flows.Purpose
		}{{aLetter(purpose), mailPurposes}, {aText(purpose), textPurposes}} {
			if strings.HasPrefix(found[1], "notice.") {
				c.letter.Code = ""
			}
			if _, err := Compose(c.letter, plain); (err == nil) != slices.Contains(c.list, purpose) {
				t.Errorf("%s by %s: shown %v, composed %v", purpose, c.letter.Medium, slices.Contains(c.list, purpose), err)
			}
		}
	}
}
