package caddymodule

import "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

// A parsedClient is where what a client says stands, for what can only be judged when
// the whole directive is read.
type parsedClient struct {
	*Client
	start    place
	requires []place // of Client.Require
	session  place
	on       map[string]place // sensitivities, first use
}

// native reads `native [<base>]`.
func (p *siteParser) native() error {
	d := p.Dispenser
	if p.nativeAt != nil {
		return repeated(d, "native")
	}
	at := here(d)
	p.nativeAt = &at
	n := p.nativeAPI()
	if d.NextArg() {
		n.Base = d.Val()
		if err := checkBasePath(n.Base); err != nil {
			return d.WrapErr(err)
		}
	}
	return parseEnd(d, "native")
}

func (p *siteParser) nativeAPI() *Native {
	if p.handler.Native == nil {
		p.handler.Native = new(Native)
	}
	return p.handler.Native
}

// client reads `client <id> [{ … }]`.
func (p *siteParser) client() error {
	d := p.Dispenser
	if !d.NextArg() {
		return d.Err("client has no id: write its client_id, such as a GUID")
	}
	c := &parsedClient{Client: &Client{ID: d.Val()}, start: here(d), on: make(map[string]place)}
	if err := checkClientID(c.ID); err != nil {
		return d.WrapErr(err)
	}
	for _, other := range p.clients {
		if other.ID == c.ID {
			return d.Errf("client %s is defined twice, first at %s: put all about it into one", c.ID, other.start)
		}
	}
	if d.NextArg() {
		return d.Errf("unexpected %q after client %s: what else there is to say goes into a block", d.Val(), c.ID)
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := p.clientOption(c); err != nil {
			return err
		}
		// The checks of what was read so far: each names its line.
		if err := c.check(); err != nil {
			return d.WrapErr(err)
		}
	}
	p.clients = append(p.clients, c)
	n := p.nativeAPI()
	n.Clients = append(n.Clients, c.Client)
	return nil
}

func (p *siteParser) clientOption(c *parsedClient) error {
	d := p.Dispenser
	switch option := d.Val(); option {
	case "name":
		return parseWord(d, &c.Name)
	case "scopes":
		names := d.RemainingArgs()
		if len(names) == 0 {
			return d.Err("scopes names none: write what the client may ask for, such as scopes payroll.read")
		}
		for _, name := range names {
			c.Scopes = append(c.Scopes, Mapping{Name: name})
		}
		return parseEnd(d, option)
	case "scope":
		return c.mapping(d, &c.Scopes)
	case "acrs":
		return c.mapping(d, &c.ACRs)
	case "audience":
		return parseWord(d, &c.Audience)
	case "require":
		c.requires = append(c.requires, here(d))
		demand, err := p.demand()
		if err != nil {
			return err
		}
		c.Require = append(c.Require, demand)
		if d.NextArg() {
			if word := d.Val(); word == "on" || word == "when" {
				return d.Errf("unexpected %q: a client's require speaks for all its tokens; for some of them, say `scope SCOPE on SENSITIVITY`", word)
			}
			d.Prev()
		}
		return parseEnd(d, option)
	case "cors":
		origins := d.RemainingArgs()
		if len(origins) == 0 {
			return d.Err("cors names no origin: write where the client's pages are, such as https://app.example")
		}
		for _, text := range origins {
			origin, err := checkScriptOrigin(text, signPeopleIn)
			if err != nil {
				return d.WrapErr(err)
			}
			c.CORS = append(c.CORS, origin)
		}
		return parseEnd(d, option)
	case "enumeration":
		return parseWord(d, &c.Enumeration)
	case "token_life":
		return parseDuration(d, &c.TokenLife)
	case "session":
		c.session = here(d)
		return parsePart(d, &c.Session, (*SessionSettings).checkBounds, sessionWords(d))
	default:
		return unknownWord(d, option, "name", "scopes", "scope", "acrs", "audience", "require", "cors", "enumeration", "token_life", "session")
	}
}

// mapping reads `<name> on <sensitivity>…`.
func (c *parsedClient) mapping(d *caddyfile.Dispenser, into *[]Mapping) error {
	option := d.Val()
	example := option + " payments on money"
	var m Mapping
	if !d.NextArg() {
		return d.Errf("%s has no name, such as %s", option, example)
	}
	m.Name = d.Val()
	if !d.NextArg() || d.Val() != "on" {
		return d.Errf("%s %s does not say which sensitivities it is about: write `on` and their names, such as %s", option, m.Name, example)
	}
	for d.NextArg() {
		name := d.Val()
		if err := checkSensitivityName(name); err != nil {
			return d.WrapErr(err)
		}
		if _, ok := c.on[name]; !ok {
			c.on[name] = here(d)
		}
		m.On = append(m.On, name)
	}
	if len(m.On) == 0 {
		return d.Err("`on` names nothing: write a sensitivity")
	}
	*into = append(*into, m)
	return parseEnd(d, option)
}

// finishNative judges the API when the whole directive is read.
func (p *siteParser) finishNative() error {
	n := p.handler.Native
	if n == nil {
		return nil
	}
	at := p.start
	if p.nativeAt != nil {
		at = *p.nativeAt
	}
	prefix := p.handler.Prefix
	if prefix == "" {
		prefix = defaultPrefix
	}
	checked := Native{Base: n.Base, Clients: n.Clients}
	if err := checked.check(prefix); err != nil {
		return at.wrap(err)
	}
	for _, name := range sortedKeys(p.defined) {
		if err := checkSensitivityScope(name); err != nil {
			return p.defined[name].wrap(err)
		}
	}
	for _, c := range p.clients {
		for _, name := range sortedKeys(c.on) {
			if _, ok := p.defined[name]; !ok {
				return c.on[name].wrap(unknownSensitivity(name))
			}
		}
	}
	return nil
}

// checkClients judges the clients by what the global options say.
func (p *siteParser) checkClients(facts appFacts) error {
	for _, c := range p.clients {
		for i, demand := range c.Require {
			if err := facts.checkClient(&Client{Require: []*Demand{demand}}); err != nil {
				return c.requires[i].wrap(err)
			}
		}
		if err := facts.checkClientSession(c.Client); err != nil {
			return c.session.wrap(err)
		}
	}
	return nil
}

// checkPlaceholders finds headers with attributes that nobody is asked for.
func (p *siteParser) checkPlaceholders(facts appFacts) error {
	if p.handler.Inject == nil {
		return nil
	}
	for i, header := range p.handler.Inject.Headers {
		if err := facts.checkPlaceholders(header.Value); err != nil {
			return p.headers[i].wrap(err)
		}
	}
	return nil
}
