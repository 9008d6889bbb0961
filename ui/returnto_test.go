package ui

import (
	"net/url"
	"strings"
	"testing"
	"unicode"

	whatwg "github.com/nlnwa/whatwg-url/url"
)

func TestReturnToStaysOnTheSite(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"/", "/reports", "/reports?year=2026&q=a%20b", "/a%20b/c", "/a;b=c", "/?", "/.well-known/x", "/.authors", "/a:b", "/@x",
		"/search?q=%5C%0A&next=//evil.example", "/search?u=https://evil.example", "/100%25", "/a..b/...", "/app#tab",
	} {
		if got, ok := ReturnTo(good, "/.auth"); !ok || got != good {
			t.Errorf("%q became %q, %v", good, got, ok)
		}
	}
	for raw, want := range map[string]string{"/café": "/caf%C3%A9", "/a b": "/a%20b", "/x?q=é": "/x?q=%C3%A9"} {
		if got, ok := ReturnTo(raw, "/.auth"); !ok || got != want {
			t.Errorf("%q became %q, %v", raw, got, ok)
		}
	}
	for _, bad := range []string{
		"", "reports", "https://evil.example", "//evil.example", `/\evil.example`, "/%5cevil.example", "/%255cevil.example", `\/evil.example`,
		"/%09/evil.example", "/\t/evil.example", "https:evil.example", "///evil.example", "/%2f/evil.example", "/%2fevil.example", "/%252fevil.example",
		"javascript:alert(1)", "data:text/html,x", "@evil.example", "http://payroll.harbour.example@evil.example", "http://evil.example#payroll.harbour.example",
		"?", "?x", "#x", "/a\r\nSet-Cookie: x=1", "/a%0d%0aSet-Cookie:x", "/a%250d%250aX", "/a\x00", "/a%00", "/\x7f", "/" + strings.Repeat("a", 8<<10),
		"/a?b\\c", "/a?b\nc", "/%zz", "/.auth", "/.auth/", "/.auth/sign-out", "/.AUTH/sign-out", "/%2eauth/sign-out", "/%252eauth/sign-out",
		"/x/../.auth/sign-out", "/./.auth", "/..//evil.example", "/a/%2e%2e/%2fevil.example", "/.auth%2fsign-out", "/.auth?x", " /a", "/\u0085a", "/a\ufffd", "/\xff",
	} {
		if got, ok := ReturnTo(bad, "/.auth"); ok || got != "/" {
			t.Errorf("%q was taken as %q", bad, got)
		}
	}
}

// Whatever is taken is, to a browser, an address on the site.
func FuzzReturnTo(f *testing.F) {
	for _, seed := range []string{"/", "/a?b#c", "//e", `/\e`, "/%5ce", "/%2f/e", "/\t/e", "/..//e", "https:e", "/a%zz", "/é", "/.auth/x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, ok := ReturnTo(raw, "/.auth")
		if !ok {
			if got != "/" {
				t.Fatalf("%q is refused as %q", raw, got)
			}
			return
		}
		if strings.ContainsFunc(got, func(r rune) bool { return r > unicode.MaxASCII || r <= ' ' || r == '\\' }) {
			t.Fatalf("%q became %q, which no header should hold", raw, got)
		}
		for _, reading := range []string{got, unescape(got), unescape(unescape(got))} {
			path, _, _ := strings.Cut(reading, "?")
			if reading == got {
				path = reading
			}
			u, err := whatwg.ParseRef("https://payroll.harbour.example/.auth/code", path)
			if err != nil {
				continue // a browser would go nowhere
			}
			if u.Host() != "payroll.harbour.example" || u.Protocol() != "https:" || u.Username() != "" {
				t.Fatalf("%q is read as %s", raw, u.Href(false))
			}
		}
		if u, err := url.Parse(got); err != nil || u.Host != "" || u.Path == "/.auth" || strings.HasPrefix(u.Path, "/.auth/") {
			t.Fatalf("%q became %q", raw, got)
		}
		if again, ok := ReturnTo(got, "/.auth"); !ok && len(got) <= maxReturnTo || ok && again != got {
			t.Fatalf("%q became %q and then %q, %v", raw, got, again, ok)
		}
	})
}
