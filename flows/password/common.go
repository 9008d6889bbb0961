package password

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// commonText is the list of the commonest passwords, one a line, sorted and in
// lower case. It is made by internal/common; see there.
//
//go:embed common.txt
var commonText string

var commonList = sync.OnceValue(func() []string { return strings.Fields(commonText) })

// isCommon reports whether a folded password is in the list, or is something in the
// list written several times.
func isCommon(folded string) bool {
	list := commonList()
	if _, found := slices.BinarySearch(list, folded); found {
		return true
	}
	for n := 2; n <= 4 && len(folded)%n == 0; n++ {
		unit := folded[:len(folded)/n]
		if _, found := slices.BinarySearch(list, unit); found && strings.Repeat(unit, n) == folded {
			return true
		}
	}
	return false
}

// maxPattern is the longest pattern, in characters, whose repetition is refused
// outright: what repeats it is as good as the pattern alone, and that is shorter
// than any password may be.
const maxPattern = 7

// repeats reports whether s is one short pattern over and over, the last of them
// perhaps cut off.
func repeats(s []rune) bool {
	for period := 1; period <= maxPattern && 2*period <= len(s); period++ {
		if slices.Equal(s[period:], s[:len(s)-period]) {
			return true
		}
	}
	return false
}

// leastWord is the length, in characters, from which a context word counts; shorter
// ones turn up in good passwords by chance.
const leastWord = 4

// maxWords bounds how many context words are looked at.
const maxWords = 32

// fromContext reports whether a password, folded and bare, holds one of the words,
// or consists mostly of the parts of words, such as the first and last name of an
// address.
func fromContext(bare string, words []string) bool {
	rest := bare
	for _, word := range words[:min(len(words), maxWords)] {
		if len(word) > maxBytes {
			continue
		}
		word = fold(word)
		if whole := compact(word); counts(whole) && strings.Contains(bare, whole) {
			return true
		}
		for _, part := range strings.FieldsFunc(word, func(r rune) bool { return !plain(r) }) {
			if counts(part) {
				rest = strings.ReplaceAll(rest, part, "")
			}
		}
	}
	return 2*utf8.RuneCountInString(rest) < utf8.RuneCountInString(bare)
}

func counts(word string) bool { return utf8.RuneCountInString(word) >= leastWord }
