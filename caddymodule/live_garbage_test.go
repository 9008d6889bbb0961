package caddymodule

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// Every address of ours, and some that are none.
var ourPaths = []string{
	"", "/", "/sign-in", "/sign-up", "/password", "/code", "/new-password", "/choose", "/phone", "/stuck", "/flow", "/step-up", "/enrol",
	"/not-me", "/receipts/x", "/inbox", "/inbox.json", "/inbox/x", "/assets/x", "/assets/", "/jwks", "/.well-known/openid-configuration", "/native/token", "/nothing",
	"/sign-out", // the last: it works
}

// Those of them that take forms.
var ourForms = []string{
	"/sign-in", "/sign-up", "/password", "/code", "/new-password", "/choose", "/phone", "/step-up", "/enrol", "/not-me", "/sign-out",
}

// A garbled request is a query or a body that no page of ours would send.
type garbled struct {
	query, body string
	header      http.Header
	want        int // the status where a form is taken; 0: any that is no error of ours
}

const formType = "application/x-www-form-urlencoded"

// garbage is what is posted to every address.
func garbage() []garbled {
	form := http.Header{"Content-Type": {formType}}
	typed := func(values ...string) http.Header { return http.Header{"Content-Type": values} }
	fields := []string{"email", "password", "new_password", "code", "tel", "way", "do", "again", "f", "return_to", "need"}
	all := func(value string) string {
		values := url.Values{}
		for _, field := range fields {
			values.Set(field, value)
		}
		return values.Encode()
	}
	const multipart = "--b\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\ndana@example.com\r\n--b--\r\n"
	list := []garbled{
		{header: form}, {header: http.Header{}, want: 415},
		{body: "email=a@example.com&email=b@example.com&code=1&code=2&password=x&password=y&tel=1&tel=2&do=skip&do=resend", header: form, want: 400},
		{body: "email=%ff%fe&code=%c3%28&password=%ed%a0%80&tel=%f4%90%80%80", header: form, want: 400},
		{body: "email=\xff\xfe&code=\x80", header: form, want: 400},
		{body: "email=a%00b&code=12%003456&password=%00&tel=%00", header: form, want: 400},
		{body: "email=%zz&code=%", header: form, want: 400}, {body: "&&==;;&=x&%3d", header: form}, {body: "email;code", header: form, want: 400},
		{body: `{"email":"dana@example.com","code":123456}`, header: typed("application/json"), want: 415},
		{body: `{"email":"dana@example.com"}`, header: form},
		{body: multipart, header: typed("multipart/form-data; boundary=b"), want: 415},
		{body: multipart, header: form}, {body: multipart, header: typed("multipart/form-data"), want: 415},
		{body: "email=dana@example.com", header: typed("text/plain"), want: 415},
		{body: "email=dana@example.com", header: typed(formType + "; charset=utf-16"), want: 415},
		{body: "email=dana@example.com", header: typed(formType, "text/plain"), want: 415},
		{body: "email=dana@example.com", header: typed("a/b/c;;;=\""), want: 415},
		{body: "email=dana@example.com", header: http.Header{"Content-Type": {formType}, "Content-Encoding": {"gzip"}}, want: 415},
		{body: "code=" + strings.Repeat("1", 64<<10-4), header: form, want: 413}, // one byte too many
		{body: "email=" + strings.Repeat("a", 60<<10) + "@example.com", header: form},
		{body: strings.Repeat("a=b&", 16<<10), header: form, want: 400}, {body: strings.Repeat("%41", 20<<10), header: form},
		{body: all("/{env.STEPGATE_TEST_SECRET}@example.com"), header: form}, {body: all("{http.request.header.Cookie}{system.hostname}"), header: form},
		{body: all("<script>mallory</script>{{.}}${x}'\"--"), header: form}, {body: all("\r\nSet-Cookie: mallory=1"), header: form},
		{body: all(strings.Repeat("\u0300", 5000)), header: form}, {body: all("\u202e\u2066\ufeff"), header: form},
	}
	for _, query := range []string{
		"f=garbage", "f=%00", "f=" + strings.Repeat("A", 5000), "f=a&f=b", "%ff=%fe", "f=%zz", ";", "return_to=//evil.example", "return_to=%2F%2Fevil.example%2F..",
		"return_to=https:evil.example", "return_to=%5C%5Cevil.example", "return_to=/{env.STEPGATE_TEST_SECRET}", "to={env.STEPGATE_TEST_SECRET}", "return_to=%0d%0aSet-Cookie:mallory=1",
		"return_to=/x%00", "need=session+within+-1s", "need=" + strings.Repeat("otp+", 9000), "need={env.STEPGATE_TEST_SECRET}", "lost=1&sent=1&again=%ff",
		"to=%3Cscript%3Emallory%3C/script%3E", "q=" + strings.Repeat("x", 1<<20), "\xff\xfe", strings.Repeat("a&", 20_000),
	} {
		list = append(list, garbled{query: query, header: form})
	}
	return list
}

