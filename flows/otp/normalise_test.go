package otp_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stepgate/stepgate/flows/otp"
)

func TestACodeIsUnderstoodAsPeopleTypeAndPasteIt(t *testing.T) {
	t.Parallel()
	for _, typed := range []string{
		"482913",
		"482 913",
		"482-913",
		" 482913\t\r\n",
		"4 8 2 9 1 3",
		"482.913",
		"482·913",
		"482–913",            // en dash
		"482—913",            // em dash
		"482‑913",            // hyphen that does not break
		"482−913",            // minus sign
		"482\u00a0913",       // space that does not break
		"482\u200b913",       // zero width space
		"\u202a482913\u202c", // direction marks, as copied from a contact
		"\ufeff482913",       // byte order mark
		"482\u00ad913",       // soft hyphen
		"４８２９１３",             // full width
		"٤٨٢٩١٣",             // Arabic-Indic
		"۴۸۲۹۱۳",             // Persian
		"४८२९१३",             // Devanagari
		"𝟜𝟠𝟚𝟡𝟙𝟛",             // mathematical
		"⁴⁸²⁹¹③",             // superscript and circled, through NFKC
		"Your code is 482913",
		"482913 is your code.",
		"Your code is 482913.",
		"Code: ４８２９１３, valid 10 min", // other numbers do not matter
		"Ihr Code lautet 482913 @login.example.com",
	} {
		if code, seen, ok := otp.Normalise(typed, 6); !ok || code != "482913" {
			t.Errorf("%q: %q, %d, %v", typed, code, seen, ok)
		}
	}
	if code, _, ok := otp.Normalise("001 002", 6); !ok || code != "001002" {
		t.Errorf("leading zeros: %q", code)
	}
	if code, _, ok := otp.Normalise("1234-5678", 8); !ok || code != "12345678" {
		t.Errorf("eight digits: %q", code)
	}
}

func TestWhatIsNoCodeIsRefusedWithTheNumberOfDigits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typed string
		seen  int
	}{
		{"", 0},
		{"   ", 0},
		{"hello", 0},
		{"48291", 5},
		{"4829130", 7},
		{"482 91", 5},
		{"Your code is 48291", 5},
		{"Your code is 4829130", 7},
		{"482913 482914", 12},       // which of the two?
		{"482913 or 482914", 12},    //
		{"482913 or 482913", 12},    // even so
		{"Your code is 482 913", 6}, // no run of six
		{"48291x", 5},               //
		{"482913" + "\u200b" + "482914", 12},
		{"482l9l3", 5},
		{"十二三四五六", 0}, // numerals that are no decimal digits
		{strings.Repeat("4", 1025), 0},
		{strings.Repeat(" ", 1<<20) + "482913", 0},
		{"\xff\xfe482\xff913", 6},
	} {
		if code, seen, ok := otp.Normalise(c.typed, 6); ok || code != "" || seen != c.seen {
			t.Errorf("%.40q: %q, %d digits, %v; want %d digits", c.typed, code, seen, ok, c.seen)
		}
	}
}

// The value of a digit is reckoned from the tables' spans, so each must hold whole
// rows from zero to nine.
func TestEveryDecimalDigitOfUnicodeHasItsValue(t *testing.T) {
	t.Parallel()
	rows := 0
	check := func(lo, hi, stride rune) {
		if stride != 1 || (hi-lo+1)%10 != 0 {
			t.Errorf("%U to %U by %d is not whole rows", lo, hi, stride)
		}
		for row := lo; row < hi; row += 10 {
			rows++
			typed := string([]rune{row + 4, row + 8, row + 2, row + 9, row, row + 3})
			if code, _, ok := otp.Normalise(typed, 6); !ok || code != "482903" {
				t.Errorf("%q: %q", typed, code)
			}
		}
	}
	for _, span := range unicode.Nd.R16 {
		check(rune(span.Lo), rune(span.Hi), rune(span.Stride))
	}
	for _, span := range unicode.Nd.R32 {
		check(rune(span.Lo), rune(span.Hi), rune(span.Stride))
	}
	if rows < 60 {
		t.Errorf("only %d rows of digits", rows)
	}
}

func FuzzNormalise(f *testing.F) {
	for _, seed := range []string{"482913", "４８２ ９１３", "Your code is 482913", "\ufdfa482913", "\xff", "1234567"} {
		f.Add(seed, 6)
	}
	f.Fuzz(func(t *testing.T, typed string, digits int) {
		code, seen, ok := otp.Normalise(typed, digits)
		if !ok {
			if code != "" {
				t.Errorf("%q refused, and yet %q", typed, code)
			}
			return
		}
		if len(code) != digits || strings.Trim(code, "0123456789") != "" || seen < digits {
			t.Fatalf("%q: %q, %d digits", typed, code, seen)
		}
		if again, _, ok := otp.Normalise(code, digits); !ok || again != code {
			t.Errorf("%q is not stable: %q", code, again)
		}
	})
}
