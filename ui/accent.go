package ui

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"
)

// DefaultAccent is the colour of a brand that names none.
const DefaultAccent = "#0b5d51"

// An accent is any sRGB colour; from it follow six tokens per scheme that are
// readable by construction: see [derive].
type rgb struct{ R, G, B uint8 }

func parseColour(s string) (rgb, error) {
	b, err := hex.DecodeString(strings.TrimPrefix(s, "#"))
	if err != nil || len(b) != 3 || !strings.HasPrefix(s, "#") {
		return rgb{}, fmt.Errorf("reading colour %q: want #rrggbb", s)
	}
	return rgb{b[0], b[1], b[2]}, nil
}

func mustColour(s string) rgb {
	c, err := parseColour(s)
	if err != nil {
		panic(err)
	}
	return c
}

func (c rgb) String() string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

var linear = func() (table [256]float64) {
	for i := range table {
		if v := float64(i) / 255; v <= 0.04045 {
			table[i] = v / 12.92
		} else {
			table[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return table
}()

func (c rgb) luminance() float64 {
	return 0.2126*linear[c.R] + 0.7152*linear[c.G] + 0.0722*linear[c.B]
}

// contrast is the contrast ratio of WCAG 2.2.
func contrast(a, b rgb) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func mix(a, b rgb, t float64) rgb {
	f := func(x, y uint8) uint8 { return uint8(math.Round(float64(x)*(1-t) + float64(y)*t)) }
	return rgb{f(a.R, b.R), f(a.G, b.G), f(a.B, b.B)}
}

// A scheme is the neutral colours that accents must be readable on. They repeat
// those of the stylesheet; a test compares them.
type scheme struct {
	page, surface, sunken, ink, ink2 rgb
	end                              float64 // lightness to move towards for more contrast
	text                             float64 // least contrast of accent-coloured text
}

var (
	white = rgb{255, 255, 255}
	black = rgb{}

	lightScheme = scheme{mustColour("#F3F4F6"), white, mustColour("#F6F7F9"), mustColour("#15181E"), mustColour("#4B5362"), 0, 4.5}
	// Thin strokes on dark need more contrast than the minimum.
	darkScheme = scheme{mustColour("#0F1217"), mustColour("#181C23"), mustColour("#12161C"), mustColour("#ECEEF2"), mustColour("#AEB6C3"), 1, 6}
)

type accentTokens struct{ accent, on, hover, edge, text, soft rgb }

// derive makes the accent's tokens for one scheme. The brand's colour stays as it
// is wherever it can; everything readable is moved in lightness only, hue kept.
func derive(brand rgb, s scheme) accentTokens {
	t := accentTokens{accent: brand, on: white}
	if s.end == 1 { // a navy button must not vanish on a dark sheet
		t.accent = fit(brand, 3.4, 1, s.surface)
	}
	// One of the two always reaches 4.58:1, because their ratios multiply to 21. An ink
	// that is only nearly black would break that.
	if contrast(t.accent, white) < 4.5 {
		t.on = black
	}
	// Hover moves away from the label, whose contrast so only grows.
	if t.on == white {
		t.hover = mix(t.accent, black, 0.14)
	} else {
		t.hover = mix(t.accent, white, 0.18)
	}
	t.edge = fit(t.accent, 3, s.end, s.surface, s.page)
	t.soft = mix(s.surface, t.accent, 0.08)
	t.text = fit(t.accent, s.text, s.end, s.surface, s.page, s.sunken, t.soft)
	return t
}

// accentCSS is the accent's custom properties in one scheme.
func accentCSS(brand rgb, s scheme) string {
	t := derive(brand, s)
	return fmt.Sprintf("--accent: %v; --on-accent: %v; --accent-hover: %v; --accent-edge: %v; --accent-text: %v; --accent-soft: %v;",
		t.accent, t.on, t.hover, t.edge, t.text, t.soft)
}

// fit moves a colour in lightness towards end, as little as possible, until its
// contrast with every reference is at least least.
func fit(c rgb, least, end float64, references ...rgb) rgb {
	good := func(x rgb) bool {
		for _, r := range references {
			if contrast(x, r) < least {
				return false
			}
		}
		return true
	}
	if good(c) {
		return c
	}
	k := toOKLCH(c)
	near, far := k.l, end
	for range 14 {
		if mid := (near + far) / 2; good(k.at(mid)) {
			far = mid
		} else {
			near = mid
		}
	}
	// Rounding to 8 bits may undo the last step; the end itself is black or white.
	for !good(k.at(far)) && far != end {
		if far += (end - far) * 0.02; math.Abs(far-end) < 1e-3 {
			far = end
		}
	}
	return k.at(far)
}

// oklch is a colour in OKLCH: perceived lightness, chroma and hue.
type oklch struct{ l, c, h float64 }

func toOKLCH(c rgb) oklch {
	r, g, b := linear[c.R], linear[c.G], linear[c.B]
	l := math.Cbrt(0.4122214708*r + 0.5363325363*g + 0.0514459929*b)
	m := math.Cbrt(0.2119034982*r + 0.6806995451*g + 0.1073969566*b)
	s := math.Cbrt(0.0883024619*r + 0.2817188376*g + 0.6299787005*b)
	x := 1.9779984951*l - 2.4285922050*m + 0.4505937099*s
	y := 0.0259040371*l + 0.7827717662*m - 0.8086757660*s
	return oklch{0.2104542553*l + 0.7936177850*m - 0.0040720468*s, math.Hypot(x, y), math.Atan2(y, x)}
}

// at keeps the hue, sets the lightness, and gives up chroma only as far as the
// sRGB gamut needs.
func (k oklch) at(lightness float64) rgb {
	k.l = lightness
	if c, ok := k.rgb(); ok {
		return c
	}
	low, high := 0.0, k.c
	for range 14 {
		k.c = (low + high) / 2
		if _, ok := k.rgb(); ok {
			low = k.c
		} else {
			high = k.c
		}
	}
	k.c = low
	c, _ := k.rgb()
	return c
}

// rgb reports whether the colour lies within sRGB, and the nearest one that does.
func (k oklch) rgb() (rgb, bool) {
	a, b := k.c*math.Cos(k.h), k.c*math.Sin(k.h)
	l := cube(k.l + 0.3963377774*a + 0.2158037573*b)
	m := cube(k.l - 0.1055613458*a - 0.0638541728*b)
	s := cube(k.l - 0.0894841775*a - 1.2914855480*b)
	inside := true
	channel := func(v float64) uint8 {
		if v < -0.0005 || v > 1.0005 {
			inside = false
		}
		if v = min(1, max(0, v)); v <= 0.0031308 {
			v *= 12.92
		} else {
			v = 1.055*math.Pow(v, 1/2.4) - 0.055
		}
		return uint8(math.Round(v * 255))
	}
	return rgb{
		channel(4.0767416621*l - 3.3077115913*m + 0.2309699292*s),
		channel(-1.2684380046*l + 2.6097574011*m - 0.3413193965*s),
		channel(-0.0041960863*l - 0.7034186147*m + 1.7076147010*s),
	}, inside
}

func cube(v float64) float64 { return v * v * v }
