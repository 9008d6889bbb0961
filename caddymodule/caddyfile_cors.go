package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// cors reads `cors pass` and `cors <origin>… [{ … }]`.
func (p *siteParser) cors() error {
	d := p.Dispenser
	if p.handler.CORS != nil {
		return repeated(d, "cors")
	}
	c := new(CORS)
	p.handler.CORS = c
	at := here(d)
	for d.NextArg() {
		if d.Val() == "pass" {
			c.Pass = true
			continue
		}
		c.Origins = append(c.Origins, d.Val())
	}
	// Judged before the block is: an error in it must not be blamed on one of its lines.
	if err := c.check(); err != nil {
		return at.wrap(err)
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := c.option(d); err != nil {
			return err
		}
		if err := c.check(); err != nil {
			return d.WrapErr(err)
		}
	}
	return nil
}

func (c *CORS) option(d *caddyfile.Dispenser) error {
	switch option := d.Val(); option {
	case "methods":
		return parseWords(d, &c.Methods)
	case "headers":
		return parseWords(d, &c.Headers)
	case "max_age":
		if c.MaxAge != nil {
			return repeated(d, option)
		}
		var word string
		if err := parseWord(d, &word); err != nil {
			return err
		}
		age, err := caddy.ParseDuration(word)
		if err != nil {
			return d.Errf("max_age must be a duration such as 10m, or 0, not %q", word)
		}
		c.MaxAge = (*caddy.Duration)(&age)
		return nil
	default:
		return unknownWord(d, option, "methods", "headers", "max_age")
	}
}

// parseWords reads the arguments of an option that may be given once.
func parseWords(d *caddyfile.Dispenser, into *[]string) error {
	option := d.Val()
	if *into != nil {
		return repeated(d, option)
	}
	if *into = d.RemainingArgs(); len(*into) == 0 {
		return d.Errf("%s names nothing", option)
	}
	return parseEnd(d, option)
}
