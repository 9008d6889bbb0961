package ui

import (
	"fmt"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/ui/lang"
)

// maxSMS is how long a text message may be, in septets: what Android's WebOTP reads,
// and below the 160 that fit into one segment.
const maxSMS = 140

// smsText is a code as a text message. Its last line binds the code to the host
// (WICG origin-bound one-time codes), so that browsers fill it in there and nowhere
// else. It is always one GSM-7 segment: names that are too long or outside of GSM-7
// are left out, then the warning; never the code, and never the origin's line.
func smsText(l *lang.Language, letter flows.Letter) (string, error) {
	brand := brandOf(letter.Site)
	type wording struct {
		key  string
		args []any
	}
	var wordings []wording
	switch letter.Purpose {
	case flows.CodeStepUp:
		if letter.Target.Label != "" {
			wordings = append(wordings, wording{"sms.step_up", []any{"brand", brand, "page", letter.Target.Label}})
		}
		wordings = append(wordings, wording{"sms.step_up_unnamed", []any{"brand", brand}})
	case flows.CodeEnrol:
		wordings = append(wordings, wording{"sms.enrol", []any{"brand", brand}})
	case flows.CodeSignIn:
		wordings = append(wordings, wording{"sms.sign_in", []any{"brand", brand}})
	default:
		return "", fmt.Errorf("composing a text message: %s is not sent as one", letter.Purpose)
	}
	wordings = append(wordings, wording{"sms.short", nil}, wording{"sms.least", nil})
	bound := "\n\n@" + hostOf(letter.Site) + " #" + letter.Code
	var text string
	for _, w := range wordings {
		sentence, err := l.Text(w.key, append(w.args, "code", letter.Code)...)
		if err != nil {
			return "", fmt.Errorf("composing a text message: %w", err)
		}
		text = sentence + bound
		if encoding, n, _ := send.Segments(text); encoding == send.GSM7 && n <= maxSMS {
			break
		}
	}
	return text, nil
}
