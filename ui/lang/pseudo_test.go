package lang

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPseudoLocalesSayTheSameOtherwise(t *testing.T) {
	t.Parallel()
	plain, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	both, err := plain.Pseudo(Accented)
	if err == nil {
		both, err = both.Pseudo(Mirrored)
	}
	if err != nil {
		t.Fatal(err)
	}
	en, xa, xb := both.Get("en"), both.Get(Accented), both.Get(Mirrored)
	if xa.Tag != Accented || xa.Dir != "ltr" || xb.Tag != Mirrored || xb.Dir != "rtl" {
		t.Fatalf("they are %s %s and %s %s", xa.Tag, xa.Dir, xb.Tag, xb.Dir)
	}
	args := []any{"n", 1200, "link", Slot{"<i>", "</i>"}}
	for _, key := range en.Keys() {
		for _, l := range []*Language{xa, xb} {
			if err := alike(l.own[key], en.own[key]); err != nil {
				t.Errorf("%s: %q %v", l.Tag, key, err)
			}
		}
		english, err := en.Text(key)
		if err != nil {
			continue // takes arguments
		}
		long, _ := xa.Text(key)
		if !strings.HasPrefix(long, "[") || !strings.HasSuffix(long, "]") || strings.ContainsAny(long, plainLetters) ||
			utf8.RuneCountInString(long)*10 < utf8.RuneCountInString(english)*14-10 {
			t.Errorf("%q has become %q", english, long)
		}
		if turned, _ := xb.Text(key); strings.NewReplacer("\u202e", "", "\u202c", "").Replace(turned) != english || strings.Count(turned, "\u202e") != strings.Count(turned, "\u202c") {
			t.Errorf("%q has become %q", english, turned)
		}
	}
	got, err := xa.HTML("sign_in.new", args[2:]...)
	if err != nil || !strings.Contains(string(got), "<i>Ćŕ") {
		t.Errorf("slots are %q, %v", got, err)
	}
	if _, err := plain.Pseudo("de"); err == nil {
		t.Error("German is a pseudo-locale")
	}
	if plain.Offered(Accented) != nil || plain.Get(Accented).Tag != "en" {
		t.Error("everybody is offered a pseudo-locale")
	}
}

func TestAllDigitsAreASCII(t *testing.T) {
	t.Parallel()
	b, err := bundle(t, map[string]string{
		"en.json": `{"n": "{n, plural, one {# try} other {# tries}}, {m}"}`, "ar.json": "{}", "fa.json": "{}", "mr.json": "{}", "de.json": "{}",
	})
	if err != nil {
		t.Fatal(err)
	}
	for tag, want := range map[string]string{
		"en": "1,200 tries, 5", "ar": "1,200 tries, 5", "fa": "1,200 tries, 5", "mr": "1,200 tries, 5", "de": "1.200 tries, 5",
	} {
		if got, err := b.Get(tag).Text("n", "n", 1200, "m", 5); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", tag, got, err, want)
		}
	}
}
