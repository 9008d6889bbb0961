package ui

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"
	"unicode"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/ui/lang"
)

// Engine is what pages need of [flows.Engine].
type Engine interface {
	Start(ctx context.Context, c flows.Caller, kind flows.Kind, t flows.Target, in flows.Input) (flows.View, error)
	Look(ctx context.Context, c flows.Caller, flow string) (flows.View, error)
	Submit(ctx context.Context, c flows.Caller, flow string, in flows.Input) (flows.View, error)
	Preview(ctx context.Context, c flows.Caller, t flows.Target) (flows.View, error)
	SealCookie(o *flows.Opened) (string, error)
	Held(ctx context.Context, c flows.Caller, id string) (flows.HeldForm, error)
	SignOut(ctx context.Context, s *flows.Session) error
	LookDisown(ctx context.Context, c flows.Caller, token string) (flows.DisownView, error)
	Disown(ctx context.Context, c flows.Caller, token string) (flows.DisownView, error)
	Profile(ctx context.Context, c flows.Caller) (flows.Profile, error)
	SetProfile(ctx context.Context, c flows.Caller, values map[string]string) error
	EndSession(ctx context.Context, c flows.Caller, sid string) error
	EndOtherSessions(ctx context.Context, c flows.Caller) error
}

// Keys is what pages need of the secret keys: they seal the browser cookie, and what was
// typed.
type Keys interface {
	SealCookie(name string, value []byte) (string, error)
	OpenCookie(name, raw string, maxAge time.Duration) ([]byte, error)
	Sign(label string, parts ...string) (string, error)
	Seal(label string, plain []byte, aad string) ([]byte, error)
	Open(label string, sealed []byte, aad string) ([]byte, error)
}

// Config is what the [Pages] of one site are made of. Nothing in it comes from a
// request.
type Config struct {
	Site *flows.Site // required
	// Style is how the pages look. Default: Stepgate's own.
	Style *Style
	// Engine returns the engine, or an error while there is none: people then see
	// the page for 503. Required.
	Engine func() (Engine, error)
	// Session returns who is signed in, or nil. An error refuses. Required.
	Session func(*http.Request) (*flows.Session, error)
	// Demand returns what judges targets for this request. Required.
	Demand func(*http.Request) flows.Evaluate
	// Label returns what people are told a target is. Default: nothing.
	Label func(*http.Request, flows.Target) string
	// Why returns why more proof is asked of somebody who is signed in. Default: nothing
	// that is worth a word.
	Why func(*http.Request, flows.Target) Reason
	// Sent is told when somebody is sent to where a target leads because nothing is left
	// to do: whoever comes back from there at once is going round in circles. Default:
	// nobody counts.
	Sent func(*http.Request, flows.Target)
	// Returning is asked before a page to which somebody was sent sends them to sign in
	// again. True: it has answered itself, since they go round. Default: nobody does.
	Returning func(http.ResponseWriter, *http.Request, flows.Target) bool
	// Here returns how the browser calls the site, and what is wrong with that (LoopHost,
	// LoopHTTP, or empty). Default: nothing is.
	Here func(*http.Request) (host string, wrong LoopCause)
	// Network returns the client's network, such as 198.51.100.0/24, for messages.
	// Default: unknown.
	Network func(*http.Request) string
	// Keys seals the browser cookie and what was typed, and signs what addresses say that
	// messages repeat.
	// Required.
	Keys Keys
	// Inbox, if not nil, is shown at /inbox to loopback peers.
	Inbox Inbox
	// KeepAppCookies leaves the application's cookies alone when somebody signs out
	// or somebody else signs in. Default: they are expired.
	KeepAppCookies bool
	// Address returns the path and query that the browser asked for. Default: the
	// request's own.
	Address func(*http.Request) string
	// Chosen returns what the language cookie holds, where it was taken out of the request.
	// Default: what the request holds.
	Chosen func(*http.Request) string
	// Languages are those that are offered, as BCP 47 tags. Default: all there are, English
	// first.
	Languages []string
	// Lang is the one of them for whoever asks for none. Default: the first.
	Lang string
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Log takes faults. Default: slog.Default().
	Log *slog.Logger
}

// Pages serves everything below the prefix of one site. It is safe for concurrent
// use.
type Pages struct {
	Config
	face    face
	assets  *assets
	cookies Cookies
	bundle  *lang.Bundle
	lang    *lang.Language
	origins http.CrossOriginProtection
}

// face is what every page of the site shows.
type face struct {
	Brand, App, Host         string
	Prefix                   string
	Stylesheet, Script, Icon string // addresses
	Site                     *flows.Site
	dressing                 // what the look adds
}

// New checks the configuration and makes the site's stylesheet and icon.
func New(cfg Config) (*Pages, error) {
	if cfg.Site == nil || cfg.Engine == nil || cfg.Session == nil || cfg.Demand == nil || cfg.Keys == nil {
		return nil, errors.New("making pages: site, engine, session, demand and keys are required")
	}
	origin, err := url.Parse(cfg.Site.Origin)
	if err != nil || origin.Host == "" {
		return nil, fmt.Errorf("making pages: %q is no origin", cfg.Site.Origin)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Style == nil {
		if cfg.Style, err = NewStyle(Look{}); err != nil {
			return nil, fmt.Errorf("making pages: %w", err)
		}
	}
	if cfg.Style, err = cfg.Style.Offering(cfg.Languages...); err != nil {
		return nil, fmt.Errorf("making pages: %w", err)
	}
	bundle := cfg.Style.bundle
	p := &Pages{Config: cfg, bundle: bundle, lang: bundle.Get(cfg.Lang), cookies: CookiesFor(cfg.Site.Origin)}
	p.face = face{
		Brand: brandOf(cfg.Site), App: appOf(cfg.Site), Host: origin.Host, Prefix: cfg.Site.Prefix,
		Site: cfg.Site,
	}
	if p.assets, err = newAssets(p.face.Brand, cfg.Style, p.lang); err != nil {
		return nil, fmt.Errorf("making pages: %w", err)
	}
	p.face.Stylesheet = p.assetURL(p.assets.css)
	p.face.Script = p.assetURL(p.assets.script)
	p.face.Icon = p.assetURL(p.assets.icon)
	if err := p.dress(); err != nil {
		return nil, fmt.Errorf("making pages: %w", err)
	}
	return p, nil
}

func (p *Pages) assetURL(a *asset) string { return p.Site.Prefix + "/assets/" + a.name }

// brandOf and appOf are the names that people see: one stands in for the other, and
// the host for both.
func brandOf(s *flows.Site) string { return firstNonEmpty(s.Brand, s.Name, hostOf(s)) }
func appOf(s *flows.Site) string   { return firstNonEmpty(s.Name, s.Brand, hostOf(s)) }

func hostOf(s *flows.Site) string {
	u, err := url.Parse(s.Origin)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// placeOf is the site's host as an address bar shows it, with its port if it has one.
func placeOf(s *flows.Site) string {
	u, err := url.Parse(s.Origin)
	if err != nil {
		return ""
	}
	return u.Host
}

func firstNonEmpty(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// letterOf is the letter on a name's tile.
func letterOf(name string) string {
	for _, r := range name {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return string(unicode.ToUpper(r))
		}
	}
	return "•"
}
