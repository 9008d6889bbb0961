package lang

import (
	"strings"
	"testing"
)

func threeLanguages(t *testing.T) *Bundle {
	t.Helper()
	b, err := bundle(t, map[string]string{
		"en.json":    `{"language": "English", "sign_in.title": "Sign in", "go": "Go to {app}", "peek": "Show|Hide"}`,
		"fr.json":    `{"language": "Français", "sign_in.title": "Se connecter", "go": "Vers {app}"}`,
		"fr-CA.json": `{"language": "Français (Canada)"}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func say(t *testing.T, b *Bundle, tag, key string, args ...any) string {
	t.Helper()
	s, err := b.Get(tag).Text(key, args...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTextsThatAreSaidOtherwiseAreInheritedToo(t *testing.T) {
	t.Parallel()
	plain := threeLanguages(t)
	b, err := plain.With(map[string]map[string]string{
		"fr": {"sign_in.title": "Bonjour"},
		"EN": {"peek": "See|Don’t", "go": "On to {app}"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][4]string{
		{"en", "sign_in.title", "Sign in", "Sign in"},
		{"fr", "sign_in.title", "Bonjour", "Se connecter"},
		{"fr-CA", "sign_in.title", "Bonjour", "Se connecter"},
		{"fr-CA", "peek", "See|Don’t", "Show|Hide"},
	} {
		if got := say(t, b, c[0], c[1]); got != c[2] {
			t.Errorf("%s in %s: %q, want %q", c[1], c[0], got, c[2])
		}
		if got := say(t, plain, c[0], c[1]); got != c[3] {
			t.Errorf("%s in %s has become %q for everybody", c[1], c[0], got)
		}
	}
	if got := say(t, b, "fr", "go", "app", "Payroll"); got != "Vers Payroll" {
		t.Errorf("a language's own message gave way: %q", got)
	}
}

func TestTextsThatAreWrongNameLanguageAndKey(t *testing.T) {
	t.Parallel()
	b := threeLanguages(t)
	for _, c := range []struct {
		tag, key, text string
		want           []string
	}{
		{"fr", "sign_in.titel", "x", []string{"fr", `"sign_in.titel"`, `did you mean "sign_in.title"?`}},
		{"fr", "completely_different", "x", []string{"fr", `unknown key "completely_different"`}},
		{"de", "go", "x", []string{`unknown language "de"`, "en, fr, fr-CA"}},
		{"not a tag", "go", "x", []string{`unknown language "not a tag"`}},
		{"fr", "go", "Vers", []string{"fr", `"go"`, "lacks the placeholder {app}"}},
		{"fr", "go", "Vers {app} {brand}", []string{"fr", `"go"`, "{brand}", "must not"}},
		{"fr", "go", "Vers {app", []string{"fr", `"go"`}},
		{"fr", "go", "{app}x{/app}", []string{"fr", `"go"`}},
		{"fr", "peek", "Montrer", []string{"fr", `"peek"`, "|"}},
		{"fr", "sign_in.title", " ", []string{"fr", `"sign_in.title"`, "empty"}},
		{"fr", "sign_in.title", "a\r\nBcc: x@y.example", []string{"fr", `"sign_in.title"`, "control character"}},
		{"fr", "sign_in.title", "\xff", []string{"fr", "UTF-8"}},
		{"fr", "sign_in.title", strings.Repeat("x", 1001), []string{"fr", "longer than 1000"}},
	} {
		_, err := b.With(map[string]map[string]string{c.tag: {c.key: c.text}})
		if err == nil {
			t.Errorf("%s %s %.20q was taken", c.tag, c.key, c.text)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("the error lacks %s: %v", want, err)
			}
		}
	}
	if _, err := b.With(map[string]map[string]string{"en": {"completely_different": "x"}}); strings.Contains(err.Error(), "did you mean") {
		t.Errorf("a hint at nothing near: %v", err)
	}
}

func TestLanguagesCanBeLimitedAndOrdered(t *testing.T) {
	t.Parallel()
	b := threeLanguages(t)
	some, err := b.Only("fr-ca", "en")
	if err != nil {
		t.Fatal(err)
	}
	list := ""
	for _, l := range some.Languages() {
		list += l.Name() + " "
	}
	if list != "Français (Canada) English " {
		t.Errorf("offered are %s", list)
	}
	// What is not offered is not chosen, and passes its messages on all the same.
	if l := some.Match("fr-FR"); l.Tag != "fr-CA" || say(t, some, l.Tag, "sign_in.title") != "Se connecter" {
		t.Errorf("fr-FR is %s", l.Tag)
	}
	if some.Match("sv").Tag != "fr-CA" || some.Base().Tag != "en" || b.Match("sv").Tag != "en" {
		t.Error("the first is not the default")
	}
	again, err := some.With(map[string]map[string]string{"fr": {"sign_in.title": "Bonjour"}})
	if err != nil || say(t, again, "fr-CA", "sign_in.title") != "Bonjour" || len(again.Languages()) != 2 {
		t.Errorf("texts of a language that is not offered: %v", err)
	}
	if all, err := b.Only(); err != nil || all != b {
		t.Error("nothing said is not everything")
	}
	for want, tags := range map[string][]string{
		`unknown language "sv": there are en, fr, fr-CA`: {"en", "sv"},
		"the language fr is named twice":                 {"fr", "FR"},
		`unknown language ""`:                            {""},
	} {
		if _, err := b.Only(tags...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", tags, err, want)
		}
	}
}
