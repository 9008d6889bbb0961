package flows

import (
	"time"

	"github.com/stepgate/stepgate/policy"
)

// User is one account. The e-mail address is verified by construction: a record
// is written only after a code sent to the address came back.
type User struct {
	ID         string            `json:"id"`
	Email      string            `json:"email"`              // as the person typed it; messages go here
	Canonical  string            `json:"canonical"`          // the key: see CanonicalEmail
	Password   string            `json:"password,omitempty"` // PHC string; empty = none
	Phone      string            `json:"phone,omitempty"`    // E.164, proved by a code
	Attributes map[string]string `json:"attributes,omitempty"`
	Groups     []string          `json:"groups,omitempty"`
	Disabled   bool              `json:"disabled,omitempty"`
	// Epoch rises when every session of the account must end; a session opened
	// under an older epoch is dead.
	Epoch   int       `json:"epoch"`
	Created time.Time `json:"created"`
}

// Factors is what the account can prove itself with.
func (u *User) Factors() policy.Factors {
	have := policy.FactorsOf(policy.EmailCode)
	if u.Password != "" {
		have = have.With(policy.Password)
	}
	if u.Phone != "" {
		have = have.With(policy.SMSCode)
	}
	return have
}

// Session is a signed-in browser. It is stored under the hash of the id that the
// cookie carries, so whoever reads the store cannot become anybody.
type Session struct {
	// Key is the SHA-256 of the cookie's secret id, in hex: the record's name.
	Key string `json:"-"`
	// SID names the sign-in. It stays the same when the id changes at a rise, and
	// is the sid claim of tokens. It opens nothing.
	SID      string        `json:"sid"`
	User     string        `json:"user"`
	Epoch    int           `json:"epoch"`
	Site     string        `json:"site"` // origin: a session is worth nothing at another site
	Proof    policy.Proof  `json:"proof"`
	Opened   policy.Factor `json:"opened"`
	Device   string        `json:"device,omitempty"` // such as "Firefox on Windows"
	Created  time.Time     `json:"created"`
	LastSeen time.Time     `json:"last_seen"`
	Ends     time.Time     `json:"ends"` // absolute
	// Email and Groups are the account's, as of when the session was last read.
	Email  string   `json:"email"`
	Groups []string `json:"-"`
	// Replaced is set on the old id after a rise: it lives for the grace only, at
	// its old level.
	Replaced bool `json:"replaced,omitempty"`
}
