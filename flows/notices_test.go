package flows_test

import (
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
)

// noticed is how many letters about something an address got.
func (w *world) noticed(to string, purpose flows.Purpose) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.letters {
		if l.To == to && l.Purpose == purpose {
			n++
		}
	}
	return n
}

func TestTheOwnerIsToldOfEachNewBrowserOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.browser().signUpWithPassword(dana, longSecret)
	w.wait(time.Hour)
	first.cookie = ""
	first.signInWithPassword(dana, longSecret).at(flows.Done)
	if n := w.noticed(dana, flows.NoticeNewDevice); n != 0 {
		t.Fatalf("%d notices about the browser that made the account", n)
	}
	second := w.browser()
	second.network = "198.51.100.0/24"
	for range 3 { // a password alone never makes it familiar
		second.cookie = ""
		second.signInWithPassword(dana, longSecret).at(flows.Done)
		w.wait(time.Hour)
	}
	if n := w.noticed(dana, flows.NoticeNewDevice); n != 1 {
		t.Errorf("%d notices about one new browser", n)
	}
	if l := w.letter(dana); l.Device != "Firefox on Linux" || l.Network != "198.51.100.0/24" || l.NotMe == "" || l.Code != "" || l.Series != "" {
		t.Errorf("the notice is %+v", l)
	}
	w.wait(181 * 24 * time.Hour)
	second.cookie = ""
	second.signInWithPassword(dana, longSecret).at(flows.Done)
	if n := w.noticed(dana, flows.NoticeNewDevice); n != 2 {
		t.Errorf("%d notices after the browser was forgotten", n)
	}
}

func TestAResetIsToldOnceAndNotAsASignInAsWell(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	w.wait(time.Hour)
	w.browser().resetPassword(dana, newSecret).at(flows.Done)
	if a, b := w.noticed(dana, flows.NoticePasswordReset), w.noticed(dana, flows.NoticeNewDevice); a != 1 || b != 0 {
		t.Errorf("%d about the reset, %d about the sign-in", a, b)
	}
}

func TestAnApplicationIsToldOfOnceADayAndNetwork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	signIn := func(network, client string) {
		w.wait(time.Hour)
		b := w.native()
		b.network, b.client.ID = network, client
		b.signInNatively(dana, longSecret).at(flows.Done)
	}
	for range 3 {
		signIn("198.51.100.0/24", "app")
	}
	if n := w.noticed(dana, flows.NoticeNewDevice); n != 1 {
		t.Errorf("%d notices about one application", n)
	}
	signIn("203.0.113.0/24", "app")
	signIn("203.0.113.0/24", "other")
	if n := w.noticed(dana, flows.NoticeNewDevice); n != 3 {
		t.Errorf("%d notices about three", n)
	}
	w.wait(24 * time.Hour)
	signIn("198.51.100.0/24", "app")
	if n := w.noticed(dana, flows.NoticeNewDevice); n != 4 {
		t.Errorf("%d notices on two days", n)
	}
}

func TestNobodyIsBuriedUnderNoticesOfNewBrowsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	for range 8 {
		w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
	}
	if n := w.noticed(dana, flows.NoticeNewDevice); n != 5 {
		t.Errorf("%d notices at once, want five", n)
	}
}

func TestWhoIsGuessedAtIsToldOnceADay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	guess := func(email string) {
		for range 12 {
			b := w.browser().start(flows.SignIn, flows.Identify{Email: email, ByPassword: true})
			b.submit(flows.GivePassword{Password: "wrong wrong wrong wrong"})
		}
	}
	guess(dana)
	guess(nobody)
	if n := w.noticed(dana, flows.NoticeGuessing); n != 1 {
		t.Fatalf("%d notices", n)
	}
	if n := w.noticed(nobody, flows.NoticeGuessing); n != 0 {
		t.Errorf("%d notices to an address that has no account", n)
	}
	// What is written must not tell whether there is one.
	if n := len(w.records("told/")); n != 2 {
		t.Errorf("%d addresses were noted as told, want both", n)
	}
	w.wait(5 * time.Hour)
	guess(dana)
	if n := w.noticed(dana, flows.NoticeGuessing); n != 1 {
		t.Errorf("%d notices within a day", n)
	}
	w.wait(20 * time.Hour)
	guess(dana)
	if n := w.noticed(dana, flows.NoticeGuessing); n != 2 {
		t.Errorf("%d notices in two days", n)
	}
}
