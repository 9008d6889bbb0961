package otp_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"math"
	mathrand "math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stepgate/stepgate/flows/otp"
	"github.com/stepgate/stepgate/flows/seal"
)

// random is a fixed stream of randomness, so that a statistical test has one
// outcome.
func random() *mathrand.ChaCha8 { return mathrand.NewChaCha8([32]byte{1: 42}) }

func TestACodeHasItsDigitsLeadingZerosIncluded(t *testing.T) {
	t.Parallel()
	for digits := otp.MinDigits; digits <= otp.MaxDigits; digits++ {
		zero := false
		for range 200 {
			code, err := otp.New(rand.Reader, digits)
			if err != nil || len(code) != digits || strings.Trim(code, "0123456789") != "" {
				t.Fatalf("%d digits: %q, %v", digits, code, err)
			}
			zero = zero || code[0] == '0'
		}
		if !zero {
			t.Errorf("200 codes of %d digits, and none begins with zero", digits)
		}
	}
	for _, digits := range []int{-1, 0, 5, 9, 20} {
		if code, err := otp.New(rand.Reader, digits); err == nil {
			t.Errorf("%d digits: %q", digits, code)
		}
	}
}

// The chi-square statistic of n draws from k equal classes has mean k-1 and
// deviation √(2(k-1)); ten deviations happen to no fair source.
func TestEveryCodeIsEquallyLikely(t *testing.T) {
	t.Parallel()
	const draws = 100_000
	for name, class := range map[string]struct {
		count int
		of    func(code string) int
	}{
		"first two digits": {100, func(c string) int { return int(c[0]-'0')*10 + int(c[1]-'0') }},
		"last two digits":  {100, func(c string) int { return int(c[4]-'0')*10 + int(c[5]-'0') }},
		"outer digits":     {100, func(c string) int { return int(c[0]-'0')*10 + int(c[5]-'0') }},
	} {
		source, seen := random(), make([]int, class.count)
		for range draws {
			code, err := otp.New(source, 6)
			if err != nil {
				t.Fatal(err)
			}
			seen[class.of(code)]++
		}
		chi, want := 0.0, float64(draws)/float64(class.count)
		for _, n := range seen {
			chi += (float64(n) - want) * (float64(n) - want) / want
		}
		free := float64(class.count - 1)
		if chi > free+10*math.Sqrt(2*free) {
			t.Errorf("%s: chi-square %.0f with %.0f degrees of freedom", name, chi, free)
		}
	}
}

// 2³² is no multiple of a million: the words from 0xfff13d80 on, the last multiple,
// must be thrown away, not folded onto the small codes.
func TestWordsThatWouldFavourSmallCodesAreThrownAway(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"\xff\xff\xff\xff\x00\x00\x00\x07": "000007",
		"\xff\xf1\x3d\x80\x00\x00\x00\x08": "000008",
		"\xff\xf1\x3d\x7f\x00\x00\x00\x09": "999999",
	} {
		if code, err := otp.New(strings.NewReader(words), 6); err != nil || code != want {
			t.Errorf("%x: %q, %v; want %q", words, code, err, want)
		}
	}
}

// stuck is a source that says the same for ever.
type stuck struct{}

func (stuck) Read(b []byte) (int, error) { return copy(b, bytes.Repeat([]byte{0xFF}, len(b))), nil }

func TestABrokenRandomSourceMakesNoCode(t *testing.T) {
	t.Parallel()
	if code, err := otp.New(stuck{}, 6); err == nil {
		t.Errorf("a stuck source made %q", code)
	}
	if code, err := otp.New(iotest.ErrReader(errors.New("no entropy")), 6); err == nil {
		t.Errorf("no entropy made %q", code)
	}
	if code, err := otp.New(strings.NewReader("abc"), 6); err == nil {
		t.Errorf("three bytes made %q", code)
	}
}

func TestASumIsBoundToEverythingItWasMadeFor(t *testing.T) {
	t.Parallel()
	keys := func(n byte) *seal.Keys {
		k, err := seal.New(bytes.Repeat([]byte{n}, 32))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	k := keys(1)
	binding := []string{"flow", "user", "email", "ada@example.com", "sign_in"}
	sum := otp.Sum(k, "482913", binding...)
	if !otp.Equal(sum, otp.Sum(k, "482913", binding...)) {
		t.Fatal("the right code does not match")
	}
	if strings.Contains(sum, "482913") {
		t.Error("the sum shows the code")
	}
	wrong := map[string]string{
		"another code":         otp.Sum(k, "482914", binding...),
		"the empty code":       otp.Sum(k, "", binding...),
		"other keys":           otp.Sum(keys(2), "482913", binding...),
		"no binding":           otp.Sum(k, "482913"),
		"a shorter binding":    otp.Sum(k, "482913", binding[:4]...),
		"parts run together":   otp.Sum(k, "482913", "flowuser", "", "email", "ada@example.com", "sign_in"),
		"code and flow merged": otp.Sum(k, "482913flow", binding[1:]...),
		"nothing":              "",
		"the code itself":      "482913",
	}
	for i := range binding {
		other := append([]string{}, binding...)
		other[i] = "other"
		wrong["another "+binding[i]] = otp.Sum(k, "482913", other...)
	}
	for what, other := range wrong {
		if otp.Equal(sum, other) {
			t.Errorf("%s matches", what)
		}
	}
	if otp.Equal("", "") {
		t.Error("a challenge without a code has a right answer")
	}
}

func BenchmarkSum(b *testing.B) {
	k, err := seal.New(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		otp.Sum(k, "482913", "flow", "user", "email", "ada@example.com", "sign_in")
	}
}
