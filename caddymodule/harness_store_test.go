package caddymodule

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/stepgate/stepgate/flows/store"
)

func init() { caddy.RegisterModule(countedStore{}) }

// countedStore is a store module whose opening tests can watch, and make fail.
type countedStore struct {
	Name string `json:"name"`
	Opt  string `json:"opt,omitempty"`
}

// counts are what happened to the stores of one name.
type counts struct {
	opened, closed atomic.Int32
	fail, panics   atomic.Bool
	closing        chan struct{} // if not nil, Close waits for it
}

var stores sync.Map // name → *counts

func countsOf(name string) *counts {
	c, _ := stores.LoadOrStore(name, new(counts))
	return c.(*counts)
}

// forgetCounts lets a test that runs again count from zero.
func forgetCounts(t *testing.T) {
	t.Cleanup(func() { stores.Delete(t.Name()) })
}

func (countedStore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "stepgate.stores.counted", New: func() caddy.Module { return new(countedStore) }}
}

func (s *countedStore) Place() (string, error) { return "counted " + s.Name, nil }
func (s *countedStore) Options() string        { return s.Opt }

var errNoStore = errors.New("no store today")

func (s *countedStore) Open(context.Context, *slog.Logger) (store.Store, error) {
	c := countsOf(s.Name)
	if c.fail.Load() {
		return nil, errNoStore
	}
	if c.panics.Load() {
		panic("a page is torn")
	}
	c.opened.Add(1)
	return &closeCounted{store.NewMemory(), c}, nil
}

type closeCounted struct {
	store.Store
	counts *counts
}

func (s *closeCounted) Close() error {
	if s.counts.closing != nil {
		<-s.counts.closing
	}
	s.counts.closed.Add(1)
	return s.Store.Close()
}

// countedConfig is a configuration with a counted store named after the test.
func countedConfig(t *testing.T, app string) []byte {
	forgetCounts(t)
	return jsonConfig(t, strings.Replace(app, "COUNTED", `"store": {"module": "counted", "name": "`+t.Name()+`"}`, 1), `{}`)
}
