package ui

import (
	"bytes"
	"compress/gzip"
	"io"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func TestAssetsAreKeptForEver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, f := range w.pages.assets.byName {
		if f.stable { // see its own tests
			continue
		}
		if !regexp.MustCompile(`\.[0-9a-f]{16}\.(css|js|svg)$`).MatchString(name) {
			t.Errorf("%s has no hash", name)
		}
		r := w.request("GET", "/assets/"+name, nil)
		a := w.do(r).status(200)
		if a.body != string(f.plain) || a.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" ||
			a.Header.Get("Vary") != "Accept-Encoding" || a.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %v", name, a.Header)
		}
		r.Header.Set("Accept-Encoding", "br, gzip;q=0.5")
		packed := w.do(r).status(200)
		z, err := gzip.NewReader(strings.NewReader(packed.body))
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := io.ReadAll(z); err != nil || !bytes.Equal(plain, f.plain) {
			t.Errorf("%s unpacks to something else: %v", name, err)
		}
		if packed.Header.Get("ETag") == a.Header.Get("ETag") || a.Header.Get("ETag") == "" {
			t.Errorf("%s has the tags %s and %s", name, a.Header.Get("ETag"), packed.Header.Get("ETag"))
		}
		r.Header.Set("If-None-Match", packed.Header.Get("ETag"))
		if again := w.do(r).status(304); again.body != "" {
			t.Errorf("%s is sent again", name)
		}
		r.Method = "HEAD"
		r.Header.Del("If-None-Match")
		if head := w.do(r).status(200); head.body != "" || head.Header.Get("Content-Length") != packed.Header.Get("Content-Length") {
			t.Errorf("HEAD of %s", name)
		}
	}
	w.get("/assets/" + w.pages.assets.css.name + "x").status(404)
	other := newWorld(t, func(c *Config) { c.Style = styled(Look{Accent: "#ffd60a"}) })
	if other.pages.assets.css.name == w.pages.assets.css.name {
		t.Error("two brands share a stylesheet's name")
	}
}

func TestAFirstVisitIsSmall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	total := 0
	for name, most := range map[string]int{w.pages.assets.css.name: 4096, w.pages.assets.script.name: 3072, w.pages.assets.icon.name: 512} {
		size := len(w.pages.assets.byName[name].gzip)
		if total += size; size > most {
			t.Errorf("%s has %d bytes packed", name, size)
		}
	}
	if total += len(w.get("/sign-in").body); total > 10<<10 {
		t.Errorf("%d bytes altogether", total)
	}
}

// Text direction, strict policies and reduced motion hold for what is not HTML too.
func TestStylesheetAndScriptKeepTheRules(t *testing.T) {
	t.Parallel()
	css := string(mustAsset(t, "assets/stepgate.css"))
	if found := regexp.MustCompile(`(?i)[a-z-]*(left|right)[a-z-]*\s*:|url\(|@import|text-align:\s*(left|right)`).FindAllString(css, -1); found != nil {
		t.Errorf("the stylesheet holds %q", found)
	}
	for _, block := range regexp.MustCompile(`transition|animation`).FindAllStringIndex(css, -1) {
		if !strings.Contains(css[:block[0]], "prefers-reduced-motion: no-preference") {
			t.Error("something moves for those who want it still")
		}
	}
	if strings.Count(css, "{") != strings.Count(css, "}") {
		t.Error("braces do not match")
	}
	script := string(mustAsset(t, "assets/stepgate.js"))
	for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "Function(", "http", "fetch(", ".style"} {
		if strings.Contains(script, bad) {
			t.Errorf("the script uses %s", bad)
		}
	}
}

// A class in a template that the stylesheet does not know, or a rule for a class
// that nothing has, is a slip.
func TestTemplatesAndStylesheetAgreeOnClasses(t *testing.T) {
	t.Parallel()
	styled := map[string]bool{}
	for _, m := range regexp.MustCompile(`\.([a-z][a-z-]*)`).FindAllStringSubmatch(string(minify(string(mustAsset(t, "assets/stepgate.css")))), -1) {
		styled[m[1]] = true
	}
	used := map[string]bool{"peek": true} // made by the script
	for _, s := range scenes() {
		a := seen(t, s.name)
		for _, n := range parsePage(t, a.body).all(func(n *html.Node) bool { return has(n, "class") }) {
			for class := range strings.FieldsSeq(attr(n, "class")) {
				used[class] = true
			}
		}
	}
	for class := range used {
		if !styled[class] {
			t.Errorf("nothing styles .%s", class)
		}
	}
	for class := range styled {
		if !used[class] {
			t.Errorf("nothing has the class %s", class)
		}
	}
}

func TestTheIconIsTheBrandsLetter(t *testing.T) {
	t.Parallel()
	for brand, want := range map[string]string{"harbour": ">H</text>", "<script>": ">S</text>", "éclair": ">É</text>", "!!!": ">•</text>", "7up": ">7</text>"} {
		if got := string(icon(brand, mustColour(DefaultAccent))); !strings.Contains(got, want) || strings.Contains(got, "script") {
			t.Errorf("%q: %s", brand, got)
		}
	}
}

func TestDevicesAreNamedInOurWords(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:150.0) Gecko/20100101 Firefox/150.0":                                                 "Firefox Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0":    "Edge Windows",
		"Mozilla/5.0 (Linux; Android 16; Pixel) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36":              "Chrome Android",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile Safari/604.1": "Safari iPhone",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15":            "Safari macOS",
		"curl/8.5": " ",
		"<script>": " ",
		"":         " ",
		strings.Repeat("x", 2000) + "Firefox/1 Windows": " ",
	} {
		browser, system := device(agent)
		if got := browser + " " + system; got != want {
			t.Errorf("%.40q is %q, want %q", agent, got, want)
		}
	}
}
