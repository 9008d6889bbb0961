package nativeapi

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// The headers of CORS (Fetch standard, section 3.2). Scripts send these, and read those.
var (
	sentHeaders = []string{
		"content-type", "client-request-id", "x-client-sku", "x-client-ver", "x-client-os", "x-client-cpu",
		"x-client-current-telemetry", "x-client-last-telemetry",
	}
	readHeaders = "x-ms-request-id, client-request-id"
)

const (
	correlationHeader = "Client-Request-Id"
	preflightLife     = "7200" // seconds; the longest that every browser heeds
	maxAskedHeaders   = 1024   // of an Access-Control-Request-Headers that is looked at
)

var uuidForm = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// newUUID returns a random UUID (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: the runtime ends the program first
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// correlationOf is the id under which a client follows its calls. One SDK sends it in
// the query string of the refresh call; SDKs drop an answer with an id that is no UUID.
func correlationOf(r *http.Request) string {
	id := r.Header.Get(correlationHeader)
	if id == "" && len(r.URL.RawQuery) < maxToken {
		id = r.URL.Query().Get("client-request-id")
	}
	if uuidForm.MatchString(id) {
		return id
	}
	return newUUID()
}

// setHeaders sets what every answer has. One SDK reads the correlation id from
// x-ms-request-id and goes on with it, so both headers say the same.
func setHeaders(h http.Header, correlation string) {
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Origin")
	h.Set(correlationHeader, correlation)
	h.Set("X-Ms-Request-Id", correlation)
}

// checkOrigin lets scripts of the site itself and of its clients read the answer. A
// call from any other origin is refused rather than only hidden: it would have moved a
// flow. Calls without an origin come from no script.
func (f *Face) checkOrigin(w http.ResponseWriter, r *http.Request) *problem {
	given := r.Header["Origin"]
	if given == nil {
		return nil
	}
	if len(given) != 1 || !f.origins[given[0]] {
		return foreignOrigin()
	}
	allowOrigin(w.Header(), given[0])
	return nil
}

func allowOrigin(h http.Header, origin string) {
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", readHeaders)
}

// checkClientOrigin is checkOrigin once it is known which client the call is of.
func (f *Face) checkClientOrigin(w http.ResponseWriter, r *http.Request, c *Client) *problem {
	origin := r.Header.Get("Origin")
	if origin == "" || origin == f.cfg.Site.Origin || slices.Contains(c.Origins, origin) {
		return nil
	}
	w.Header().Del("Access-Control-Allow-Origin")
	w.Header().Del("Access-Control-Expose-Headers")
	return foreignOrigin()
}

func foreignOrigin() *problem {
	return invalid(codeOrigin, "Scripts of this origin may not call. The client's configuration must name it.")
}

// preflight answers a browser that asks before it calls. Applications may add headers
// of their own that begin with x-.
func preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
	h.Set("Access-Control-Allow-Methods", http.MethodPost)
	h.Set("Access-Control-Max-Age", preflightLife)
	allowed := slices.Clone(sentHeaders)
	if asked := r.Header.Get("Access-Control-Request-Headers"); len(asked) <= maxAskedHeaders {
		for name := range strings.SplitSeq(asked, ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			if ownHeader.MatchString(name) && !slices.Contains(allowed, name) {
				allowed = append(allowed, name)
			}
		}
	}
	h.Set("Access-Control-Allow-Headers", strings.Join(allowed, ", "))
	h.Del("Content-Type")
	w.WriteHeader(http.StatusNoContent)
}

// ownHeader is the name of a header that applications may add.
var ownHeader = regexp.MustCompile(`^x-[a-z0-9-]{1,62}$`)
