package hygiene

import (
	"net/http"
	"strings"
)

// protocolHeader is where net/http puts the pseudo-header of an extended CONNECT.
const protocolHeader = ":protocol"

// cleanHeader removes whatever could speak for somebody else. It must come before the
// gateway sets its own headers: what Connection nominates is dropped by any proxy
// behind, so a client could name our headers there.
func (r *Rules) cleanHeader(req *http.Request, extended bool) {
	h := req.Header
	upgrade := wantsWebsocket(req)
	trailers := hasToken(h["Te"], "trailers")

	var buf [longestName]byte
	for name := range h {
		if r.headerGoes(name, &buf) {
			delete(h, name)
		}
	}
	if values := h["Authorization"]; values != nil && (!r.passAuthorize || len(values) != 1) {
		delete(h, "Authorization")
	}
	r.cleanCookies(h)

	if upgrade {
		h["Connection"] = []string{"Upgrade"}
		h["Upgrade"] = []string{"websocket"}
	}
	if trailers {
		h["Te"] = []string{"trailers"} // gRPC servers insist
	}
	if extended && req.ProtoMajor == 2 {
		h[protocolHeader] = []string{"websocket"}
	}
}

func (r *Rules) headerGoes(name string, buf *[longestName]byte) bool {
	folded, odd := fold(buf, name)
	return len(folded) == 0 || name[0] == ':' || r.headers.holds(folded) || odd && aliasedHeaders.holds(folded)
}

// wantsWebsocket reports the one upgrade that is let through: a websocket handshake
// (RFC 6455 section 4.1). Anything else, h2c above all, would carry requests past the
// policy. A handshake has no body that could hide another request.
func wantsWebsocket(req *http.Request) bool {
	upgrade := req.Header["Upgrade"]
	return req.ProtoMajor == 1 && req.Method == http.MethodGet && req.ContentLength == 0 &&
		len(upgrade) == 1 && strings.EqualFold(upgrade[0], "websocket") &&
		hasToken(req.Header["Connection"], "upgrade")
}

// hasToken looks for a token in a comma-separated list, over all its lines.
func hasToken(values []string, token string) bool {
	for _, value := range values {
		for value != "" {
			var item string
			item, value, _ = strings.Cut(value, ",")
			if strings.EqualFold(strings.Trim(item, " \t"), token) {
				return true
			}
		}
	}
	return false
}
