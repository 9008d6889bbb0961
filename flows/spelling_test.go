package flows_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/policy"
)

// Ways to write one address differently, which programs on the way might all take for the
// same. A spelling is either read as that very address or refused.
var spellings = []func(t *rapid.T, s string) string{
	func(t *rapid.T, s string) string { return strings.ToUpper(s) },
	func(t *rapid.T, s string) string { // one letter's case
		i := rapid.IntRange(0, len(s)-1).Draw(t, "at")
		return s[:i] + strings.ToUpper(s[i:i+1]) + s[i+1:]
	},
	func(t *rapid.T, s string) string { return s + "." },
	func(t *rapid.T, s string) string { return "mailto:" + s },
	func(t *rapid.T, s string) string { // blanks and zero-width characters around it
		blank := rapid.SampledFrom([]string{" ", "\t", "\r\n", "\u00a0", "\u2003", "\u200b", "\ufeff", "\u00ad", "\u2060", "\u200e"})
		return blank.Draw(t, "before") + s + blank.Draw(t, "after")
	},
	func(t *rapid.T, s string) string { // and inside it
		i := rapid.IntRange(0, len(s)).Draw(t, "at")
		return s[:i] + rapid.SampledFrom([]string{" ", "\u200b", "\u00ad", "\u200d", "\ufe0f", "\x00"}).Draw(t, "what") + s[i:]
	},
	func(t *rapid.T, s string) string { // fullwidth and other forms of letters
		i := rapid.IntRange(0, len(s)-1).Draw(t, "at")
		if s[i] > ' ' && s[i] < 0x7f {
			return s[:i] + string(rune(s[i])+0xfee0) + s[i+1:]
		}
		return s
	},
	func(t *rapid.T, s string) string { return strings.ReplaceAll(s, ".", "\u3002") },
	func(t *rapid.T, s string) string { return strings.ReplaceAll(s, "ü", "u\u0308") },
	func(t *rapid.T, s string) string { return strings.ReplaceAll(s, "bücher", "xn--bcher-kva") },
	func(t *rapid.T, s string) string { return strings.ReplaceAll(s, "k", "\u212a") }, // the kelvin sign
	func(t *rapid.T, s string) string { return strings.ReplaceAll(s, "s", "\u017f") }, // the long s
	func(t *rapid.T, s string) string { return `"` + strings.Replace(s, "@", `"@`, 1) },
	func(t *rapid.T, s string) string { return "(x)" + s },
	func(t *rapid.T, s string) string { return "Dana <" + s + ">" },
	func(t *rapid.T, s string) string { return s + "," + s },
}

func respelled(t *rapid.T, s string) string {
	for range rapid.IntRange(1, 3).Draw(t, "times") {
		s = rapid.SampledFrom(spellings).Draw(t, "how")(t, s)
	}
	return s
}

func TestASpellingOfAnAddressIsThatAddressOrNone(t *testing.T) {
	t.Parallel()
	taken := 0
	rapid.Check(t, func(r *rapid.T) {
		address := rapid.SampledFrom([]string{"dana@example.com", "kim.sisk@bücher.example", "k+s@mail.sub.example"}).Draw(r, "address")
		_, want, refusal := flows.CanonicalEmail(address)
		if refusal != nil {
			r.Fatal(refusal)
		}
		given := respelled(r, address)
		typed, got, refusal := flows.CanonicalEmail(given)
		if refusal != nil {
			return
		}
		taken++
		if got != want {
			r.Fatalf("%q is %q, not %q", given, got, want)
		}
		if _, again, _ := flows.CanonicalEmail(typed); again != got {
			r.Fatalf("%q goes to %q, which is %q", given, typed, again)
		}
	})
	if taken == 0 {
		t.Error("every spelling was refused")
	}
}

func FuzzNoSpellingIsOfTwoAddresses(f *testing.F) {
	for _, seed := range []string{"Dana@Example.com.", "\u200bdana@bücher.example ", "mailto:d@x.example", "d@x\u3002example", "d@XN--BCHER-KVA.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		typed, canonical, refusal := flows.CanonicalEmail(input)
		if refusal != nil {
			return
		}
		for _, same := range []string{typed, canonical, strings.ToUpper(typed), typed + ".", " " + typed + "\u200b", input + " "} {
			if _, again, refusal := flows.CanonicalEmail(same); refusal == nil && again != canonical {
				t.Errorf("%q is %q, and %q is %q", input, canonical, same, again)
			}
		}
		if strings.ToLower(canonical) != canonical || strings.HasSuffix(canonical, ".") || strings.Count(canonical, "@") != 1 {
			t.Errorf("%q is %q", input, canonical)
		}
	})
}

// Through the budgets: however an address is written, and by however many browsers, it
// gets as many messages and has as many passwords tried as any other.
func TestSpellingBuysNoMessageAndNoTry(t *testing.T) {
	t.Parallel()
	forms := []string{"%s@example.com", "%S@EXAMPLE.COM", " %s@example.com.", "\u200b%s@Example.com\u00a0", "mailto:%s@example.com", "%s\uff20example.com", "%s@example\u3002com", "%s@ex\u00adample.com"}
	spell := func(i int, name string) string {
		return strings.NewReplacer("%s", name, "%S", strings.ToUpper(name)).Replace(forms[i%len(forms)])
	}
	for _, name := range []string{"dana", "nobody"} {
		w := newWorld(t)
		w.browser().signUpWithPassword(dana, longSecret)
		w.wait(2 * 24 * time.Hour)
		posted, judged := w.posted(), 0
		for i := range 40 {
			w.browser().start(flows.SignIn, flows.Identify{Email: spell(i, name)})
			w.browser().start(flows.Reset, flows.Identify{Email: spell(i+1, name)})
		}
		if n := w.posted() - posted; n != 5 {
			t.Errorf("%s: %d messages", name, n)
		}
		for i := range 40 {
			b := w.browser().start(flows.SignIn, flows.Identify{Email: spell(i, name), ByPassword: true}).at(flows.AskPassword)
			b.submit(flows.GivePassword{Email: spell(i+3, name), Password: "not it, not at all"})
			if b.refusal.Code == flows.PairWrong {
				judged++
			}
		}
		if judged != 10 {
			t.Errorf("%s: %d passwords were judged", name, judged)
		}
	}
}

// However a number is written, by whichever account, it gets few texts.
func TestSpellingBuysNoTextMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) {
		c.NumberBudget = limit.Rate{Burst: 6, Every: time.Hour}
		c.SendBudget = limit.Rate{Burst: 100, Every: time.Second}
	})
	forms := []string{"+447700900123", "07700 900123", "00447700900123", "+44 (0)7700 900123", "+44-7700-900-123", "\uff0b44 7700 900123", "\u200b07700900123 ", "0\u0667\u0667\u0660\u0660\u0669\u0660\u0660\u0661\u0662\u0663", "07700.900.123", "tel:+447700900123"}
	sent, to := 0, map[string]bool{}
	for i := range 12 {
		b := w.browser().signUpWithCode(fmt.Sprintf("person%d@example.com", i))
		w.demand = policy.Need(policy.SMSProof, 0)
		b.start(flows.StepUp, flows.Open{}).at(flows.AskPhone)
		before := w.sent()
		b.submit(flows.GivePhone{Phone: forms[i%len(forms)]})
		for _, l := range w.letters[before:] {
			sent++
			to[l.To] = true
		}
		w.demand = policy.Floor
	}
	if sent != 6 || len(to) != 1 || !to[danaPhone] {
		t.Errorf("%d texts, to %v", sent, to)
	}
}
