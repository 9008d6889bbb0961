package flows_test

import (
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

func TestAPhoneIsNeverAddedWithHalfAnAccountsProof(t *testing.T) {
	t.Parallel()
	sms := policy.Need(policy.SMSProof, 0)

	t.Run("an account that has a phone gets no other", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		b := w.browser().signUpWithCode(dana).enrolPhone(danaPhone)
		b.start(flows.Enrol, flows.Open{}).at(flows.Stuck)
		if b.view.Why != flows.EnrolNotAllowed {
			t.Errorf("why: %s", b.view.Why)
		}
		b.submit(flows.GivePhone{Phone: "+447700900456"}).refused(flows.NotThisStep)
	})
	t.Run("a stolen password alone adds none", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.browser().signUpWithPassword(dana, longSecret)
		w.demand = sms
		b := w.browser().signInWithPassword(dana, longSecret).at(flows.AskCode)
		if b.view.Factor != policy.EmailCode {
			t.Fatalf("asked for %s, want the mailbox first", b.view.Factor)
		}
		b.submit(flows.GivePhone{Phone: danaPhone}).refused(flows.NotThisStep)
		b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.AskPhone)
	})
	t.Run("an old session's cookie alone adds none", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		b := w.browser().signUpWithCode(dana)
		w.wait(16 * time.Minute)
		w.demand = sms
		b.start(flows.StepUp, flows.Open{}).at(flows.Confirm)
		if !b.view.ThenPhone {
			t.Error("nobody is told that a phone is to be added after this")
		}
		b.submit(flows.GivePhone{Phone: danaPhone}).refused(flows.NotThisStep)
		b.submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
		b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.AskPhone)
	})
	t.Run("two flows at once add one", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		b := w.browser().signUpWithCode(dana)
		w.demand = sms
		other := *b
		b.start(flows.StepUp, flows.Open{}).submit(flows.GivePhone{Phone: danaPhone}).at(flows.AskCode)
		other.start(flows.StepUp, flows.Open{}).submit(flows.GivePhone{Phone: "+447700900456"}).at(flows.AskCode)
		b.submit(flows.GiveCode{Code: b.code(danaPhone)}).at(flows.Done)
		other.submit(flows.GiveCode{Code: b.code("+447700900456")}).at(flows.AskCode)
		if other.view.Enrolling || other.view.Phone != "23" {
			t.Fatalf("asked for a code to %q, want the account's own phone", other.view.Phone)
		}
	})
	t.Run("without a session there is no step-up and no enrolment", func(t *testing.T) {
		t.Parallel()
		b := newWorld(t).browser()
		b.start(flows.Enrol, flows.Open{}).refused(flows.SignInFirst)
		b.start(flows.StepUp, flows.Open{}).refused(flows.SignInFirst)
	})
}

func TestTheGateToAddingAPhoneIsJudgedWhenItIsAdded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().signUpWithCode(dana)
	w.demand = policy.Need(policy.SMSProof, 0)
	b.start(flows.StepUp, flows.Open{}).at(flows.AskPhone)
	w.wait(5*time.Minute + time.Second)
	b.submit(flows.GivePhone{Phone: danaPhone}).at(flows.AskCode)
	if b.view.Enrolling || b.view.Factor != policy.EmailCode {
		t.Fatalf("a number was taken long after the last proof: %+v", b.view)
	}
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.AskPhone)
	b.submit(flows.GivePhone{Phone: danaPhone}).at(flows.AskCode)
	if !b.view.Enrolling {
		t.Fatal("not enrolling after a fresh proof")
	}
	b.submit(flows.GiveCode{Code: b.code(danaPhone)}).at(flows.Done)
}
