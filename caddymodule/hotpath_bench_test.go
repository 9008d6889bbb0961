package caddymodule

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// manyRules are twenty rules with as many path sets, two tokens and a header.
func manyRules() []string {
	lines := []string{
		"public on /open/*", "deny on /internal/*", "require otp sms within 5m on /transfer/*",
		"inject {\n\t\t\tid_token X-Id-Token\n\t\t\taccess_token X-Access-Token audience https://app.example\n\t\t\theader Remote-User {http.auth.user.email}\n\t\t}",
	}
	for i := range 17 {
		lines = append(lines, fmt.Sprintf("require session within %dm on /department-%d /department-%d/*", 60-i, i, i))
	}
	return lines
}

// sink is a ResponseWriter that keeps nothing but the status.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header            { return s.header }
func (s *sink) WriteHeader(status int)         { s.status = status }
func (s *sink) Write(p []byte) (int, error)    { return len(p), nil }
func (*sink) SetReadDeadline(time.Time) error  { return nil }
func (*sink) SetWriteDeadline(time.Time) error { return nil }
func (s *sink) reset() *sink                   { clear(s.header); s.status = 0; return s }

// visitor is a browser's GET of a path of the site.
func visitor(path string, cookie *http.Cookie) *http.Request {
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	r.Host = "localhost"
	r.RemoteAddr = "127.0.0.1:49152"
	for name, value := range map[string]string{
		"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Encoding": "gzip, deflate, br", "Accept-Language": "en-GB,en;q=0.7",
		"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "document", "Upgrade-Insecure-Requests": "1",
		"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Cookie": "theme=dark",
	} {
		r.Header.Set(name, value)
	}
	if cookie != nil {
		r.AddCookie(cookie)
	}
	return r
}

// What the gateway costs a request is the difference to the first: the same server and
// the same answer without it.
func BenchmarkRequest(b *testing.B) {
	for _, row := range []struct {
		name, site, path string
		signedIn         bool
	}{
		{"bare", "http://localhost {\n\trespond ok\n}\n", "/report", false},
		{"public", guarded("respond ok", "public on /open/*"), "/open/report", false},
		{"session", guarded("respond ok"), "/report", true},
		{"session and 20 rules", guarded("respond ok", manyRules()...), "/department-16/report", true},
	} {
		b.Run(row.name, func(b *testing.B) {
			s := newSite(b, row.site)
			var cookie *http.Cookie
			if row.signedIn {
				cookie = s.signIn(b, dana)
				s.clock.advance(time.Minute) // nobody is on the way from a page of ours any more
			}
			request := visitor(row.path, cookie)
			w := &sink{header: make(http.Header)}
			b.ReportAllocs()
			for b.Loop() {
				s.ServeHTTP(w.reset(), request.Clone(b.Context()))
				if w.status != http.StatusOK && w.status != 0 {
					b.Fatalf("status %d", w.status)
				}
			}
		})
	}
}

func TestAThousandWarmRequestsCostNoStoreAndNoSignature(t *testing.T) {
	t.Parallel()
	s, f := newFaultySite(t, payrollSite(manyRules()...))
	cookie := s.signIn(t, dana)
	ask := func(path string) string {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, visitor(path, cookie))
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d", path, w.Code)
		}
		return w.Body.String()
	}
	paths := []string{"/report", "/open/x", "/department-3/x", "/department-16/x"}
	first := ask("/report")
	if !strings.Contains(first, "id=eyJ") || !strings.Contains(first, "access=eyJ") || !strings.Contains(first, "remote="+dana) {
		t.Fatalf("the application was told %s", first)
	}
	ring := s.app.live.Load().rt.ring
	transactions, signatures := f.transactions(), ring.Signatures()
	if transactions == 0 || signatures == 0 {
		t.Fatalf("nothing is counted: %d transactions, %d signatures", transactions, signatures)
	}
	for i := range 1000 {
		if body := ask(paths[i%len(paths)]); !strings.Contains(body, "id=eyJ") {
			t.Fatalf("a warm request was told %s", body)
		}
	}
	if n, m := f.transactions()-transactions, ring.Signatures()-signatures; n != 0 || m != 0 {
		t.Errorf("a thousand warm requests cost %d transactions and %d signatures", n, m)
	}
	s.cool()
	if ask("/report"); f.transactions() != transactions+1 || ring.Signatures() != signatures+2 {
		t.Errorf("a cold request cost %d transactions and %d signatures, want 1 and 2", f.transactions()-transactions, ring.Signatures()-signatures)
	}
}
