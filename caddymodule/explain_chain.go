package caddymodule

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// An imagined request goes through the routes of a server as a real one does: real
// matchers, rewrites and handle blocks. What is not run is whatever could have an effect:
// an imagined POST must never reach an application, also where no gateway stands before it.

// harmless are the handlers of Caddy's standard modules that do nothing but answer, or
// change what the matchers and handlers behind them see of the request.
var harmless = map[string]bool{
	"http.handlers.error":           true,
	"http.handlers.headers":         true,
	"http.handlers.map":             true,
	"http.handlers.request_body":    true,
	"http.handlers.rewrite":         true,
	"http.handlers.static_response": true,
	"http.handlers.vars":            true,
}

// passive are those that hand every request on as it is, and are about the answer, the log
// or the connection.
var passive = map[string]bool{
	"http.handlers.copy_response_headers": true,
	"http.handlers.encode":                true,
	"http.handlers.intercept":             true,
	"http.handlers.log_append":            true,
	"http.handlers.push":                  true,
	"http.handlers.templates":             true,
	"http.handlers.timeouts":              true,
	"http.handlers.tracing":               true,
}

// final are those that answer, or have somebody else answer.
var final = map[string]bool{
	"http.handlers.acme_server":   true,
	"http.handlers.copy_response": true,
	"http.handlers.file_server":   true,
	"http.handlers.metrics":       true,
	"http.handlers.reverse_proxy": true,
}

// A chain is one way of an imagined request through the routes of a server.
type chain struct {
	x      *imagined
	server *caddyhttp.Server
	w      *unheard
	groups map[string]bool // those of which a route has matched

	reached bool   // a gateway has judged the request
	by      string // the module that answered before any
	unknown []string
}

// routes is [caddyhttp.RouteList.Compile] with handlers that may be left out.
func (c *chain) routes(routes caddyhttp.RouteList, next caddyhttp.Handler) caddyhttp.Handler {
	for i := len(routes) - 1; i >= 0; i-- {
		next = c.route(&routes[i], next)
	}
	return next
}

func (c *chain) route(route *caddyhttp.Route, next caddyhttp.Handler) caddyhttp.Handler {
	return caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		if route.Group != "" && c.groups[route.Group] {
			return next.ServeHTTP(w, r)
		}
		in, err := route.MatcherSets.AnyMatchWithError(r)
		if err != nil {
			return err
		}
		if !in {
			return next.ServeHTTP(w, r)
		}
		if route.Group != "" {
			c.groups[route.Group] = true
		}
		handler := next
		if route.Terminal {
			handler = nobody
		}
		for i := len(route.Handlers) - 1; i >= 0; i-- {
			handler = c.handler(route.Handlers[i], handler)
		}
		return handler.ServeHTTP(w, r)
	})
}

// nobody is the end of a chain where nothing has answered.
var nobody = caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })

// handler is one handler of a route, with the rest behind it.
func (c *chain) handler(handler caddyhttp.MiddlewareHandler, next caddyhttp.Handler) caddyhttp.Handler {
	return caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		switch h := handler.(type) {
		case *Handler:
			c.reached = true
			return h.ServeHTTP(w, r, next)
		case *caddyhttp.Subroute:
			err := c.routes(h.Routes, next).ServeHTTP(w, r)
			if err != nil && h.Errors != nil {
				r = h.Errors.WithError(r, err)
				return c.routes(h.Errors.Routes, next).ServeHTTP(w, r)
			}
			return err
		case *caddyhttp.Invoke:
			if route, ok := c.server.NamedRoutes[h.Name]; ok {
				return c.route(route, next).ServeHTTP(w, r)
			}
			return errNoSuchRoute
		}
		module := caddy.GetModuleID(handler)
		switch {
		case final[module]:
			c.by = module
			return nil
		case passive[module]:
			return next.ServeHTTP(w, r)
		case !harmless[module]:
			c.unknown = append(c.unknown, module)
			return next.ServeHTTP(w, r)
		}
		err := handler.ServeHTTP(w, r, next)
		if c.by == "" && !c.reached && (err != nil || c.w.status != 0) {
			c.by = module
		}
		return err
	})
}

var errNoSuchRoute = errors.New("no named route of that name")

// An unheard answer is one to an imagined request, as far as it matters.
type unheard struct {
	header http.Header
	status int
}

func (u *unheard) Header() http.Header { return u.header }

func (u *unheard) WriteHeader(status int) {
	if u.status == 0 && status >= http.StatusOK {
		u.status = status
	}
}

func (u *unheard) Write(p []byte) (int, error) {
	u.WriteHeader(http.StatusOK)
	return len(p), nil
}
