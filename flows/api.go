package flows

import (
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/policy"
)

// Kind is what a flow is for.
type Kind string

const (
	SignIn Kind = "sign_in"
	SignUp Kind = "sign_up"
	StepUp Kind = "step_up"
	Enrol  Kind = "enrol"
	// Reset replaces a forgotten password: a code by mail, then a new password. It ends
	// in a session, like SignIn, and owes a second factor like one.
	Reset Kind = "reset"
	// Change changes what an account is proved with, or its address: first the highest
	// level that the account has, lately; then what is new. It ends with the session under
	// a new id, and with every other session of the account ended.
	Change Kind = "change"
)

// Changing is what a Change changes: a closed set.
type Changing string

const (
	ChangePassword Changing = "password" // of an account without one: adds it
	ChangePhone    Changing = "phone"    // replaces the number; Enrol adds the first
	RemovePhone    Changing = "remove_phone"
	ChangeEmail    Changing = "email"
)

// identifies reports whether a flow begins with somebody saying who they are, and ends
// with a session for them. The others begin with a session.
func (k Kind) identifies() bool { return k == SignIn || k == SignUp || k == Reset }

// Step is what a flow waits for. Faces render it; they decide nothing.
type Step string

const (
	AskPassword    Step = "password"     // GivePassword; or SwitchMethod to a code
	AskCode        Step = "code"         // GiveCode, Resend; SendCode for another way; SwitchMethod
	AskNewPassword Step = "new_password" // SetPassword, or SkipPassword where View.MaySkip
	AskAttributes  Step = "attributes"   // GiveAttributes: View.Attributes says which
	Confirm        Step = "confirm"      // SendCode, or UsePassword: the step-up page before anything is sent
	Choose         Step = "choose"       // SendCode or UsePassword, one of View.Options
	AskPhone       Step = "phone"        // GivePhone
	AskEmail       Step = "email"        // GiveEmail: the new address of a Change
	Stuck          Step = "stuck"        // the account has no method that would do: View.Why says so
	// Ready is a client's flow that may ask for tokens: Redeem.
	Ready Step = "ready"
	Done  Step = "done" // finished; go to Target.ReturnTo
)

// Input is what a person or client handed in. Exactly the types below implement it.
type Input interface{ input() }

type (
	// Identify begins SignIn, SignUp and Reset: who the person says they are. ByPassword
	// asks for the password page instead of a code by mail; for a client the engine
	// chooses, and sends nothing yet. A client's SignUp may bring what will be asked for.
	Identify struct {
		Email      string
		ByPassword bool
		Password   string
		Attributes map[string]string
	}
	// Open begins StepUp, Enrol and Change: who it is follows from the session. Changing
	// says what a Change is to change.
	Open struct{ Changing Changing }
	// GivePassword answers AskPassword. Email, if not empty and not the flow's own,
	// starts the flow again for that address (the field is editable on the page).
	GivePassword struct{ Email, Password string }
	// GiveCode answers AskCode.
	GiveCode struct{ Code string }
	// Resend asks for a new code the same way.
	Resend struct{}
	// SendCode asks for a code by the given factor: at Confirm, at Choose, and at
	// AskCode as "another way" (one of View.Options).
	SendCode struct{ Factor policy.Factor }
	// UsePassword goes to AskPassword, where the password is one of View.Options.
	UsePassword struct{}
	// SwitchMethod changes the first factor of a SignIn: from password to code, or back.
	SwitchMethod struct{ ToPassword bool }
	// GiveAttributes answers AskAttributes: values by attribute name. Names that the site
	// does not know are passed over. More says that others follow: these are checked and
	// kept, and the step stays.
	GiveAttributes struct {
		Values map[string]string
		More   bool
	}
	// RegisterMailbox answers AskPhone, and AskCode while View.Enrolling, where
	// View.MayRegisterMailbox: what was proved of
	// the mailbox in this flow is enough, no message is needed.
	RegisterMailbox struct{}
	// Redeem answers Ready: the client asks for its tokens.
	Redeem struct{}
	// SetPassword answers AskNewPassword.
	SetPassword struct{ Password string }
	// SkipPassword answers AskNewPassword where View.MaySkip.
	SkipPassword struct{}
	// GivePhone answers AskPhone; also at AskCode while View.Enrolling, to change the number.
	GivePhone struct{ Phone string }
	// GiveEmail answers AskEmail; also at AskCode while View.NewEmail is set, to change it.
	GiveEmail struct{ Email string }
)

