package token_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/flows/token"
	"github.com/stepgate/stepgate/policy"
)

const (
	clientID    = "6f1c2a30-9f0e-4c55-8a53-0c1d2e3f4a5b"
	apiAudience = "https://app.example"
)

// gate is one site's tokens on both ways: out to a client, and in again.
type gate struct {
	clock    *clock
	ring     *token.Ring
	minter   token.Minter
	verifier token.Verifier
}

func newGate(t testing.TB, alg token.Alg) *gate {
	t.Helper()
	c := &clock{epoch}
	return gateOf(load(t, store.NewMemory(), newKeys(t, 1), alg, c), c)
}

func gateOf(ring *token.Ring, c *clock) *gate {
	issuer := "https://app.example/.auth"
	return &gate{
		clock: c,
		ring:  ring,
		minter: token.Minter{
			Ring: ring, Issuer: issuer, ClientID: "https://app.example", TenantID: token.TenantID(issuer), Now: c.now,
		},
		verifier: token.Verifier{
			Ring: ring, Issuer: issuer, Now: c.now,
			Audiences: []string{"https://other.example", apiAudience}, ClientIDs: []string{"another-client", clientID},
		},
	}
}

func forClient() token.ClientTokens {
	return token.ClientTokens{ClientID: clientID, Audience: apiAudience, Scope: []string{"openid", "profile", "pay.read"}, ACRs: []string{"c4", "money"}}
}

