package flows_test

import (
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
)

const nobody = "nobody@example.com"

// Whether and how often an address without an account is told so is the site's choice,
// and nothing that anybody sees who does not read its mail.
func TestAnAddressWithoutAnAccountIsToldSoAsTheSiteSays(t *testing.T) {
	t.Parallel()
	for tell, want := range map[flows.TellUnknown][2]int{
		flows.TellNever: {0, 0}, flows.TellSignIn: {1, 0}, "": {1, 0}, flows.TellAlways: {1, 1},
	} {
		for i, kind := range []flows.Kind{flows.SignIn, flows.Reset} {
			w := newWorld(t)
			w.site.TellUnknown = tell
			seen := w.browser().start(kind, flows.Identify{Email: nobody}).at(flows.AskCode)
			if n := len(w.letters); n != want[i] || w.posted() != 1 {
				t.Errorf("%q at a %s: %d letters, %d posted", tell, kind, n, w.posted())
			}
			for range 3 { // another spelling, another browser, and a resend
				w.wait(time.Hour)
				w.browser().start(kind, flows.Identify{Email: " Nobody@Example.com."}).at(flows.AskCode)
			}
			if n := len(w.letters); n != want[i] {
				t.Errorf("%q at a %s: %d letters in a day", tell, kind, n)
			}
			w.wait(24 * time.Hour)
			w.browser().start(kind, flows.Identify{Email: nobody})
			if n := len(w.letters); n != 2*want[i] {
				t.Errorf("%q at a %s: %d letters in two days", tell, kind, n)
			}
			for _, l := range w.letters {
				if l.Purpose != flows.NoticeNoAccount || l.Code != "" {
					t.Errorf("the letter is a %s with code %q", l.Purpose, l.Code)
				}
			}
			if seen.view.Email != nobody || seen.view.Expires.IsZero() {
				t.Errorf("the view is %+v", seen.view)
			}
		}
	}
}

// What is kept quiet is kept quiet of unknown addresses only.
func TestWhoHasAnAccountGetsEveryLetterWhateverTheSiteTellsOthers(t *testing.T) {
	t.Parallel()
	for _, tell := range []flows.TellUnknown{flows.TellNever, flows.TellSignIn, flows.TellAlways} {
		w := newWorld(t)
		w.site.TellUnknown = tell
		w.browser().signUpWithPassword(dana, longSecret)
		w.browser().signUpWithCode("kim@example.com")
		w.wait(2 * time.Hour)
		sent := w.sent()
		for range 2 {
			w.browser().start(flows.SignIn, flows.Identify{Email: dana}).at(flows.AskCode)
			w.browser().start(flows.Reset, flows.Identify{Email: dana}).at(flows.AskCode)
			w.browser().start(flows.Reset, flows.Identify{Email: "kim@example.com"}).at(flows.AskCode) // has no password
			w.browser().start(flows.SignUp, flows.Identify{Email: nobody}).at(flows.AskCode)
		}
		if n := w.sent() - sent; n != 8 {
			t.Errorf("%q: %d letters of 8", tell, n)
		}
	}
}

// An outbox that is full refuses for both alike: otherwise whoever fills it learns who has
// an account.
func TestAFullOutboxTellsNothingEither(t *testing.T) {
	t.Parallel()
	for _, tell := range []flows.TellUnknown{flows.TellNever, flows.TellAlways} {
		w := newWorld(t)
		w.site.TellUnknown = tell
		w.browser().signUpWithPassword(dana, longSecret)
		w.wait(2 * time.Hour)
		w.full = true
		for _, kind := range []flows.Kind{flows.SignIn, flows.Reset} {
			for _, email := range []string{dana, nobody} {
				w.browser().start(kind, flows.Identify{Email: email}).refused(flows.SendFailed)
			}
		}
	}
}
