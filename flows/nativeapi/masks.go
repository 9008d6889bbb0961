package nativeapi

import "strings"

// hidden stands for any number of characters: not even that is told.
const hidden = "***"

// maskEmail shows as much of an address as its owner needs to know it again: at most
// the first and last character of the local part and of the domain's first label.
func maskEmail(address string) string {
	local, domain, found := strings.Cut(address, "@")
	if !found {
		return hidden
	}
	label, rest, found := strings.Cut(domain, ".")
	if found {
		rest = "." + rest
	}
	return ends(local) + "@" + ends(label) + rest
}

// ends keeps both ends of a word, but never the half of a short one.
func ends(word string) string {
	letters := []rune(word)
	switch n := len(letters); {
	case n < 3:
		return hidden
	case n < 5:
		return string(letters[:1]) + hidden
	default:
		return string(letters[:1]) + hidden + string(letters[n-1:])
	}
}

// maskPhone shows the last two digits of a number, which is all the face ever gets.
func maskPhone(lastTwo string) string {
	if len(lastTwo) > 2 {
		lastTwo = lastTwo[len(lastTwo)-2:]
	}
	return "********" + lastTwo
}
