package ui

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/stepgate/stepgate/flows"
)

func stepUp(t *testing.T) *asset {
	t.Helper()
	return newWorld(t).pages.assets.stepUp["en"]
}

func TestTheScriptForApplicationsIsSmall(t *testing.T) {
	t.Parallel()
	for tag, f := range newWorld(t).pages.assets.stepUp {
		if len(f.plain) > 2048 || len(f.gzip) > 1200 {
			t.Errorf("%s: %d bytes, %d packed", tag, len(f.plain), len(f.gzip))
		}
	}
}

func TestTheScriptForApplicationsKeepsWhatIsWritten(t *testing.T) {
	t.Parallel()
	source, served := string(mustAsset(t, "assets/step-up.js")), string(stepUp(t).plain)
	if strings.Contains(served, "//") || regexp.MustCompile(`TEXTS|LANG|DIR`).MatchString(served) {
		t.Errorf("served is\n%s", served)
	}
	literals := regexp.MustCompile(`"[^"\n]*"`)
	for _, literal := range literals.FindAllString(source, -1) {
		if !strings.Contains(served, literal) {
			t.Errorf("%s is lost", literal)
		}
	}
	// Two words that blanks kept apart are two words still.
	words := regexp.MustCompile(`\b(async|await|const|let|new|return|try|catch|finally|if) [a-zA-Z]+`)
	code := regexp.MustCompile(`(?m)^\s*//.*$`).ReplaceAllString(source, "")
	for _, pair := range words.FindAllString(code, -1) {
		if !strings.Contains(served, pair) {
			t.Errorf("%q has become something else", pair)
		}
	}
	for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "Function(", "http", "cssText", "import("} {
		if strings.Contains(served, bad) {
			t.Errorf("the script uses %s", bad)
		}
	}
}

func TestTheScriptForApplicationsKeepsItsAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.request("GET", "/assets/step-up.js", nil)
	a := w.do(r).status(200)
	for name, want := range map[string]string{
		"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff",
		"Cross-Origin-Resource-Policy": "cross-origin", "Access-Control-Allow-Origin": "", "Set-Cookie": "",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	r.Header.Set("If-None-Match", a.Header.Get("ETag"))
	if again := w.do(r).status(304); again.body != "" || a.Header.Get("ETag") == "" {
		t.Error("it is sent again")
	}
	// Of all that is ours, it alone may be loaded by pages of somebody else.
	if got := w.get("/assets/" + w.pages.assets.script.name).Header.Get("Cross-Origin-Resource-Policy"); got != "same-origin" {
		t.Errorf("the pages' own script: %s", got)
	}
}

func TestAWindowOfAScriptsEndsWhereItSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for target, want := range map[flows.Target]string{
		{ReturnTo: "/bank", Window: true, Decision: "abcdefghij27"}: "/.auth/done?decision=abcdefghij27",
		{ReturnTo: "/bank", Window: true}:                           "/.auth/done",
		{ReturnTo: "/bank", Decision: "abcdefghij27"}:               "/bank",
	} {
		c := &call{Pages: w.pages}
		if got := c.home(target); got != want {
			t.Errorf("%+v ends at %s, want %s", target, got, want)
		}
	}
	page := parsePage(t, w.get("/done?decision=abcdefghij27").status(200).body)
	if links := page.all(func(n *html.Node) bool { return n.Data == "form" || n.Data == "a" && attr(n, "class") == "btn" }); len(links) != 0 {
		t.Errorf("there is more to do: %d", len(links))
	}
	script := string(mustAsset(t, "assets/stepgate.js"))
	if name := attr(page.one(atom.Body), "data-page"); !strings.Contains(script, `dataset.page === "`+name+`"`) {
		t.Errorf("the page is %q, and its script does not know it", name)
	}
}

// Whatever page of ours a window is at, its links and forms lead to where it is known that
// somebody waits for it.
func TestAWindowOfAScriptsIsKnownAsOneEverywhere(t *testing.T) {
	t.Parallel()
	query := "return_to=%2Fbank&window=1&decision=abcdefghij27"
	w := newWorld(t)
	w.engine.now = with(confirmView(), func(v *flows.View) { v.Target.Window, v.Target.Decision = true, "abcdefghij27" })
	for path, signedIn := range map[string]bool{"/sign-in": false, "/sign-up": false, "/reset": false, "/step-up": true} {
		if w.session = nil; signedIn {
			w.signedIn()
		}
		page := parsePage(t, w.get(path+"?"+query).status(200).body)
		ours := 0
		for _, n := range page.all(func(n *html.Node) bool { return has(n, "href") || has(n, "action") }) {
			to := attr(n, "href") + attr(n, "action")
			u, err := url.Parse(to)
			if err != nil {
				t.Fatal(err)
			}
			if n.Data == "link" || !strings.HasPrefix(u.Path, "/.auth/") || u.Path == "/.auth/inbox" {
				continue
			}
			if ours++; u.Query().Get("window") != "1" || u.Query().Get("decision") != "abcdefghij27" {
				t.Errorf("%s leads to %s", path, to)
			}
		}
		if ours == 0 {
			t.Errorf("%s leads nowhere", path)
		}
		if strings.Contains(w.get(path+"?"+query).body, "Go back") {
			t.Errorf("%s leads back, into the window", path)
		}
	}
}
