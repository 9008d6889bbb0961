package oneshot

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/send"
)

// script is a transport that gets as far as its steps and fails.
type script []string

var errLost = errors.New("lost")

func (s script) RoundTrip(r *http.Request) (*http.Response, error) {
	t := httptrace.ContextClientTrace(r.Context())
	for _, step := range s {
		switch step {
		case "connected":
			t.GotConn(httptrace.GotConnInfo{})
		case "headers":
			t.WroteHeaders()
		case "all":
			t.WroteRequest(httptrace.WroteRequestInfo{})
		case "broken":
			t.WroteRequest(httptrace.WroteRequestInfo{Err: errLost})
		}
	}
	return nil, errLost
}

func TestARequestMayHaveArrivedOnceItBeganToBeWrittenAndDidNotBreakOff(t *testing.T) {
	t.Parallel()
	for steps, want := range map[string]bool{
		"": false, "connected": false, "connected headers": true, "connected headers all": true,
		"connected headers broken": false, "connected broken": false,
		"connected headers broken connected": false, "connected headers broken connected headers all": true,
	} {
		req := httptest.NewRequest(http.MethodPost, "https://api.example.com/", nil)
		_, arrived, err := Do(script(strings.Fields(steps)), req, 0)
		if arrived != want || !errors.Is(err, errLost) {
			t.Errorf("after %q: arrived %v, %v", steps, arrived, err)
		}
		kind := send.Retryable
		if want {
			kind = send.Uncertain
		}
		if e := Fault(t.Context(), err, arrived); e.Kind != kind || e.Reason != "network" {
			t.Errorf("after %q: %v", steps, e)
		}
	}
}

func TestARequestThatCannotBeWrittenToItsEndHasNotArrived(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = c.Close()
	}))
	t.Cleanup(srv.Close)
	body := io.LimitReader(zeros{}, 64<<20) // more than all buffers on the way
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 64 << 20
	if _, arrived, err := Do(Transport(nil), req, 0); err == nil || arrived {
		t.Errorf("arrived %v, %v", arrived, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestOnlyWhatWasAskedForIsRead(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/404" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, "12345678")
	}))
	t.Cleanup(srv.Close)
	for _, tt := range []struct {
		path  string
		limit int64
		body  string
		err   error
	}{{"/", 0, "", nil}, {"/", 8, "12345678", nil}, {"/", 7, "12345678", ErrTooLong}, {"/404", 8, "", nil}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, arrived, err := Do(Transport(nil), req, tt.limit)
		if string(r.Body) != tt.body || !errors.Is(err, tt.err) || !arrived {
			t.Errorf("%s, %d: %q, arrived %v, %v", tt.path, tt.limit, r.Body, arrived, err)
		}
	}
}

func TestNoConnectionIsKept(t *testing.T) {
	t.Parallel()
	var connections atomic.Int32
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	transport := Transport(nil)
	for range 3 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := Do(transport, req, 0); err != nil {
			t.Fatal(err)
		}
	}
	if n := connections.Load(); n != 3 {
		t.Errorf("%d connections for 3 requests", n)
	}
}

func TestTheEndOfPatienceIsToldFromBeingCalledOff(t *testing.T) {
	t.Parallel()
	late, done := context.WithTimeout(t.Context(), 0)
	defer done()
	off, cancel := context.WithCancel(t.Context())
	cancel()
	if a, b := Fault(late, errLost, false).Reason, Fault(off, errLost, false).Reason; a != "timeout" || b != "cancelled" {
		t.Errorf("%s, %s", a, b)
	}
	if e := Fault(t.Context(), context.DeadlineExceeded, true); e.Reason != "timeout" || e.Kind != send.Uncertain {
		t.Error(e)
	}
}

func TestSecretsTravelOnlyWhereNobodyReadsThem(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{
		"https://api.example.com/x": true, "http://127.0.0.1:80": true, "http://[::1]:80": true, "http://localhost": true,
		"http://api.example.com": false, "http://localhost.example.com": false, "http://10.0.0.1": false,
		"https://u:p@api.example.com": false, "https:///x": false, "ftp://127.0.0.1": false, "": false, "https:x": false,
	} {
		u, err := url.Parse(addr)
		if err != nil {
			t.Fatal(err)
		}
		if Private(u) != want {
			t.Errorf("Private(%s) = %v", addr, !want)
		}
	}
}

func TestTheTimeAskedForIsReadAndBounded(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]time.Duration{"": 0, "7": 7 * time.Second, "-5": 0, "99999999": time.Hour, "soon": 0,
		"9999999999999999999999": 0, "Fri, 31 Dec 1999 23:59:59 GMT": 0, "Fri, 31 Dec 2399 23:59:59 GMT": time.Hour} {
		if got := RetryAfter(v); got != want {
			t.Errorf("RetryAfter(%q) = %v, want %v", v, got, want)
		}
	}
}