// checkGarbage sends one garbled request and judges the answer.
func (b *browser) checkGarbage(method, path string, g garbled) {
	b.t.Helper()
	r := b.request(method, b.origin+path, io.NopCloser(strings.NewReader(g.body)))
	r.ContentLength = int64(len(g.body))
	r.URL.RawQuery = strings.TrimPrefix(r.URL.RawQuery+"&"+g.query, "&")
	r.Header.Set("Origin", b.origin)
	for name, values := range g.header {
		r.Header[name] = values
	}
	p := b.do(r)
	name := fmt.Sprintf("%s %s with query %.40q, body %.40q, %v", method, path, g.query, g.body, g.header)
	switch {
	case p.StatusCode >= 500:
		b.t.Errorf("%s: %d\n%s", name, p.StatusCode, p.body)
	case method == "POST" && g.want != 0 && p.StatusCode != g.want && slices.Contains(ourForms, strings.TrimPrefix(r.URL.Path, "/.auth")):
		b.t.Errorf("%s: %d, want %d", name, p.StatusCode, g.want)
	case strings.Contains(p.body, "app path") && strings.HasPrefix(path, "/.auth"):
		b.t.Errorf("%s reached the application", name)
	case strings.Contains(p.body+p.location+fmt.Sprint(p.Header), testSecret):
		b.t.Errorf("%s: a placeholder was expanded", name)
	case strings.Contains(p.body, "<script>mallory") || strings.Contains(fmt.Sprint(p.Header["Set-Cookie"]), "mallory"):
		b.t.Errorf("%s: what was sent came back alive", name)
	case p.location != "" && !strings.HasPrefix(p.location, "/") || strings.HasPrefix(p.location, "//") || strings.HasPrefix(p.location, `/\`):
		b.t.Errorf("%s leads to %q", name, p.location)
	}
}

func TestGarbageNeverGivesAnErrorOfOursAndNeverGetsThrough(t *testing.T) {
	t.Parallel()
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "post"}
	for who, begin := range map[string]func(*testSite, *browser) (query string){
		"nobody": func(*testSite, *browser) string { return "" },
		"somebody who was sent a code": func(_ *testSite, b *browser) string {
			return query(b.post("/.auth/sign-up", url.Values{"email": {dana}}))
		},
		"somebody who chooses a password": func(s *testSite, b *browser) string {
			p := b.post("/.auth/sign-up", url.Values{"email": {dana}})
			return query(b.here(p, url.Values{"code": {s.message(b.t, dana).Code}}))
		},
		"somebody who signs in with a password": func(_ *testSite, b *browser) string {
			return query(b.post("/.auth/sign-in", url.Values{"email": {dana}, "way": {"password"}}))
		},
		"somebody who steps up": func(s *testSite, b *browser) string {
			s.signUp(b, dana, "/")
			return query(b.post("/.auth/step-up?return_to=%2Fadmin%2Fx", nil))
		},
	} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, payrollSite("require otp sms within 5m on /admin/*", "public on /open/*"))
			b := s.browser(t)
			flow := begin(s, b)
			n := 0
			for _, path := range ourPaths {
				for _, g := range garbage() {
					// Each at every address by POST, and by the other methods in turn.
					b.checkGarbage("POST", "/.auth"+path+flow, g)
					b.checkGarbage(methods[n%len(methods)], "/.auth"+path+flow, g)
					n++
				}
			}
			for _, g := range garbage() {
				b.checkGarbage("POST", "/report", g)
				b.checkGarbage("POST", "/open/x", g)
			}
			if p := s.browser(t).get("/report"); p.StatusCode != 303 {
				t.Errorf("after all that, a stranger gets %d", p.StatusCode)
			}
			for line := range strings.Lines(s.logs.String()) {
				if strings.HasPrefix(line, `{"level":"error"`) || strings.Contains(line, "panic") {
					t.Errorf("the log has %s", line)
				}
			}
		})
	}
}

// query is the query of the address that an answer leads to.
func query(p *page) string {
	_, query, found := strings.Cut(p.location, "?")
	if !found {
		return ""
	}
	return "?" + query
}