func (g *gate) mint(t testing.TB, s token.Subject, c token.ClientTokens) *token.ClientBundle {
	t.Helper()
	b, err := g.minter.MintClient(s, c, g.clock.at.Add(24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (g *gate) access(raw string) (token.Access, error) {
	return g.verifier.Access(context.Background(), raw)
}

func TestAClientsTokensSayTheDocumentedThings(t *testing.T) {
	t.Parallel()
	g := newGate(t, token.ES256)
	g.clock.at = epoch.Add(300 * time.Millisecond)
	s := ada()
	s.Proof = s.Proof.With(policy.EmailCode, epoch.Add(-time.Second)).Spend(policy.Mailbox)
	b := g.mint(t, s, forClient())
	if !b.Expires.Equal(epoch.Add(token.DefaultClientLifetime)) {
		t.Errorf("expires at %v", b.Expires)
	}
	if id, access := headerOf(t, b.ID), headerOf(t, b.Access); id["typ"] != "JWT" || access["typ"] != "at+jwt" {
		t.Errorf("headers %v and %v", id, access)
	}
	id, access := payloadOf(t, b.ID), payloadOf(t, b.Access)
	if id["jti"] == access["jti"] || len(id["jti"].(string)) != 22 || len(access["jti"].(string)) != 22 {
		t.Errorf("token ids %v and %v", id["jti"], access["jti"])
	}
	delete(id, "jti")
	delete(access, "jti")
	want := func(more string) (m map[string]any) {
		t.Helper()
		if err := json.Unmarshal([]byte(`{
			"iss": "https://app.example/.auth", "ver": "2.0",
			"sub": "u1", "oid": "u1", "sid": "s1",
			"tid": "2ea8ccee-29a8-5e1f-8b4a-368fa4cbad78",
			"iat": 1795435200, "nbf": 1795435170, "exp": 1795436100,
			"auth_time": 1795435199,
			"acr": "urn:stepgate:acr:2",
			"amr": ["pwd", "otp", "sms", "mfa", "mca"],
			"amr_detail": ["password", "email_code", "sms_code"],
			"factors": {"password": 1795431600, "email_code": 1795435199, "sms_code": 1795435140},
			"email": "ada@example.com", "email_verified": true,
			"preferred_username": "ada@example.com",
			"name": "Ada Example", "groups": ["staff"],
			`+more+`}`), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	if w := want(`"aud": "` + clientID + `"`); !reflect.DeepEqual(id, w) {
		t.Errorf("ID token\n got %v\nwant %v", id, w)
	}
	if w := want(`"aud": "https://app.example", "client_id": "` + clientID + `", "scope": "openid profile pay.read",
		"acrs": ["c4", "money"], "spent": ["mailbox"]`); !reflect.DeepEqual(access, w) {
		t.Errorf("access token\n got %v\nwant %v", access, w)
	}

	plain := payloadOf(t, g.mint(t, ada(), token.ClientTokens{ClientID: clientID, Audience: apiAudience}).Access)
	for _, name := range []string{"acrs", "spent", "scope"} {
		if v, ok := plain[name]; ok {
			t.Errorf("there is no %s, and yet it is %v", name, v)
		}
	}
}

// cut is a proof as a token can hold it.
func cut(p policy.Proof) policy.Proof {
	var whole policy.Proof
	for _, f := range p.Factors().Slice() {
		at, _ := p.At(f)
		whole = whole.With(f, time.Unix(at.Unix(), 0))
	}
	for _, c := range p.Spent() {
		whole = whole.Spend(c)
	}
	return whole
}

func TestTheVerifierReadsBackWhatWasMinted(t *testing.T) {
	t.Parallel()
	for _, alg := range []token.Alg{token.ES256, token.EdDSA, token.RS256} {
		g := newGate(t, alg)
		g.clock.at = epoch.Add(999 * time.Millisecond)
		for factors := range policy.All() + 1 {
			for spent := range 8 {
				s := ada()
				s.Proof = policy.Proof{}
				for i, f := range factors.Slice() {
					s.Proof = s.Proof.With(f, epoch.Add(-time.Duration(i)*time.Hour+999*time.Millisecond))
				}
				for c := range policy.Channel(3) {
					if spent>>c&1 != 0 {
						s.Proof = s.Proof.Spend(c)
					}
				}
				if !policy.Floor.Met(s.Proof, g.clock.at) {
					continue
				}
				b := g.mint(t, s, forClient())
				got, err := g.access(b.Access)
				want := token.Access{
					User: "u1", SID: "s1", ClientID: clientID, Scope: []string{"openid", "profile", "pay.read"},
					Proof: cut(s.Proof), Expires: b.Expires,
				}
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Fatalf("%s, %v: %+v, %v; want %+v", alg, factors.Slice(), got, err, want)
				}
				for _, f := range factors.Slice() {
					was, _ := s.Proof.At(f)
					if is, _ := got.Proof.At(f); is.After(was) || was.Sub(is) >= time.Second {
						t.Errorf("%v proved at %v came back as %v", f, was, is)
					}
				}
			}
		}
	}
	g := newGate(t, token.ES256)
	if got, err := g.access(g.mint(t, ada(), token.ClientTokens{ClientID: clientID, Audience: apiAudience}).Access); err != nil || got.Scope != nil {
		t.Errorf("without scopes: %v, %v", got.Scope, err)
	}
}

// A channel that is new to policy must not make every token with it unreadable.
func TestEveryChannelThatThereIsCanBeSpentInAToken(t *testing.T) {
	t.Parallel()
	g := newGate(t, token.EdDSA)
	n := 0
	for c := policy.Channel(0); !strings.HasPrefix(c.String(), "channel("); c++ {
		s := ada()
		s.Proof = s.Proof.Spend(c)
		got, err := g.access(g.mint(t, s, forClient()).Access)
		if err != nil || !slices.Equal(got.Proof.Spent(), []policy.Channel{c}) {
			t.Errorf("%v: spent %v, %v", c, got.Proof.Spent(), err)
		}
		n++
	}
	if n < 3 {
		t.Errorf("only %d channels were tried", n)
	}
}

func TestWhatNoClientMayHaveIsNotMinted(t *testing.T) {
	t.Parallel()
	g := newGate(t, token.ES256)
	long := func(n int) string { return strings.Repeat("a", n) }
	for what, change := range map[string]func(*token.Subject, *token.ClientTokens){
		"no client":                 func(_ *token.Subject, c *token.ClientTokens) { c.ClientID = "" },
		"an endless client":         func(_ *token.Subject, c *token.ClientTokens) { c.ClientID = long(256) },
		"no audience":               func(_ *token.Subject, c *token.ClientTokens) { c.Audience = "" },
		"an endless audience":       func(_ *token.Subject, c *token.ClientTokens) { c.Audience = long(256) },
		"too short a life":          func(_ *token.Subject, c *token.ClientTokens) { c.Lifetime = token.MinLifetime - 1 },
		"a negative life":           func(_ *token.Subject, c *token.ClientTokens) { c.Lifetime = -time.Hour },
		"too long a life":           func(_ *token.Subject, c *token.ClientTokens) { c.Lifetime = token.MaxClientLifetime + 1 },
		"two scopes in one":         func(_ *token.Subject, c *token.ClientTokens) { c.Scope = []string{"openid pay.write"} },
		"an empty scope":            func(_ *token.Subject, c *token.ClientTokens) { c.Scope = []string{"openid", ""} },
		"a scope with a quote":      func(_ *token.Subject, c *token.ClientTokens) { c.Scope = []string{`a"b`} },
		"a scope with a backslash":  func(_ *token.Subject, c *token.ClientTokens) { c.Scope = []string{`a\b`} },
		"a scope that is not ASCII": func(_ *token.Subject, c *token.ClientTokens) { c.Scope = []string{"é"} },
		"a scope with a line break": func(_ *token.Subject, c *token.ClientTokens) { c.Scope = []string{"a\nb"} },
		"an endless scope":          func(_ *token.Subject, c *token.ClientTokens) { c.Scope = []string{long(513)} },
		"endless scopes":            func(_ *token.Subject, c *token.ClientTokens) { c.Scope = slices.Repeat([]string{"a"}, 257) },
		"an empty context":          func(_ *token.Subject, c *token.ClientTokens) { c.ACRs = []string{""} },
		"a context with a control":  func(_ *token.Subject, c *token.ClientTokens) { c.ACRs = []string{"c\x001"} },
		"an endless context":        func(_ *token.Subject, c *token.ClientTokens) { c.ACRs = []string{long(254)} },
		"endless contexts":          func(_ *token.Subject, c *token.ClientTokens) { c.ACRs = slices.Repeat([]string{"a"}, 65) },
		"nobody":                    func(s *token.Subject, _ *token.ClientTokens) { s.User = "" },
		"no sign-in":                func(s *token.Subject, _ *token.ClientTokens) { s.SID = "" },
		"nothing proved":            func(s *token.Subject, _ *token.ClientTokens) { s.Proof = policy.Proof{} },
		"a text message only":       func(s *token.Subject, _ *token.ClientTokens) { s.Proof = policy.Proof{}.With(policy.SMSCode, epoch) },
	} {
		s, c := ada(), forClient()
		change(&s, &c)
		if b, err := g.minter.MintClient(s, c, epoch.Add(time.Hour)); err == nil || b != nil {
			t.Errorf("%s: %v, %v", what, b, err)
		}
	}
}

func TestAClientsTokensLiveAsLongAsAskedAndNoLongerThanTheSignIn(t *testing.T) {
	t.Parallel()
	g := newGate(t, token.ES256)
	g.clock.at = epoch.Add(400 * time.Millisecond)
	for _, c := range []struct{ asked, left, want time.Duration }{
		{0, 24 * time.Hour, token.DefaultClientLifetime},
		{token.MinLifetime, 24 * time.Hour, token.MinLifetime},
		{token.MaxClientLifetime, 24 * time.Hour, token.MaxClientLifetime},
		{0, 90*time.Second + 900*time.Millisecond, 91 * time.Second},
		{0, time.Second, time.Second},
	} {
		f := forClient()
		f.Lifetime = c.asked
		ends := g.clock.at.Add(c.left)
		b, err := g.minter.MintClient(ada(), f, ends)
		if err != nil {
			t.Fatal(err)
		}
		if !b.Expires.Equal(epoch.Add(c.want)) || b.Expires.After(ends) {
			t.Errorf("%v asked, %v left: expires at %v", c.asked, c.left, b.Expires)
		}
		for _, signed := range []string{b.ID, b.Access} {
			if exp := payloadOf(t, signed)["exp"]; exp != float64(b.Expires.Unix()) {
				t.Errorf("exp is %v, the bundle says %v", exp, b.Expires)
			}
		}
	}
	for _, left := range []time.Duration{500 * time.Millisecond, 0, -time.Hour} {
		if _, err := g.minter.MintClient(ada(), forClient(), g.clock.at.Add(left)); !errors.Is(err, token.ErrEnded) {
			t.Errorf("%v left: %v", left, err)
		}
	}
	// The lifetime of tokens for applications is another thing.
	g.minter.Lifetime = time.Minute
	if b := g.mint(t, ada(), forClient()); !b.Expires.Equal(epoch.Add(token.DefaultClientLifetime)) {
		t.Errorf("with another lifetime for applications: %v", b.Expires)
	}
}

// Whatever people call themselves, a client that asks for all it may gets its tokens.
func TestTheLongestPersonAndTheGreediestClientFitIntoAToken(t *testing.T) {
	t.Parallel()
	g := newGate(t, token.RS256)
	c := forClient()
	c.Scope = slices.Repeat([]string{"a"}, 256)
	c.ACRs = slices.Repeat([]string{"a"}, 64)
	for _, filler := range []string{"n", `"`, "é"} {
		s := ada()
		s.User, s.SID = strings.Repeat("u", 43), strings.Repeat("s", 43)
		s.Name, s.Email = strings.Repeat(filler, 500), strings.Repeat("e", 240)+"@a.example"
		s.Groups = slices.Repeat([]string{"g"}, 500)
		s.Proof = s.Proof.With(policy.EmailCode, epoch).Spend(policy.Knowledge).Spend(policy.Mailbox).Spend(policy.Phone)
		b := g.mint(t, s, c)
		if got, err := g.access(b.Access); err != nil || got.Proof != s.Proof {
			t.Errorf("%q: %v", filler, err)
		}
	}
}
