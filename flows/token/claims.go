package token

import (
	"crypto/sha1"
	"encoding/hex"
	"strings"
	"unicode"

	"github.com/stepgate/stepgate/policy"
)

// The acr claim says what was proved, in names of our own: neither is an assurance
// level of any standard.
const (
	ACR1 = "urn:stepgate:acr:1" // a first factor
	ACR2 = "urn:stepgate:acr:2" // two different channels, one of them by a one-time code
)

// Subject is the person whom tokens speak of.
type Subject struct {
	User   string // the account's id: the sub and oid claims
	SID    string // names the sign-in, and opens nothing
	Email  string // verified
	Name   string // as people wrote it themselves; may be empty
	Groups []string
	Proof  policy.Proof
}

// claims are those of both kinds of token. ClientID and Scope are the access token's
// alone (RFC 9068, section 2.2). Version is for clients, whose libraries look at it,
// and ACRs and Spent are in a client's access token.
type claims struct {
	Issuer    string           `json:"iss"`
	Subject   string           `json:"sub"`
	Audience  string           `json:"aud"`
	Expires   int64            `json:"exp"`
	IssuedAt  int64            `json:"iat"`
	NotBefore int64            `json:"nbf"`
	ID        string           `json:"jti"`
	SID       string           `json:"sid,omitempty"`
	AuthTime  int64            `json:"auth_time"`
	ACR       string           `json:"acr"`
	AMR       []string         `json:"amr"`
	AMRDetail []string         `json:"amr_detail"`
	Factors   map[string]int64 `json:"factors"`
	Email     string           `json:"email,omitempty"`
	Verified  bool             `json:"email_verified,omitempty"`
	Username  string           `json:"preferred_username,omitempty"`
	Name      string           `json:"name,omitempty"`
	Groups    []string         `json:"groups,omitempty"`
	// MoreGroups says that Groups is not all of them.
	MoreGroups bool   `json:"groups_truncated,omitempty"`
	OID        string `json:"oid"`
	TID        string `json:"tid,omitempty"`
	ClientID   string `json:"client_id,omitempty"`
	Scope      string `json:"scope,omitempty"`
	Version    string `json:"ver,omitempty"`
	// ACRs are authentication contexts that were asked for and are met.
	ACRs []string `json:"acrs,omitempty"`
	// Spent are the channels that do not count as a second factor.
	Spent []string `json:"spent,omitempty"`
}

// The greatest lengths of claims that somebody outside can choose, in bytes as JSON
// has them.
const (
	maxEmail  = 254
	maxName   = 128
	maxGroup  = 128
	maxGroups = 512 // all of them together, with quotes and commas
)

// proved fills in what was proved and when: auth_time is the latest active
// authentication (OpenID Connect Core 1.0, section 2).
func (c *claims) proved(p policy.Proof) {
	c.ACR = ACR1
	c.Factors = make(map[string]int64)
	for _, f := range p.Factors().Slice() {
		at, _ := p.At(f)
		c.Factors[f.String()] = at.Unix()
		c.AMRDetail = append(c.AMRDetail, f.String())
	}
	c.AMR = methods(p)
	if p.TwoChannels() {
		c.ACR = ACR2
	}
	latest, _ := p.Latest()
	c.AuthTime = latest.Unix()
}

// methods are the values of RFC 8176 that are true of a proof. A code by mail has
// no value of its own there: it is an "otp". Two codes to one mailbox are not
// "mfa".
func methods(p policy.Proof) []string {
	var amr []string
	have := p.Factors()
	if have.Has(policy.Password) {
		amr = append(amr, "pwd")
	}
	if have.Has(policy.EmailCode) || have.Has(policy.SMSCode) {
		amr = append(amr, "otp")
	}
	if have.Has(policy.SMSCode) {
		amr = append(amr, "sms")
	}
	if p.TwoChannels() {
		amr = append(amr, "mfa", "mca")
	}
	return amr
}

// person fills in who it is, bounded. A name may be cut. An address or a group may
// not, since a part of it is somebody else's: it is left out.
func (c *claims) person(s Subject) {
	if s.Email != "" && length(s.Email) <= maxEmail && clean(s.Email) == s.Email {
		c.Email, c.Username, c.Verified = s.Email, s.Email, true
	}
	c.Name = cut(clean(s.Name), maxName)
	room := maxGroups
	for _, g := range s.Groups {
		n := length(g)
		if n > maxGroup || n+3 > room || clean(g) != g {
			c.MoreGroups = true
			continue
		}
		room -= n + 3
		c.Groups = append(c.Groups, g)
	}
}

// clean drops what no claim should hold and some reader may stumble over: control
// characters and broken UTF-8.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, s)
}

// length is how many bytes JSON needs for a clean string, quotes not counted.
func length(s string) int { return len(s) + strings.Count(s, `"`) + strings.Count(s, `\`) }

// cut shortens a clean string to at most n bytes of JSON, between characters.
func cut(s string, n int) string {
	for i, r := range s {
		if n -= length(string(r)); n < 0 {
			return s[:i]
		}
	}
	return s
}

// TenantID is the tid claim of an issuer: a name-based UUID (RFC 9562, version 5,
// in the URL namespace), since applications written for other issuers expect one.
func TenantID(issuer string) string {
	namespace, _ := hex.DecodeString("6ba7b8119dad11d180b400c04fd430c8")
	sum := sha1.Sum(append(namespace, issuer...))
	id := sum[:16]
	id[6] = id[6]&0x0f | 0x50
	id[8] = id[8]&0x3f | 0x80
	h := hex.EncodeToString(id)
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}
