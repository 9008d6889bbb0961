package nativeapi

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/stepgate/stepgate/flows/token"
)

// Face answers the API of one site: everything at and below its base path. It is safe
// for concurrent use.
type Face struct {
	cfg       Config
	endpoints map[string]*Endpoint
	clients   map[string]*Client
	// origins are those of any client, and the site's own.
	origins map[string]bool
}

// New returns the face of a site. Its error says what the configuration lacks.
func New(cfg Config) (*Face, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("setting up the native API: %w", err)
	}
	f := &Face{
		cfg: cfg, endpoints: make(map[string]*Endpoint), clients: make(map[string]*Client),
		origins: map[string]bool{cfg.Site.Origin: true},
	}
	for _, e := range Endpoints() {
		f.endpoints[e.Path] = &e
	}
	for _, c := range cfg.Clients {
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("setting up client %q: %w", c.ID, err)
		}
		if f.clients[c.ID] != nil {
			return nil, fmt.Errorf("setting up client %q: there are two of that name", c.ID)
		}
		if c.TokenLife == 0 {
			c.TokenLife = token.DefaultClientLifetime
		}
		f.clients[c.ID] = &c
		for _, origin := range c.Origins {
			f.origins[origin] = true
		}
	}
	return f, nil
}

func (cfg *Config) check() error {
	switch {
	case cfg.Site == nil || cfg.Site.Origin == "":
		return errors.New("there is no site")
	case !strings.HasPrefix(cfg.Base, "/") || strings.HasSuffix(cfg.Base, "/"):
		return fmt.Errorf("the base path %q must begin with a slash and not end with one", cfg.Base)
	case cfg.Tenant == "":
		return errors.New("there is no tenant")
	case len(cfg.Clients) == 0:
		return errors.New("there is no client")
	case cfg.Engine == nil || cfg.Sealer == nil || cfg.Minter == nil || cfg.Demand == nil ||
		cfg.Network == nil || cfg.Now == nil || cfg.Log == nil:
		return errors.New("a function is missing")
	}
	return nil
}

func (c *Client) check() error {
	switch {
	case c.ID == "" || strings.ContainsAny(c.ID, " \r\n"):
		return errors.New("its id is empty or has spaces")
	case c.Audience == "":
		return errors.New("it has no audience")
	case c.TokenLife != 0 && (c.TokenLife < token.MinLifetime || c.TokenLife > token.MaxClientLifetime):
		return fmt.Errorf("a token life of %v is not between %v and %v", c.TokenLife, token.MinLifetime, token.MaxClientLifetime)
	}
	for _, scope := range slices.Concat(c.Scopes, c.Contexts) {
		if scope == "" || strings.ContainsAny(scope, " \r\n") {
			return fmt.Errorf("the scope or context %q is empty or has spaces", scope)
		}
	}
	for _, origin := range c.Origins {
		if u, err := url.Parse(origin); err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != origin {
			return fmt.Errorf("%q is not an origin such as https://app.example.com", origin)
		}
	}
	return nil
}

// ServeHTTP answers a request whose path is at or below the base.
func (f *Face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{face: f, w: w, r: r, correlation: correlationOf(r), now: f.cfg.Now()}
	setHeaders(w.Header(), c.correlation)
	if p := f.checkOrigin(w, r); p != nil {
		c.refuse(p)
		return
	}
	path, below := strings.CutPrefix(r.URL.Path, f.cfg.Base)
	if c.endpoint = f.endpoints[path]; !below || c.endpoint == nil {
		c.refuse(notFound())
		return
	}
	if r.Method == http.MethodOptions && r.Header.Get("Origin") != "" {
		preflight(w, r)
		return
	}
	if r.Method != http.MethodPost {
		c.refuse(wrongMethod())
		return
	}
	answer, err := c.serve()
	c.reply(answer, err)
}

var _ http.Handler = (*Face)(nil)
