package flows

import (
	"time"

	"github.com/stepgate/stepgate/policy"
)

// Event is something that happened to a flow, checked by the engine.
type Event interface{ event() }

type (
	// Identified: somebody said who they are. User is empty when no account has the
	// address.
	Identified struct {
		Email, Canonical, User string
		Epoch                  int
		ByPassword             bool
		// MayReset: the account's password may be reset.
		MayReset   bool
		Attributes map[string]string
	}
	// Begun: a signed-in person asked to step up, to enrol a phone, or to change something.
	Begun struct{}
	// PasswordRight and CodeRight: the awaited proof came and was right. Wrong ones are
	// no events: they move nothing.
	PasswordRight struct{}
	CodeRight     struct{}
	// WantCode and WantPassword: the person chose a way.
	WantCode     struct{ Factor policy.Factor }
	WantPassword struct{}
	// WantAgain: another code, the same way.
	WantAgain struct{}
	// Switched: the other first factor, please.
	Switched struct{ ToPassword bool }
	// PasswordChosen: a new account's password, hashed. PasswordSkipped: none wanted.
	PasswordChosen  struct{ Hash string }
	PasswordSkipped struct{}
	// AttributesGiven: the newcomer's attributes, checked and complete. AttributesKept: some
	// of them, checked.
	AttributesGiven struct{ Values map[string]string }
	AttributesKept  struct{ Values map[string]string }
	// MailboxRegistered: the proved mailbox is to be the new account's second factor.
	MailboxRegistered struct{}
	// TokensWanted: a client asks for its tokens.
	TokensWanted struct{}
	// PhoneGiven: a number to enrol.
	PhoneGiven struct{ Typed, E164 string }
	// EmailGiven: the address that is to be the account's; neither its own nor one that the
	// site does not want.
	EmailGiven struct{ Typed, Canonical string }
)

func (Identified) event()      {}
func (Begun) event()           {}
func (PasswordRight) event()   {}
func (CodeRight) event()       {}
func (WantCode) event()        {}
func (WantPassword) event()    {}
func (WantAgain) event()       {}
func (Switched) event()        {}
func (PasswordChosen) event()  {}
func (PasswordSkipped) event() {}
func (PhoneGiven) event()      {}
func (EmailGiven) event()      {}

func (AttributesGiven) event()   {}
func (AttributesKept) event()    {}
func (MailboxRegistered) event() {}
func (TokensWanted) event()      {}

// Effect is something the engine must do, in the transaction that stores the
// state.
type Effect interface{ effect() }

type (
	// NewCode makes and sends a code for the state's factor; any older one dies. While
	// a young code is on its way to the same place, that one stays instead.
	// Purpose says what the message is about.
	NewCode struct{ Purpose Purpose }
	// DropCode makes an outstanding code worthless.
	DropCode struct{}
	// CreateAccount makes the account of a sign-up; its address is proved.
	CreateAccount struct{ PasswordHash string }
	// ResetPassword replaces the password, ends everything that was opened before, and
	// spends the mailbox until MailboxBack.
	ResetPassword struct {
		PasswordHash string
		MailboxBack  time.Time
	}
	// SetPhone writes the proved number to the account, unless it has one by now.
	SetPhone struct{ E164 string }
	// OpenSession starts a session with the state's proof.
	OpenSession struct{}
	// RaiseSession gives the session that began the flow the state's proof and a new id.
	RaiseSession struct{}

	// ReplacePassword, ReplacePhone and ReplaceEmail change the account, end all of its
	// other sessions, and tell its owner. A MailboxBack that is not zero spends the mailbox
	// until then. No number removes the one there is.
	ReplacePassword struct {
		PasswordHash string
		MailboxBack  time.Time
	}
	ReplacePhone struct{ E164 string }
	ReplaceEmail struct{ Typed, Canonical string }
)

func (NewCode) effect()       {}
func (DropCode) effect()      {}
func (CreateAccount) effect() {}
func (SetPhone) effect()      {}
func (OpenSession) effect()   {}
func (RaiseSession) effect()  {}

func (ResetPassword) effect() {}

func (ReplacePassword) effect() {}
func (ReplacePhone) effect()    {}
func (ReplaceEmail) effect()    {}
