package ui

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// checkCSS reads an operator's stylesheet. What browsers would not load under our
// Content-Security-Policy is refused with the reason, rather than passed over in silence;
// so is what is not closed, since a stylesheet that breaks off has lost its end. Colours,
// sizes and selectors are the operator's own affair.
func checkCSS(css string) error {
	switch {
	case len(css) > MaxFile:
		return fmt.Errorf("the stylesheet has %d kB, more than %d: leave out what pages do not use", len(css)>>10, MaxFile>>10)
	case !utf8.ValidString(css), strings.ContainsRune(css, 0):
		return errors.New("the stylesheet is no UTF-8 text: save it as such")
	}
	s := cssScanner{css: css}
	if i := strings.Index(css, "</"); i >= 0 {
		return s.at(i, errors.New("</ belongs to HTML: the file holds the rules alone, without <style>"))
	}
	return s.scan()
}

// cssScanner goes through a stylesheet by the tokens of CSS Syntax Level 3, as far as they
// matter: comments, strings, escapes, names and brackets.
type cssScanner struct {
	css  string
	pos  int
	open []int // positions of brackets
}

func (s *cssScanner) at(pos int, err error) error {
	return fmt.Errorf("line %d: %w", 1+strings.Count(s.css[:pos], "\n"), err)
}

func (s *cssScanner) scan() error {
	for s.pos < len(s.css) {
		start := s.pos
		var err error
		switch c := s.css[s.pos]; {
		case strings.HasPrefix(s.css[s.pos:], "/*"):
			err = s.comment()
		case c == '"' || c == '\'':
			_, err = s.text(c)
		case c == '@':
			s.pos++
			err = checkAtRule(s.name())
		case isNameStart(c):
			err = s.word()
		case strings.IndexByte("{([", c) >= 0:
			s.open = append(s.open, s.pos)
			s.pos++
		case strings.IndexByte("})]", c) >= 0:
			err = s.closing(c)
		default:
			s.pos++
		}
		if err != nil {
			return s.at(start, err)
		}
	}
	if n := len(s.open); n > 0 {
		return s.at(s.open[n-1], fmt.Errorf("this %c is not closed", s.css[s.open[n-1]]))
	}
	return nil
}

func (s *cssScanner) comment() error {
	end := strings.Index(s.css[s.pos+2:], "*/")
	if end < 0 {
		return errors.New("this comment is not closed: end it with */")
	}
	s.pos += 2 + end + 2
	return nil
}

func (s *cssScanner) closing(c byte) error {
	pair := map[byte]byte{'}': '{', ')': '(', ']': '['}[c]
	if n := len(s.open); n == 0 || s.css[s.open[n-1]] != pair {
		return fmt.Errorf("this %c closes nothing", c)
	}
	s.open = s.open[:len(s.open)-1]
	s.pos++
	return nil
}

// text reads a string, at its first quote.
func (s *cssScanner) text(quote byte) (string, error) {
	var b strings.Builder
	for s.pos++; s.pos < len(s.css); {
		switch c := s.css[s.pos]; c {
		case quote:
			s.pos++
			return b.String(), nil
		case '\n', '\r', '\f':
			return "", fmt.Errorf("this string is not closed: end it with %c", quote)
		case '\\':
			b.WriteString(s.escape())
		default:
			b.WriteByte(c)
			s.pos++
		}
	}
	return "", fmt.Errorf("this string is not closed: end it with %c", quote)
}

func isNameStart(c byte) bool {
	return c == '\\' || c == '_' || c == '-' || c >= 0x80 || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// name reads a name, with its escapes undone: \75rl is url.
func (s *cssScanner) name() string {
	var b strings.Builder
	for s.pos < len(s.css) {
		c := s.css[s.pos]
		switch {
		case c == '\\':
			b.WriteString(s.escape())
		case isNameStart(c), c >= '0' && c <= '9':
			b.WriteByte(c)
			s.pos++
		default:
			return strings.ToLower(b.String())
		}
	}
	return strings.ToLower(b.String())
}

// escape reads an escape, at its backslash.
func (s *cssScanner) escape() string {
	s.pos++
	end := s.pos
	for end < len(s.css) && end < s.pos+6 && strings.IndexByte("0123456789abcdefABCDEF", s.css[end]) >= 0 {
		end++
	}
	if end == s.pos { // any other character stands for itself, and a line break for nothing
		r, size := utf8.DecodeRuneInString(s.css[s.pos:])
		s.pos += size
		if size == 0 || r == '\n' || r == '\r' || r == '\f' {
			return ""
		}
		return string(r)
	}
	n, _ := strconv.ParseUint(s.css[s.pos:end], 16, 32)
	if s.pos = end; s.pos < len(s.css) && strings.IndexByte(" \t\n\r\f", s.css[s.pos]) >= 0 {
		s.pos++
	}
	return string(rune(n))
}

func checkAtRule(name string) error {
	switch name {
	case "import":
		return errors.New("@import is refused: put all rules into this one file, which is sent together with ours")
	case "font-face":
		return errors.New("@font-face is refused: pages load no fonts; name ones that people have, with --font")
	}
	return nil
}

// word reads a name, and what is in its brackets if it is a function that loads something.
func (s *cssScanner) word() error {
	name := s.name()
	if s.pos == len(s.css) || s.css[s.pos] != '(' {
		return nil
	}
	switch name {
	case "image-set", "-webkit-image-set", "image", "src", "cross-fade", "-webkit-cross-fade":
		return fmt.Errorf(`%s() is refused: write url("/path") with the path of one picture on this site`, name)
	case "url":
	default:
		return nil
	}
	s.pos++ // the bracket
	s.pos += len(s.css[s.pos:]) - len(strings.TrimLeft(s.css[s.pos:], " \t\n\r\f"))
	if s.pos < len(s.css) && (s.css[s.pos] == '"' || s.css[s.pos] == '\'') {
		target, err := s.text(s.css[s.pos])
		if err != nil {
			return err
		}
		end := strings.IndexByte(s.css[s.pos:], ')')
		if end < 0 || strings.TrimSpace(s.css[s.pos:s.pos+end]) != "" {
			return errors.New(`url is not closed: write url("/path")`)
		}
		s.pos += end + 1
		return checkCSSTarget(target)
	}
	var target strings.Builder
	for s.pos < len(s.css) {
		switch c := s.css[s.pos]; c {
		case ')':
			s.pos++
			return checkCSSTarget(strings.TrimSpace(target.String()))
		case '\\':
			target.WriteString(s.escape())
		default:
			target.WriteByte(c)
			s.pos++
		}
	}
	return errors.New(`url is not closed: write url("/path")`)
}

// checkCSSTarget lets pictures of the site itself through.
func checkCSSTarget(target string) error {
	if strings.HasPrefix(target, "#") || ownPath(target) {
		return nil
	}
	return fmt.Errorf("url(%s) is refused, because pages load nothing but pictures of their own site: "+
		"write the picture's whole path, such as url(\"/static/background.svg\"), and make it `public`; "+
		"the logo goes into `logo`", shorten(target, 60))
}

// ownPath reports whether browsers take an address for a path on the page's own site. They
// read a backslash as a slash, and drop tabs and line breaks.
func ownPath(s string) bool {
	return strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//") &&
		!strings.ContainsFunc(s, func(r rune) bool { return r == '\\' || r < ' ' })
}
