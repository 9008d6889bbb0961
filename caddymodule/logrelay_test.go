package caddymodule

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestWhatOutlivesAConfigurationLogsToTheNewest(t *testing.T) {
	t.Parallel()
	var old, next bytes.Buffer
	plain := &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
	relay := newLogRelay(slog.New(slog.NewTextHandler(&old, plain)))
	log := slog.New(relay).With("a", 1).WithGroup("g").With("b", 2)
	log.Info("first")
	log.Debug("not at this level")
	relay.use(slog.New(slog.NewTextHandler(&next, plain)))
	log.Info("second", "c", 3)
	slog.New(relay).Info("third")
	if got, want := old.String(), "level=INFO msg=first a=1 g.b=2\n"; got != want {
		t.Errorf("old: got %q, want %q", got, want)
	}
	if got, want := next.String(), "level=INFO msg=second a=1 g.b=2 g.c=3\nlevel=INFO msg=third\n"; got != want {
		t.Errorf("new: got %q, want %q", got, want)
	}
}

func TestTheOpenStoreLogsThroughTheNewestConfiguration(t *testing.T) {
	t.Parallel()
	config := countedConfig(t, `{COUNTED, "secret": "`+testSecret+`"}`)
	first, err := startSite(t, config)
	if err != nil {
		t.Fatal(err)
	}
	second, err := startSite(t, config)
	if err != nil {
		t.Fatal(err)
	}
	slog.New(first.app.live.Load().rt.log).Info("a canary")
	if strings.Contains(first.logs.String(), "a canary") || !strings.Contains(second.logs.String(), "a canary") {
		t.Error("the record went to the old configuration's log")
	}
	// As after a reload of which another app failed to start.
	if err := second.app.Cleanup(); err != nil {
		t.Fatal(err)
	}
	slog.New(first.app.live.Load().rt.log).Info("a second canary")
	if !strings.Contains(first.logs.String(), "a second canary") || strings.Contains(second.logs.String(), "a second canary") {
		t.Error("the record went to the log of a configuration that has ended")
	}
}
