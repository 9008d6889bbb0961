package token_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/flows/token"
	"github.com/stepgate/stepgate/policy"
)

func newMinter(t testing.TB, alg token.Alg, c *clock) token.Minter {
	ring := load(t, store.NewMemory(), newKeys(t, 1), alg, c)
	return token.Minter{
		Ring:     ring,
		Issuer:   "https://app.example/.auth",
		ClientID: "https://app.example",
		TenantID: token.TenantID("https://app.example/.auth"),
		Now:      c.now,
	}
}

func mint(t testing.TB, m token.Minter, s token.Subject) *token.Bundle {
	t.Helper()
	b, err := m.Mint(s, m.ClientID, []string{audience}, m.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTheClaimsAreTheDocumentedOnes(t *testing.T) {
	t.Parallel()
	m := newMinter(t, token.ES256, &clock{epoch.Add(300 * time.Millisecond)})
	b := mint(t, m, ada())
	id, access := payloadOf(t, b.ID), payloadOf(t, b.Access[0])
	if id["jti"] == access["jti"] || len(id["jti"].(string)) != 22 || len(access["jti"].(string)) != 22 {
		t.Errorf("token ids %v and %v", id["jti"], access["jti"])
	}
	delete(id, "jti")
	delete(access, "jti")

	want := func(more string) (m map[string]any) {
		t.Helper()
		if err := json.Unmarshal([]byte(`{
			"iss": "https://app.example/.auth",
			"sub": "u1", "oid": "u1", "sid": "s1",
			"tid": "2ea8ccee-29a8-5e1f-8b4a-368fa4cbad78",
			"iat": 1795435200, "nbf": 1795435170, "exp": 1795435500,
			"auth_time": 1795435140,
			"acr": "urn:stepgate:acr:2",
			"amr": ["pwd", "otp", "sms", "mfa", "mca"],
			"amr_detail": ["password", "sms_code"],
			"factors": {"password": 1795431600, "sms_code": 1795435140},
			"email": "ada@example.com", "email_verified": true,
			"preferred_username": "ada@example.com",
			"name": "Ada Example", "groups": ["staff"],
			`+more+`}`), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	if w := want(`"aud": "https://app.example"`); !reflect.DeepEqual(id, w) {
		t.Errorf("ID token\n got %v\nwant %v", id, w)
	}
	if w := want(`"aud": "https://payroll.internal.example", "client_id": "https://app.example", "scope": "openid profile email"`); !reflect.DeepEqual(access, w) {
		t.Errorf("access token\n got %v\nwant %v", access, w)
	}
}

func TestTokensSayWhatWasProvedAndNoMore(t *testing.T) {
	t.Parallel()
	m := newMinter(t, token.ES256, &clock{epoch})
	at := func(minutes int) time.Time { return epoch.Add(-time.Duration(minutes) * time.Minute) }
	email := policy.Proof{}.With(policy.EmailCode, at(5))
	pass := policy.Proof{}.With(policy.Password, at(60))
	for _, c := range []struct {
		what     string
		proof    policy.Proof
		acr      string
		amr      string
		detail   string
		authTime time.Time
	}{
		{"password", pass, token.ACR1, "pwd", "password", at(60)},
		{"e-mail code", email, token.ACR1, "otp", "email_code", at(5)},
		{"two codes to one mailbox", email.With(policy.EmailCode, at(1)), token.ACR1, "otp", "email_code", at(1)},
		{"password and e-mail code", pass.With(policy.EmailCode, at(5)), token.ACR2, "pwd otp mfa mca", "password email_code", at(5)},
		{"e-mail code and text message", email.With(policy.SMSCode, at(2)), token.ACR2, "otp sms mfa mca", "email_code sms_code", at(2)},
		{"the password last", email.With(policy.Password, at(1)), token.ACR2, "pwd otp mfa mca", "password email_code", at(1)},
		{"a mailbox spent on a reset", pass.With(policy.EmailCode, at(5)).Spend(policy.Mailbox), token.ACR1, "pwd otp", "password email_code", at(5)},
	} {
		s := ada()
		s.Proof = c.proof
		b := mint(t, m, s)
		for _, signed := range []string{b.ID, b.Access[0]} {
			p := payloadOf(t, signed)
			if p["acr"] != c.acr || words(p["amr"]) != c.amr || words(p["amr_detail"]) != c.detail || p["auth_time"] != float64(c.authTime.Unix()) {
				t.Errorf("%s: acr %v, amr %v, detail %v, auth_time %v", c.what, p["acr"], p["amr"], p["amr_detail"], p["auth_time"])
			}
		}
	}
}

func words(list any) string {
	var all []string
	items, _ := list.([]any)
	for _, item := range items {
		all = append(all, item.(string))
	}
	return strings.Join(all, " ")
}

func TestNobodyWithoutAFirstFactorGetsTokens(t *testing.T) {
	t.Parallel()
	m := newMinter(t, token.ES256, &clock{epoch})
	nothing, textOnly, nobody := ada(), ada(), ada()
	nothing.Proof = policy.Proof{}
	textOnly.Proof = policy.Proof{}.With(policy.SMSCode, epoch)
	nobody.User = ""
	for what, s := range map[string]token.Subject{"nothing proved": nothing, "a text message only": textOnly, "no id": nobody} {
		if b, err := m.Mint(s, m.ClientID, nil, epoch.Add(time.Hour)); err == nil {
			t.Errorf("%s: %v", what, b)
		}
	}
	if n := m.Ring.Signatures(); n != 0 {
		t.Errorf("%d tokens were signed all the same", n)
	}
}

func TestNoTokenOutlivesItsSession(t *testing.T) {
	t.Parallel()
	c := &clock{epoch.Add(400 * time.Millisecond)}
	m := newMinter(t, token.ES256, c)
	for _, left := range []time.Duration{time.Hour, 90*time.Second + 900*time.Millisecond, 2 * time.Second, time.Second} {
		ends := c.at.Add(left)
		b, err := m.Mint(ada(), m.ClientID, []string{audience}, ends)
		if err != nil {
			t.Fatalf("%v left: %v", left, err)
		}
		if b.Expires.After(ends) || b.RefreshAt.After(b.Expires) || !b.RefreshAt.After(c.at) {
			t.Errorf("%v left: refreshed at %v, expires at %v", left, b.RefreshAt, b.Expires)
		}
		for _, signed := range []string{b.ID, b.Access[0]} {
			if exp := payloadOf(t, signed)["exp"]; exp != float64(b.Expires.Unix()) {
				t.Errorf("%v left: exp is %v, the bundle says %v", left, exp, b.Expires)
			}
		}
	}
	for _, left := range []time.Duration{500 * time.Millisecond, 0, -time.Second} {
		if _, err := m.Mint(ada(), m.ClientID, nil, c.at.Add(left)); !errors.Is(err, token.ErrEnded) {
			t.Errorf("%v left: %v", left, err)
		}
	}
	if _, err := m.Mint(ada(), m.ClientID, nil, time.Time{}); !errors.Is(err, token.ErrEnded) {
		t.Errorf("no end given: %v", err)
	}
}

func TestABundleIsFreshForHalfItsLife(t *testing.T) {
	t.Parallel()
	c := &clock{epoch}
	m := newMinter(t, token.ES256, c)
	m.Lifetime = 2 * time.Minute
	b := mint(t, m, ada())
	for at, want := range map[time.Duration]bool{
		-time.Second: false, 0: true, time.Minute - 1: true, time.Minute: false, 3 * time.Minute: false,
	} {
		if got := b.Fresh(epoch.Add(at)); got != want {
			t.Errorf("after %v: %v", at, got)
		}
	}
	for _, life := range []time.Duration{-time.Minute, time.Second, token.MinLifetime - 1, token.MaxLifetime + 1, 24 * time.Hour} {
		m.Lifetime = life
		if _, err := m.Mint(ada(), m.ClientID, nil, epoch.Add(time.Hour)); err == nil {
			t.Errorf("a lifetime of %v was accepted", life)
		}
	}
}

func TestOneAccessTokenForEachAudienceInOrder(t *testing.T) {
	t.Parallel()
	m := newMinter(t, token.ES256, &clock{epoch})
	audiences := []string{"https://a.example", "https://b.example", "https://a.example"}
	b, err := m.Mint(ada(), m.ClientID, audiences, epoch.Add(time.Hour))
	if err != nil || len(b.Access) != len(audiences) {
		t.Fatal(err, b)
	}
	for i, want := range audiences {
		if got := payloadOf(t, b.Access[i])["aud"]; got != want {
			t.Errorf("token %d is for %v", i, got)
		}
	}
	if n := m.Ring.Signatures(); n != 4 {
		t.Errorf("%d signatures", n)
	}
	for _, bad := range []string{"", strings.Repeat("a", 256)} {
		if _, err := m.Mint(ada(), bad, nil, epoch.Add(time.Hour)); err == nil {
			t.Errorf("an ID token for %q", bad)
		}
		if _, err := m.Mint(ada(), m.ClientID, []string{bad}, epoch.Add(time.Hour)); err == nil {
			t.Errorf("an access token for %q", bad)
		}
	}
}

func TestWhatPeopleWriteOfThemselvesStaysBounded(t *testing.T) {
	t.Parallel()
	many := make([]string, 10_000)
	for i := range many {
		many[i] = strings.Repeat(`"\`, 20)
	}
	for _, alg := range []token.Alg{token.ES256, token.RS256} {
		m := newMinter(t, alg, &clock{epoch})
		for _, filler := range []string{"a", "é", "🦀", `"`, `\`, "<", "\x00", "\u2028", "\xff", "\r\nX-Admin: 1"} {
			s := ada()
			s.Name = strings.Repeat(filler, 64<<10)
			s.Email = strings.Repeat(filler, 240/len(filler)) + "@a.example"
			s.Groups = many
			b := mint(t, m, s)
			for _, signed := range []string{b.ID, b.Access[0]} {
				if len(signed) >= token.MaxToken || strings.ContainsAny(signed, "\r\n \x00") {
					t.Errorf("%s, %q: a token of %d bytes", alg, filler, len(signed))
				}
				p := payloadOf(t, signed)
				name, _ := p["name"].(string)
				if len(name) > 128 || !utf8.ValidString(name) || strings.ContainsAny(name, "\r\n\x00\u2028\ufffd") {
					t.Errorf("%s, %q: the name is %q", alg, filler, name)
				}
				if email, ok := p["email"].(string); ok && email != s.Email {
					t.Errorf("%s, %q: another address, %q", alg, filler, email)
				}
				if p["groups_truncated"] != true {
					t.Errorf("%s, %q: groups are missing and nothing says so", alg, filler)
				}
			}
		}
	}
}

func TestManyShortGroupsLeaveRoomForTheRest(t *testing.T) {
	t.Parallel()
	m := newMinter(t, token.RS256, &clock{epoch})
	long := strings.Repeat("x", 128)
	for _, groups := range [][]string{{""}, {"a"}, {"ab"}, {`"`}, {long}, {long, long, long, long[:118]}} {
		s := ada()
		s.Name, s.Email = strings.Repeat("n", 128), strings.Repeat("e", 240)+"@a.example"
		s.Groups = slices.Repeat(groups, 10_000)
		p := payloadOf(t, mint(t, m, s).ID)
		data, err := json.Marshal(p["groups"])
		if err != nil || len(data) > 512+len("[]") || p["groups_truncated"] != true {
			t.Errorf("%q: %d bytes, truncated %v, %v", groups, len(data), p["groups_truncated"], err)
		}
	}
}

// A part of an address or of a group's name is the address or name of another.
func TestAddressesAndGroupsAreWholeOrAbsent(t *testing.T) {
	t.Parallel()
	m := newMinter(t, token.ES256, &clock{epoch})
	s := ada()
	s.Email = strings.Repeat("a", 250) + "@a.example"
	s.Groups = []string{"staff", strings.Repeat("admin", 100), "bad\nname", strings.Repeat("x", 128), "last"}
	p := payloadOf(t, mint(t, m, s).ID)
	for _, name := range []string{"email", "email_verified", "preferred_username"} {
		if v, ok := p[name]; ok {
			t.Errorf("%s is %v", name, v)
		}
	}
	if got, want := words(p["groups"]), "staff "+strings.Repeat("x", 128)+" last"; got != want || p["groups_truncated"] != true {
		t.Errorf("groups are %q, truncated %v", got, p["groups_truncated"])
	}
	if _, ok := payloadOf(t, mint(t, m, ada()).ID)["groups_truncated"]; ok {
		t.Error("all groups are there, and yet truncated")
	}
	s = ada()
	s.SID = strings.Repeat("s", 256)
	if _, err := m.Mint(s, m.ClientID, nil, epoch.Add(time.Hour)); err == nil {
		t.Error("an endless session name was minted")
	}
}

// The UUIDs were reckoned by another implementation of RFC 9562.
func TestATenantIsNamedByItsIssuer(t *testing.T) {
	t.Parallel()
	for issuer, want := range map[string]string{
		"https://app.example/.auth": "2ea8ccee-29a8-5e1f-8b4a-368fa4cbad78",
		"https://www.example.com":   "a0787afd-c170-5773-8d60-02739168de9f",
	} {
		if got := token.TenantID(issuer); got != want {
			t.Errorf("%s: %s, want %s", issuer, got, want)
		}
	}
}

func BenchmarkMint(b *testing.B) {
	m := newMinter(b, token.ES256, &clock{epoch})
	s := ada()
	b.ReportAllocs()
	for b.Loop() {
		mint(b, m, s)
	}
}

func BenchmarkFresh(b *testing.B) {
	m := newMinter(b, token.ES256, &clock{epoch})
	bundle := mint(b, m, ada())
	b.ReportAllocs()
	for b.Loop() {
		if !bundle.Fresh(epoch) {
			b.Fatal("stale")
		}
	}
}
