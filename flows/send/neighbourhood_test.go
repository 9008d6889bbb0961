package send

import (
	"strings"
	"testing"
)

func TestWhatCostsNothingToChooseMakesNoOtherNeighbourhood(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		medium   Medium
		to, want string
	}{
		{Email, "ada@example.org", "example.org"},
		{Email, "ada@EXAMPLE.org.", "example.org"},
		{Email, "ada@a.b.example.org", "example.org"},
		{Email, "ada@payroll.example", "payroll.example"},
		{Email, "ada@x.payroll.example", "payroll.example"},
		{Email, "ada@mail.example.co.uk", "example.co.uk"},
		{Email, "ada@bücher.example", "xn--bcher-kva.example"},
		{Email, "ada@xn--bcher-kva.example", "xn--bcher-kva.example"},
		{Email, "ada@one.github.io", "github.io"}, // names below it are to be had for nothing
		{Email, "ada@two.github.io", "github.io"},
		{Email, "ada@[192.0.2.1]", "["},
		{Email, "ada@[192.0.2.77]", "["},
		{Email, "ada@com", "com"},
		{Email, "ada", "ada"},
		{Email, "", ""},
		{Email, "ada@", ""},
		{Email, "ada@..", "."},
		{SMS, "+447700900123", "+44770090"},
		{SMS, "+447700900999", "+44770090"},
		{SMS, "+12025550123", "+1202555"},
		{SMS, "+1", ""},
	} {
		if got := neighbourhood(Message{Medium: tt.medium, To: tt.to}); got != tt.want {
			t.Errorf("%q is of %q, want %q", tt.to, got, tt.want)
		}
	}
}

func FuzzANeighbourhoodIsFoundForWhateverIsTyped(f *testing.F) {
	for _, to := range []string{"a@example.org", "a@.", "a@..com", "@[", "a@\xff.\x00", "a@xn--", "+1"} {
		f.Add(to)
	}
	f.Fuzz(func(t *testing.T, to string) {
		at := neighbourhood(Message{Medium: Email, To: to})
		if strings.ContainsAny(at, "@ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			t.Errorf("%q is of %q: another one in small letters", to, at)
		}
		neighbourhood(Message{Medium: SMS, To: to})
	})
}
