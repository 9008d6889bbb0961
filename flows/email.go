package flows

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// CanonicalEmail reads what somebody typed as an e-mail address. typed is the
// address to write to; canonical is the one key of its account: lower case, with the
// domain as A-labels and without a final dot, so that spelling buys nobody a second
// account or a second budget. Letter case in the local part is ignored for the key,
// as every mail provider of note does; dots and plus tags are kept, because their
// meaning is the provider's business.
//
// Only plain ASCII local parts are taken (RFC 5322 dot-atom): quoted ones, comments
// and lists are how one address is made to look like another. Braces are refused as
// well: what stands in them is a placeholder to whoever handles the address next.
func CanonicalEmail(input string) (typed, canonical string, refusal *Refusal) {
	malformed := &Refusal{Code: EmailMalformed, Field: "email"}
	if len(input) > 1024 || !utf8.ValidString(input) {
		return "", "", malformed
	}
	s := strings.TrimFunc(norm.NFKC.String(input), isBlank)
	if len(s) > 7 && strings.EqualFold(s[:7], "mailto:") {
		s = s[7:]
	}
	if s == "" {
		return "", "", &Refusal{Code: EmailMissing, Field: "email"}
	}
	local, domain, found := strings.Cut(s, "@")
	if !found || len(local) > 64 || !isDotAtom(local) {
		return "", "", malformed
	}
	ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(domain, "."))
	if err != nil || !isDomain(ascii) || len(local)+1+len(ascii) > 254 {
		return "", "", malformed
	}
	ascii = strings.ToLower(ascii)
	if again, err := idna.Lookup.ToASCII(ascii); err != nil || again != ascii {
		return "", "", malformed // an encoding of something that has another one
	}
	return local + "@" + ascii, strings.ToLower(local) + "@" + ascii, nil
}

// isBlank reports spaces, line ends and zero-width characters, which come along when an
// address is copied.
func isBlank(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r)
}

func isDotAtom(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" {
			return false
		}
		for _, r := range atom {
			if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("!#$%&'*+-/=?^_`|~", r) {
				return false
			}
		}
	}
	return true
}

// isDomain reports whether s is at least two labels of letters, digits and hyphens,
// the last one not a number: addresses of machines are not taken.
func isDomain(s string) bool {
	labels := strings.Split(s, ".")
	if len(labels) < 2 {
		return false
	}
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' {
				return false
			}
		}
	}
	return strings.IndexFunc(labels[len(labels)-1], unicode.IsLetter) >= 0
}
