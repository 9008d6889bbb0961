package hygiene

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
)

// CleanResponse removes from a response header what an application must not say: our
// cookies in any spelling, the headers that are between it and us, and the wish to
// have all cookies of the site deleted.
func (r *Rules) CleanResponse(h http.Header) {
	var buf [longestName]byte
	for name := range h {
		// The name of a trailer that was not announced has a prefix in net/http.
		folded, _ := fold(&buf, strings.TrimPrefix(name, http.TrailerPrefix))
		if r.own.holds(folded) {
			delete(h, name)
		}
	}
	for _, name := range [...]string{"Set-Cookie", http.TrailerPrefix + "Set-Cookie"} {
		filter(h, name, func(value string) bool {
			return !r.ownCookie(cookieName(value))
		})
	}
	if values := h["Clear-Site-Data"]; values != nil {
		kept := values[:0]
		for _, value := range values {
			if value = spareCookies(value); value != "" {
				kept = append(kept, value)
			}
		}
		set(h, "Clear-Site-Data", kept)
	}
}

// cookieName is the name of a Set-Cookie value. Without one, browsers send the value
// alone, which servers then read as a name.
func cookieName(value string) string {
	pair, _, _ := strings.Cut(value, ";")
	name, _, _ := strings.Cut(strings.TrimLeft(pair, "= \t\""), "=")
	return name
}

// spareCookies takes "cookies" out of a Clear-Site-Data value (W3C Clear Site Data,
// section 3.1): it would end the person's session with the gateway. "*" becomes
// everything else that it means.
func spareCookies(value string) string {
	var kept []string
	for item := range strings.SplitSeq(value, ",") {
		switch item = strings.Trim(item, " \t"); strings.ToLower(strings.Trim(item, `"`)) {
		case "cookies", "":
		case "*":
			kept = append(kept, `"cache"`, `"clientHints"`, `"storage"`, `"executionContexts"`)
		default:
			kept = append(kept, item)
		}
	}
	return strings.Join(kept, ", ")
}

// filter keeps the values of a header that pass, in place.
func filter(h http.Header, name string, pass func(string) bool) {
	values, ok := h[name]
	if !ok || !slices.ContainsFunc(values, func(value string) bool { return !pass(value) }) {
		return
	}
	set(h, name, slices.DeleteFunc(values, func(value string) bool { return !pass(value) }))
}

func set(h http.Header, name string, values []string) {
	if len(values) == 0 {
		delete(h, name)
	} else {
		h[name] = values
	}
}

// GuardResponse wraps w for everything that comes after the gateway: the header is
// cleaned just before it leaves, informational ones (1xx) and the answer to an upgrade
// included. Cookies that the gateway has set on w before stay.
//
// Call [ResponseGuard.Done] when the next handler has returned.
func (r *Rules) GuardResponse(w http.ResponseWriter) *ResponseGuard {
	return &ResponseGuard{ResponseWriter: w, rules: r, ours: slices.Clone(w.Header()["Set-Cookie"])}
}

// A ResponseGuard is a ResponseWriter whose header is cleaned in time. It streams,
// hijacks and copies as well as the writer inside it does.
type ResponseGuard struct {
	http.ResponseWriter
	rules *Rules
	ours  []string // Set-Cookie values of the gateway itself
	wrote bool     // the final header has left

	// OnHeader, if not nil, may change the final header when all else has been done to it.
	OnHeader func(http.Header)

	stream stream
}

// WriteHeader cleans the header and sends it.
func (g *ResponseGuard) WriteHeader(status int) {
	g.clean(status)
	g.ResponseWriter.WriteHeader(status)
}

func (g *ResponseGuard) Write(p []byte) (int, error) {
	g.clean(http.StatusOK)
	if g.stream.over.Load() {
		return 0, errOver
	}
	return g.ResponseWriter.Write(p)
}

// ReadFrom keeps the way open for sendfile and splice.
func (g *ResponseGuard) ReadFrom(src io.Reader) (int64, error) {
	g.clean(http.StatusOK)
	if g.stream.over.Load() {
		return 0, errOver
	}
	if to, ok := g.ResponseWriter.(io.ReaderFrom); ok {
		return to.ReadFrom(src)
	}
	return io.Copy(g.ResponseWriter, src)
}

// Flush is [ResponseGuard.FlushError] for those who cannot use its answer.
func (g *ResponseGuard) Flush() { _ = g.FlushError() }

// FlushError sends what is buffered, and with it the header.
func (g *ResponseGuard) FlushError() error {
	g.clean(http.StatusOK)
	if g.stream.over.Load() {
		return errOver
	}
	return http.NewResponseController(g.ResponseWriter).Flush()
}

// Hijack hands over the connection. Whoever writes a response to it by hand has called
// WriteHeader before, as Caddy's proxy does, or answers for it.
func (g *ResponseGuard) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(g.ResponseWriter).Hijack()
	if err == nil {
		err = g.stream.took(conn)
	}
	return conn, buffered, err
}

// Push starts a server push where the writer inside can.
func (g *ResponseGuard) Push(target string, opts *http.PushOptions) error {
	if pusher, ok := g.ResponseWriter.(http.Pusher); ok {
		return pusher.Push(target, opts)
	}
	return http.ErrNotSupported
}

// Unwrap serves [http.ResponseController], for deadlines and full duplex.
func (g *ResponseGuard) Unwrap() http.ResponseWriter { return g.ResponseWriter }

// Done cleans what is left in the header when the handler has returned: a header that
// net/http sends by itself, and trailers. Nothing is ended any more after it.
func (g *ResponseGuard) Done() {
	if g.wrote {
		g.rules.CleanResponse(g.Header())
	}
	g.clean(http.StatusOK)
	g.stream.finish()
}

func (g *ResponseGuard) clean(status int) {
	if g.wrote {
		return
	}
	h := g.Header()
	g.rules.CleanResponse(h)
	if status < 200 && status != http.StatusSwitchingProtocols {
		return
	}
	g.wrote = true
	// The cleaning took ours as well, since nobody can tell whose they are; put back
	// what was there first.
	for _, cookie := range g.ours {
		if !slices.Contains(h["Set-Cookie"], cookie) {
			h["Set-Cookie"] = append(h["Set-Cookie"], cookie)
		}
	}
	if g.OnHeader != nil {
		g.OnHeader(h)
	}
	g.watch(h)
}
