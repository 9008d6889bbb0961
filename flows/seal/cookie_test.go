package seal_test

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stepgate/stepgate/flows/seal"
)

const cookieName = "__Host-stepgate"

// secret is a master secret that differs for each n.
func secret(n byte) []byte {
	s := make([]byte, seal.SecretSize)
	for i := range s {
		s[i] = byte(i)*7 + n
	}
	return s
}

func newKeys(t testing.TB, masters ...byte) *seal.Keys {
	t.Helper()
	var older [][]byte
	for _, m := range masters[1:] {
		older = append(older, secret(m))
	}
	k, err := seal.New(secret(masters[0]), older...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sealCookie(t testing.TB, k *seal.Keys, value []byte) string {
	t.Helper()
	raw, err := k.SealCookie(cookieName, value)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestASealedIDFitsIntoACookieOf200Bytes(t *testing.T) {
	t.Parallel()
	raw := sealCookie(t, newKeys(t, 1), secret(9))
	if n := len(cookieName + "=" + raw); n > 200 {
		t.Errorf("the cookie has %d bytes", n)
	}
	if strings.ContainsAny(raw, " \",;\\") {
		t.Errorf("%q needs quoting in a header", raw)
	}
}

func TestACookieOpensToWhatWasSealed(t *testing.T) {
	t.Parallel()
	k := newKeys(t, 1)
	for _, size := range []int{1, 16, 32, 100, 220} {
		value := bytes.Repeat([]byte{0xA5}, size)
		before := bytes.Clone(value)
		raw := sealCookie(t, k, value)
		if !bytes.Equal(value, before) {
			t.Errorf("sealing %d bytes changed the caller's", size)
		}
		if got, err := k.OpenCookie(cookieName, raw, time.Hour); err != nil || !bytes.Equal(got, value) {
			t.Errorf("%d bytes opened to %x, %v", size, got, err)
		}
	}
	for _, size := range []int{0, 300, 5000} {
		if raw, err := k.SealCookie(cookieName, make([]byte, size)); err == nil {
			t.Errorf("%d bytes were sealed as %q", size, raw)
		}
	}
}

func TestTwoSealingsOfOneValueDiffer(t *testing.T) {
	t.Parallel()
	k := newKeys(t, 1)
	if sealCookie(t, k, secret(9)) == sealCookie(t, k, secret(9)) {
		t.Error("the same bytes twice: who sees two cookies knows that they hold one id")
	}
}

// Not even a spelling that means the same bytes opens: whatever is cached by the
// raw cookie has one key for each.
func TestAnyChangeToACookieMakesItWorthless(t *testing.T) {
	t.Parallel()
	k := newKeys(t, 1)
	for _, size := range []int{30, 31, 32} { // each with another amount of base64 padding
		raw := sealCookie(t, k, secret(9)[:size])
		refuse := func(what, changed string) {
			t.Helper()
			got, err := k.OpenCookie(cookieName, changed, time.Hour)
			if !errors.Is(err, seal.ErrOpen) || got != nil {
				t.Errorf("%s opened: %x, %v", what, got, err)
			}
		}
		for i := range len(raw) {
			for _, c := range []byte("AQgw09-_=\n\r\x00|") {
				if raw[i] != c {
					refuse("a changed byte", raw[:i]+string(c)+raw[i+1:])
				}
			}
			refuse("a flipped bit", raw[:i]+string(raw[i]^1)+raw[i+1:])
			refuse("a prefix", raw[:i])
			refuse("a line break inside", raw[:i]+"\n"+raw[i:])
		}
		refuse("an extension", raw+"A")
		refuse("an extension by padding", raw+"=")
		refuse("twice the value", raw+raw)
		refuse("a quoted value", `"`+raw+`"`)
		refuse("a megabyte", strings.Repeat("A", 1<<20))
	}
}

func TestACookieOfAnotherNameIsWorthless(t *testing.T) {
	t.Parallel()
	k := newKeys(t, 1)
	raw := sealCookie(t, k, secret(9))
	if _, err := k.OpenCookie("__Host-stepgate-flow", raw, time.Hour); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("a session cookie opened as another: %v", err)
	}
}

func TestACookieDiesAtItsGreatestAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKeys(t, 1)
		raw := sealCookie(t, k, secret(9))
		time.Sleep(time.Hour)
		if _, err := k.OpenCookie(cookieName, raw, time.Hour); err != nil {
			t.Errorf("at its greatest age: %v", err)
		}
		time.Sleep(time.Second)
		if _, err := k.OpenCookie(cookieName, raw, time.Hour); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("a second later: %v", err)
		}
		if _, err := k.OpenCookie(cookieName, raw, 2*time.Hour); err != nil {
			t.Errorf("with a greater age allowed: %v", err)
		}
		for _, age := range []time.Duration{0, -time.Hour, time.Millisecond} {
			if _, err := k.OpenCookie(cookieName, raw, age); err == nil {
				t.Errorf("a greatest age of %v opens", age)
			}
		}
	})
}

