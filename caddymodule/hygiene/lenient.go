package hygiene

import (
	"fmt"
	"slices"
	"strings"
)

// A Class is a kind of target that servers are known to read differently. All are
// refused unless a site opens them by name. Never open to anything: control
// characters and NUL, invalid UTF-8, broken escapes, dot segments, fragments, and
// targets that are not a path.
type Class string

const (
	// EncodedSlash is %2F: data to some servers, a separator to others.
	EncodedSlash Class = "encoded_slash"
	// Backslash is \ or %5C, a separator to Windows.
	Backslash Class = "backslash"
	// Semicolon is ; or %3B, which Java servers cut away with what follows it.
	Semicolon Class = "semicolon"
	// DoubleEncoding is an escape that decodes to another escape (%2561, %25u0061).
	DoubleEncoding Class = "double_encoding"
	// EncodedDelimiter is %3F or %23, which end the path for a server that decodes
	// before it parses.
	EncodedDelimiter Class = "encoded_delimiter"
	// DoubleSlash is an empty segment, which most servers merge and some do not.
	DoubleSlash Class = "double_slash"
	// DotOrSpaceSuffix is a segment that ends in a dot or a space: Windows drops them.
	DotOrSpaceSuffix Class = "dot_or_space_suffix"
	// NTFSStream is :$ in a segment, as in /page.php::$DATA.
	NTFSStream Class = "ntfs_stream"
	// ShortName is a segment such as ADMINI~1, an alias of a longer name to NTFS and FAT.
	ShortName Class = "short_name"
	// NonASCII is text that another server may fold to ASCII or to other bytes:
	// unescaped, not in Unicode Normalization Form C, compatibility characters such as
	// full-width letters, look-alikes of separators, letters with an ASCII twin in the
	// other case, and invisible format characters. Other UTF-8 is never refused.
	NonASCII Class = "non_ascii"
)

// Classes are all that a site can open, in the order in which they are explained.
var Classes = []Class{
	EncodedSlash, Backslash, Semicolon, DoubleEncoding, EncodedDelimiter,
	DoubleSlash, DotOrSpaceSuffix, NTFSStream, ShortName, NonASCII,
}

// classes is a set of them.
type classes uint16

func bit(c Class) classes { return 1 << slices.Index(Classes, c) }

var (
	encodedSlash     = bit(EncodedSlash)
	backslash        = bit(Backslash)
	semicolon        = bit(Semicolon)
	doubleEncoding   = bit(DoubleEncoding)
	encodedDelimiter = bit(EncodedDelimiter)
	doubleSlash      = bit(DoubleSlash)
	dotOrSpaceSuffix = bit(DotOrSpaceSuffix)
	ntfsStream       = bit(NTFSStream)
	shortName        = bit(ShortName)
	nonASCII         = bit(NonASCII)
)

// first is the class that explains a set best.
func (s classes) first() Class {
	for i, c := range Classes {
		if s&(1<<i) != 0 {
			return c
		}
	}
	return ""
}

func parseClasses(words []Class) (classes, error) {
	var set classes
	for _, word := range words {
		if !slices.Contains(Classes, word) {
			known := make([]string, len(Classes))
			for i, c := range Classes {
				known[i] = string(c)
			}
			return 0, fmt.Errorf("reading lenient paths: no such class %q; there are %s", word, strings.Join(known, ", "))
		}
		set |= bit(word)
	}
	return set, nil
}
