package flows_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// spend has an outsider use up all that can be tried at dana's codes and asked of her
// mailbox.
func (w *world) spendCodes() {
	w.t.Helper()
	for range 20 {
		b := w.browser().start(flows.SignIn, flows.Identify{Email: dana})
		for range 5 {
			if b.refusal == nil || b.refusal.Code == flows.CodeWrong {
				b.submit(flows.GiveCode{Code: wrong(b.code(dana))})
			}
		}
		w.wait(time.Minute)
	}
}

func (w *world) spendPasswords() {
	w.t.Helper()
	for range 20 {
		b := w.browser().start(flows.SignIn, flows.Identify{Email: dana, ByPassword: true})
		b.submit(flows.GivePassword{Password: "not it, not at all"})
	}
}

func TestAnAttackerWhoSpendsAWayLeavesTheOwnerTheOtherAndTheirOwnDevices(t *testing.T) {
	t.Parallel()
	owned := func(t *testing.T) (w *world, byCode, byPassword *browser) {
		w = newWorld(t)
		byCode = w.browser().signUpWithPassword(dana, longSecret)
		w.wait(2 * time.Hour)
		byPassword = w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
		byCode.cookie, byPassword.cookie = "", ""
		w.wait(24 * time.Hour)
		return w, byCode, byPassword
	}
	t.Run("codes", func(t *testing.T) {
		t.Parallel()
		w, _, _ := owned(t)
		w.spendCodes()
		w.browser().start(flows.SignIn, flows.Identify{Email: dana}).refused(flows.TooManySends)
		w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
	})
	t.Run("passwords", func(t *testing.T) {
		t.Parallel()
		w, _, _ := owned(t)
		w.spendPasswords()
		w.browser().signInWithPassword(dana, longSecret).refused(flows.TooManyTries)
		w.browser().signInWithCode(dana).at(flows.Done)
	})
	t.Run("everything", func(t *testing.T) {
		t.Parallel()
		w, byCode, byPassword := owned(t)
		w.spendPasswords()
		w.spendCodes()
		byCode.signInWithCode(dana).at(flows.Done)
		byPassword.signInWithPassword(dana, longSecret).at(flows.Done)
	})
}

func TestASecondFactorThatIsSpentLeavesTheFlowAndItsOtherWays(t *testing.T) {
	t.Parallel()
	// opened is a step-up at which a code by mail or the phone would do.
	opened := func(t *testing.T) *browser {
		w := newWorld(t, sendMuch)
		w.browser().signUpWithPassword(dana, longSecret).enrolPhoneByPassword(danaPhone)
		w.wait(24 * time.Hour)
		w.demand = policy.Floor
		b := w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
		w.demand = policy.Need(policy.OTP, 0)
		return b.start(flows.StepUp, flows.Open{}).at(flows.Confirm)
	}
	t.Run("a code", func(t *testing.T) {
		t.Parallel()
		b := opened(t)
		b.submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
		for b.refusal == nil || b.refusal.Code == flows.CodeWrong || b.refusal.Code == flows.CodeSpent {
			b.submit(flows.GiveCode{Code: wrong(b.code(dana))})
			if b.refusal.Code == flows.CodeSpent {
				b.submit(flows.Resend{}).at(flows.AskCode)
			}
		}
		b.refused(flows.TooManyTries)
		if b.view.Step != flows.AskCode || len(b.view.Options) != 2 || b.refusal.Wait <= 0 {
			t.Fatalf("at %q with %v, wait %v", b.view.Step, b.view.Options, b.refusal.Wait)
		}
		b.submit(flows.GiveCode{Code: b.code(dana)}).refused(flows.CodeExpired) // it died
		b.submit(flows.SendCode{Factor: policy.SMSCode}).at(flows.AskCode)
		b.submit(flows.GiveCode{Code: b.code(danaPhone)}).at(flows.Done)
	})
	t.Run("a password", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sendMuch)
		w.browser().signUpWithPassword(dana, longSecret).enrolPhoneByPassword(danaPhone)
		w.wait(24 * time.Hour)
		w.demand = policy.Floor
		b := w.browser().signInWithCode(dana).at(flows.Done)
		w.demand = policy.Need(policy.OTP, 0)
		w.spendPasswords()
		b.start(flows.StepUp, flows.Open{}).submit(flows.UsePassword{}).at(flows.AskPassword)
		b.submit(flows.GivePassword{Password: longSecret}).refused(flows.TooManyTries)
		b.submit(flows.SendCode{Factor: policy.SMSCode}).at(flows.AskCode)
		b.submit(flows.GiveCode{Code: b.code(danaPhone)}).at(flows.Done)
	})
	t.Run("the last way", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sendMuch)
		w.browser().signUpWithPassword(dana, longSecret)
		w.wait(24 * time.Hour)
		b := w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
		w.spendCodes()
		w.demand = policy.Need(policy.OTP, 0)
		b.start(flows.StepUp, flows.Open{}).submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
		b.submit(flows.GiveCode{Code: b.code(dana)}).refused(flows.TooManyTries)
		b.submit(flows.GiveCode{Code: b.code(dana)}).refused(flows.FlowGone)
	})
}

func TestUnlockingOpensEveryFactorToNewDevices(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sendMuch, guessMuch, func(c *flows.Config) {
		c.HardCap = 10
		c.PasswordBudget.Burst, c.PasswordBudget.Every = 1000, time.Second
	})
	w.browser().signUpWithPassword(dana, longSecret)
	w.wait(24 * time.Hour)
	w.spendPasswords()
	w.spendCodes()
	w.wait(30 * 24 * time.Hour)
	w.browser().signInWithCode(dana).refused(flows.Exhausted)
	w.browser().signInWithPassword(dana, longSecret).refused(flows.Exhausted)
	if err := w.engine.Unlock(t.Context(), " DANA@Example.com"); err != nil {
		t.Fatal(err)
	}
	w.browser().signInWithCode(dana).at(flows.Done)
	w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
	for _, nobody := range []string{"nobody@example.com", "not an address"} {
		if err := w.engine.Unlock(t.Context(), nobody); !errors.Is(err, flows.ErrNoAccount) {
			t.Errorf("%s: %v", nobody, err)
		}
	}
}

func TestUnlockingGivesARateBackAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sendMuch)
	w.browser().signUpWithCode(dana)
	w.wait(24 * time.Hour)
	w.spendCodes()
	w.browser().signInWithCode(dana).refused(flows.TooManyTries)
	if err := w.engine.Unlock(t.Context(), dana); err != nil {
		t.Fatal(err)
	}
	w.browser().signInWithCode(dana).at(flows.Done)
}

func TestOperatorsHearOnceAnHourThatAnAccountsTriesAreSpent(t *testing.T) {
	t.Parallel()
	told := map[flows.IncidentKind]int{}
	w := newWorld(t, sendMuch, func(c *flows.Config) {
		c.Observe = func(i flows.Incident) { told[i.Kind]++ }
	})
	w.browser().signUpWithPassword(dana, longSecret)
	w.wait(24 * time.Hour)
	w.spendCodes()
	w.spendPasswords()
	if told[flows.Guessing] != 1 || len(told) != 1 {
		t.Errorf("told %v, want one that somebody is guessing", told)
	}
}
