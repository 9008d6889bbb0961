package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/store"
)

func init() {
	caddy.RegisterModule(faultyStore{})
	caddy.RegisterModule(faultySender{})
}

// faults are what tests break and count.
type faults struct {
	views, updates atomic.Int64                                              // of the store
	reading        atomic.Pointer[error]                                     // why the store cannot be read; nil: it can
	writing        atomic.Pointer[error]                                     // why it cannot be written to
	sender         atomic.Pointer[func(context.Context, send.Message) error] // nil: the message is as good as sent
	disk           store.Store                                               // outlives those who open it; nil: each gets a memory
}

// down makes every transaction of the store fail.
func (f *faults) down(err error) { f.reading.Store(&err); f.writing.Store(&err) }

// full makes every change of the store fail, as when the disk is full.
func (f *faults) full() { err := store.ErrFull; f.writing.Store(&err) }

// mend makes the store work again.
func (f *faults) mend() { f.reading.Store(nil); f.writing.Store(nil) }

// transactions is how many the store has had.
func (f *faults) transactions() int64 { return f.views.Load() + f.updates.Load() }

var allFaults sync.Map // name → *faults

func faultsOf(name string) *faults {
	f, _ := allFaults.LoadOrStore(name, new(faults))
	return f.(*faults)
}

// newFaultySite is newSite with a store that can be made to fail. Messages go to the
// inbox.
func newFaultySite(t testing.TB, text string) (*testSite, *faults) {
	t.Helper()
	name := fmt.Sprintf("%s %d", t.Name(), memories.Add(1))
	t.Cleanup(func() { allFaults.Delete(name) })
	return newEditedSite(t, text, func(apps map[string]any) {
		apps["stepgate"].(map[string]any)["store"] = map[string]any{"module": "faulty", "name": name}
	}), faultsOf(name)
}

// cool empties the cache of sessions, as a restart does.
func (s *testSite) cool() {
	engine := s.app.live.Load().engine
	engine.Cache = flows.NewSessionCache(cachedSessions, engine.Store, engine.Now)
}

// faultyStore is a memory that can be made to fail.
type faultyStore struct {
	Name string `json:"name"`
}

func (faultyStore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "stepgate.stores.faulty", New: func() caddy.Module { return new(faultyStore) }}
}

func (s *faultyStore) Place() (string, error) { return "faulty " + s.Name, nil }
func (s *faultyStore) Options() string        { return "" }

func (s *faultyStore) Open(context.Context, *slog.Logger) (store.Store, error) {
	f := faultsOf(s.Name)
	if f.disk != nil {
		return &failing{unclosed{f.disk}, f}, nil
	}
	return &failing{store.NewMemory(), f}, nil
}

type unclosed struct{ store.Store }

func (unclosed) Close() error { return nil }

type failing struct {
	store.Store
	faults *faults
}

func (s *failing) View(ctx context.Context, fn func(store.Tx) error) error {
	s.faults.views.Add(1)
	if err := s.faults.reading.Load(); err != nil {
		return *err
	}
	return s.Store.View(ctx, fn)
}

func (s *failing) Update(ctx context.Context, fn func(store.Tx) error) error {
	s.faults.updates.Add(1)
	if err := s.faults.writing.Load(); err != nil {
		return *err
	}
	return s.Store.Update(ctx, fn)
}

// faultySender is a sender that does what its test says.
type faultySender struct {
	Name string `json:"name"`
}

func (faultySender) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "stepgate.senders.faulty", New: func() caddy.Module { return new(faultySender) }}
}

func (*faultySender) Carries(send.Medium) bool { return true }

func (s *faultySender) Sender(*slog.Logger) (send.Sender, error) {
	return sendFunc(func(ctx context.Context, m send.Message) error {
		if do := faultsOf(s.Name).sender.Load(); do != nil {
			return (*do)(ctx, m)
		}
		return nil
	}), nil
}

type sendFunc func(context.Context, send.Message) error

func (f sendFunc) Send(ctx context.Context, m send.Message) error { return f(ctx, m) }

var (
	_ StoreModule  = (*faultyStore)(nil)
	_ SenderModule = (*faultySender)(nil)

	errStoreDown = fmt.Errorf("%w: the disk does not answer", store.ErrUnavailable)
	errStoreOdd  = errors.New("something that nobody thought of")
)
