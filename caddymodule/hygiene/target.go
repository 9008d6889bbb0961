package hygiene

import (
	"net/http"
	"net/url"
	"strings"
)

// cleanTarget judges every form in which the target is known, then makes URL and
// RequestURI say the same, in one canonical way.
func (r *Rules) cleanTarget(req *http.Request, received string) error {
	u := req.URL
	switch {
	case u.Opaque != "" || u.User != nil:
		return refuse(NotAPath)
	case u.Fragment != "" || u.RawFragment != "":
		return refuse(Fragment)
	}
	// A path is judged once: all forms are the same unless something was rewritten or
	// strangely spelled.
	var good, path, escaped string
	for _, target := range [...]string{received, req.RequestURI} {
		if target == "" {
			continue
		}
		raw, err := splitTarget(target, req.Host)
		if err != nil {
			return err
		}
		if raw == good {
			continue
		}
		if path, escaped, err = r.judgePath(raw); err != nil {
			return err
		}
		good = raw
	}

	raw := u.EscapedPath()
	if raw == "" && u.Host != "" {
		raw = "/" // http://host: RFC 9112 section 3.2.2
	}
	if raw != good {
		var err error
		if path, escaped, err = r.judgePath(raw); err != nil {
			return err
		}
	}
	if err := judgeQuery(u.RawQuery); err != nil {
		return err
	}

	if u.Path != path || raw != escaped || u.RawPath != "" && u.RawPath != escaped {
		u.Path, u.RawPath = path, ""
		if u.EscapedPath() != escaped {
			u.RawPath = escaped
		}
	}
	u.RawQuery = escapeQuery(u.RawQuery)
	u.Scheme, u.Host, u.OmitHost = "", "", false
	if !isTarget(req.RequestURI, escaped, u) {
		req.RequestURI = u.RequestURI()
	}
	return nil
}

// isTarget reports whether uri is what u.RequestURI says, without building that.
func isTarget(uri, escaped string, u *url.URL) bool {
	rest, ok := strings.CutPrefix(uri, escaped)
	if !ok {
		return false
	}
	if u.RawQuery == "" && !u.ForceQuery {
		return rest == ""
	}
	return rest != "" && rest[0] == '?' && rest[1:] == u.RawQuery
}

// splitTarget takes the raw path out of a request target (RFC 9112 section 3.2) and
// judges everything around it.
func splitTarget(target, host string) (string, error) {
	before, query, _ := strings.Cut(target, "?")
	if err := judgeQuery(query); err != nil {
		return "", err
	}
	if before != "" && before[0] == '/' {
		return before, nil
	}
	scheme, rest, ok := strings.Cut(before, "://")
	if !ok || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return "", refuse(NotAPath) // opaque, authority-form, * and nonsense
	}
	authority, path := rest, "/"
	if slash := strings.IndexByte(rest, '/'); slash >= 0 {
		authority, path = rest[:slash], rest[slash:]
	}
	if authority == "" || !strings.EqualFold(authority, host) {
		return "", refuse(OtherHost)
	}
	return path, nil
}

// judgeQuery never looks at what a query says, only at bytes that could end the
// request line or the target for somebody.
func judgeQuery(query string) error {
	for i := range len(query) {
		switch c := query[i]; {
		case c <= ' ' || c == 0x7f:
			return refuse(Control)
		case c == '#':
			return refuse(Fragment)
		}
	}
	return nil
}

// escapeQuery escapes bytes outside ASCII. The meaning is the same, and no server
// can take 0x85 or 0xA0 for a blank.
func escapeQuery(query string) string {
	for i := range len(query) {
		if query[i] >= 0x80 {
			var b strings.Builder
			for j := range len(query) {
				if c := query[j]; c >= 0x80 {
					writeEscape(&b, c)
				} else {
					b.WriteByte(c)
				}
			}
			return b.String()
		}
	}
	return query
}

const upperHex = "0123456789ABCDEF"

func writeEscape(b *strings.Builder, c byte) {
	b.WriteByte('%')
	b.WriteByte(upperHex[c>>4])
	b.WriteByte(upperHex[c&15])
}

// Readings are the paths that servers may take an accepted target for, the forwarded
// one first. A site that opened no class has one reading only. A site that did must
// ask its policy about each and join the answers: then being lenient about paths is
// never being lenient about who may open them.
func (r *Rules) Readings(u *url.URL) []string {
	if r.lenient == 0 {
		return []string{u.Path}
	}
	d := decode(u.EscapedPath())
	return d.readings(r.lenient)
}

// OneReading reports whether the site opened no class, so that a target has no reading but
// the forwarded one.
func (r *Rules) OneReading() bool { return r.lenient == 0 }

// underPrefix reports whether a server that folds case would take path for one of
// the gateway's pages.
func (r *Rules) underPrefix(path string) bool {
	for _, prefix := range r.prefixes {
		n := len(prefix)
		if len(path) >= n && strings.EqualFold(path[:n], prefix) && (len(path) == n || path[n] == '/') {
			return true
		}
	}
	return false
}
