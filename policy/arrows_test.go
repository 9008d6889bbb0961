package policy_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/stepgate/stepgate"

// A goPackage is what `go list` says of a package, tests left out.
type goPackage struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
	Incomplete bool
	Module     *struct{ Path string }
}

// short is the path inside the module; the module itself is ".".
func (p goPackage) short() string {
	if p.ImportPath == module {
		return "."
	}
	return strings.TrimPrefix(p.ImportPath, module+"/")
}

// listPackages asks for every package of the module and all that they need, also
// where some do not build at the moment (-e).
func listPackages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-deps", "-json=ImportPath,Standard,Imports,Deps,Incomplete,Module", "./...")
	cmd.Dir = ".."
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("listing packages: %v\n%s", err, stderr.String())
	}
	var packages []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// within reports whether path is the package or below it.
func within(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

func withinAny(path string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool { return within(path, root) })
}

// An arrow forbids: packages of `from` must not depend on those of `to`.
type arrow struct {
	name   string
	from   func(short string) bool
	to     func(importPath string) bool
	direct bool // look at imports only, not at what they need in turn
}

var arrows = []arrow{
	{
		name: "only caddymodule depends on Caddy",
		from: func(p string) bool { return !within(p, "caddymodule") },
		to:   func(p string) bool { return within(p, "github.com/caddyserver") },
	},
	{
		name: "request hygiene is free of Caddy",
		from: func(p string) bool { return within(p, "caddymodule/hygiene") },
		to:   func(p string) bool { return within(p, "github.com/caddyserver") },
	},
	{
		name: "nothing points at caddymodule",
		from: func(p string) bool { return !within(p, "caddymodule") && !within(p, "examples") },
		to:   func(p string) bool { return within(p, module+"/caddymodule") },
	},
	{
		name: "policy needs nothing of this module",
		from: func(p string) bool { return within(p, "policy") },
		to:   func(p string) bool { return within(p, module) && !within(p, module+"/policy") },
	},
	{
		name: "flows know no face",
		from: func(p string) bool { return within(p, "flows") && !within(p, "flows/nativeapi") },
		to:   func(p string) bool { return withinAny(p, module+"/ui", module+"/flows/nativeapi") },
	},
	{
		name: "flows never speak HTTP themselves; nativeapi and the senders do",
		from: func(p string) bool { return within(p, "flows") && !withinAny(p, "flows/nativeapi", "flows/send") },
		to:   func(p string) bool { return p == "net/http" },
		// A back end may have HTTP in its own dependencies (badger's tracing does).
		direct: true,
	},
	{
		// The engine itself knows tokens, which are verified with go-oidc, and that has
		// HTTP in it for what we do not use.
		name: "the engine's own packages do not even reach HTTP",
		from: func(p string) bool {
			return p == "flows/store" || withinAny(p, "flows/otp", "flows/limit", "flows/seal", "flows/password")
		},
		to: func(p string) bool { return p == "net/http" },
	},
	{
		name: "the faces do not know each other",
		from: func(p string) bool { return within(p, "ui") },
		to:   func(p string) bool { return within(p, module+"/flows/nativeapi") },
	},
}

func TestTheArrowsBetweenPackagesHold(t *testing.T) {
	t.Parallel()
	packages := listPackages(t)
	own := 0
	for _, p := range packages {
		if p.Standard || !within(p.ImportPath, module) {
			continue
		}
		own++
		for _, a := range arrows {
			if !a.from(p.short()) {
				continue
			}
			seen := p.Deps
			if a.direct {
				seen = p.Imports
			}
			for _, needed := range seen {
				if a.to(needed) {
					t.Errorf("%s: %s needs %s", a.name, p.short(), needed)
				}
			}
		}
	}
	if own < 3 {
		t.Errorf("go list knows only %d packages of the module", own)
	}
}

func TestPolicyNeedsOnlyTheStandardLibraryAndNoInputOrOutput(t *testing.T) {
	t.Parallel()
	packages := listPackages(t)
	standard := map[string]bool{}
	for _, p := range packages {
		standard[p.ImportPath] = p.Standard
	}
	for _, p := range packages {
		if p.ImportPath != module+"/policy" {
			continue
		}
		for _, needed := range p.Deps {
			if !standard[needed] {
				t.Errorf("policy needs %s", needed)
			}
		}
		for _, needed := range p.Imports {
			if withinAny(needed, "os", "io", "net", "log", "crypto", "math/rand") {
				t.Errorf("policy imports %s", needed)
			}
		}
		return
	}
	t.Fatal("go list does not know policy")
}
