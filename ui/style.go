package ui

import (
	"cmp"
	"fmt"

	"github.com/stepgate/stepgate/ui/lang"
)

// Style is a [Look] that was found to be sound, with what follows from it. It is read-only
// and safe for concurrent use. Sites may share one.
type Style struct {
	accent, accentDark rgb
	radius             int
	theme              Theme
	logo, logoDark     *logo // nil: there is none
	plate              bool
	css                string
	blocks             blocks
	fitting            *fitting // nil: there are no blocks
	links              links
	bundle             *lang.Bundle
}

// NewStyle checks a look. An error names what is wrong with it, and the remedy.
func NewStyle(look Look) (*Style, error) {
	s := &Style{radius: defaultRadius, theme: cmp.Or(look.Theme, ThemeAuto), css: look.CSS, plate: look.LogoPlate}
	for _, check := range []func(Look) error{s.takeColours, s.takeShape, s.takeLogo, s.takeTexts, s.takeBlocks} {
		if err := check(look); err != nil {
			return nil, err
		}
	}
	if err := checkCSS(look.CSS); err != nil {
		return nil, fmt.Errorf("css: %w", err)
	}
	var err error
	s.links, err = look.links()
	return s, err
}

func (s *Style) takeColours(look Look) (err error) {
	accent := cmp.Or(look.Accent, DefaultAccent)
	if s.accent, err = parseColour(accent); err != nil {
		return fmt.Errorf("accent: %w", err)
	}
	if s.accentDark, err = parseColour(cmp.Or(look.AccentDark, accent)); err != nil {
		return fmt.Errorf("accent of the dark scheme: %w", err)
	}
	return nil
}

func (s *Style) takeShape(look Look) error {
	if look.Radius != nil {
		if s.radius = *look.Radius; s.radius != defaultRadius {
			if err := checkRadius(s.radius); err != nil {
				return err
			}
		}
	}
	return s.theme.check()
}

func (s *Style) takeLogo(look Look) (err error) {
	if s.logo, err = readLogo(look.Logo); err != nil {
		return fmt.Errorf("logo: %w", err)
	}
	if s.logoDark, err = readLogo(look.LogoDark); err != nil {
		return fmt.Errorf("logo of the dark scheme: %w", err)
	}
	switch {
	case s.logoDark != nil && s.logo == nil:
		return fmt.Errorf("logo: there is one for the dark scheme only: give one for the light scheme too")
	case s.plate && s.logo == nil:
		return fmt.Errorf("logo_plate: there is no logo to put on it: name one, or remove logo_plate")
	case s.plate && s.logoDark != nil:
		return fmt.Errorf("logo_plate: the dark scheme has a logo of its own: remove one of the two")
	}
	return nil
}

func (s *Style) takeTexts(look Look) error {
	bundle, err := languages()
	if err != nil {
		return fmt.Errorf("reading languages: %w", err)
	}
	s.bundle = bundle
	if len(look.Texts) == 0 {
		return nil
	}
	if s.bundle, err = bundle.With(look.Texts); err != nil {
		return fmt.Errorf("texts: %w", err)
	}
	return nil
}

// mailTile is the brand's tile in mails, which have no other picture: a logo would have to
// be fetched, and tell whoever serves it that the mail was read.
func (s *Style) mailTile() accentTokens {
	if s.theme == ThemeDark {
		return derive(s.accentDark, darkScheme)
	}
	return derive(s.accent, lightScheme)
}
