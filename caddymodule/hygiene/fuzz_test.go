package hygiene_test

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/stepgate/stepgate/caddymodule/hygiene"
	"github.com/stepgate/stepgate/caddymodule/hygiene/rawtest"
)

// Whatever servers do to an accepted target, each by itself or one after the other,
// they come to the same path, up to case.
var serverTricks = []struct {
	name string
	of   func(string) string
}{
	{"decode once more", func(p string) string {
		if again, err := url.PathUnescape(p); err == nil {
			return again
		}
		return p
	}},
	{"turn backslashes", func(p string) string { return strings.ReplaceAll(p, `\`, "/") }},
	{"drop parameters", func(p string) string {
		return eachSegment(p, func(s string) string { s, _, _ = strings.Cut(s, ";"); return s })
	}},
	{"drop dots and blanks", func(p string) string {
		return eachSegment(p, func(s string) string { return strings.TrimRight(s, ". ") })
	}},
	{"drop streams", func(p string) string {
		return eachSegment(p, func(s string) string { s, _, _ = strings.Cut(s, ":$"); return s })
	}},
	{"end at a delimiter", func(p string) string {
		return strings.FieldsFunc(p+"?", func(c rune) bool { return c == '?' || c == '#' })[0]
	}},
	{"end at NUL or a line", func(p string) string { return strings.FieldsFunc(p+"\x00", func(c rune) bool { return c < ' ' })[0] }},
	{"normalise", func(p string) string { return norm.NFC.String(p) }},
	{"clean", func(p string) string {
		if cleaned := path.Clean(p); cleaned != "/" && strings.HasSuffix(p, "/") {
			return cleaned + "/"
		}
		return path.Clean(p)
	}},
}

func eachSegment(p string, change func(string) string) string {
	segments := strings.Split(p, "/")
	for i := range segments {
		segments[i] = change(segments[i])
	}
	return strings.Join(segments, "/")
}

// readElsewhere names the trick that reads a path differently.
func readElsewhere(p string) (trick, reading string) {
	all := p
	for _, t := range serverTricks {
		all = t.of(all)
		for _, reading := range []string{t.of(p), all} {
			if !strings.EqualFold(reading, p) {
				return t.name, reading
			}
		}
	}
	return "", ""
}

func FuzzTarget(f *testing.F) {
	for _, row := range refused {
		f.Add(row.target)
	}
	for _, row := range accepted {
		f.Add(row.target)
	}
	for _, c := range rawtest.Corpus() {
		if _, target, ok := strings.Cut(c.Raw, " "); ok {
			target, _, _ = strings.Cut(target, " HTTP/1.1\r\n")
			f.Add(target)
		}
	}
	strict := newRules(f, hygiene.Options{Prefixes: []string{"/.auth"}})
	lenient := newRules(f, hygiene.Options{Prefixes: []string{"/.auth"}, Lenient: hygiene.Classes})
	f.Fuzz(func(t *testing.T, target string) {
		if r := requestFor(http.MethodGet, target); r != nil && strict.Clean(r, "") == nil {
			checkForwarded(t, target, r)
			if trick, reading := readElsewhere(r.URL.Path); trick != "" {
				t.Errorf("%q: accepted as %q, but servers that %s read %q", target, r.URL.Path, trick, reading)
			}
			if got := strict.Readings(r.URL); len(got) != 1 {
				t.Errorf("%q has readings %q", target, got)
			}
			if strict.Clean(requestFor(http.MethodGet, r.RequestURI), "") != nil {
				t.Errorf("%q: what is forwarded, %q, would be refused", target, r.RequestURI)
			}
		}
		if r := requestFor(http.MethodGet, target); r != nil && lenient.Clean(r, "") == nil {
			checkForwarded(t, target, r)
			readings := lenient.Readings(r.URL)
			if readings[0] != r.URL.Path {
				t.Errorf("%q: the first reading is %q, not %q", target, readings[0], r.URL.Path)
			}
			for _, trick := range serverTricks[1:5] { // those that a class names exactly
				for _, reading := range readings {
					if got := trick.of(reading); !slices.Contains(readings, got) && trick.name != "drop streams" && got != "" {
						t.Errorf("%q: servers that %s read %q, which is none of %q", target, trick.name, got, readings)
					}
				}
			}
		}
	})
}

// checkForwarded holds for every accepted request: all its forms agree.
func checkForwarded(t *testing.T, target string, r *http.Request) {
	t.Helper()
	parsed, err := url.ParseRequestURI(r.RequestURI)
	if err != nil || parsed.Path != r.URL.Path || parsed.RawQuery != r.URL.RawQuery {
		t.Errorf("%q: RequestURI %q does not say %q, %v", target, r.RequestURI, r.URL.Path, err)
	}
	if r.URL.RequestURI() != r.RequestURI {
		t.Errorf("%q: RequestURI %q, URL %q", target, r.RequestURI, r.URL.RequestURI())
	}
	for i := range len(r.RequestURI) {
		if c := r.RequestURI[i]; c <= ' ' || c >= 0x7f || c == '#' {
			t.Errorf("%q: byte %#x is forwarded", target, c)
		}
	}
	if r.URL.Opaque+r.URL.Fragment+r.URL.Scheme+r.URL.Host != "" || !strings.HasPrefix(r.URL.Path, "/") {
		t.Errorf("%q: %#v says more than a path", target, r.URL)
	}
	if original, err := url.ParseRequestURI(target); err == nil && original.Path != r.URL.Path && original.Host == "" {
		t.Errorf("%q: the path %q became %q", target, original.Path, r.URL.Path)
	}
}

func FuzzCookie(f *testing.F) {
	for _, seed := range []string{"a=b; __Host-stepgate=x", `a="x; __Host-stepgate=y; z"`, "$Version=1; a=b", "a=b, __Host-stepgate=x", "=", ";;", "%"} {
		f.Add(seed)
	}
	rules := newRules(f, hygiene.Options{Cookies: []string{ownCookie}})
	f.Fuzz(func(t *testing.T, value string) {
		r := requestFor(http.MethodGet, "/")
		r.Header["Cookie"] = []string{value}
		if err := rules.Clean(r, ""); err != nil {
			t.Fatal(err)
		}
		for _, c := range r.Cookies() {
			if strings.EqualFold(c.Name, ownCookie) {
				t.Errorf("%q: left %q", value, r.Header["Cookie"])
			}
		}
		left := strings.Join(r.Header["Cookie"], "; ")
		for _, pair := range strings.FieldsFunc(left, func(c rune) bool { return c == ';' || c == ',' }) {
			name, _, _ := strings.Cut(pair, "=")
			if strings.EqualFold(strings.Trim(name, " \t\""), ownCookie) {
				t.Errorf("%q: left %q", value, left)
			}
		}
	})
}
