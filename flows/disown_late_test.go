package flows_test

import (
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// wrongUntilClosed gives wrong codes until the flow has no way on.
func (b *browser) wrongUntilClosed(to string) {
	b.t.Helper()
	for range 100 {
		b.submit(flows.GiveCode{Code: wrong(b.code(to))})
		switch {
		case b.refusal.Code == flows.CodeSpent:
			b.wait(time.Minute)
			b.submit(flows.Resend{}).at(flows.AskCode)
		case b.refusal.Code != flows.CodeWrong:
			b.submit(flows.GiveCode{Code: wrong(b.code(to))}).refused(flows.FlowGone)
			return
		}
	}
	b.t.Fatal("the flow was never closed")
}

// The mail with the code of a reset is older than the password that was chosen by it.
func TestTheMailOfAResetsCodeLocksThePasswordThatWasChosen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		phone   bool
		between func(*world, *browser)
		locked  bool
	}{
		"at once": {false, func(*world, *browser) {}, true},
		"after everything has been ended once more": {false, func(w *world, _ *browser) {
			w.disown(w.about(dana, flows.NoticeNewDevice))
		}, true},
		"with the flow closed": {true, func(_ *world, thief *browser) {
			thief.at(flows.AskCode).wrongUntilClosed(danaPhone)
		}, true},
		"after the owner's own reset": {false, func(w *world, _ *browser) {
			w.wait(time.Minute)
			w.browser().resetPassword(dana, newSecret).at(flows.Done)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sendMuch)
			owner := w.browser().signUpWithPassword(dana, longSecret)
			if c.phone {
				owner.enrolPhoneByPassword(danaPhone)
				w.demand = policy.Need(policy.SMSProof, 0)
			} else {
				w.browser().signInWithCode(dana).at(flows.Done)
			}
			w.wait(time.Hour)
			thief := w.browser().resetPassword(dana, newSecret)
			letter := w.about(dana, flows.CodeReset)
			c.between(w, thief)
			if v := w.disown(letter); !v.Done || v.Reset != c.locked || thief.session() != nil {
				t.Errorf("told %+v, and the thief's session is %v", v, thief.session())
			}
			w.demand = policy.Floor
			again := w.browser().signInWithPassword(dana, newSecret)
			if c.locked {
				again.refused(flows.PairWrong)
			} else {
				again.at(flows.Done)
			}
		})
	}
}

func TestSayingNotMeOfAStepUpEndsItsSessionAlsoOnceTheStepUpIsClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sendMuch)
	owner := w.browser().signUpWithPassword(dana, longSecret)
	w.wait(30 * time.Minute)
	owner.session()
	thief := w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
	w.demand = otp
	thief.start(flows.StepUp, flows.Open{}).submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
	letter := w.about(dana, flows.CodeStepUp)
	thief.wrongUntilClosed(dana)
	v := w.disown(letter)
	w.demand = policy.Floor
	if thief.session() != nil || owner.session() == nil || !v.Done || !v.Reset {
		t.Errorf("the thief's session: %v, the owner's: %v, told %+v", thief.session(), owner.session(), v)
	}
}

func TestTheBrowserOfADisownedAttemptIsForgotten(t *testing.T) {
	t.Parallel()
	for name, closed := range map[string]bool{"under way": false, "closed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sendMuch)
			w.browser().signUpWithPassword(dana, longSecret)
			thief := w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
			w.demand = otp
			thief.start(flows.StepUp, flows.Open{}).submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
			letter := w.about(dana, flows.CodeStepUp)
			if closed {
				thief.wrongUntilClosed(dana)
			}
			w.disown(letter)
			w.wait(24 * time.Hour)
			w.demand = policy.Floor
			n := w.noticed(dana, flows.NoticeNewDevice)
			thief.signInWithCode(dana).at(flows.Done)
			if again := w.noticed(dana, flows.NoticeNewDevice) - n; again != 1 {
				t.Errorf("%d notices when it was used again", again)
			}
		})
	}
}

// The notice of a sign-in by code is older than a password that was proved after it.
func TestAPasswordThatWasProvedAfterTheNoticeIsLocked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		then   func(*world, *browser)
		locked bool
	}{
		"nothing proved":      {func(*world, *browser) {}, false},
		"in the session":      {func(_ *world, thief *browser) { thief.withPassword() }, true},
		"and then signed out": {func(_ *world, thief *browser) { thief.signOut(thief.withPassword()) }, true},
		"with the cookie elsewhere": {func(w *world, thief *browser) {
			other := w.browser()
			other.cookie = thief.cookie
			other.withPassword()
		}, true},
		"and replaced since then": {func(w *world, thief *browser) {
			thief.withPassword()
			w.browser().resetPassword(dana, longSecret).at(flows.Done)
		}, false},
		"by the owner, in a browser of theirs": {func(w *world, _ *browser) {
			w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.browser().signUpWithPassword(dana, longSecret)
			w.wait(24 * time.Hour)
			thief := w.browser().signInWithCode(dana).at(flows.Done)
			letter := w.about(dana, flows.NoticeNewDevice)
			c.then(w, thief)
			if v := w.disown(letter); v.Reset != c.locked {
				t.Errorf("told %+v", v)
			}
			again := w.browser().signInWithPassword(dana, longSecret)
			if c.locked {
				again.refused(flows.PairWrong)
			} else {
				again.at(flows.Done)
			}
		})
	}
}

// withPassword steps up by the password.
func (b *browser) withPassword() *browser {
	b.t.Helper()
	b.demand = policy.Need(policy.PasswordProof, 0)
	b.start(flows.StepUp, flows.Open{}).submit(flows.UsePassword{}).at(flows.AskPassword)
	b.submit(flows.GivePassword{Password: longSecret}).at(flows.Done)
	b.demand = policy.Floor
	return b
}

func TestAPasswordProvedInTheSessionThatADisownedCodeOpenedIsLocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	w.wait(24 * time.Hour)
	thief := w.browser().signInWithCode(dana).at(flows.Done)
	letter := w.about(dana, flows.CodeSignIn)
	thief.withPassword()
	if v := w.disown(letter); !v.Reset || thief.session() != nil {
		t.Errorf("told %+v", v)
	}
	w.browser().signInWithPassword(dana, longSecret).refused(flows.PairWrong)
}

func (w *world) signOut(b *browser) {
	w.t.Helper()
	if err := w.engine.SignOut(w.t.Context(), &b.session().Session); err != nil {
		w.t.Fatal(err)
	}
}

// Otherwise whoever holds only the mailbox could take the second factor away.
func TestSayingNotMeOfAPhoneEndsEverythingAndLeavesThePhone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := w.browser().signUpWithPassword(dana, longSecret)
	owner.enrolPhoneByPassword(danaPhone)
	v := w.disown(w.about(dana, flows.NoticePhoneAdded))
	account, err := w.engine.Account(t.Context(), dana)
	if err != nil {
		t.Fatal(err)
	}
	if !v.EndsAll() || !v.Reset || owner.session() != nil || !account.Factors.Has(policy.SMSCode) {
		t.Errorf("told %+v, factors left are %v", v, account.Factors.Slice())
	}
}
