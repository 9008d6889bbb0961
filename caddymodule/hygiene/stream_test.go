package hygiene_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stepgate/stepgate/caddymodule/hygiene"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

func await[T any](t testing.TB, c <-chan T, what string) (value T) {
	t.Helper()
	select {
	case value = <-c:
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
	}
	return value
}

// session is what a response ends with.
type session struct {
	ends    chan func() // what it was given to call
	stopped atomic.Int64
}

func newSession() *session { return &session{ends: make(chan func(), 1)} }

func (s *session) Watch(end func()) (stop func()) {
	s.ends <- end
	return func() { s.stopped.Add(1) }
}

// stubborn serves a handler that is never told of anything, behind a guard, over one
// version of HTTP. ended gets what became of it.
func stubborn(t *testing.T, major int, s *session, next func(*hygiene.ResponseGuard, *http.Request) error) (server *httptest.Server, ended chan error) {
	t.Helper()
	rules := guardRules(t)
	ended = make(chan error, 10)
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		guard := rules.GuardResponse(w)
		guard.EndWith(s)
		err := next(guard, r)
		guard.Done()
		ended <- err
	}))
	server.EnableHTTP2 = major == 2
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, ended
}

func TestAHandlerThatListensToNobodyIsBrokenOff(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		method string
		next   func(*hygiene.ResponseGuard, *http.Request) error
	}{
		"it writes, and nobody reads": {"GET", func(w *hygiene.ResponseGuard, _ *http.Request) error {
			flood := strings.Repeat("x", 1<<16)
			for {
				if _, err := io.WriteString(w, flood); err != nil {
					return err
				}
			}
		}},
		"it copies, and nobody reads": {"GET", func(w *hygiene.ResponseGuard, _ *http.Request) error {
			for {
				if _, err := w.ReadFrom(strings.NewReader(strings.Repeat("x", 1<<16))); err != nil {
					return err
				}
			}
		}},
		"it flushes": {"GET", func(w *hygiene.ResponseGuard, _ *http.Request) error {
			for {
				if err := w.FlushError(); err != nil {
					return err
				}
			}
		}},
		"it reads what does not come": {"POST", func(_ *hygiene.ResponseGuard, r *http.Request) error {
			_, err := io.ReadAll(r.Body)
			return err
		}},
		"it waits for the request to be cancelled": {"GET", func(w *hygiene.ResponseGuard, r *http.Request) error {
			<-r.Context().Done()
			return r.Context().Err()
		}},
	} {
		for _, major := range []int{1, 2} {
			t.Run(fmt.Sprintf("HTTP/%d, %s", major, name), func(t *testing.T) {
				t.Parallel()
				s := newSession()
				server, ended := stubborn(t, major, s, func(w *hygiene.ResponseGuard, r *http.Request) error {
					// Without this, net/http reads the whole request before it answers.
					if err := http.NewResponseController(w).EnableFullDuplex(); err != nil && major == 1 {
						return err
					}
					w.Header().Set("Content-Type", "text/event-stream")
					if err := w.FlushError(); err != nil {
						return err
					}
					return row.next(w, r)
				})
				body, typing := io.Pipe()
				t.Cleanup(func() { typing.Close() })
				r, err := http.NewRequestWithContext(t.Context(), row.method, server.URL, nil)
				if err != nil {
					t.Fatal(err)
				}
				if row.method == "POST" {
					r.Body = body
				}
				response, err := server.Client().Do(r)
				if err != nil || response.ProtoMajor != major {
					t.Fatalf("%v, %v", response, err)
				}
				await(t, s.ends, "the stream to be watched")()
				if err := await(t, ended, "the handler to learn of the end"); err == nil {
					t.Error("the handler was told that all is well")
				}
				if _, err := io.Copy(io.Discard, response.Body); err == nil {
					t.Error("the client was told that all is well")
				}
				if response.Body.Close(); s.stopped.Load() != 1 {
					t.Errorf("the watch was stopped %d times", s.stopped.Load())
				}
			})
		}
	}
}

