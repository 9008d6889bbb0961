package nativeapi_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/nativeapi"
	"github.com/stepgate/stepgate/policy"
)

func TestScopesAreThoseOfTheClientAndAreEchoed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithPassword(dana)
	a := w.app()
	for asked, echoed := range map[string]string{
		"":                                 "openid profile",
		"openid":                           "openid",
		"openid profile offline_access":    "openid profile",
		"offline_access":                   "openid",
		"payroll.read email email  openid": "payroll.read email openid",
		"openid profile payroll.read":      "openid profile payroll.read",
		"offline_access payroll.read":      "payroll.read",
	} {
		got := a.byPassword(dana, "scope", asked).gotTokens()
		if got.text("scope") != echoed || got.claims("access_token")["scope"] != echoed {
			t.Errorf("for %q: %q, and in the token %v", asked, got.text("scope"), got.claims("access_token")["scope"])
		}
	}
	at := a.challenged(dana)
	for _, asked := range []string{"admin", "openid admin", "OPENID", "payroll.read,payroll.write", "*", "openid\tprofile\x00"} {
		a.tokens(at, "password", "password", longSecret, "scope", asked).refused("invalid_scope", "", "70011")
	}
	a.tokens(at, "password", "password", longSecret).gotTokens()
}

func TestClaimsDemandContexts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithPassword(dana)
	a := w.app()
	at := a.challenged(dana)
	give := func(claims string) *answer {
		return a.tokens(at, "password", "password", longSecret, "claims", claims)
	}
	for _, malformed := range []string{
		`x`, `[]`, `null`, `{`, `{}{}`, `{} x`, `{"access_token":[]}`, `{"access_token":{"acrs":"c4"}}`,
		`{"access_token":{"acrs":{"value":4}}}`, `{"access_token":{"acrs":{"values":"c4"}}}`, `{"access_token":{"acrs":{"values":[4]}}}`,
		`{"access_token":{"acrs":{"value":"c9"}}}`, `{"access_token":{"acrs":{"values":["c4","c9"]}}}`, `{"access_token":{"acrs":{"value":""}}}`,
	} {
		give(malformed).refused("invalid_request", "", "90013")
	}
	if no := give(`{"access_token":{"acrs":{"value":"c9"}}}`); no.text("error_description") != `The authentication context "c9" is not one of this client.` {
		t.Errorf("told %s", no.Body)
	}
	for _, demanding := range []string{
		`{"access_token":{"acrs":{"essential":true,"value":"c4"}}}`, `{"access_token":{"acrs":{"values":["c4"]}}}`,
		`{"access_token":{"xms_cc":{"values":["CP1"]},"acrs":{"essential":false,"value":"c4"}},"id_token":{}}`,
	} {
		a.byPassword(dana, "claims", demanding).refused("invalid_grant", "mfa_required", "50076")
	}
	for _, harmless := range []string{
		`{}`, `{"access_token":null}`, `{"access_token":{}}`, `{"access_token":{"acrs":null}}`, `{"access_token":{"acrs":{"essential":true}}}`,
		`{"access_token":{"xms_cc":{"values":["CP1"]}}}`, `{"id_token":{"acrs":{"value":"c4"}}}`, `{"Access_Token":{"acrs":{"value":"c4"}}}`,
	} {
		got := a.byPassword(dana, "claims", harmless).gotTokens()
		if got.claims("access_token")["acrs"] != nil {
			t.Errorf("%s: the token says %v", harmless, got.claims("access_token"))
		}
	}
}

func TestARefreshMeetsNewDemandsByWhatWasProved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithPassword(dana)
	w.wait(later)
	a := w.app()
	required := a.byPassword(dana, "scope", "payroll.write")
	got := a.tokens(a.secondFactor(required, "email"), "mfa_oob", "oob", w.code(dana)).gotTokens()
	claims := `{"access_token":{"acrs":{"essential":true,"value":"c4"}}}`
	refresh := func() *answer {
		return a.call("/oauth2/v2.0/token", "grant_type", "refresh_token", "refresh_token", got.text("refresh_token"), "claims", claims)
	}
	got = refresh().gotTokens()
	if acrs, _ := got.claims("access_token")["acrs"].([]any); len(acrs) != 1 || acrs[0] != "c4" {
		t.Errorf("the token says %v", got.claims("access_token"))
	}
	w.demands["c4"] = policy.Need(policy.OTP, 5*time.Minute)
	w.wait(6 * time.Minute)
	refresh().refused("invalid_grant", "", "50076")
}

