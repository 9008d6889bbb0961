package flows

import (
	"fmt"
	"time"
)

// Refusal is a "no" that a person may be told. Faces turn the code into words of
// the person's language; the rest goes with it.
type Refusal struct {
	Code RefusalCode
	// Field names the form field to blame: email, password, new_password, code, phone,
	// factor; empty for the form as a whole.
	Field string
	// Wait is how long until it is worth trying again, where that helps.
	Wait time.Duration
	// Left is how many tries are left, where that helps; negative = do not say.
	Left int
	// Count is a number the words need: digits typed, least length.
	Count int
	// Names are the attributes to blame, in the site's order.
	Names []string
	// Puzzle is what the browser is to solve, with EffortNeeded; Wait is then how long it
	// takes until the same input is taken without a solution.
	Puzzle string
	// spent names the budget for everybody that is spent, if that is why.
	spent string
}

func (r *Refusal) Error() string { return fmt.Sprintf("refused: %s", r.Code) }

// RefusalCode is a closed set, fit for metrics, for tests and as a message key.
type RefusalCode string

const (
	EmailMissing    RefusalCode = "email_missing"
	EmailMalformed  RefusalCode = "email_malformed"
	EmailSame       RefusalCode = "email_same"   // the account's own already
	EmailDomain     RefusalCode = "email_domain" // accounts are for other domains
	PasswordMissing RefusalCode = "password_missing"
	PairWrong       RefusalCode = "pair_wrong" // e-mail and password do not match, or no such account
	CodeMissing     RefusalCode = "code_missing"
	CodeMalformed   RefusalCode = "code_malformed" // Count: digits typed; Left carries digits wanted
	CodeWrong       RefusalCode = "code_wrong"
	CodeExpired     RefusalCode = "code_expired"
	CodeSpent       RefusalCode = "code_spent" // too many tries at this code: ask for a new one
	ResendTooSoon   RefusalCode = "resend_too_soon"
	TooManySends    RefusalCode = "too_many_sends"
	// Exhausted: so many failures in a row that this factor is closed to devices from
	// which it has never been proved.
	Exhausted       RefusalCode = "exhausted"
	TooManyTries    RefusalCode = "too_many_tries" // per account and channel: page E3
	PhoneMissing    RefusalCode = "phone_missing"
	PhoneMalformed  RefusalCode = "phone_malformed"
	PhoneNotMobile  RefusalCode = "phone_not_mobile"
	PhoneCountry    RefusalCode = "phone_country"  // not among the configured countries, or premium
	PasswordShort   RefusalCode = "password_short" // Count: least length
	PasswordLong    RefusalCode = "password_long"  // Count: greatest length
	PasswordCommon  RefusalCode = "password_common"
	PasswordContext RefusalCode = "password_context" // holds the address, the brand or the site's name
	ChoiceMissing   RefusalCode = "choice_missing"
	SignUpNotOpen   RefusalCode = "sign_up_not_open"
	SignUpNotForYou RefusalCode = "sign_up_not_for_you" // domain not allowed; told only after the mailbox is proved
	MethodOff       RefusalCode = "method_off"
	NoMethod        RefusalCode = "no_method" // the account has nothing that could meet the demand
	EnrolNotAllowed RefusalCode = "enrol_not_allowed"
	FlowGone        RefusalCode = "flow_gone"     // expired, finished, or another browser's: page E5
	NotThisStep     RefusalCode = "not_this_step" // an event that the step does not have; nothing moved
	CookiesOff      RefusalCode = "cookies_off"
	SignInFirst     RefusalCode = "sign_in_first"
	SendFailed      RefusalCode = "send_failed" // the outbox is full: nothing was used up
	Busy            RefusalCode = "busy"        // too many passwords are being checked: try again
	// AttributesMissing and AttributesInvalid: Names says which.
	AttributesMissing RefusalCode = "attributes_missing"
	AttributesInvalid RefusalCode = "attributes_invalid"
	// MailboxSpent: the password was reset by mail, and until View.MailboxBack the same
	// mailbox is no second factor.
	MailboxSpent RefusalCode = "mailbox_spent"

	// NumberPaused: text messages to numbers like this are paused, or may not be sent any
	// more today: another way is needed.
	NumberPaused RefusalCode = "number_paused"
	// EffortNeeded: so much is sent, or tried, just now that strangers are asked for an
	// effort first: see Puzzle.
	EffortNeeded RefusalCode = "effort_needed"

	// The rest is told to clients only, never to people on our pages.

	// NeedsBrowser: what is needed cannot be done with what the client said it can.
	NeedsBrowser RefusalCode = "needs_browser"
	// UserUnknown, UserExists and NoPassword are told where Client.Reveal is set.
	UserUnknown RefusalCode = "user_unknown"
	UserExists  RefusalCode = "user_exists"
	NoPassword  RefusalCode = "no_password"
	// RefreshInvalid: the refresh token is not ours, too old, another client's, or its
	// sign-in has ended.
	RefreshInvalid RefusalCode = "refresh_invalid"
	// ProofNeeded: what is asked for needs more, or fresher, proof than the sign-in has.
	ProofNeeded RefusalCode = "proof_needed"
)
