package caddymodule

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// imagine judges an imagined request by a configuration that was provisioned, whether it
// runs or not. The error says why that cannot be done; that a request would be refused is
// none.
func imagine(ctx context.Context, app *caddyhttp.App, x *imagined) (*Explanation, error) {
	origin, _, err := x.parts()
	if err != nil {
		return nil, err
	}
	servers := serversFor(app, origin)
	if len(servers) == 0 {
		return nil, fmt.Errorf("no server of this configuration listens for %s", origin)
	}
	var first *Explanation
	for _, server := range servers {
		e, reached, err := x.through(ctx, server)
		if err != nil {
			return nil, err
		}
		if reached {
			return e, nil
		}
		first = cmp.Or(first, e)
	}
	return first, nil
}

// serversFor are the servers that an origin may be served by: those that listen at its
// port and, where something in front translates ports, those with a gateway that answers
// for it.
func serversFor(app *caddyhttp.App, origin *url.URL) (servers []*caddyhttp.Server) {
	port := cmp.Or(origin.Port(), map[string]string{"http": "80", "https": "443"}[origin.Scheme])
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil
	}
	listens := func(address string) bool {
		at, err := caddy.ParseNetworkAddress(address)
		return err == nil && !at.IsUnixNetwork() && !at.IsFdNetwork() && uint64(at.StartPort) <= number && number <= uint64(at.EndPort)
	}
	for _, name := range slices.Sorted(maps.Keys(app.Servers)) {
		if slices.ContainsFunc(app.Servers[name].Listen, listens) {
			servers = append(servers, app.Servers[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(app.Servers)) {
		server := app.Servers[name]
		answers := func(h *Handler) bool { return slices.Contains(h.Origins, origin.String()) }
		if !slices.Contains(servers, server) && slices.ContainsFunc(gatewaysIn(server), answers) {
			servers = append(servers, server)
		}
	}
	return servers
}

// gatewaysIn finds our handlers in the routes of a provisioned server.
func gatewaysIn(server *caddyhttp.Server) (found []*Handler) {
	var look func(routes caddyhttp.RouteList)
	look = func(routes caddyhttp.RouteList) {
		for _, route := range routes {
			for _, handler := range route.Handlers {
				switch h := handler.(type) {
				case *Handler:
					found = append(found, h)
				case *caddyhttp.Subroute:
					look(h.Routes)
				}
			}
		}
	}
	look(server.Routes)
	for _, name := range slices.Sorted(maps.Keys(server.NamedRoutes)) {
		look(caddyhttp.RouteList{*server.NamedRoutes[name]})
	}
	return found
}

// through sends the request through the routes of one server.
func (x *imagined) through(ctx context.Context, server *caddyhttp.Server) (_ *Explanation, reached bool, err error) {
	x.out = nil
	r, err := x.request(ctx, server)
	if err != nil {
		origin, target, _ := x.parts()
		return &Explanation{
			Method: x.Method, Target: target, Site: origin.String(),
			Answer: ExplainedAnswer{Verdict: string(verdictBadTarget), Status: http.StatusBadRequest, Why: "no server reads it as a request: " + err.Error()},
		}, true, nil
	}
	c := &chain{x: x, server: server, w: &unheard{header: make(http.Header)}, groups: make(map[string]bool)}
	if err = c.run(r); errors.Is(err, errPanicked) {
		return nil, c.reached, err // what was found out so far is not to be relied on
	}
	if !c.reached {
		x.out = &Explanation{
			Method: r.Method, Target: r.URL.Path, Query: queryNames(r.URL), Client: x.client(r),
			Answer: c.answer(err),
		}
	} else if x.out == nil {
		return nil, true, errors.New("the gateway has said nothing") // its explain always does
	}
	for _, module := range c.unknown {
		x.note("%s comes before and was not run: it may have an answer of its own.", module)
	}
	return x.out, c.reached, nil
}

// answer is what becomes of a request that no gateway has judged.
func (c *chain) answer(err error) ExplainedAnswer {
	a := ExplainedAnswer{Verdict: string(verdictAnswered), Status: c.w.status, By: c.by}
	var refused caddyhttp.HandlerError
	switch at := c.w.header.Get("Location"); {
	case errors.As(err, &refused):
		a.Status, a.Why = refused.StatusCode, "answered before stepgate"
	case err != nil:
		a.Why = "answered before stepgate: " + err.Error()
	case at != "":
		a.Why = "answered before stepgate: it leads to " + at
	case final[c.by] || c.by == "":
		a.Why = "no stepgate guards it"
	default:
		a.Why = "answered before stepgate"
	}
	return a
}

var errPanicked = errors.New("judging an imagined request: something panicked that real ones may not trouble")

// run survives handlers that break the connection off, and whatever panics.
func (c *chain) run(r *http.Request) (err error) {
	defer func() {
		if p := recover(); p == http.ErrAbortHandler {
			c.by, err = cmp.Or(c.by, "http.handlers.static_response"), errors.New("the connection is closed without an answer")
		} else if p != nil { // a handler or matcher of another module, perhaps
			err = fmt.Errorf("%w: %v", errPanicked, p)
		}
	}()
	return c.routes(c.server.Routes, nobody).ServeHTTP(c.w, r)
}

// request makes the request as a server would have read it, with what Caddy's server finds
// out before the first route.
func (x *imagined) request(ctx context.Context, server *caddyhttp.Server) (*http.Request, error) {
	origin, target, err := x.parts()
	if err != nil {
		return nil, err
	}
	parsed, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, err
	}
	r := &http.Request{
		Method: x.Method, URL: parsed, RequestURI: target, Host: origin.Host, Header: x.Header.Clone(), Body: http.NoBody,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RemoteAddr: net.JoinHostPort(x.from().String(), "49152"),
	}
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	if len(server.ExpectedUnderscoreHeaders)+len(server.ExpectedDotHeaders) == 0 {
		maps.DeleteFunc(r.Header, func(name string, _ []string) bool { return strings.ContainsAny(name, "_.") }) // as Caddy does
	}
	if origin.Scheme == "https" && len(server.TLSConnPolicies) > 0 {
		r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/2.0", 2, 0
		r.TLS = &tls.ConnectionState{
			Version: tls.VersionTLS13, HandshakeComplete: true, ServerName: origin.Hostname(), NegotiatedProtocol: "h2",
		}
	}
	ctx = context.WithValue(x.in(ctx), http.LocalAddrContextKey, localAddr(origin))
	r = caddyhttp.PrepareRequest(r.WithContext(ctx), caddy.NewReplacer(), &unheard{header: make(http.Header)}, server)
	if !x.Direct {
		// Who the proxies are is theirs to know. Everything else is as if one of them had
		// passed the request on for the client.
		caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, x.from().String())
		if server.TrustedProxiesStrict > 0 {
			caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, true)
		}
	}
	return r, nil
}

// localAddr is where a server takes requests for an origin, as far as the origin says.
func localAddr(origin *url.URL) net.Addr {
	port, err := strconv.Atoi(origin.Port())
	if err != nil {
		port = map[string]int{"http": 80}[origin.Scheme]
	}
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: cmp.Or(port, 443)}
}
