package flows

import (
	"time"

	"github.com/stepgate/stepgate/policy"
)

// State is where a flow stands. It is a plain value: the whole of it is stored,
// except Facts, which are gathered afresh before every event.
type State struct {
	Kind   Kind   `json:"kind"`
	Step   Step   `json:"step"`
	Target Target `json:"target"`

	Email     string `json:"email,omitempty"`     // as typed
	Canonical string `json:"canonical,omitempty"` // see CanonicalEmail
	User      string `json:"user,omitempty"`      // empty: no such account (yet)
	// Phantom marks a flow that looks and costs the same as any other and can never
	// succeed: no account has the address, or it may not be used.
	Phantom bool `json:"phantom,omitempty"`

	// Proof is all that counts; Here is the part of it that was proved in this flow
	// rather than brought along by the session.
	Proof   policy.Proof   `json:"proof"`
	Here    policy.Factors `json:"here,omitempty"`
	Factor  policy.Factor  `json:"factor"`            // of the code or password that is awaited
	Options policy.Factors `json:"options,omitempty"` // ways on, where there is a choice
	// First is set while a first factor is awaited, when the method may be switched.
	First bool `json:"first,omitempty"`

	// Created is set once the flow has made the account: nobody else has anything of it.
	Created bool `json:"created,omitempty"`
	// Hash is the new account's password, hashed, until the account is made; ChosenAt is
	// when it was chosen. Attributes are what the newcomer has said, checked.
	Hash       string            `json:"hash,omitempty"`
	ChosenAt   time.Time         `json:"chosen_at,omitzero"`
	Attributes map[string]string `json:"attributes,omitempty"`

	// Replaced is set once a Reset has replaced the password. Passwordless marks a Reset
	// for an account that has none, and so a phantom.
	Replaced     bool `json:"replaced,omitempty"`
	Passwordless bool `json:"passwordless,omitempty"`

	// Native marks a client's flow: no message is sent unless the client asks for it, and
	// no session opens unless it has Asked for tokens.
	Native bool `json:"native,omitempty"`
	Asked  bool `json:"asked,omitempty"`
	// Register is what may be registered at AskPhone: SMSCode a phone, EmailCode the
	// mailbox that was proved already.
	Register policy.Factors `json:"register,omitempty"`

	// Epoch is the account's at the time it was named. A flow that began before all
	// sessions were ended must not open one afterwards.
	Epoch int `json:"epoch,omitempty"`

	// ThenPhone is set while the proof that is asked for leads to adding a phone.
	ThenPhone bool `json:"then_phone,omitempty"`

	// PhoneTyped and Phone are the number being enrolled.
	PhoneTyped string `json:"phone_typed,omitempty"`
	Phone      string `json:"phone,omitempty"`
	Enrolling  bool   `json:"enrolling,omitempty"`

	// Changing is what a Change changes. NewTyped and NewEmail are the address that is to
	// be the account's, as typed and as its key; Moving is set while its code is awaited.
	Changing Changing `json:"changing,omitempty"`
	NewTyped string   `json:"new_typed,omitempty"`
	NewEmail string   `json:"new_email,omitempty"`
	Moving   bool     `json:"moving,omitempty"`

	Why RefusalCode `json:"why,omitempty"` // at Stuck

	Facts Facts `json:"-"`
}

// Facts are what the machine must know and cannot remember, because it may have
// changed since the last event.
type Facts struct {
	Demand policy.Demand  // of the target, at least the floor
	Have   policy.Factors // what the account has and the site accepts
	// HasPhone is true even where the site sends no text messages: an account that
	// has a second factor never gets another one this way.
	HasPhone bool
	// Own is what the account has, whether or not the site accepts it. PasswordLocked says
	// that its password proves nothing.
	Own            policy.Factors
	PasswordLocked bool
	// MayMove says that the site lets people change their address. NewTaken says that
	// State.NewEmail is the address of an account.
	MayMove, NewTaken bool
	// MailboxBack is from when codes by mail count as a second factor, after a reset by
	// mail; zero: all do. ResetCoolDown is how far a reset moves it.
	MailboxBack   time.Time
	ResetCoolDown time.Duration
	// First factors that the site has and the face can ask for, and whether the site
	// sends text messages.
	EmailCode, Password, SMS bool
	// Can is what a client can ask for. Our pages can ask for everything.
	Can policy.Factors
	// AttributesAsked is true where newcomers are asked for attributes, and
	// AttributesMissing where required ones are not yet given.
	AttributesAsked, AttributesMissing bool
	SignUpAllowed                      bool          // for this address
	EnrolWithin                        time.Duration // age of the proofs that allow enrolling
	CodeLife                           time.Duration // how much older they may be when the code comes back
}
