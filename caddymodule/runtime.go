package caddymodule

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/password"
	"github.com/stepgate/stepgate/flows/seal"
	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/inbox"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/flows/token"
)

const (
	// closeGrace is how long closing waits for requests under way, and again for
	// queued messages.
	closeGrace = 10 * time.Second
	// retryPause is how long a failure to open is remembered: a request must not
	// wait for the next attempt behind thousands of others.
	retryPause = 2 * time.Second
	// openTimeout bounds one attempt to open.
	openTimeout = 30 * time.Second
	// cachedSessions bounds the warm sessions, about 1 kB each.
	cachedSessions = 10_000
)

// runtime is what lives across reloads, one for each store: it is in the pool, and
// closed when the last configuration lets go of it.
type runtime struct {
	options string   // of the store, as it was opened
	secret  [32]byte // digest of the master secret

	store   store.Store
	keys    *seal.Keys
	ring    *token.Ring
	hasher  *password.Hasher
	cache   *flows.SessionCache
	outbox  *send.Outbox
	inbox   *inbox.Inbox
	senders senderStack
	process string // a name for this opening of the store: see flows.Config
	// badReceipts is when the log last told of a report that was not believed, in Unix
	// nanoseconds.
	badReceipts atomic.Int64
	// clerk strikes off what was sent. It runs on no configuration's settings, so that a
	// message may end under another one than it began.
	clerk   *flows.Engine
	mail    *mailroom
	checked sendersChecked
	counts  deliveryCounts
	gate    gate
	log     *logRelay
}

// openRuntime opens the store and makes what stands on it.
func openRuntime(ctx context.Context, module StoreModule, master []byte, now func() time.Time, log *slog.Logger) (_ *runtime, err error) {
	keys, err := seal.New(master)
	if err != nil {
		return nil, err
	}
	relay := newLogRelay(log)
	log = slog.New(relay)
	st, err := module.Open(ctx, log)
	if err != nil {
		return nil, fmt.Errorf("opening store: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, st.Close())
		}
	}()
	ring, err := token.LoadRing(ctx, st, keys, now)
	if err != nil {
		return nil, err
	}
	rt := &runtime{
		store:  st,
		keys:   keys,
		ring:   ring,
		hasher: password.New(password.Options{Pepper: keys.Pepper(), OldPeppers: keys.OldPeppers()}),
		cache:  flows.NewSessionCache(cachedSessions, st, now),
		inbox:  inbox.New(0, now),
		gate:   gate{idle: make(chan struct{})},
		log:    relay,
	}
	if rt.clerk, err = flows.New(flows.Config{Store: st, Keys: keys, Now: now, Log: log}); err != nil {
		return nil, err
	}
	rt.outbox = send.NewOutbox(send.OutboxOptions{Now: now, Log: log, Done: rt.done})
	rt.process = rand.Text()
	rt.mail = newMailroom(rt.outbox.PostDraft, rt.clerk.Finished, log)
	rt.senders.use = func(top attached) {
		rt.log.use(top.log)
		rt.outbox.Use(top.senders)
	}
	return rt, nil
}

// done is told the end of each message, by a worker of the outbox.
func (rt *runtime) done(r send.Result) {
	rt.counts.message(r)
	rt.mail.done(r)
}

// Destruct implements [caddy.Destructor]: it waits for the requests that hold a
// reference, sends what is queued, and closes, each for a bounded time.
func (rt *runtime) Destruct() error {
	if !rt.gate.close(closeGrace) {
		slog.New(rt.log).Warn("closing the store under requests that did not end in time", "waited", closeGrace)
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	err := rt.outbox.Close(ctx)
	rt.mail.close()
	return errors.Join(err, rt.store.Close())
}

// A live is what a request works with: the runtime, and the engine that this
// configuration runs on it.
type live struct {
	rt      *runtime
	engine  *flows.Engine
	senders map[send.Medium][]send.Named // of this configuration; nil where it only borrows
	release func()                       // rt.gate.leave, made once
}

// acquire returns what is open, for one request, which must call release when it
// needs it no more; handing the request on to the application is a good moment. An
// error means that nothing protected may be served.
func (a *App) acquire() (l *live, release func(), err error) {
	l = a.live.Load()
	if l == nil {
		l, err = a.open(false)
		if errors.Is(err, errStopped) {
			return a.borrow()
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if !l.rt.gate.enter() {
		return nil, nil, fmt.Errorf("entering the store: %w", store.ErrClosed)
	}
	if l.rt.mail.backlog.Load() {
		a.resumeAgain(l)
	}
	return l, l.release, nil
}

// borrow is acquire for a configuration that has ended without ever opening: its
// servers accepted the request, and then another of its apps failed to start. The
// request is answered with what the configuration before it has open. Nothing is
// opened for it.
func (a *App) borrow() (*live, func(), error) {
	rt, err := a.join(context.WithoutCancel(a.ctx), func(context.Context, []byte) (*runtime, error) { return nil, errStopped })
	if err != nil {
		return nil, nil, err
	}
	giveBack := func() {
		if err := drop(a.place); err != nil {
			a.log.Error("closing the store", "error", err)
		}
	}
	engine, err := a.newEngine(rt)
	if err == nil && !rt.gate.enter() {
		err = store.ErrClosed
	}
	if err != nil {
		giveBack()
		return nil, nil, err
	}
	release := func() {
		rt.gate.leave()
		giveBack()
	}
	return &live{rt: rt, engine: engine, release: release}, release, nil
}

// open opens at first use. Unless forced, it answers with the last failure for a
// moment instead of trying again.
func (a *App) open(force bool) (*live, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if l := a.live.Load(); l != nil {
		return l, nil
	}
	if a.cleaned {
		return nil, errStopped
	}
	if !force && a.failure != nil && time.Now().Before(a.retryAt) {
		return nil, a.failure
	}
	l, err := a.openNow()
	if err != nil {
		a.failure, a.retryAt = err, time.Now().Add(retryPause)
		return nil, err
	}
	a.failure, a.held = nil, true
	a.live.Store(l)
	return l, nil
}

func (a *App) openNow() (_ *live, err error) {
	rt, err := a.join(a.ctx, func(ctx context.Context, master []byte) (*runtime, error) {
		return openRuntime(ctx, a.store, master, a.now, a.log)
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, drop(a.place))
		}
	}()
	senders, err := a.makeSenders(rt.inbox)
	if err != nil {
		return nil, err
	}
	engine, err := a.newEngine(rt)
	if err != nil {
		return nil, err
	}
	rt.senders.attach(attached{a, senders, a.log})
	a.resume(rt, engine)
	return &live{rt: rt, engine: engine, senders: senders, release: rt.gate.leave}, nil
}

// join takes a reference to what is open at the store's place, or opens it.
func (a *App) join(ctx context.Context, open func(context.Context, []byte) (*runtime, error)) (*runtime, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	master, err := masterSecret(ctx, a.master, a.storage)
	if err != nil {
		return nil, err
	}
	return hold(a.place, a.store.Options(), master, func() (*runtime, error) { return open(ctx, master) })
}

func (a *App) newEngine(rt *runtime) (*flows.Engine, error) {
	return flows.New(flows.Config{
		Store: rt.store, Keys: rt.keys, Hasher: rt.hasher, Cache: rt.cache,
		Post:     func(letter flows.Letter) error { return a.post(rt, letter) },
		Down:     rt.outbox.Down,
		Process:  rt.process,
		Observe:  func(incident flows.Incident) { a.observe(rt, incident) },
		Now:      a.now,
		Rand:     rand.Reader,
		Log:      a.log,
		Settings: a.engineSettings(),
	})
}