func (Identify) input()     {}
func (Open) input()         {}
func (GivePassword) input() {}
func (GiveCode) input()     {}
func (Resend) input()       {}
func (SendCode) input()     {}
func (UsePassword) input()  {}
func (SwitchMethod) input() {}
func (SetPassword) input()  {}
func (SkipPassword) input() {}
func (GivePhone) input()    {}

func (GiveEmail) input()       {}
func (GiveAttributes) input()  {}
func (RegisterMailbox) input() {}
func (Redeem) input()          {}

// View is what a face needs to render a flow's step, and no secret.
type View struct {
	Flow   string // the flow's id: unguessable, worthless without the browser cookie
	Kind   Kind
	Step   Step
	Target Target

	Email string // of the account, as typed at Identify or as in the session
	// Changing is what a Change changes. NewEmail is the address that its code proves, as
	// typed.
	Changing Changing
	NewEmail string
	// Factor is the code's factor at AskCode, and the proposed one at Confirm.
	Factor policy.Factor
	// Phone is the number's last two digits, or, while Enrolling, the number as typed.
	Phone     string
	Enrolling bool // the phone is being added, not used

	ThenPhone bool // after what is asked for now, a phone is to be added
	// Options are the factors that would bring the flow on, in order of preference,
	// the proposed one included; at AskCode "another way" is the others.
	Options []policy.Factor
	First   bool // a first factor is awaited: SwitchMethod may be offered
	MaySkip bool // AskNewPassword may be skipped
	// Attributes are those to ask for at AskAttributes, in the site's order; Given holds
	// what the flow has of them.
	Attributes []Attribute
	Given      map[string]string
	// MayRegisterMailbox: at AskPhone, and while Enrolling, RegisterMailbox would do as
	// well. MayGivePhone: a phone may be given there (always, on the pages).
	MayRegisterMailbox, MayGivePhone bool
	// Replaced is set once a Reset has replaced the password: what follows is a second factor.
	Replaced bool
	// MailboxBack is when a mailbox that a reset has spent counts again, at Stuck with
	// MailboxSpent.
	MailboxBack time.Time
	PasswordMin int           // code points of a new password
	Digits      int           // of a code
	ValidFor    time.Duration // how long the proof will do for this target; 0 = as long as the session
	Once        bool          // the proof opens the target's action one time, and nothing else

	Sent        time.Time // when the newest code was handed to the outbox
	Expires     time.Time // when the code stops working
	ResendAfter time.Time // when another may be asked for

	// Delivery is what is known about the newest code's message, at AskCode, where it may
	// be told; see [Delivery].
	Delivery Delivery

	Why RefusalCode // at Stuck: NoMethod, EnrolNotAllowed or MailboxSpent

	// Opened is set once, in the answer to the input that finished the flow.
	Opened *Opened
}

// Opened is a session that a flow opened or raised.
type Opened struct {
	// ID is the secret for the cookie, in the clear. The only copy: never log it. Empty
	// for a client, which has Refresh instead.
	ID string
	// Refresh is a client's refresh token: opaque, for its eyes only.
	Refresh string
	Session *Session
	// NewPerson is set unless the browser's last known person was this one: the
	// application's own cookies in this browser then belong to somebody else.
	NewPerson bool
}

// Letter is a message to a person, before it has words. Faces of it (package ui)
// compose the text; the engine says only what happened.
type Letter struct {
	// ID names the message, in the store, to providers and in logs. Series is set for
	// codes: the newest of one flow replaces those before it.
	ID      string
	Series  string
	Purpose Purpose
	Medium  send.Medium
	To      string
	Code    string // for the code purposes
	// Once says that the rules ask for proof each time: the code opens the target's action
	// one time, and the message names it.
	Once   bool
	Site   *Site
	Target Target
	// Changing says what a CodeChange is asked for.
	Changing Changing
	Lang     string
	Device   string
	Network  string
	At       time.Time
	Expires  time.Time // of the code; of a notice, when it is of no more use
	// Mute says that nobody is to get the letter. It is posted all the same, so that the
	// request that made it does and costs what any other does.
	Mute bool
	// PasswordKnown says that whoever asks for the code has proved the password: if it was not
	// the owner, somebody else knows it.
	PasswordKnown bool
	// NotMe is the secret with which whoever gets the message may say that it was not them,
	// see [Engine.Disown]; empty where there is nothing to undo.
	NotMe string
}

