package hygiene_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stepgate/stepgate/caddymodule/hygiene"
)

// requestFor is what net/http makes of a request line, or nil where it refuses.
func requestFor(method, target string) *http.Request {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil
	}
	r := httptest.NewRequest(method, "/", nil)
	r.URL, r.RequestURI, r.Host = u, target, "app.example.com"
	return r
}

// reason is why Clean refused; empty if it did not.
func reason(t testing.TB, err error) hygiene.Reason {
	t.Helper()
	if err == nil {
		return ""
	}
	var refusal *hygiene.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("%v is no refusal", err)
	}
	if refusal.Status != http.StatusBadRequest && refusal.Status != http.StatusMethodNotAllowed {
		t.Errorf("status %d", refusal.Status)
	}
	return refusal.Reason
}

// Rows are a target and why it is refused; net/http refuses those with a dash by itself.
var refused = []struct{ target, why string }{
	{"/%2f", "encoded_slash"}, {"/a%2Fb", "encoded_slash"}, {"/a%2f", "encoded_slash"},
	{`/a\b`, "backslash"}, {"/a%5cb", "backslash"}, {"/a%5C", "backslash"}, {`/\admin`, "backslash"},
	{"/a;b", "semicolon"}, {"/a;", "semicolon"}, {"/a%3bb", "semicolon"}, {"/;/a", "semicolon"}, {"/x/..;/admin", "semicolon"},
	{"/%2561dmin", "double_encoding"}, {"/%25%36%31dmin", "double_encoding"}, {"/%252e%252e", "double_encoding"}, {"/%25u0061", "double_encoding"}, {"/a%2525", "double_encoding"},
	{"/a%3Fb", "encoded_delimiter"}, {"/a%23b", "encoded_delimiter"},
	{"//", "double_slash"}, {"//admin", "double_slash"}, {"/a//b", "double_slash"}, {"/a//", "double_slash"},
	{"/a.", "dot_or_space_suffix"}, {"/a./b", "dot_or_space_suffix"}, {"/a%20", "dot_or_space_suffix"}, {"/a%20/b", "dot_or_space_suffix"}, {"/a%2e", "dot_or_space_suffix"}, {"/...", "dot_or_space_suffix"}, {"/a. .", "-"}, {"/%20", "dot_or_space_suffix"},
	{"/a.asp::$DATA", "ntfs_stream"}, {"/a:$i30:$INDEX_ALLOCATION/b", "ntfs_stream"}, {"/a%3a%3a%24data", "ntfs_stream"},
	{"/ADMINI~1", "short_name"}, {"/ADMINI~1/x", "short_name"}, {"/a~12.htm", "short_name"},
	{"/%EF%BD%81dmin", "non_ascii"}, {"/a%E2%88%95b", "non_ascii"}, {"/a%E2%81%84b", "non_ascii"}, {"/%EF%BC%8F", "non_ascii"}, {"/e%CC%81", "non_ascii"}, {"/adm%C4%B1n", "non_ascii"},
	{"/%C4%B0", "non_ascii"}, {"/%C5%BF", "non_ascii"}, {"/%E2%84%AA", "non_ascii"}, {"/a%E2%80%8Bb", "non_ascii"}, {"/a%C2%A0", "non_ascii"}, {"/a%C2%A5b", "non_ascii"}, {"/%E2%80%A5/x", "non_ascii"}, {"/\xc3\xa9", "non_ascii"},
	{"/a/../b", "dot_segment"}, {"/..", "dot_segment"}, {"/.", "dot_segment"}, {"/./a", "dot_segment"}, {"/a/%2e%2E/b", "dot_segment"}, {"/a/.%2e", "dot_segment"}, {"/%2e/a", "dot_segment"}, {"/a/..%2fb", "dot_segment"},
	{"/%00", "control"}, {"/a%0a", "control"}, {"/a%0D", "control"}, {"/a%09", "control"}, {"/a%7f", "control"}, {"/a%C2%85", "control"}, {"/a%E2%80%A8", "control"}, {"/a b", "-"}, {"/a\x00", "-"}, {"/?a\x7f", "-"},
	{"/%ff", "invalid_utf8"}, {"/%c0%af", "invalid_utf8"}, {"/%c1%a1dmin", "invalid_utf8"}, {"/%e0%80%af", "invalid_utf8"}, {"/%ed%a0%80", "invalid_utf8"}, {"/a\xff", "invalid_utf8"},
	{"/%", "-"}, {"/%zz", "-"}, {"/%u0061dmin", "-"}, {"/a%2", "-"},
	{"/a#b", "fragment"}, {"/#", "fragment"}, {"/a?b#c", "fragment"},
	{"*", "not_a_path"}, {"http:admin", "not_a_path"}, {"x:/admin", "not_a_path"}, {"ftp://app.example.com/a", "not_a_path"}, {"http://u@app.example.com/a", "not_a_path"}, {"admin", "-"}, {"", "-"},
	{"http://other.example/a", "other_host"}, {"http:///a", "other_host"}, {"http://app.example.com:81/a", "other_host"},
	{"/.auth/x", "own_prefix"}, {"/.auth", "own_prefix"}, {"/.AUTH/x", "own_prefix"}, {"/%2eauth/x", "own_prefix"},
}

