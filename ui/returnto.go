package ui

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// maxReturnTo bounds where to go back to. Longer addresses end at the front page.
const maxReturnTo = 2048

// ReturnTo checks where a person is to be sent after a flow: a path with an optional
// query on the site itself, and not one of our own pages. It returns the path as
// it may stand in a Location header, or "/" and false.
//
// The path is looked at as it is and decoded once and twice, because what some
// server or browser between here and there decodes is not known; in none of these
// readings may it hold a backslash or a control character, name another host, or
// lead below the prefix. The query is passed on as it came: no reading of it can
// change the host.
func ReturnTo(raw, prefix string) (string, bool) {
	if raw == "" || len(raw) > maxReturnTo || strings.ContainsFunc(raw, forbidden) {
		return "/", false
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return "/", false
	}
	reading, _, _ := strings.Cut(raw, "#")
	reading, _, _ = strings.Cut(reading, "?")
	for range 3 {
		if !local(reading, prefix) {
			return "/", false
		}
		reading = unescape(reading)
	}
	return asciiURL(raw), true
}

// local judges one reading of a path. Dot segments are refused altogether: browsers
// never send them, and servers differ in what they make of them.
func local(p, prefix string) bool {
	if !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || strings.ContainsFunc(p, forbidden) {
		return false
	}
	for segment := range strings.SplitSeq(p, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	below := len(p) >= len(prefix) && strings.EqualFold(p[:len(prefix)], prefix)
	return !below || len(p) > len(prefix) && p[len(prefix)] != '/'
}

// unescape decodes percent escapes and keeps what is none, as the most forgiving
// server would.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func forbidden(r rune) bool { return r == '\\' || unicode.IsControl(r) || r == unicode.ReplacementChar }

// asciiURL writes bytes that a header may not hold as percent escapes.
func asciiURL(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f {
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
