package sendtest

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// httpServer is a server whose handlers may take over connections and keep them.
type httpServer struct {
	url     string
	ctx     context.Context // ends with the test
	holding sync.WaitGroup
}

func newHTTPServer(t testing.TB, h http.Handler) *httpServer {
	ctx, cancel := context.WithCancel(context.Background())
	srv := httptest.NewServer(h)
	s := &httpServer{url: srv.URL, ctx: ctx}
	t.Cleanup(func() {
		cancel()
		srv.Close()
		s.holding.Wait()
	})
	return s
}

// play takes the connection over and does f with it: it hangs, closes or talks.
func (s *httpServer) play(w http.ResponseWriter, f Fault) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	s.holding.Add(1)
	defer s.holding.Done()
	defer c.Close()
	defer context.AfterFunc(s.ctx, func() { _ = c.Close() })()
	switch f {
	case Hang:
		_, _ = io.Copy(io.Discard, c)
	case Babble:
		babble(c)
	}
}

// babble answers with a head that never ends.
func babble(c net.Conn) {
	if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n"); err != nil {
		return
	}
	line := make([]byte, 16<<10)
	for i := range line {
		line[i] = 'a'
	}
	for n := 0; n < 1<<30; {
		k, err := c.Write(line)
		if n += k; err != nil {
			return
		}
	}
}
