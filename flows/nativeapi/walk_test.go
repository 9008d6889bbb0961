package nativeapi_test

import (
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// The walks below are what SDKs do, one call after the other. Each returns the last
// answer.

// signedUpWithCode makes an account that has no password.
func (w *world) signedUpWithCode(email string) *answer {
	w.t.Helper()
	a := w.codeApp()
	done := a.signUpCode(a.begin("/signup/v1.0/start", email), email).ok()
	return a.tokens(done, "continuation_token", "username", email).gotTokens()
}

// signedUpWithPassword makes an account that has one.
func (w *world) signedUpWithPassword(email string) *answer {
	w.t.Helper()
	a := w.app()
	done := a.signUpCode(a.begin("/signup/v1.0/start", email, "password", longSecret), email).ok()
	return a.tokens(done, "continuation_token", "username", email).gotTokens()
}

// signUpCode proves the address of a sign-up that has begun.
func (a *app) signUpCode(begun *answer, email string) *answer {
	a.t.Helper()
	sent := a.with(begun, "/signup/v1.0/challenge", "challenge_type", a.types).ok()
	return a.with(sent, "/signup/v1.0/continue", "grant_type", "oob", "oob", a.code(email))
}

// challenged begins a sign-in and asks for its first factor.
func (a *app) challenged(email string) *answer {
	a.t.Helper()
	return a.with(a.begin("/oauth2/v2.0/initiate", email).ok(), "/oauth2/v2.0/challenge", "challenge_type", a.types).ok()
}

// byPassword and byCode give the first factor and ask for tokens.
func (a *app) byPassword(email string, pairs ...string) *answer {
	a.t.Helper()
	return a.tokens(a.challenged(email), "password", append([]string{"password", longSecret}, pairs...)...)
}

func (a *app) byCode(email string, pairs ...string) *answer {
	a.t.Helper()
	return a.tokens(a.challenged(email), "oob", append([]string{"oob", a.code(email)}, pairs...)...)
}

// secondFactor goes on from mfa_required to the answer of the challenge.
func (a *app) secondFactor(required *answer, id string) *answer {
	a.t.Helper()
	listed := a.with(required, "/oauth2/v2.0/introspect").ok()
	return a.with(listed, "/oauth2/v2.0/challenge", "id", id, "challenge_type", a.types).ok()
}

// withBoth has a password and a phone: it signs up with a password, and registers a
// phone because only that would do.
func (w *world) withBoth(email, phone string) *answer {
	w.t.Helper()
	a := w.app()
	begun := a.begin("/signup/v1.0/start", email, "password", longSecret)
	done := a.signUpCode(begun, email).ok()
	required := a.tokens(done, "continuation_token", "claims", `{"access_token":{"acrs":{"essential":true,"value":"c5"}}}`).
		refused("invalid_grant", "registration_required", "50072")
	listed := a.with(required, "/register/v1.0/introspect").ok()
	sent := a.with(listed, "/register/v1.0/challenge", "challenge_type", "oob", "challenge_target", phone, "challenge_channel", "sms").ok()
	registered := a.with(sent, "/register/v1.0/continue", "grant_type", "oob", "oob", a.code(phone)).ok()
	return a.tokens(registered, "continuation_token").gotTokens()
}

// purposes are those of all letters to an address, in their order.
func (w *world) purposes(to string) (all []flows.Purpose) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.letters {
		if l.To == to {
			all = append(all, l.Purpose)
		}
	}
	return all
}

// later is long enough for another code.
const later = 31 * time.Second

// codeMembers are those of an answer that says that a code was sent.
const codeMembers = "continuation_token challenge_type binding_method challenge_channel challenge_target_label code_length interval"

// otp asks for two channels.
var otp = policy.Need(policy.OTP, 0)
