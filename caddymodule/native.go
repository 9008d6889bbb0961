package caddymodule

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/stepgate/stepgate/flows/token"
)

// Native is the JSON API through which applications with screens of their own sign
// people in: the native authentication protocol of Microsoft Entra External ID. Its
// access tokens are accepted by the site as bearer tokens, beside the session cookie.
type Native struct {
	// The path of the API. Default: "native" below the prefix.
	Base string `json:"base,omitempty"`

	// The applications that may use it: one at least.
	Clients []*Client `json:"clients,omitempty"`
}

// Client is an application that signs people in on screens of its own. It has no
// secret: what it asks for is decided by what people prove.
type Client struct {
	// Its client_id: 1 to 64 letters, digits, and . _ ~ -. A GUID is usual. Required.
	ID string `json:"id"`

	// What messages call it. Default: nothing.
	Name string `json:"name,omitempty"`

	// The scopes that it may ask for, besides openid, profile, email and
	// offline_access. A scope with the name of a sensitivity demands what the rules
	// demand there, as does one that is said to be on it.
	Scopes []Mapping `json:"scopes,omitempty"`

	// The authentication contexts that it may ask for in the claims request, besides the
	// names of all sensitivities, urn:stepgate:acr:1 (a session) and urn:stepgate:acr:2
	// (two channels). Each says on which sensitivities it is.
	ACRs []Mapping `json:"acrs,omitempty"`

	// For whom its access tokens are. Only those for the site's origin open the site.
	// Default: the site's origin.
	Audience string `json:"audience,omitempty"`

	// What each of its tokens demands, whatever it is for. Default: a session.
	Require []*Demand `json:"require,omitempty"`

	// The web origins, such as https://app.example, from which scripts may call the API,
	// besides the site's own.
	CORS []string `json:"cors,omitempty"`

	// "hide" answers for unknown addresses as for known ones; "reveal" lets the client
	// learn whether an address has an account. Default: "hide".
	Enumeration string `json:"enumeration,omitempty"`

	// How long its access tokens live: 1 minute to 1 hour. Default: 15 minutes.
	TokenLife caddy.Duration `json:"token_life,omitempty"`

	// The lives of sign-ins through it, during which it can refresh its tokens. Default:
	// the app's.
	Session *SessionSettings `json:"session,omitempty"`
}

// Mapping names a scope or an authentication context, and what it is about.
type Mapping struct {
	Name string `json:"name"`

	// Sensitivities: what the rules demand on them, tokens for this demand.
	On []string `json:"on,omitempty"`
}

const (
	maxClients  = 64
	maxMappings = 64 // scopes of one client, and as many contexts
	maxOrigins  = 64
)

// standardScopes are open to every client.
var standardScopes = []string{"openid", "profile", "email", "offline_access"}