// Purpose is what a letter is about: a closed set.
type Purpose string

const (
	CodeSignIn Purpose = "code.sign_in"
	CodeSignUp Purpose = "code.sign_up"
	CodeStepUp Purpose = "code.step_up"
	CodeEnrol  Purpose = "code.enrol"
	// CodeHaveAccount answers a sign-up for an address that has an account: it holds
	// a code that signs in (or none, where codes are not a way to sign in).
	CodeHaveAccount Purpose = "code.have_account"
	// NoticeNoAccount answers a sign-in for an address that has none.
	NoticeNoAccount  Purpose = "notice.no_account"
	NoticePhoneAdded Purpose = "notice.phone_added"
	CodeReset        Purpose = "code.reset"
	// NoticeNoPassword answers a reset for an account that has no password, where a code
	// by mail is the way to sign in.
	NoticeNoPassword Purpose = "notice.no_password"
	// NoticePasswordReset tells the owner that the password was replaced and that all
	// other sessions have ended.
	NoticePasswordReset Purpose = "notice.password_reset"
	// NoticeNewDevice tells the owner of a sign-in from a browser that was not familiar.
	NoticeNewDevice Purpose = "notice.new_device"
	// NoticeGuessing tells the owner that somebody tries codes or passwords; at most once
	// a day.
	NoticeGuessing Purpose = "notice.guessing"
	// NoticeSessionsEnded tells the owner that all sessions were ended.
	NoticeSessionsEnded Purpose = "notice.sessions_ended"
	// NoticePhoneChanged, NoticePhoneRemoved, NoticePasswordChanged and
	// NoticeEmailChanged tell of changes to the account; the last goes to both addresses.
	NoticePhoneChanged    Purpose = "notice.phone_changed"
	NoticePhoneRemoved    Purpose = "notice.phone_removed"
	NoticePasswordChanged Purpose = "notice.password_changed"
	NoticeEmailChanged    Purpose = "notice.email_changed"
	NoticePasswordAdded   Purpose = "notice.password_added"
	// CodeChange confirms who changes their account, and CodeEmailChange proves the new
	// address. NoticeEmailTaken goes to a new address that has an account already, in place
	// of that code.
	CodeChange       Purpose = "code.change"
	CodeEmailChange  Purpose = "code.email_change"
	NoticeEmailTaken Purpose = "notice.email_taken"
)

// Delivery is what is known about a message. Before a first factor is proved it speaks
// only of all messages of that medium, and never of one address.
type Delivery string

const (
	DeliveryUnderWay  Delivery = ""          // nothing to say
	DeliveryDown      Delivery = "down"      // no sender of that medium works at present
	DeliveryFailed    Delivery = "failed"    // no sender took it
	DeliveryUncertain Delivery = "uncertain" // it may have been taken, or not
	DeliveryRefused   Delivery = "refused"   // the carrier or mail server would not take it
	DeliveryDone      Delivery = "done"      // it is on the person's device
)

// An Incident is something that operators want to hear of. It holds no address, no
// number and no code.
type Incident struct {
	Kind IncidentKind
	// Prefix is a number less its last four digits, for PrefixPaused; Country is that of the
	// number, as ISO 3166.
	Prefix, Country string
	// Budget names what is spent or nearly so, in the words of the configuration.
	Budget string
	Until  time.Time // zero: not known
}

// IncidentKind is a closed set, fit for metrics and events.
type IncidentKind string

const (
	PrefixPaused IncidentKind = "prefix_paused" // many texts, no codes that came back
	BudgetSpent  IncidentKind = "budget_spent"  // a budget for all was spent
	BudgetNear   IncidentKind = "budget_near"   // strangers are asked for an effort
	Guessing     IncidentKind = "guessing"      // an account's budget of tries was spent
)
