package caddymodule

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/store"
)

// provisionApp provisions without starting. The app cleans up after the test.
func provisionApp(t *testing.T, config []byte) *App {
	t.Helper()
	site := &testSite{logs: newTestLog(t)}
	ctx, err := provision(site.hermetic(t, config))
	if err != nil {
		t.Fatal(err)
	}
	app, err := ctx.App("stepgate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.(*App).Cleanup(); err != nil {
			t.Error(err)
		}
	})
	return app.(*App)
}

func TestProvisioningOpensNothingAndMakesNoSecret(t *testing.T) {
	t.Parallel()
	app := provisionApp(t, countedConfig(t, `{COUNTED}`))
	if n := countsOf(t.Name()).opened.Load(); n != 0 {
		t.Errorf("the store was opened %d times", n)
	}
	if _, err := app.storage.Load(t.Context(), secretKey); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the secret exists: %v", err)
	}
	if err := app.Cleanup(); err != nil {
		t.Error(err)
	}
	if _, _, err := app.acquire(); !errors.Is(err, errStopped) {
		t.Errorf("a configuration that has ended opened the store: %v", err)
	}
}

func TestConfigurationsShareOneOpenStoreAndTheLastCloses(t *testing.T) {
	t.Parallel()
	c := countsOf(t.Name())
	config := countedConfig(t, `{COUNTED, "secret": "`+testSecret+`"}`)
	old, next := provisionApp(t, config), provisionApp(t, config)
	for _, app := range []*App{old, next} {
		if err := app.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := old.live.Load(), next.live.Load(); a.rt != b.rt || a.engine == b.engine {
		t.Error("the runtime is not shared, or the engine is")
	}
	if a, b := old.live.Load().engine.Cache, next.live.Load().engine.Cache; a != b {
		t.Error("a session revoked by one configuration would live on in the other")
	}
	if err := old.Cleanup(); err != nil {
		t.Fatal(err)
	}
	if _, release, err := next.acquire(); err != nil {
		t.Errorf("the new configuration lost the store: %v", err)
	} else {
		release()
	}
	if _, release, err := old.acquire(); err != nil {
		t.Errorf("a request of the old configuration was cut off: %v", err)
	} else {
		release()
	}
	if err := errors.Join(next.Cleanup(), next.Cleanup()); err != nil { // twice is harmless
		t.Fatal(err)
	}
	if opened, closed := c.opened.Load(), c.closed.Load(); opened != 1 || closed != 1 {
		t.Errorf("opened %d times, closed %d times", opened, closed)
	}
	for _, app := range []*App{old, next} {
		if _, _, err := app.acquire(); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a request after the end got %v", err)
		}
	}
}

func TestAConfigurationThatOpenedNothingClosesNothing(t *testing.T) {
	t.Parallel()
	config := countedConfig(t, `{COUNTED, "secret": "`+testSecret+`"}`)
	running := provisionApp(t, config)
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		broken := provisionApp(t, config)
		if err := broken.Cleanup(); err != nil {
			t.Fatal(err)
		}
	}
	if _, release, err := running.acquire(); err != nil {
		t.Errorf("the running configuration lost its store: %v", err)
	} else {
		release()
	}
}

func TestTheOptionsAndSecretOfAnOpenStoreCannotChange(t *testing.T) {
	t.Parallel()
	running := provisionApp(t, countedConfig(t, `{COUNTED, "secret": "`+testSecret+`"}`))
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	otherOptions := `"store": {"module": "counted", "name": "` + t.Name() + `", "opt": "other"}`
	otherSecret := "b3RoZXIgc2VjcmV0OiB0aGlzIGlzIGZvciB0ZXN0cyBvbmx5LCB0b28h"
	for _, row := range []struct{ config, want string }{
		{`{` + otherOptions + `, "secret": "` + testSecret + `"}`, "restart Caddy"},
		{`{COUNTED, "secret": "` + otherSecret + `"}`, "the secret is not the one"},
	} {
		site := &testSite{logs: newTestLog(t)}
		_, err := provision(site.hermetic(t, countedConfig(t, row.config)))
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("got %v, want %q", err, row.want)
		}
	}
	// A secret that comes from the storage is known at Start only.
	late := provisionApp(t, countedConfig(t, `{COUNTED}`))
	if err := late.Start(); err == nil || !strings.Contains(err.Error(), "the secret is not the one") {
		t.Errorf("got %v", err)
	}
	if _, release, err := running.acquire(); err != nil {
		t.Errorf("the running configuration lost its store: %v", err)
	} else {
		release()
	}
}

