package ui

import (
	"fmt"
	"strconv"
	"strings"
)

// stylesheet is the one stylesheet of a site: ours in its layers, what follows from the
// look in the same layers, and then the operator's own, which is in none and so wins.
func (s *Style) stylesheet(ours []byte) []byte {
	css := string(ours)
	switch s.theme {
	case ThemeLight:
		css = oneScheme(css, "not all", s.theme)
	case ThemeDark:
		css = oneScheme(css, "all", s.theme)
	}
	css += string(minify(s.tokens() + s.parts()))
	if s.css != "" {
		css += "\n" + s.css
	}
	return []byte(css)
}

// oneScheme has our dark rules hold always or never.
func oneScheme(css, when string, theme Theme) string {
	css = strings.ReplaceAll(css, "@media (prefers-color-scheme:dark)", "@media "+when)
	return strings.ReplaceAll(css, "color-scheme:light dark", "color-scheme:"+string(theme))
}

// tokens are the custom properties that follow from the look.
func (s *Style) tokens() string {
	var b strings.Builder
	b.WriteString("@layer tokens { ")
	switch s.theme {
	case ThemeLight:
		fmt.Fprintf(&b, ":root { %s } ", accentCSS(s.accent, lightScheme))
	case ThemeDark:
		fmt.Fprintf(&b, ":root { %s } ", accentCSS(s.accentDark, darkScheme))
	default:
		fmt.Fprintf(&b, ":root { %s } @media (prefers-color-scheme: dark) { :root { %s } } ",
			accentCSS(s.accent, lightScheme), accentCSS(s.accentDark, darkScheme))
	}
	if s.radius != defaultRadius {
		// The sheet's corners are as much rounder as they are of themselves.
		fmt.Fprintf(&b, ":root { --radius: %s; --radius-l: %s; } ", rem(float64(s.radius)), rem(float64(s.radius)*14/8))
	}
	b.WriteString("}\n")
	return b.String()
}

func rem(pixels float64) string {
	return strconv.FormatFloat(pixels/16, 'f', -1, 64) + "rem"
}

// parts are the rules for what only some looks have.
func (s *Style) parts() string {
	css := ""
	if s.blocks["before-sheet"] != nil { // as wide as the sheet
		css += ".before { width: 100%; max-width: var(--measure); margin-inline: auto; padding: var(--s4) var(--s5) 0; } " +
			"@media (min-width: 30rem) { .before { padding: 0; } } "
	}
	if s.logo != nil {
		css += ".logo { display: block; max-width: 100%; height: auto; } "
	}
	if s.plate && s.theme != ThemeLight {
		plate := ".plate { box-sizing: content-box; padding: .25rem .375rem; border-radius: var(--radius); background: #fff; } "
		if s.theme == ThemeAuto {
			plate = "@media (prefers-color-scheme: dark) { " + plate + "} "
		}
		css += plate
	}
	if css == "" {
		return ""
	}
	return "@layer parts { " + css + "}\n"
}
