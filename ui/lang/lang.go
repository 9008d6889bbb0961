package lang

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

//go:embed *.json
var embedded embed.FS

// Default is the languages that come with Stepgate. English is the fallback.
func Default() (*Bundle, error) { return Load(embedded, "en") }

// A Bundle is every language there is. It is read-only and safe for concurrent use.
type Bundle struct {
	languages []*Language // the fallback first
	matcher   language.Matcher
	byTag     map[string]*Language
}

// A Language renders messages in one language.
type Language struct {
	Tag string // BCP 47, such as fr-CA
	Dir string // ltr or rtl

	tag      language.Tag
	numbers  *message.Printer
	messages map[string][]node
}

// Load reads every *.json of fsys, each named after its language tag. It refuses
// messages that do not parse, and keys or placeholders that the fallback does not
// have: a typo must not show up as a half-translated page.
func Load(fsys fs.FS, fallback string) (*Bundle, error) {
	files, err := fs.Glob(fsys, "*.json")
	if err != nil {
		return nil, fmt.Errorf("listing languages: %w", err)
	}
	b := &Bundle{byTag: map[string]*Language{}}
	for _, file := range files {
		l, err := read(fsys, file)
		if err != nil {
			return nil, fmt.Errorf("reading language %s: %w", file, err)
		}
		b.byTag[l.Tag] = l
	}
	base := b.byTag[fallback]
	if base == nil {
		return nil, fmt.Errorf("reading languages: no %s.json", fallback)
	}
	b.languages = append(b.languages, base)
	for _, tag := range slices.Sorted(maps.Keys(b.byTag)) {
		if tag != fallback {
			b.languages = append(b.languages, b.byTag[tag])
		}
	}
	tags := make([]language.Tag, len(b.languages))
	for i, l := range b.languages {
		tags[i] = l.tag
		if err := l.agree(base); err != nil {
			return nil, fmt.Errorf("comparing %s with %s: %w", l.Tag, base.Tag, err)
		}
	}
	b.matcher = language.NewMatcher(tags)
	for _, l := range b.languages {
		b.inherit(l, base)
	}
	return b, nil
}

func read(fsys fs.FS, file string) (*Language, error) {
	tag, err := language.Parse(strings.TrimSuffix(path.Base(file), ".json"))
	if err != nil {
		return nil, err
	}
	data, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, err
	}
	var texts map[string]string
	if err := json.Unmarshal(data, &texts); err != nil {
		return nil, err
	}
	l := &Language{Tag: tag.String(), Dir: direction(tag), tag: tag,
		numbers: message.NewPrinter(tag), messages: make(map[string][]node, len(texts))}
	for key, text := range texts {
		if l.messages[key], err = parse(text); err != nil {
			return nil, fmt.Errorf("message %q: %w", key, err)
		}
	}
	return l, nil
}

// agree checks that every message of l exists in base with the same placeholders.
func (l *Language) agree(base *Language) error {
	for key, nodes := range l.messages {
		model, ok := base.messages[key]
		if !ok {
			return fmt.Errorf("unknown key %q", key)
		}
		have, want := map[string]string{}, map[string]string{}
		names(nodes, have)
		names(model, want)
		if fmt.Sprint(have) != fmt.Sprint(want) {
			return fmt.Errorf("message %q has %v, not %v", key, have, want)
		}
	}
	return nil
}

// inherit fills the gaps of l from its parents (fr-CA from fr) and then from base.
func (b *Bundle) inherit(l, base *Language) {
	chain := []*Language{}
	for tag := l.tag.Parent(); tag != language.Und; tag = tag.Parent() {
		if parent := b.byTag[tag.String()]; parent != nil {
			chain = append(chain, parent)
		}
	}
	for _, parent := range append(chain, base) {
		for key, nodes := range parent.messages {
			if _, ok := l.messages[key]; !ok {
				l.messages[key] = nodes
			}
		}
	}
}

// Match picks the language for an Accept-Language header. Garbage gets the fallback.
func (b *Bundle) Match(accept string) *Language {
	if len(accept) > 256 { // nobody reads so many languages
		return b.languages[0]
	}
	wanted, _, err := language.ParseAcceptLanguage(accept)
	if err != nil || len(wanted) == 0 {
		return b.languages[0]
	}
	_, i, confidence := b.matcher.Match(wanted...)
	if confidence == language.No {
		return b.languages[0]
	}
	return b.languages[i]
}

// Get returns the language with the given tag, or the nearest, or the fallback.
func (b *Bundle) Get(tag string) *Language {
	if l := b.byTag[tag]; l != nil {
		return l
	}
	return b.Match(tag)
}

// Languages lists what there is, the fallback first.
func (b *Bundle) Languages() []*Language { return b.languages }

// Keys lists the keys of the language, those inherited included, in no order.
func (l *Language) Keys() []string {
	keys := make([]string, 0, len(l.messages))
	for key := range l.messages {
		keys = append(keys, key)
	}
	return keys
}

// Has reports whether there is a message with the key.
func (l *Language) Has(key string) bool { return l.messages[key] != nil }

// direction follows from the script, which x/text knows or infers.
func direction(tag language.Tag) string {
	script, _ := tag.Script()
	switch script.String() {
	case "Arab", "Hebr", "Syrc", "Thaa", "Nkoo", "Adlm", "Rohg":
		return "rtl"
	}
	return "ltr"
}
