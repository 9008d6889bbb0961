package token_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/flows/token"
)

// All are signed by the right key, over good claims.
func TestAHeaderThatIsNotOursIsRefused(t *testing.T) {
	t.Parallel()
	g, stranger := newGate(t, token.EdDSA), newGate(t, token.EdDSA)
	claims, good := encoded(t, g.claims(t)), g.header(t)
	kid := headerOf(t, g.mint(t, ada(), forClient()).Access)["kid"].(string)
	theirs := headerOf(t, stranger.mint(t, ada(), forClient()).Access)["kid"].(string)
	jwk, err := json.Marshal(jose.JSONWebKey{Key: stranger.ring.PublicKeys()[0]})
	if err != nil {
		t.Fatal(err)
	}
	with := func(more string) string { return good[:len(good)-1] + "," + more + "}" }
	instead := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%s has no %s", good, old)
		}
		return strings.Replace(good, old, new, 1)
	}
	for _, header := range []string{
		instead("at+jwt", "JWT"), instead("at+jwt", "AT+JWT"), instead("at+jwt", "application/at+jwt"), instead("at+jwt", ""), instead("at+jwt", "secevent+jwt"),
		instead(`,"typ":"at+jwt"`, ""), with(`"cty":"JWT"`),
		instead(kid, theirs), instead(kid, ""), instead(kid, "../../etc/passwd"), instead(kid, "' OR 1=1 --"), instead(`"kid":"`+kid+`",`, ""),
		instead("EdDSA", "eddsa"), instead("EdDSA", "none"), instead("EdDSA", ""), instead("EdDSA", "HS256"), instead("EdDSA", "ES256"), instead(`"alg":"EdDSA",`, ""),
		with(`"alg":"EdDSA"`), with(`"alg":"none"`), with(`"kid":"` + kid + `"`), with(`"typ":"at+jwt"`), with(`"TYP":"JWT"`),
		with(`"crit":[]`), with(`"crit":["b64"],"b64":true`), with(`"crit":["b64"],"b64":false`), with(`"crit":["exp"],"exp":1`), with(`"b64":false`),
		with(`"jwk":` + string(jwk)), with(`"jku":"https://evil.example/jwks"`), with(`"x5u":"https://evil.example/x"`), with(`"x5c":["AAAA"]`), with(`"x5t":"AAAA"`),
		with(`"zip":"DEF"`), with(`"nonce":"a"`), with(`"enc":"A256GCM"`),
		" " + good, good + " ", instead(":", ": "), strings.ToUpper(good), "{}", "", "null", "[]",
	} {
		g.refuses(t, "the header "+header, compact(t, header, claims, token.Private(g.ring)))
		g.refuses(t, "the header of a stranger "+header, compact(t, header, claims, token.Private(stranger.ring)))
	}
	g.refuses(t, "a stranger's signature", compact(t, good, claims, token.Private(stranger.ring)))
	g.refuses(t, "a stranger's token", compact(t, instead(kid, theirs), claims, token.Private(stranger.ring)))
}

func TestTheTokenDoesNotChooseItsAlgorithm(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, alg := range []token.Alg{token.ES256, token.EdDSA, token.RS256} {
		g := newGate(t, alg)
		claims, good := encoded(t, g.claims(t)), g.header(t)
		der, err := x509.MarshalPKIXPublicKey(g.ring.PublicKeys()[0])
		if err != nil {
			t.Fatal(err)
		}
		public, err := json.Marshal(jose.JSONWebKey{Key: g.ring.PublicKeys()[0]})
		if err != nil {
			t.Fatal(err)
		}
		headers := []string{good}
		for _, other := range []string{"none", "None", "HS256", "HS512", "RS256", "PS256", "ES256", "ES384", "EdDSA", "ML-DSA-44", ""} {
			if other != string(alg) {
				headers = append(headers, strings.Replace(good, string(alg), other, 1))
			}
		}
		for _, header := range headers {
			for what, key := range map[string]any{
				"no key": nil, "an empty secret": []byte{}, "some RSA key": rsaKey,
				"the public key": der, "the public key as PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
				"the public key as JWK": public, "the key set": g.ring.JWKS(),
			} {
				g.refuses(t, fmt.Sprintf("%s: %s signed with %s", alg, header, what), compact(t, header, claims, key))
			}
			if header != good {
				g.refuses(t, fmt.Sprintf("%s: %s signed with the real key", alg, header), compact(t, header, claims, token.Private(g.ring)))
			}
		}
	}
}

