package nativeapi_test

import (
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

func TestASignInByPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithPassword(dana)
	sent := w.sent()

	a := w.app()
	begun := a.begin("/oauth2/v2.0/initiate", dana).says("continuation_token")
	asked := a.with(begun, "/oauth2/v2.0/challenge").says("continuation_token challenge_type")
	if asked.text("challenge_type") != "password" {
		t.Fatalf("asked for %s", asked.Body)
	}
	a.tokens(asked, "password", "password", "not this one, I fear").refused("invalid_grant", "", "50126")
	got := a.tokens(asked, "password", "password", longSecret, "scope", "openid profile offline_access").gotTokens()
	if got.text("token_type") != "Bearer" || got.text("scope") != "openid profile" || got.number("expires_in") != 900 || got.number("ext_expires_in") != 900 {
		t.Errorf("tokens: %s", got.Body)
	}
	id := got.claims("id_token")
	if id["preferred_username"] != dana || id["tid"] != tenant || id["aud"] != appID || id["oid"] == nil || id["sub"] != id["oid"] {
		t.Errorf("the ID token says %v", id)
	}
	access := w.verified(got)
	if access.ClientID != appID || access.User != id["oid"] || access.Proof.Factors() != policy.FactorsOf(policy.Password) {
		t.Errorf("the access token says %+v", access)
	}
	if letters := w.purposes(dana); w.sent() != sent+1 || letters[len(letters)-1] != flows.NoticeNewDevice {
		t.Errorf("a sign-in by password sent more than a notice: %s", letters)
	}
}

func TestASignInByCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithCode(dana)
	w.wait(later)

	a, sent := w.codeApp(), w.sent()
	begun := a.begin("/oauth2/v2.0/initiate", dana).says("continuation_token")
	if w.sent() != sent {
		t.Fatal("initiate sent a code")
	}
	asked := a.with(begun, "/oauth2/v2.0/challenge").says(codeMembers)
	for name, want := range map[string]string{
		"challenge_type": "oob", "binding_method": "prompt", "challenge_channel": "email", "challenge_target_label": "d***@e***e.com",
	} {
		if asked.text(name) != want {
			t.Errorf("%s is %q, want %q", name, asked.text(name), want)
		}
	}
	if asked.number("code_length") != 6 || asked.number("interval") != 30 {
		t.Errorf("numbers: %s", asked.Body)
	}
	a.tokens(asked, "oob", "oob", wrong(w.code(dana))).refused("invalid_grant", "invalid_oob_value", "50181")
	a.tokens(asked, "oob", "oob", w.code(dana)).gotTokens()
	a.tokens(asked, "oob", "oob", w.code(dana)).refused("expired_token", "", "552003")
}

func TestAResendKeepsTheOldCodeUntilThereIsANewOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithCode(dana)
	w.wait(later)
	a := w.codeApp()
	one := a.challenged(dana)
	old, sent := w.code(dana), w.sent()

	w.wait(10 * time.Second)
	soon := a.with(one, "/oauth2/v2.0/challenge").says(codeMembers)
	if soon.number("interval") != 20 || w.sent() != sent {
		t.Fatalf("a resend after 10 seconds: %s", soon.Body)
	}
	w.wait(21 * time.Second)
	two := a.with(soon, "/oauth2/v2.0/challenge").says(codeMembers)
	if w.sent() != sent+1 || two.number("interval") != 30 {
		t.Fatalf("a resend after 31 seconds: %s", two.Body)
	}
	a.tokens(two, "oob", "oob", old).refused("invalid_grant", "invalid_oob_value", "50181")
	a.tokens(one, "oob", "oob", w.code(dana)).gotTokens()
}

func TestASecondFactorByEmailAfterThePassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithPassword(dana)
	w.wait(later)
	a, sent := w.app(), w.sent()

	required := a.byPassword(dana, "scope", "openid payroll.write").refused("invalid_grant", "mfa_required", "50076")
	if required.JSON["access_token"] != nil {
		t.Fatal("tokens with a demand")
	}
	listed := a.with(required, "/oauth2/v2.0/introspect").says("continuation_token methods")
	methods := listed.JSON["methods"].([]any)
	only := methods[0].(map[string]any)
	if len(methods) != 1 || only["id"] != "email" || only["challenge_type"] != "oob" || only["challenge_channel"] != "email" || only["login_hint"] != "d***@e***e.com" {
		t.Fatalf("methods: %s", listed.Body)
	}
	if w.sent() != sent {
		t.Fatal("a code was sent unasked")
	}
	asked := a.with(listed, "/oauth2/v2.0/challenge", "id", "email").says(codeMembers)
	a.tokens(asked, "mfa_oob", "oob", wrong(w.code(dana))).refused("invalid_grant", "invalid_oob_value", "50181")
	got := a.tokens(asked, "mfa_oob", "oob", w.code(dana)).gotTokens()
	if got.text("scope") != "openid payroll.write" {
		t.Errorf("the scope of the first call was forgotten: %s", got.text("scope"))
	}
	if !w.verified(got).Proof.TwoChannels() {
		t.Error("two channels were proved")
	}
}

func TestASecondFactorMayBeChosenAndChosenAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.withBoth(dana, danaPhone)
	w.wait(later)
	w.demand = otp

	a := w.app()
	required := a.byPassword(dana).refused("invalid_grant", "mfa_required", "50076")
	a.with(required, "/oauth2/v2.0/challenge").refused("invalid_request", "introspect_required", "900144")
	listed := a.with(required, "/oauth2/v2.0/introspect").ok()
	if methods := listed.JSON["methods"].([]any); len(methods) != 2 {
		t.Fatalf("methods: %s", listed.Body)
	}
	sms := a.with(listed, "/oauth2/v2.0/challenge", "id", "sms").says(codeMembers)
	if sms.text("challenge_channel") != "sms" || sms.text("challenge_target_label") != "********23" {
		t.Errorf("by text: %s", sms.Body)
	}
	a.with(listed, "/oauth2/v2.0/challenge", "id", "email").ok()
	a.with(listed, "/oauth2/v2.0/challenge", "id", "carrier pigeon").refused("invalid_request", "", "90013")
	w.wait(later)
	// The newest code goes with the first challenge's token.
	a.with(listed, "/oauth2/v2.0/challenge", "id", "sms").ok()
	a.tokens(sms, "mfa_oob", "oob", w.code(danaPhone)).gotTokens()
}

// What a right password costs in signatures, the others cost as well.
func TestNoPasswordIsCheaperToAnswerThanTheRightOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithPassword(dana)
	w.wait(later)
	a := w.app()
	a.types = "password redirect"
	signatures := func(email, secret string) uint64 {
		before := w.ring.Signatures()
		a.tokens(a.challenged(email), "password", "password", secret)
		return w.ring.Signatures() - before
	}
	right, wrong, unknown := signatures(dana, longSecret), signatures(dana, longSecret+"x"), signatures("nobody@example.com", longSecret)
	if right == 0 || wrong != right || unknown != right {
		t.Errorf("signatures: %d for the right password, %d for a wrong one, %d for nobody", right, wrong, unknown)
	}
}
