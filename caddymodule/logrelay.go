package caddymodule

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
)

// logRelay is the log of what outlives a configuration: it hands records to the
// logger of the newest one, since Caddy closes the files of the old one's.
type logRelay struct {
	to   *atomic.Pointer[slog.Logger]
	with []func(slog.Handler) slog.Handler // attributes and groups, to be applied in order
}

func newLogRelay(first *slog.Logger) *logRelay {
	r := &logRelay{to: new(atomic.Pointer[slog.Logger])}
	r.use(first)
	return r
}

// use hands further records to log.
func (r *logRelay) use(log *slog.Logger) { r.to.Store(log) }

func (r *logRelay) Enabled(ctx context.Context, level slog.Level) bool {
	return r.to.Load().Handler().Enabled(ctx, level)
}

func (r *logRelay) Handle(ctx context.Context, record slog.Record) error {
	handler := r.to.Load().Handler()
	for _, with := range r.with {
		handler = with(handler)
	}
	return handler.Handle(ctx, record)
}

func (r *logRelay) WithAttrs(attrs []slog.Attr) slog.Handler {
	return r.and(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

func (r *logRelay) WithGroup(name string) slog.Handler {
	return r.and(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (r *logRelay) and(with func(slog.Handler) slog.Handler) *logRelay {
	return &logRelay{to: r.to, with: append(slices.Clip(r.with), with)}
}

var _ slog.Handler = (*logRelay)(nil)
