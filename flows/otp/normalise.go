package otp

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// maxTyped bounds what is read of a form field, in bytes. A pasted message fits.
const maxTyped = 1024

// Normalise reads a code as people type and paste it: digits of any script, with
// spaces, dashes, dots or invisible characters between them, or a whole message
// that holds exactly one number of the right length. seen is how many digits there
// were, for telling somebody whose input is not a code; it is 0 for input of more
// than 1 KiB, which is not read at all.
func Normalise(typed string, digits int) (code string, seen int, ok bool) {
	if len(typed) > maxTyped {
		return "", 0, false
	}
	text := strings.Map(asciiDigit, norm.NFKC.String(typed))
	bare := strings.Map(withoutSeparators, text)
	for _, r := range bare {
		if isDigit(r) {
			seen++
		}
	}
	if seen == digits && len(bare) == digits {
		return bare, seen, true
	}
	for _, run := range strings.FieldsFunc(text, func(r rune) bool { return !isDigit(r) }) {
		if len(run) != digits {
			continue
		}
		if ok {
			return "", seen, false // two candidates: nobody should guess which was meant
		}
		code, ok = run, true
	}
	return code, seen, ok
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

// asciiDigit maps every decimal digit of Unicode to its ASCII form and drops
// invisible format characters, such as zero-width spaces and direction marks.
func asciiDigit(r rune) rune {
	switch {
	case r < unicode.MaxASCII:
		return r
	case unicode.Is(unicode.Cf, r):
		return -1
	case unicode.Is(unicode.Nd, r):
		return '0' + digitValue(r)
	default:
		return r
	}
}

// digitValue relies on a promise of the Unicode standard (section 4.6): the decimal
// digits of a script stand in a row, in order, from zero.
func digitValue(r rune) rune {
	for _, span := range unicode.Nd.R16 {
		if r <= rune(span.Hi) {
			return (r - rune(span.Lo)) % 10
		}
	}
	for _, span := range unicode.Nd.R32 {
		if r <= rune(span.Hi) {
			return (r - rune(span.Lo)) % 10
		}
	}
	return 0
}

func withoutSeparators(r rune) rune {
	switch {
	case unicode.IsSpace(r), unicode.Is(unicode.Pd, r), r == '−', r == '.', r == '·':
		return -1
	default:
		return r
	}
}
