package caddymodule

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// testLog is where a site's log goes.
type testLog struct {
	id  string
	mu  sync.Mutex
	buf bytes.Buffer
}

var testLogs sync.Map // id → *testLog

func newTestLog(t testing.TB) *testLog {
	l := &testLog{id: fmt.Sprintf("%s %d", t.Name(), memories.Add(1))}
	testLogs.Store(l.id, l)
	t.Cleanup(func() {
		testLogs.Delete(l.id)
		if t.Failed() {
			t.Logf("log:\n%s", l)
		}
	})
	return l
}

// String is everything that was logged so far.
func (l *testLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *testLog) Close() error { return nil }

// testLogWriter is the log writer module behind testLog.
type testLogWriter struct {
	ID string `json:"id"`
}

func init() { caddy.RegisterModule(testLogWriter{}) }

func (testLogWriter) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.logging.writers.stepgate_test", New: func() caddy.Module { return new(testLogWriter) }}
}

func (w testLogWriter) String() string    { return "stepgate_test " + w.ID }
func (w testLogWriter) WriterKey() string { return w.String() }

func (w testLogWriter) OpenWriter() (io.WriteCloser, error) {
	log, ok := testLogs.Load(w.ID)
	if !ok {
		return nil, fmt.Errorf("no test has the log %q", w.ID)
	}
	return log.(*testLog), nil
}

var _ caddy.WriterOpener = testLogWriter{}
