package rawtest

import (
	"fmt"
	"strings"
)

// Headers by which applications believe who somebody is, or what was asked. The first
// is the gateway's own.
var believed = []string{
	"X-Id-Token", "Remote-User", "Remote-Groups", "Remote-Email", "Remote-Name", "X-Remote-User", "X-Forwarded-User", "X-Forwarded-Email",
	"X-Forwarded-Groups", "X-Forwarded-Preferred-Username", "X-Forwarded-Access-Token", "X-Auth-Request-User", "X-Auth-Request-Email",
	"X-Authenticated-User", "X-User", "X-User-Id", "X-Webauth-User", "Ssl-Client-Verify", "X-Ssl-Client-Dn", "X-Client-Cert", "X-Client-Dn",
	"X-Forwarded-Client-Cert", "Client-Cert", "X-Goog-Authenticated-User-Email", "X-Amzn-Oidc-Data", "Cf-Access-Jwt-Assertion",
	"X-Ms-Client-Principal", "X-Ms-Client-Principal-Name", "X-Pomerium-Jwt-Assertion", "X-Vouch-User", "X-Authentik-Username", "X-Access-Token",
	"Tailscale-User-Login", "Oidc-Claim-Sub", "X-Consumer-Username",
	"X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "X-Original-Url", "X-Rewrite-Url", "X-Original-Uri", "X-Forwarded-Uri",
	"X-Forwarded-Path", "X-Forwarded-Prefix", "X-Accel-Redirect", "X-Sendfile", "X-Override-Url", "X-Middleware-Subrequest", "Proxy", "Authorization",
}

// misspell lists what servers may fold back into the name.
func misspell(name string) []string {
	return []string{
		name, strings.ToLower(name), strings.ToUpper(name), strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(name, "-", "."),
		strings.ReplaceAll(name, "-", "~"), strings.ReplaceAll(name, "-", "+"), strings.ReplaceAll(name, "-", "!"), strings.Replace(name, "-", "_", 1),
		strings.ReplaceAll(name, "-", "--"), strings.ReplaceAll(name, "-", "_-"), name + "_", "_" + name, name + "'",
	}
}

// names puts every spelling of every believed header into requests for a public page:
// what arrives must not have it.
func names() (cases []Case) {
	for i, name := range believed {
		for j, spelled := range misspell(name) {
			if i > 0 && j > 0 && (i+j)%3 != 0 {
				continue
			}
			cases = append(cases, Case{Name: "header " + spelled, Raw: get("/public", spelled+": "+Mallory)})
			if i == 0 || j == 0 {
				cases = append(cases, Case{Name: "h2 header " + spelled, Stream: GetStream("/public", Field{strings.ToLower(spelled), Mallory})})
			}
		}
	}
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Cookie", "Authorization", "Content-Length", "Transfer-Encoding", "Host"} {
		for _, spelled := range []string{strings.ReplaceAll(name, "-", "_") + "_", strings.ReplaceAll(name, "-", "~") + "~", "+" + name} {
			cases = append(cases, Case{Name: "alias " + spelled, Raw: get("/public", spelled+": "+Mallory)})
		}
	}
	return cases
}

// nominations name our header in Connection, which makes the next proxy drop it, or ask
// for a protocol in which nobody looks at requests.
func nominations() (cases []Case) {
	for _, lines := range [][]string{
		{"Connection: X-Id-Token"}, {"Connection: x-id-token"}, {"connection: X-ID-TOKEN"}, {"Connection: close, X-Id-Token"},
		{"Connection: X-Id-Token,,"}, {"Connection: ,X-Id-Token ,"}, {"Connection: keep-alive", "Connection: X-Id-Token"}, {"Connection: X-Id-Token\t"},
		{"Connection: Cookie, Authorization, X-Forwarded-For, Host"}, {"Connection: Upgrade, X-Id-Token", "Upgrade: websocket"},
		{"Connection: X-Id-Token, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13"},
		{"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"}, {"Connection: Upgrade", "Upgrade: h2c"},
		{"Connection: Upgrade", "Upgrade: websocket, h2c"}, {"Connection: Upgrade", "Upgrade: h2c", "Upgrade: websocket"}, {"Connection: Upgrade", "Upgrade: TLS/1.0"},
		{"Upgrade: websocket"}, {"Connection: upgrade", "Upgrade: WebSocket", "Content-Length: 0"}, {"Proxy-Connection: X-Id-Token"}, {"Keep-Alive: timeout=99"},
		{"Connection : X-Id-Token"}, {"Connection_: X-Id-Token"}, {"TE: trailers, X-Id-Token"}, {"Connection: TE, X-Id-Token", "TE: trailers"},
		{"Trailer: X-Id-Token"}, {"Connection: Trailer, X-Id-Token", "Trailer: X-Id-Token"},
	} {
		cases = append(cases, Case{Name: fmt.Sprintf("nomination %q", lines), Raw: get("/public", lines...)})
	}
	for _, field := range []Field{{"connection", "X-Id-Token"}, {"connection", "upgrade"}, {"upgrade", "h2c"}, {"te", "x"}, {"keep-alive", "x"}, {"transfer-encoding", "chunked"}, {"proxy-connection", "x-id-token"}} {
		cases = append(cases, Case{Name: fmt.Sprintf("h2 nomination %v", field), Stream: GetStream("/public", field)})
	}
	return cases
}

