package caddymodule

import (
	"bytes"
	"html"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/ui"
)

// echoSite is payrollSite with an application that says what form it got.
func echoSite(lines ...string) string {
	text, _, _ := strings.Cut(payrollSite(lines...), `respond "app`)
	return text + `respond "app {http.request.method} {http.request.uri} type={http.request.header.Content-Type} ` +
		`length={http.request.header.Content-Length} referer={http.request.header.Referer} user={http.auth.user.email} body={http.request.body}"
}`
}

// sends posts a body of a type, as the page /form of the site does.
func (b *browser) sends(path, contentType, body string, headers ...string) *page {
	b.t.Helper()
	r := b.request(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Origin", b.origin)
	r.Header.Set("Referer", b.origin+"/form?page=2")
	for i := 0; i < len(headers); i += 2 {
		if r.Header.Set(headers[i], headers[i+1]); headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	return b.do(r)
}

const urlencoded = "application/x-www-form-urlencoded"

// held is the id of the form that an answer leads to, or empty.
func (p *page) held() string {
	u, err := url.Parse(p.location)
	if err != nil || p.StatusCode != http.StatusSeeOther {
		return ""
	}
	return u.Query().Get("held")
}

var pressForm = regexp.MustCompile(`<form method="post" action="([^"]*)" enctype="text/plain" novalidate>\s*<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// press presses the button on the page that an answer leads to.
func (b *browser) press(p *page, headers ...string) *page {
	b.t.Helper()
	if p.StatusCode == http.StatusSeeOther {
		p = b.follow(p)
	}
	found := pressForm.FindStringSubmatch(p.body)
	if p.StatusCode != http.StatusOK || found == nil {
		b.t.Fatalf("no form to send on: %d to %q\n%s", p.StatusCode, p.location, p.body)
	}
	action := html.UnescapeString(found[1])
	headers = append([]string{"Referer", b.origin + "/"}, headers...) // strict-origin
	return b.sends(action, ui.ContinueType, found[2]+"="+found[3]+"\r\n", headers...)
}

// prove gives the code that the page asks for which an answer leads to, adding the phone
// if there is none yet, and returns the answer to it.
func (s *testSite) prove(b *browser, p *page) *page {
	b.t.Helper()
	step := b.follow(p)
	if strings.Contains(step.body, "Add a mobile number") {
		p = b.here(b.here(p, nil), url.Values{"tel": {danaPhone}})
	} else {
		p = b.here(p, url.Values{"way": {"sms_code"}})
	}
	return b.here(p, url.Values{"code": {s.message(b.t, danaPhone).Code}})
}

// aMultipart is a form with a file and a name that is not ASCII.
func aMultipart(t testing.TB) (contentType, body string) {
	t.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	for _, err := range []error{w.SetBoundary("----ExampleBoundary7"), w.WriteField("nöte", "grüße\r\n&=%")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	file, err := w.CreateFormFile("receipt", "scan.pdf")
	if err != nil {
		t.Fatal(err)
	}
	file.Write([]byte("%PDF\x00\x01\xfe\xff"))
	w.Close()
	return w.FormDataContentType(), buf.String()
}

// stored is how many records of the site's store have a prefix.
func (s *testSite) stored(t testing.TB, prefix string) (n int) {
	t.Helper()
	err := s.app.live.Load().engine.Store.View(t.Context(), func(tx store.Tx) error {
		n = 0
		return tx.Scan(prefix, func(string, []byte) error { n++; return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
