package caddymodule

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/stepgate/stepgate/policy"
)

// A riskHeader is one header that tells the risk.
type riskHeader struct {
	name    string // canonical
	numbers []RiskNumber
	bands   []policy.Risk // of numbers
	words   map[string]policy.Risk
	missing policy.Risk
}

// said is the highest risk that the headers of a request tell. It must be asked before
// cleaning takes them away.
func (b *riskbook) said(r *http.Request) policy.Risk {
	if b == nil || len(b.headers) == 0 {
		return policy.NoRisk
	}
	trusted, risk := trustedPeer(r), policy.NoRisk
	for i := range b.headers {
		band, _ := b.headers[i].read(r.Header, trusted)
		risk = max(risk, band)
	}
	return risk
}

// told is what the risk headers of a request held before cleaning took them away, for
// those who ask why it was judged as it was.
type told struct {
	trusted bool
	values  [][]string // in the order of riskbook.headers
}

// told keeps them. It costs nothing where the risk is read from no header.
func (b *riskbook) told(r *http.Request) told {
	if b == nil || len(b.headers) == 0 {
		return told{}
	}
	t := told{trustedPeer(r), make([][]string, len(b.headers))}
	for i := range b.headers {
		t.values[i] = r.Header[b.headers[i].name]
	}
	return t
}

// read judges one header. Whatever is not exactly one value that is understood, from
// somebody who is trusted, counts as missing; why then says so.
func (h *riskHeader) read(header http.Header, trusted bool) (risk policy.Risk, why string) {
	values := header[h.name]
	switch {
	case !trusted:
		return h.missing, "not set by a trusted proxy, so it counts as missing"
	case len(values) == 0:
		return h.missing, "missing"
	case len(values) > 1:
		return h.missing, "given more than once, so it counts as missing"
	}
	if h.words != nil {
		if band, ok := h.words[strings.ToLower(values[0])]; ok {
			return band, ""
		}
		return h.missing, "a word that is not configured, so it counts as missing"
	}
	number, ok := riskNumber(values[0])
	if !ok {
		return h.missing, "no number, so it counts as missing"
	}
	for i, n := range h.numbers {
		if number >= n.From {
			risk = max(risk, h.bands[i])
		}
	}
	return risk, ""
}

// riskNumber reads a plain decimal number: digits, with a point between them perhaps.
// There is no sign, exponent or infinity, and nothing that only some languages read as a
// number.
func riskNumber(text string) (float64, bool) {
	whole, fraction, point := strings.Cut(text, ".")
	if len(text) > 18 || !digitsOnly(whole) || point && !digitsOnly(fraction) {
		return 0, false
	}
	number, err := strconv.ParseFloat(text, 64)
	return number, err == nil
}

func digitsOnly(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// trustedPeer reports whether a request comes from a proxy that may say what a client is
// like: one of the server's trusted proxies, where the server reads their lists from the
// right. Read from the left, a client could write itself into them.
func trustedPeer(r *http.Request) bool {
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	server, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	return trusted && ok && server.TrustedProxiesStrict > 0
}
