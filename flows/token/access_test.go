package token_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/stepgate/stepgate/flows/token"
	"github.com/stepgate/stepgate/policy"
)

// refuses fails the test if a token is accepted, and if its error repeats a part of it.
func (g *gate) refuses(t testing.TB, what, raw string) {
	t.Helper()
	a, err := g.access(raw)
	if err == nil {
		t.Errorf("%s was accepted: %q says %+v", what, raw, a)
		return
	}
	if a.User != "" || a.Proof != (policy.Proof{}) {
		t.Errorf("%s was refused, and yet it says %+v", what, a)
	}
	for _, part := range strings.Split(raw, ".") {
		if len(part) > 20 && strings.Contains(err.Error(), part) {
			t.Errorf("%s: the error repeats the token: %v", what, err)
		}
	}
}

func TestATokenOfAnotherKindIsNoAccessToken(t *testing.T) {
	t.Parallel()
	g, stranger := newGate(t, token.ES256), newGate(t, token.ES256)
	b := g.mint(t, ada(), forClient())
	if _, err := g.access(b.Access); err != nil {
		t.Fatal(err)
	}
	g.refuses(t, "an ID token", b.ID)
	g.refuses(t, "an access token of another ring", stranger.mint(t, ada(), forClient()).Access)

	idForUs := forClient()
	idForUs.ClientID = apiAudience
	g.refuses(t, "an ID token for our audience", g.mint(t, ada(), idForUs).ID)
	other := forClient()
	other.Audience = "https://app.example/"
	g.refuses(t, "a token for another audience", g.mint(t, ada(), other).Access)
	other = forClient()
	other.ClientID = "a-former-client"
	g.refuses(t, "a token of an unknown client", g.mint(t, ada(), other).Access)

	upstream, err := g.minter.Mint(ada(), apiAudience, []string{apiAudience}, epoch.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	g.refuses(t, "a token for an application behind the gateway", upstream.Access[0])
	g.refuses(t, "its ID token", upstream.ID)

	sister := gateOf(g.ring, g.clock) // another site with the same keys
	sister.minter.Issuer = "https://sister.example/.auth"
	g.refuses(t, "a token of a sister site", sister.mint(t, ada(), forClient()).Access)

	for what, change := range map[string]func(*token.Verifier){
		"without audiences":   func(v *token.Verifier) { v.Audiences = nil },
		"without clients":     func(v *token.Verifier) { v.ClientIDs = nil },
		"of another issuer":   func(v *token.Verifier) { v.Issuer = "https://app.example/.auth/" },
		"of another audience": func(v *token.Verifier) { v.Audiences = []string{"https://app.exampl", "https://app.example.test"} },
	} {
		h := gateOf(g.ring, g.clock)
		change(&h.verifier)
		h.refuses(t, "a good token at a verifier "+what, b.Access)
	}
}

func TestATokenIsGoodFromItsIssueToTheSecondOfItsEnd(t *testing.T) {
	t.Parallel()
	g := newGate(t, token.ES256)
	raw := g.mint(t, ada(), forClient()).Access
	life := token.DefaultClientLifetime
	for after, good := range map[time.Duration]bool{
		0: true, life / 2: true, life - 1: true, -30 * time.Second: true,
		life: false, life + time.Second: false, 1000 * time.Hour: false,
		-31 * time.Second: false, -time.Hour: false,
	} {
		g.clock.at = epoch.Add(after)
		_, err := g.access(raw)
		if (err == nil) != good {
			t.Errorf("after %v: %v", after, err)
		}
		var expired *oidc.TokenExpiredError
		if after >= life && !errors.As(err, &expired) {
			t.Errorf("after %v it is not said that it has expired: %v", after, err)
		}
	}
}

// Each of these is signed by the right key under the right header.
func TestClaimsThatWeWouldNeverWriteAreRefused(t *testing.T) {
	t.Parallel()
	g := newGate(t, token.EdDSA)
	good := g.claims(t)
	at := func(d time.Duration) int64 { return epoch.Add(d).Unix() }
	factors := func(name string, at any) map[string]any {
		f := maps.Clone(good["factors"].(map[string]any))
		f[name] = at
		return f
	}
	for i, c := range []struct {
		name  string
		value any
	}{
		{"iss", nil}, {"iss", ""}, {"iss", "https://evil.example"}, {"iss", "https://app.example/.AUTH"}, {"iss", []string{"https://app.example/.auth"}},
		{"aud", nil}, {"aud", ""}, {"aud", clientID}, {"aud", "https://evil.example"}, {"aud", "HTTPS://app.example"},
		{"aud", []string{apiAudience}}, {"aud", []string{apiAudience, "https://evil.example"}}, {"aud", []string{}},
		{"client_id", nil}, {"client_id", ""}, {"client_id", "https://app.example"}, {"client_id", strings.ToUpper(clientID)},
		{"sub", nil}, {"sub", ""}, {"sub", "u2"}, {"sub", 1}, {"oid", nil}, {"oid", ""}, {"oid", "u2"},
		{"sid", nil}, {"sid", ""}, {"sid", 5},
		{"exp", nil}, {"exp", 0}, {"exp", at(0)}, {"exp", -1}, {"exp", at(2 * time.Hour)}, {"exp", at(time.Hour + time.Second)}, {"exp", "1795436100"}, {"exp", 1795436100.5}, {"exp", 1e30},
		{"exp", int64(1<<63 - 1)}, {"exp", int64(-1 << 63)},
		{"iat", nil}, {"iat", 0}, {"iat", -1}, {"iat", at(31 * time.Second)}, {"iat", at(-time.Hour)}, {"iat", int64(-1 << 63)}, {"iat", true},
		{"nbf", nil}, {"nbf", 0}, {"nbf", -1}, {"nbf", at(time.Second)}, {"nbf", int64(1<<63 - 1)},
		{"factors", nil}, {"factors", map[string]any{}}, {"factors", []string{"password"}}, {"factors", "password"},
		{"factors", factors("totp", at(0))}, {"factors", factors("Password", at(0))}, {"factors", factors("factor(0)", at(0))},
		{"factors", factors("email_code", 0)}, {"factors", factors("email_code", -1)}, {"factors", factors("email_code", at(31*time.Second))},
		{"factors", factors("password", 0)}, {"factors", factors("password", -1)}, {"factors", factors("password", at(31*time.Second))},
		{"factors", factors("password", int64(1<<63-1))}, {"factors", factors("password", int64(-1<<63))},
		{"factors", factors("password", 1.5)}, {"factors", factors("password", "1")}, {"factors", factors("password", nil)},
		{"factors", map[string]any{"sms_code": at(0)}},
		{"spent", "mailbox"}, {"spent", []string{"fax"}}, {"spent", []string{""}}, {"spent", []string{"Mailbox"}}, {"spent", []string{"channel(1)"}}, {"spent", []any{1}},
		{"scope", "openid  pay"}, {"scope", " openid"}, {"scope", "openid "}, {"scope", "a\tb"}, {"scope", `a"b`}, {"scope", []string{"openid"}}, {"scope", strings.Repeat("a", 513)},
	} {
		g.refuses(t, fmt.Sprintf("%d: %s = %v", i, c.name, c.value), g.resigned(t, encoded(t, changed(good, c.name, c.value))))
	}
	for _, nobody := range []any{nil, ""} {
		g.refuses(t, "nobody's token", g.resigned(t, encoded(t, changed(changed(good, "sub", nobody), "oid", nobody))))
	}
	// What lies in the near future is the difference between two clocks.
	for name, value := range map[string]any{
		"iat": at(30 * time.Second), "nbf": at(0), "factors": factors("password", at(30*time.Second)), "exp": at(time.Hour), "scope": nil,
	} {
		if _, err := g.access(g.resigned(t, encoded(t, changed(good, name, value)))); err != nil {
			t.Errorf("%s = %v: %v", name, value, err)
		}
	}
}

func TestClaimsThatTwoReadersCouldReadDifferentlyAreRefused(t *testing.T) {
	t.Parallel()
	g := newGate(t, token.EdDSA)
	good := string(encoded(t, g.claims(t)))
	first := func(more string) string { return "{" + more + "," + good[1:] }
	last := func(more string) string { return good[:len(good)-1] + "," + more + "}" }
	for _, claims := range []string{
		first(`"sub":"u2"`), last(`"sub":"u2"`), last(`"sub":"u1"`), last(`"s\u0075b":"u2"`),
		first(`"aud":"https://evil.example"`), last(`"aud":"https://app.example"`),
		last(`"client_id":"` + clientID + `"`), last(`"iss":"https://app.example/.auth"`), last(`"exp":1795436100`), last(`"sid":"s2"`),
		last(`"spent":["mailbox"],"spent":[]`), first(`"factors":{"email_code":1795435200}`), last(`"factors":{"email_code":1795435200}`),
		strings.Replace(good, `"factors":{`, `"factors":{"password":1795435200,`, 1),
		// One reader of ours takes these for the claims of the same name, the other does not.
		strings.Replace(good, `"sub"`, `"Sub"`, 1), strings.Replace(good, `"sid"`, `"SID"`, 1), strings.Replace(good, `"exp"`, `"EXP"`, 1),
		strings.Replace(good, `"iss":"https://app.example/.auth"`, `"iss":"https://evil.example","ISS":"https://app.example/.auth"`, 1),
		strings.Replace(good, `"exp":1795436100`, `"exp":1,"Exp":1795436100`, 1),
		good + good, good + "x", good[1:], good[:len(good)-1], "[" + good + "]", `"` + "x" + `"`, "null", "1", "{}", "", "\xff",
		string(rune(0xfeff)) + good,
	} {
		g.refuses(t, "claims "+claims, g.resigned(t, []byte(claims)))
	}
}
