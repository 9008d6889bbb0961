package ui

import (
	"fmt"
	"strings"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/ui/lang"
)

// maxSMS is how long a text message may be, in septets: what Android's WebOTP reads,
// and below the 160 that fit into one segment. maxWideSMS is the same in a language that
// GSM-7 cannot write, in 16-bit units: what two segments hold.
const (
	maxSMS     = 140
	maxWideSMS = 134
)

// A wording is one way to put a text message.
type wording struct {
	key  string
	args []any
}

// smsText is a code, or a notice, as a text message. The last line of a code binds it to
// the host (WICG origin-bound one-time codes), so that browsers fill it in there and
// nowhere else. It is always one GSM-7 segment: names that are too long or outside of GSM-7
// are left out, then the warning; never the code, and never the origin's line. What a
// code opens one time goes last of all, and is shortened first.
//
// In a language that GSM-7 cannot write it is one or two UCS-2 segments: one holds 70
// characters, host included, which is too little to say what a code is for. That is what
// somebody who is being talked out of it must read, so it is worth the price of a second.
func smsText(l *lang.Language, letter flows.Letter) (string, error) {
	wordings, err := wordingsOf(letter)
	if err != nil {
		return "", err
	}
	bound := ""
	if letter.Code != "" { // a notice has nothing to fill in
		bound = "\n\n@" + hostOf(letter.Site) + " #" + letter.Code
	}
	var text string
	for _, w := range wordings {
		if letter.Code != "" {
			w.args = append(w.args, "code", letter.Code)
		}
		sentence, err := l.Text(w.key, w.args...)
		if err != nil {
			return "", fmt.Errorf("composing a text message: %w", err)
		}
		text = sentence + bound
		if fits(text, l) {
			break
		}
	}
	return text, nil
}

func fits(text string, l *lang.Language) bool {
	encoding, n, _ := send.Segments(text)
	if encoding == send.GSM7 {
		return n <= maxSMS
	}
	return wide(l) && n <= maxWideSMS
}

// wide reports whether GSM-7 cannot write a language. What is written in Latin letters it
// can, at the price of some accents.
func wide(l *lang.Language) bool { return l.Script() != "Latn" }

// FitsSMS reports whether a code of so many digits fits into a text message together with
// the line that binds it to the site's host, in the least words of every language that is
// offered: into one segment, or into two where a language cannot be written in GSM-7.
// Whatever is longer would cost once more, and might arrive in parts.
func FitsSMS(site *flows.Site, digits int, style *Style) (bool, error) {
	for _, l := range style.bundle.Languages() {
		text, err := smsText(l, flows.Letter{Site: site, Purpose: flows.CodeSignIn, Code: strings.Repeat("0", digits)})
		if err != nil {
			return false, err
		}
		most := 1
		if wide(l) {
			most = 2
		}
		if _, _, segments := send.Segments(text); segments > most {
			return false, nil
		}
	}
	return true, nil
}

// wordingsOf are the ways to say what a code is for, the best one first.
func wordingsOf(letter flows.Letter) ([]wording, error) {
	var wordings []wording
	add := func(key string, args ...any) { wordings = append(wordings, wording{key, args}) }
	brand := brandOf(letter.Site)
	var about string
	switch letter.Purpose {
	case flows.CodeSignIn:
		about = "sms.sign_in"
	case flows.CodeStepUp:
		about = "sms.step_up"
	case flows.CodeEnrol:
		about = "sms.enrol"
	case flows.CodeChange:
		about = "sms.change"
	case flows.NoticePhoneChanged:
		add("sms.phone_changed", "brand", brand)
		add("sms.phone_changed_short")
		return wordings, nil
	default:
		return nil, fmt.Errorf("composing a text message: %s is not sent as one", letter.Purpose)
	}
	if letter.Once && letter.Target.Action != "" {
		for _, name := range requestNames(letter.Target) {
			add(about+"_once", "brand", brand, "page", name)
			add(about+"_once_short", "page", name)
		}
		for _, name := range requestNames(letter.Target) {
			add("sms.once_least", "page", name)
		}
	}
	switch {
	case letter.Purpose != flows.CodeStepUp:
		if letter.PasswordKnown && letter.Purpose == flows.CodeSignIn {
			add(about+"_known", "brand", brand)
		}
		add(about, "brand", brand)
	case letter.Target.Label != "":
		if letter.PasswordKnown {
			add(about+"_known", "brand", brand, "page", letter.Target.Label)
		}
		add(about, "brand", brand, "page", letter.Target.Label)
	}
	if letter.Purpose == flows.CodeStepUp {
		add("sms.step_up_unnamed", "brand", brand)
	}
	add("sms.short")
	add("sms.least")
	return wordings, nil
}

// requestNames are the names of what a code opens one time, the best one first: that
// which the operator gave it, then the request, shorter and shorter.
func requestNames(t flows.Target) []string {
	var names []string
	if t.Label != "" {
		names = append(names, t.Label)
	}
	for _, most := range []int{40, 28, 16} {
		names = append(names, requestName(tame(t.Action), most, ".."))
	}
	return names
}
