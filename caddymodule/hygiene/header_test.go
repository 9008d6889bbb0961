package hygiene_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stepgate/stepgate/caddymodule/hygiene"
)

// cleaned is what is left of a header, as sorted lines.
func cleaned(t testing.TB, rules *hygiene.Rules, lines ...string) []string {
	t.Helper()
	r := requestFor("GET", "/")
	r.Header = headerOf(lines...)
	if err := rules.Clean(r, ""); err != nil {
		t.Fatal(err)
	}
	return linesOf(r.Header)
}

func headerOf(lines ...string) http.Header {
	h := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h[name] = append(h[name], value) // as spelled: net/http leaves odd names alone
	}
	return h
}

func linesOf(h http.Header) (lines []string) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			lines = append(lines, name+": "+value)
		}
	}
	return lines
}

func TestNoSpellingOfABelievedHeaderSurvives(t *testing.T) {
	t.Parallel()
	rules := newRules(t, hygiene.Options{Strip: []string{"X-Id-Token", "X-Risk-Score", "Remote-Role", "X-My-*"}})
	for _, name := range []string{
		"X-Id-Token", "X-Risk-Score", "Remote-Role", "X-My-Own", "X-My", "Remote-User", "Remote-Groups", "Remote-Email", "Remote-Name", "X-Remote-User", "X-Remote-Extra-Scopes",
		"X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Preferred-Username", "X-Forwarded-Access-Token",
		"X-Auth-Request-User", "X-Auth-Request-Redirect", "X-Authenticated-User", "X-User", "X-User-Name", "X-Username", "X-Webauth-User",
		"Ssl-Client-S-Dn", "X-Ssl-Client-Cert", "X-Client-Cert", "X-Client-Dn", "X-Forwarded-Client-Cert", "Client-Cert", "Client-Cert-Chain",
		"X-Goog-Authenticated-User-Id", "X-Amzn-Oidc-Identity", "Cf-Access-Authenticated-User-Email", "X-Ms-Client-Principal", "X-Ms-Client-Principal-Id",
		"X-Pomerium-Claim-Email", "X-Vouch-User", "X-Authentik-Email", "X-Access-Token", "Tailscale-User-Name", "X-Stepgate-Anything",
		"X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "X-Original-Url", "X-Rewrite-Url", "X-Original-Uri", "X-Forwarded-Uri",
		"X-Forwarded-Path", "X-Forwarded-Prefix", "X-Accel-Redirect", "X-Accel-Mapping", "X-Sendfile", "X-Sendfile-Type", "X-Override-Url", "X-Middleware-Subrequest", "Proxy", "Forwarded",
		"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Upgrade", "Http2-Settings", "Proxy-Authorization", "Transfer-Encoding", "Host", "Authorization",
	} {
		for _, spelled := range []string{
			name, strings.ToLower(name), strings.ToUpper(name), strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(name, "-", "."), strings.ReplaceAll(name, "-", "~"),
			strings.ReplaceAll(name, "-", "--"), strings.Replace(name, "-", "_", 1), "_" + name, name + "!", name + "\xc2\xa0",
		} {
			if strings.HasPrefix(spelled, "authorization") || spelled == "AUTHORIZATION" {
				continue // net/http spells it with one capital
			}
			if left := cleaned(t, rules, spelled+": mallory", "Accept: */*"); !slices.Equal(left, []string{"Accept: */*"}) {
				t.Errorf("%q survives: %q", spelled, left)
			}
		}
	}
}

func TestOrdinaryHeadersSurviveUntouched(t *testing.T) {
	t.Parallel()
	rules := newRules(t, hygiene.Options{Strip: []string{"X-Id-Token"}, Cookies: []string{ownCookie}})
	lines := []string{
		"Accept: text/html", "Accept-Encoding: gzip", "Accept-Language: en", "Cache-Control: no-cache", "Content-Length: 0", "Content-Type: application/json",
		"Cookie: app=1; other=2", "Expect: 100-continue", "Grpc-Timeout: 1S", "If-None-Match: \"x\"", "Origin: https://app.example.com", "Range: bytes=0-1", "Referer: https://app.example.com/",
		"Sec-Fetch-Mode: navigate", "Sec-Websocket-Key: x", "User-Agent: Mozilla/5.0", "X-Api-Key: k", "X-Auth-Token: t", "X-Csrf-Token: c",
		"X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: app.example.com", "X-Forwarded-Proto: https", "X-Grpc-Web: 1", "X-My_Own: under", "X-Real-Ip: 192.0.2.1",
		"X-Requested-With: XMLHttpRequest", "X-User-Agent: grpc-web/1", "X-Usersomething: x",
	}
	if left := cleaned(t, rules, lines...); !slices.Equal(left, lines) {
		t.Errorf("left %q\nwant %q", left, lines)
	}
}

