package caddymodule

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/stepgate/stepgate/ui"
)

func init() {
	caddy.RegisterModule(Handler{})
}

// Handler guards one site: it cleans each request, finds out who makes it, decides
// what it must prove, and hands it on only when that is proved. Requests below the
// prefix are its own pages and never reach the application.
//
// It sets these placeholders, empty for an anonymous request:
//
// Placeholder | Description
// ------------|------------
// `{http.auth.user.id}` | The account's id
// `{http.auth.user.email}` | The account's address
// `{http.auth.user.name}` | The account's attribute displayName
// `{http.auth.user.groups}` | The account's groups, separated by commas
// `{http.auth.user.attributes.*}` | The account's attribute of that name; empty if it has none
//
// What a handler does before this one in the route happens for everybody: place it
// before what answers.
type Handler struct {
	// The public addresses of the site, such as https://app.example.com: one for
	// each host name it is reached by. Issuer, default audience, links and cookies
	// follow from them; a request's Host only chooses among them. Plain http is for
	// localhost. The Caddyfile derives them from the site's addresses. Required.
	Origins []string `json:"origins,omitempty"`

	// The application's name as people know it. Default: the host.
	Name string `json:"name,omitempty"`

	// Where Stepgate's own pages are. Default: "/.auth".
	Prefix string `json:"prefix,omitempty"`

	// How this site's pages and messages look and sound, key by key where it differs from
	// the app's. Default: as the app's.
	Brand *Brand `json:"brand,omitempty"`

	// The languages of this site's pages and messages, as BCP 47 tags, the default first.
	// Default: as the app's.
	Languages []string `json:"languages,omitempty"`

	// Named sets of requests for the rules to speak of.
	Sensitivities map[string]*Sensitivity `json:"sensitivities,omitempty"`

	// What requests must prove. Default: nothing but a session.
	Rules []*Rule `json:"rules,omitempty"`

	// How dangerous requests are. Default: not at all.
	Risk *Risk `json:"risk,omitempty"`

	// What the application receives. Default: the ID token in X-Id-Token, and an
	// access token in X-Access-Token.
	Inject *Injection `json:"inject,omitempty"`

	// What becomes of the client's own Authorization header: "remove" or "pass".
	// Default: "remove".
	Authorization string `json:"authorization,omitempty"`

	// Which scripts of other origins may use the application. Default: none; what the
	// application says to them is passed on.
	CORS *CORS `json:"cors,omitempty"`

	// Classes of unusual request targets to let through, which are otherwise
	// answered 400 because servers disagree on what they mean. Default: none.
	LenientPaths []string `json:"lenient_paths,omitempty"`

	// Leave the application's cookies alone when another person signs in or somebody
	// signs out. Default: false, they are expired, since an application that keeps a
	// session of its own would go on serving the person before.
	KeepAppCookies bool `json:"keep_app_cookies,omitempty"`

	// The JSON API for applications with screens of their own. Default: none.
	Native *Native `json:"native,omitempty"`

	// Policy tests. The configuration is refused when it starts if one fails. Default:
	// none.
	Tests []*CaseFile `json:"tests,omitempty"`

	app   *App
	log   *slog.Logger
	rules *rulebook
	style *ui.Style        // of pages and messages
	sites []*site          // one for each of Origins
	byKey map[string]*site // by what a browser sends as Host
	tests *caseRun         // nil: there are none
}

const defaultPrefix = "/.auth"

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.stepgate", New: func() caddy.Module { return new(Handler) }}
}

// Provision compiles the rules and the sites.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.log = ctx.Slogger()
	configured, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	app, err := ctx.App("stepgate")
	if err != nil {
		return err
	}
	h.app = app.(*App)
	if err := h.check(); err != nil {
		return err
	}
	if err := h.checkRules(); err != nil {
		return err
	}
	if err := h.Risk.checkServer(ctx); err != nil {
		return err
	}
	if h.rules, err = compileRules(ctx, h.Sensitivities, h.Rules); err != nil {
		return err
	}
	if h.rules.risk, err = compileRisk(ctx, h.Risk); err != nil {
		return err
	}
	h.warn(h.rules.lint(h.Risk))
	if err := h.checkWithApp(); err != nil {
		return err
	}
	if err := h.provisionBrand(); err != nil {
		return err
	}
	if err := h.offerLanguages(); err != nil {
		return err
	}
	if err := h.provisionSites(string(configured)); err != nil {
		return err
	}
	return h.provisionTests()
}

// check judges what the handler says by itself, and fills in defaults.
func (h *Handler) check() error {
	if len(h.Origins) == 0 {
		return fmt.Errorf("the site has no definite address: say its origin, such as https://app.example.com")
	}
	if h.Prefix == "" {
		h.Prefix = defaultPrefix
	}
	if err := checkPrefix(h.Prefix); err != nil {
		return err
	}
	if h.Name != "" {
		if err := checkLabel("name", h.Name); err != nil {
			return err
		}
	}
	if h.Brand != nil {
		if err := h.Brand.check(); err != nil {
			return err
		}
	}
	switch h.Authorization {
	case "":
		h.Authorization = "remove"
	case "remove", "pass":
	default:
		return unknownAuthorization(h.Authorization)
	}
	if err := h.CORS.check(); err != nil {
		return err
	}
	for i, class := range h.LenientPaths {
		if err := checkLenientClass(class); err != nil {
			return err
		}
		if slices.Contains(h.LenientPaths[:i], class) {
			return fmt.Errorf("lenient_paths names %s twice", class)
		}
	}
	if h.Inject == nil {
		h.Inject = defaultInjection()
	}
	if err := h.Inject.check(); err != nil {
		return err
	}
	if h.Native != nil {
		if err := h.Native.check(h.Prefix); err != nil {
			return err
		}
		for _, name := range sortedKeys(h.Sensitivities) {
			if err := checkSensitivityScope(name); err != nil {
				return err
			}
		}
	}
	if h.Authorization == "pass" && slices.Contains(h.Inject.names(), "Authorization") {
		return authorizationConflict()
	}
	return nil
}

func unknownAuthorization(word string) error {
	return fmt.Errorf("unknown word %q for authorization: use pass or remove", word)
}

func authorizationConflict() error {
	return fmt.Errorf("the Authorization header cannot both be passed on and be injected: " +
		"remove `authorization pass`, or inject the token under another name")
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
