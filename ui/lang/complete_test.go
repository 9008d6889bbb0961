package lang

import (
	"encoding/json"
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/feature/plural"
)

// texts are the messages of every language as they are written, by tag.
func texts(t *testing.T) map[string]map[string]string {
	t.Helper()
	all := map[string]map[string]string{}
	files, err := fs.Glob(embedded, "*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := embedded.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var said map[string]string
		if err := json.Unmarshal(data, &said); err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(file, ".json")] = said
	}
	return all
}

// sameAsEnglish are messages that other languages have word for word.
var sameAsEnglish = regexp.MustCompile(`^(title|date|device\.on|choose\.(email|sms)_code|account\.(email|phone)|step_up\.then_unnamed)$` +
	`|^(month|weekday)\.\d+$|^inbox\.(title|code|text|to|email|sms|sms_title|html)$|^loop\.missing\.and$|^mail\.(code\.sign_up\.subject|page|network|device|from)$` +
	`|^(attributes\.no|foot\.privacy|error\.prefix|title\.error|continue\.file|password\.label|(choose|account)\.password)$`)

// A word that two languages share is short; a sentence that they share is one that was
// forgotten.
func TestEveryLanguageSaysEverythingInItsOwnWords(t *testing.T) {
	t.Parallel()
	all := texts(t)
	for tag, said := range all {
		for key, english := range all["en"] {
			text, ok := said[key]
			if !ok {
				t.Errorf("%s lacks %q", tag, key)
			}
			if tag != "en" && text == english && strings.ContainsFunc(noBraces(english), unicode.IsLetter) &&
				(!sameAsEnglish.MatchString(key) || len(noBraces(english)) > 40) {
				t.Errorf("%s says %q in English: %s", tag, key, text)
			}
		}
		for key := range said {
			if all["en"][key] == "" {
				t.Errorf("%s has %q, which nobody asks for", tag, key)
			}
		}
	}
}

var braces = regexp.MustCompile(`\{[^{}]*\}`)

func noBraces(message string) string {
	for braces.MatchString(message) {
		message = braces.ReplaceAllString(message, "")
	}
	return message
}

// The plural forms of a language are those that its whole numbers take, and other, which
// is what a form that is not there falls back to.
func TestPluralsHaveTheFormsOfTheirLanguage(t *testing.T) {
	t.Parallel()
	b, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range b.Languages() {
		want, may := map[plural.Form]bool{plural.Other: true}, plural.Other
		switch base, _ := l.tag.Base(); base.String() {
		case "es", "fr", "it", "pt":
			may = plural.Many // millions, in a later CLDR than x/text has
		}
		for n := range 1000 {
			want[plural.Cardinal.MatchPlural(l.tag, n, 0, 0, 0, 0)] = true
		}
		for key, nodes := range l.own {
			for _, forms := range plurals(nodes) {
				for form := range want {
					if forms[form] == nil {
						t.Errorf("%s: %q lacks the plural form %v", l.Tag, key, form)
					}
				}
				for form := range forms {
					if !want[form] && form != may {
						t.Errorf("%s: %q has the plural form %v, which no number takes", l.Tag, key, form)
					}
				}
			}
		}
	}
}

func plurals(nodes []node) (all []map[plural.Form][]node) {
	for _, n := range nodes {
		switch n := n.(type) {
		case pluralNode:
			all = append(all, n.forms)
			for _, body := range n.forms {
				all = append(all, plurals(body)...)
			}
		case slotNode:
			all = append(all, plurals(n.body)...)
		}
	}
	return all
}

// What an eye passes over and a reader stumbles on.
func TestTextsAreCleanlySet(t *testing.T) {
	t.Parallel()
	entity := regexp.MustCompile(`&[a-z]+;|&#|<[a-z/]`)
	for tag, said := range texts(t) {
		for key, text := range said {
			fault := func(what string) { t.Errorf("%s: %q %s: %q", tag, key, what, text) }
			plain := noBraces(text)
			if text != strings.TrimSpace(text) && key != "loop.missing.and" {
				fault("begins or ends with a blank")
			}
			if strings.Contains(text, "  ") {
				fault("holds two blanks")
			}
			if entity.MatchString(text) {
				fault("holds markup")
			}
			if strings.ContainsFunc(text, func(r rune) bool {
				return unicode.IsControl(r) || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r == '\ufeff' || r == '\u200b'
			}) {
				fault("holds an invisible character")
			}
			if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsDigit(r) && r > unicode.MaxASCII }) {
				fault("holds a digit that is not ASCII")
			}
			if !strings.HasPrefix(key, "sms.") && strings.ContainsAny(plain, `'"`) {
				fault("has a typewriter's quotation mark or apostrophe")
			}
			if strings.Contains(text, "...") {
				fault("has three full stops for an ellipsis")
			}
			if tag == "fr" && !strings.HasPrefix(key, "sms.") && regexp.MustCompile(`[^\x{a0}\x{202f}:;?!\d][:;?!](\s|$|\|)`).MatchString(text) {
				fault("has no no-break space before its punctuation")
			}
		}
	}
}

// Names and addresses are put in by code: nothing within a message may look like a link.
func TestTextsHoldNoAddresses(t *testing.T) {
	t.Parallel()
	for tag, said := range texts(t) {
		for key, text := range said {
			if regexp.MustCompile(`(?i)https?:|www\.|javascript:`).MatchString(text) && !strings.HasPrefix(key, "loop.http") {
				t.Errorf("%s: %q holds an address: %q", tag, key, text)
			}
		}
	}
}
