package flows

import (
	"strings"
	"testing"
	"unicode"
)

func TestAnAddressHasOneKeyHoweverItIsSpelled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ input, typed, canonical string }{
		{"dana@example.com", "dana@example.com", "dana@example.com"},
		{"  Dana@EXAMPLE.com ", "Dana@example.com", "dana@example.com"},
		{"dana@example.com.", "dana@example.com", "dana@example.com"},
		{"mailto:dana@example.com", "dana@example.com", "dana@example.com"},
		{"\u200bdana@example.com\u00a0", "dana@example.com", "dana@example.com"},
		{"ｄａｎａ@example.com", "dana@example.com", "dana@example.com"}, // full-width
		{"dana@BÜCHER.example", "dana@xn--bcher-kva.example", "dana@xn--bcher-kva.example"},
		{"dana@xn--bcher-kva.example", "dana@xn--bcher-kva.example", "dana@xn--bcher-kva.example"},
		{"dana+tag@example.com", "dana+tag@example.com", "dana+tag@example.com"}, // the provider's business
		{"d.a.n.a@example.com", "d.a.n.a@example.com", "d.a.n.a@example.com"},
		{"o'neil_x@example.com", "o'neil_x@example.com", "o'neil_x@example.com"},
	} {
		typed, canonical, refusal := CanonicalEmail(c.input)
		if refusal != nil || typed != c.typed || canonical != c.canonical {
			t.Errorf("%q: %q, %q, %v", c.input, typed, canonical, refusal)
		}
	}
}

func TestWhatIsNotOneAddressIsRefused(t *testing.T) {
	t.Parallel()
	for _, input := range []string{
		"dana", "@example.com", "dana@", "dana@@example.com", "a@evil.test@corp.test",
		`"a@corp.test"@evil.test`, "a@corp.test\n@evil.test", "a@corp.test,b@evil.test",
		"a@corp.test;b@evil.test", "dana@example", "dana@localhost", "dana@127.0.0.1", "dana@[127.0.0.1]",
		"da na@example.com", "dana@exa mple.com", ".dana@example.com", "dana.@example.com", "da..na@example.com",
		"dana@-example.com", "dana@example..com", "dana@example.com..", "dàna@example.com",
		"Dana <dana@example.com>", "dana(comment)@example.com", "dana@example.com\r\nBcc: x@evil.test",
		strings.Repeat("a", 65) + "@example.com", "dana@" + strings.Repeat("a.", 200) + "com",
		strings.Repeat("x", 2000), "dana@exam_ple.com", "{env.HOME}@example.com", "dana@example.com\x00",
	} {
		if typed, canonical, refusal := CanonicalEmail(input); refusal == nil || refusal.Code != EmailMalformed {
			t.Errorf("%q was taken as %q, %q (%v)", input, typed, canonical, refusal)
		}
	}
	for _, input := range []string{"", "  ", "\u200b"} {
		if _, _, refusal := CanonicalEmail(input); refusal == nil || refusal.Code != EmailMissing {
			t.Errorf("%q: %v", input, refusal)
		}
	}
}

func FuzzCanonicalEmail(f *testing.F) {
	for _, seed := range []string{"dana@example.com", "mailto:A@B.example.", "ａ@b.example", "a@b@c.example", "a@bücher.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		typed, canonical, refusal := CanonicalEmail(input)
		if refusal != nil {
			return
		}
		again, key, refusal := CanonicalEmail(typed)
		if refusal != nil || again != typed || key != canonical {
			t.Fatalf("%q became %q, and that %q (%v)", input, typed, again, refusal)
		}
		if _, key, _ := CanonicalEmail(canonical); key != canonical {
			t.Fatalf("the key %q has another key %q", canonical, key)
		}
		for _, r := range typed {
			if r > unicode.MaxASCII || unicode.IsControl(r) || unicode.IsSpace(r) || strings.ContainsRune(`"(),:;<>[\]`, r) {
				t.Fatalf("%q holds %q", typed, r)
			}
		}
		if strings.Count(typed, "@") != 1 {
			t.Fatalf("%q has several addresses", typed)
		}
	})
}

