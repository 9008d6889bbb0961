package caddymodule

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// parseOrigin reads a site's public address: scheme, host and perhaps a port, and
// nothing else. It returns the form that browsers use (RFC 6454 section 6.1): lower
// case, A-labels, no default port.
//
// Plain http is for loopback hosts, where browsers treat it as safe: anywhere else
// the session cookie would be readable on the way.
func parseOrigin(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Opaque != "" {
		return "", fmt.Errorf("%q is not an origin: write scheme and host, such as https://app.example.com", s)
	}
	if u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		err := fmt.Errorf("an origin is only scheme, host and port; %q says more", s)
		if bare, bad := parseOrigin(u.Scheme + "://" + u.Host); bad == nil {
			err = fmt.Errorf("%w: write %s", err, bare)
		}
		return "", err
	}
	host, err := canonicalHost(u.Hostname())
	if err != nil {
		return "", fmt.Errorf("origin %q: %w", s, err)
	}
	port := u.Port()
	if n, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || n == 0) {
		return "", fmt.Errorf("origin %q: the port must be a number from 1 to 65535", s)
	}
	switch u.Scheme {
	case "https":
	case "http":
		if !loopbackHost(host) {
			return "", fmt.Errorf("origin %q: plain http is only for localhost: use https, "+
				"or, where something in front of Caddy does the TLS, say `origin https://%s`", s, host)
		}
	default:
		return "", fmt.Errorf("origin %q: the scheme must be https (or http on localhost)", s)
	}
	return u.Scheme + "://" + joinPort(host, port, u.Scheme), nil
}

// canonicalHost lowers a host name to A-labels, or writes an IP address the one way.
func canonicalHost(host string) (string, error) {
	if strings.ContainsAny(host, "*{}") {
		return "", fmt.Errorf("the host must be one definite name, not %q", host)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Zone() != "" || ip.IsUnspecified() {
			return "", fmt.Errorf("%s is no address that a browser can open", host)
		}
		return ip.Unmap().String(), nil
	}
	ascii, err := hostProfile.ToASCII(strings.TrimSuffix(host, "."))
	if err != nil || ascii == "" || len(ascii) > 253 {
		return "", fmt.Errorf("%q is not a host name", host)
	}
	return ascii, nil
}

func joinPort(host, port, scheme string) string {
	if port == "" || (scheme == "https" && port == "443") || (scheme == "http" && port == "80") {
		if strings.Contains(host, ":") {
			return "[" + host + "]"
		}
		return host
	}
	return net.JoinHostPort(host, port)
}

// loopbackHost reports whether a host can only be this machine: 127.0.0.0/8, ::1,
// and the names that RFC 6761 section 6.3 reserves.
func loopbackHost(host string) bool {
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return ip.Unmap().IsLoopback()
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// loopbackOrigin is loopbackHost for what parseOrigin returned.
func loopbackOrigin(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && loopbackHost(u.Hostname())
}

// hostOf is the host, with the port if it is not the default, of an origin: what a
// browser sends as Host.
func hostOf(origin string) string {
	_, host, _ := strings.Cut(origin, "://")
	return host
}
