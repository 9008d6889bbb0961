package lang

import (
	"embed"
	"encoding/json"
	"errors"
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

// A Bundle is the languages that are offered. It is read-only and safe for concurrent
// use.
type Bundle struct {
	languages []*Language // the default first
	matcher   language.Matcher
	all       map[string]*Language // those that are not offered too: others inherit from them
	base      *Language            // the fallback
}

// A Language renders messages in one language.
//
// Its numbers have ASCII digits, grouped as the language has it, also where people write
// others: codes, times and the ends of phone numbers must be ASCII, to be compared with
// what a message or a keyboard shows, and two kinds of digits on one page read as a
// mistake. So "you entered 5" is written like the code that was entered.
type Language struct {
	Tag string // BCP 47, such as fr-CA
	Dir string // ltr or rtl

	tag      language.Tag
	numbers  *message.Printer
	own      map[string][]node // what is said in the language itself
	messages map[string][]node // and what is inherited
}

// Load reads every *.json of fsys, each named after its language tag. It refuses
// messages that do not parse, and keys or placeholders that the fallback does not
// have: a typo must not show up as a half-translated page.
func Load(fsys fs.FS, fallback string) (*Bundle, error) {
	files, err := fs.Glob(fsys, "*.json")
	if err != nil {
		return nil, fmt.Errorf("listing languages: %w", err)
	}
	all := map[string]*Language{}
	for _, file := range files {
		l, err := read(fsys, file)
		if err != nil {
			return nil, fmt.Errorf("reading language %s: %w", file, err)
		}
		all[l.Tag] = l
	}
	if all[fallback] == nil {
		return nil, fmt.Errorf("reading languages: no %s.json", fallback)
	}
	tags := []string{fallback}
	for _, tag := range slices.Sorted(maps.Keys(all)) {
		if tag != fallback {
			tags = append(tags, tag)
		}
	}
	return newBundle(all, fallback, tags)
}

// newBundle compares all languages with the fallback, fills their gaps, and offers some
// of them in order. The languages must not be in use elsewhere.
func newBundle(all map[string]*Language, fallback string, offered []string) (*Bundle, error) {
	b := &Bundle{all: all, base: all[fallback]}
	for _, tag := range slices.Sorted(maps.Keys(all)) {
		if err := all[tag].agree(b.base); err != nil {
			return nil, fmt.Errorf("comparing %s with %s: %w", tag, fallback, err)
		}
		b.inherit(all[tag])
	}
	return b.offer(offered), nil
}

// offer is the same languages, with those of the tags to choose from.
func (b *Bundle) offer(tags []string) *Bundle {
	some := &Bundle{all: b.all, base: b.base}
	var matched []language.Tag
	for _, tag := range tags {
		some.languages = append(some.languages, b.all[tag])
		matched = append(matched, b.all[tag].tag)
	}
	some.matcher = language.NewMatcher(matched)
	return some
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
	l, err := newLanguage(tag)
	if err != nil {
		return nil, err
	}
	for key, text := range texts {
		if l.own[key], err = parse(text); err != nil {
			return nil, fmt.Errorf("message %q: %w", key, err)
		}
	}
	return l, nil
}

func newLanguage(tag language.Tag) (*Language, error) {
	digits, err := tag.SetTypeForKey("nu", "latn")
	if err != nil {
		return nil, fmt.Errorf("choosing the digits of %s: %w", tag, err)
	}
	return &Language{Tag: tag.String(), Dir: direction(tag), tag: tag,
		numbers: message.NewPrinter(digits), own: map[string][]node{}}, nil
}

// agree checks that every message of l exists in base with the same placeholders.
func (l *Language) agree(base *Language) error {
	for _, key := range slices.Sorted(maps.Keys(l.own)) {
		model, ok := base.own[key]
		if !ok {
			return fmt.Errorf("unknown key %q%s", key, nearest(key, base.own))
		}
		if err := alike(l.own[key], model); err != nil {
			return fmt.Errorf("message %q %w", key, err)
		}
	}
	return nil
}

// alike compares what code fills in, and the bars at which it takes a message apart.
func alike(nodes, model []node) error {
	have, want := map[string]string{}, map[string]string{}
	names(nodes, have)
	names(model, want)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if have[name] != want[name] {
			return fmt.Errorf("lacks the %s {%s}", want[name], name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if want[name] == "" {
			return fmt.Errorf("has the %s {%s}, which it must not", have[name], name)
		}
	}
	if bars(nodes) != bars(model) {
		return errors.New("must be as many parts, separated by |, as it is in the fallback")
	}
	return nil
}

func bars(nodes []node) (n int) {
	for _, one := range nodes {
		if text, ok := one.(textNode); ok {
			n += strings.Count(string(text), "|")
		}
	}
	return n
}

// inherit fills the gaps of l from its parents (fr-CA from fr) and then from the
// fallback.
func (b *Bundle) inherit(l *Language) {
	l.messages = maps.Clone(l.own)
	chain := []*Language{}
	for tag := l.tag.Parent(); tag != language.Und; tag = tag.Parent() {
		if parent := b.all[tag.String()]; parent != nil {
			chain = append(chain, parent)
		}
	}
	for _, parent := range append(chain, b.base) {
		for key, nodes := range parent.own {
			if _, ok := l.messages[key]; !ok {
				l.messages[key] = nodes
			}
		}
	}
}

// Languages lists what is offered, the default first.
func (b *Bundle) Languages() []*Language { return b.languages }

// Base is the fallback language, whether it is offered or not: what machines read is
// in it.
func (b *Bundle) Base() *Language { return b.base }

// Keys lists the keys of the language, those inherited included, in no order.
func (l *Language) Keys() []string { return slices.Collect(maps.Keys(l.messages)) }

// Has reports whether there is a message with the key.
func (l *Language) Has(key string) bool { return l.messages[key] != nil }

// Name is what the language calls itself: its message "language", or its tag.
func (l *Language) Name() string {
	if own, err := l.Text("language"); err == nil && l.own["language"] != nil {
		return own
	}
	return l.Tag
}

// Script is what the language is written in (ISO 15924), such as Latn.
func (l *Language) Script() string { return script(l.tag) }

// script is known to x/text, or inferred by it.
func script(tag language.Tag) string {
	script, _ := tag.Script()
	return script.String()
}

func direction(tag language.Tag) string {
	switch script(tag) {
	case "Arab", "Hebr", "Syrc", "Thaa", "Nkoo", "Adlm", "Rohg":
		return "rtl"
	}
	return "ltr"
}
