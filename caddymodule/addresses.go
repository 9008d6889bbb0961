package caddymodule

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// siteAddresses returns the addresses in front of the site block that h is in.
//
// Caddy gives directives no way to ask for them, so this reads (and only reads) a
// private field by its name. If a later Caddy calls it otherwise, no address is
// found, and the site must say its origin: an error when the configuration is
// loaded, and a test of ours that fails first.
func siteAddresses(h httpcaddyfile.Helper) []string {
	keys := reflect.ValueOf(h).FieldByName("parentBlock")
	if keys.Kind() != reflect.Struct {
		return nil
	}
	keys = keys.FieldByName("Keys")
	if keys.Kind() != reflect.Slice {
		return nil
	}
	var addresses []string
	for i := range keys.Len() {
		key := keys.Index(i)
		if key.Kind() != reflect.Struct || key.FieldByName("Text").Kind() != reflect.String {
			return nil
		}
		addresses = append(addresses, key.FieldByName("Text").String())
	}
	return addresses
}

// deriveOrigins makes origins of a site's addresses. Its error says why it cannot,
// and what to do.
func deriveOrigins(h httpcaddyfile.Helper) ([]string, error) {
	addresses := siteAddresses(h)
	if h.IsNamedRoute() || len(addresses) == 0 {
		return nil, fmt.Errorf("a named route has no address of its own: say `origin https://…`")
	}
	var origins []string
	for _, address := range addresses {
		origin, err := deriveOrigin(h, address)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(origins, origin) {
			origins = append(origins, origin)
		}
	}
	return origins, nil
}

func deriveOrigin(h httpcaddyfile.Helper, address string) (string, error) {
	a, err := httpcaddyfile.ParseAddress(address)
	if err != nil {
		return "", err
	}
	a = a.Normalize()
	if a.Host == "" || strings.ContainsAny(a.Host, "*{}") {
		return "", fmt.Errorf("the site address %s is no definite name: say `origin https://…` with the one that people open", address)
	}
	scheme, err := derivedScheme(h, a)
	if err != nil {
		return "", err
	}
	port := a.Port
	if port == "" && loopbackHost(a.Host) {
		// Nothing forwards the usual ports to another on one's own machine.
		port = optionPort(h, scheme+"_port")
	}
	return parseOrigin(scheme + "://" + joinPort(strings.Trim(a.Host, "[]"), port, scheme))
}

func derivedScheme(h httpcaddyfile.Helper, a httpcaddyfile.Address) (string, error) {
	switch {
	case a.Scheme != "":
		return a.Scheme, nil
	case a.Port != "" && (a.Port == "80" || a.Port == optionPort(h, "http_port")):
		return "http", nil
	}
	if auto, _ := h.Option("auto_https").([]string); slices.Contains(auto, "off") {
		return "", fmt.Errorf("with auto_https off, the site address %s may mean http or https: write it with the scheme, or say `origin https://…`", a.Original)
	}
	return "https", nil
}

func optionPort(h httpcaddyfile.Helper, name string) string {
	if port, ok := h.Option(name).(int); ok {
		return strconv.Itoa(port)
	}
	return ""
}
