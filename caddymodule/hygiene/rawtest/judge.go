package rawtest

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Mallory is in the value of every header, trailer and cookie with which the corpus
// tries to be somebody else. It must never reach the application outside a body.
const Mallory = "mallory"

// Secret is a value of the gateway's own cookie, [Front.Cookie], in some cases.
const Secret = "s3cr3t-of-the-gateway"

// judge tells what is wrong with a request that has reached the application.
func (f *Front) judge(r Received, signedIn bool) (faults []string) {
	say := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if r.Malformed != "" {
		say("is malformed: %s", r.Malformed)
	}
	if reading := protected(r.Target); reading != "" {
		say("%q reads as %q", r.Target, reading)
	}
	if !strings.HasPrefix(r.Target, "/") {
		say("target %q is no path", r.Target)
	}
	switch r.Method {
	case "TRACE", "TRACK", "CONNECT":
		say("method %s", r.Method)
	}
	if r.Method != strings.ToUpper(r.Method) {
		say("method %q", r.Method)
	}
	switch tokens := r.Get("X-Id-Token"); {
	case len(tokens) == 0 && signedIn:
		say("the gateway's X-Id-Token is gone")
	case len(tokens) > 1 || len(tokens) == 1 && !f.Genuine(tokens[0]):
		say("X-Id-Token is %.60q", tokens)
	}
	for _, field := range r.Header {
		switch {
		case strings.Contains(field.Value, Mallory) || strings.Contains(field.Name, Mallory):
			say("header %q: %.60q", field.Name, field.Value)
		case strings.Contains(field.Value, Secret) || f.Session != "" && strings.Contains(field.Value, f.Session):
			say("the gateway's secret in %q: %.80q", field.Name, field.Value)
		case strings.EqualFold(field.Name, "Connection") && !oneOf(field.Value, "upgrade", "keep-alive", "close"):
			say("Connection: %s", field.Value)
		case strings.EqualFold(field.Name, "Upgrade") && !oneOf(field.Value, "websocket"):
			say("Upgrade: %s", field.Value)
		}
	}
	for _, field := range r.Trailer {
		say("trailer %q: %.60q", field.Name, field.Value)
	}
	return faults
}

func oneOf(value string, words ...string) bool { return slices.Contains(words, strings.ToLower(value)) }

// protected answers the first reading of a target that is /admin or below it, or "".
// It tries every combination of what servers are known to do to a path.
func protected(target string) string {
	beforeQuery, _, _ := strings.Cut(target, "?")
	readings := []string{beforeQuery}
	for _, trick := range []func(string) string{
		dropOrigin, unescape, unescape, unescape, dropAfterHash, foldWide, foldCase, slashes, dropParams, dropStream,
		trimSegments, clean, merge,
	} {
		for _, reading := range slices.Clone(readings) {
			if next := trick(reading); !slices.Contains(readings, next) {
				readings = append(readings, next)
			}
		}
		if len(readings) > 4096 {
			break
		}
	}
	for _, reading := range readings {
		folded := strings.ToLower(reading)
		if folded == "/admin" || strings.HasPrefix(folded, "/admin/") || strings.HasPrefix(folded, "/admin?") {
			return reading
		}
	}
	return ""
}

func dropOrigin(s string) string {
	if scheme, rest, ok := strings.Cut(s, ":"); ok && (scheme == "http" || scheme == "https") {
		rest = strings.TrimPrefix(rest, "//")
		if slash := strings.IndexByte(rest, '/'); slash >= 0 {
			return rest[slash:]
		}
		return "/" + rest
	}
	if !strings.HasPrefix(s, "/") {
		return "/" + s
	}
	return s
}

// unescape decodes what it can, %u escapes and overlong forms included.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if one, err := url.PathUnescape(s[i : i+3]); err == nil {
				b.WriteString(one)
				i += 2
				continue
			}
			if (s[i+1] == 'u' || s[i+1] == 'U') && i+5 < len(s) && s[i+2:i+4] == "00" {
				if one, err := url.PathUnescape("%" + s[i+4:i+6]); err == nil {
					b.WriteString(one)
					i += 5
					continue
				}
			}
		}
		b.WriteByte(s[i])
	}
	decoded := b.String()
	for c := range 128 { // two bytes for what needs one
		decoded = strings.ReplaceAll(decoded, string([]byte{0xc0 | byte(c>>6), 0x80 | byte(c&0x3f)}), string(rune(c)))
	}
	return decoded
}

func dropAfterHash(s string) string {
	if i := strings.IndexAny(s, "#?\x00\r\n"); i >= 0 {
		return s[:i]
	}
	return s
}

func foldWide(s string) string {
	return strings.NewReplacer("\u2215", "/", "\u2044", "/", "\u2216", `\`, "\u200b", "", "\u200d", "", "\u00ad", "").Replace(norm.NFKC.String(s))
}

func foldCase(s string) string { return strings.ToLower(strings.ToUpper(s)) }

func slashes(s string) string { return strings.ReplaceAll(s, `\`, "/") }

func dropParams(s string) string {
	return each(s, func(segment string) string { before, _, _ := strings.Cut(segment, ";"); return before })
}

func dropStream(s string) string {
	return each(s, func(segment string) string { before, _, _ := strings.Cut(segment, ":"); return before })
}

func trimSegments(s string) string {
	return each(s, func(segment string) string {
		if segment == "." || segment == ".." {
			return segment
		}
		return strings.TrimRight(segment, ". \t\x00\r\n")
	})
}

func clean(s string) string { return path.Clean("/" + s) }

func merge(s string) string {
	for strings.Contains(s, "//") {
		s = strings.ReplaceAll(s, "//", "/")
	}
	return s
}

func each(s string, change func(string) string) string {
	segments := strings.Split(s, "/")
	for i := range segments {
		segments[i] = change(segments[i])
	}
	return strings.Join(segments, "/")
}
