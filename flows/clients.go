package flows

import (
	"context"
	"time"

	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// Client is an application that signs people in on screens of its own.
type Client struct {
	ID   string
	Name string // as people know it, for messages; may be empty
	// Reveal lets the client learn whether an address has an account.
	Reveal bool
	// SessionIdle and SessionLife are how long a sign-in through the client lives unused,
	// and at most. Zero: as the engine's settings say.
	SessionIdle, SessionLife time.Duration
}

// clientID is empty for a browser.
func (c Caller) clientID() string {
	if c.Client == nil {
		return ""
	}
	return c.Client.ID
}

// can reports whether the caller's face can ask a person for factor f.
func (c Caller) can(f policy.Factor) bool { return c.Client == nil || c.Can.Has(f) }

// bring checks what a client brought to a sign-up before it was asked, and keeps it with
// the flow: nothing of it counts before the mailbox is proved.
func (e *Engine) bring(c Caller, record *flowRecord, in Identify) error {
	_, canonical, refusal := CanonicalEmail(in.Email)
	if refusal != nil {
		return refusal
	}
	attributes, refusal := c.Site.readAttributes(nil, in.Attributes)
	if refusal != nil {
		return refusal
	}
	record.Attributes = attributes
	if in.Password == "" {
		return nil
	}
	if !c.Site.Password || !c.can(policy.Password) {
		// To make an account without it would leave its owner with a password that opens
		// nothing.
		return &Refusal{Code: MethodOff, Field: "password", Left: -1}
	}
	if err := e.checkPassword(c, canonical, in.Password); err != nil {
		return err
	}
	var err error
	record.Given, err = e.Keys.Seal(givenLabel, []byte(in.Password), record.ID)
	return err
}

// givenLabel is the purpose under which a password that was given early is sealed.
const givenLabel = "password given at sign-up"

// chargeLook bounds how many addresses one client network may ask about, where clients
// are told which have accounts.
func (e *Engine) chargeLook(ctx context.Context, c Caller) error {
	return e.Store.Update(ctx, func(tx store.Tx) error {
		return e.chargeWork(tx, "look", c.Network)
	})
}

// reveal tells clients that may know it whether an address has an account.
func (c Caller) reveal(kind Kind, user *User, mayReset bool) *Refusal {
	switch {
	case !c.Client.Reveal:
		return nil
	case kind == SignUp && user != nil:
		return &Refusal{Code: UserExists}
	case kind != SignUp && user == nil:
		return &Refusal{Code: UserUnknown}
	case kind == Reset && !mayReset:
		return &Refusal{Code: NoPassword}
	}
	return nil
}

// firstFor chooses the first factor that a client is to ask for: the password of those
// who have one, and a code otherwise, as far as site and client can. For an address
// without an account the choice is the same at every try and tells nothing.
func (e *Engine) firstFor(c Caller, user *User, canonical string) (byPassword bool, refusal *Refusal) {
	codes := c.Site.EmailCode && c.can(policy.EmailCode)
	passwords := c.Site.Password && c.can(policy.Password)
	switch {
	case codes && passwords && user == nil:
		return e.mac("first factor", canonical)[0]&1 == 0, nil
	case codes && passwords:
		return user.Password != "", nil
	case passwords && user != nil && user.Password == "" && c.Client.Reveal:
		return false, &Refusal{Code: NeedsBrowser}
	default:
		return passwords, nil
	}
}
