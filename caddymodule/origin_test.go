package caddymodule

import (
	"strings"
	"testing"
)

func TestAnOriginHasOneSpelling(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"https://app.example.com":         "https://app.example.com",
		"https://App.Example.COM./":       "https://app.example.com",
		"https://app.example.com:443":     "https://app.example.com",
		"https://app.example.com:8443":    "https://app.example.com:8443",
		"https://bücher.example":          "https://xn--bcher-kva.example",
		"HTTPS://app.example.com":         "https://app.example.com",
		"http://localhost":                "http://localhost",
		"http://localhost:80":             "http://localhost",
		"http://LOCALHOST:8080":           "http://localhost:8080",
		"http://app.localhost:8080":       "http://app.localhost:8080",
		"http://127.0.0.1":                "http://127.0.0.1",
		"http://127.8.9.10:81":            "http://127.8.9.10:81",
		"http://[::1]:8080":               "http://[::1]:8080",
		"http://[::1]":                    "http://[::1]",
		"http://[0:0:0:0:0:0:0:1]":        "http://[::1]",
		"https://192.0.2.1":               "https://192.0.2.1",
		"https://[2001:db8::1]:8443":      "https://[2001:db8::1]:8443",
		"https://[::ffff:192.0.2.1]:8443": "https://192.0.2.1:8443",
	} {
		if got, err := parseOrigin(typed); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", typed, got, err, want)
		}
	}
}

func TestWhatIsNoOriginIsRefused(t *testing.T) {
	t.Parallel()
	for _, typed := range []string{
		"", "app.example.com", "//app.example.com", "https:", "https://", "https:app.example.com", "https://:8443",
		"https://app.example.com/login", "https://app.example.com?x", "https://app.example.com#x", "https://u:p@app.example.com",
		"https://*.example.com", "https://app.example.com:0", "https://app.example.com:65536", "https://app example.com",
		"ftp://localhost", "javascript://localhost", "null", "https://0.0.0.0", "https://[::]", "https://[fe80::1%25eth0]",
		"https://" + strings.Repeat("a.", 130) + "example",
		// Plain http is for loopback, and these only look like it.
		"http://app.example.com", "http://localhost.example.com", "http://notlocalhost", "http://127.0.0.1.example.com",
		"http://192.168.1.1", "http://128.0.0.1", "http://[::2]", "http://[2001:db8::1]",
	} {
		if got, err := parseOrigin(typed); err == nil {
			t.Errorf("%s: accepted as %q", typed, got)
		}
	}
}

func TestARequestsHostOnlyChoosesAmongTheConfiguredNames(t *testing.T) {
	t.Parallel()
	one := newSite(t, "http://localhost:8080 {\n\tstepgate\n}").handlers[0]
	for _, host := range []string{"localhost:8080", "evil.example", ""} {
		if s := one.siteFor(host); s == nil || s.flows.Origin != "http://localhost:8080" {
			t.Errorf("one origin, Host %q: got %v", host, s)
		}
	}
	two := newSite(t, "http://a.localhost, http://b.localhost:8080 {\n\tstepgate\n}").handlers[0]
	for host, want := range map[string]string{
		"a.localhost":      "http://a.localhost",
		"A.LocalHost":      "http://a.localhost",
		"a.localhost:80":   "http://a.localhost",
		"a.localhost:443":  "",
		"a.localhost:8080": "",
		"b.localhost:8080": "http://b.localhost:8080",
		"b.localhost":      "",
		"evil.example":     "",
		"":                 "",
	} {
		got := ""
		if s := two.siteFor(host); s != nil {
			got = s.flows.Origin
		}
		if got != want {
			t.Errorf("two origins, Host %q: got %q, want %q", host, got, want)
		}
	}
}

func TestEachNameOfASiteIsItsOwnIssuerAndAudience(t *testing.T) {
	t.Parallel()
	h := newSite(t, "http://a.localhost, http://b.localhost {\n\tstepgate {\n\t\tprefix /sign\n\t}\n}").handlers[0]
	a, b := h.sites[0], h.sites[1]
	if a.flows.Issuer() != "http://a.localhost/sign" || b.flows.Issuer() != "http://b.localhost/sign" {
		t.Errorf("issuers %s and %s", a.flows.Issuer(), b.flows.Issuer())
	}
	if a.audiences[0] != "http://a.localhost" || b.audiences[0] != "http://b.localhost" {
		t.Errorf("audiences %v and %v", a.audiences, b.audiences)
	}
	if a.mintedFor == b.mintedFor {
		t.Error("tokens minted for one would be taken for the other's")
	}
}