func TestATargetThatTwoServersCouldReadDifferentlyIsRefused(t *testing.T) {
	t.Parallel()
	rules := newRules(t, hygiene.Options{Prefixes: []string{"/.auth"}})
	for _, row := range refused {
		r := requestFor("GET", row.target)
		if r == nil {
			if row.why != "-" {
				t.Errorf("%q: net/http refuses it, expected %s", row.target, row.why)
			}
			// What net/http refuses may still come out of a rewrite.
			r = requestFor("GET", "/")
			r.RequestURI = row.target
			if row.target == "" {
				continue
			}
			if reason(t, rules.Clean(r, "")) == "" {
				t.Errorf("%q: accepted as RequestURI", row.target)
			}
			continue
		}
		before := *r.URL
		if got := reason(t, rules.Clean(r, "")); string(got) != row.why && row.why != "-" {
			t.Errorf("%q: refused as %q, want %q", row.target, got, row.why)
		} else if got == "" {
			t.Errorf("%q: accepted", row.target)
		}
		if *r.URL != before || r.RequestURI != row.target {
			t.Errorf("%q: a refused request was changed", row.target)
		}
	}
}

// Rows are a target and the one that is forwarded; empty is the same.
var accepted = []struct{ target, forwarded string }{
	{"/", ""}, {"/a/b.html", ""}, {"/a/", ""}, {"/~user", ""}, {"/a~b", ""}, {"/~1", ""}, {"/abcdefg~1", ""}, {"/a+b", ""}, {"/Talk:Page", ""}, {"/std::vec", ""}, {"/x:y$", ""},
	{"/a?b=/../c;%00%5c", ""}, {"/a?", ""}, {"/?", ""}, {"/a?b?c", ""}, {"/a%20b", ""}, {"/100%25", ""}, {"/100%25off", ""}, {"/a%25u00", ""},
	{"/%C3%A9t%C3%A9", ""}, {"/stra%C3%9Fe", ""}, {"/%E6%97%A5", ""}, {"/%F0%9F%98%80", ""}, {"/.well-known/a", ""}, {"/..a", ""}, {"/.authx", ""}, {"/a/.auth", ""}, {"/(1)!*'", ""}, {"/[id]", ""},
	{"/%61", "/a"}, {"/%7e", "/~"}, {"/a%2db", "/a-b"}, {"/%c3%a9", "/%C3%A9"}, {"/a%2b%3a", "/a%2B%3A"}, {"/%28x)", "/%28x)"}, {"/a|b", "/a%7Cb"}, {`/a"<>^{}b`, "/a%22%3C%3E%5E%7B%7Db"}, {"/%5bx]", "/%5Bx]"},
	{"/a?\xe9\xa0", "/a?%E9%A0"}, {"http://app.example.com/a?b", "/a?b"}, {"HTTPS://APP.example.com/%61", "/a"}, {"http://app.example.com", "/"}, {"http://app.example.com?a", "/?a"},
}

func TestWhatIsForwardedIsTheCanonicalFormOfWhatWasJudged(t *testing.T) {
	t.Parallel()
	rules := newRules(t, hygiene.Options{Prefixes: []string{"/.auth"}})
	for _, row := range accepted {
		want := row.forwarded
		if want == "" {
			want = row.target
		}
		r := requestFor("GET", row.target)
		if strings.HasPrefix(row.target, "HTTPS") {
			r.Host = "APP.example.com" // net/http takes it from the target
		}
		if got := reason(t, rules.Clean(r, "")); got != "" {
			t.Errorf("%q: refused as %s", row.target, got)
			continue
		}
		if r.RequestURI != want || r.URL.RequestURI() != want {
			t.Errorf("%q: forwarded as %q and %q, want %q", row.target, r.RequestURI, r.URL.RequestURI(), want)
		}
		if r.URL.Opaque+r.URL.Fragment+r.URL.Scheme+r.URL.Host != "" {
			t.Errorf("%q: %#v says more than a path", row.target, r.URL)
		}
		if again := reason(t, rules.Clean(r, "")); again != "" || r.RequestURI != want {
			t.Errorf("%q: not the same the second time: %s, %q", row.target, again, r.RequestURI)
		}
	}
}

