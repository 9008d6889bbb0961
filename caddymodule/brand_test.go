package caddymodule

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stepgate/stepgate/ui"
)

// twoBrands is two sites of one app, of which the second says a few things otherwise.
const twoBrands = `{
	stepgate {
		store memory
		email inbox
		brand {
			name "Harbour Mutual"
			accent 0b5d51 7fd6a8
			logo testdata/brand/crest.svg testdata/brand/crest-dark.svg
			css testdata/brand/harbour.css
			template footer testdata/brand/footer.html
			texts en testdata/brand/en.json
			help https://harbour.example/help
			privacy https://harbour.example/privacy
		}
	}
}
http://payroll.localhost {
	stepgate
	respond "payroll"
}
http://kestrel.localhost {
	stepgate {
		name Nest
		brand {
			name Kestrel
			accent ffd60a
			theme dark
			template before-sheet testdata/brand/news.html
			texts en TEXTS
			help mailto:help@kestrel.example
		}
	}
	respond "kestrel"
}
`

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func brandedSite(t *testing.T) (s *testSite, payroll, kestrel *browser) {
	t.Helper()
	texts := write(t, "kestrel.json", `{"sign_in.title": "Fly in", "mail.share": "Tell nobody."}`)
	s = newSite(t, strings.ReplaceAll(twoBrands, "TEXTS", texts))
	payroll, kestrel = s.browser(t), s.browser(t)
	payroll.origin, kestrel.origin = "http://payroll.localhost", "http://kestrel.localhost"
	return s, payroll, kestrel
}

// stylesheet follows a page's link to its stylesheet.
func stylesheet(t *testing.T, b *browser, p *page) string {
	t.Helper()
	m := regexp.MustCompile(`<link rel="stylesheet" href="([^"]+)">`).FindStringSubmatch(p.body)
	if m == nil {
		t.Fatalf("no stylesheet:\n%s", p.body)
	}
	css := b.get(m[1])
	if css.StatusCode != http.StatusOK {
		t.Fatalf("the stylesheet: %d", css.StatusCode)
	}
	return css.body
}

func holds(t *testing.T, what, text string, wanted, unwanted []string) {
	t.Helper()
	for _, part := range wanted {
		if !strings.Contains(text, part) {
			t.Errorf("%s lacks %q\n%s", what, part, text)
		}
	}
	for _, part := range unwanted {
		if strings.Contains(text, part) {
			t.Errorf("%s holds %q\n%s", what, part, text)
		}
	}
}

func TestASiteLooksAsItsBrandSaysAndElseAsTheApps(t *testing.T) {
	t.Parallel()
	_, payroll, kestrel := brandedSite(t)
	p := payroll.get("/.auth/sign-in")
	holds(t, "payroll", p.body, []string{
		"<title>Staff entrance – Harbour Mutual</title>", "<h1>Staff entrance</h1>", "Come in", "</picture> Harbour Mutual",
		`href="https://harbour.example/help"`, `href="https://harbour.example/privacy"`, `<a href="/imprint">Imprint</a>`, `content="light dark"`,
	}, []string{"Kestrel", "News for"})
	holds(t, "payroll's stylesheet", stylesheet(t, payroll, p), []string{"--accent:#0b5d51", "--accent:#7fd6a8", "border-top: 4px solid"}, []string{"#ffd60a"})
	p = kestrel.get("/.auth/sign-in")
	holds(t, "kestrel", p.body, []string{
		"<title>Fly in – Kestrel</title>", "Come in", "News for Kestrel", `href="mailto:help@kestrel.example"`, `href="https://harbour.example/privacy"`,
		`<a href="/imprint">Imprint</a>`, `content="dark"`, `<img class="logo" src="/.auth/assets/logo-dark.`,
	}, []string{"Harbour Mutual", "harbour.example/help", "<picture>", "Staff"})
	holds(t, "kestrel's stylesheet", stylesheet(t, kestrel, p), []string{"--accent:#ffd60a", "border-top: 4px solid"}, []string{"#0b5d51", "#7fd6a8", "prefers-color-scheme"})
	holds(t, "kestrel's 404", kestrel.get("/.auth/nowhere").body, []string{"Kestrel", "Imprint"}, []string{"Harbour Mutual"})
}

