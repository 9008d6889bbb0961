package password_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/stepgate/stepgate/flows/password"
)

func TestANewPasswordIsJudgedByLengthAndByWhatEverybodyWouldTry(t *testing.T) {
	t.Parallel()
	context := []string{"jane.doe", "Example Corp", "Payroll", "abc", ""}
	for _, c := range []struct {
		pw      string
		minimum int
		want    error
	}{
		// No rules of composition: length and chance are enough.
		{"staple-tangerine-88-orbit", 15, nil},
		{"quietly blooming harbour", 15, nil},
		{"7f3Kq9ZmW2", 8, nil},
		{"长城上的风吹过了八个月亮和一只猫", 15, nil},
		{"🦀🦑🐙🐚🦞🐠🐡🐟🦐🐬🐳🐋🦈🐊🐅", 15, nil},
		{"x" + strings.Repeat("ab cd ef gh ij ", 17), 15, nil}, // 256

		// Length counts code points after NFKC.
		{"", 15, password.ErrShort},
		{"14 characters!", 15, password.ErrShort},
		{"15 characters!!", 15, nil},
		{"éèêëàâäôöùûüïîç", 15, nil},
		{"e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301", 15, password.ErrShort}, // 8 letters typed as 16
		{strings.Repeat("ab cd ef gh ij ", 17) + "xy", 15, password.ErrLong},                // 257
		{strings.Repeat("x", 1<<20), 15, password.ErrLong},
		{"sunshine", 15, password.ErrShort}, // the first thing wrong

		// The commonest, however written.
		{"password", 8, password.ErrCommon},
		{"PassWord", 8, password.ErrCommon},
		{"ｐａｓｓｗｏｒｄ", 8, password.ErrCommon},
		{"p@ssw0rd", 8, password.ErrCommon},
		{"P@ssw0rd123!", 8, password.ErrCommon},
		{"password2024", 8, password.ErrCommon},
		{"Summer2026!!", 8, password.ErrCommon},
		{"iloveyou", 8, password.ErrCommon},
		{"qwertyuiop", 8, password.ErrCommon},
		{"qwertyuiopasdfgh", 15, password.ErrCommon},
		{"1qaz2wsx3edc4rfv", 15, password.ErrCommon},
		{"123456789012345", 15, password.ErrCommon},
		{"passwordpassword", 15, password.ErrCommon},
		{"password password password", 15, password.ErrCommon},
		{"Correct Horse Battery Staple", 15, password.ErrCommon},
		{"this-is-my-password", 15, password.ErrCommon},
		{"is this long enough", 15, password.ErrCommon},

		// One pattern over and over is no longer than the pattern.
		{strings.Repeat("x", 20), 15, password.ErrCommon},
		{strings.Repeat("長", 20), 15, password.ErrCommon},
		{strings.Repeat("xk", 10), 15, password.ErrCommon},
		{strings.Repeat("xkqz", 4) + "xk", 15, password.ErrCommon},
		{strings.Repeat("!?", 10), 15, password.ErrCommon},
		{"xkqz-xkqz.xkqz_xkqz", 15, password.ErrCommon},
		{"aa🦀🦑🐙🐚🦞🐠🐡🐟🦐🐬🐳🐋🦈", 15, nil}, // two letters are not what it is made of
		{"xk-qz.xk-qz.xk-qz.", 15, password.ErrCommon},
		{"x x x x x x x x x x", 15, password.ErrCommon},
		{"monkeymonkeymonkey", 15, password.ErrCommon},

		// What belongs to the person or the place.
		{"jane.doe-and-her-dog", 15, password.ErrContext},
		{"the one of JaneDoe!", 15, password.ErrContext},
		{"doe, jane! jane! jane", 15, password.ErrContext}, // mostly parts of the name
		{"my payroll is my castle", 15, password.ErrContext},
		{"example.corp.portal", 15, password.ErrContext},
		{"an example of something long", 15, nil}, // a part of a name, in good company
		{"abc and other letters", 15, nil},        // words under 4 characters do not count
	} {
		if err := password.Check(c.pw, c.minimum, context...); !errors.Is(err, c.want) || (c.want == nil && err != nil) {
			t.Errorf("%.60q, at least %d: %v, want %v", c.pw, c.minimum, err, c.want)
		}
	}
}

func TestContextWordsAreBounded(t *testing.T) {
	t.Parallel()
	words := make([]string, 100_000)
	for i := range words {
		words[i] = strings.Repeat("w", 1<<10)
	}
	words[0] = "harbour"
	if err := password.Check("quietly blooming harbour", 15, words...); !errors.Is(err, password.ErrContext) {
		t.Errorf("got %v", err)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("staple-tangerine-88-orbit", "jane.doe")
	f.Add("ﷺﷺﷺﷺ", "\xff")
	f.Fuzz(func(t *testing.T, pw, word string) {
		err := password.Check(pw, 15, word)
		if n := utf8.RuneCountInString(norm.NFKC.String(pw)); err == nil && (n < 15 || n > password.MaxLength) {
			t.Errorf("%q was accepted", pw)
		}
	})
}

func BenchmarkCheckLongest(b *testing.B) {
	pw := strings.Repeat("aab", 85)
	b.ReportAllocs()
	for b.Loop() {
		if err := password.Check(pw+"c", 15, "jane.doe", "Example Corp"); err != nil {
			b.Fatal(err)
		}
	}
}
