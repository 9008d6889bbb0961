package password

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Why a new password is refused.
var (
	ErrShort   = errors.New("password is too short")
	ErrLong    = errors.New("password is too long")
	ErrCommon  = errors.New("password is among the commonest")
	ErrContext = errors.New("password is made of the address or of a name that belongs to this site")
)

// Check judges a password that somebody wants to have. It answers nil, or one of
// ErrShort (fewer than minimum code points after NFKC), ErrLong (more than
// MaxLength), ErrCommon and ErrContext.
//
// words are names that anybody would try here: the local part of the address, the
// brand, the site. Those of fewer than 4 characters are ignored.
func Check(pw string, minimum int, words ...string) error {
	if len(pw) > maxBytes {
		return ErrLong
	}
	switch n := utf8.RuneCountInString(norm.NFKC.String(pw)); {
	case n > MaxLength:
		return ErrLong
	case n < minimum:
		return ErrShort
	}
	folded := fold(pw)
	bare := compact(folded)
	switch {
	case isCommon(folded), isCommon(bare), repeats([]rune(folded)), mostly(bare, folded) && repeats([]rune(bare)):
		return ErrCommon
	case fromContext(bare, words):
		return ErrContext
	}
	return nil
}

// mostly reports whether part is at least half of whole.
func mostly(part, whole string) bool {
	return 2*utf8.RuneCountInString(part) >= utf8.RuneCountInString(whole)
}

// fold makes the passwords alike that a guesser tries together: upper and lower
// case, and compatible forms of one character.
func fold(s string) string {
	return norm.NFKC.String(strings.ToLower(norm.NFKC.String(s)))
}

// compact leaves letters and digits only: "pass word" and "pass-word" are no better
// than "password".
func compact(s string) string {
	return strings.Map(func(r rune) rune {
		if plain(r) {
			return r
		}
		return -1
	}, s)
}

func plain(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }
