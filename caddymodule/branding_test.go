package caddymodule

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// The files that the example of docs/branding.md names are those that the page shows, in
// this order, and pictures.
func TestTheLadderInTheDocumentationIsFormattedAndProvisions(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/branding.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := func(language string) (found [][]byte) {
		for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllSubmatch(text, -1) {
			found = append(found, m[1])
		}
		return found
	}
	html := shown("html")
	if len(html) != 2 || len(shown("json")) != 1 || len(shown("css")) != 1 || len(shown("caddyfile")) != 1 {
		t.Fatal("the page shows other files")
	}
	crest, err := os.ReadFile("testdata/brand/crest.svg")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		"crest.svg": crest, "crest-dark.svg": crest, "kestrel.svg": crest,
		"en.json": shown("json")[0], "harbour.css": shown("css")[0], "header.html": html[0], "after-form.html": html[1],
	} {
		path := filepath.Join(dir, "brand", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code := shown("caddyfile")[0]
	if !bytes.Equal(caddyfile.Format(code), code) {
		t.Error("caddy fmt would change it")
	}
	config, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt(code, map[string]any{"filename": filepath.Join(dir, "Caddyfile")})
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	site := &testSite{clock: newTestClock(), logs: newTestLog(t)}
	if _, err := provision(site.hermetic(t, config)); err != nil {
		t.Error(err)
	}
}

var (
	docsHook     = regexp.MustCompile("`\\.([a-z]+)`")
	docsProperty = regexp.MustCompile("`(--[a-z0-9-]+)`")
)

// What operators were told that they may rely on.
func TestTheHooksInTheDocumentationExist(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/branding.md")
	if err != nil {
		t.Fatal(err)
	}
	css, err := os.ReadFile("../ui/assets/stepgate.css")
	if err != nil {
		t.Fatal(err)
	}
	hooks := 0
	for _, m := range docsHook.FindAllSubmatch(text, -1) {
		hooks++
		if !regexp.MustCompile(`\.` + string(m[1]) + `\b`).Match(css) {
			t.Errorf("nothing has the class %s", m[1])
		}
	}
	for _, class := range strings.Fields(".head .brand .sheet .dest .tile .field .input .code .btn .note .facts .list .foot") {
		if !bytes.Contains(text, []byte("`"+class+"`")) {
			t.Errorf("%s is not documented", class)
		}
	}
	properties := 0
	for _, m := range docsProperty.FindAllSubmatch(text, -1) {
		properties++
		name := string(m[1])
		if !bytes.Contains(css, []byte(name+":")) && !bytes.Contains(css, []byte("var("+name+")")) {
			t.Errorf("there is no %s", name)
		}
	}
	if hooks < 13 || properties < 25 {
		t.Errorf("only %d hooks and %d properties were found", hooks, properties)
	}
}
