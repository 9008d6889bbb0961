package common

import (
	"slices"
	"strconv"
	"strings"
)

// The lengths, in characters, of what the list holds. Shorter passwords are refused
// for their length.
const (
	shortest = 8
	longest  = 64
)

// tails are what people put behind a word when a digit is asked for. There are no
// signs among them: Check looks at letters and digits alone as well.
var (
	tails     = strings.Fields(`1 12 123 1234 12345 123456 01 007 11 22 69 77 88 99 00 321`)
	moreTails = strings.Fields(`2 3 7 13 21 23 10 100 101 111 666 777 999 4321 54321 1234567 12345678 123456789
1234567890 0123 123123 1q2w3e abc xyz qwerty`)
)

// leet are the swaps that people hope nobody has thought of.
var leet = []*strings.Replacer{
	strings.NewReplacer("o", "0"),
	strings.NewReplacer("a", "@"),
	strings.NewReplacer("a", "4"),
	strings.NewReplacer("e", "3"),
	strings.NewReplacer("i", "1"),
	strings.NewReplacer("s", "$"),
	strings.NewReplacer("s", "5"),
	strings.NewReplacer("a", "@", "o", "0"),
	strings.NewReplacer("a", "@", "s", "$"),
	strings.NewReplacer("a", "@", "o", "0", "s", "$"),
	strings.NewReplacer("a", "4", "e", "3", "i", "1", "o", "0"),
	strings.NewReplacer("a", "@", "e", "3", "i", "1", "o", "0", "s", "$"),
}

// Generate returns the list, sorted, each entry once, in lower case.
func Generate() []string {
	var list []string
	add := func(parts ...string) {
		if s := strings.Join(parts, ""); len(s) >= shortest && len(s) <= longest {
			list = append(list, s)
		}
	}
	for _, w := range top {
		for year := 1980; year <= 2030; year++ {
			add(w, strconv.Itoa(year))
		}
		for _, other := range top {
			add(w, other)
		}
		for _, tail := range moreTails {
			add(w, tail)
		}
		for _, head := range []string{"my", "the", "super", "i", "1", "12", "123", "1234", "12345", "123456"} {
			add(head, w)
		}
		for _, swap := range leet {
			if swapped := swap.Replace(w); swapped != w {
				for _, tail := range []string{"", "1", "12", "123", "!", "1!", "123!"} {
					add(swapped, tail)
				}
			}
		}
	}
	for _, w := range slices.Concat(top, words) {
		add(w)
		add(reversed(w))
		add("my", w)
		add("ilove", w)
		for _, tail := range tails {
			add(w, tail)
		}
	}
	for _, phrase := range phrases {
		bare := strings.Join(strings.Fields(phrase), "")
		add(bare)
		for _, tail := range []string{"1", "12", "123", "1234", "2026"} {
			add(bare, tail)
		}
	}
	for _, row := range rows {
		for _, s := range []string{row, reversed(row)} {
			walk(s, add)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// walk adds every beginning of a row, and stretches from anywhere in it of the
// lengths that rules commonly ask for.
func walk(row string, add func(...string)) {
	for end := shortest; end <= len(row); end++ {
		add(row[:end])
		add(row[:end], "1")
	}
	for start := 1; start < len(row); start++ {
		for _, length := range []int{8, 9, 10, 12, 14, 15, 16} {
			if start+length <= len(row) {
				add(row[start : start+length])
			}
		}
	}
}

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}
