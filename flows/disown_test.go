package flows_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/policy"
)

// disown is what the reader of a letter does with its link, in a browser of their own
// that has never been here.
func (w *world) disown(l flows.Letter) flows.DisownView {
	w.t.Helper()
	v, err := w.engine.Disown(w.t.Context(), flows.Caller{Site: w.site, Lang: "en"}, l.NotMe)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func (w *world) lookDisown(token string) (flows.DisownView, error) {
	return w.engine.LookDisown(w.t.Context(), flows.Caller{Site: w.site}, token)
}

// about is the newest letter to an address about something.
func (w *world) about(to string, purpose flows.Purpose) flows.Letter {
	w.t.Helper()
	for i := len(w.letters) - 1; i >= 0; i-- {
		if l := w.letters[i]; l.To == to && l.Purpose == purpose {
			return l
		}
	}
	w.t.Fatalf("no letter to %s about %s", to, purpose)
	return flows.Letter{}
}

func TestSayingNotMeOfACodeEndsWhatItOpenedAndNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := w.browser().signUpWithPassword(dana, longSecret)
	w.wait(time.Hour / 2)
	owner.session()
	thief := w.browser().signInWithCode(dana).at(flows.Done)
	letter := w.about(dana, flows.CodeSignIn)
	v := w.disown(letter)
	if thief.session() != nil {
		t.Fatal("the session that the code opened goes on")
	}
	if owner.session() == nil {
		t.Error("the owner was signed out")
	}
	if !v.Done || v.Reset || v.EndsAll() || v.Unlocks() || v.Email != dana {
		t.Errorf("told %+v", v)
	}
	w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
	if n := w.noticed(dana, flows.NoticeSessionsEnded); n != 0 {
		t.Errorf("%d notices that all sessions had ended", n)
	}
}

// A sign-in may be begun again for another address, in the flow that the letter tells of.
func TestSayingNotMeReachesNobodyElsesAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	w.browser().signUpWithPassword("mallory@example.com", newSecret)
	w.wait(time.Hour)
	b := w.browser().start(flows.SignIn, flows.Identify{Email: "mallory@example.com"}).at(flows.AskCode)
	letter := w.letter("mallory@example.com")
	b.submit(flows.SwitchMethod{ToPassword: true}).at(flows.AskPassword)
	b.submit(flows.GivePassword{Email: dana, Password: longSecret}).at(flows.Done)
	if v := w.disown(letter); v.Reset || b.session() == nil || b.session().Email != dana {
		t.Errorf("told %+v, and the other's session is %+v", v, b.session())
	}
}

func TestSayingNotMeEndsAnAttemptThatIsUnderWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	w.wait(time.Hour)
	thief := w.browser().start(flows.SignIn, flows.Identify{Email: dana}).at(flows.AskCode)
	letter := w.letter(dana)
	w.disown(letter)
	thief.submit(flows.GiveCode{Code: letter.Code}).refused(flows.FlowGone)
}

// Whoever is asked for a code after the password has the password.
func TestWherePasswordWasProvedItIsLockedUntilItIsReset(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	w.wait(time.Hour)
	w.demand = otp
	thief := w.browser().signInWithPassword(dana, longSecret).at(flows.AskCode)
	letter := w.letter(dana)
	if v := w.disown(letter); !v.Reset {
		t.Fatalf("told %+v", v)
	}
	thief.submit(flows.GiveCode{Code: letter.Code}).refused(flows.FlowGone)
	w.demand = policy.Floor
	w.browser().signInWithPassword(dana, longSecret).refused(flows.PairWrong)
	w.browser().signInWithCode(dana).at(flows.Done) // the owner's other way in
	w.wait(time.Hour)
	w.browser().resetPassword(dana, newSecret).at(flows.Done)
	w.browser().signInWithPassword(dana, newSecret).at(flows.Done)
	if v, err := w.lookDisown(letter.NotMe); err == nil && v.Reset {
		t.Error("a reset is asked for again")
	}
}

// A password that came between two of another flow's steps is locked as well.
func TestAPasswordProvedAfterTheCodeIsLockedToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	w.wait(time.Hour)
	w.demand = otp
	thief := w.browser().signInWithCode(dana).at(flows.AskPassword)
	letter := w.about(dana, flows.CodeSignIn)
	thief.submit(flows.GivePassword{Password: longSecret}).at(flows.Done)
	if v := w.disown(letter); !v.Reset || thief.session() != nil {
		t.Errorf("told %+v", v)
	}
}

