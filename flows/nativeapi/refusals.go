package nativeapi

import (
	"fmt"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows"
)

// wire is what a refusal is called in the protocol.
type wire struct {
	kind, suberror string
	code           int
	text           string
}

// refusals is every refusal in the protocol's words. NeedsBrowser is not here: it is
// no error but a redirect.
var refusals = map[flows.RefusalCode]wire{
	flows.EmailMissing:   {"invalid_request", "", codeUsername, textUsername},
	flows.EmailMalformed: {"invalid_request", "", codeUsername, textUsername},
	flows.EmailSame:      {"invalid_request", "", codeUsername, "The account has this username already."},
	flows.EmailDomain:    {"access_denied", "", codeNotAllowed, "This username cannot be used here."},
	flows.UserUnknown:    {"user_not_found", "", codeNoUser, "There is no account for this username."},
	flows.UserExists:     {"user_already_exists", "", codeUserExists, "There is an account for this username already."},
	flows.NoPassword:     {"invalid_request", "", codeNoPassword, "The account has no password."},

	flows.PasswordMissing: {"invalid_request", "", codeMissing, "The password is empty."},
	flows.PairWrong:       {"invalid_grant", "", codePair, "The username or the password is wrong."},
	flows.PasswordShort:   {"invalid_grant", "password_too_short", codeNewPassword, "The password is too short."},
	flows.PasswordLong:    {"invalid_grant", "password_too_long", codeNewPassword, "The password is too long."},
	flows.PasswordCommon:  {"invalid_grant", "password_banned", codeNewPassword, "The password is one of the commonest."},
	flows.PasswordContext: {"invalid_grant", "password_is_invalid", codeNewPassword,
		"The password holds the username or the name of this service."},

	flows.CodeMissing:   {"invalid_grant", "invalid_oob_value", codeOneTime, "The code is missing."},
	flows.CodeMalformed: {"invalid_grant", "invalid_oob_value", codeOneTime, "The code has another number of digits."},
	flows.CodeWrong:     {"invalid_grant", "invalid_oob_value", codeOneTime, "The code is wrong."},
	flows.CodeExpired:   {"invalid_grant", "invalid_oob_value", codeOneTime, "The code has expired. Ask for a new one."},
	flows.CodeSpent:     {"invalid_grant", "invalid_oob_value", codeOneTime, "There were too many wrong codes. Ask for a new one."},

	flows.TooManyTries:  {"invalid_grant", "", codeLocked, "There were too many wrong attempts."},
	flows.Exhausted:     {"invalid_grant", "", codeLocked, "There were too many wrong attempts. Sign in another way."},
	flows.ResendTooSoon: {"temporarily_unavailable", "", codeBusy, "A code was sent a moment ago."},
	flows.TooManySends:  {"temporarily_unavailable", "", codeBusy, "Too many codes were sent."},
	flows.SendFailed:    {"temporarily_unavailable", "", codeBusy, "The code could not be sent now."},
	flows.Busy:          {"temporarily_unavailable", "", codeBusy, "Too many passwords are being checked now."},

	flows.NumberPaused: {"access_denied", "provider_blocked_by_rep", codeBlocked, "No text messages are sent to this number now."},

	flows.PhoneMissing:   {"invalid_request", "", codeContact, "The phone number is missing."},
	flows.PhoneMalformed: {"invalid_request", "", codeContact, "This is not a phone number."},
	flows.PhoneNotMobile: {"invalid_request", "", codeContact, "The phone number cannot receive text messages."},
	// The documentation calls a region that the administrator keeps out
	// provider_blocked_by_admin, which no SDK knows; this one they show as "blocked".
	flows.PhoneCountry: {"access_denied", "provider_blocked_by_rep", codeBlocked, "No text messages are sent to this number."},

	flows.AttributesMissing: {"attributes_required", "", codeAttributes, "More attributes are required."},
	flows.AttributesInvalid: {"invalid_grant", "attribute_validation_failed", codeAttribute, "Some attributes are not valid."},

	flows.SignUpNotOpen:   {"access_denied", "", codeNotAllowed, "Nobody can sign up here."},
	flows.SignUpNotForYou: {"access_denied", "", codeNotAllowed, "This username cannot sign up here."},
	flows.MethodOff:       {"access_denied", "", codeBlocked, "This way of signing in is switched off."},
	flows.NoMethod:        {"access_denied", "", codeBlocked, "The account has no method that would do."},
	flows.EnrolNotAllowed: {"access_denied", "", codeBlocked, "No method can be registered now."},
	flows.MailboxSpent:    {"access_denied", "", codeBlocked, "After a password reset, codes by mail do not count for a while."},

	flows.RefreshInvalid: {"invalid_grant", "bad_token", codeRefresh, "The refresh token is no longer valid."},
	flows.ProofNeeded:    {"invalid_grant", "", codeMFA, "What is asked for needs more, or more recent, proof. Sign in again."},

	flows.FlowGone:    {"expired_token", "", codeExpired, "The continuation token has expired."},
	flows.NotThisStep: {"invalid_grant", "", codeToken, "The continuation token is not valid here."},

	// These are answers to browsers, which an engine gives no client.
	flows.ChoiceMissing: {"invalid_request", "", codeMalformed, "A method must be chosen."},
	flows.EffortNeeded:  {"temporarily_unavailable", "", codeBusy, "Too many codes were asked for."},
	flows.CookiesOff:    {"invalid_grant", "", codeToken, "The continuation token is not valid here."},
	flows.SignInFirst:   {"invalid_grant", "", codeToken, "The continuation token is not valid here."},
}

// refused puts a refusal into the protocol's words; false for one that it has none for.
func refused(r *flows.Refusal) (*problem, bool) {
	w, known := refusals[r.Code]
	if !known {
		return nil, false
	}
	text := w.text
	if r.Code == flows.PasswordShort && r.Count > 0 {
		text = fmt.Sprintf("The password is too short: at least %d characters are needed.", r.Count)
	}
	if r.Wait > 0 {
		text += " Try again in " + inWords(r.Wait) + "."
	}
	p := newProblem(w.kind, w.suberror, w.code, text)
	if r.Code == flows.AttributesInvalid {
		for _, name := range r.Names {
			p.body.Invalid = append(p.body.Invalid, invalidAttribute{name})
		}
		p.body.Description = "These attributes are not valid: " + strings.Join(r.Names, ", ") +
			". A value must be of the attribute's type and pattern, and have at most 256 characters."
	}
	return p, true
}

// inWords is how long to wait, never less than it takes.
func inWords(d time.Duration) string {
	size, unit := time.Second, "second"
	switch {
	case d > time.Hour:
		size, unit = time.Hour, "hour"
	case d > time.Minute:
		size, unit = time.Minute, "minute"
	}
	n := max((d+size-1)/size, 1)
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