var (
	clientID    = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,64}$`)
	mappingName = regexp.MustCompile(`^[A-Za-z0-9._~:/-]{1,128}$`)
)

func checkClientID(id string) error {
	if !clientID.MatchString(id) {
		return fmt.Errorf("%q cannot be a client's id: use 1 to 64 letters, digits, and . _ ~ -, such as a GUID", id)
	}
	return nil
}

func checkScope(name string) error {
	if slices.Contains(standardScopes, name) {
		return fmt.Errorf("the scopes openid, profile, email and offline_access are open to every client: leave %s out", name)
	}
	return checkMappingName("scope", name)
}

// checkSensitivityScope refuses a sensitivity whose scope every client could ask for,
// without a word in the configuration, and for which no token would prove a thing.
func checkSensitivityScope(name string) error {
	if slices.Contains(standardScopes, name) {
		return fmt.Errorf("the sensitivity %s has the name of a scope that means something else, and that every client may ask for: rename it", name)
	}
	return nil
}

// ownContexts is how the contexts begin that mean the same everywhere.
const ownContexts = "urn:stepgate:"

func checkACR(name string) error {
	if strings.HasPrefix(name, ownContexts) {
		return fmt.Errorf("%s: contexts that begin with %s are Stepgate's own and need no mention", name, ownContexts)
	}
	return checkMappingName("authentication context", name)
}

func checkMappingName(what, name string) error {
	if !mappingName.MatchString(name) {
		return fmt.Errorf("%q is no %s: use 1 to 128 letters, digits, and . _ ~ : / -", name, what)
	}
	return nil
}

func checkBasePath(base string) error {
	return checkPath("base of the native API", base, "/api/native")
}

// checkBase judges where the API is. It may be below the prefix, in the one place that
// no page will ever have, or anywhere outside.
func checkBase(base, prefix string) error {
	if err := checkBasePath(base); err != nil {
		return err
	}
	home := prefix + "/native"
	switch {
	case isUnder(prefix, base):
		return fmt.Errorf("the native API cannot be at %s, since Stepgate's own pages are at %s: write %s, or a path elsewhere", base, prefix, home)
	case isUnder(base, prefix) && !isUnder(base, home):
		return fmt.Errorf("the native API cannot be at %s, among Stepgate's own pages: write %s, or a path outside %s", base, home, prefix)
	}
	return nil
}

// isUnder reports whether a path is a place or below it. Letter case is ignored.
func isUnder(path, place string) bool {
	return len(path) >= len(place) && strings.EqualFold(path[:len(place)], place) &&
		(len(path) == len(place) || path[len(place)] == '/')
}

// check judges the API by what the handler says, and fills in the base.
func (n *Native) check(prefix string) error {
	if n.Base == "" {
		n.Base = prefix + "/native"
	}
	if err := checkBase(n.Base, prefix); err != nil {
		return err
	}
	switch {
	case len(n.Clients) == 0:
		return errNoClient
	case len(n.Clients) > maxClients:
		return fmt.Errorf("a site can have at most %d clients", maxClients)
	}
	for i, c := range n.Clients {
		if c == nil {
			return fmt.Errorf("client %d is null", i+1)
		}
		if err := c.check(); err != nil {
			return fmt.Errorf("client %s: %w", c.ID, err)
		}
		for _, other := range n.Clients[:i] {
			if other.ID == c.ID {
				return fmt.Errorf("the client %s is defined twice: put all about it into one", c.ID)
			}
		}
	}
	return nil
}

var errNoClient = fmt.Errorf("the native API has no client, so nobody could use it: add `client ID`, or remove `native`")

// check judges what the client says by itself, and brings its origins into the form
// that browsers use. Whether its sensitivities exist is the handler's to know.
func (c *Client) check() error {
	if err := checkClientID(c.ID); err != nil {
		return err
	}
	if c.Name != "" {
		if err := checkLabel("client's name", c.Name); err != nil {
			return err
		}
	}
	if err := checkMappings("scope", c.Scopes, checkScope, false); err != nil {
		return err
	}
	if err := checkMappings("authentication context", c.ACRs, checkACR, true); err != nil {
		return err
	}
	if c.Audience != "" {
		if err := checkAudience(c.Audience); err != nil {
			return err
		}
	}
	for _, demand := range c.Require {
		if demand == nil {
			return fmt.Errorf("a demand is null")
		}
		if _, err := demand.compile(); err != nil {
			return err
		}
	}
	if err := c.checkCORS(); err != nil {
		return err
	}
	if c.Enumeration != "" && c.Enumeration != "hide" && c.Enumeration != "reveal" {
		return fmt.Errorf("unknown word %q for enumeration: use hide or reveal", c.Enumeration)
	}
	if err := bounded("token_life", time.Duration(c.TokenLife), token.MinLifetime, token.MaxClientLifetime); err != nil {
		return err
	}
	if c.Session != nil {
		return c.Session.checkBounds()
	}
	return nil
}

func checkMappings(what string, all []Mapping, check func(string) error, needsOn bool) error {
	if len(all) > maxMappings {
		return fmt.Errorf("at most %d %ss are possible", maxMappings, what)
	}
	for i, m := range all {
		if err := check(m.Name); err != nil {
			return err
		}
		if needsOn && len(m.On) == 0 {
			return fmt.Errorf("the %s %s is on no sensitivity, and would demand nothing", what, m.Name)
		}
		for j, on := range m.On {
			if slices.Contains(m.On[:j], on) {
				return fmt.Errorf("the %s %s is on %s twice", what, m.Name, on)
			}
		}
		for _, other := range all[:i] {
			if other.Name == m.Name {
				return fmt.Errorf("the %s %s is given twice: put all its sensitivities into one line", what, m.Name)
			}
		}
	}
	return nil
}

// signPeopleIn is what scripts of a client's origins may do.
const signPeopleIn = "sign people in"

func (c *Client) checkCORS() error {
	if len(c.CORS) > maxOrigins {
		return fmt.Errorf("at most %d origins are possible for cors", maxOrigins)
	}
	for i, text := range c.CORS {
		origin, err := checkScriptOrigin(text, signPeopleIn)
		if err != nil {
			return err
		}
		if slices.Contains(c.CORS[:i], origin) {
			return fmt.Errorf("cors names the origin %s twice", origin)
		}
		c.CORS[i] = origin
	}
	return nil
}
