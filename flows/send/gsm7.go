package send

import "unicode/utf16"

// Encodings of text messages, as [Segments] names them.
const (
	GSM7 = "GSM-7"
	UCS2 = "UCS-2"
)

// The default alphabet of 3GPP TS 23.038 §6.2.1, and those of its extension table
// (§6.2.1.1), which cost an escape before them.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ" +
		" !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§" +
		"¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtended = "\f^{}\\[~]|€"
)

var gsmCost = func() map[rune]int {
	cost := make(map[rune]int, 139)
	for _, r := range gsmBasic {
		cost[r] = 1
	}
	for _, r := range gsmExtended {
		cost[r] = 2
	}
	return cost
}()

// Segments says how a text travels as a text message: its encoding ([GSM7] or [UCS2]),
// its length in that encoding's units (septets, or 16-bit units), and the messages it
// is split into and paid for as. One character outside GSM-7 switches the whole text.
// A segment holds 160 or 70 units alone, 153 or 67 as a part; a character is never
// split over two parts.
func Segments(text string) (encoding string, units, segments int) {
	var costs []int
	for _, r := range text {
		c, ok := gsmCost[r]
		if !ok {
			return ucs2Segments(text)
		}
		units += c
		costs = append(costs, c)
	}
	return GSM7, units, parts(costs, units, 160, 153)
}

func ucs2Segments(text string) (string, int, int) {
	var costs []int
	units := 0
	for _, r := range text {
		c := utf16.RuneLen(r)
		if c < 0 {
			c = 1 // an invalid rune is sent as U+FFFD
		}
		units += c
		costs = append(costs, c)
	}
	return UCS2, units, parts(costs, units, 70, 67)
}

func parts(costs []int, units, alone, part int) int {
	if units <= alone {
		return 1
	}
	n, used := 1, 0
	for _, c := range costs {
		if used+c > part {
			n, used = n+1, 0
		}
		used += c
	}
	return n
}
