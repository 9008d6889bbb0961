package hygiene

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Watcher knows when something is over that a response must not outlive. end is called
// once at most; stop ends the watch.
type Watcher interface {
	Watch(end func()) (stop func())
}

// stream is what a guard knows of a response that may go on for long.
type stream struct {
	with Watcher     // nil: it ends with nothing
	stop func()      // ends the watch; nil: there is none
	over atomic.Bool // nothing more may be written

	mu   sync.Mutex
	conn net.Conn // hijacked
	done bool     // the handler has returned: what is below belongs to the next request
}

var errOver = errors.New("writing a response: its session is over")

// EndWith has the response end when w says so, if its header tells that it is a stream.
// What it is not told of by the header it does not see: call w.Watch with
// [ResponseGuard.Abort] where the request says so already.
func (g *ResponseGuard) EndWith(w Watcher) { g.stream.with = w }

// watch looks at the final header. It costs nothing unless this is a stream.
func (g *ResponseGuard) watch(h http.Header) {
	with := g.stream.with
	if with == nil || !isStream(h["Content-Type"]) {
		return
	}
	g.stream.stop = with.Watch(g.Abort)
}

// streamTypes are media types whose messages arrive one by one, or what such begin with.
var streamTypes = [...]string{
	"text/event-stream", "application/grpc", "application/connect+", "application/x-ndjson", "application/ndjson",
	"application/jsonl", "application/json-seq", "application/stream+json", "multipart/x-mixed-replace",
}

func isStream(contentType []string) bool {
	if len(contentType) == 0 {
		return false
	}
	value := strings.TrimLeft(contentType[0], " \t")
	for _, name := range streamTypes {
		if len(value) >= len(name) && strings.EqualFold(value[:len(name)], name) {
			return true
		}
	}
	return false
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// Abort breaks a response off, wherever it has got to, from any goroutine: nothing more is
// read or written. A response that is finished is left alone. On HTTP/1 the connection
// goes with it; otherwise only the stream is reset.
//
// A handler learns of it by its next read or write, and by the request's context, which
// net/http cancels when reading fails.
func (g *ResponseGuard) Abort() {
	s := &g.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return
	}
	s.over.Store(true)
	if s.conn != nil {
		go cut(s.conn)
		return
	}
	// Writers in between may have deadlines of their own, which they do not expect to be
	// set while they write; the innermost one does. One that knows no deadline is left with
	// the other way.
	controller := http.NewResponseController(innermost(g.ResponseWriter))
	_ = controller.SetReadDeadline(past)
	_ = controller.SetWriteDeadline(past)
}

func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		outer, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = outer.Unwrap()
	}
}

// cut closes a hijacked connection. With TLS this may take a moment, as it says goodbye.
func cut(conn net.Conn) {
	_ = conn.SetDeadline(past)
	_ = conn.Close()
}

// took notes a connection that was hijacked. If the response was aborted before, it is of
// no use any more.
func (s *stream) took(conn net.Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over.Load() {
		_ = conn.Close()
		return errOver
	}
	s.conn = conn
	return nil
}

// finish is called when the handler has returned.
func (s *stream) finish() {
	s.mu.Lock()
	s.done = true
	s.mu.Unlock()
	if s.stop != nil {
		s.stop()
	}
}
