package lang

import (
	"fmt"
	"html/template"
	"strings"
	"testing"
	"testing/fstest"
)

func bundle(t testing.TB, files map[string]string) (*Bundle, error) {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, data := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(data)}
	}
	return Load(fsys, "en")
}

func english(t *testing.T, message string) *Language {
	t.Helper()
	b, err := bundle(t, map[string]string{"en.json": fmt.Sprintf(`{"m": %q}`, message)})
	if err != nil {
		t.Fatal(err)
	}
	return b.Get("en")
}

func TestMessagesRenderWithTheirArguments(t *testing.T) {
	t.Parallel()
	link := Slot{`<a href="/x">`, `</a>`}
	for _, c := range []struct {
		message string
		args    []any
		html    string
		text    string
	}{
		{"Sign in", nil, "Sign in", "Sign in"},
		{"a # b", nil, "a # b", "a # b"},
		{"Hello {who}", []any{"who", "you & <me>"}, "Hello you &amp; &lt;me&gt;", "Hello you & <me>"},
		{"<b>{who}</b>", []any{"who", "x"}, "&lt;b&gt;x&lt;/b&gt;", "<b>x</b>"},
		{"New? {link}Create {what}{/link}.", []any{"link", link, "what", "<it>"},
			`New? <a href="/x">Create &lt;it&gt;</a>.`, "New? Create <it>."},
		{"{n, plural, one {# try} other {# tries}} left", []any{"n", 1}, "1 try left", "1 try left"},
		{"{n, plural, one {# try} other {# tries}} left", []any{"n", 1200}, "1,200 tries left", "1,200 tries left"},
		{"{n, plural, one {{link}# try{/link}} other {all}}", []any{"n", 1, "link", link}, `<a href="/x">1 try</a>`, "1 try"},
		{"{n, plural, one {{link}# try{/link}} other {all}}", []any{"n", 2, "link", link}, "all", "all"},
	} {
		l := english(t, c.message)
		if got, err := l.HTML("m", c.args...); err != nil || string(got) != c.html {
			t.Errorf("HTML of %q = %q, %v; want %q", c.message, got, err, c.html)
		}
		if got, err := l.Text("m", c.args...); err != nil || got != c.text {
			t.Errorf("Text of %q = %q, %v; want %q", c.message, got, err, c.text)
		}
	}
}

func TestMarkupPassesOnlyAsMarkup(t *testing.T) {
	t.Parallel()
	l := english(t, "to {address}")
	got, err := l.HTML("m", "address", template.HTML("<b>x</b>"))
	if err != nil || got != "to <b>x</b>" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := l.Text("m", "address", template.HTML("<b>x</b>")); err == nil {
		t.Errorf("plain text took markup: %q", got)
	}
}

func TestWrongArgumentsAreErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		message string
		args    []any
	}{
		"missing":               {"{a}", nil},
		"superfluous":           {"a", []any{"b", "c"}},
		"name without a value":  {"{a}", []any{"a"}},
		"string to count":       {"{n, plural, other {#}}", []any{"n", "1"}},
		"string for a slot":     {"{a}x{/a}", []any{"a", "b"}},
		"slot for a string":     {"{a}", []any{"a", Slot{}}},
		"value of another type": {"{a}", []any{"a", 1.5}},
	} {
		if got, err := english(t, c.message).HTML("m", c.args...); err == nil {
			t.Errorf("%s: rendered %q", name, got)
		}
	}
	if _, err := english(t, "x").Text("unknown"); err == nil {
		t.Error("an unknown key rendered")
	}
}

func TestMessagesThatDoNotParseAreRefused(t *testing.T) {
	t.Parallel()
	for _, message := range []string{
		"{", "}", "{}", "{A}", "{a", "{/a}", "{a}x{/b}{/a}", "{b}{a}x{/b}{/a}",
		"{n, plural, one {x}}", "{n, plural, some {x} other {y}}", "{n, plural, other {x}",
		"{n, plural, other x}", "{n, plural, other {x} other {y}}", "{n, plural, other {x}}}",
		"{n, plural, other {{a}}{/a}}", strings.Repeat("{a}", 20) + strings.Repeat("{/a}", 20),
	} {
		if _, err := parse(message); err == nil {
			t.Errorf("%q parsed", message)
		}
	}
}

