package send

import (
	"regexp"
	"strings"
	"unicode"
)

const (
	scrubInput  = 4 << 10 // bytes of a provider's words that are looked at
	scrubOutput = 200     // runes of them that are kept
)

var (
	// Addresses in plain, URL-encoded and bounce-encoded spelling.
	anyAddress = regexp.MustCompile(`(?i)\S*(?:@|%40|=40)\S*`)
	digitRun   = regexp.MustCompile(`\d{4,}`)
)

// Scrub makes a provider's words about a message fit for an error or a log: one
// printable line of at most 200 characters, without the recipient (any mail address at
// all, its local part or domain alone, the number in any grouping), the code, a line
// of the text or the subject, or one of the given secrets. Reply codes, dates and host
// names stay readable.
func Scrub(words string, m Message, secrets ...string) string {
	if len(words) > scrubInput {
		words = words[:scrubInput]
	}
	words = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			return r
		}
		return ' '
	}, words)
	words = strings.Join(strings.Fields(words), " ")

	var hide []string
	for _, s := range secrets {
		hide = append(hide, literal(s, 1))
	}
	for _, line := range strings.Split(m.Subject+"\n"+m.Text, "\n") {
		hide = append(hide, literal(line, 4))
	}
	for _, run := range digitRun.FindAllString(m.Code+" "+m.Subject+" "+m.Text, -1) {
		hide = append(hide, grouped(run))
	}
	hide = append(hide, literal(m.Code, 4))
	local, domain, isAddress := strings.Cut(m.To, "@")
	if !isAddress {
		hide = append(hide, number(m.To))
	}
	words = replace(words, hide, "[hidden]")

	words = anyAddress.ReplaceAllString(words, "[address]")
	if isAddress {
		words = replace(words, []string{literal(m.To, 1), literal(domain, 1), literal(local, 1)}, "[address]")
	}
	if r := []rune(words); len(r) > scrubOutput {
		words = string(r[:scrubOutput-1]) + "…"
	}
	return words
}

// replace hides the longest patterns first, since they are what holds the others.
func replace(words string, patterns []string, by string) string {
	var b strings.Builder
	for _, p := range patterns {
		if p == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('|')
		}
		b.WriteString(p)
	}
	if b.Len() == 0 {
		return words
	}
	re, err := regexp.Compile("(?i)" + b.String())
	if err != nil {
		return "" // rather nothing than something unscrubbed
	}
	re.Longest()
	return re.ReplaceAllLiteralString(words, by)
}

// literal matches s itself. Something as short as "a" or "info" is only taken as a
// whole word, or nothing readable would be left.
func literal(s string, least int) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) < least || s == "" {
		return ""
	}
	q := regexp.QuoteMeta(s)
	if len(s) < 5 && isWord(s[0]) && isWord(s[len(s)-1]) {
		return `\b` + q + `\b`
	}
	return q
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

// grouped matches digits however they are grouped.
func grouped(digits string) string {
	return strings.Join(strings.Split(digits, ""), `\D{0,2}`)
}

// number matches a phone number in international or national spelling.
func number(e164 string) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, e164)
	if len(digits) < 5 {
		return ""
	}
	return `[\d+(). -]*` + grouped(digits[max(0, len(digits)-7):])
}