func TestAPasswordProvedInAnAttemptThatIsUnderWayIsLockedToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, watch)
	w.browser().signUpWithPassword(dana, longSecret)
	w.changeUser(func(u *flows.User) { u.Phone = danaPhone })
	w.wait(time.Hour)
	w.demand = policy.Need(policy.PasswordProof, 0).Join(policy.Need(policy.SMSProof, 0))
	thief := w.browser().signInWithCode(dana)
	letter := w.about(dana, flows.CodeSignIn)
	if thief.at(flows.AskPassword).submit(flows.GivePassword{Password: longSecret}).at(flows.AskCode); w.letter(danaPhone).Code == "" {
		t.Fatal("no text was sent")
	}
	if v := w.disown(letter); !v.Reset {
		t.Errorf("told %+v", v)
	}
	thief.submit(flows.GiveCode{Code: w.letter(danaPhone).Code}).refused(flows.FlowGone)
}

// Otherwise whoever holds only the mailbox could lock the password, and then pass for
// somebody who has no other factor and may enrol a phone.
func TestALockedPasswordStillStandsBeforeANewPhone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	w.wait(time.Hour)
	w.demand = otp
	w.browser().signInWithPassword(dana, longSecret).at(flows.AskCode)
	w.disown(w.letter(dana))
	w.wait(time.Hour)
	w.demand = policy.Floor
	b := w.browser().signInWithCode(dana).at(flows.Done)
	w.demand = policy.Need(policy.SMSProof, 0)
	b.start(flows.StepUp, flows.Open{})
	if b.view.Step == flows.AskPhone || b.submit(flows.GivePhone{Phone: danaPhone}).refusal == nil {
		t.Fatalf("a phone may be enrolled at %q", b.view.Step)
	}
}

func TestSayingNotMeOfAStepUpEndsTheSessionThatItCameFrom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := w.browser().signUpWithPassword(dana, longSecret)
	thief := w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
	w.demand = otp
	thief.start(flows.StepUp, flows.Open{}).submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
	v := w.disown(w.about(dana, flows.CodeStepUp))
	w.demand = policy.Floor
	if thief.session() != nil || owner.session() == nil || !v.Reset {
		t.Errorf("the thief's session: %v, the owner's: %v, told %+v", thief.session(), owner.session(), v)
	}
}

func TestSayingNotMeOfANoticeEndsEverythingOnceAndIsConfirmedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := w.browser().signUpWithPassword(dana, longSecret)
	app := w.native().signInNatively(dana, longSecret).at(flows.Done)
	thief := w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
	notice := w.about(dana, flows.NoticeNewDevice)
	before, err := w.lookDisown(notice.NotMe)
	if err != nil || before.Done || !before.EndsAll() || before.Device != "Firefox on Linux" || !before.At.Equal(w.clock()) {
		t.Fatalf("%+v, %v", before, err)
	}
	if owner.session() == nil || thief.session() == nil {
		t.Fatal("looking ended something")
	}
	v := w.disown(notice)
	if owner.session() != nil || thief.session() != nil || !v.Done || !v.Reset {
		t.Errorf("sessions go on, told %+v", v)
	}
	if account, err := w.engine.Account(t.Context(), dana); err != nil || account.Sessions != 0 {
		t.Errorf("%d sessions, that of %+v among them; %v", account.Sessions, app.client, err)
	}
	confirmation := w.about(dana, flows.NoticeSessionsEnded)
	if confirmation.NotMe != "" {
		t.Error("the confirmation can be disowned in turn")
	}
	w.browser().resetPassword(dana, newSecret).at(flows.Done)
	later := w.browser().signInWithPassword(dana, newSecret).at(flows.Done)
	if again := w.disown(notice); !again.Done || again.Reset {
		t.Errorf("pressed again, told %+v", again)
	}
	if later.session() == nil || w.noticed(dana, flows.NoticeSessionsEnded) != 1 {
		t.Error("pressing again did something")
	}
	w.browser().signInWithPassword(dana, newSecret).at(flows.Done)
}

func TestAnOldLetterLeavesALaterPasswordAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
	notice := w.about(dana, flows.NoticeNewDevice)
	w.wait(time.Hour)
	w.browser().resetPassword(dana, newSecret).at(flows.Done)
	if v := w.disown(notice); v.Reset {
		t.Errorf("told %+v", v)
	}
	w.browser().signInWithPassword(dana, newSecret).at(flows.Done)
}

func TestAPasswordThatAThiefChoseIsLocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	w.wait(time.Hour)
	thief := w.browser().resetPassword(dana, newSecret).at(flows.Done)
	if v := w.disown(w.about(dana, flows.NoticePasswordReset)); !v.Reset || thief.session() != nil {
		t.Errorf("told %+v", v)
	}
	w.browser().signInWithPassword(dana, newSecret).refused(flows.PairWrong)
}

func TestSayingNotMeOfGuessesOpensTheWayInAndNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) { c.HardCap = 10 })
	owner := w.browser().signUpWithPassword(dana, longSecret)
	for range 11 {
		w.browser().signInWithPassword(dana, "wrong wrong wrong wrong")
	}
	w.wait(24 * time.Hour) // the rate is back, the row of failures is not
	w.browser().signInWithPassword(dana, longSecret).refused(flows.Exhausted)
	v := w.disown(w.about(dana, flows.NoticeGuessing))
	if !v.Unlocks() || v.Reset || v.EndsAll() {
		t.Errorf("told %+v", v)
	}
	w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
	if owner.cookie = ""; w.noticed(dana, flows.NoticeSessionsEnded) != 0 {
		t.Error("sessions were ended")
	}
}

func TestWhatCannotBeDisownedIsOneAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, watch)
	w.browser().signUpWithPassword(dana, longSecret)
	w.wait(time.Hour)
	w.browser().signInWithCode(dana).at(flows.Done)
	code, notice := w.about(dana, flows.CodeSignIn), w.about(dana, flows.NoticeNewDevice)
	other := *w.site
	other.Origin = "https://other.example.com"
	gone := func(name string, site *flows.Site, token string) {
		t.Helper()
		_, err := w.engine.Disown(t.Context(), flows.Caller{Site: site}, token)
		_, lookErr := w.engine.LookDisown(t.Context(), flows.Caller{Site: site}, token)
		if !errors.Is(err, flows.ErrNothingToDisown) || !errors.Is(lookErr, flows.ErrNothingToDisown) {
			t.Errorf("%s: %v and %v", name, err, lookErr)
		}
	}
	gone("none", w.site, "")
	gone("unknown", w.site, "Zk3v9aQ81xZk3v9aQ81xZk3v9aQ81xZk3v9aQ81xZk3v")
	gone("no name", w.site, "../user/1\x00")
	gone("another site's", &other, code.NotMe)
	gone("cut short", w.site, code.NotMe[:42])
	w.wait(time.Hour)
	gone("a code's whose flow is over", w.site, code.NotMe)
	w.wait(7*24*time.Hour - 2*time.Hour)
	if _, err := w.lookDisown(notice.NotMe); err != nil {
		t.Errorf("a notice of this week: %v", err)
	}
	w.changeUser(func(u *flows.User) { u.Disabled = true })
	gone("a disabled account's", w.site, notice.NotMe)
	w.changeUser(func(u *flows.User) { u.Disabled = false })
	w.wait(time.Hour)
	gone("a notice of a week ago", w.site, notice.NotMe)
}

// For an address without an account the same is written, and nothing can be undone.
func TestNoLetterToAStrangerCanBeDisowned(t *testing.T) {
	t.Parallel()
	count := func(kind flows.Kind, known bool) (n [3]int) {
		w := newWorld(t)
		if known {
			w.browser().signUpWithPassword(dana, longSecret)
			w.wait(2 * time.Hour)
		}
		before := [3]int{len(w.records("not-me/")), len(w.records("letter/")), len(w.records("delivery/"))}
		w.browser().start(kind, flows.Identify{Email: dana}).at(flows.AskCode)
		if l := w.letters[len(w.letters)-1]; (l.NotMe != "") != known || l.Medium != send.Email {
			t.Errorf("%s, known %v: the letter's token is %q", kind, known, l.NotMe)
		}
		after := [3]int{len(w.records("not-me/")), len(w.records("letter/")), len(w.records("delivery/"))}
		for i := range after {
			n[i] = after[i] - before[i]
		}
		return n
	}
	for _, kind := range []flows.Kind{flows.SignIn, flows.SignUp} {
		if known, unknown := count(kind, true), count(kind, false); !reflect.DeepEqual(known, unknown) || known != [3]int{1, 1, 1} {
			t.Errorf("%s: %v are written for an account and %v for none", kind, known, unknown)
		}
	}
}

func TestATextMessageCarriesNoLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana).enrolPhone(danaPhone)
	if l := w.letter(danaPhone); l.NotMe != "" || l.Series == "" {
		t.Errorf("the letter is %+v", l)
	}
}
