package hygiene

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Options are what a site says about its requests. The zero Options are the
// strictest.
type Options struct {
	// Lenient opens classes of targets that are refused otherwise. Judge a request
	// that uses one by all of [Rules.Readings].
	Lenient []Class
	// Strip names headers that mean something between gateway and application: those
	// the site injects, those it takes the risk from, and what marks the gateway's own
	// answers. They are removed from every request, and the application cannot send them.
	Strip []string
	// Allow exempts headers from the built-in list of overrides, for a site whose
	// trusted proxy sets them. Identity headers cannot be exempted.
	Allow []string
	// Cookies names the gateway's own cookies; a name that ends in * stands for all
	// that begin so.
	Cookies []string
	// PassAuthorization lets the client's Authorization reach the application.
	// Default: it is removed.
	PassAuthorization bool
	// Prefixes are the paths of the gateway's own pages, such as /.auth. Whatever reads
	// like one of them and has come this far is refused.
	Prefixes []string
}

// Rules are a site's compiled Options. They are safe for concurrent use.
type Rules struct {
	lenient       classes
	headers       nameSet
	own           nameSet // Options.Strip
	cookies       nameSet
	passAuthorize bool
	prefixes      []string
}

// New compiles options. It refuses unknown classes, names that are no names, and an
// exemption that would let an identity through or that exempts from nothing.
func New(o Options) (*Rules, error) {
	lenient, err := parseClasses(o.Lenient)
	if err != nil {
		return nil, err
	}
	for _, prefix := range o.Prefixes {
		if !strings.HasPrefix(prefix, "/") || strings.HasSuffix(prefix, "/") {
			return nil, fmt.Errorf("reading prefixes: %q must begin with a slash and not end with one", prefix)
		}
	}
	r := &Rules{lenient: lenient, passAuthorize: o.PassAuthorization, prefixes: slices.Clone(o.Prefixes)}
	if r.own, err = newNameSet(o.Strip); err != nil {
		return nil, fmt.Errorf("reading headers to strip: %w", err)
	}
	for _, name := range []string{"Host", "Cookie", "Set-Cookie", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "Trailer"} {
		if r.own.has(foldName(name)) {
			return nil, fmt.Errorf("reading headers to strip: %s cannot be one: requests and responses need it", name)
		}
	}
	if r.cookies, err = newNameSet(o.Cookies); err != nil {
		return nil, fmt.Errorf("reading cookie names: %w", err)
	}
	allow, err := newNameSet(o.Allow)
	if err != nil {
		return nil, fmt.Errorf("reading headers to allow: %w", err)
	}
	for name := range allow.exact {
		if !overrideHeaders.has(name) {
			return nil, fmt.Errorf("allowing header %q: only these may be allowed: %s", name, strings.Join(overrides, ", "))
		}
	}
	if len(allow.prefix) > 0 {
		return nil, fmt.Errorf("allowing headers: name each one, without *")
	}
	r.headers = joinNames(allow.exact, hopHeaders, identityHeaders, overrideHeaders, r.own)
	return r, nil
}

// Refusal is a request that must not be forwarded. Its text is safe to show.
type Refusal struct {
	Status int // 400, or 405 for a method
	Reason Reason
}

func (r *Refusal) Error() string { return "refusing request: " + string(r.Reason) }

// A Reason is why a request was refused: the name of a [Class], or one of these. The
// set is closed, fit for metrics and tests.
type Reason string

const (
	BadMethod   Reason = "method"       // no method name, or not in upper case
	NotAllowed  Reason = "not_allowed"  // TRACE, TRACK, CONNECT
	NotAPath    Reason = "not_a_path"   // opaque, *, empty, no leading slash, userinfo
	OtherHost   Reason = "other_host"   // absolute-form for another host than Host
	BadHost     Reason = "host"         // characters that no host has
	Fragment    Reason = "fragment"     // a raw #
	Control     Reason = "control"      // control characters or blanks, raw or encoded
	BadEscape   Reason = "bad_escape"   // % without two hexadecimal digits
	InvalidUTF8 Reason = "invalid_utf8" // overlong forms and lone surrogates included
	DotSegment  Reason = "dot_segment"  // . or .. as a segment, raw or encoded
	OwnPrefix   Reason = "own_prefix"   // reads like one of the gateway's own pages
)

func refuse(reason Reason) error { return &Refusal{Status: http.StatusBadRequest, Reason: reason} }

// Clean refuses req with a [*Refusal], or makes it fit to be forwarded. received is
// the request target as it arrived, where routing may have looked at it before a
// rewrite; empty means that req.RequestURI is the one. Both are judged, and so is
// req.URL; what is forwarded is req.URL in canonical form.
//
// Read the gateway's own cookies and a bearer token before: they are gone after it.
// A refused request is unchanged.
func (r *Rules) Clean(req *http.Request, received string) error {
	socket := extendedWebsocket(req)
	if err := judgeMethod(req.Method, socket); err != nil {
		return err
	}
	if !plausibleHost(req.Host) {
		return refuse(BadHost)
	}
	if err := r.cleanTarget(req, received); err != nil {
		return err
	}
	r.cleanHeader(req, socket)
	// net/http fills a Trailer that was announced; without one, proxies send none.
	req.Trailer = nil
	return nil
}

// judgeMethod lets any method pass that every server spells alike. TRACE would show
// the application's headers to scripts; CONNECT is for forward proxies, except where
// it opens a websocket (RFC 8441).
func judgeMethod(method string, socket bool) error {
	switch {
	case method == "":
		method = http.MethodGet // as net/http has it
	case method == http.MethodConnect && socket:
		return nil
	case method == http.MethodTrace, method == "TRACK", method == http.MethodConnect:
		return &Refusal{Status: http.StatusMethodNotAllowed, Reason: NotAllowed}
	}
	for i := range len(method) {
		c := method[i]
		if (c < 'A' || c > 'Z') && (i == 0 || (c < '0' || c > '9') && c != '-' && c != '_') {
			return refuse(BadMethod)
		}
	}
	return nil
}

// extendedWebsocket reports an extended CONNECT over HTTP/2 (where the protocol comes
// as a header) or HTTP/3 (where it comes as req.Proto).
func extendedWebsocket(req *http.Request) bool {
	if req.Method != http.MethodConnect || req.URL.Path == "" {
		return false
	}
	switch req.ProtoMajor {
	case 2:
		protocol := req.Header[protocolHeader]
		return len(protocol) == 1 && protocol[0] == "websocket"
	case 3:
		return req.Proto == "websocket"
	}
	return false
}

// plausibleHost refuses what is no host and port to anybody, such as a host with a
// path. Whether the host is ours is not decided here.
func plausibleHost(host string) bool {
	for i := range len(host) {
		c := host[i]
		if !alphanumeric(c) && c != '.' && c != '-' && c != '_' && c != ':' && c != '[' && c != ']' {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