func TestAClientThatCannotGoOnIsSentToABrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithPassword(dana)
	w.signedUpWithCode("erin@example.com")
	w.wait(later)
	a := w.app()
	for capabilities, onward := range map[string]bool{
		"": false, "registration_required": false, "mfa_required": true, "mfa_required registration_required": true,
		"mfa_required,registration_required": true, " , mfa_required": true, "MFA_REQUIRED": false,
	} {
		a.capabilities = capabilities
		if got := a.byPassword(dana, "scope", "payroll.write"); onward {
			got.refused("invalid_grant", "mfa_required", "50076")
		} else if got.redirected(); got.text("redirect_reason") != "Client is missing mfa_required capability." {
			t.Errorf("%q: %s", capabilities, got.Body)
		}
	}
	a.capabilities = "mfa_required"
	a.byCode("erin@example.com", "scope", "payroll.write").redirected()
	w.wait(later)
	a.begin(initiate, dana, "capability", "registration_required").ok()

	// What only our pages can do.
	a.capabilities = everything
	w.demands["payroll.write"] = policy.Need(policy.PasswordProof, 0)
	a.byCode("erin@example.com", "scope", "payroll.write").refused("access_denied", "", "53003")
	w.demands["payroll.write"] = policy.Never
	a.byPassword(dana, "scope", "payroll.write").refused("access_denied", "", "53003")
}

func TestChallengeTypesOfALaterCallNarrowThoseOfTheFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithPassword(dana)
	w.wait(later)
	a := w.app()
	begun := a.begin(initiate, dana)
	a.with(begun, "/oauth2/v2.0/challenge", "challenge_type", "oob redirect").redirected()
	asked := a.with(begun, "/oauth2/v2.0/challenge", "challenge_type", "password redirect").ok()
	a.tokens(asked, "password", "password", longSecret, "scope", "payroll.write").redirected() // what is narrowed stays narrow
	required := a.byPassword(dana, "scope", "payroll.write").refused("invalid_grant", "mfa_required", "50076")
	sent := w.sent()
	a.with(required, "/oauth2/v2.0/challenge", "id", "email", "challenge_type", "password redirect").redirected()
	if w.sent() != sent {
		t.Error("a code was sent to somebody who cannot be asked for it")
	}
	a.with(required, "/oauth2/v2.0/challenge", "id", "email", "challenge_type", "oob redirect").ok()

	up := a.begin("/signup/v1.0/start", "new@example.com")
	a.with(up, "/signup/v1.0/challenge", "challenge_type", "password redirect").redirected()
	need := a.signUpCode(up, "new@example.com").refused("credential_required", "", "55103")
	a.with(need, "/signup/v1.0/challenge", "challenge_type", "oob redirect").redirected()
	a.with(need, "/signup/v1.0/challenge", "challenge_type", "password redirect").ok()
}

func TestChallengeTypesOfALaterCallNeverWidenThoseOfTheFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithPassword(dana)
	w.wait(later)
	a := w.app()
	a.types = "password redirect"
	begun := a.begin(initiate, dana)
	asked := a.with(begun, "/oauth2/v2.0/challenge", "challenge_type", "oob password redirect").ok()
	a.tokens(asked, "password", "password", longSecret, "scope", "payroll.write").redirected()
}

func TestAContinuationTokenLivesForAnHourWhateverTheEngineThinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config, _ *nativeapi.Config) { c.FlowLife = 3 * time.Hour })
	w.signedUpWithPassword(dana)
	a := w.app()
	at := a.challenged(dana)
	w.wait(time.Hour - time.Second)
	a.tokens(at, "password", "password", "wrong wrong wrong").refused("invalid_grant", "", "50126")
	w.wait(time.Second)
	a.tokens(at, "password", "password", longSecret).refused("expired_token", "", "552003")
}

func TestAnApplicationWithoutCodesIsSentToABrowserForTheSecondFactor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithPassword(dana)
	a := w.app()
	a.types = "password redirect"
	a.byPassword(dana, "scope", "payroll.write").redirected()
	a.byPassword(dana).gotTokens()
}

func TestMoreThanATokenHoldsIsRefusedBeforeAnythingIsUsedUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ *flows.Config, c *nativeapi.Config) {
		for i := range 40 {
			c.Clients[0].Scopes = append(c.Clients[0].Scopes, fmt.Sprintf("https://api.example.com/scope%d", i))
			c.Clients[0].Contexts = append(c.Clients[0].Contexts, fmt.Sprintf("context-%d", i))
		}
	})
	w.signedUpWithPassword(dana)
	a := w.app()
	at := a.challenged(dana)
	many := strings.Join(slices.Collect(func(yield func(string) bool) {
		for i := range 40 {
			yield(fmt.Sprintf("https://api.example.com/scope%d", i))
		}
	}), " ")
	a.tokens(at, "password", "password", longSecret, "scope", many).refused("invalid_scope", "", "70011")
	contexts, _ := json.Marshal(slices.Collect(func(yield func(string) bool) {
		for i := range 40 {
			yield(fmt.Sprintf("context-%d", i))
		}
	}))
	a.tokens(at, "password", "password", longSecret, "claims", `{"access_token":{"acrs":{"values":`+string(contexts)+`}}}`).refused("invalid_scope", "", "70011")
	a.tokens(at, "password", "password", longSecret).gotTokens()
}