func TestAStoreThatWillNotOpenIsTriedAgainAfterAMoment(t *testing.T) {
	t.Parallel()
	c := countsOf(t.Name())
	c.fail.Store(true)
	app := provisionApp(t, countedConfig(t, `{COUNTED}`))
	if err := app.Start(); !errors.Is(err, errNoStore) {
		t.Fatalf("starting: %v", err)
	}
	c.fail.Store(false)
	if _, _, err := app.acquire(); !errors.Is(err, errNoStore) {
		t.Errorf("the failure was forgotten at once: %v", err)
	}
	app.mu.Lock()
	app.retryAt = time.Now()
	app.mu.Unlock()
	if _, release, err := app.acquire(); err != nil {
		t.Errorf("the failure was remembered for ever: %v", err)
	} else {
		release()
	}
}

func TestAStoreThatPanicsWhenItOpensIsAnErrorAndNoMore(t *testing.T) {
	t.Parallel()
	c := countsOf(t.Name())
	c.panics.Store(true)
	config := countedConfig(t, `{COUNTED}`)
	if err := provisionApp(t, config).Start(); err == nil || !strings.Contains(err.Error(), "a page is torn") {
		t.Fatalf("starting: %v", err)
	}
	c.panics.Store(false)
	if err := provisionApp(t, config).Start(); err != nil {
		t.Errorf("the place cannot be opened any more: %v", err)
	}
}

func TestARequestBeforeStartOpensTheStoreOnce(t *testing.T) {
	t.Parallel()
	app := provisionApp(t, countedConfig(t, `{COUNTED}`))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			_, release, err := app.acquire()
			if err != nil {
				t.Error(err)
				return
			}
			release()
		})
	}
	all.Wait()
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	if n := countsOf(t.Name()).opened.Load(); n != 1 {
		t.Errorf("opened %d times", n)
	}
}

func TestARequestOfAConfigurationThatFailedToStartIsAnswered(t *testing.T) {
	t.Parallel()
	c := countsOf(t.Name())
	config := countedConfig(t, `{COUNTED, "secret": "`+testSecret+`"}`)
	running, failed := provisionApp(t, config), provisionApp(t, config)
	if err := errors.Join(running.Start(), failed.Cleanup()); err != nil {
		t.Fatal(err)
	}
	l, release, err := failed.acquire()
	if err != nil {
		t.Fatal(err)
	}
	if l.rt != running.live.Load().rt {
		t.Error("it was answered from another store")
	}
	if err := running.Cleanup(); err != nil {
		t.Fatal(err)
	}
	if c.closed.Load() != 0 {
		t.Error("the store was closed under the request")
	}
	release()
	if c.closed.Load() != 1 {
		t.Error("the request kept the store open")
	}
	if _, _, err := failed.acquire(); !errors.Is(err, errStopped) {
		t.Errorf("a later request: %v", err)
	}
	if c.opened.Load() != 1 {
		t.Error("a configuration that has ended opened the store")
	}
}

func TestClosingWaitsForRequestsUnderWay(t *testing.T) {
	t.Parallel()
	c := countsOf(t.Name())
	app := provisionApp(t, countedConfig(t, `{COUNTED}`))
	l, release, err := app.acquire()
	if err != nil {
		t.Fatal(err)
	}
	cleaned := make(chan error)
	go func() { cleaned <- app.Cleanup() }()
	// Closing has begun once nobody is let in any more.
	for l.rt.gate.enter() {
		l.rt.gate.leave()
	}
	if c.closed.Load() != 0 {
		t.Error("the store was closed under a request")
	}
	release()
	if err := <-cleaned; err != nil {
		t.Error(err)
	}
	if c.closed.Load() != 1 {
		t.Error("the store was not closed")
	}
}

func TestAPlaceIsNotOpenedAgainBeforeItIsClosed(t *testing.T) {
	t.Parallel()
	c := countsOf(t.Name())
	c.closing = make(chan struct{})
	config := countedConfig(t, `{COUNTED}`)
	old, next := provisionApp(t, config), provisionApp(t, config)
	next.storage = old.storage // for the same secret
	l, release, err := old.acquire()
	if err != nil {
		t.Fatal(err)
	}
	release()
	cleaned, started := make(chan error, 1), make(chan error, 1)
	go func() { cleaned <- old.Cleanup() }()
	for l.rt.gate.enter() {
		l.rt.gate.leave()
	}
	go func() {
		err := next.Start()
		if c.closed.Load() == 0 {
			t.Error("the store was opened while it was being closed")
		}
		started <- err
	}()
	select {
	case err := <-started:
		t.Errorf("starting did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(c.closing)
	for _, done := range []chan error{cleaned, started} {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := c.opened.Load(); n != 2 {
		t.Errorf("opened %d times", n)
	}
}

func TestAcquiringAllocatesNothing(t *testing.T) {
	app := provisionApp(t, countedConfig(t, `{COUNTED}`))
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		_, release, err := app.acquire()
		if err != nil {
			t.Fatal(err)
		}
		release()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
