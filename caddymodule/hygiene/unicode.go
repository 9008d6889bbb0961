package hygiene

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// foldsElsewhere reports whether text outside ASCII may become other text on its way:
// by normalisation, by folding case, by the best-fit tables of Windows, or because a
// file system leaves invisible characters out.
func foldsElsewhere(path string) bool {
	ascii := true
	for i := range len(path) {
		ascii = ascii && path[i] < utf8.RuneSelf
	}
	if ascii {
		return false
	}
	if !norm.NFC.IsNormalString(path) {
		return true
	}
	for _, c := range path {
		if c >= utf8.RuneSelf && (lookalikes[c] != 0 || unicode.Is(unicode.Cf, c) || hasASCIITwin(c)) {
			return true
		}
	}
	return false
}

// hasASCIITwin reports whether c turns into ASCII, wholly or in part, by compatibility
// decomposition (full-width letters, ligatures, the no-break space) or by a change of
// case (the dotless i).
func hasASCIITwin(c rune) bool {
	if unicode.ToUpper(c) < utf8.RuneSelf || unicode.ToLower(c) < utf8.RuneSelf {
		return true
	}
	var buf [utf8.UTFMax]byte
	properties := norm.NFKD.Properties(buf[:utf8.EncodeRune(buf[:], c)])
	decomposition := properties.Decomposition()
	if decomposition == nil {
		return false
	}
	// A letter with an accent decomposes to ASCII as well, but canonically: NFC keeps
	// it together, and so does everyone.
	if norm.NFD.Properties(buf[:utf8.EncodeRune(buf[:], c)]).Decomposition() != nil {
		return false
	}
	for _, b := range decomposition {
		if b < utf8.RuneSelf {
			return true
		}
	}
	return false
}

// lookalikes of separators have no decomposition, yet code pages of Windows turn them
// into these.
var lookalikes = map[rune]byte{
	'\u2044': '/', '\u2215': '/', '\u29f8': '/', // fraction, division, big solidus
	'\u2216': '\\', '\u29f5': '\\', '\u29f9': '\\', // set minus, reverse solidi
	'\u00a5': '\\', '\u20a9': '\\', // yen and won, where the code page is 932 or 949
}

// foldText is the text as a server would read it that folds all it can.
func foldText(path string) string {
	return strings.Map(func(c rune) rune {
		if b := lookalikes[c]; b != 0 {
			return rune(b)
		}
		switch {
		case unicode.Is(unicode.Cf, c):
			return -1
		case c >= utf8.RuneSelf && unicode.ToUpper(c) < utf8.RuneSelf:
			return unicode.ToUpper(c)
		case c >= utf8.RuneSelf && unicode.ToLower(c) < utf8.RuneSelf:
			return unicode.ToLower(c)
		}
		return c
	}, norm.NFKC.String(path))
}
