package policy

import (
	"iter"
	"math/bits"
)

// MaxRules is how many rules one site may have.
const MaxRules = 256

// RuleSet is a set of rules, by their index in [Policy.Rules]. It is a small value:
// noting which rules spoke for a request costs no allocation. The zero value is empty.
type RuleSet [MaxRules / 64]uint64

// Has reports whether rule i is in the set.
func (s *RuleSet) Has(i int) bool {
	return i >= 0 && i < MaxRules && s[i/64]&(1<<(i%64)) != 0
}

// With returns the set with rule i in it. An index that no rule can have changes nothing.
func (s RuleSet) With(i int) RuleSet {
	if i >= 0 && i < MaxRules {
		s.add(i)
	}
	return s
}

func (s *RuleSet) add(i int) { s[i/64] |= 1 << (i % 64) }

// Len is the number of rules in the set.
func (s *RuleSet) Len() int {
	n := 0
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

// Join returns the rules that are in either set.
func (s RuleSet) Join(t RuleSet) RuleSet {
	for i := range s {
		s[i] |= t[i]
	}
	return s
}

// All yields the rules in the order in which they were written.
func (s RuleSet) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for w, word := range s {
			for ; word != 0; word &= word - 1 {
				if !yield(w*64 + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}