func TestACookieOpensUnderEveryListedSecretAndNoOther(t *testing.T) {
	t.Parallel()
	old, both, next := newKeys(t, 1), newKeys(t, 2, 1), newKeys(t, 2)
	fromOld, fromBoth := sealCookie(t, old, secret(9)), sealCookie(t, both, secret(9))
	for _, c := range []struct {
		what  string
		keys  *seal.Keys
		raw   string
		opens bool
	}{
		{"old cookie, both secrets", both, fromOld, true},
		{"new cookie, both secrets", both, fromBoth, true},
		{"new cookie, new secret only", next, fromBoth, true},
		{"old cookie, old secret dropped", next, fromOld, false},
		{"new cookie, old secret only", old, fromBoth, false},
	} {
		if _, err := c.keys.OpenCookie(cookieName, c.raw, time.Hour); (err == nil) != c.opens {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

func TestKeysServeManyAtOnce(t *testing.T) {
	t.Parallel()
	k := newKeys(t, 2, 1)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			name := []string{"a", "b"}[i%2]
			raw, err := k.SealCookie(name, secret(byte(i)))
			if err != nil {
				t.Error(err)
			}
			if got, err := k.OpenCookie(name, raw, time.Hour); err != nil || !bytes.Equal(got, secret(byte(i))) {
				t.Errorf("%x, %v", got, err)
			}
			sealed, err := k.Seal(name, secret(byte(i)), "")
			if err != nil {
				t.Error(err)
			}
			if got, err := k.Open(name, sealed, ""); err != nil || !bytes.Equal(got, secret(byte(i))) {
				t.Errorf("%x, %v", got, err)
			}
			k.MAC(name)
		})
	}
	all.Wait()
}

// Each input is a splice into a good cookie, since bytes from nowhere never get far.
func FuzzOnlySealedCookiesOpen(f *testing.F) {
	k := newKeys(f, 2, 1)
	sealed := sealCookie(f, k, secret(9))
	f.Add("", uint8(0), uint8(0))
	f.Add("MTc2MzkxMDAwMHx8", uint8(0), uint8(144))
	f.Add("=", uint8(143), uint8(144))
	f.Fuzz(func(t *testing.T, splice string, from, to uint8) {
		i := min(int(from), len(sealed))
		j := max(i, min(int(to), len(sealed)))
		raw := sealed[:i] + splice + sealed[j:]
		value, err := k.OpenCookie(cookieName, raw, time.Hour)
		if (err == nil) != (raw == sealed) {
			t.Errorf("%q opened to %x, %v", raw, value, err)
		}
	})
}

func BenchmarkSealCookie(b *testing.B) {
	k, id := newKeys(b, 1), secret(9)
	b.ReportAllocs()
	for b.Loop() {
		sealCookie(b, k, id)
	}
}

func BenchmarkOpenCookie(b *testing.B) {
	k := newKeys(b, 1)
	raw := sealCookie(b, k, secret(9))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.OpenCookie(cookieName, raw, time.Hour); err != nil {
			b.Fatal(err)
		}
	}
}
