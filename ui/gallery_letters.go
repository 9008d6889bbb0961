package ui

import (
	"strings"

	"github.com/stepgate/stepgate/flows"
)

// mailPurposes and textPurposes are what is sent by mail, and as a text message.
var (
	mailPurposes = []flows.Purpose{
		flows.CodeSignIn, flows.CodeSignUp, flows.CodeStepUp, flows.CodeChange, flows.CodeEmailChange, flows.CodeHaveAccount, flows.CodeReset,
		flows.NoticeNoAccount, flows.NoticeNoPassword, flows.NoticeEmailTaken, flows.NoticePasswordReset, flows.NoticeNewDevice,
		flows.NoticeGuessing, flows.NoticeSessionsEnded, flows.NoticePhoneAdded, flows.NoticePhoneChanged, flows.NoticePhoneRemoved,
		flows.NoticePasswordAdded, flows.NoticePasswordChanged, flows.NoticeEmailChanged,
	}
	textPurposes = []flows.Purpose{flows.CodeSignIn, flows.CodeStepUp, flows.CodeEnrol, flows.CodeChange, flows.NoticePhoneChanged}
)

// A namedLetter is a letter in one of its states.
type namedLetter struct {
	name string
	flows.Letter
}

// exampleLetters are all letters in all their states.
func exampleLetters(site *flows.Site) []namedLetter {
	var list []namedLetter
	add := func(name string, l flows.Letter, changes ...func(*flows.Letter)) {
		l.ID = name // and not one at random
		for _, change := range changes {
			change(&l)
		}
		list = append(list, namedLetter{name, l})
	}
	once := func(l *flows.Letter) {
		l.Once, l.Target = true, flows.Target{ReturnTo: "/bank", Action: "POST /transfer"}
	}
	for _, purpose := range mailPurposes {
		add(letterName("mail", purpose), exampleLetter(site, purpose), func(l *flows.Letter) { l.NotMe = aToken })
	}
	for _, what := range []flows.Changing{flows.ChangePhone, flows.RemovePhone, flows.ChangeEmail} {
		add(letterName("mail", flows.CodeChange+"-"+flows.Purpose(what)), exampleLetter(site, flows.CodeChange), func(l *flows.Letter) {
			l.Changing, l.NotMe = what, aToken
		})
	}
	known := func(l *flows.Letter) { l.PasswordKnown = true }
	add("mail-code-sign-in-once", exampleLetter(site, flows.CodeSignIn), once)
	add("mail-code-sign-in-password-known", exampleLetter(site, flows.CodeSignIn), known)
	add("mail-code-step-up-once", exampleLetter(site, flows.CodeStepUp), once)
	add("mail-code-have-account-no-code", exampleLetter(site, flows.CodeHaveAccount), func(l *flows.Letter) { l.Code = "" })
	for _, purpose := range textPurposes {
		add(letterName("text", purpose), exampleText(site, purpose), func(l *flows.Letter) {
			if strings.HasPrefix(string(purpose), "notice.") {
				l.Code = ""
			}
		})
	}
	add("text-code-sign-in-password-known", exampleText(site, flows.CodeSignIn), known)
	add("text-code-step-up-once", exampleText(site, flows.CodeStepUp), once)
	return list
}

// letterName is the name of a file: a purpose such as code.sign_in with hyphens.
func letterName(medium string, purpose flows.Purpose) string {
	return medium + "-" + strings.NewReplacer(".", "-", "_", "-").Replace(string(purpose))
}