func TestAllFormsOfTheTargetAreJudged(t *testing.T) {
	t.Parallel()
	rules := newRules(t, hygiene.Options{Prefixes: []string{"/.auth"}})
	rewritten := func(change func(*http.Request)) *http.Request {
		r := requestFor("GET", "/good")
		change(r)
		return r
	}
	for name, row := range map[string]struct {
		request  *http.Request
		received string
		want     hygiene.Reason
	}{
		"received before a rewrite": {rewritten(func(*http.Request) {}), "/x/../good", hygiene.DotSegment},
		"received, own pages":       {rewritten(func(*http.Request) {}), "/.Auth/x", hygiene.OwnPrefix},
		"RequestURI":                {rewritten(func(r *http.Request) { r.RequestURI = "/good;x" }), "/good", hygiene.Reason(hygiene.Semicolon)},
		"Path":                      {rewritten(func(r *http.Request) { r.URL.Path = "/a/../b" }), "/good", hygiene.DotSegment},
		"RawPath":                   {rewritten(func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/a/b", "/a%2Fb" }), "/good", hygiene.Reason(hygiene.EncodedSlash)},
		"RawQuery":                  {rewritten(func(r *http.Request) { r.URL.RawQuery = "a b" }), "/good", hygiene.Control},
		"Fragment":                  {rewritten(func(r *http.Request) { r.URL.Fragment = "x" }), "/good", hygiene.Fragment},
		"Opaque":                    {rewritten(func(r *http.Request) { r.URL.Opaque = "//x/good" }), "/good", hygiene.NotAPath},
		"absolute-form of no host":  {rewritten(func(r *http.Request) { r.Host = "" }), "http:///good", hygiene.OtherHost},
		"no path":                   {rewritten(func(r *http.Request) { r.URL.Path = "" }), "/good", hygiene.NotAPath},
		"relative path":             {rewritten(func(r *http.Request) { r.URL.Path = "good" }), "/good", hygiene.NotAPath},
		"all good":                  {rewritten(func(r *http.Request) { r.URL.Path, r.RequestURI = "/other", "/other" }), "/good", ""},
	} {
		if got := reason(t, rules.Clean(row.request, row.received)); got != row.want {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
	// A RawPath that contradicts Path is never forwarded.
	r := rewritten(func(r *http.Request) { r.URL.Path, r.URL.RawPath, r.RequestURI = "/public", "/admin", "/public" })
	if got := reason(t, rules.Clean(r, "")); got != "" || r.URL.EscapedPath() != "/public" || r.URL.RawPath != "" {
		t.Errorf("forwarded %q, raw %q, %s", r.URL.EscapedPath(), r.URL.RawPath, got)
	}
}

func TestAnOpenClassOpensThatClassOnly(t *testing.T) {
	t.Parallel()
	for _, class := range hygiene.Classes {
		rules := newRules(t, hygiene.Options{Lenient: []hygiene.Class{class}, Prefixes: []string{"/.auth"}})
		opened := 0
		for _, row := range refused {
			r := requestFor("GET", row.target)
			if r == nil {
				continue
			}
			got := reason(t, rules.Clean(r, ""))
			if got == "" {
				opened++
			}
			if got == "" && row.why != string(class) {
				t.Errorf("%s opens %q, which is %s", class, row.target, row.why)
			}
		}
		if opened == 0 {
			t.Errorf("%s opens nothing", class)
		}
	}
}

func TestNoClassOpensWhatIsNeverOpen(t *testing.T) {
	t.Parallel()
	rules := newRules(t, hygiene.Options{Lenient: hygiene.Classes, Prefixes: []string{"/.auth"}})
	never := []hygiene.Reason{
		hygiene.Control, hygiene.DotSegment, hygiene.InvalidUTF8, hygiene.Fragment, hygiene.NotAPath, hygiene.OtherHost, hygiene.OwnPrefix,
	}
	for _, row := range refused {
		r := requestFor("GET", row.target)
		if r == nil || !slices.Contains(never, hygiene.Reason(row.why)) {
			continue
		}
		if reason(t, rules.Clean(r, "")) == "" {
			t.Errorf("%q, which is %s, is open", row.target, row.why)
		}
	}
	for target, want := range map[string]hygiene.Reason{
		"/x/..;/admin":             hygiene.DotSegment,
		"/x/..;a=b/admin":          hygiene.DotSegment,
		`/x\..\admin`:              hygiene.DotSegment,
		"/x%2f..%2fadmin":          hygiene.DotSegment,
		"/x/%252e%252e/admin":      hygiene.DotSegment,
		"/x/%25252e%25252e/admin":  hygiene.DotSegment,
		"/x/%2525252e./admin":      hygiene.DotSegment,
		"/x/%25u002e./admin":       hygiene.DotSegment,
		"/x/%2500":                 hygiene.Control,
		"/x/%25ff":                 hygiene.InvalidUTF8,
		"/x/%EF%BC%8E%EF%BC%8E/a":  hygiene.DotSegment,
		"/x%EF%BC%8F..%EF%BC%8Fa":  hygiene.DotSegment,
		"/x%E2%88%95..%E2%88%95a":  hygiene.DotSegment,
		"/x/.%E2%80%8B./a":         hygiene.DotSegment,
		"/x/..:$i30/a":             hygiene.DotSegment,
		"/x/..%3f":                 hygiene.DotSegment,
		"/x/..%20/a":               hygiene.DotSegment,
		"/%252eauth/x":             hygiene.OwnPrefix,
		"/.auth;x/y":               hygiene.OwnPrefix,
		"//.auth/x":                hygiene.OwnPrefix,
		"/.auth%2fx":               hygiene.OwnPrefix,
		`/.auth\x`:                 hygiene.OwnPrefix,
		"/%EF%BC%8Eauth":           hygiene.OwnPrefix,
		"/.auth./x":                hygiene.OwnPrefix,
		"/.auth%23":                hygiene.OwnPrefix,
		"/.auth::$DATA":            hygiene.OwnPrefix,
		"/;" + longPath(9<<10):     "semicolon",
		"/a;b%2f%5c%2561.%20//%3f": "encoded_slash", // more readings than anybody has
		"/a;b%2fc%5cd":             "",
	} {
		if got := reason(t, rules.Clean(requestFor("GET", target), "")); got != want {
			t.Errorf("%.40q: %q, want %q", target, got, want)
		}
	}
}

func longPath(n int) string { return strings.Repeat("a", n) }

func TestReadingsAreAllThatServersMakeOfATarget(t *testing.T) {
	t.Parallel()
	for target, want := range map[string][]string{
		"/plain/page":      {"/plain/page"},
		"/a%2Fb":           {"/a/b", "/a%2Fb"},
		"/admin;x=y/z":     {"/admin;x=y/z", "/admin/z"},
		`/admin\x`:         {`/admin\x`, "/admin/x"},
		"/%2561dmin":       {"/%61dmin", "/admin"},
		"//admin":          {"//admin", "/admin"},
		"/admin./x":        {"/admin./x", "/admin/x"},
		"/admin::$DATA":    {"/admin::$DATA", "/admin"},
		"/admin%3fx":       {"/admin?x", "/admin"},
		"/%EF%BD%81dmin":   {"/\uff41dmin", "/admin"},
		"/adm%C4%B1n":      {"/adm\u0131n", "/admIn"},
		"/admin%253Bx":     {"/admin%3Bx", "/admin;x", "/admin"},
		"/;x":              {"/;x", "/"},
		"/%252561dmin/%20": {"/%2561dmin/ ", "/%61dmin/ ", "/admin/ ", "/%2561dmin/", "/%61dmin/", "/admin/"},
	} {
		rules := newRules(t, hygiene.Options{Lenient: hygiene.Classes})
		r := requestFor("GET", target)
		if err := rules.Clean(r, ""); err != nil {
			t.Errorf("%q: %v", target, err)
			continue
		}
		got := rules.Readings(r.URL)
		if got[0] != r.URL.Path {
			t.Errorf("%q: the first reading is %q", target, got[0])
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q: readings %q, want %q", target, got, want)
		}
	}
	strict := newRules(t, hygiene.Options{})
	if got := strict.Readings(&url.URL{Path: "/a b"}); !slices.Equal(got, []string{"/a b"}) {
		t.Errorf("a strict site reads %q", got)
	}
}

func TestMethodsPassOnlyInTheOneSpelling(t *testing.T) {
	t.Parallel()
	rules := newRules(t, hygiene.Options{})
	for method, want := range map[string]hygiene.Reason{
		"GET": "", "HEAD": "", "POST": "", "PROPFIND": "", "VERSION-CONTROL": "", "M-SEARCH": "", "X2": "",
		"TRACE": hygiene.NotAllowed, "TRACK": hygiene.NotAllowed, "CONNECT": hygiene.NotAllowed,
		"get": hygiene.BadMethod, "Get": hygiene.BadMethod, "trace": hygiene.BadMethod, "G%45T": hygiene.BadMethod, "-": hygiene.BadMethod, "2X": hygiene.BadMethod, "G!": hygiene.BadMethod,
	} {
		r := requestFor("GET", "/a")
		r.Method = method
		err := rules.Clean(r, "")
		if got := reason(t, err); got != want {
			t.Errorf("%s: %q, want %q", method, got, want)
		}
		var refusal *hygiene.Refusal
		if errors.As(err, &refusal) && (refusal.Status == http.StatusMethodNotAllowed) != (want == hygiene.NotAllowed) {
			t.Errorf("%s: status %d", method, refusal.Status)
		}
	}
}

func TestAWebsocketOverHTTP2MayConnectAndNothingElse(t *testing.T) {
	t.Parallel()
	rules := newRules(t, hygiene.Options{})
	connect := func(major int, proto, protocol string) *http.Request {
		r := requestFor("GET", "/ws")
		r.Method, r.ProtoMajor, r.Proto = "CONNECT", major, proto
		if protocol != "" {
			r.Header[":protocol"] = []string{protocol}
		}
		return r
	}
	for name, row := range map[string]struct {
		r    *http.Request
		want hygiene.Reason
	}{
		"HTTP/2":               {connect(2, "HTTP/2.0", "websocket"), ""},
		"HTTP/3":               {connect(3, "websocket", ""), ""},
		"HTTP/1":               {connect(1, "HTTP/1.1", "websocket"), hygiene.NotAllowed},
		"HTTP/2, other":        {connect(2, "HTTP/2.0", "connect-udp"), hygiene.NotAllowed},
		"HTTP/3, other":        {connect(3, "HTTP/3.0", "websocket"), hygiene.NotAllowed},
		"HTTP/2, no protocol":  {connect(2, "HTTP/2.0", ""), hygiene.NotAllowed},
		"HTTP/2, a path of ..": {func() *http.Request { r := connect(2, "", "websocket"); r.URL.Path = "/.."; return r }(), hygiene.DotSegment},
	} {
		if got := reason(t, rules.Clean(row.r, "")); got != row.want {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
		if kept := row.r.Header[":protocol"] != nil; row.want == "" && kept != (row.r.ProtoMajor == 2) {
			t.Errorf("%s: protocol kept: %v", name, kept)
		}
	}
	r := requestFor("GET", "/a")
	r.ProtoMajor, r.Header[":protocol"] = 2, []string{"websocket"}
	if err := rules.Clean(r, ""); err != nil || r.Header[":protocol"] != nil {
		t.Errorf("a GET keeps its protocol: %v, %v", r.Header, err)
	}
}

func TestAHostIsAHost(t *testing.T) {
	t.Parallel()
	rules := newRules(t, hygiene.Options{})
	for host, good := range map[string]bool{
		"app.example.com": true, "APP.example.com:8080": true, "[::1]:443": true, "app_1": true, "app.example.com.": true, "": true,
		"a/b": false, "a@b": false, "a b": false, "a,b": false, `a\b`: false, "a?b": false, "a#b": false, "a%b": false, "a\x00": false, "\xe9": false,
	} {
		r := requestFor("GET", "/a")
		r.Host = host
		if got := reason(t, rules.Clean(r, "")); (got == "") != good {
			t.Errorf("%q: %q", host, got)
		}
	}
}

func TestEveryPrefixIsOurs(t *testing.T) {
	t.Parallel()
	rules := newRules(t, hygiene.Options{Prefixes: []string{"/.auth", "/contoso"}})
	for target, want := range map[string]hygiene.Reason{
		"/.auth/x": hygiene.OwnPrefix, "/contoso": hygiene.OwnPrefix, "/Contoso/x": hygiene.OwnPrefix, "/%63ontoso/x": hygiene.OwnPrefix, "/contosox": "", "/x/contoso": "",
	} {
		if got := reason(t, rules.Clean(requestFor(http.MethodGet, target), "")); got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
}
