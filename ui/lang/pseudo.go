package lang

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// Tags of the pseudo-locales: languages that nobody speaks, made from the fallback for
// looking at pages and for tests.
const (
	// Accented is the fallback with accents on all letters, within brackets and two
	// fifths longer: what is plain is not translated, what lacks a bracket is cut off.
	Accented = "en-XA"
	// Mirrored is the fallback from right to left, letter by letter.
	Mirrored = "ar-XB"
)

// Pseudo is the bundle with a pseudo-locale, Accented or Mirrored, on offer as well.
func (b *Bundle) Pseudo(tag string) (*Bundle, error) {
	var remake func([]node) []node
	switch tag {
	case Accented:
		remake = accented
	case Mirrored:
		remake = mirrored
	default:
		return nil, fmt.Errorf("making a pseudo-locale: %q is none: use %s or %s", tag, Accented, Mirrored)
	}
	l, err := newLanguage(language.MustParse(tag))
	if err != nil {
		return nil, fmt.Errorf("making a pseudo-locale: %w", err)
	}
	for key, nodes := range b.base.own {
		l.own[key] = remake(nodes)
	}
	with := &Bundle{all: maps.Clone(b.all), base: b.base}
	with.all[tag] = l
	with.inherit(l)
	var offered []string
	for _, l := range b.languages {
		offered = append(offered, l.Tag)
	}
	if !slices.Contains(offered, tag) {
		offered = append(offered, tag)
	}
	return with.offer(offered), nil
}

func accented(nodes []node) []node {
	before, after := 0, 0
	out := eachText(nodes, func(s string) string {
		changed := accent(s)
		before, after = before+utf8.RuneCountInString(s), after+utf8.RuneCountInString(changed)
		return changed
	})
	out = append([]node{textNode("[")}, out...)
	if lack := before*7/5 - after - 2; lack > 0 {
		out = append(out, textNode(" "+strings.Repeat("~", lack)))
	}
	return append(out, textNode("]"))
}

const (
	plainLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	oddLetters   = "áƀćđéƒǵĥíĵķłɱńóƥɋŕśťúṽŵẋýźÁƁĆĐÉƑǴĤÍĴĶŁṀŃÓƤɊŔŚŤÚṼŴẊÝŹ"
)

// accent puts accents on letters and doubles vowels, so that words grow, and not only
// what they are followed by.
func accent(s string) string {
	odd := []rune(oddLetters)
	var b strings.Builder
	for _, r := range s {
		i := strings.IndexRune(plainLetters, r)
		if i < 0 {
			b.WriteRune(r)
			continue
		}
		b.WriteRune(odd[i])
		if strings.ContainsRune("aeiou", r) {
			b.WriteRune(odd[i])
		}
	}
	return b.String()
}

// mirrored overrides the direction of each piece of text. What is filled in keeps its own.
func mirrored(nodes []node) []node {
	const override, end = "\u202e", "\u202c"
	return eachText(nodes, func(s string) string {
		parts := strings.Split(s, "|")
		for i, part := range parts {
			if strings.ContainsFunc(part, unicode.IsLetter) {
				parts[i] = override + part + end
			}
		}
		return strings.Join(parts, "|")
	})
}

// eachText changes the text of nodes and leaves what code fills in where it is.
func eachText(nodes []node, change func(string) string) []node {
	out := make([]node, 0, len(nodes))
	for _, n := range nodes {
		switch n := n.(type) {
		case textNode:
			out = append(out, textNode(change(string(n))))
		case slotNode:
			out = append(out, slotNode{n.name, eachText(n.body, change)})
		case pluralNode:
			forms := make(map[plural.Form][]node, len(n.forms))
			for form, body := range n.forms {
				forms[form] = eachText(body, change)
			}
			out = append(out, pluralNode{n.name, forms})
		default:
			out = append(out, n)
		}
	}
	return out
}
