package send

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestScrubKeepsTheProvidersWordsAndNothingOfTheMessage(t *testing.T) {
	t.Parallel()
	mail := Message{To: "john.doe@example.org", Subject: "482913 is your code", Code: "482913",
		Text: "482913 is your code.\n\nDo not share it.\n\n@id.example.com #482913"}
	short := Message{To: "a@example.org"}
	sms := Message{To: "+447700900123", Text: "771204 is your code", Code: "771204"}
	tests := []struct {
		m       Message
		words   string
		secrets []string
		want    string
	}{
		{mail, "5.1.1 <john.doe@example.org>: Recipient address rejected", nil,
			"5.1.1 [address] Recipient address rejected"},
		{mail, "JOHN.DOE@EXAMPLE.ORG unknown", nil, "[address] unknown"},
		{mail, "no user john.doe at example.org", nil, "no user [address] at [address]"}, // local part or domain alone
		{mail, "https://mail.test/why?a=john.doe%40example.org now", nil, "[address] now"},
		{mail, "bounce+john.doe=40example.org refused", nil, "[address] refused"},
		{mail, "ask postmaster@mail.test", nil, "ask [address]"}, // anybody's address
		{mail, "spam: 'Do not share it.' found", nil, "spam: '[hidden]' found"},
		{mail, "code 482 913 or 48-29-13", nil, "code [hidden] or [hidden]"},
		{mail, "your DO NOT  SHARE it. text", nil, "your [hidden] text"}, // case, spacing
		{mail, "451 4.7.1 greylisted until 2026-11-20 10:15, id 7F4420", nil,
			"451 4.7.1 greylisted until 2026-11-20 10:15, id 7F4420"},
		{Message{Text: "Code\nCode for Admin"}, "saw Code for Admin here", nil, "saw [hidden] here"}, // the longer line
		{short, "a mailbox called a is unavailable", nil, "[address] mailbox called [address] is unavailable"},
		{sms, "number 447700900123 barred", nil, "number [hidden] barred"},
		{sms, "number +44 7700 900-123 barred", nil, "number[hidden] barred"},
		{sms, "number 07700 900123 barred", nil, "number[hidden] barred"}, // national
		{sms, "key hunter2-secret is wrong", []string{"hunter2-secret", ""}, "key [hidden] is wrong"},
		{sms, "line one\r\nX-Evil: \x1b[31mred\u202e\x00", nil, "line one X-Evil: [31mred"},
		{sms, "", nil, ""},
		{Message{}, "4.3.2 system not accepting messages", nil, "4.3.2 system not accepting messages"},
	}
	for _, tt := range tests {
		// A number's spacing may go with it: compare without.
		got := strings.ReplaceAll(Scrub(tt.words, tt.m, tt.secrets...), " [hidden]", "[hidden]")
		if want := strings.ReplaceAll(tt.want, " [hidden]", "[hidden]"); got != want {
			t.Errorf("Scrub(%q)\n got %q\nwant %q", tt.words, got, want)
		}
	}
}

func TestScrubIsBounded(t *testing.T) {
	t.Parallel()
	for _, words := range []string{strings.Repeat("é", 1<<20), strings.Repeat("\xff", 1<<20), strings.Repeat("x ", 1<<20)} {
		if n := utf8.RuneCountInString(Scrub(words, Message{To: "a@b.example"})); n > 200 {
			t.Errorf("%d characters are left", n)
		}
	}
}

func FuzzScrub(f *testing.F) {
	f.Add("550 <x@example.org> no", "x@example.org", "1234 is your code", "1234")
	f.Add("barred +44 7700 900 123", "+447700900123", "(", "[")
	f.Fuzz(func(t *testing.T, words, to, text, code string) {
		got := Scrub(words, Message{To: to, Text: text, Code: code}, code)
		if utf8.RuneCountInString(got) > 200 || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00\x1b") {
			t.Errorf("unfit for a log: %q", got)
		}
		if len(to) > 8 && strings.Contains(to, "@") && strings.Contains(got, to) {
			t.Errorf("%q holds the address %q", got, to)
		}
	})
}

func TestAMessageCannotBePrintedByAccident(t *testing.T) {
	t.Parallel()
	m := Message{ID: "m1", Medium: Email, Purpose: "code.sign_in", To: "ada@example.org",
		Text: "482913 is your code", Subject: "Secret", HTML: "<p>482913", Code: "482913"}
	var b strings.Builder
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "message", m)
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "message", m)
	fmt.Fprintf(&b, "%v %+v %#v %s %v", m, m, m, m, &m)
	for _, secret := range []string{"ada", "482913", "Secret"} {
		if strings.Contains(b.String(), secret) {
			t.Errorf("%q was printed: %s", secret, b.String())
		}
	}
	if !strings.Contains(b.String(), "m1") {
		t.Error("the id is missing")
	}
}
