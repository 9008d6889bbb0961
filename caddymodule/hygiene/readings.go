package hygiene

import (
	"slices"
	"strings"
)

// A reading turns a path into what a server of one kind would make of it.
type reading struct {
	class classes
	of    func(path string) string
}

// ShortName has no reading: only the disk knows the long name.
var readingsByClass = []reading{
	{doubleEncoding, decodeAgain},
	{nonASCII, foldText},
	{encodedDelimiter, func(path string) string {
		if end := strings.IndexAny(path, "?#"); end >= 0 {
			return path[:end]
		}
		return path
	}},
	{backslash, func(path string) string { return strings.ReplaceAll(path, `\`, "/") }},
	{semicolon, func(path string) string { return perSegment(path, func(s string) string { return before(s, ";") }) }},
	{ntfsStream, func(path string) string { return perSegment(path, func(s string) string { return before(s, ":") }) }},
	{dotOrSpaceSuffix, func(path string) string {
		return perSegment(path, func(s string) string {
			if dots := strings.TrimRight(s, " "); dots == "." || dots == ".." {
				return dots
			}
			return strings.TrimRight(s, ". ")
		})
	}},
	{doubleSlash, func(path string) string {
		for strings.Contains(path, "//") {
			path = strings.ReplaceAll(path, "//", "/")
		}
		return path
	}},
}

// readings are all the ways to read the path, by servers that know any combination of
// the tricks that are open, in any order. What one trick lays bare, another may use:
// hence what is open, not what was seen, decides which are tried. There may be more
// than mostReadings, but not many more.
func (d *decoded) readings(open classes) []string {
	all := []string{d.path}
	if d.seen&open == 0 {
		return all
	}
	add := func(path string) {
		if !slices.Contains(all, path) {
			all = append(all, path)
		}
	}
	if d.seen&encodedSlash != 0 {
		// The other reading of %2F: a character of a name.
		add(decode(strings.ReplaceAll(d.escaped, "%2F", "%252F")).path)
	}
	for i := 0; i < len(all) && len(all) <= mostReadings; i++ {
		for _, r := range readingsByClass {
			if r.class&open != 0 {
				add(r.of(all[i]))
			}
		}
	}
	return all
}

// decodeAgain unescapes what can be unescaped and keeps the rest.
func decodeAgain(path string) string {
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		rest := path[i:]
		switch {
		case len(rest) >= 3 && rest[0] == '%' && isHex(rest[1]) && isHex(rest[2]):
			b.WriteByte(unhex(rest[1])<<4 | unhex(rest[2]))
			i += 2
		case len(rest) >= 6 && hidesEscape(rest[:6]) && (rest[1] == 'u' || rest[1] == 'U'):
			b.WriteRune(rune(unhex(rest[2]))<<12 | rune(unhex(rest[3]))<<8 | rune(unhex(rest[4]))<<4 | rune(unhex(rest[5])))
			i += 5
		default:
			b.WriteByte(rest[0])
		}
	}
	return b.String()
}

func perSegment(path string, change func(string) string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		segments[i] = change(segment)
	}
	return strings.Join(segments, "/")
}

func before(s, separator string) string {
	head, _, _ := strings.Cut(s, separator)
	return head
}
