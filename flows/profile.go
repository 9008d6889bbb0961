package flows

import "time"

// Profile is an account as its owner sees it, and no secret.
type Profile struct {
	Email string // as typed
	// HasPassword; PasswordLocked: somebody else knows it, and it waits for a reset.
	HasPassword, PasswordLocked bool
	Phone                       string // the number's last two digits; empty: none
	Attributes                  map[string]string
	Sessions                    []SignedIn // this one first, then the newest use first
	// May says what the owner may change here. Whether a change succeeds is judged again by
	// its flow.
	MayChange map[Changing]bool
	MayEnrol  bool // add a first phone number
}

// SignedIn is one of a person's sign-ins, on any site.
type SignedIn struct {
	SID     string // names it for [Engine.EndSession], and opens nothing
	This    bool   // the session that asks
	Device  string // such as "Firefox on Windows"; empty: unknown
	Network string // from which it was opened, such as 198.51.100.0/24; may be empty
	Site    string // origin
	Client  string // id of the application that it belongs to; empty: a browser
	Created time.Time
	Used    time.Time // last, to within some minutes
}
