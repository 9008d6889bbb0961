package caddymodule

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/stepgate/stepgate/policy"
)

// FuzzCaddyfile looks for Caddyfiles that make the parser panic, and for rules that the
// parser lets through although the handler would refuse them or read them otherwise.
func FuzzCaddyfile(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "adapt", "*", "*.caddyfiletest"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		caddyfile, _, _ := strings.Cut(string(text), divider)
		f.Add(caddyfile)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "import") {
			return // reads files
		}
		config, err := adapt(text)
		if err != nil {
			return
		}
		for _, raw := range handlersOf(config) {
			h := new(Handler)
			if err := caddy.StrictUnmarshalJSON(raw, h); err != nil {
				t.Fatalf("the handler's own JSON: %v\n%s", err, raw)
			}
			for _, rule := range h.Rules {
				if err := rule.check(); err != nil {
					t.Errorf("a rule that is refused later: %v\n%s", err, raw)
				}
				if rule.onEverything() && rule.Verb != "require" && rule.Verb != "only" && rule.When == nil && !strings.Contains(text, "*") {
					t.Errorf("%s speaks for every request and nobody said so\n%s", rule, text)
				}
				sets := rule.MatchRaw
				if rule.When != nil {
					sets = slices.Concat(sets, rule.When.MatchRaw)
				}
				if rule.Verb == "public" && rule.When != nil && rule.When.Risk != "" {
					t.Errorf("%s opens more when the risk rises\n%s", rule, text)
				}
				for _, set := range sets {
					if len(set) == 0 {
						t.Errorf("%s has an empty matcher\n%s", rule, text)
					}
				}
			}
			if len(h.Rules) > policy.MaxRules {
				t.Errorf("%d rules", len(h.Rules))
			}
			if err := h.checkRules(); err != nil {
				t.Errorf("rules or a risk that are refused later: %v\n%s", err, raw)
			}
			if h.Native != nil {
				if err := h.Native.check(cmp.Or(h.Prefix, defaultPrefix)); err != nil {
					t.Errorf("clients that are refused later: %v\n%s", err, raw)
				}
			}
			for _, origin := range h.Origins {
				if strings.Contains(origin, "{") {
					continue // not resolved yet
				}
				if again, err := parseOrigin(origin); err != nil || again != origin {
					t.Errorf("origin %q is read as %q, %v", origin, again, err)
				}
			}
		}
	})
}

// handlersOf finds the JSON of our handlers, wherever in a configuration they are.
func handlersOf(config []byte) (found []json.RawMessage) {
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[string]any:
			if v["handler"] == "stepgate" {
				delete(v, "handler")
				raw, _ := json.Marshal(v)
				found = append(found, raw)
				return
			}
			for _, item := range v {
				walk(item)
			}
		}
	}
	var tree any
	if json.Unmarshal(config, &tree) == nil {
		walk(tree)
	}
	return found
}
