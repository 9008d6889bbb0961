package caddymodule

import (
	"net/http"

	"github.com/stepgate/stepgate/caddymodule/hygiene"
	"github.com/stepgate/stepgate/flows"
)

// attend has a request that outlives its moment (a websocket, an event stream, a gRPC
// stream) end with its session. release must be called when it is over.
func (s *site) attend(w *hygiene.ResponseGuard, r *http.Request, session *flows.Live) (_ *http.Request, release func()) {
	return r, func() {}
}
