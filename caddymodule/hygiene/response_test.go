package hygiene_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/caddymodule/hygiene"
)

func guardRules(t testing.TB) *hygiene.Rules {
	t.Helper()
	return newRules(t, hygiene.Options{Strip: []string{"X-Id-Token", "Authorization"}, Cookies: []string{ownCookie}})
}

func TestAnApplicationCannotSpeakInTheGatewaysVoice(t *testing.T) {
	t.Parallel()
	rules := guardRules(t)
	for _, row := range []struct{ sent, left []string }{
		{[]string{"Content-Type: text/html", "Set-Cookie: app=1; Path=/"}, nil},
		{[]string{"Set-Cookie: " + ownCookie + "=x; Path=/; Secure"}, []string{}},
		{[]string{"Set-Cookie: a=1", "Set-Cookie: " + ownCookie + "=x", "Set-Cookie: b=2"}, []string{"Set-Cookie: a=1", "Set-Cookie: b=2"}},
		{[]string{"Set-Cookie: __HOST-Stepgate=x"}, []string{}},
		{[]string{"Set-Cookie:  " + ownCookie + " =x"}, []string{}},
		{[]string{"Set-Cookie: =" + ownCookie + "=x"}, []string{}},
		{[]string{"Set-Cookie: " + ownCookie}, []string{}},
		{[]string{"Set-Cookie: " + ownCookie + "; Max-Age=0"}, []string{}},
		{[]string{"Set-Cookie: a=" + ownCookie + "=x"}, nil},
		{[]string{http.TrailerPrefix + "Set-Cookie: " + ownCookie + "=x"}, []string{}},
		{[]string{http.TrailerPrefix + "X-Id-Token: x", http.TrailerPrefix + "Grpc-Status: 0"}, []string{http.TrailerPrefix + "Grpc-Status: 0"}},
		{[]string{"X-Id-Token: reflected", "x_id_token: reflected", "Authorization: Bearer x", "X-Other: y"}, []string{"X-Other: y"}},
		{[]string{`Clear-Site-Data: "cache", "storage"`}, nil},
		{[]string{`Clear-Site-Data: "cookies"`}, []string{}},
		{[]string{`Clear-Site-Data: "cache", "cookies","storage"`}, []string{`Clear-Site-Data: "cache", "storage"`}},
		{[]string{`Clear-Site-Data: "Cookies", cookies`}, []string{}},
		{[]string{`Clear-Site-Data: "cookies"`, `Clear-Site-Data: "cache"`}, []string{`Clear-Site-Data: "cache"`}},
		{[]string{`Clear-Site-Data: "*"`}, []string{`Clear-Site-Data: "cache", "clientHints", "storage", "executionContexts"`}},
	} {
		h := headerOf(row.sent...)
		rules.CleanResponse(h)
		want := row.left
		if want == nil {
			want = row.sent
		}
		if left := linesOf(h); !slices.Equal(left, want) {
			t.Errorf("%q: left %q, want %q", row.sent, left, want)
		}
	}
}

// served is what a client gets from a handler behind the guard.
func served(t *testing.T, before func(http.Header), next http.HandlerFunc) (*http.Response, string) {
	t.Helper()
	rules := guardRules(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before != nil {
			before(w.Header())
		}
		guard := rules.GuardResponse(w)
		next(guard, r)
		guard.Done()
	}))
	t.Cleanup(server.Close)
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestTheHeaderIsCleanHoweverItLeaves(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]func(http.ResponseWriter){
		"WriteHeader": func(w http.ResponseWriter) { w.WriteHeader(http.StatusTeapot); io.WriteString(w, "body") },
		"Write":       func(w http.ResponseWriter) { io.WriteString(w, "body") },
		"ReadFrom":    func(w http.ResponseWriter) { w.(io.ReaderFrom).ReadFrom(strings.NewReader("body")) },
		"io.Copy":     func(w http.ResponseWriter) { io.Copy(w, strings.NewReader("body")) },
		"Flusher":     func(w http.ResponseWriter) { w.(http.Flusher).Flush(); io.WriteString(w, "body") },
		"controller":  func(w http.ResponseWriter) { http.NewResponseController(w).Flush(); io.WriteString(w, "body") },
		"nothing":     func(http.ResponseWriter) {},
		"an early hint": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Add("Set-Cookie", ownCookie+"=late")
			io.WriteString(w, "body")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours := ownCookie + "=refreshed; Path=/; Secure; HttpOnly; SameSite=Lax"
			response, body := served(t, func(h http.Header) { h["Set-Cookie"] = append(make([]string, 0, 8), ours) }, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Add("Set-Cookie", "app=1")
				w.Header().Add("Set-Cookie", ownCookie+"=stolen")
				w.Header().Set("X-Id-Token", "reflected")
				send(w)
			})
			got := response.Header["Set-Cookie"]
			slices.Sort(got)
			if want := []string{ours, "app=1"}; !slices.Equal(got, want) {
				t.Errorf("cookies %q, want %q", got, want)
			}
			if response.Header.Get("X-Id-Token") != "" || body != "body" && name != "nothing" {
				t.Errorf("header %v, body %q", response.Header, body)
			}
		})
	}
}

