package ui

import (
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/stepgate/stepgate/flows"
)

// plain is Stepgate's own style.
var plain = styled(Look{})

func styled(look Look) *Style {
	style, err := NewStyle(look)
	if err != nil {
		panic(err)
	}
	return style
}

// worldOf is a site with a look.
func worldOf(t testing.TB, look Look) *world {
	t.Helper()
	return newWorld(t, func(c *Config) { c.Style = styled(look) })
}

func stylesheetOf(look Look) string {
	return string(styled(look).stylesheet(minify(string(mustAsset(panicking{}, "assets/stepgate.css")))))
}

func pointer[T any](v T) *T { return &v }

func TestALookThatIsNotSoundIsRefusedWithTheRemedy(t *testing.T) {
	t.Parallel()
	png := onePixel(t)
	for what, c := range map[string]struct {
		look   Look
		remedy string
	}{
		"a colour by name":           {Look{Accent: "red"}, "want #rrggbb"},
		"a dark colour by name":      {Look{AccentDark: "#fff"}, "dark scheme"},
		"corners too round":          {Look{Radius: pointer(17)}, "0 to 16 pixels"},
		"corners inside out":         {Look{Radius: pointer(-1)}, "0 to 16 pixels"},
		"another theme":              {Look{Theme: "dim"}, "use auto, light or dark"},
		"a logo for the night only":  {Look{LogoDark: png}, "for the light scheme too"},
		"a plate for nothing":        {Look{LogoPlate: true}, "name one"},
		"a plate and a dark logo":    {Look{Logo: png, LogoDark: png, LogoPlate: true}, "remove one of the two"},
		"an unknown key":             {Look{Texts: map[string]map[string]string{"en": {"sign_in.titel": "Hello"}}}, `did you mean "sign_in.title"`},
		"an unknown language":        {Look{Texts: map[string]map[string]string{"tlh": {"sign_in.title": "nuqneH"}}}, "there are"},
		"a placeholder too few":      {Look{Texts: map[string]map[string]string{"en": {"strip.sign_in": "Hello"}}}, "strip.sign_in"},
		"help by plain http":         {Look{Help: "http://example.com/help"}, "help: "},
		"privacy by mail":            {Look{Privacy: "mailto:privacy@example.com"}, "https://example.com/page"},
		"terms of somewhere":         {Look{Terms: "/terms"}, "https://"},
		"accessibility as a script":  {Look{Accessibility: "javascript:alert(1)"}, "https://"},
		"help with a quotation mark": {Look{Help: `https://example.com/"onclick="x`}, "no address"},
		"help of nobody":             {Look{Help: "mailto:"}, "leads nowhere"},
		"help with a password":       {Look{Help: "https://a:b@example.com/"}, "leads nowhere"},
	} {
		if _, err := NewStyle(c.look); err == nil || !strings.Contains(err.Error(), c.remedy) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestTheOperatorsOwnPagesAreOnEveryPage(t *testing.T) {
	t.Parallel()
	links := map[string]string{
		"Help": "tel:+447700900123", "Privacy": "https://example.com/privacy?a=b",
		"Terms of use": "https://example.com/terms", "Accessibility": "https://example.com/a11y",
	}
	w := worldOf(t, Look{Help: links["Help"], Privacy: links["Privacy"], Terms: links["Terms of use"], Accessibility: links["Accessibility"]})
	for _, path := range []string{"/sign-in", "/nowhere"} {
		d := parsePage(t, w.get(path).body)
		var found []string
		for _, n := range d.tags(atom.A) {
			if want, ok := links[text(n)]; ok && attr(n, "href") == want && within(n, atom.Footer) {
				found = append(found, text(n))
			}
		}
		// The same order everywhere, help first (WCAG 2.2, 3.2.6).
		if got := strings.Join(found, ","); got != "Help,Privacy,Terms of use,Accessibility" {
			t.Errorf("%s has the links %s", path, got)
		}
	}
}

func within(n *html.Node, tag atom.Atom) bool {
	for p := n.Parent; p != nil; p = p.Parent {
		if p.DataAtom == tag {
			return true
		}
	}
	return false
}

func TestTheSheetsCornersFollowThoseOfTheFields(t *testing.T) {
	t.Parallel()
	for radius, want := range map[int]string{
		0: "--radius:0rem;--radius-l:0rem", 4: "--radius:0.25rem;--radius-l:0.4375rem", 16: "--radius:1rem;--radius-l:1.75rem",
	} {
		if css := stylesheetOf(Look{Radius: &radius}); !strings.Contains(css, want) {
			t.Errorf("radius %d: no %s", radius, want)
		}
	}
	if stylesheetOf(Look{Radius: pointer(8)}) != stylesheetOf(Look{}) {
		t.Error("the default is said twice")
	}
}

func TestOneSchemeIsAllThereIsWhereTheOperatorSaysSo(t *testing.T) {
	t.Parallel()
	const dark, light = "#4f8f83", DefaultAccent
	for theme, want := range map[Theme]struct {
		scheme   string
		has, not []string
	}{
		ThemeAuto:  {"light dark", []string{"@media (prefers-color-scheme:dark)", "color-scheme:light dark", light}, nil},
		ThemeLight: {"light", []string{"@media not all", "color-scheme:light;", light}, []string{"prefers-color-scheme", "light dark", dark}},
		ThemeDark:  {"dark", []string{"@media all", "color-scheme:dark;", dark}, []string{"prefers-color-scheme", "light dark", "--accent:" + light}},
	} {
		look := Look{Theme: theme, AccentDark: dark}
		css := stylesheetOf(look)
		for _, part := range want.has {
			if !strings.Contains(css, part) {
				t.Errorf("%s: the stylesheet lacks %s", theme, part)
			}
		}
		for _, part := range want.not {
			if strings.Contains(css, part) {
				t.Errorf("%s: the stylesheet has %s", theme, part)
			}
		}
		meta := `<meta name="color-scheme" content="` + want.scheme + `">`
		worldOf(t, look).get("/sign-in").says(meta)
		mail, err := Compose(aLetter(flows.CodeSignIn), styled(look))
		if err != nil {
			t.Fatal(err)
		}
		rules := strings.Contains(mail.HTML, ".bg { background: #0F1217 !important; }")
		if !strings.Contains(mail.HTML, meta) || !strings.Contains(mail.HTML, ":root { color-scheme: "+want.scheme+";") ||
			rules != (theme != ThemeLight) || strings.Contains(mail.HTML, "prefers-color-scheme") != (theme == ThemeAuto) ||
			strings.Count(mail.HTML, "{") != strings.Count(mail.HTML, "}") || strings.Contains(mail.HTML, "background:"+dark+";") != (theme == ThemeDark) {
			t.Errorf("%s: the mail is\n%s", theme, mail.HTML)
		}
	}
}

func TestTheDarkSchemeMayHaveAnAccentOfItsOwn(t *testing.T) {
	t.Parallel()
	light, dark, _ := strings.Cut(stylesheetOf(Look{Accent: "#0a1f44", AccentDark: "#ffd60a"})[len(minify(string(mustAsset(t, "assets/stepgate.css")))):], "@media")
	if !strings.Contains(light, "--accent:#0a1f44;") || !strings.Contains(dark, "--accent:#ffd60a;") {
		t.Errorf("light %s\ndark %s", light, dark)
	}
}

// What is in no layer wins over what is in one, wherever it stands.
func TestTheOperatorsRulesAreInNoLayerOfOurs(t *testing.T) {
	t.Parallel()
	const own = ".btn  { text-transform : uppercase }\n"
	w := worldOf(t, Look{CSS: own})
	css := string(w.pages.assets.css.plain)
	ours, found := strings.CutSuffix(css, own)
	if !found || strings.Count(ours, "{") != strings.Count(ours, "}") {
		t.Fatalf("the stylesheet ends in %q", css[max(0, len(css)-200):])
	}
	if !strings.HasPrefix(ours, "@layer tokens,base,parts;@layer tokens{") {
		t.Errorf("it begins with %q", ours[:80])
	}
	if other := worldOf(t, Look{}); w.pages.face.Stylesheet == other.pages.face.Stylesheet {
		t.Error("two stylesheets have one name")
	}
}

func TestTextsOfTheOperatorAreSaidInPagesAndMessages(t *testing.T) {
	t.Parallel()
	look := Look{Texts: map[string]map[string]string{"en": {"sign_in.title": "Staff <entrance>", "mail.share": "Keep it secret."}}}
	worldOf(t, look).get("/sign-in").says("<h1>Staff &lt;entrance&gt;</h1>")
	mail, err := Compose(aLetter(flows.CodeSignIn), styled(look))
	if err != nil || !strings.Contains(mail.Text, "Keep it secret.") {
		t.Errorf("the mail says %s (%v)", mail.Text, err)
	}
	if newWorld(t).get("/sign-in"); strings.Contains(newWorld(t).get("/sign-in").body, "Staff") {
		t.Error("other sites say so too")
	}
}

// A cold load is the page and the stylesheet, whatever the brand but for its own rules.
func TestTheSignInPageAndItsStylesheetAreSmall(t *testing.T) {
	t.Parallel()
	for name, look := range map[string]Look{
		"plain": {}, "branded": {Accent: "#0a1f44", AccentDark: "#ffd60a", Radius: pointer(4), Logo: onePixel(t), LogoPlate: true, Help: "https://example.com/help"},
	} {
		w := worldOf(t, look)
		page := newAsset("page.html", "text/html", []byte(w.get("/sign-in").body))
		if size := len(page.gzip) + len(w.pages.assets.css.gzip); size > 8<<10 {
			t.Errorf("%s: %d bytes packed", name, size)
		}
	}
}
