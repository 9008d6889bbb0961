package ui

import (
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"strings"
)

// Look is how an operator wants pages and messages to look and to sound. The zero Look is
// Stepgate's own.
type Look struct {
	// Accent is the brand's colour, as #rrggbb. Every colour will do: what is written on
	// it and in it stays readable. Default: DefaultAccent.
	Accent string
	// AccentDark is the colour where the scheme is dark. Default: Accent.
	AccentDark string
	// Radius rounds the corners of fields and buttons, 0 to 16 pixels; those of the sheet
	// follow. Default: 8.
	Radius *int
	// Theme is the scheme. Default: ThemeAuto.
	Theme Theme
	// Logo stands beside the name on pages, 32 pixels high and at most 192 wide. It is a
	// PNG, SVG, WebP or JPEG of at most MaxFile bytes. Default: the name's first letter on
	// a tile.
	Logo []byte
	// LogoDark takes the place of Logo where the scheme is dark. Default: Logo.
	LogoDark []byte
	// LogoPlate puts the logo on a white plate where the scheme is dark, for one that has
	// no LogoDark.
	LogoPlate bool
	// CSS comes after Stepgate's own rules, outside of their layers, and so wins. It may
	// load pictures of the site itself, and nothing else.
	CSS string
	// Blocks are pieces of HTML by place: see [BlockNames] and [BlockData].
	Blocks map[string]string
	// Texts replace messages, by language tag and then by key.
	Texts map[string]map[string]string
	// Help, Privacy, Terms and Accessibility are the addresses of the operator's own
	// pages: https, and for Help also mailto or tel. Default: no such link.
	Help, Privacy, Terms, Accessibility string
}

// MaxFile is the greatest size of a logo or a stylesheet, in bytes.
const MaxFile = 256 << 10

// Theme says in which schemes pages and mails appear.
type Theme string

const (
	ThemeAuto  Theme = "auto" // as the person's system has it
	ThemeLight Theme = "light"
	ThemeDark  Theme = "dark"
)

// Scheme is the theme as CSS and HTML name it.
func (t Theme) Scheme() string {
	if t == ThemeAuto {
		return "light dark"
	}
	return string(t)
}

func (t Theme) check() error {
	switch t {
	case ThemeAuto, ThemeLight, ThemeDark:
		return nil
	}
	return fmt.Errorf("unknown theme %q: use auto, light or dark", string(t))
}

const (
	defaultRadius = 8
	maxRadius     = 16
)

func checkRadius(r int) error {
	if r < 0 || r > maxRadius {
		return fmt.Errorf("the radius must be 0 to %d pixels, not %d", maxRadius, r)
	}
	return nil
}

// links are the operator's own pages. They are addresses that were checked: html/template
// would not believe tel.
type links struct{ HelpURL, PrivacyURL, TermsURL, AccessibilityURL template.URL }

func (look Look) links() (l links, err error) {
	for _, one := range []struct {
		name, value string
		into        *template.URL
		schemes     []string
	}{
		{"help", look.Help, &l.HelpURL, []string{"https", "mailto", "tel"}},
		{"privacy", look.Privacy, &l.PrivacyURL, []string{"https"}},
		{"terms", look.Terms, &l.TermsURL, []string{"https"}},
		{"accessibility", look.Accessibility, &l.AccessibilityURL, []string{"https"}},
	} {
		if one.value == "" {
			continue
		}
		if err := checkLink(one.value, one.schemes); err != nil {
			return links{}, fmt.Errorf("%s: %w", one.name, err)
		}
		*one.into = template.URL(one.value)
	}
	return l, nil
}

func checkLink(link string, schemes []string) error {
	wanted := errors.New("write an address such as https://example.com/page")
	if len(schemes) > 1 {
		wanted = errors.New("write an address such as https://example.com/help, mailto:help@example.com or tel:+447700900123")
	}
	u, err := url.Parse(link)
	if err != nil || len(link) > 2048 || strings.ContainsFunc(link, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"'<>\\^`{|}", r) }) {
		return fmt.Errorf("%q is no address: %w", link, wanted)
	}
	for _, scheme := range schemes {
		if u.Scheme != scheme {
			continue
		}
		if scheme == "https" && u.Hostname() != "" && u.User == nil || scheme != "https" && u.Opaque != "" {
			return nil
		}
	}
	return fmt.Errorf("%q leads nowhere: %w", link, wanted)
}
