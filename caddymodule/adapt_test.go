package caddymodule

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

var update = flag.Bool("update", false, "write what is found into the golden files")

// The files in testdata/adapt hold a Caddyfile, a line of dashes, and what comes of it:
// the JSON of those in good, the error of those in bad. An error may come from reading
// the Caddyfile or from provisioning what it says.
const divider = "\n----------\n"

func goldens(t *testing.T, dir string, found func(t *testing.T, text string) string) {
	files, err := filepath.Glob(filepath.Join("testdata", "adapt", dir, "*.caddyfiletest"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files in %s: %v", dir, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddyfiletest"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, _ := strings.Cut(string(text), divider)
			got := found(t, input)
			if *update {
				if err := os.WriteFile(file, []byte(input+divider+got+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != strings.TrimSpace(want) {
				t.Errorf("got:\n%s\n\nwant:\n%s", got, want)
			}
		})
	}
}

func TestAGoodCaddyfileBecomesThisJSONAndStarts(t *testing.T) {
	goldens(t, "good", func(t *testing.T, text string) string {
		if formatted := format(text); formatted != text {
			t.Errorf("caddy fmt makes of it:\n%s", formatted)
		}
		config, err := adapt(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := startSite(t, config); err != nil {
			t.Fatal(err)
		}
		return indented(t, config)
	})
}

func format(text string) string {
	return strings.TrimSpace(string(caddyfile.Format([]byte(text))))
}

func indented(t *testing.T, config []byte) string {
	t.Helper()
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, config, "", "\t"); err != nil {
		t.Fatal(err)
	}
	return pretty.String()
}

// Some mistakes show only when placeholders are resolved; then no line can be named,
// and the file says so in its first line.
const withoutLine = "# found when provisioning"

func TestABadCaddyfileIsRefusedWithARemedy(t *testing.T) {
	goldens(t, "bad", func(t *testing.T, text string) string {
		config, err := adapt(text)
		if err == nil {
			_, err = startSite(t, config)
		}
		if err == nil {
			t.Fatal("the Caddyfile was accepted")
		}
		if !strings.HasPrefix(text, withoutLine) && !strings.Contains(err.Error(), "at Caddyfile:") {
			t.Errorf("the error names no line: %v", err)
		}
		// Caddy provisions apps in random order, so ours may be reached through another.
		whole := err.Error()
		if _, own, found := strings.Cut(whole, "loading stepgate app module: "); found {
			return own
		}
		_, own, _ := strings.Cut(whole, "parsing caddyfile tokens for 'stepgate': ")
		if own == "" {
			return whole
		}
		return own
	})
}
