package send

import (
	"strings"
	"testing"
)

func TestSegmentsAreCountedAsOperatorsDo(t *testing.T) {
	t.Parallel()
	r := strings.Repeat
	tests := []struct {
		name, text, encoding string
		units, segments      int
	}{
		{"empty", "", GSM7, 0, 1},
		{"one code text", "482913 is your Harbour Mutual code to sign in. Don't share it.\n\n@id.harbour.example #482913", GSM7, 91, 1},
		{"one curly quote doubles it", "482913 is your Harbour Mutual code to sign in. Don’t share it.\n\n@id.harbour.example #482913", UCS2, 91, 2},
		{"full single", r("a", 160), GSM7, 160, 1},
		{"one more", r("a", 161), GSM7, 161, 2},
		{"two full parts", r("a", 306), GSM7, 306, 2},
		{"three", r("a", 307), GSM7, 307, 3},
		{"brackets cost two", r("[", 80), GSM7, 160, 1},
		{"euro costs two", "€", GSM7, 2, 1},
		{"an escape is not split", r("a", 152) + "{" + r("a", 152), GSM7, 306, 3},
		{"in the alphabet", "@£$éèàùìòÇØøÅåÄÖÑÜäöñü§¿¡ßÆæΔΩ", GSM7, 30, 1},
		{"small cedilla is not", "ç", UCS2, 1, 1},
		{"circumflex is not", "ê", UCS2, 1, 1},
		{"backtick is not", "`", UCS2, 1, 1},
		{"tab is not", "\t", UCS2, 1, 1},
		{"full single of UCS-2", r("ł", 70), UCS2, 70, 1},
		{"one more of UCS-2", r("ł", 71), UCS2, 71, 2},
		{"two full parts of UCS-2", r("ł", 134), UCS2, 134, 2},
		{"three of UCS-2", r("ł", 135), UCS2, 135, 3},
		{"an emoji is two units", "😀", UCS2, 2, 1},
		{"an emoji is not split", r("ł", 66) + "😀" + r("ł", 66), UCS2, 134, 3},
		{"invalid UTF-8 does not panic", "\xff\xfe", UCS2, 2, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, u, s := Segments(tt.text)
			if e != tt.encoding || u != tt.units || s != tt.segments {
				t.Errorf("Segments = %s, %d, %d; want %s, %d, %d", e, u, s, tt.encoding, tt.units, tt.segments)
			}
		})
	}
}

func TestTheAlphabetIsComplete(t *testing.T) {
	t.Parallel()
	// 128 positions less the escape, and ten extended characters.
	if n := len(gsmCost); n != 127+10 {
		t.Errorf("%d characters, want 137", n)
	}
}
