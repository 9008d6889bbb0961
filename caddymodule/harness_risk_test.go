package caddymodule

import (
	"net/http"
	"strings"
	"testing"
)

// trusting is a Caddyfile's global options where proxies at the given addresses may say
// what a client is like. The browsers of tests come from 127.0.0.1.
func trusting(proxies string) string {
	return `{
	servers {
		trusted_proxies static ` + proxies + `
		trusted_proxies_strict
	}
	stepgate {
		store memory
		email inbox
		sms inbox
	}
}
`
}

// riskySite is a payrollSite behind a trusted proxy whose risk block has the given lines,
// and whose answers tell the risk: see [browser.band].
func riskySite(lines ...string) string {
	return trusting("127.0.0.0/8") + payrollSite("risk {\n"+strings.Join(lines, "\n")+"\n}",
		"public on *", "require session when risk low", "require password when risk medium", "deny when risk high")
}

// band asks a riskySite, as nobody in particular, what the risk of a request is.
func (b *browser) band(t testing.TB, header http.Header) string {
	t.Helper()
	b.header = header.Clone()
	if b.header == nil {
		b.header = make(http.Header)
	}
	b.header.Set("Sec-Fetch-Mode", "cors")
	p := b.get("/x")
	switch {
	case p.StatusCode == 200:
		return "none"
	case p.StatusCode == 401 && strings.Contains(p.body, `"missing":["session"]`):
		return "low"
	case p.StatusCode == 401 && strings.Contains(p.body, `"missing":["session","password"]`):
		return "medium"
	case p.StatusCode == 403:
		return "high"
	}
	t.Fatalf("%d %s", p.StatusCode, p.body)
	return ""
}

// signInBy signs somebody in by mail code.
func (s *testSite) signInBy(b *browser, email string) {
	b.t.Helper()
	p := b.post("/.auth/sign-in?return_to=%2F", map[string][]string{"email": {email}})
	if p = b.here(p, map[string][]string{"code": {s.message(b.t, email).Code}}); p.location != "/" {
		b.t.Fatalf("signing in: %d to %q\n%s", p.StatusCode, p.location, p.body)
	}
}