func TestInformationalHeadersAreCleanToo(t *testing.T) {
	t.Parallel()
	rules := guardRules(t)
	w := httptest.NewRecorder()
	w.Header().Set("Set-Cookie", ownCookie+"=ours")
	informed := &informed{ResponseRecorder: w}
	guard := rules.GuardResponse(informed)
	guard.Header().Add("Set-Cookie", ownCookie+"=theirs")
	guard.Header().Set("X-Id-Token", "reflected")
	guard.WriteHeader(http.StatusEarlyHints)
	if len(informed.early) != 0 {
		t.Errorf("sent early: %q", informed.early)
	}
	guard.WriteHeader(http.StatusOK)
	if got := w.Result().Header["Set-Cookie"]; !slices.Equal(got, []string{ownCookie + "=ours"}) {
		t.Errorf("sent in the end: %q", got)
	}
}

// informed keeps the header of the last 1xx response, which a recorder drops.
type informed struct {
	*httptest.ResponseRecorder
	early []string
}

func (w *informed) WriteHeader(status int) {
	if status < 200 {
		w.early = linesOf(w.Header())
		return
	}
	w.ResponseRecorder.WriteHeader(status)
}

func TestTrailersPassWithoutWhatIsOurs(t *testing.T) {
	t.Parallel()
	response, _ := served(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "Grpc-Status")
		io.WriteString(w, "body")
		w.Header().Set("Grpc-Status", "0")
		w.Header().Set(http.TrailerPrefix+"Grpc-Message", "ok")
		w.Header().Set(http.TrailerPrefix+"X-Id-Token", "reflected")
	})
	if got := linesOf(response.Trailer); !slices.Equal(got, []string{"Grpc-Message: ok", "Grpc-Status: 0"}) {
		t.Errorf("trailer %q", got)
	}
}

func TestAnUpgradeKeepsItsConnection(t *testing.T) {
	t.Parallel()
	rules := guardRules(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		guard := rules.GuardResponse(w)
		defer guard.Done()
		h := guard.Header()
		h.Set("Connection", "Upgrade")
		h.Set("Upgrade", "websocket")
		h.Add("Set-Cookie", ownCookie+"=stolen")
		h.Add("Set-Cookie", "app=1")
		guard.WriteHeader(http.StatusSwitchingProtocols)
		conn, buffered, err := http.NewResponseController(guard).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprintf(buffered, "after the header")
		buffered.Flush()
	}))
	t.Cleanup(server.Close)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: app.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	rest, err := io.ReadAll(reader)
	if err != nil || string(rest) != "after the header" {
		t.Errorf("tunnel carried %q, %v", rest, err)
	}
	if got := response.Header["Set-Cookie"]; response.StatusCode != 101 || !slices.Equal(got, []string{"app=1"}) {
		t.Errorf("status %d, cookies %q", response.StatusCode, got)
	}
}

func TestAStreamIsNotHeldBack(t *testing.T) {
	t.Parallel()
	rules := guardRules(t)
	proceed := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		guard := rules.GuardResponse(w)
		defer guard.Done()
		controller := http.NewResponseController(guard)
		if err := controller.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Error(err)
		}
		io.WriteString(guard, "first\n")
		if err := controller.Flush(); err != nil {
			t.Error(err)
		}
		<-proceed
		io.WriteString(guard, "second\n")
	}))
	t.Cleanup(server.Close)
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	reader := bufio.NewReader(response.Body)
	if line, err := reader.ReadString('\n'); line != "first\n" {
		t.Errorf("%q, %v", line, err)
	}
	close(proceed)
	if line, err := reader.ReadString('\n'); line != "second\n" {
		t.Errorf("%q, %v", line, err)
	}
}

func TestAWriterWithoutAbilitiesSaysSo(t *testing.T) {
	t.Parallel()
	guard := guardRules(t).GuardResponse(struct{ http.ResponseWriter }{httptest.NewRecorder()})
	if err := guard.FlushError(); err == nil {
		t.Error("flushed what cannot be flushed")
	}
	if _, _, err := guard.Hijack(); err == nil {
		t.Error("hijacked what cannot be hijacked")
	}
	if err := guard.Push("/", nil); err == nil {
		t.Error("pushed where nothing can be pushed")
	}
	if n, err := guard.ReadFrom(strings.NewReader("abc")); n != 3 || err != nil {
		t.Errorf("copied %d, %v", n, err)
	}
}

func BenchmarkGuardResponse(b *testing.B) {
	rules := guardRules(b)
	w := httptest.NewRecorder()
	for _, line := range []string{"Content-Type: text/html", "Cache-Control: no-store", "Vary: Accept", "Date: x", "Server: y", "Set-Cookie: app=1; Path=/"} {
		name, value, _ := strings.Cut(line, ": ")
		w.Header().Set(name, value)
	}
	b.ReportAllocs()
	for b.Loop() {
		guard := rules.GuardResponse(w)
		guard.WriteHeader(http.StatusOK)
		guard.Done()
	}
}
