package nativeapi_test

import (
	"testing"
	"time"

	"github.com/stepgate/stepgate/policy"
)

func TestAResetEndsInAPasswordAndStillOwesTheSecondFactor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.withBoth(dana, danaPhone)
	w.wait(later)
	a, sent := w.app(), w.sent()
	begun := a.begin("/resetpassword/v1.0/start", dana).says("continuation_token")
	if w.sent() != sent {
		t.Fatal("start sent a code")
	}
	asked := a.with(begun, "/resetpassword/v1.0/challenge").says(codeMembers)
	a.with(asked, "/resetpassword/v1.0/continue", "grant_type", "oob", "oob", wrong(w.code(dana))).refused("invalid_grant", "invalid_oob_value", "50181")
	verified := a.with(asked, "/resetpassword/v1.0/continue", "grant_type", "oob", "oob", w.code(dana)).says("continuation_token expires_in")
	if verified.number("expires_in") != 600 {
		t.Errorf("valid for %s", verified.Body)
	}
	a.with(verified, "/resetpassword/v1.0/submit", "new_password", "short").refused("invalid_grant", "password_too_short", "399246")
	submitted := a.with(verified, "/resetpassword/v1.0/submit", "new_password", "another one entirely 99").says("continuation_token poll_interval")
	if submitted.number("poll_interval") != 1 {
		t.Errorf("poll: %s", submitted.Body)
	}
	polled := a.with(submitted, "/resetpassword/v1.0/poll_completion").says("status continuation_token")
	if polled.text("status") != "succeeded" {
		t.Errorf("status: %s", polled.Body)
	}
	a.with(submitted, "/resetpassword/v1.0/poll_completion").ok()
	a.tokens(submitted, "continuation_token").refused("invalid_grant", "", "55200")

	w.demand = otp
	required := a.tokens(polled, "continuation_token", "username", dana).refused("invalid_grant", "mfa_required", "50076")
	listed := a.with(required, "/oauth2/v2.0/introspect").ok()
	methods := listed.JSON["methods"].([]any)
	if len(methods) != 1 || methods[0].(map[string]any)["id"] != "sms" {
		t.Fatalf("after a reset by mail the mailbox is spent: %s", listed.Body)
	}
	challenged := a.with(listed, "/oauth2/v2.0/challenge", "id", "sms").ok()
	a.tokens(challenged, "mfa_oob", "oob", w.code(danaPhone)).gotTokens()

	a.call("/oauth2/v2.0/token", "grant_type", "refresh_token", "refresh_token", before.text("refresh_token")).
		refused("invalid_grant", "bad_token", "70000")
	w.demand = policy.Floor
	a.byPassword(dana).refused("invalid_grant", "", "50126")
}

func TestAResetWithoutAnotherMethodIsToldWhenTheMailboxIsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithPassword(dana)
	w.wait(later)
	w.demand = otp
	a := w.app()
	asked := a.with(a.begin("/resetpassword/v1.0/start", dana), "/resetpassword/v1.0/challenge").ok()
	verified := a.with(asked, "/resetpassword/v1.0/continue", "grant_type", "oob", "oob", w.code(dana)).ok()
	submitted := a.with(verified, "/resetpassword/v1.0/submit", "new_password", "another one entirely 99").ok()
	polled := a.with(submitted, "/resetpassword/v1.0/poll_completion").ok()
	told := a.tokens(polled, "continuation_token").refused("access_denied", "", "53003")
	if want := "After a password reset, codes by mail do not count for a while. Try again in 24 hours."; told.text("error_description") != want {
		t.Errorf("told %q", told.text("error_description"))
	}
}

func TestRefreshing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithPassword(dana)
	a := w.app()
	first := a.byPassword(dana, "scope", "openid profile offline_access payroll.read").gotTokens()
	refresh := func(from *answer, pairs ...string) *answer {
		return a.call("/oauth2/v2.0/token", append([]string{"grant_type", "refresh_token", "refresh_token", from.text("refresh_token"),
			"scope", "openid profile offline_access payroll.read", "client_info", "1", "X-AnchorMailbox", "Oid:x@y"}, pairs...)...)
	}
	w.wait(time.Minute)
	next := refresh(first).gotTokens()
	if next.text("refresh_token") == first.text("refresh_token") || next.text("client_info") != first.text("client_info") ||
		next.text("scope") != "openid profile payroll.read" {
		t.Errorf("refreshed: %s", next.Body)
	}
	w.wait(time.Minute)
	third := refresh(next).gotTokens()

	// A demand that is not met ends nothing: less may still be asked for.
	claims := `{"access_token":{"acrs":{"essential":true,"value":"c4"}}}`
	refresh(third, "claims", claims).refused("invalid_grant", "", "50076")
	third = refresh(third).gotTokens()
	other := *a
	other.id = otherID
	other.call("/oauth2/v2.0/token", "grant_type", "refresh_token", "refresh_token", third.text("refresh_token")).refused("invalid_grant", "bad_token", "70000")

	// A spent token that comes back ends its family.
	refresh(first).refused("invalid_grant", "bad_token", "70000")
	refresh(third).refused("invalid_grant", "bad_token", "70000")
	for _, text := range []string{"x", "AAAA", string(make([]byte, 5000))} {
		a.call("/oauth2/v2.0/token", "grant_type", "refresh_token", "refresh_token", text).refused("invalid_grant", "bad_token", "70000")
	}
}
