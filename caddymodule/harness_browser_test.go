package caddymodule

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// browser is one person's browser: it keeps cookies, and follows no redirect by
// itself.
type browser struct {
	t      testing.TB
	client *http.Client
	origin string
	header http.Header // sent with every request, over the usual ones
}

// browser returns a new browser at the site's (first) origin.
func (s *testSite) browser(t testing.TB) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, origin: s.origin, header: make(http.Header), client: &http.Client{
		Jar:       jar,
		Transport: handlerTransport{s},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}}
}

// get navigates to a path of the site, or to a whole URL such as a Location.
func (b *browser) get(path string) *page {
	b.t.Helper()
	return b.do(b.request(http.MethodGet, path, nil))
}

// post submits a form to a path of the site.
func (b *browser) post(path string, form url.Values) *page {
	b.t.Helper()
	r := b.request(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", b.origin)
	return b.do(r)
}

// request makes a request as a browser navigates: change it before do.
func (b *browser) request(method, path string, body io.Reader) *http.Request {
	b.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.origin + path
	}
	r, err := http.NewRequest(method, path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Sec-Fetch-Dest", "document")
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	for name, values := range b.header {
		r.Header[name] = values
	}
	return r
}

func (b *browser) do(r *http.Request) *page {
	b.t.Helper()
	response, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return readPage(response, string(body))
}

// readPage takes the id of the decision out of where tests look at whole texts: it is
// another one each time.
func readPage(response *http.Response, body string) *page {
	p := &page{Response: response, body: body, location: response.Header.Get("Location"), decision: response.Header.Get(decisionHeader)}
	if p.decision != "" {
		for _, named := range []string{"decision=" + p.decision + "&", "decision=" + p.decision + `\u0026`, "?decision=" + p.decision, `,"decision":"` + p.decision + `"`} {
			p.location, p.body = strings.ReplaceAll(p.location, named, ""), strings.ReplaceAll(p.body, named, "")
		}
	}
	return p
}

// page is an answer that was read to its end.
type page struct {
	*http.Response
	body     string
	location string
	decision string // the id of the decision that kept the request out
}

// handlerTransport hands a client's requests to a handler as a server would.
type handlerTransport struct{ http.Handler }

func (t handlerTransport) RoundTrip(out *http.Request) (*http.Response, error) {
	body := out.Body
	if body == nil {
		body = http.NoBody
	}
	in := httptest.NewRequest(out.Method, out.URL.RequestURI(), body).WithContext(out.Context())
	in.Host = out.Host
	if in.Host == "" {
		in.Host = out.URL.Host
	}
	in.Header = out.Header.Clone()
	in.ContentLength = out.ContentLength
	in.RemoteAddr = "127.0.0.1:49152"
	recorder := httptest.NewRecorder()
	t.ServeHTTP(recorder, in)
	response := recorder.Result()
	response.Request = out
	return response, nil
}
