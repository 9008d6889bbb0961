package caddymodule

import (
	"errors"
	"fmt"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/caddyserver/caddy/v2"
	"github.com/nyaruka/phonenumbers"
	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/idna"
)

// The checks here judge one value each and say the remedy. The Caddyfile calls them
// where it can name the line; Provision and Validate call them again, because
// configuration may come as JSON.

var hostProfile = idna.New(idna.MapForLookup(), idna.StrictDomainName(true), idna.BidiRule())

// resolve replaces placeholders now and refuses those that are unknown or empty: an
// unset variable must not silently become an empty secret.
func resolve(what, value string) (string, error) {
	out, err := caddy.NewReplacer().ReplaceOrErr(value, true, true)
	if err != nil {
		return "", fmt.Errorf("resolving the %s: %w", what, err)
	}
	return out, nil
}

func resolveAll(fields map[string]*string) error {
	var errs []error
	for what, field := range fields {
		value, err := resolve(what, *field)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		*field = value
	}
	return errors.Join(errs...)
}

// bounded checks one number or duration of the configuration. Zero means that it was
// not said, and so the default.
func bounded[T int | time.Duration](what string, value, least, greatest T) error {
	if value != 0 && (value < least || value > greatest) {
		return fmt.Errorf("%s must be between %v and %v, not %v", what, least, greatest, value)
	}
	return nil
}

// The ages that a demand may ask for. Below the least, a proof would be too old
// before the browser is back from giving it.
const (
	leastWithin    = 10 * time.Second
	greatestWithin = 30 * 24 * time.Hour
)

func checkWithin(d time.Duration) error {
	if d < leastWithin || d > greatestWithin {
		return fmt.Errorf("`within` must be between %v and %v, not %v; leave it out to accept any proof of this session",
			shortDuration(leastWithin), shortDuration(greatestWithin), shortDuration(d))
	}
	return nil
}

var sensitivityName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)

// The words of the rule grammar, present and planned: a sensitivity with such a name
// would read as something else.
var reservedWords = []string{
	"on", "when", "within", "once", "session", "password", "otp", "email", "sms",
	"risk", "public", "deny", "require", "only", "report", "group", "user", "domain",
	"none", "low", "medium", "high", "missing", "header", "match", "forms", "name",
	"new_device", "new_network", "recent_failures", "session_age",
}

func checkSensitivityName(name string) error {
	if slices.Contains(reservedWords, name) {
		return fmt.Errorf("%q is a word of the rules and cannot name a sensitivity", name)
	}
	if !sensitivityName.MatchString(name) {
		return fmt.Errorf("%q cannot name a sensitivity: use lower-case letters, digits, - and _, starting with a letter", name)
	}
	return nil
}

var prefixForm = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`)

func checkPrefix(prefix string) error { return checkPath("prefix", prefix, "/.auth") }

// checkPath judges a path of the configuration below which everything is ours.
func checkPath(what, path, example string) error {
	switch {
	case !strings.HasPrefix(path, "/"):
		return fmt.Errorf("the %s must begin with a slash, such as %s, not %q", what, example, path)
	case len(path) > 64:
		return fmt.Errorf("the %s must not be longer than 64 characters", what)
	case !prefixForm.MatchString(path), strings.Contains(path, "/./"), strings.Contains(path, "/../"),
		strings.HasSuffix(path, "/."), strings.HasSuffix(path, "/.."), strings.HasSuffix(path, "."):
		return fmt.Errorf("the %s must be a plain path such as %s, without a final slash, "+
			"wildcards, escapes or dot segments, not %q", what, example, path)
	}
	return nil
}

// Headers that frame the message, choose its receiver or carry cookies: setting them
// would break the forwarding, or open it.
var notInjectable = []string{
	"Connection", "Content-Encoding", "Content-Length", "Content-Type", "Cookie", "Expect", "Forwarded", "Host",
	"Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Set-Cookie", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
}

func checkHeaderName(name string) error {
	if !httpguts.ValidHeaderFieldName(name) || len(name) > 128 {
		return fmt.Errorf("%q is not a header name", name)
	}
	if strings.ContainsRune(name, '_') {
		return fmt.Errorf("header %s: write - instead of _, servers treat both as one or drop the latter", name)
	}
	if slices.Contains(notInjectable, textproto.CanonicalMIMEHeaderKey(name)) {
		return fmt.Errorf("header %s cannot be injected: it belongs to the connection, not to the application", name)
	}
	return nil
}

func checkAudience(audience string) error {
	u, err := url.Parse(audience)
	if err != nil || u.Scheme == "" || (u.Host == "" && u.Opaque == "") || u.User != nil || u.Fragment != "" ||
		strings.ContainsAny(audience, "{} ") {
		return fmt.Errorf("the audience must be an absolute URL such as https://payroll.internal, not %q", audience)
	}
	return nil
}

var accentForm = regexp.MustCompile(`^#[0-9A-Fa-f]{6}$`)

func checkAccent(accent string) error {
	if !accentForm.MatchString(accent) {
		return fmt.Errorf("the accent must be a colour of six hexadecimal digits, such as 0b5d51, not %q", strings.TrimPrefix(accent, "#"))
	}
	return nil
}

// checkLabel bounds text that people see in pages and messages.
func checkLabel(what, text string) error {
	if strings.TrimSpace(text) == "" || len(text) > 80 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("the %s must be 1 to 80 characters of plain text, not %q", what, text)
	}
	if i := strings.IndexFunc(text, unseen); i >= 0 {
		r, _ := utf8.DecodeRuneInString(text[i:])
		return fmt.Errorf("the %s %q holds the invisible character %U, with which no mail could be sent: remove it, or type the text afresh", what, text, r)
	}
	return nil
}

// unseen reports whether a character is a line break or control that mail cannot carry,
// or changes how text looks without being seen. Joiners are letters of some scripts, and
// part of some emoji.
func unseen(r rune) bool {
	const joiners = "\u200c\u200d"
	return r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp) ||
		unicode.Is(unicode.Cf, r) && !strings.ContainsRune(joiners, r)
}

const maxRuleName = 512 // bytes

// checkRuleName bounds a name that logs and explanations show on one line.
func checkRuleName(name string) error {
	if strings.TrimSpace(name) == "" || len(name) > maxRuleName || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("the name of a rule must be 1 to %d characters on one line, not %q", maxRuleName, name)
	}
	return nil
}

func checkCountries(countries []string) error {
	if len(countries) == 0 {
		return fmt.Errorf("`countries` is missing: text messages cost money, so say where they may go, " +
			"such as countries DE FR, or countries * for the whole world")
	}
	regions := phonenumbers.GetSupportedRegions()
	for i, c := range countries {
		switch {
		case c == "*" && len(countries) > 1:
			return fmt.Errorf("`countries *` means every country: name no others with it")
		case c != "*" && !regions[c]:
			return fmt.Errorf("%q is not a country: use ISO 3166 codes in capitals, such as DE", c)
		case slices.Contains(countries[:i], c):
			return fmt.Errorf("country %s is named twice", c)
		}
	}
	return nil
}

func checkDomain(domain string) (string, error) {
	ascii, err := hostProfile.ToASCII(strings.TrimSuffix(domain, "."))
	if err != nil || !strings.Contains(ascii, ".") || strings.ContainsAny(domain, "*@/:{}") {
		return "", fmt.Errorf("%q is not a mail domain: write a name such as example.com", domain)
	}
	return strings.ToLower(ascii), nil
}
