package token_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/token"
	"github.com/stepgate/stepgate/policy"
)

// fixedGate is the same in each process that takes part in fuzzing. Its algorithm has
// one signature for each message.
func fixedGate(t testing.TB) *gate {
	t.Helper()
	c := &clock{epoch}
	ring, err := token.RingOf(token.EdDSA, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize)), c.now)
	if err != nil {
		t.Fatal(err)
	}
	return gateOf(ring, c)
}

// golden is one token that was minted, but for its id, which is random.
func (g *gate) golden(t testing.TB, s token.Subject) (string, []byte) {
	t.Helper()
	claims := payloadOf(t, g.mint(t, s, forClient()).Access)
	claims["jti"] = "AAAAAAAAAAAAAAAAAAAAAA"
	payload := encoded(t, claims)
	return g.resigned(t, payload), payload
}

func spentAda() token.Subject {
	s := ada()
	s.Proof = s.Proof.Spend(policy.Mailbox)
	return s
}

// Whoever has tokens, and no key, gets nothing accepted but those tokens as they are.
func FuzzNothingButWhatWasMintedIsAccepted(f *testing.F) {
	g := fixedGate(f)
	minted := map[string]token.Access{}
	for _, s := range []token.Subject{ada(), spentAda()} {
		raw, _ := g.golden(f, s)
		a, err := g.access(raw)
		if err != nil || a.Proof != s.Proof {
			f.Fatal(a, err)
		}
		minted[raw] = a
		p := strings.Split(raw, ".")
		for _, seed := range []string{
			raw, raw + "=", raw + "\n", " " + raw, raw + ".", p[0] + "." + p[1], p[0] + "." + p[1] + ".", p[1] + "." + p[0] + "." + p[2],
			strings.ToLower(raw), raw[:len(raw)-1] + "_", raw[:60] + "\r\n" + raw[60:], p[0] + ".e30." + p[2],
			jsonBase64([]byte(`{"alg":"none"}`)) + "." + p[1] + ".", `{"payload":"` + p[1] + `","protected":"` + p[0] + `","signature":"` + p[2] + `"}`,
			compact(f, `{"alg":"HS256","kid":"a","typ":"at+jwt"}`, []byte("{}"), []byte("secret")),
		} {
			f.Add(seed)
		}
	}
	f.Fuzz(func(t *testing.T, raw string) {
		a, err := g.access(raw)
		want, ok := minted[raw]
		if (err == nil) != ok || !reflect.DeepEqual(a, want) {
			t.Errorf("%q says %+v, %v; it should say %+v", raw, a, err, want)
		}
	})
}

// Even under our own signature no claims are believed that a plain reading does not
// find there.
func FuzzSignedClaimsAreReadAsTheyStand(f *testing.F) {
	g := fixedGate(f)
	for _, s := range []token.Subject{ada(), spentAda()} {
		_, payload := g.golden(f, s)
		good := string(payload)
		for _, seed := range []string{
			good, "{" + `"sub":"u2",` + good[1:], strings.Replace(good, `"sub"`, `"SUB"`, 1), strings.Replace(good, "sms_code", "email_code", 1),
			strings.Replace(good, `"exp":`, `"exp":1,"exp":`, 1), strings.Replace(good, "1795435", "1795436", -1), " " + good + "\n",
			strings.Replace(good, "mailbox", "phone", 1), `{"iss":"https://app.example/.auth"}`, "null", "[]",
		} {
			f.Add([]byte(seed))
		}
	}
	header, key := g.header(f), token.Private(g.ring)
	f.Fuzz(func(t *testing.T, payload []byte) {
		raw := compact(t, header, payload, key)
		a, err := g.access(raw)
		if err != nil {
			return
		}
		claims := plainly(t, payload)
		for name, want := range map[string]any{
			"iss": g.verifier.Issuer, "aud": apiAudience, "client_id": clientID, "sub": a.User, "oid": a.User, "sid": a.SID, "exp": float64(a.Expires.Unix()),
		} {
			if name == "aud" && claims[name] == g.verifier.Audiences[0] || name == "client_id" && claims[name] == g.verifier.ClientIDs[0] {
				continue
			}
			if claims[name] != want {
				t.Errorf("%s is %v, but was read as %v", name, claims[name], want)
			}
		}
		factors, _ := claims["factors"].(map[string]any)
		if len(factors) != a.Proof.Factors().Len() || !policy.Floor.Met(a.Proof, epoch) || !a.Expires.After(epoch) {
			t.Errorf("%v was read as %+v", claims, a)
		}
		for _, factor := range a.Proof.Factors().Slice() {
			at, _ := a.Proof.At(factor)
			if factors[factor.String()] != float64(at.Unix()) || at.After(epoch.Add(30*time.Second)) {
				t.Errorf("%v of %v was read as %v", factor, factors, at)
			}
		}
		var spent []any
		for _, c := range a.Proof.Spent() {
			spent = append(spent, c.String())
		}
		said, _ := claims["spent"].([]any)
		for _, c := range append(said, spent...) {
			if !slices.Contains(said, c) || !slices.Contains(spent, c) {
				t.Errorf("%v spent, read as %v", said, spent)
			}
		}
	})
}

// plainly reads claims and insists that none is there twice.
func plainly(t *testing.T, payload []byte) map[string]any {
	t.Helper()
	seen := map[string]bool{}
	d := json.NewDecoder(bytes.NewReader(payload))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		if seen[name.(string)] {
			t.Errorf("%v is there twice", name)
		}
		seen[name.(string)] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}
