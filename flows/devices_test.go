package flows_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
)

// Whoever had the password and the mailbox for a while has browsers that the account knows.
func TestWhatEndsAllSessionsMakesEveryBrowserAStranger(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*world, *browser){
		"a disowned sign-in and the reset after it": func(w *world, owner *browser) {
			w.disown(w.about(dana, flows.NoticeNewDevice))
			w.wait(time.Hour)
			owner.resetPassword(dana, newSecret).at(flows.Done)
		},
		"a reset": func(_ *world, owner *browser) { owner.resetPassword(dana, newSecret).at(flows.Done) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			owner := w.browser().from(home).signUpWithPassword(dana, longSecret)
			w.wait(24 * time.Hour)
			thief := w.browser().from(cafe).signInWithPassword(dana, longSecret).withCode()
			thief.familiar(t, true, true)
			w.wait(time.Hour)
			end(w, owner)
			w.wait(24 * time.Hour)
			w.spendPasswords()
			thief.cookie, owner.cookie = "", ""
			thief.signInWithPassword(dana, "guess guess guess guess").refused(flows.TooManyTries)
			owner.signInWithPassword(dana, newSecret).at(flows.Done) // they reset it there

			w.wait(3 * time.Hour)
			n := w.noticed(dana, flows.NoticeNewDevice)
			thief.signInWithPassword(dana, newSecret).at(flows.Done)
			if told := w.noticed(dana, flows.NoticeNewDevice) - n; told != 1 {
				t.Errorf("%d notices of the browser", told)
			}
			if thief.who.KnownDevice || thief.who.FamiliarNetwork(cafe) {
				t.Errorf("the policy was asked about %+v", thief.who)
			}
			thief.familiar(t, false, false)
			thief.signInWithPassword(dana, newSecret).at(flows.Done)
			thief.familiar(t, false, false) // and a second time makes it no better

			owner.signInWithPassword(dana, newSecret).withCode().familiar(t, true, true)
			for range 2 { // nor do those who are known make the thief's network so
				owner.from(cafe).signInWithPassword(dana, newSecret).at(flows.Done)
				owner.familiar(t, true, false)
			}
		})
	}
}

// A known browser has guesses of its own, so a hoard of them would be a hoard of guesses.
func TestBrowsersFromBeforeAResetShareTheGuessesOfStrangers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sendMuch, oneRun)
	w.browser().signUpWithPassword(dana, longSecret)
	w.wait(24 * time.Hour)
	var hoard []*browser
	for i := range 12 {
		b := w.browser().from(fmt.Sprintf("198.51.100.%d/32", i)).signInWithCode(dana).at(flows.Done)
		b.cookie = ""
		hoard = append(hoard, b)
		w.wait(time.Hour)
	}
	w.disown(w.about(dana, flows.NoticeNewDevice))
	w.browser().resetPassword(dana, newSecret).at(flows.Done)
	w.wait(24 * time.Hour)
	judged := 0
	for range 5 {
		for _, b := range hoard {
			b.start(flows.SignIn, flows.Identify{Email: dana}).at(flows.AskCode)
			for b.refusal == nil || b.refusal.Code == flows.CodeWrong {
				b.submit(flows.GiveCode{Code: wrong(b.code(dana))})
				if b.refusal.Code == flows.CodeWrong || b.refusal.Code == flows.CodeSpent {
					judged++
				}
			}
		}
	}
	if judged != 10 {
		t.Errorf("%d guesses were judged at one moment, want the strangers' ten", judged)
	}
}
