package flows

import (
	"time"

	"github.com/stepgate/stepgate/policy"
)

// User is one account. The e-mail address is verified by construction: a record
// is written only after a code sent to the address came back.
type User struct {
	ID        string `json:"id"`
	Email     string `json:"email"`              // as the person typed it; messages go here
	Canonical string `json:"canonical"`          // the key: see CanonicalEmail
	Password  string `json:"password,omitempty"` // PHC string; empty = none
	// PasswordLocked says that somebody else knows the password, as the owner has said:
	// until it is reset, it is as good as a wrong one. It still counts as one of the account's
	// factors, or whoever holds only the mailbox could now enrol a phone beside it.
	PasswordLocked bool `json:"password_locked,omitempty"`
	// PasswordFrom is the flow in which the password was chosen that is there now, if it was
	// a reset or a change: whoever disowns that flow's codes disowns the password.
	PasswordFrom string            `json:"password_from,omitempty"`
	Phone        string            `json:"phone,omitempty"` // E.164, proved by a code
	Attributes   map[string]string `json:"attributes,omitempty"`
	Groups       []string          `json:"groups,omitempty"`
	Disabled     bool              `json:"disabled,omitempty"`
	// Epoch rises when every session of the account must end; a session opened
	// under an older epoch is dead.
	Epoch   int       `json:"epoch"`
	Created time.Time `json:"created"`
	// MailboxBack is from when codes by mail count as a second factor, after a reset by
	// mail has spent the mailbox: whoever holds nothing else could have chosen the password
	// as well. Zero: all do.
	MailboxBack time.Time `json:"mailbox_back,omitzero"`
}

// usablePassword is what a password is checked against; empty: none would be right.
func (u *User) usablePassword() string {
	if u.PasswordLocked {
		return ""
	}
	return u.Password
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

// settled is a proof with the mailbox spent as the account says: codes from before
// MailboxBack do not count, then or later, since one of them chose the password. Only a
// sign-in in which the phone was proved as well is more than its mailbox; that says
// nothing about any other sign-in.
func (u *User) settled(p policy.Proof) policy.Proof {
	p = p.Restore(policy.Mailbox)
	if _, phone := p.At(policy.SMSCode); phone || u.MailboxBack.IsZero() {
		return p
	}
	return p.SpendUntil(policy.Mailbox, u.MailboxBack)
}

// Session is a signed-in browser, or a sign-in through a client. It is stored under the hash of the id that the
// cookie carries, so whoever reads the store cannot become anybody.
type Session struct {
	// Key is the SHA-256 of the cookie's secret id, in hex: the record's name.
	Key string `json:"-"`
	// SID names the sign-in. It stays the same when the id changes at a rise, and
	// is the sid claim of tokens. It opens nothing.
	SID    string        `json:"sid"`
	User   string        `json:"user"`
	Epoch  int           `json:"epoch"`
	Site   string        `json:"site"` // origin: a session is worth nothing at another site
	Proof  policy.Proof  `json:"proof"`
	Opened policy.Factor `json:"opened"`
	Device string        `json:"device,omitempty"` // such as "Firefox on Windows"
	// Network is where it was opened, and Browser the known device in which it was, by its
	// name; empty for a client.
	Network  string    `json:"network,omitempty"`
	Browser  string    `json:"browser,omitempty"`
	Created  time.Time `json:"created"`
	LastSeen time.Time `json:"last_seen"`
	Ends     time.Time `json:"ends"` // absolute
	// Email, Groups and Attributes are the account's, as of when the session was last read.
	Email      string            `json:"email"`
	Canonical  string            `json:"-"` // of Email
	Groups     []string          `json:"-"`
	Attributes map[string]string `json:"-"`
	Have       policy.Factors    `json:"-"` // what the account can be proved with
	// KnownDevice says that the browser was familiar to the account when the session was
	// opened, or has become so in it. Networks are those that the account was used from.
	KnownDevice bool     `json:"known_device,omitempty"`
	Networks    []string `json:"networks,omitempty"`
	// Failures are the times of the newest wrong tries at the account's factors, in Unix
	// seconds, as of when the session was last read.
	Failures []int64 `json:"-"`
	// Client is the id of the client that the sign-in belongs to; empty for a browser.
	// Generation counts the refresh tokens it got, the newest at Rotated.
	Client string `json:"client,omitempty"`
	// Idle is the client's own limit without use; zero: the engine's.
	Idle       time.Duration `json:"idle,omitempty"`
	Generation int           `json:"generation,omitempty"`
	Rotated    time.Time     `json:"rotated,omitzero"`
	// Replaced is set on the old id after a rise: it lives for the grace only, at
	// its old level.
	Replaced bool `json:"replaced,omitempty"`
}

// idle is how long the session lives unused, where the engine says so and it does not
// say otherwise.
func (s *Session) idle(engine time.Duration) time.Duration {
	if s.Idle != 0 {
		return s.Idle
	}
	return engine
}
