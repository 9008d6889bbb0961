package caddymodule

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/stepgate/stepgate/policy"
)

// cors is what the site says to scripts of other origins, compiled. A nil cors says
// nothing.
type cors struct{}

// isPreflight reports whether a request is a preflight that is not to be judged as what it
// asks about.
func (c *cors) isPreflight(r *http.Request) bool { return false }

// share lets scripts of other origins read an answer of the gateway's own.
func (c *cors) share(h http.Header, r *http.Request) {
	// Readable by scripts of any origin that sent no credentials: it tells them nothing
	// that they could not ask for themselves.
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, "+decisionHeader)
}

// answerPreflight answers a preflight, or passes it on without anybody's identity.
func (s *site) answerPreflight(w http.ResponseWriter, r *http.Request, said policy.Risk, next caddyhttp.Handler) error {
	return nil
}
