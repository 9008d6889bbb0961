package caddymodule

import "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

// parseLanguages reads the option, which is the same for all sites and for one. Syntax:
//
//	languages <tag>…
//
// The tags are those of languages that Stepgate has (BCP 47). The first is for people whose
// browser wants none of them.
func parseLanguages(d *caddyfile.Dispenser, into *[]string) error {
	option := d.Val()
	if *into != nil {
		return repeated(d, option)
	}
	tags := d.RemainingArgs()
	if len(tags) == 0 {
		return d.Err("languages names none: list their tags, the default first, such as languages en de")
	}
	if err := checkLanguages(tags); err != nil {
		return d.WrapErr(err)
	}
	*into = tags
	return parseEnd(d, option)
}
