package caddymodule

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

const (
	maxCredentials = 128 << 10 // bytes of a header that are looked through; Kerberos has the longest
	maxEscapes     = 4         // layers of percent-encoding
	maxLayers      = 2         // layers of base64: a token, and credentials with a token in them
)

// namesUs reports whether anything in the value of a header looks like a token that
// claims to be of a site of the handler. Nothing of it is believed: it only decides who
// is to judge. However oddly a token of ours is wrapped, some application might unwrap
// it. What is too long, or wrapped too often, to tell counts as ours.
func (a *api) namesUs(value string) bool {
	if len(value) > maxCredentials {
		return true
	}
	for range maxEscapes {
		// What separates the parts of a token may have been put in by the client.
		if a.holdsOurs(value, maxLayers) || a.holdsOurs(strings.Map(tokenOnly, value), 1) {
			return true
		}
		plain := percentEscape.ReplaceAllStringFunc(value, unescape)
		if plain == value {
			return false
		}
		value = plain
	}
	return true
}

// holdsOurs looks at every run of base64, in either alphabet, for claims of ours.
func (a *api) holdsOurs(text string, layers int) bool {
	for run := range strings.FieldsFuncSeq(text, func(r rune) bool { return tokenOnly(r) < 0 || r == '.' }) {
		// Of a run that ends in the middle of a byte, the bytes before count.
		data, _ := base64.RawURLEncoding.DecodeString(urlAlphabet.Replace(run))
		var claims struct {
			Issuer string `json:"iss"`
		}
		if json.Unmarshal(data, &claims) == nil && slices.Contains(a.issuers, claims.Issuer) {
			return true
		}
		if layers > 1 && a.holdsOurs(string(data), layers-1) {
			return true
		}
	}
	return false
}

var (
	percentEscape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
	urlAlphabet   = strings.NewReplacer("+", "-", "/", "_")
)

func unescape(escape string) string {
	plain, _ := hex.DecodeString(escape[1:])
	return string(plain)
}

// tokenOnly keeps what tokens are made of, for strings.Map.
func tokenOnly(r rune) rune {
	if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_.+/", r) {
		return r
	}
	return -1
}