// A key set that tried all keys would take a token of any of them under any name.
func TestTheNamedKeyAndNoOtherVerifies(t *testing.T) {
	t.Parallel()
	st, keys, c := store.NewMemory(), newKeys(t, 1), &clock{epoch}
	old := gateOf(load(t, st, keys, token.ES256, c), c)
	retired := old.mint(t, ada(), forClient()).Access
	load(t, st, keys, token.EdDSA, c)
	now := gateOf(load(t, st, keys, token.ES256, c), c)
	current := now.mint(t, ada(), forClient()).Access
	if n := len(now.ring.PublicKeys()); n != 3 {
		t.Fatalf("%d keys are published", n)
	}
	for what, raw := range map[string]string{"a key that signs no more": retired, "the key that signs": current} {
		if _, err := now.access(raw); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	claims := encoded(t, now.claims(t))
	now.refuses(t, "the old key under the new one's name", compact(t, now.header(t), claims, token.Private(old.ring)))
	now.refuses(t, "the new key under the old one's name", compact(t, old.header(t), claims, token.Private(now.ring)))
	old.refuses(t, "a key that was made later", current)

	c.at = epoch.Add(token.Overlap - time.Minute)
	if _, err := now.access(old.mint(t, ada(), forClient()).Access); err != nil {
		t.Errorf("just before its end the old key is not believed: %v", err)
	}
	c.at = epoch.Add(token.Overlap)
	now.refuses(t, "a key whose time is over", old.mint(t, ada(), forClient()).Access)
}

func TestATokenHasOneSpelling(t *testing.T) {
	t.Parallel()
	for _, alg := range []token.Alg{token.ES256, token.EdDSA, token.RS256} {
		g := newGate(t, alg)
		good := g.mint(t, ada(), forClient()).Access
		parts := strings.Split(good, ".")
		join := func(p ...string) string { return strings.Join(p, ".") }
		head, body, sig := parts[0], parts[1], parts[2]
		for i := range 3 {
			for what, respell := range map[string]func(string) string{
				"padded":             func(s string) string { return s + "=" },
				"padded twice":       func(s string) string { return s + "==" },
				"broken into lines":  func(s string) string { return s[:8] + "\r\n" + s[8:] },
				"with a line break":  func(s string) string { return s + "\n" },
				"with a blank":       func(s string) string { return s[:8] + " " + s[8:] },
				"with a wide blank":  func(s string) string { return s[:8] + "\u2003" + s[8:] },
				"after a blank":      func(s string) string { return " " + s },
				"with a NUL":         func(s string) string { return s + "\x00" },
				"escaped":            func(s string) string { return "%" + fmt.Sprintf("%02x", s[0]) + s[1:] },
				"without its end":    func(s string) string { return s[:len(s)-1] },
				"doubled":            func(s string) string { return s + s },
				"in one more letter": func(s string) string { return s + "A" },
				"empty":              func(string) string { return "" },
			} {
				p := slices.Clone(parts)
				p[i] = respell(p[i])
				g.refuses(t, fmt.Sprintf("%s, part %d %s", alg, i, what), join(p...))
			}
			// Spare bits at the end of a part do not change what it decodes to.
			for _, last := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
				p := slices.Clone(parts)
				p[i] = p[i][:len(p[i])-1] + string(last)
				if raw := join(p...); raw != good {
					g.refuses(t, fmt.Sprintf("%s, part %d ending in %c", alg, i, last), raw)
				}
			}
		}
		std := func(s string) string {
			data, err := base64.RawURLEncoding.DecodeString(s)
			if err != nil {
				t.Fatal(err)
			}
			return base64.StdEncoding.EncodeToString(data)
		}
		flat := fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, body, head, sig)
		for what, raw := range map[string]string{
			"nothing": "", "a dot": ".", "two dots": "..", "four dots": "....", "a word": "Bearer", "its scheme too": "Bearer " + good,
			"one part": head, "two parts": join(head, body), "four parts": join(head, body, sig, ""), "a fourth part": join(head, body, sig, sig),
			"a detached body": join(head, "", sig), "no header": join("", body, sig), "a JWE": join(head, body, sig, body, sig),
			"flattened JSON": flat, "flattened JSON, encoded": jsonBase64([]byte(flat)),
			"general JSON": fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, body, head, sig),
			"quoted":       `"` + good + `"`, "two tokens": good + "," + good, "twice": good + good,
			"nested":         compact(t, g.header(t), []byte(good), token.Private(g.ring)),
			"nested, quoted": compact(t, g.header(t), []byte(`"`+good+`"`), token.Private(g.ring)),
			"plain base64":   join(std(head), std(body), std(sig)), "plain base64 of the signature": join(head, body, std(sig)),
			"an empty signature": join(head, body, ""), "a signature of noughts": join(head, body, strings.Repeat("A", len(sig))),
		} {
			g.refuses(t, fmt.Sprintf("%s: %s", alg, what), raw)
		}
	}
}

func TestATokenThatIsTooLongIsNotEvenLookedAt(t *testing.T) {
	t.Parallel()
	g := newGate(t, token.EdDSA)
	claims := g.claims(t)
	sized := func(n int) string {
		return g.resigned(t, encoded(t, changed(claims, "more", strings.Repeat("a", n))))
	}
	n := 0
	for len(sized(n+300)) <= token.MaxToken {
		n += 300
	}
	for len(sized(n+1)) <= token.MaxToken {
		n++
	}
	if _, err := g.access(sized(n)); err != nil {
		t.Errorf("of %d bytes: %v", len(sized(n)), err)
	}
	g.refuses(t, "one byte more", sized(n+1))
	g.refuses(t, "a megabyte", g.resigned(t, bytes.Repeat([]byte("a"), 1<<20)))
	g.refuses(t, "a megabyte of dots", strings.Repeat(".", 1<<20))
}

func BenchmarkVerify(b *testing.B) {
	for _, alg := range []token.Alg{token.ES256, token.EdDSA, token.RS256} {
		g := newGate(b, alg)
		good := g.mint(b, ada(), forClient()).Access
		for what, raw := range map[string]string{"good": good, "not ours": "x" + good} {
			b.Run(string(alg)+"/"+what, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := g.access(raw); (err == nil) != (what == "good") {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
