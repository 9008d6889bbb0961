package caddymodule

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"golang.org/x/net/http/httpguts"
)

// CORS says which scripts of other origins may use the application in the name of whoever
// is signed in. It never changes what a request needs. Either origins are named, or
// preflights pass to the application.
type CORS struct {
	// Hand preflights on to the application, without anybody's identity and unless a rule
	// denies them. What it answers, then and later, is its own. Default: false.
	Pass bool `json:"pass,omitempty"`

	// The origins, such as https://app.example.com: https, or http on localhost. The gateway
	// answers their preflights, and lets them read its own answers and those of the
	// application that say nothing about it.
	Origins []string `json:"origins,omitempty"`

	// The methods they may use. Default: GET, HEAD, POST, PUT, PATCH and DELETE.
	Methods []string `json:"methods,omitempty"`

	// The headers they may send. Default: authorization and content-type.
	Headers []string `json:"headers,omitempty"`

	// How long browsers may keep the answer to a preflight: 0 to 24h, in whole seconds.
	// Default: 10m.
	MaxAge *caddy.Duration `json:"max_age,omitempty"`
}

const (
	defaultMaxAge  = 10 * time.Minute
	greatestMaxAge = 24 * time.Hour
	maxCORSWords   = 64 // methods and headers; there are no more that make sense
)

var corsMethod = regexp.MustCompile(`^[A-Z][A-Z-]{0,19}$`)

// check judges what is said, and brings origins and headers into the form in which
// browsers have them.
func (c *CORS) check() error {
	if c == nil {
		return nil
	}
	if c.Pass && (len(c.Origins) > 0 || len(c.Methods) > 0 || len(c.Headers) > 0 || c.MaxAge != nil) {
		return errCORSPass
	}
	if !c.Pass && len(c.Origins) == 0 {
		return errCORSOfNobody
	}
	if len(c.Origins) > maxOrigins || len(c.Methods) > maxCORSWords || len(c.Headers) > maxCORSWords {
		return fmt.Errorf("cors may name %d origins, %d methods and %d headers at most", maxOrigins, maxCORSWords, maxCORSWords)
	}
	for i, text := range c.Origins {
		origin, err := checkScriptOrigin(text, "act for whoever is signed in")
		if err != nil {
			return err
		}
		if slices.Contains(c.Origins[:i], origin) {
			return fmt.Errorf("cors names the origin %s twice", origin)
		}
		c.Origins[i] = origin
	}
	for i, method := range c.Methods {
		switch {
		case !corsMethod.MatchString(method):
			return fmt.Errorf("cors: %q is no method: write names in capitals, such as GET, and each that is meant", method)
		case method == "TRACE" || method == "TRACK" || method == "CONNECT":
			return fmt.Errorf("cors: the method %s is never let through", method)
		case slices.Contains(c.Methods[:i], method):
			return fmt.Errorf("cors names the method %s twice", method)
		}
	}
	for i, name := range c.Headers {
		if name == "*" || !httpguts.ValidHeaderFieldName(name) || len(name) > 128 {
			return fmt.Errorf("cors: %q is no header: write names such as content-type, and each that is meant", name)
		}
		name = strings.ToLower(name)
		if slices.Contains(c.Headers[:i], name) {
			return fmt.Errorf("cors names the header %s twice", name)
		}
		c.Headers[i] = name
	}
	if c.MaxAge != nil {
		if age := time.Duration(*c.MaxAge); age < 0 || age > greatestMaxAge || age%time.Second != 0 {
			return fmt.Errorf("max_age must be whole seconds between 0 and %s, not %v", shortDuration(greatestMaxAge), age)
		}
	}
	return nil
}

var (
	errCORSPass     = fmt.Errorf("`cors pass` leaves it all to the application: name no origins, methods, headers or max_age with it")
	errCORSOfNobody = fmt.Errorf("cors names nobody: write origins such as https://app.example.com, or `cors pass`")
)

// checkScriptOrigin returns an origin of scripts as browsers write it. may is what its
// scripts may do.
func checkScriptOrigin(text, may string) (string, error) {
	switch u, err := url.Parse(text); {
	case strings.Contains(text, "*"):
		return "", fmt.Errorf("cors %s would let pages of strangers %s: name each origin, such as https://app.example.com", text, may)
	case text == "null":
		return "", fmt.Errorf("cors null would let any page %s, since each can make itself that origin: name origins such as https://app.example.com", may)
	case err == nil && u.Scheme == "http" && !loopbackHost(u.Hostname()):
		return "", fmt.Errorf("cors %s: over plain http whoever is on the way could write such a page's scripts: use https, or http on localhost", text)
	}
	origin, err := parseOrigin(text)
	if err != nil {
		return "", fmt.Errorf("cors: %w", err)
	}
	return origin, nil
}