func TestLettersLookAsTheSiteTheyComeFrom(t *testing.T) {
	t.Parallel()
	s, payroll, kestrel := brandedSite(t)
	payroll.post("/.auth/sign-up", url.Values{"email": {dana}})
	m := s.message(t, dana)
	holds(t, "payroll's mail", m.HTML, []string{"background:#0b5d51", "Harbour Mutual", "prefers-color-scheme"}, []string{"Kestrel", "Tell nobody.", "<img"})
	const erik = "erik@kestrel.example"
	kestrel.post("/.auth/sign-up", url.Values{"email": {erik}})
	m = s.message(t, erik)
	holds(t, "kestrel's mail", m.HTML, []string{"background:#ffd60a", "Kestrel", "Tell nobody."}, []string{"Harbour Mutual", "prefers-color-scheme", "<img"})
}

func TestTheLogoIsServedByTheSiteItself(t *testing.T) {
	t.Parallel()
	_, payroll, _ := brandedSite(t)
	page := payroll.get("/.auth/sign-in")
	found := regexp.MustCompile(`(?:src|srcset)="(/\.auth/assets/logo[^"]+\.svg)"`).FindAllStringSubmatch(page.body, -1)
	if len(found) != 2 {
		t.Fatalf("the logos are %v", found)
	}
	for _, m := range found {
		p := payroll.get(m[1])
		if p.StatusCode != http.StatusOK || !strings.Contains(p.body, "<svg") || !strings.Contains(p.Header.Get("Content-Security-Policy"), "sandbox") ||
			p.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", m[1], p.StatusCode, p.Header)
		}
	}
	if csp := page.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "img-src 'self';") || strings.Contains(csp, "unsafe") {
		t.Errorf("the page's policy is %s", csp)
	}
}

