package caddymodule

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// A header tells the risk only where it comes from a proxy in front, and then only where
// Caddy reads lists of proxies from the right: from the left, whoever asks could write
// themselves into them. Requests are judged so whatever the configuration says
// ([trustedPeer]); without such a proxy each of them would count as missing, so that the
// header would be a mistake.

func notStrict(header, where string) error {
	return fmt.Errorf("header %s tells a risk only if a strictly trusted proxy sets it, and %s none: write into the global options "+
		"`servers { … }` with the lines `trusted_proxies static 10.0.0.0/8` (the addresses of what is in front of Caddy) and `trusted_proxies_strict`", header, where)
}

// checkServer refuses risk headers on a server that trusts nobody strictly.
func (r *Risk) checkServer(ctx caddy.Context) error {
	if r == nil || len(r.Headers) == 0 {
		return nil
	}
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok || server.TrustedProxiesStrict > 0 {
		return nil
	}
	return notStrict(r.headerNames()[0], fmt.Sprintf("the server at %s has", strings.Join(server.Listen, ", ")))
}

// checkServers is the same for a Caddyfile, where the line can be named. Which server the
// site will be on shows only later: here one that does must exist.
func (p *siteParser) checkServers() error {
	if len(p.riskHeaders) == 0 {
		return nil
	}
	if strict, known := anyStrict(p.Helper); !known || strict {
		return nil
	}
	return p.riskHeaders[0].wrap(notStrict(p.handler.Risk.headerNames()[0], "there is"))
}

// anyStrict reports whether the global option servers trusts proxies strictly, for any
// server.
//
// Caddy has no type for it that others could use, so this reads (and only reads) fields by
// their names. If a later Caddy calls them otherwise, known is false: then only
// provisioning finds out.
func anyStrict(h httpcaddyfile.Helper) (strict, known bool) {
	option := h.Option("servers")
	if option == nil {
		return false, true
	}
	servers := reflect.ValueOf(option)
	if servers.Kind() != reflect.Slice {
		return false, false
	}
	for i := range servers.Len() {
		server := servers.Index(i)
		if server.Kind() != reflect.Struct {
			return false, false
		}
		proxies, hops, unix := server.FieldByName("TrustedProxiesRaw"), server.FieldByName("TrustedProxiesStrict"), server.FieldByName("TrustedProxiesUnix")
		if proxies.Kind() != reflect.Slice || hops.Kind() != reflect.Int || unix.Kind() != reflect.Bool {
			return false, false
		}
		strict = strict || (proxies.Len() > 0 || unix.Bool()) && hops.Int() > 0
	}
	return strict, true
}