func TestLanguagesFallBackKeyByKey(t *testing.T) {
	t.Parallel()
	b, err := bundle(t, map[string]string{
		"en.json":    `{"a": "a-en", "b": "b-en", "c": "c-en"}`,
		"fr.json":    `{"a": "a-fr", "b": "b-fr"}`,
		"fr-CA.json": `{"a": "a-fr-CA"}`,
		"ar.json":    `{"a": "a-ar"}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]string{
		"fr-CA, en;q=0.5":         "a-fr-CA b-fr c-en ltr",
		"fr-CH":                   "a-fr b-fr c-en ltr",
		"ar-EG, fr;q=0.1":         "a-ar b-en c-en rtl",
		"de, fr;q=0.3":            "a-fr b-fr c-en ltr",
		"xx":                      "a-en b-en c-en ltr",
		"":                        "a-en b-en c-en ltr",
		"*":                       "a-en b-en c-en ltr",
		";;;q=,":                  "a-en b-en c-en ltr",
		strings.Repeat("fr,", 99): "a-fr b-fr c-en ltr",
	} {
		l := b.Match(header)
		var parts []string
		for _, key := range []string{"a", "b", "c"} {
			text, _ := l.Text(key)
			parts = append(parts, text)
		}
		if got := strings.Join(append(parts, l.Dir), " "); got != want {
			t.Errorf("Accept-Language %.20q: %s, want %s", header, got, want)
		}
	}
}

func TestATranslationWithAnUnknownKeyOrPlaceholderIsRefused(t *testing.T) {
	t.Parallel()
	en := `{"a": "x {name}", "b": "y"}`
	for what, fr := range map[string]string{
		"unknown key":         `{"z": "z"}`,
		"missing placeholder": `{"a": "x"}`,
		"extra placeholder":   `{"b": "{name}"}`,
		"slot for a name":     `{"a": "{name}x{/name}"}`,
		"not JSON":            `{`,
		"does not parse":      `{"b": "{"}`,
	} {
		if _, err := bundle(t, map[string]string{"en.json": en, "fr.json": fr}); err == nil {
			t.Errorf("%s: loaded", what)
		}
	}
	if _, err := bundle(t, map[string]string{"fr.json": "{}"}); err == nil {
		t.Error("loaded without the fallback language")
	}
	if _, err := bundle(t, map[string]string{"en.json": "{}", "no tag.json": "{}"}); err == nil {
		t.Error("loaded a file that is named after no language")
	}
}

func TestTheLanguagesThatComeWithItLoad(t *testing.T) {
	t.Parallel()
	b, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	if l := b.Get("en-GB"); l.Tag != "en" || !l.Has("skip") || len(l.Keys()) < 100 {
		t.Errorf("got %s with %d keys", l.Tag, len(l.Keys()))
	}
}

// Whatever a message file holds, parsing ends, and what parses renders its text
// escaped.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "a {b} c", "{a}x{/a}", "{n, plural, one {#} other {{a}#{/a}}}", "{{{", "#}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, message string) {
		nodes, err := parse(message)
		if err != nil {
			return
		}
		known := map[string]string{}
		names(nodes, known)
		var args []any
		for name, kind := range known {
			switch kind {
			case "placeholder":
				args = append(args, name, "<")
			case "slot":
				args = append(args, name, Slot{})
			case "plural":
				args = append(args, name, 2)
			}
		}
		b, err := Load(fstest.MapFS{"en.json": &fstest.MapFile{Data: []byte("{}")}}, "en")
		if err != nil {
			t.Fatal(err)
		}
		l := b.Get("en")
		l.messages["m"] = nodes
		if out, err := l.HTML("m", args...); err == nil && strings.ContainsAny(string(out), "<>") {
			t.Errorf("%q rendered unescaped as %q", message, out)
		}
	})
}
