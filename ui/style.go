package ui

import (
	"fmt"

	"github.com/stepgate/stepgate/ui/lang"
)

// Look is how an operator wants pages and messages to look and to sound. The zero Look is
// Stepgate's own.
type Look struct {
	// Accent is the brand's colour, as #rrggbb. Default: DefaultAccent.
	Accent string
}

// Style is a [Look] that was found to be sound, with what follows from it. It is read-only
// and safe for concurrent use. Sites may share one.
type Style struct {
	accent rgb
	bundle *lang.Bundle
}

// NewStyle checks a look. An error names what is wrong with it.
func NewStyle(look Look) (*Style, error) {
	accent, err := parseColour(firstNonEmpty(look.Accent, DefaultAccent))
	if err != nil {
		return nil, err
	}
	bundle, err := languages()
	if err != nil {
		return nil, fmt.Errorf("reading languages: %w", err)
	}
	return &Style{accent: accent, bundle: bundle}, nil
}
