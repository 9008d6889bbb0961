package hygiene

import (
	"net/http"
	"net/url"
	"strings"
)

// cleanCookies takes the gateway's cookies out of Cookie and leaves the others in
// order and to the byte. Untouched headers cost nothing.
func (r *Rules) cleanCookies(h http.Header) {
	values := h["Cookie"]
	dirty := len(values) > 1 // several lines: join them, as HTTP/2 does
	for _, value := range values {
		dirty = dirty || r.holdsOwnCookie(value)
	}
	if !dirty {
		return
	}
	var kept strings.Builder
	for _, value := range values {
		for value != "" {
			var pair string
			pair, value, _ = strings.Cut(value, ";")
			if pair = strings.Trim(pair, " \t"); pair == "" || r.cookieGoes(pair) {
				continue
			}
			if kept.Len() > 0 {
				kept.WriteString("; ")
			}
			kept.WriteString(pair)
		}
	}
	if kept.Len() == 0 {
		delete(h, "Cookie")
		return
	}
	values[0] = kept.String()
	h["Cookie"] = values[:1]
}

func (r *Rules) holdsOwnCookie(value string) bool {
	for value != "" {
		var pair string
		pair, value, _ = strings.Cut(value, ";")
		if r.cookieGoes(pair) {
			return true
		}
	}
	return false
}

// cookieGoes decides over one pair. Old parsers separate at commas too, so a pair goes
// when any part of it would be ours to them. $Version and its like go always: they
// switch parsers to RFC 2965, where a quoted value of the client's may swallow the
// cookies after it.
func (r *Rules) cookieGoes(pair string) bool {
	for pair != "" {
		var part string
		part, pair, _ = strings.Cut(pair, ",")
		name, _, _ := strings.Cut(strings.TrimLeft(part, "= \t\""), "=")
		if r.ownCookie(name) {
			return true
		}
		if name != "" && name[0] == '$' {
			switch strings.ToLower(strings.Trim(name, " \t")) {
			case "$version", "$path", "$domain", "$port":
				return true
			}
		}
	}
	return false
}

// ownCookie compares folded names, escapes undone: PHP once unescaped cookie names.
func (r *Rules) ownCookie(name string) bool {
	if strings.IndexByte(name, '%') >= 0 {
		if unescaped, err := url.PathUnescape(name); err == nil {
			name = unescaped
		}
	}
	var buf [longestName]byte
	folded, _ := fold(&buf, name)
	return len(folded) > 0 && r.cookies.holds(folded)
}
