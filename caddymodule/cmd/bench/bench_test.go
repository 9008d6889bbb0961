package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestLoadSendsExactlyAsManyRequestsAsAsked(t *testing.T) {
	t.Parallel()
	var got atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.Add(1)
		w.Write(make([]byte, answerSize))
	}))
	t.Cleanup(srv.Close)
	times, err := load(t.Context(), srv.Listener.Addr().String(), []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 203, 4)
	if err != nil {
		t.Fatal(err)
	}
	if len(times) != 203 || got.Load() != 203 {
		t.Errorf("%d times, %d requests, want 203 of each", len(times), got.Load())
	}
	if times[0] <= 0 || times[0] > times[202] {
		t.Error("the times are not sorted")
	}
}

func TestAnUnexpectedAnswerEndsTheRun(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{
		"HTTP/1.1 303 See Other\r\nContent-Length: 1024\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
		"HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\ncut off",
		"",
	} {
		if readAnswer(bufio.NewReader(strings.NewReader(answer))) == nil {
			t.Errorf("%q was accepted", answer)
		}
	}
	srv := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(srv.Close)
	_, err := load(t.Context(), srv.Listener.Addr().String(), []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 100, 4)
	if err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("the run's error is %v, not the answer that ended it", err)
	}
}

func TestCPUTimeIsReadPastAnyProgramName(t *testing.T) {
	t.Parallel()
	tail := " S 1 2 3 4 5 6 7 8 9 10 150 50 0 0"
	for _, name := range []string{"caddy", "a b", ") S 9 9 (", "()"} {
		got, err := cpuTime("42 (" + name + ")" + tail)
		if err != nil || got != 2*time.Second {
			t.Errorf("%s: got %v, %v, want 2s", name, got, err)
		}
	}
	for _, bad := range []string{"", "42 (caddy) S 1", "42 (caddy) S 1 2 3 4 5 6 7 8 9 10 x 50"} {
		if _, err := cpuTime(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestMediansAndQuantiles(t *testing.T) {
	t.Parallel()
	if m := median([]float64{9, 1, 5}); m != 5 {
		t.Errorf("median of three: %v", m)
	}
	if m := median([]float64{4, 1, 9, 2}); m != 3 {
		t.Errorf("median of four: %v", m)
	}
	var hundred []time.Duration
	for i := range 101 {
		hundred = append(hundred, time.Duration(i))
	}
	if quantile(hundred, .5) != 50 || quantile(hundred, .99) != 99 || quantile(hundred[:1], .99) != 0 {
		t.Error("a quantile is off")
	}
}

func TestTheReportComparesWithTheFirstRow(t *testing.T) {
	t.Parallel()
	row := func(v variant, cpu time.Duration) *result {
		return &result{proxy: &proxy{variant: v}, idle: 50 << 20, loaded: 60 << 20,
			rounds: []measurement{{requests: 100_000, cpu: cpu, wall: 10 * time.Second, p50: time.Millisecond, p99: 2 * time.Millisecond}}}
	}
	var b strings.Builder
	report(&b, []*result{row(variants[0], 4*time.Second), row(variants[2], 5*time.Second)})
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if f := strings.Fields(lines[2]); strings.Join(f, " ") != "signed in, a name 5.00 5.00-5.00 1.25 10000 1.00 1.00 2.00 50 60" {
		t.Errorf("the second row reads %q", f)
	}
}

// A stand-in with the shape of Stepgate's pages: an address, a code, then the site.
func TestSignUpWalksThePagesAndKeepsTheSession(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.auth/sign-up", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `<form method="get"><input name="q"></form><form method="post" action="/.auth/sign-up?x=1&amp;y=2"><input type="hidden" name="csrf" value="t&amp;1"><input name="email"></form>`)
	})
	mux.HandleFunc("POST /.auth/sign-up", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("csrf") != "t&1" || r.FormValue("email") != "bench@example.com" || r.FormValue("y") != "2" {
			http.Error(w, "wrong form", http.StatusBadRequest)
			return
		}
		http.Redirect(w, r, "/.auth/code", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /.auth/code", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `<form method="post" action=""><input name="code"><input type="checkbox" name="trust" value="1"></form>`)
	})
	var asked atomic.Int64
	mux.HandleFunc("GET /.auth/inbox.json", func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			fmt.Fprint(w, `[]`)
			return
		}
		fmt.Fprint(w, `[{"code":"482913"},{"code":"000000"}]`)
	})
	mux.HandleFunc("POST /.auth/code", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("code") != "482913" || r.FormValue("trust") != "" {
			http.Error(w, "wrong code", http.StatusBadRequest)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "stepgate", Value: "s", Path: "/"})
		http.Redirect(w, r, "/seen", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /seen", func(w http.ResponseWriter, r *http.Request) {})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)

	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := signUp(t.Context(), &http.Client{Jar: jar}, srv.URL, "bench@example.com"); err != nil {
		t.Fatal(err)
	}
	if got := cookiesFor(jar, srv.URL); got != "stepgate=s" {
		t.Errorf("the jar holds %q", got)
	}
}

func TestSignUpGivesUpOnAPageThatLeadsNowhere(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`<form method="post" action=""><input name="email"></form>`: "still at",
		`nothing to fill in`: "has no form",
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, body) }))
		err := signUp(t.Context(), srv.Client(), srv.URL, "bench@example.com")
		srv.Close()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", body, err)
		}
	}
}

func TestTheUpstreamReportsWhatReachedIt(t *testing.T) {
	t.Parallel()
	up, err := startUpstream()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(up.Close)
	_, port, err := net.SplitHostPort(up.addr)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{variant: variants[0]}
	if _, err := fmt.Sscan(port, &p.port); err != nil {
		t.Fatal(err)
	}
	if err := p.prepare(t.Context()); err != nil {
		t.Errorf("a bare variant was refused: %v", err)
	}
	p.variant.tokens = true
	if err := p.prepare(t.Context()); err == nil {
		t.Error("a variant whose tokens never arrive was accepted")
	}
}

func TestFlagsOutOfRangeAreRefused(t *testing.T) {
	t.Parallel()
	for _, s := range []settings{{}, {"caddy", 99, 1, 1}, {"caddy", 100, 0, 1}, {"caddy", 100, 1, 0}, {"caddy", 100, 1, 513}, {"caddy", 2e6, 1, 1}, {"caddy", 100, 51, 1}} {
		if run(t.Context(), s) == nil {
			t.Errorf("%+v was accepted", s)
		}
	}
}
