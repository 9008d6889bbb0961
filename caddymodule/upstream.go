package caddymodule

import (
	"fmt"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
)

// Injection says what the application receives about who is signed in. Whatever a
// client sent under these names is removed from every request, public ones included.
type Injection struct {
	// Inject nothing at all. Default: false.
	None bool `json:"none,omitempty"`

	// The header that carries the ID token. Default: none, if anything else is said
	// here.
	IDToken string `json:"id_token,omitempty"`

	// Access tokens, each in its own header.
	AccessTokens []AccessToken `json:"access_tokens,omitempty"`

	// Further headers. A header whose value turns out empty, as for an anonymous
	// request, is removed.
	Headers []InjectedHeader `json:"headers,omitempty"`
}

// AccessToken is one access token for the application.
type AccessToken struct {
	// The header that carries it. In Authorization it is written as a bearer token,
	// elsewhere bare.
	Header string `json:"header"`

	// For whom it is: the aud claim. Default: the site's origin.
	Audience string `json:"audience,omitempty"`
}

// InjectedHeader is one header for the application.
type InjectedHeader struct {
	Name string `json:"name"`

	// The value, with placeholders such as {http.auth.user.email}.
	Value string `json:"value"`
}

// The headers of a site that says nothing about injection.
const (
	defaultIDTokenHeader     = "X-Id-Token"
	defaultAccessTokenHeader = "X-Access-Token"
)

// The bounds of an injection: what all of it adds must fit into the header budget of
// any server.
const (
	maxAccessTokens = 4
	maxHeaders      = 32
)

func defaultInjection() *Injection {
	return &Injection{
		IDToken:      defaultIDTokenHeader,
		AccessTokens: []AccessToken{{Header: defaultAccessTokenHeader}},
	}
}

// check judges the injection and brings header names into their canonical form.
func (in *Injection) check() error {
	if in.None && (in.IDToken != "" || len(in.AccessTokens) > 0 || len(in.Headers) > 0) {
		return fmt.Errorf("inject none leaves nothing to inject: remove it, or the rest")
	}
	if len(in.AccessTokens) > maxAccessTokens || len(in.Headers) > maxHeaders {
		return fmt.Errorf("at most %d access tokens and %d headers can be injected", maxAccessTokens, maxHeaders)
	}
	var seen []string
	claim := func(name *string) error {
		if err := checkHeaderName(*name); err != nil {
			return err
		}
		*name = textproto.CanonicalMIMEHeaderKey(*name)
		if slices.Contains(seen, *name) {
			return fmt.Errorf("header %s is injected twice", *name)
		}
		seen = append(seen, *name)
		return nil
	}
	if in.IDToken != "" {
		if err := claim(&in.IDToken); err != nil {
			return err
		}
	}
	for i := range in.AccessTokens {
		token := &in.AccessTokens[i]
		if err := claim(&token.Header); err != nil {
			return err
		}
		if token.Audience != "" {
			if err := checkAudience(token.Audience); err != nil {
				return err
			}
		}
	}
	for i := range in.Headers {
		header := &in.Headers[i]
		if err := claim(&header.Name); err != nil {
			return err
		}
		if err := checkHeaderValue(header.Name, header.Value); err != nil {
			return err
		}
	}
	return nil
}

func checkHeaderValue(name, value string) error {
	if value == "" {
		return fmt.Errorf("header %s has no value", name)
	}
	if len(value) > 1024 || strings.ContainsAny(value, "\r\n\x00") {
		return fmt.Errorf("the value of header %s must be one line of at most 1024 characters", name)
	}
	for _, name := range userPlaceholder.FindAllString(value, -1) {
		if !slices.Contains(userPlaceholders, name) && !attributePlaceholder.MatchString(name) {
			return fmt.Errorf("nothing is known as %s: use %s or {http.auth.user.attributes.NAME}", name, strings.Join(userPlaceholders, ", "))
		}
	}
	return nil
}

var (
	userPlaceholder      = regexp.MustCompile(`\{http\.auth\.user\.[^}]*\}`)
	attributePlaceholder = regexp.MustCompile(`^\{http\.auth\.user\.attributes\.([A-Za-z0-9_]+)\}$`)
	userPlaceholders     = []string{"{http.auth.user.id}", "{http.auth.user.email}", "{http.auth.user.name}", "{http.auth.user.groups}"}
)

// attributesIn names the attributes in the value of a header.
func attributesIn(value string) (names []string) {
	for _, found := range userPlaceholder.FindAllString(value, -1) {
		if parts := attributePlaceholder.FindStringSubmatch(found); parts != nil {
			names = append(names, parts[1])
		}
	}
	return names
}

// names lists every header that is injected.
func (in *Injection) names() []string {
	var names []string
	if in.IDToken != "" {
		names = append(names, in.IDToken)
	}
	for _, token := range in.AccessTokens {
		names = append(names, token.Header)
	}
	for _, header := range in.Headers {
		names = append(names, header.Name)
	}
	return names
}
