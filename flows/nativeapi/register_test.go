package nativeapi_test

import (
	"testing"
	"time"
)

func TestRegisteringAPhoneJustInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithCode(dana)
	w.wait(later)
	a := w.codeApp()
	required := a.byCode(dana, "scope", "openid payroll.write").refused("invalid_grant", "registration_required", "50072")
	listed := a.with(required, "/register/v1.0/introspect").says("continuation_token methods")
	methods := listed.JSON["methods"].([]any)
	sms := methods[0].(map[string]any)
	if len(methods) != 1 || sms["id"] != "sms" || sms["challenge_type"] != "oob" || sms["challenge_channel"] != "sms" || sms["login_hint"] != nil {
		t.Fatalf("methods: %s", listed.Body)
	}
	to := func(target string, pairs ...string) *answer {
		return a.with(listed, "/register/v1.0/challenge", append([]string{"challenge_type", "oob", "challenge_target", target}, pairs...)...)
	}
	to("not a number").refused("invalid_request", "", "901001")
	to(dana).refused("invalid_request", "", "901001")
	to("+33639980012", "challenge_channel", "sms").refused("access_denied", "provider_blocked_by_rep", "53003")
	to("+447700900124", "challenge_channel", "letter").refused("invalid_request", "", "90013")
	w.wait(later)

	first := to("07700 900124", "challenge_channel", "sms").
		says("continuation_token challenge_type binding_method challenge_target challenge_channel code_length interval")
	if first.text("challenge_target") != "07700 900124" || first.text("challenge_channel") != "sms" || first.text("challenge_type") != "oob" {
		t.Errorf("the challenge: %s", first.Body)
	}
	again := a.with(first, "/register/v1.0/challenge", "challenge_target", "07700 900124").ok()
	if again.number("interval") != 30 {
		t.Errorf("a resend: %s", again.Body)
	}
	a.with(first, "/register/v1.0/challenge", "challenge_target", "07700 900123").refused("temporarily_unavailable", "", "90055")
	a.with(first, "/register/v1.0/introspect").ok()
	w.wait(later)
	second := a.with(first, "/register/v1.0/challenge", "challenge_target", "07700 900123").ok()
	a.with(second, "/register/v1.0/continue", "grant_type", "oob", "oob", wrong(w.code(danaPhone))).refused("invalid_grant", "invalid_oob_value", "50181")
	done := a.with(second, "/register/v1.0/continue", "grant_type", "oob", "oob", w.code(danaPhone)).says("continuation_token")
	got := a.tokens(done, "continuation_token").gotTokens()
	if got.text("scope") != "openid payroll.write" || !w.verified(got).Proof.TwoChannels() {
		t.Errorf("tokens: %s", got.Body)
	}
	w.wait(later)
	a.byCode(dana, "scope", "payroll.write").refused("invalid_grant", "mfa_required", "50076")
}

func TestRegisteringTheMailboxThatASignUpHasProved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.app()
	begun := a.begin("/signup/v1.0/start", dana, "password", longSecret)
	done := a.signUpCode(begun, dana).says("continuation_token")
	required := a.tokens(done, "continuation_token", "scope", "payroll.write").refused("invalid_grant", "registration_required", "50072")
	sent := w.sent()
	listed := a.with(required, "/register/v1.0/introspect").ok()
	methods := listed.JSON["methods"].([]any)
	if len(methods) != 2 || methods[0].(map[string]any)["login_hint"] != dana {
		t.Fatalf("methods: %s", listed.Body)
	}
	a.with(listed, "/register/v1.0/challenge", "challenge_target", "dana@example.org", "challenge_channel", "email").refused("invalid_request", "", "901001")
	pre := a.with(listed, "/register/v1.0/challenge", "challenge_type", "oob", "challenge_target", "Dana@Example.com", "challenge_channel", "email").
		says("continuation_token challenge_type")
	if pre.text("challenge_type") != "preverified" || w.sent() != sent {
		t.Fatalf("the fast pass: %s", pre.Body)
	}
	registered := a.with(pre, "/register/v1.0/continue", "grant_type", "continuation_token").says("continuation_token")
	a.tokens(registered, "continuation_token").gotTokens()
}

// What allows a phone has an age. A newcomer who is slow is told so.
func TestANewcomerWhoTakesTooLongAddsNoPhone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.app()
	done := a.signUpCode(a.begin("/signup/v1.0/start", dana, "password", longSecret), dana).ok()
	required := a.tokens(done, "continuation_token", "scope", "payroll.write").refused("invalid_grant", "registration_required", "50072")
	listed := a.with(required, "/register/v1.0/introspect").ok()
	w.wait(6 * time.Minute)
	a.with(listed, "/register/v1.0/challenge", "challenge_target", danaPhone).refused("access_denied", "", "53003")
	pre := a.with(listed, "/register/v1.0/challenge", "challenge_target", dana).ok()
	registered := a.with(pre, "/register/v1.0/continue", "grant_type", "continuation_token").ok()
	a.tokens(registered, "continuation_token").gotTokens()
}

func TestTheMailboxMayStillBeChosenAfterAPhoneWasTried(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.app()
	done := a.signUpCode(a.begin("/signup/v1.0/start", dana, "password", longSecret), dana).ok()
	required := a.tokens(done, "continuation_token", "scope", "payroll.write").refused("invalid_grant", "registration_required", "50072")
	listed := a.with(required, "/register/v1.0/introspect").ok()
	tried := a.with(listed, "/register/v1.0/challenge", "challenge_target", danaPhone).ok()
	if again := a.with(tried, "/register/v1.0/introspect").ok(); len(again.JSON["methods"].([]any)) != 2 {
		t.Errorf("listed again: %s", again.Body)
	}
	pre := a.with(tried, "/register/v1.0/challenge", "challenge_target", dana).says("continuation_token challenge_type")
	registered := a.with(pre, "/register/v1.0/continue", "grant_type", "continuation_token").ok()
	a.tokens(registered, "continuation_token").gotTokens()
}

// What allows a registration has an age, but asking for the code again is not another
// registration.
func TestACodeForANewPhoneMayBeSentAgainLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithCode(dana)
	w.wait(later)
	a := w.codeApp()
	required := a.byCode(dana, "scope", "payroll.write")
	listed := a.with(required, "/register/v1.0/introspect").ok()
	w.wait(4*time.Minute + 50*time.Second)
	sent := a.with(listed, "/register/v1.0/challenge", "challenge_target", danaPhone).ok()
	w.wait(time.Minute)
	again := a.with(sent, "/register/v1.0/challenge", "challenge_target", danaPhone).ok()
	registered := a.with(again, "/register/v1.0/continue", "grant_type", "oob", "oob", w.code(danaPhone)).ok()
	a.tokens(registered, "continuation_token").gotTokens()
}
