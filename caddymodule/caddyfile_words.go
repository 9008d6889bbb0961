package caddymodule

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// parseWord reads the only argument of an option that may be given once.
func parseWord(d *caddyfile.Dispenser, into *string) error {
	option := d.Val()
	if *into != "" {
		return repeated(d, option)
	}
	if !d.NextArg() || d.Val() == "" {
		return d.Errf("%s has no value", option)
	}
	*into = d.Val()
	if d.NextArg() {
		return d.Errf("unexpected %q after %s %s: a value of several words needs quotes around it", d.Val(), option, *into)
	}
	return parseEnd(d, option)
}

func parseNumber(d *caddyfile.Dispenser, into *int) error {
	option := d.Val()
	var word string
	if *into != 0 {
		return repeated(d, option)
	}
	if err := parseWord(d, &word); err != nil {
		return err
	}
	n, err := strconv.Atoi(word)
	if err != nil || n <= 0 {
		return d.Errf("%s must be a positive number, not %q", option, word)
	}
	*into = n
	return nil
}

func parseDuration(d *caddyfile.Dispenser, into *caddy.Duration) error {
	option := d.Val()
	var word string
	if *into != 0 {
		return repeated(d, option)
	}
	if err := parseWord(d, &word); err != nil {
		return err
	}
	duration, err := positiveDuration(d, option, word)
	*into = caddy.Duration(duration)
	return err
}

func positiveDuration(d *caddyfile.Dispenser, what, word string) (time.Duration, error) {
	duration, err := caddy.ParseDuration(word)
	if err != nil || duration <= 0 {
		return 0, d.Errf("%s must be a duration above zero, such as 5m or 12h, not %q", what, word)
	}
	return duration, nil
}

// parseSwitch reads on or off.
func parseSwitch(d *caddyfile.Dispenser, into **bool) error {
	option := d.Val()
	if *into != nil {
		return repeated(d, option)
	}
	var word string
	if err := parseWord(d, &word); err != nil {
		return err
	}
	if word != "on" && word != "off" {
		return d.Errf("unknown word %q for %s: use on or off", word, option)
	}
	on := word == "on"
	*into = &on
	return nil
}

// parseEnd makes sure that nothing is left on the line, and no block follows: what is
// not understood must not be passed over.
func parseEnd(d *caddyfile.Dispenser, option string) error {
	if d.NextArg() {
		return d.Errf("unexpected %q after %s", d.Val(), option)
	}
	if d.NextBlock(d.Nesting()) {
		return d.Errf("%s takes no block", option)
	}
	return nil
}

func repeated(d *caddyfile.Dispenser, option string) error {
	return d.Errf("%s is given twice: keep one", option)
}

// homes are where words belong that are easily put somewhere else.
var homes = map[string]string{
	"attribute":       "in the stepgate block of the global options",
	"sign_in":         "in the stepgate block of the global options",
	"sign_up":         "in the stepgate block of the global options",
	"tell_unknown":    "in the stepgate block of the global options",
	"limits":          "in the stepgate block of the global options",
	"password":        "in the stepgate block of the global options",
	"reset_cool_down": "in `password { … }` of the stepgate global options",
	"client":          "in the site's stepgate block",
	"native":          "in the site's stepgate block",
	"sensitivity":     "in the site's stepgate block",
	"inject":          "in the site's stepgate block",
	"require":         "in the site's stepgate block",
	"public":          "in the site's stepgate block",
	"deny":            "in the site's stepgate block",
	"tests":           "in the site's stepgate block",
	"cors":            "in the site's stepgate block",
	"risk":            "in the site's stepgate block",
	"only":            "in the site's stepgate block, at the beginning of a rule",
	"report":          "in the site's stepgate block, at the beginning of a rule",
	"when":            "behind a rule, such as require otp when risk medium",
	"accent":          "in `brand { … }`",
	"logo":            "in `brand { … }`",
	"logo_plate":      "in `brand { … }`",
	"radius":          "in `brand { … }`",
	"theme":           "in `brand { … }`",
	"css":             "in `brand { … }`",
	"template":        "in `brand { … }`",
	"texts":           "in `brand { … }`",
	"privacy":         "in `brand { … }`",
	"terms":           "in `brand { … }`",
	"accessibility":   "in `brand { … }`",
	"new_device":      "in `risk { … }` of the site's stepgate block",
	"new_network":     "in `risk { … }` of the site's stepgate block",
	"recent_failures": "in `risk { … }` of the site's stepgate block",
	"session_age":     "in `risk { … }` of the site's stepgate block",
}

func unknownWord(d *caddyfile.Dispenser, word string, known ...string) error {
	if home, ok := homes[word]; ok {
		return d.Errf("%s means nothing here: it belongs %s", word, home)
	}
	slices.Sort(known)
	return d.Errf("unknown word %q: use %s", word, alternatives(known))
}

// wrap names file and line of an error, if there is one.
func wrap(d *caddyfile.Dispenser, err error) error {
	if err == nil {
		return nil
	}
	return d.WrapErr(err)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// alternatives writes words as "a, b or c".
func alternatives(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