func TestAMisspeltStandardHeaderGoesAndTheRealOneStays(t *testing.T) {
	t.Parallel()
	rules := newRules(t, hygiene.Options{PassAuthorization: true})
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-Ip", "Content-Length", "Content-Type", "Authorization", "Cookie"} {
		for _, odd := range []string{strings.ReplaceAll(name, "-", "_") + "_", strings.ReplaceAll(name, "-", "~") + ".", "+" + name} {
			if left := cleaned(t, rules, name+": real", odd+": mallory"); !slices.Equal(left, []string{name + ": real"}) {
				t.Errorf("%s and %s: left %q", name, odd, left)
			}
		}
	}
}

func TestConnectionIsReducedToAWebsocketUpgrade(t *testing.T) {
	t.Parallel()
	rules := newRules(t, hygiene.Options{Strip: []string{"X-Id-Token"}})
	upgrade := []string{"Connection: Upgrade", "Upgrade: websocket"}
	for name, row := range map[string]struct{ sent, left []string }{
		"keep-alive":             {[]string{"Connection: keep-alive", "Keep-Alive: timeout=5"}, nil},
		"nomination":             {[]string{"Connection: X-Id-Token, Cookie"}, nil},
		"websocket":              {[]string{"Connection: Upgrade", "Upgrade: websocket"}, upgrade},
		"websocket of Firefox":   {[]string{"Connection: keep-alive, Upgrade", "Upgrade: websocket"}, upgrade},
		"websocket, other case":  {[]string{"Connection: upgrade", "Upgrade: WebSocket"}, upgrade},
		"websocket, nominating":  {[]string{"Connection: X-Id-Token, upgrade, close", "Upgrade: websocket"}, upgrade},
		"websocket on two lines": {[]string{"Connection: X-Id-Token", "Connection: upgrade", "Upgrade: websocket"}, upgrade},
		"h2c":                    {[]string{"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "Http2-Settings: AAM"}, nil},
		"websocket and h2c":      {[]string{"Connection: Upgrade", "Upgrade: websocket, h2c"}, nil},
		"two upgrades":           {[]string{"Connection: Upgrade", "Upgrade: websocket", "Upgrade: h2c"}, nil},
		"not nominated":          {[]string{"Upgrade: websocket"}, nil},
		"no upgrade":             {[]string{"Connection: Upgrade"}, nil},
		"TE for gRPC":            {[]string{"Te: trailers"}, []string{"Te: trailers"}},
		"TE with more":           {[]string{"Te: gzip;q=0.5, Trailers"}, []string{"Te: trailers"}},
		"TE without trailers":    {[]string{"Te: gzip"}, nil},
	} {
		if left := cleaned(t, rules, row.sent...); !slices.Equal(left, row.left) {
			t.Errorf("%s: left %q, want %q", name, left, row.left)
		}
	}
	for name, change := range map[string]func(*http.Request){
		"a POST":      func(r *http.Request) { r.Method = "POST" },
		"a body":      func(r *http.Request) { r.ContentLength = 5 },
		"chunks":      func(r *http.Request) { r.ContentLength = -1 },
		"over HTTP/2": func(r *http.Request) { r.ProtoMajor = 2 },
	} {
		r := requestFor("GET", "/")
		r.Header = headerOf(upgrade...)
		change(r)
		if err := rules.Clean(r, ""); err != nil || len(r.Header) != 0 {
			t.Errorf("an upgrade with %s: %v, %v", name, r.Header, err)
		}
	}
}

func TestTrailersAreForgotten(t *testing.T) {
	t.Parallel()
	r := requestFor("POST", "/")
	r.Trailer = http.Header{"X-Id-Token": nil}
	r.Body = io.NopCloser(strings.NewReader("abc"))
	if err := newRules(t, hygiene.Options{}).Clean(r, ""); err != nil || r.Trailer != nil {
		t.Errorf("trailer %v, %v", r.Trailer, err)
	}
}

func TestAuthorizationIsRemovedUnlessTheSitePassesIt(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		o          hygiene.Options
		sent, left []string
	}{
		"default":                {hygiene.Options{}, []string{"Authorization: Bearer x"}, nil},
		"pass":                   {hygiene.Options{PassAuthorization: true}, []string{"Authorization: Bearer x"}, []string{"Authorization: Bearer x"}},
		"pass, two of them":      {hygiene.Options{PassAuthorization: true}, []string{"Authorization: Bearer x", "Authorization: Bearer y"}, nil},
		"pass, but it is ours":   {hygiene.Options{PassAuthorization: true, Strip: []string{"Authorization"}}, []string{"Authorization: Bearer x"}, nil},
		"pass, in disguise":      {hygiene.Options{PassAuthorization: true}, []string{"Authorization_: Bearer x"}, nil},
		"proxy authorization":    {hygiene.Options{PassAuthorization: true}, []string{"Proxy-Authorization: Basic x"}, nil},
		"something that is near": {hygiene.Options{}, []string{"X-Authorization-Hint: x"}, []string{"X-Authorization-Hint: x"}},
	} {
		if left := cleaned(t, newRules(t, row.o), row.sent...); !slices.Equal(left, row.left) {
			t.Errorf("%s: left %q, want %q", name, left, row.left)
		}
	}
}

func TestAllowExemptsOverridesAndNeverAnIdentity(t *testing.T) {
	t.Parallel()
	rules := newRules(t, hygiene.Options{Allow: []string{"X-Forwarded-Prefix", "x_forwarded_uri", "X-Middleware-Rewrite"}})
	left := cleaned(t, rules, "X-Forwarded-Prefix: /app", "X-Forwarded-Uri: /a", "X-Middleware-Rewrite: a", "X-Middleware-Next: b", "X-Forwarded-Path: /b")
	if want := []string{"X-Forwarded-Prefix: /app", "X-Forwarded-Uri: /a", "X-Middleware-Rewrite: a"}; !slices.Equal(left, want) {
		t.Errorf("left %q, want %q", left, want)
	}
	strip := newRules(t, hygiene.Options{Allow: []string{"X-Forwarded-Prefix"}, Strip: []string{"X-Forwarded-Prefix"}})
	if left := cleaned(t, strip, "X-Forwarded-Prefix: /app"); left != nil {
		t.Errorf("what the site injects was let through: %q", left)
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]hygiene.Options{
		"unknown class":           {Lenient: []hygiene.Class{"encoded_slash", "dots"}},
		"allowing an identity":    {Allow: []string{"Remote-User"}},
		"allowing by beginning":   {Allow: []string{"X-Forwarded-*"}},
		"allowing what is free":   {Allow: []string{"Accept"}},
		"allowing Connection":     {Allow: []string{"Connection"}},
		"a name of nothing":       {Strip: []string{"--"}},
		"an empty name":           {Strip: []string{""}},
		"a star in the middle":    {Strip: []string{"X-*-Y"}},
		"a name with a colon":     {Strip: []string{"X-Id-Token:"}},
		"a very long name":        {Strip: []string{strings.Repeat("x", 200)}},
		"stripping Cookie":        {Strip: []string{"cookie"}},
		"stripping Host":          {Strip: []string{"HOST"}},
		"stripping Set-Cookie":    {Strip: []string{"Set-Cookie"}},
		"stripping all":           {Strip: []string{"*"}},
		"an impossible cookie":    {Cookies: []string{"a=b"}},
		"a prefix without slash":  {Prefixes: []string{".auth"}},
		"a prefix with two of it": {Prefixes: []string{"/.auth/"}},
	} {
		if _, err := hygiene.New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestOurCookiesLeaveAndTheOthersStay(t *testing.T) {
	t.Parallel()
	rules := newRules(t, hygiene.Options{Cookies: []string{"__Host-stepgate", "__Host-stepgate-flow-*"}})
	for _, row := range []struct {
		sent []string
		left string
	}{
		{[]string{"a=b; c=d"}, "a=b; c=d"},
		{[]string{"a=b;c=d;  e"}, "a=b;c=d;  e"}, // nothing of ours: not a byte is changed
		{[]string{"__Host-stepgate=x"}, ""},
		{[]string{"a=b; __Host-stepgate=x; c=d"}, "a=b; c=d"},
		{[]string{"__Host-stepgate=x; __Host-stepgate=y; a=b"}, "a=b"},
		{[]string{"a=b; __Host-stepgate-flow-7=x; __Host-stepgate-flow=y"}, "a=b"},
		{[]string{"a=b; __Host-stepgateway=x; stepgate=y"}, "a=b; __Host-stepgateway=x; stepgate=y"},
		{[]string{"a=b", "c=d"}, "a=b; c=d"},
		{[]string{"a=b", "__Host-stepgate=x", "c=d"}, "a=b; c=d"},
		{[]string{"__host-STEPGATE=x; a=b"}, "a=b"},
		{[]string{" __Host-stepgate =x; a=b"}, "a=b"},
		{[]string{"\t__Host-stepgate=x;a=b"}, "a=b"},
		{[]string{`"__Host-stepgate"=x; a=b`}, "a=b"},
		{[]string{"__Host-stepgate; a=b"}, "a=b"},
		{[]string{"=__Host-stepgate=x; a=b"}, "a=b"},
		{[]string{"__Host.stepgate=x; __Host_stepgate=y; a=b"}, "a=b"},
		{[]string{"%5F%5fHost-stepgate=x; a=b"}, "a=b"},
		{[]string{"a=b, __Host-stepgate=x; c=d"}, "c=d"},
		{[]string{`a="x; __Host-stepgate=y; z"; c=d`}, `a="x; z"; c=d`},
		{[]string{"$Version=1; a=b; $Path=/; __Host-stepgate=x; $Domain=y"}, "a=b"},
		{[]string{"a=$Version; $dollar=1"}, "a=$Version; $dollar=1"},
		{[]string{"a=__Host-stepgate"}, "a=__Host-stepgate"},
		{[]string{"a=b=c==; __Host-stepgate=x; d=\"e f\"; g={\"h\":1}"}, "a=b=c==; d=\"e f\"; g={\"h\":1}"},
		{[]string{"; ;__Host-stepgate=x;;"}, ""},
	} {
		var lines, want []string
		for _, value := range row.sent {
			lines = append(lines, "Cookie: "+value)
		}
		if row.left != "" {
			want = []string{"Cookie: " + row.left}
		}
		if left := cleaned(t, rules, lines...); !slices.Equal(left, want) {
			t.Errorf("%q: left %q, want %q", row.sent, left, want)
		}
	}
}

// browserRequest is what a browser sends to a page, and how to send it again.
func browserRequest(t testing.TB) (r *http.Request, reset func()) {
	t.Helper()
	r = requestFor("GET", "/accounts/2024/summary.html?tab=2&sort=name")
	lines := headerOf(
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Accept: text/html,application/xhtml+xml,*/*;q=0.8",
		"Accept-Language: en-GB,en;q=0.5", "Accept-Encoding: gzip, deflate, br, zstd", "Connection: keep-alive", "Upgrade-Insecure-Requests: 1",
		"Sec-Fetch-Dest: document", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: same-origin", "Sec-Fetch-User: ?1", "Priority: u=0, i",
		"Referer: https://app.example.com/accounts/", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https",
	)
	cookie := fmt.Sprintf("app_session=%s; %s=%s; theme=dark", strings.Repeat("a", 40), ownCookie, strings.Repeat("b", 150))
	values := []string{cookie}
	return r, func() {
		for name, values := range lines {
			r.Header[name] = values
		}
		values[0] = cookie
		r.Header["Cookie"] = values
	}
}

func TestCleaningABrowserRequestAllocatesForTheCookieOnly(t *testing.T) { // not parallel: AllocsPerRun counts for the process
	rules := newRules(t, hygiene.Options{Strip: []string{"X-Id-Token", "Remote-User", "X-Risk-Score"}, Cookies: []string{ownCookie}, Prefixes: []string{"/.auth"}})
	r, reset := browserRequest(t)
	n := testing.AllocsPerRun(200, func() {
		reset()
		if err := rules.Clean(r, "/accounts/2024/summary.html?tab=2&sort=name"); err != nil {
			t.Fatal(err)
		}
	})
	if n > 3 {
		t.Errorf("%v allocations", n)
	}
	if got := r.Header.Get("Cookie"); strings.Contains(got, ownCookie) || !strings.HasSuffix(got, "; theme=dark") {
		t.Errorf("cookie %q", got)
	}
}

func BenchmarkClean(b *testing.B) {
	rules := newRules(b, hygiene.Options{Strip: []string{"X-Id-Token", "Remote-User", "X-Risk-Score"}, Cookies: []string{ownCookie}, Prefixes: []string{"/.auth"}})
	r, reset := browserRequest(b)
	b.ReportAllocs()
	for b.Loop() {
		reset()
		if err := rules.Clean(r, ""); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCleanPathWithEscapes(b *testing.B) {
	rules := newRules(b, hygiene.Options{Prefixes: []string{"/.auth"}})
	const target = "/wiki/Stra%C3%9Fe%20nach%20S%C3%BCden"
	r := requestFor("GET", target)
	b.ReportAllocs()
	for b.Loop() {
		if err := rules.Clean(r, target); err != nil {
			b.Fatal(err)
		}
	}
}