// Caddy does nothing where the configuration is the same as before.
func TestAChangedFileIsAChangedConfiguration(t *testing.T) {
	t.Parallel()
	css := write(t, "own.css", ".btn { color: red }")
	text := "{\n\tstepgate {\n\t\tstore memory\n\t\temail inbox\n\t\tbrand {\n\t\t\tcss " + css + "\n\t\t}\n\t}\n}\nhttp://localhost {\n\tstepgate\n}\n"
	before, err := adapt(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(css, []byte(".btn { color: blue }"), 0o600); err != nil {
		t.Fatal(err)
	}
	after, err := adapt(text)
	if err != nil || string(before) == string(after) {
		t.Errorf("it is the same (%v)", err)
	}
	s, err := startSite(t, after)
	if err != nil {
		t.Fatal(err)
	}
	b := s.browser(t)
	holds(t, "the stylesheet", stylesheet(t, b, b.get("/.auth/sign-in")), []string{"color: blue"}, []string{"color: red"})
}

func TestABrandInJSONIsJudgedAsInTheCaddyfile(t *testing.T) {
	t.Parallel()
	elsewhere, misspelt := "testdata/brand/elsewhere.css", "testdata/brand/misspelt.json"
	for _, c := range []struct {
		brand  map[string]any
		wanted string
	}{
		{map[string]any{"css": elsewhere}, elsewhere + ": css: line 1"},
		{map[string]any{"texts": map[string]any{"en": misspelt}}, misspelt + ": texts"},
		{map[string]any{"templates": map[string]any{"sidebar": "testdata/brand/news.html"}}, `there is no block "sidebar"`},
		{map[string]any{"logo": "testdata/brand/crest.gif"}, "neither PNG"},
		{map[string]any{"logo_dark": "testdata/brand/crest.svg"}, "for the light scheme too"},
		{map[string]any{"logo": "testdata/brand/crest.svg", "logo_dark": "testdata/brand/crest.svg", "logo_plate": true}, "remove one of the two"},
		{map[string]any{"logo_plate": true}, "logo_plate"},
		{map[string]any{"accent_dark": "#0b5d51"}, "no accent"},
		{map[string]any{"accent": "0b5d51"}, "six hexadecimal digits"},
		{map[string]any{"radius": 40}, "0 to 16 pixels"},
		{map[string]any{"theme": "sepia"}, "use auto, light or dark"},
		{map[string]any{"privacy": "http://example.com"}, "privacy: "},
		{map[string]any{"css": "testdata/brand/nowhere.css"}, "nowhere.css"},
	} {
		said, err := json.Marshal(c.brand)
		if err != nil {
			t.Fatal(err)
		}
		for where, config := range map[string][]byte{
			"app": jsonConfig(t, `{"brand": `+string(said)+`}`, `{}`), "site": jsonConfig(t, `{}`, `{"brand": `+string(said)+`}`),
		} {
			if _, err := startSite(t, config); err == nil || !strings.Contains(err.Error(), c.wanted) {
				t.Errorf("%s %v: %v, want %q", where, c.brand, err, c.wanted)
			}
		}
	}
	if _, err := startSite(t, jsonConfig(t, `{"brand": {"logo": "testdata/brand/crest.svg"}}`, `{"brand": {"logo_plate": true}}`)); err != nil {
		t.Errorf("a plate for the app's logo: %v", err)
	}
}

func TestASitesLookIsTheAppsWhereItSaysNothing(t *testing.T) {
	t.Parallel()
	four, eight := 4, 8
	base := ui.Look{
		Accent: "#111111", AccentDark: "#222222", Radius: &four, Theme: ui.ThemeLight, Logo: []byte("a"), LogoDark: []byte("b"), CSS: "c",
		Blocks: map[string]string{"header": "h", "footer": "f"}, Texts: map[string]map[string]string{"en": {"a": "1", "b": "2"}, "de": {"a": "3"}},
		Help: "x", Privacy: "y", Terms: "z", Accessibility: "w",
	}
	empty := ui.Look{}
	if got := over(empty, base); got.Accent != "#111111" || got.AccentDark != "#222222" || *got.Radius != 4 || got.Theme != ui.ThemeLight ||
		string(got.LogoDark) != "b" || got.CSS != "c" || got.Blocks["header"] != "h" || got.Texts["de"]["a"] != "3" || got.Help+got.Privacy+got.Terms+got.Accessibility != "xyzw" {
		t.Errorf("nothing said: %+v", got)
	}
	own := ui.Look{
		Accent: "#333333", Radius: &eight, Logo: []byte("d"), LogoPlate: true, Blocks: map[string]string{"footer": ""},
		Texts: map[string]map[string]string{"en": {"b": "4"}},
	}
	got := over(own, base)
	if got.Accent != "#333333" || got.AccentDark != "" || *got.Radius != 8 || got.LogoDark != nil || !got.LogoPlate || got.Blocks["header"] != "h" || got.Blocks["footer"] != "" ||
		got.Texts["en"]["a"] != "1" || got.Texts["en"]["b"] != "4" || got.Texts["de"]["a"] != "3" {
		t.Errorf("some said: %+v", got)
	}
	if base.Texts["en"]["b"] != "2" || base.Blocks["footer"] != "f" {
		t.Error("the app's own look was changed")
	}
}

func TestATextsFileIsOneObjectOfTexts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "no JSON object", "[]": "no JSON object", "null": "no JSON object", `{"a": 1}`: `the text of "a" is none`, `{"a": {"b": "c"}}`: `the text of "a" is none`,
		"{\n\"a\": \"x\",\n\"a\": \"y\"}": `line 3: the key "a" is there twice`, `{"a": "x"`: "not closed", `{"a": "x"} {}`: "something follows",
		"{\n\n\"a\" \"x\"}": "line 3", `{"a": "x",}`: "line 1", `{"a`: "line 1", `{"a": null}`: "is none",
	} {
		if got, err := parseTexts([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want %q", text, got, err, want)
		}
	}
	got, err := parseTexts([]byte("\ufeff{\"a\": \"x\", \"b\": \"\\u00e9\"}\n"))
	if err != nil || len(got) != 2 || got["b"] != "é" {
		t.Errorf("%v, %v", got, err)
	}
}

// What text messages say is bounded by what they may cost.
func TestTextsThatMakeTextMessagesDearAreRefused(t *testing.T) {
	t.Parallel()
	dear := `{code} ` + strings.Repeat("ж", 80) + `"`
	texts := write(t, "en.json", `{"sms.sign_in": "{brand} `+dear+`, "sms.short": "`+dear+`, "sms.least": "`+dear+`}`)
	_, err := tryNewSite(t, testGlobals+"http://localhost {\n\tstepgate {\n\t\tbrand {\n\t\t\ttexts en "+texts+"\n\t\t}\n\t}\n}\n")
	if err == nil || !strings.Contains(err.Error(), "make sms.least shorter") {
		t.Errorf("it was accepted: %v", err)
	}
}
