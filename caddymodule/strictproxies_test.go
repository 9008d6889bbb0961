package caddymodule

import (
	"strings"
	"testing"
)

// If a later Caddy calls the fields of its server options otherwise, a Caddyfile's risk
// headers are only judged when they are provisioned, and this fails first.
func TestTheServersOfACaddyfileCanBeLookedAt(t *testing.T) {
	t.Parallel()
	for servers, want := range map[string]bool{
		"":                                    false,
		"servers {\n\tmax_header_size 5MB\n}": false,
		"servers {\n\ttrusted_proxies static 192.0.2.0/24\n}":                                                         false,
		"servers {\n\ttrusted_proxies_strict\n}":                                                                      false,
		"servers {\n\ttrusted_proxies static 192.0.2.0/24\n\ttrusted_proxies_strict\n}":                               true,
		"servers {\n\ttrusted_proxies_unix\n\ttrusted_proxies_strict\n}":                                              true,
		"servers :80 {\n\tname a\n}\nservers :443 {\n\ttrusted_proxies static 192.0.2.1\n\ttrusted_proxies_strict\n}": true,
	} {
		_, err := adapt("{\n" + servers + strings.TrimPrefix(testGlobals, "{") + `http://localhost {
	stepgate {
		risk {
			header X-Risk-Score medium 40
		}
		deny when risk medium
	}
}`)
		if trusted := err == nil; trusted != want || err != nil && !strings.Contains(err.Error(), "strictly trusted proxy") {
			t.Errorf("%q: %v", servers, err)
		}
	}
}

func TestRiskHeadersNeedAServerThatTrustsStrictlyInJSONToo(t *testing.T) {
	t.Parallel()
	const risky = `{"risk": {"headers": [{"name": "X-Risk-Score", "numbers": [{"from": 40, "risk": "medium"}]}]}, "rules": [{"verb": "deny", "when": {"risk": "medium"}}]}`
	const harmless = `{"risk": {"new_device": "medium"}, "rules": [{"verb": "deny", "when": {"risk": "medium"}}]}`
	for _, row := range []struct {
		handler, server, route string
		want                   string
	}{
		{risky, ``, ``, "the server at :8080 has none"},
		{risky, `"trusted_proxies": {"source": "static", "ranges": ["127.0.0.0/8"]},`, ``, "trusted_proxies_strict"},
		{risky, `"trusted_proxies": {"source": "static", "ranges": ["127.0.0.0/8"]}, "trusted_proxies_strict": 1,`, ``, ""},
		{risky, `"trusted_proxies": {"source": "static", "ranges": ["127.0.0.0/8"]}, "trusted_proxies_strict": 1,`, "nested", ""},
		{risky, ``, "nested", "the server at :8080 has none"},
		{harmless, ``, ``, ""},
	} {
		config := strings.Replace(string(jsonConfig(t, `{}`, row.handler)), `"listen":`, row.server+`"listen":`, 1)
		if row.route == "nested" {
			config = strings.Replace(config, `"routes":[`, `"routes":[{"handle":[{"handler":"subroute","routes":[`, 1)
			config = strings.Replace(config, `]}]}}`, `]}]}]}]}}`, 1)
		}
		_, err := startSite(t, []byte(config))
		if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%s %s: %v\n%s", row.server, row.route, err, config)
		}
	}
}
