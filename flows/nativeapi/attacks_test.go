package nativeapi_test

import (
	"encoding/base64"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/nativeapi"
)

func TestAContinuationTokenIsOneClientsAtOneSite(t *testing.T) {
	t.Parallel()
	for at, walk := range walks {
		flow := walk(t)
		w := flow.world
		other := w.app()
		other.id = otherID
		elsewhere := newWorld(t, func(_ *flows.Config, c *nativeapi.Config) {
			site := *c.Site
			site.Origin = "https://expenses.example.com"
			c.Site = &site
		}).app()
		for _, a := range []*app{other, elsewhere} {
			for _, e := range nativeapi.Endpoints() {
				for _, action := range e.Actions {
					if action.Accepts == nil {
						continue
					}
					pairs := []string{"continuation_token", flow.token}
					for _, name := range action.Required {
						if name != "client_id" && name != "continuation_token" {
							pairs = append(pairs, name, plausible(name, action, nil))
						}
					}
					a.call(e.Path, pairs...).refused("invalid_grant", "", "55200")
				}
			}
		}
		if t.Failed() {
			t.Fatalf("with a token of %s", at)
		}
		flow.goOn()
	}
}

func TestAChangedContinuationTokenIsWorthNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.app()
	token := a.begin(initiate, dana).token()
	try := func(changed string) {
		t.Helper()
		if changed != "" {
			a.call("/oauth2/v2.0/challenge", "continuation_token", changed).refused("invalid_grant", "", "55200")
		}
	}
	for i := range token {
		other := byte('A')
		if token[i] == other {
			other = 'B'
		}
		try(token[:i] + string(other) + token[i+1:])
		try(token[:i])
	}
	for _, more := range []string{"A", "=", "==", "\n", "AAAA", " ", token} {
		try(token + more)
	}
	try(token[:9] + "\n" + token[9:])
	try(strings.Repeat("A", 60000))

	// Sealed with the right key, but for something else, or in a form of the future.
	for label, plain := range map[string]string{
		"refresh token":      `{"v":1,"g":"signin.started","e":9999999999}`,
		"continuation token": `{"v":2,"g":"signin.started","e":9999999999}`,
	} {
		sealed, err := w.keys.Seal(label, []byte(plain), origin+"\n"+appID)
		if err != nil {
			t.Fatal(err)
		}
		try(base64.RawURLEncoding.EncodeToString(sealed))
	}
	a.call("/oauth2/v2.0/challenge", "continuation_token", token).ok()
}

func TestAContinuationTokenShowsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.app().begin(initiate, dana).token()
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"signin", "started", dana, `"v"`} {
		if strings.Contains(string(raw), word) {
			t.Errorf("%q is to be read in a token", word)
		}
	}
	if again := w.app().begin(initiate, dana).token(); again == token || len(again) != len(token) {
		t.Error("two tokens are alike, or differ in length")
	}
}

func TestTokensEndWithTheirFlowHoweverOftenItIsContinued(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithPassword(dana)
	a := w.app()
	at := a.begin(initiate, dana)
	w.wait(59 * time.Minute)
	at = a.with(at, "/oauth2/v2.0/challenge").ok()
	w.wait(59 * time.Second)
	a.with(at, "/oauth2/v2.0/challenge").ok()
	w.wait(2 * time.Second)
	a.with(at, "/oauth2/v2.0/challenge").refused("expired_token", "", "552003")
	a.tokens(at, "password", "password", longSecret).refused("expired_token", "", "552003")
	// Where it has no business, a token is not even told to be old.
	a.with(at, "/register/v1.0/introspect").refused("invalid_grant", "", "55200")
}

func TestAFlowThatTheEngineEndsIsExpired(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config, _ *nativeapi.Config) { c.FlowLife = 20 * time.Minute })
	a := w.app()
	at := a.begin(initiate, dana)
	w.wait(21 * time.Minute)
	a.with(at, "/oauth2/v2.0/challenge").refused("expired_token", "", "552003")
}

func TestSuccessEndsAllTokensOfAFlow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.withBoth(dana, danaPhone)
	w.wait(later)
	a := w.app()
	begun := a.begin(initiate, dana)
	asked := a.with(begun, "/oauth2/v2.0/challenge")
	required := a.tokens(asked, "password", "password", longSecret, "scope", "payroll.write").refused("invalid_grant", "mfa_required", "50076")

	// The first factor is behind: its tokens are dead, and nothing goes back.
	for _, old := range []*answer{begun, asked} {
		a.with(old, "/oauth2/v2.0/challenge").refused("invalid_grant", "", "55200")
	}
	a.tokens(asked, "password", "password", longSecret).refused("invalid_grant", "", "55200")

	listed := a.with(required, "/oauth2/v2.0/introspect")
	challenged := a.with(listed, "/oauth2/v2.0/challenge", "id", "sms")
	a.tokens(challenged, "mfa_oob", "oob", w.code(danaPhone)).gotTokens()
	sent := w.sent()
	for _, old := range []*answer{begun, asked, required, listed, challenged} {
		a.with(old, "/oauth2/v2.0/challenge", "id", "sms").refused("expired_token", "", "552003")
	}
	a.tokens(challenged, "mfa_oob", "oob", w.code(danaPhone)).refused("expired_token", "", "552003")
	if w.sent() != sent {
		t.Error("a finished flow sent a code")
	}
}

func TestAGrantIsForTheChallengeThatWasMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithPassword(dana)
	w.signedUpWithCode("erin@example.com")
	w.wait(later)
	a := w.app()
	byPassword, byCode := a.challenged(dana), a.challenged("erin@example.com")
	a.tokens(byPassword, "oob", "oob", w.code("erin@example.com")).refused("invalid_grant", "", "55200")
	a.tokens(byCode, "password", "password", longSecret).refused("invalid_grant", "", "55200")
	a.tokens(byPassword, "password", "password", longSecret).gotTokens()
	a.tokens(byCode, "oob", "oob", w.code("erin@example.com")).gotTokens()
}

func TestCodesAreOfOneFlowAndOnePerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithCode(dana)
	w.signedUpWithCode("erin@example.com")
	w.wait(later)
	a := w.codeApp()
	danas, erins := a.challenged(dana), a.challenged("erin@example.com")
	danaCode := w.code(dana)
	a.tokens(erins, "oob", "oob", danaCode).refused("invalid_grant", "invalid_oob_value", "50181")
	w.wait(later)
	again := a.challenged(dana) // another flow of the same person
	a.tokens(again, "oob", "oob", danaCode).refused("invalid_grant", "invalid_oob_value", "50181")
	a.tokens(danas, "oob", "oob", danaCode).gotTokens()
}

func TestAContextStaysDemandedAlthoughLaterCallsDropIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.withBoth(dana, danaPhone)
	w.wait(later)
	a := w.app()
	required := a.byPassword(dana, "claims", `{"access_token":{"acrs":{"essential":true,"value":"c5"}}}`).
		refused("invalid_grant", "mfa_required", "50076")
	listed := a.with(required, "/oauth2/v2.0/introspect")
	if methods := listed.JSON["methods"].([]any); len(methods) != 1 || methods[0].(map[string]any)["id"] != "sms" {
		t.Fatalf("c5 asks for a text message: %s", listed.Body)
	}
	challenged := a.with(listed, "/oauth2/v2.0/challenge", "id", "sms")
	got := a.tokens(challenged, "mfa_oob", "oob", w.code(danaPhone), "scope", "openid").gotTokens()
	acrs, _ := got.claims("access_token")["acrs"].([]any)
	if len(acrs) != 1 || acrs[0] != "c5" || got.text("scope") != "openid" {
		t.Errorf("the access token says %v", got.claims("access_token"))
	}
}

func TestAsManyGuessesAtOnceGainNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithCode(dana)
	w.wait(later)
	a := w.codeApp()
	at := a.challenged(dana)
	body := "client_id=" + appID + "&grant_type=oob&continuation_token=" + at.token() + "&oob=" + w.code(dana)
	var all sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 20 {
		all.Go(func() {
			if got := w.do(w.request("/oauth2/v2.0/token", body)); got.Status == 200 {
				mu.Lock()
				defer mu.Unlock()
				won++
			}
		})
	}
	all.Wait()
	if won != 1 {
		t.Errorf("one code gave tokens %d times", won)
	}
}

func TestTooManyGuessesEndTheFlow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithPassword(dana)
	a := w.app()
	at := a.challenged(dana)
	var last *answer
	for range 20 {
		if last = a.tokens(at, "password", "password", "not this one, I fear"); last.text("error_description") != "The username or the password is wrong." {
			break
		}
	}
	last.refused("invalid_grant", "", "50053")
	if !strings.Contains(last.text("error_description"), "Try again in 10 minutes.") {
		t.Errorf("told %s", last.Body)
	}
	a.tokens(at, "password", "password", longSecret).refused("expired_token", "", "552003")
}

func TestNothingSecretIsLogged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.withBoth(dana, danaPhone)
	w.wait(later)
	a := w.app()
	at := a.challenged(dana)
	a.tokens(at, "password", "password", "not this one, I fear").refused("invalid_grant", "", "50126")
	required := a.tokens(at, "password", "password", longSecret, "scope", "payroll.write")
	challenged := a.secondFactor(required, "sms")
	a.tokens(challenged, "mfa_oob", "oob", wrong(w.code(danaPhone)))
	got := a.tokens(challenged, "mfa_oob", "oob", w.code(danaPhone)).gotTokens()
	log := w.log.String()
	if !strings.Contains(log, "invalid_grant") || !strings.Contains(log, "code=50126") {
		t.Fatalf("refusals are not logged: %s", log)
	}
	for _, secret := range []string{
		dana, danaPhone, "7700", longSecret, "I fear", at.token(), required.token(), challenged.token(), w.code(danaPhone),
		wrong(w.code(danaPhone)), got.text("access_token"), got.text("refresh_token"), got.text("id_token"),
	} {
		if strings.Contains(log, secret) {
			t.Errorf("the log shows %q", secret)
		}
	}
}