func TestOnlyStreamsAreWatched(t *testing.T) {
	t.Parallel()
	for mediaType, want := range map[string]bool{
		"":                               false,
		"text/html; charset=utf-8":       false,
		"application/json":               false,
		"text/event":                     false,
		"application/octet-stream":       false,
		"text/event-stream":              true,
		"TEXT/EVENT-STREAM":              true,
		" text/event-stream;charset=x":   true,
		"application/grpc":               true,
		"application/grpc-web-text":      true,
		"application/connect+proto":      true,
		"application/x-ndjson":           true,
		"application/json-seq":           true,
		"multipart/x-mixed-replace; b=c": true,
		"multipart/form-data; boundary=": false,
	} {
		s := newSession()
		guard := guardRules(t).GuardResponse(httptest.NewRecorder())
		guard.EndWith(s)
		if mediaType != "" {
			guard.Header().Set("Content-Type", mediaType)
		}
		guard.WriteHeader(http.StatusEarlyHints)
		if len(s.ends) != 0 {
			t.Errorf("%q: watched before the final header", mediaType)
		}
		guard.WriteHeader(http.StatusOK)
		if watched := len(s.ends) == 1; watched != want {
			t.Errorf("%q: watched is %v", mediaType, watched)
		}
		guard.Done()
		if stopped := s.stopped.Load() == 1; stopped != want {
			t.Errorf("%q: stopped is %v", mediaType, stopped)
		}
	}
}

// What a writer cannot do by a deadline the guard does by itself.
func TestAfterItsEndNothingIsWritten(t *testing.T) {
	t.Parallel()
	s := newSession()
	w := httptest.NewRecorder()
	guard := guardRules(t).GuardResponse(w)
	guard.EndWith(s)
	guard.Header().Set("Content-Type", "application/x-ndjson")
	io.WriteString(guard, "before\n")
	await(t, s.ends, "the stream to be watched")()
	if _, err := io.WriteString(guard, "after\n"); err == nil {
		t.Error("written after the end")
	}
	if _, err := guard.ReadFrom(strings.NewReader("after\n")); err == nil {
		t.Error("copied after the end")
	}
	if err := guard.FlushError(); err == nil {
		t.Error("flushed after the end")
	}
	if got := w.Body.String(); got != "before\n" {
		t.Errorf("sent %q", got)
	}
}

// The connection goes on to other requests: what is over must not take it with it.
func TestAResponseThatIsFinishedIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, major := range []int{1, 2} {
		s := newSession()
		server, ended := stubborn(t, major, s, func(w *hygiene.ResponseGuard, _ *http.Request) error {
			w.Header().Set("Content-Type", "text/event-stream")
			_, err := io.WriteString(w, "all of it")
			return err
		})
		for i := range 3 {
			var reused bool
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }})
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(response.Body); err != nil || string(body) != "all of it" {
				t.Errorf("HTTP/%d: %q, %v", major, body, err)
			}
			response.Body.Close()
			if i > 0 && !reused {
				t.Errorf("HTTP/%d: a new connection was needed", major)
			}
			await(t, ended, "the handler to return")
			await(t, s.ends, "the stream to be watched")()
		}
	}
}

func TestAConnectionThatWasTakenOverIsClosed(t *testing.T) {
	t.Parallel()
	for name, early := range map[string]bool{"under way": false, "at the handshake": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules := guardRules(t)
			guards, ended := make(chan *hygiene.ResponseGuard, 1), make(chan error, 1)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				guard := rules.GuardResponse(w)
				defer guard.Done()
				if early {
					guard.Abort()
				}
				conn, _, err := guard.Hijack()
				if early {
					ended <- err
					return
				}
				defer conn.Close()
				guards <- guard
				// Whoever takes a connection over sets deadlines at will.
				for once := true; once || isTimeout(err); once = false {
					_ = conn.SetDeadline(time.Now().Add(patience))
					_, err = conn.Read(make([]byte, 1))
				}
				ended <- err
			}))
			t.Cleanup(server.Close)
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(patience))
			fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: app.example.com\r\n\r\n")
			if !early {
				await(t, guards, "the connection to be taken over").Abort()
			}
			if err := await(t, ended, "the handler to learn of the end"); err == nil || errors.Is(err, io.EOF) {
				t.Errorf("the handler got %v", err)
			}
			if _, err := bufio.NewReader(conn).ReadByte(); err == nil || errors.Is(err, net.ErrClosed) || isTimeout(err) {
				t.Errorf("the client got %v", err)
			}
		})
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func TestTheLastWordOnTheHeaderComesOnce(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	guard := guardRules(t).GuardResponse(&informed{ResponseRecorder: w})
	calls := 0
	guard.OnHeader = func(h http.Header) {
		calls++
		if h.Get("X-Id-Token") != "" {
			t.Error("it was asked before the header was clean")
		}
		h.Set("X-Added", "1")
	}
	guard.WriteHeader(http.StatusEarlyHints)
	if guard.Header().Set("X-Id-Token", "reflected"); calls != 0 {
		t.Error("it was asked about information")
	}
	io.WriteString(guard, "body")
	guard.Done()
	if got := w.Result().Header.Get("X-Added"); calls != 1 || got != "1" {
		t.Errorf("asked %d times, %q", calls, got)
	}
}
