package caddymodule

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
)

// UnmarshalCaddyfile sets up the store from Caddyfile tokens. Syntax:
//
//	badger [<path>] {
//	    path     <path>
//	    no_sync
//	    min_free <size>
//	}
func (s *BadgerStore) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // module name
	if d.NextArg() {
		s.Path = d.Val()
	}
	if d.NextArg() {
		return d.Errf("unexpected %q after the store's path", d.Val())
	}
	return parseGuest(d, map[string]func() error{
		"path": func() error { return parseWord(d, &s.Path) },
		"no_sync": func() error {
			if s.NoSync {
				return repeated(d, "no_sync")
			}
			s.NoSync = true
			return parseEnd(d, "no_sync")
		},
		"min_free": func() error {
			if s.MinFree != 0 {
				return repeated(d, "min_free")
			}
			var word string
			if err := parseWord(d, &word); err != nil {
				return err
			}
			size, err := humanize.ParseBytes(word)
			if err != nil || size == 0 || size > greatestMinFree {
				return d.Errf("min_free must be a size between 8MiB and 1TiB, such as 256MiB, not %q", word)
			}
			s.MinFree = int64(size)
			return wrap(d, checkMinFree(s.MinFree))
		},
	})
}

// UnmarshalCaddyfile sets up the store from Caddyfile tokens. Syntax:
//
//	memory [<name>]
func (s *MemoryStore) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // module name
	if d.NextArg() {
		s.Name = d.Val()
	}
	return parseEnd(d, "store memory")
}

// UnmarshalCaddyfile sets up the sender from Caddyfile tokens. Syntax:
//
//	smtp <host:port> {
//	    from     <address>
//	    username <name>
//	    password <password>
//	    tls      starttls|tls|none
//	}
func (s *SMTPSender) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // module name
	if !d.NextArg() {
		return d.Err("email smtp names no server: write host and port, such as smtp.example.com:587")
	}
	s.Address = d.Val()
	if d.NextArg() {
		return d.Errf("unexpected %q after the mail server's address", d.Val())
	}
	err := parseGuest(d, map[string]func() error{
		"from":     func() error { return parseWord(d, &s.From) },
		"username": func() error { return parseWord(d, &s.Username) },
		"password": func() error { return parseWord(d, &s.Password) },
		"tls":      func() error { return parseWord(d, &s.TLS) },
	})
	if err != nil {
		return err
	}
	return checkLiterals(d, s, s.Address, s.From, s.Username, s.Password, s.TLS)
}

// UnmarshalCaddyfile sets up the sender from Caddyfile tokens. Syntax:
//
//	vonage {
//	    api_key    <key>
//	    api_secret <secret>
//	    from       <name or number>
//	    countries  <code>… | *
//	    base_url   <url>
//	    signature_secret <secret>
//	    signature_method sha256|sha512|sha1|md5|md5hash
//	}
func (s *VonageSender) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // module name
	if d.NextArg() {
		return d.Errf("unexpected %q after sms vonage", d.Val())
	}
	err := parseGuest(d, map[string]func() error{
		"api_key":    func() error { return parseWord(d, &s.APIKey) },
		"api_secret": func() error { return parseWord(d, &s.APISecret) },
		"from":       func() error { return parseWord(d, &s.From) },
		"base_url":   func() error { return parseWord(d, &s.BaseURL) },
		"countries":  func() error { return parseCountries(d, &s.Countries) },

		"signature_secret": func() error { return parseWord(d, &s.SignatureSecret) },
		"signature_method": func() error { return parseWord(d, &s.SignatureMethod) },
	})
	if err != nil {
		return err
	}
	if len(s.Countries) == 0 {
		return d.WrapErr(checkCountries(nil))
	}
	return checkLiterals(d, s, s.APIKey, s.APISecret, s.From, s.BaseURL, s.SignatureSecret, s.SignatureMethod)
}

func parseCountries(d *caddyfile.Dispenser, into *[]string) error {
	if *into != nil {
		return repeated(d, "countries")
	}
	*into = d.RemainingArgs()
	if err := checkCountries(*into); err != nil {
		return d.WrapErr(err)
	}
	return parseEnd(d, "countries")
}

// UnmarshalCaddyfile sets up the sender from Caddyfile tokens. Syntax:
//
//	webhook <url> {
//	    secret    <secret>
//	    countries <code>… | *
//	}
func (s *WebhookSender) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // module name
	if !d.NextArg() || d.Val() == "" {
		return d.Err("the webhook has no URL, such as https://hooks.example.com/codes")
	}
	s.URL = d.Val()
	if d.NextArg() {
		return d.Errf("unexpected %q after the webhook's URL", d.Val())
	}
	err := parseGuest(d, map[string]func() error{
		"secret":    func() error { return parseWord(d, &s.Secret) },
		"countries": func() error { return parseCountries(d, &s.Countries) },
	})
	if err != nil {
		return err
	}
	return checkLiterals(d, s, s.URL, s.Secret)
}

// UnmarshalCaddyfile sets up the sender from Caddyfile tokens. Syntax:
//
//	inbox
func (s *InboxSender) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // module name
	return parseEnd(d, "inbox")
}

// checkLiterals validates a guest at once if none of its values waits for a
// placeholder, since here the line can be named.
func checkLiterals(d *caddyfile.Dispenser, guest interface{ Validate() error }, values ...string) error {
	if slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, "{") }) {
		return nil
	}
	return wrap(d, guest.Validate())
}

// parseGuest reads a guest's block.
func parseGuest(d *caddyfile.Dispenser, known map[string]func() error) error {
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		read, ok := known[d.Val()]
		if !ok {
			return unknownWord(d, d.Val(), sortedKeys(known)...)
		}
		if err := read(); err != nil {
			return err
		}
	}
	return nil
}

// Interface guards
var (
	_ caddyfile.Unmarshaler = (*BadgerStore)(nil)
	_ caddyfile.Unmarshaler = (*MemoryStore)(nil)
	_ caddyfile.Unmarshaler = (*SMTPSender)(nil)
	_ caddyfile.Unmarshaler = (*VonageSender)(nil)
	_ caddyfile.Unmarshaler = (*WebhookSender)(nil)
	_ caddyfile.Unmarshaler = (*InboxSender)(nil)
)
