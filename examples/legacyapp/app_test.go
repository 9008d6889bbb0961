package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func get(t *testing.T, path string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header = header
	w := httptest.NewRecorder()
	newApp(func() time.Time { return noon }).routes().ServeHTTP(w, r)
	return w
}

func token(payload string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"
}

func TestEveryPageShowsWhoTheHeadersSayItIs(t *testing.T) {
	t.Parallel()
	h := http.Header{
		headerUser: {"dana@example.com"},
		headerIDToken: {token(fmt.Sprintf(`{"email":"dana@example.com","acr":"urn:stepgate:acr:2","amr":["otp","sms"],"exp":%d,"factors":{"email":%d,"sms":%d}}`,
			noon.Add(time.Minute).Unix(), noon.Add(-5*time.Minute).Unix(), noon.Add(-3*time.Second).Unix()))},
	}
	for _, path := range []string{"/", "/admin", "/admin/", "/admin/people", "/transfer"} {
		w := get(t, path, h)
		if w.Code != http.StatusOK {
			t.Fatalf("%s: got %d", path, w.Code)
		}
		for _, want := range []string{"dana@example.com", "urn:stepgate:acr:2", "otp, sms", "1m0s more", "<td>3s</td>", "<td>5m0s</td>"} {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: the page lacks %q", path, want)
			}
		}
	}
}

func TestAPageWithoutIdentitySaysSo(t *testing.T) {
	t.Parallel()
	for _, h := range []http.Header{{}, {headerIDToken: {"garbage"}}, {headerIDToken: {"a.!.c"}}, {headerIDToken: {token("[]")}}} {
		if w := get(t, "/", h); !strings.Contains(w.Body.String(), "carried no identity") {
			t.Errorf("%v: the page does not say that nobody was named", h)
		}
	}
}

func TestWhatAHeaderSaysIsEscaped(t *testing.T) {
	t.Parallel()
	w := get(t, "/", http.Header{headerUser: {"<script>alert(1)</script>"}})
	if strings.Contains(w.Body.String(), "<script>alert") {
		t.Error("markup from a header reached the page")
	}
}

func TestTheApplicationKeepsItsOwnSession(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(newApp(func() time.Time { return noon }).routes())
	t.Cleanup(srv.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	visit := func(as string) string {
		r, err := http.NewRequest(http.MethodGet, srv.URL+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(headerUser, as)
		res, err := (&http.Client{Jar: jar}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var b strings.Builder
		if _, err := bufio.NewReader(res.Body).WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	visit("dana@example.com")
	if page := visit("tom@example.com"); !strings.Contains(page, `data-test="owner">dana@example.com<`) || !strings.Contains(page, "Pages seen: 2") {
		t.Error("an old application goes by its own cookie; this one does not")
	}

	res, err := (&http.Client{Jar: jar}).PostForm(srv.URL+"/transfer", url.Values{"to": {"Ines"}, "amount": {"12"}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b strings.Builder
	if _, err := bufio.NewReader(res.Body).WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "Transfers so far") || !strings.Contains(b.String(), "Ines") {
		t.Error("a posted transfer is not listed")
	}
}

func TestATransferNeedsANameAndAnAmount(t *testing.T) {
	t.Parallel()
	h := newApp(time.Now).routes()
	for body, want := range map[string]int{
		"to=Ines&amount=12": http.StatusSeeOther,
		"to=Ines":           http.StatusUnprocessableEntity,
		"to=+&amount=1":     http.StatusUnprocessableEntity,
		"%zz":               http.StatusBadRequest,
		"to=" + strings.Repeat("x", formLimit) + "&amount=1": http.StatusBadRequest,
	} {
		r := httptest.NewRequest(http.MethodPost, "/transfer", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%.20q: got %d, want %d", body, w.Code, want)
		}
	}
}

func TestAClaimIsListedWithItsReceipt(t *testing.T) {
	t.Parallel()
	routes := newApp(time.Now).routes()
	post := func(fields map[string]string, file string) *httptest.ResponseRecorder {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		for name, value := range fields {
			if err := form.WriteField(name, value); err != nil {
				t.Fatal(err)
			}
		}
		if file != "" {
			part, err := form.CreateFormFile("receipt", "fähre.pdf")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := part.Write([]byte(file)); err != nil {
				t.Fatal(err)
			}
		}
		form.Close()
		r := httptest.NewRequest(http.MethodPost, "/expenses", &body)
		r.Header.Set("Content-Type", form.FormDataContentType())
		w := httptest.NewRecorder()
		routes.ServeHTTP(w, r)
		return w
	}
	w := post(map[string]string{"for": "Ferry"}, "abc")
	if w.Code != http.StatusSeeOther {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	r := httptest.NewRequest(http.MethodGet, "/expenses", nil)
	r.AddCookie(w.Result().Cookies()[0])
	page := httptest.NewRecorder()
	routes.ServeHTTP(page, r)
	for _, want := range []string{"Ferry", "fähre.pdf", `data-sum="ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"`} {
		if !strings.Contains(page.Body.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for what, got := range map[string]int{
		"nothing": post(nil, "").Code, "no receipt": post(map[string]string{"for": "x"}, "").Code, "no reason": post(nil, "abc").Code,
	} {
		if got != http.StatusUnprocessableEntity {
			t.Errorf("%s: got %d", what, got)
		}
	}
	if w := post(map[string]string{"for": "x"}, strings.Repeat("x", claimLimit)); w.Code != http.StatusBadRequest {
		t.Errorf("a receipt that is too big: got %d", w.Code)
	}
}

func TestADownloadCanBeFetchedInRanges(t *testing.T) {
	t.Parallel()
	w := get(t, "/download", http.Header{"Range": {"bytes=0-5"}})
	if w.Code != http.StatusPartialContent || w.Body.String() != "number" {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
}

func TestEventsArriveOneByOne(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(newApp(func() time.Time { return noon }).routes())
	t.Cleanup(srv.Close)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Scan()
	lines.Scan()
	if lines.Text() != "data: 12:00:00" {
		t.Errorf("the first event reads %q", lines.Text())
	}
}

func TestOnlyLoopbackAddressesAreServed(t *testing.T) {
	t.Parallel()
	for addr, ok := range map[string]bool{
		"127.0.0.1:0": true, "[::1]:0": true, "localhost:0": true,
		":8081": false, "0.0.0.0:8081": false, "192.0.2.1:80": false, "app.example:80": false, "nonsense": false,
	} {
		if err := requireLoopback(addr); (err == nil) != ok {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

func TestABusyAddressIsNamed(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(srv.Close)
	addr := srv.Listener.Addr().String()
	if err := checkFree([]string{"127.0.0.1:0", addr}); err == nil || !strings.Contains(err.Error(), addr) {
		t.Errorf("got %v", err)
	}
	if err := checkFree([]string{"127.0.0.1:0"}); err != nil {
		t.Error(err)
	}
}
