package caddymodule

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"golang.org/x/net/http/httpguts"

	"github.com/stepgate/stepgate/caddymodule/hygiene"
	"github.com/stepgate/stepgate/policy"
)

// cors is what the site says to scripts of other origins, compiled. A nil cors says
// nothing.
type cors struct {
	pass    bool // the application answers preflights, and the gateway says nothing
	origins map[string]struct{}
	// What a preflight is answered with, as it stands in the header.
	methods, headers, maxAge string
}

// compile makes of what is checked what is asked.
func (c *CORS) compile() *cors {
	if c == nil {
		return nil
	}
	compiled := &cors{
		pass: c.Pass, origins: make(map[string]struct{}),
		methods: listOr(c.Methods, "GET, HEAD, POST, PUT, PATCH, DELETE"),
		headers: listOr(c.Headers, "authorization, content-type"),
	}
	for _, origin := range c.Origins {
		compiled.origins[origin] = struct{}{}
	}
	maxAge := defaultMaxAge
	if c.MaxAge != nil {
		maxAge = time.Duration(*c.MaxAge)
	}
	compiled.maxAge = strconv.Itoa(int(maxAge / time.Second))
	return compiled
}

func listOr(words []string, otherwise string) string {
	if len(words) == 0 {
		return otherwise
	}
	return strings.Join(words, ", ")
}

const (
	originHeader           = "Origin"
	allowOriginHeader      = "Access-Control-Allow-Origin"
	allowCredentialsHeader = "Access-Control-Allow-Credentials"
	exposeHeader           = "Access-Control-Expose-Headers"
	requestMethodHeader    = "Access-Control-Request-Method"
)

// isPreflight reports whether a clean request is a preflight (Fetch, section 3.3.2) that is
// not to be judged as what it asks about. Whatever differs from one in anything is a
// request like others.
func (c *cors) isPreflight(r *http.Request) bool {
	if c == nil || r.Method != http.MethodOptions || r.ContentLength != 0 || len(r.TransferEncoding) != 0 {
		return false
	}
	origin, method := only(r.Header, originHeader), only(r.Header, requestMethodHeader)
	if c.pass { // no browser would say anything else
		return originForm.MatchString(origin) && httpguts.ValidHeaderFieldName(method)
	}
	return origin != "" && method != ""
}

// originForm is what browsers send as the origin of a script, an opaque one included.
var originForm = regexp.MustCompile(`^(null|[a-z][a-z0-9+.-]*://[^/?#@\\s]+)$`)

// only is the value of a header that is there once.
func only(h http.Header, name string) string {
	if values := h[name]; len(values) == 1 {
		return values[0]
	}
	return ""
}

// speaksTo returns the origin of a request if it is one of the site's list.
func (c *cors) speaksTo(r *http.Request) (origin string, ok bool) {
	if c == nil {
		return "", false
	}
	origin = only(r.Header, originHeader)
	_, ok = c.origins[origin]
	return origin, ok
}

// allow lets scripts of the site's list read an answer of the gateway's own, which they
// asked for with credentials. Caches are told that others get another.
func (c *cors) allow(h http.Header, r *http.Request) {
	if c != nil && len(c.origins) > 0 {
		h.Add("Vary", originHeader)
	}
	if origin, ok := c.speaksTo(r); ok {
		h.Set(allowOriginHeader, origin)
		h.Set(allowCredentialsHeader, "true")
		h.Set(exposeHeader, "WWW-Authenticate, "+decisionHeader)
	}
}

// share is allow for an answer that scripts of any other origin may read as well, if they
// sent no credentials: it tells them nothing that they could not ask for themselves.
func (c *cors) share(h http.Header, r *http.Request) {
	h.Set(allowOriginHeader, "*")
	h.Set(exposeHeader, "WWW-Authenticate, "+decisionHeader)
	c.allow(h, r)
}

// lend lets scripts of the site's list read what the application answers, unless it has
// an opinion of its own about who may.
func (c *cors) lend(w *hygiene.ResponseGuard, r *http.Request) {
	if c == nil || len(c.origins) == 0 {
		return
	}
	w.OnHeader = varyByOrigin
	if origin, ok := c.speaksTo(r); ok {
		w.OnHeader = func(h http.Header) {
			if h[allowOriginHeader] == nil {
				h.Add("Vary", originHeader)
				h.Set(allowOriginHeader, origin)
				h.Set(allowCredentialsHeader, "true")
			}
		}
	}
}

func varyByOrigin(h http.Header) {
	if h[allowOriginHeader] == nil {
		h.Add("Vary", originHeader)
	}
}

// answer tells a browser what scripts of an origin may send. For an origin that is not on
// the list there is nothing to tell, and so the browser sends nothing.
func (c *cors) answer(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Add("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
	if origin, ok := c.speaksTo(r); ok {
		h.Set(allowOriginHeader, origin)
		h.Set(allowCredentialsHeader, "true")
		h.Set("Access-Control-Allow-Methods", c.methods)
		h.Set("Access-Control-Allow-Headers", c.headers)
		h.Set("Access-Control-Max-Age", c.maxAge)
	}
	w.WriteHeader(http.StatusNoContent)
}

// answerPreflight answers a preflight, or passes it on without anybody's identity. What
// the real request needs is judged when it comes. Only what nobody may do is refused
// already.
func (s *site) answerPreflight(w http.ResponseWriter, r *http.Request, said policy.Risk, next caddyhttp.Handler) error {
	if !s.cors.pass {
		s.cors.answer(w, r)
		return nil
	}
	// A browser sends none of these along. Whoever does is no browser, and would have them
	// act for somebody unjudged.
	delete(r.Header, "Authorization")
	delete(r.Header, "Cookie")
	r.Body = http.NoBody
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		s.app.log.Error("a preflight came without Caddy's replacer")
		s.pages.Problem(w, r, http.StatusInternalServerError)
		return nil
	}
	newPerson(repl).set(nil)
	judged, err := s.judge(r, said, nil)
	if err != nil {
		s.app.log.Error("judging a preflight", "error", err)
		s.pages.Problem(w, r, http.StatusInternalServerError)
		return nil
	}
	if judged.Demand.IsNever() {
		original := originalOf(r)
		s.refuse(w, r, original, nil, judged, false)
		return nil
	}
	// The application may take OPTIONS for any other method. What it needs in order to tell
	// who may ask is left of the request, and what it says about that of its answer.
	r.URL.RawQuery, r.URL.ForceQuery, r.RequestURI = "", false, r.URL.EscapedPath()
	guard := s.hygiene.GuardResponse(preflightAnswer{w})
	guard.OnHeader = preflightOnly
	defer guard.Done()
	return next.ServeHTTP(guard, r)
}

// preflightAnswer lets no body through.
type preflightAnswer struct{ http.ResponseWriter }

func (preflightAnswer) Write(p []byte) (int, error) { return len(p), nil }

// Unwrap serves [http.ResponseController].
func (a preflightAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// preflightOnly keeps what a preflight asks for.
func preflightOnly(h http.Header) {
	for name := range h {
		switch {
		case strings.HasPrefix(name, "Access-Control-"), name == "Vary", name == "Allow", name == "Date", name == "Server", name == "Retry-After":
		default:
			delete(h, name)
		}
	}
}
