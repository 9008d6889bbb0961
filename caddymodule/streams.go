package caddymodule

import (
	"context"
	"net/http"
	"strings"

	"github.com/stepgate/stepgate/caddymodule/hygiene"
	"github.com/stepgate/stepgate/flows"
)

// attend has a request that outlives its moment (a websocket, an event stream, a gRPC
// stream, a slow upload) end with its session. release must be called when it is over.
//
// Most requests are none of these, and cost nothing. Where only the answer shows that it
// is a stream, the guard sees to it.
func (s *site) attend(w *hygiene.ResponseGuard, r *http.Request, session *flows.Live) (_ *http.Request, release func()) {
	switch {
	case session == nil: // nothing that could end
		return r, noRelease
	case !wantsStream(r):
		w.EndWith(session)
		return r, noRelease
	}
	ctx, cancel := context.WithCancel(r.Context())
	stop := session.Watch(func() {
		cancel() // the proxy lets go of the application
		w.Abort()
	})
	return r.WithContext(ctx), func() {
		stop()
		cancel()
	}
}

func noRelease() {}

// wantsStream reports whether a clean request may go on for long: a websocket over any
// version of HTTP, server-sent events, a gRPC call, or a body that is still to come.
func wantsStream(r *http.Request) bool {
	if r.Header["Upgrade"] != nil || r.Method == http.MethodConnect || r.ContentLength != 0 {
		return true // what has a body can hold it back for as long as it likes
	}
	const grpc = "application/grpc"
	if values := r.Header["Content-Type"]; len(values) > 0 && len(values[0]) >= len(grpc) && strings.EqualFold(values[0][:len(grpc)], grpc) {
		return true
	}
	for _, value := range r.Header["Accept"] {
		for value != "" {
			var item string
			item, value, _ = strings.Cut(value, ",")
			item, _, _ = strings.Cut(item, ";")
			if strings.EqualFold(strings.Trim(item, " \t"), "text/event-stream") {
				return true
			}
		}
	}
	return false
}
