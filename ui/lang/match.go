package lang

import (
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// Bounds on what a client may say about languages. Nobody reads so many; what comes
// first in the list counts.
const (
	maxWish   = 256 // bytes
	maxWishes = 16
)

// Accept is the best language for an Accept-Language header (RFC 9110, section 12.5.4),
// or nil where none that is offered is wanted. What cannot be read of the header is
// passed over.
func (b *Bundle) Accept(header string) *Language {
	type wish struct {
		tags    []language.Tag
		quality float32
	}
	var wishes []wish
	for item := range strings.SplitSeq(start(header, ","), ",") {
		tags, qualities, err := language.ParseAcceptLanguage(item)
		if err != nil || len(tags) == 0 || qualities[0] <= 0 || len(wishes) == maxWishes {
			continue
		}
		wishes = append(wishes, wish{tags, qualities[0]})
	}
	slices.SortStableFunc(wishes, func(x, y wish) int {
		switch {
		case x.quality > y.quality:
			return -1
		case x.quality < y.quality:
			return 1
		}
		return 0
	})
	var wanted []language.Tag
	for _, w := range wishes {
		wanted = append(wanted, w.tags...)
	}
	return b.best(wanted)
}

// Locales is the best language for tags that are separated by blanks, the dearest first,
// as in ui_locales (OpenID Connect Core 1.0, section 3.1.2.1), or nil where none of them
// is offered. What is no tag is passed over.
func (b *Bundle) Locales(list string) *Language {
	var wanted []language.Tag
	for word := range strings.FieldsSeq(start(list, " ")) {
		if tag, err := language.Parse(word); err == nil && len(wanted) < maxWishes {
			wanted = append(wanted, tag)
		}
	}
	return b.best(wanted)
}

// start is as much of a list as counts, cut at a separator.
func start(list, separator string) string {
	if len(list) <= maxWish {
		return list
	}
	return list[:max(strings.LastIndex(list[:maxWish+1], separator), 0)]
}

func (b *Bundle) best(wanted []language.Tag) *Language {
	if len(wanted) == 0 {
		return nil
	}
	if _, i, confidence := b.matcher.Match(wanted...); confidence != language.No {
		return b.languages[i]
	}
	return nil
}

// Match is Accept, or the default where nothing that is offered is wanted.
func (b *Bundle) Match(accept string) *Language {
	if l := b.Accept(accept); l != nil {
		return l
	}
	return b.languages[0]
}

// Offered returns the language with exactly the given tag, or nil where it is not
// offered.
func (b *Bundle) Offered(tag string) *Language {
	for _, l := range b.languages {
		if l.Tag == tag {
			return l
		}
	}
	return nil
}

// Get returns the language with the given tag, or the nearest, or the default.
func (b *Bundle) Get(tag string) *Language {
	if l := b.Offered(tag); l != nil {
		return l
	}
	return b.Match(tag)
}
