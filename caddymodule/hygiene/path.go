package hygiene

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// judgePath decides over a raw, escaped path. It answers the decoded path and the
// canonical escaped one.
func (r *Rules) judgePath(raw string) (path, escaped string, err error) {
	if raw == "" || raw[0] != '/' {
		return "", "", refuse(NotAPath)
	}
	d := decoded{path: raw, escaped: raw}
	if plain(raw) {
		d.seen = noticeSegments(raw)
	} else {
		d = decode(raw)
	}
	if d.reason == "" {
		d.reason = r.judgeReading(d.path, d.seen)
	}
	if d.reason != "" {
		return "", "", refuse(d.reason)
	}
	if d.seen == 0 {
		return d.path, d.escaped, nil
	}

	// Something is open and used: what holds of the path must hold of every reading.
	readings := d.readings(r.lenient)
	if len(d.path) > longestTrick || len(readings) > mostReadings {
		return "", "", refuse(Reason(d.seen.first()))
	}
	for _, reading := range readings[1:] {
		reason := judgeText(reading)
		if reason == "" {
			reason = r.judgeReading(reading, notice(reading))
		}
		if reason != "" {
			return "", "", refuse(reason)
		}
	}
	return d.path, d.escaped, nil
}

// Bounds on the work that an open class can cause. Real paths need a few readings.
const (
	longestTrick = 8 << 10
	mostReadings = 24
)

// judgeReading decides over one reading and what was noticed in it.
func (r *Rules) judgeReading(path string, seen classes) Reason {
	switch {
	case seen&dotSegment != 0:
		return DotSegment
	case seen&^r.lenient != 0:
		return Reason((seen &^ r.lenient).first())
	case r.underPrefix(path):
		return OwnPrefix
	}
	return ""
}

// judgeText refuses what no class opens, in text that has been decoded.
func judgeText(path string) Reason {
	switch {
	case !utf8.ValidString(path):
		return InvalidUTF8
	case strings.ContainsFunc(path, isControl):
		return Control
	}
	return ""
}

// dotSegment is reported beside the classes; nothing opens it.
const dotSegment classes = 1 << 15

// A decoded path, and what was noticed on the way.
type decoded struct {
	path    string // unescaped once
	escaped string // canonical: equal for all spellings of the same path
	seen    classes
	reason  Reason // not empty: refused whatever is open
}

// decode unescapes a raw path once. The canonical form unescapes what never needed
// it (RFC 3986 section 2.3), and leaves reserved characters as they were sent, since an
// application may tell them apart.
func decode(raw string) decoded {
	var d decoded
	var path, escaped strings.Builder
	path.Grow(len(raw))
	escaped.Grow(len(raw))
	for i := 0; i < len(raw); i++ {
		c, encoded := raw[i], false
		if c == '%' {
			if i+2 >= len(raw) || !isHex(raw[i+1]) || !isHex(raw[i+2]) {
				d.reason = BadEscape
				return d
			}
			c, encoded = unhex(raw[i+1])<<4|unhex(raw[i+2]), true
			i += 2
		}
		switch {
		case c < ' ' || c == 0x7f || c == ' ' && !encoded:
			d.reason = Control
			return d
		case (c == '#' || c == '?') && !encoded:
			d.reason = Fragment
			return d
		case c == '/' && encoded:
			d.seen |= encodedSlash
		case c >= 0x80 && !encoded:
			d.seen |= nonASCII
		}
		path.WriteByte(c)
		if alphanumeric(c) || strings.IndexByte("-_.~", c) >= 0 || !encoded && plainBytes[c] || c == ';' && !encoded {
			escaped.WriteByte(c)
		} else {
			writeEscape(&escaped, c)
		}
	}
	d.path, d.escaped = path.String(), escaped.String()
	d.reason = judgeText(d.path)
	d.seen |= notice(d.path)
	if hidesEscape(d.path) {
		d.seen |= doubleEncoding
	}
	return d
}

// notice finds the classes that show in a decoded path.
func notice(path string) classes {
	seen := noticeSegments(path)
	if strings.IndexByte(path, '\\') >= 0 {
		seen |= backslash
	}
	if strings.IndexByte(path, ';') >= 0 {
		seen |= semicolon
	}
	if strings.ContainsAny(path, "?#") {
		seen |= encodedDelimiter
	}
	if foldsElsewhere(path) {
		seen |= nonASCII
	}
	return seen
}

// noticeSegments finds those that show in its segments.
func noticeSegments(path string) (seen classes) {
	start := 1
	for i := 1; i <= len(path); i++ {
		if i < len(path) && path[i] != '/' {
			continue
		}
		segment := path[start:i]
		start = i + 1
		if segment == "" {
			if i < len(path) {
				seen |= doubleSlash
			}
			continue
		}
		if segment == "." || segment == ".." {
			seen |= dotSegment
			continue
		}
		if last := segment[len(segment)-1]; last == '.' || last == ' ' {
			seen |= dotOrSpaceSuffix
		}
		if strings.Contains(segment, ":$") {
			seen |= ntfsStream
		}
		if isShortName(segment) {
			seen |= shortName
		}
	}
	return seen
}

// isShortName recognises the 8.3 aliases that Windows makes for long names: up to six
// characters, a tilde, a digit, and an extension of three at most.
func isShortName(segment string) bool {
	tilde := strings.IndexByte(segment, '~')
	if tilde < 1 || tilde > 6 || tilde+1 >= len(segment) {
		return false
	}
	rest := strings.TrimLeft(segment[tilde+1:], "0123456789")
	return len(rest) < len(segment)-tilde-1 && (rest == "" || rest[0] == '.' && len(rest) <= 4)
}

// hidesEscape reports whether decoding once more would find something to decode.
func hidesEscape(path string) bool {
	for {
		percent := strings.IndexByte(path, '%')
		if percent < 0 {
			return false
		}
		path = path[percent+1:]
		if len(path) >= 2 && isHex(path[0]) && isHex(path[1]) {
			return true
		}
		if len(path) >= 5 && (path[0] == 'u' || path[0] == 'U') && !slices.ContainsFunc([]byte(path[1:5]), func(c byte) bool { return !isHex(c) }) {
			return true
		}
	}
}

// plainBytes mean the same everywhere in a path and need no escape: pchar of RFC 3986
// without ; and with the brackets that browsers leave alone.
var plainBytes = func() (table [256]bool) {
	for c := range table {
		table[c] = alphanumeric(byte(c)) || c < 0x80 && strings.IndexByte("-_.~!$&'()*+,=:@[]/", byte(c)) >= 0
	}
	return table
}()

func plain(raw string) bool {
	for i := range len(raw) {
		if !plainBytes[raw[i]] {
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	default:
		return c - 'A' + 10
	}
}

// isControl includes the C1 controls and the line separators of Unicode.
func isControl(c rune) bool {
	return c < ' ' || 0x7f <= c && c <= 0x9f || c == 0x2028 || c == 0x2029
}