func TestPhoneNumbersAreReadAsPeopleTypeThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		input     string
		countries []string
		want      string
	}{
		{"07700 900123", []string{"GB"}, "+447700900123"},
		{"(07700) 900-123", []string{"GB"}, "+447700900123"},
		{"+44 7700 900123", []string{"DE", "GB"}, "+447700900123"},
		{"0044 7700 900123", []string{"GB"}, "+447700900123"},
		{"＋４４ ７７００ ９００１２３", []string{"GB"}, "+447700900123"},
		{"+1 202 555 0143", []string{"US"}, "+12025550143"},
		{"06 39 98 12 34", []string{"FR"}, "+33639981234"},
		{"+33 6 39 98 12 34", []string{"*"}, "+33639981234"},
	} {
		if got, refusal := ParsePhone(c.input, c.countries); refusal != nil || got != c.want {
			t.Errorf("%q in %v: %q, %v", c.input, c.countries, got, refusal)
		}
	}
}

func TestPhoneNumbersThatMustNotBeTextedAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		input     string
		countries []string
		want      RefusalCode
	}{
		{"", []string{"GB"}, PhoneMissing},
		{" \u200b ", []string{"GB"}, PhoneMissing},
		{"12", []string{"GB"}, PhoneMalformed},
		{"call me", []string{"GB"}, PhoneMalformed},
		{"07700 900123", []string{"*"}, PhoneMalformed}, // no country to assume
		{"07700 900123 ext 5", []string{"GB"}, PhoneMalformed},
		{strings.Repeat("1", 100), []string{"GB"}, PhoneMalformed},
		{"+33 6 39 98 12 34", []string{"GB"}, PhoneCountry},
		{"+44 909 879 0123", []string{"GB"}, PhoneCountry}, // premium rate
		{"+44 800 123 4567", []string{"GB"}, PhoneCountry}, // toll-free
		// "*" is any country, and none of these is of one
		{"+44 909 879 0123", []string{"*"}, PhoneCountry},
		{"+49 180 6123456", []string{"*"}, PhoneCountry}, // shared cost
		{"+800 1234 5678", []string{"*"}, PhoneCountry},  // free, everywhere
		{"+808 1234 5678", []string{"*"}, PhoneCountry},  // shared cost, everywhere
		{"+870 301 234567", []string{"*"}, PhoneCountry}, // satellites
		{"+878 10 1234567890", []string{"*"}, PhoneCountry},
		{"+881 612345678", []string{"*"}, PhoneCountry},
		{"+882 16 123456", []string{"*"}, PhoneCountry}, // networks without a country
		{"+883 5100 123456", []string{"*"}, PhoneCountry},
		{"+888 123 456 78901", []string{"*"}, PhoneCountry},
		{"+979 1 2345 6789", []string{"*"}, PhoneCountry}, // premium rate, everywhere
		{"+870 301 234567", []string{"GB"}, PhoneCountry},
		{"+44 20 7946 0123", []string{"GB"}, PhoneNotMobile},
		{"+1 876 555 0123", []string{"US"}, PhoneCountry}, // another country under the same code
	} {
		if got, refusal := ParsePhone(c.input, c.countries); refusal == nil || refusal.Code != c.want {
			t.Errorf("%q in %v: %q, %v; want %s", c.input, c.countries, got, refusal, c.want)
		}
	}
}

func FuzzParsePhone(f *testing.F) {
	for _, seed := range []string{"07700 900123", "+44 7700 900123", "0044", "+1 202 555 0143"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		e164, refusal := ParsePhone(input, []string{"GB", "US"})
		if refusal != nil {
			return
		}
		if len(e164) < 8 || len(e164) > 16 || e164[0] != '+' || strings.Trim(e164[1:], "0123456789") != "" {
			t.Fatalf("%q became %q", input, e164)
		}
		if again, refusal := ParsePhone(e164, []string{"GB", "US"}); refusal != nil || again != e164 {
			t.Fatalf("%q became %q, and that %q (%v)", input, e164, again, refusal)
		}
	})
}