// trailers carry headers after the body, where few look.
func trailers() (cases []Case) {
	for _, name := range believed {
		for _, spelled := range []string{name, strings.ReplaceAll(name, "-", "_")} {
			for _, declared := range []bool{true, false} {
				lines := []string{"Transfer-Encoding: chunked"}
				fields := []Field{}
				if declared {
					lines = append(lines, "Trailer: "+spelled)
					fields = append(fields, Field{"trailer", spelled})
				}
				s := GetStream("/public", fields...)
				s.Fields[0].Value, s.Body, s.Trailer = "POST", "abc", []Field{{strings.ToLower(spelled), Mallory}}
				cases = append(cases,
					Case{
						Name:   fmt.Sprintf("trailer %s, declared %v", spelled, declared),
						Raw:    request("POST", "/public", lines...) + "3\r\nabc\r\n0\r\n" + spelled + ": " + Mallory + "\r\n\r\n",
						Expect: Arrives, Target: "/public",
					},
					Case{Name: fmt.Sprintf("h2 trailer %s, declared %v", spelled, declared), Stream: s},
				)
			}
		}
	}
	return cases
}

// lines are headers whose very lines are broken.
func lines() (cases []Case) {
	const name = "X-Id-Token"
	many := strings.TrimSuffix(strings.Repeat(name+": "+Mallory+"\r\n", 200), "\r\n")
	for label, line := range map[string]string{
		"blank before the colon":     name + " : " + Mallory,
		"tab before the colon":       name + "\t: " + Mallory,
		"blank before the name":      " " + name + ": " + Mallory,
		"tab before the name":        "\t" + name + ": " + Mallory,
		"vertical tab":               name + "\x0b: " + Mallory,
		"NUL in the name":            "X-Id\x00-Token: " + Mallory,
		"no-break space":             name + "\xc2\xa0: " + Mallory,
		"latin no-break space":       name + "\xa0: " + Mallory,
		"hyphen of another alphabet": "X\xe2\x80\x90Id\xe2\x80\x90Token: " + Mallory,
		"full-width name":            "\xef\xbc\xb8-Id-Token: " + Mallory,
		"folded line":                "X-Other: a\r\n " + name + ": on the line of another",
		"folded value":               name + ":\r\n " + Mallory,
		"bare LF":                    "X-Other: a\n" + name + ": " + Mallory,
		"bare CR":                    "X-Other: a\r" + name + ": " + Mallory,
		"CR CR LF":                   "X-Other: a\r\r\n" + name + ": " + Mallory,
		"NUL in a value":             "X-Other: a\x00\r\n" + name + ": " + Mallory,
		"no name":                    ": " + Mallory,
		"no colon":                   name + " " + Mallory,
		"two colons":                 name + ":: " + Mallory,
		"twice":                      name + ": " + Mallory + "\r\n" + name + ": " + Mallory,
		"empty, then a value":        name + ":\r\n" + name + ": " + Mallory,
		"two hundred times":          many,
		"twelve kilobytes":           name + ": " + strings.Repeat(Mallory, 12<<10/len(Mallory)),
		"a very long name":           name + strings.Repeat("-x", 3000) + ": x",
		"quoted name":                `"` + name + `": ` + Mallory,
	} {
		cases = append(cases, Case{Name: "line: " + label, Raw: get("/public", line)})
	}
	for label, field := range map[string]Field{
		"CRLF in a value":   {"x-other", "a\r\nx-id-token: " + Mallory},
		"LF in a value":     {"x-other", "a\nx-id-token: " + Mallory},
		"NUL in a value":    {"x-other", "a\x00x-id-token: " + Mallory},
		"CRLF in a name":    {"x-other: a\r\nx-id-token", Mallory},
		"colon in a name":   {"x-id-token:", Mallory},
		"upper case":        {"X-Id-Token", Mallory},
		"blank in a name":   {"x-id-token ", Mallory},
		"empty name":        {"", Mallory},
		"an unknown pseudo": {":x-id-token", Mallory},
		"a host beside":     {"host", "other.test"},
	} {
		cases = append(cases, Case{Name: "h2 line: " + label, Stream: GetStream("/public", field)})
	}
	return cases
}

// cookies hide the gateway's own one between others. It must not arrive, whatever
// the application's parser makes of quotes, commas and RFC 2965.
func cookies() (cases []Case) {
	const ours = "COOKIE=" + Secret
	for _, line := range []string{
		ours, "a=b; " + ours, ours + "; a=b", "a=b;" + ours + ";c=d", "a=b; " + ours + "; " + ours, `a="x; ` + ours + `; b=y"`, "a=b, " + ours, "a=b," + ours + ",c=d",
		"$Version=1; " + ours + "; $Path=/", `$Version="1"; a="x; ` + ours + `; y"`, "=" + ours, ` "COOKIE"=` + Secret, "COOKIE =" + Secret, ";;" + ours + ";;",
		"\t" + ours, "a; " + ours, "a==; " + ours, strings.Repeat("a=b; ", 300) + ours,
	} {
		cases = append(cases,
			Case{Name: fmt.Sprintf("cookie %.40q", line), Raw: get("/public", "Cookie: "+line), Expect: Arrives, Target: "/public"},
			Case{Name: fmt.Sprintf("h2 cookie %.40q", line), Stream: GetStream("/public", Field{"cookie", line})},
		)
	}
	cases = append(cases,
		Case{Name: "two cookie lines", Raw: get("/public", "Cookie: a=b", "Cookie: "+ours), Expect: Arrives, Target: "/public"},
		Case{Name: "two cookie lines, ours first", Raw: get("/public", "Cookie: "+ours, "Cookie: a=b"), Expect: Arrives, Target: "/public"},
		Case{Name: "h2 cookie crumbs", Stream: GetStream("/public", Field{"cookie", "a=b"}, Field{"cookie", ours}), Expect: Arrives, Target: "/public"},
		Case{Name: "cookie nominated", Raw: get("/public", "Connection: Cookie", "Cookie: a=b; "+ours)},
	)
	return cases
}
