package lang

import (
	"strings"
	"testing"
)

// offered is a bundle of empty languages, the default first.
func offered(t testing.TB, tags ...string) *Bundle {
	t.Helper()
	files := map[string]string{"en.json": "{}"}
	for _, tag := range tags {
		files[tag+".json"] = "{}"
	}
	b, err := bundle(t, files)
	if err == nil {
		b, err = b.Only(tags...)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func tagOf(l *Language) string {
	if l == nil {
		return ""
	}
	return l.Tag
}

func TestTheBestLanguageOnOfferIsChosen(t *testing.T) {
	t.Parallel()
	b := offered(t, "de", "en", "fr", "es", "pt-BR", "it", "nl", "pl", "ja", "ar")
	for header, want := range map[string]string{
		"":                                "",
		"de":                              "de",
		"de-CH":                           "de",
		"en-GB":                           "en",
		"EN-us":                           "en",
		"pt-PT":                           "pt-BR",
		"pt":                              "pt-BR",
		"es-419":                          "es",
		"ar-EG":                           "ar",
		"zh":                              "",
		"zh-Hant-TW, zh;q=0.9":            "",
		"zh, ja;q=0.5":                    "ja",
		"sv, it;q=0.1":                    "it",
		"fr;q=0.1, pl;q=0.9, nl;q=0.5":    "pl",
		"fr;q=0, pl;q=0.1":                "pl",
		"fr;q=0":                          "",
		"*":                               "",
		"*, fr;q=0.5":                     "fr",
		" fr , de":                        "fr",
		"x-klingon, fr":                   "fr",
		"%%%, fr;q=oops, it":              "it",
		";;;q=,":                          "",
		"en-XA":                           "en",
		"\x00fr":                          "",
		"fr\r\nSet-Cookie: x":             "",
		"i-default;q=x, q=1,,,, ,ja":      "ja",
		strings.Repeat("sv,", 100) + "fr": "", // far behind
		"it," + strings.Repeat("x", 5000): "it",
		strings.Repeat("x", 5000) + ",it": "",
		"nl;q=0.2," + strings.Repeat(" ,", 2000) + "it": "nl",
	} {
		if got := tagOf(b.Accept(header)); got != want {
			t.Errorf("Accept-Language %.40q: %q, want %q", header, got, want)
		}
		if want == "" {
			want = "de"
		}
		if got := b.Match(header).Tag; got != want {
			t.Errorf("or the default for %.40q: %q, want %q", header, got, want)
		}
	}
}

func TestTheFirstOfTheLocalesThatIsOfferedIsChosen(t *testing.T) {
	t.Parallel()
	b := offered(t, "en", "de", "fr", "pt-BR")
	for list, want := range map[string]string{
		"fr-CA fr en":                     "fr",
		"de":                              "de",
		"sv de":                           "de",
		"pt-PT":                           "pt-BR",
		"zh ja":                           "",
		"":                                "",
		"  ":                              "",
		"de;q=0.1":                        "",
		"_ <script> de":                   "de",
		strings.Repeat("x", 300):          "",
		"de " + strings.Repeat("x ", 300): "de",
	} {
		if got := tagOf(b.Locales(list)); got != want {
			t.Errorf("ui_locales %.40q: %q, want %q", list, got, want)
		}
	}
}

func TestOnlyTheVeryTagIsOffered(t *testing.T) {
	t.Parallel()
	b := offered(t, "en", "pt-BR")
	for _, tag := range []string{"", "pt", "pt-br", "PT-BR", "fr", "en\n", "en-GB"} {
		if l := b.Offered(tag); l != nil {
			t.Errorf("%q is %s", tag, l.Tag)
		}
	}
	if tagOf(b.Offered("pt-BR")) != "pt-BR" || b.Get("pt").Tag != "pt-BR" || b.Get("sv").Tag != "en" {
		t.Error("what is offered is not found")
	}
}

// Whatever a client says about languages, one that is offered comes of it, and it takes
// no time to speak of.
func FuzzMatch(f *testing.F) {
	for _, seed := range []string{"", "de-CH, fr;q=0.8, *;q=0.1", "en-US-u-nu-arab", strings.Repeat("a-", 200), "fr;q=9999", "de de de", "x-", "-"} {
		f.Add(seed)
	}
	b := offered(f, "en", "de", "fr", "pt-BR", "ar")
	f.Fuzz(func(t *testing.T, said string) {
		for _, l := range []*Language{b.Match(said), b.Get(said)} {
			if b.Offered(l.Tag) != l {
				t.Errorf("%q led to %q, which is not offered", said, l.Tag)
			}
		}
		if l := b.Locales(said); l != nil && b.Offered(l.Tag) != l {
			t.Errorf("%q led to %q, which is not offered", said, l.Tag)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	languages := offered(b, "en", "de", "fr", "es", "pt-BR", "it", "nl", "pl", "ja", "ar")
	b.ReportAllocs()
	for b.Loop() {
		languages.Match("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5")
	}
}
