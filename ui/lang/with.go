package lang

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
)

// maxText bounds a message that is said otherwise, in bytes: the longest of our own has
// about 300.
const maxText = 1000

// With is the same languages with some messages said otherwise: texts holds them by
// language tag and key. They are read and checked as languages are. An error names the
// language and the key, and for a key that there is not, the one it is nearest to.
func (b *Bundle) With(texts map[string]map[string]string) (*Bundle, error) {
	all := make(map[string]*Language, len(b.all))
	for tag, l := range b.all {
		said := *l
		said.own = maps.Clone(l.own)
		all[tag] = &said
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		tag, err := b.known(name)
		if err != nil {
			return nil, err
		}
		for _, key := range slices.Sorted(maps.Keys(texts[name])) {
			nodes, err := b.reword(key, texts[name][key])
			if err != nil {
				return nil, fmt.Errorf("reading texts: %s: %w", name, err)
			}
			all[tag].own[key] = nodes
		}
	}
	offered := make([]string, len(b.languages))
	for i, l := range b.languages {
		offered[i] = l.Tag
	}
	return newBundle(all, b.base.Tag, offered)
}

func (b *Bundle) reword(key, text string) ([]node, error) {
	model, ok := b.base.own[key]
	if !ok {
		return nil, fmt.Errorf("unknown key %q%s", key, nearest(key, b.base.own))
	}
	err := checkText(text)
	if err != nil {
		return nil, fmt.Errorf("message %q %w", key, err)
	}
	nodes, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("message %q: %w", key, err)
	}
	if err := alike(nodes, model); err != nil {
		return nil, fmt.Errorf("message %q %w", key, err)
	}
	return nodes, nil
}

func checkText(text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return errors.New("is empty")
	case len(text) > maxText:
		return fmt.Errorf("is longer than %d bytes", maxText)
	case !utf8.ValidString(text):
		return errors.New("is not UTF-8")
	case strings.ContainsFunc(text, unicode.IsControl):
		return errors.New("holds a line break or another control character")
	}
	return nil
}

// Only is the bundle with nothing but the languages of these tags on offer, in their
// order: the first is the default. Without tags it is the bundle itself. An unknown tag
// is an error that lists the known ones.
func (b *Bundle) Only(tags ...string) (*Bundle, error) {
	if len(tags) == 0 {
		return b, nil
	}
	var offered []string
	for _, name := range tags {
		tag, err := b.known(name)
		if err != nil {
			return nil, err
		}
		if slices.Contains(offered, tag) {
			return nil, fmt.Errorf("the language %s is named twice", tag)
		}
		offered = append(offered, tag)
	}
	return b.offer(offered), nil
}

// known is a tag as the bundle writes it.
func (b *Bundle) known(name string) (string, error) {
	if tag, err := language.Parse(name); err == nil && b.all[tag.String()] != nil {
		return tag.String(), nil
	}
	return "", fmt.Errorf("unknown language %q: there are %s", name, strings.Join(slices.Sorted(maps.Keys(b.all)), ", "))
}

// nearest is a hint at the key that was probably meant.
func nearest(key string, known map[string][]node) string {
	best, least := "", max(len(key)/2, 3)
	if len(key) <= maxText {
		for _, candidate := range slices.Sorted(maps.Keys(known)) {
			if d := distance(key, candidate); d < least {
				best, least = candidate, d
			}
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %q?", best)
}

// distance is how many bytes have to be put in, taken out or changed (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, before+1, row[j]+1)
		}
	}
	return row[len(b)]
}
