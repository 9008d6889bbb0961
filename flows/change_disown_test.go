package flows_test

import (
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/policy"
)

// moved has a thief, who can prove all that the account has, move it to their own mailbox.
func (w *world) moved() (owner, thief *browser) {
	w.t.Helper()
	owner = accounts["password"](w)
	thief = w.browser().signInWithPassword(dana, longSecret).at(flows.Done).change(flows.ChangeEmail).proved().at(flows.AskEmail)
	thief.submit(flows.GiveEmail{Email: newAddress}).at(flows.AskCode)
	return owner, thief.submit(flows.GiveCode{Code: thief.code(newAddress)}).at(flows.Done)
}

// Who reads the mail of the old address can end what goes on, and is shown that address
// and never the new one: it may be somebody else's mailbox by now.
func TestTheReaderOfTheOldAddressEndsAllAndNeverLearnsTheNewOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, thief := w.moved()
	for _, purpose := range []flows.Purpose{flows.NoticeEmailChanged, flows.CodeChange, flows.NoticeNewDevice} {
		view, err := w.lookDisown(w.about(dana, purpose).NotMe)
		if err != nil || view.Email != dana {
			t.Errorf("%s shows %q, %v", purpose, view.Email, err)
		}
	}
	if view, err := w.lookDisown(w.about(newAddress, flows.NoticeEmailChanged).NotMe); err != nil || view.Email != newAddress {
		t.Errorf("the new address is shown %q, %v", view.Email, err)
	}
	view := w.disown(w.about(dana, flows.NoticeEmailChanged))
	if view.Email != dana || !view.Done || !view.Reset || !view.EndsAll() {
		t.Errorf("told %+v", view)
	}
	if thief.session() != nil {
		t.Error("the thief is still there")
	}
	w.browser().signInWithPassword(newAddress, longSecret).refused(flows.PairWrong)
}

func TestAPasswordThatAThiefChoseInAChangeIsLockedByWhoeverSaysNotMe(t *testing.T) {
	t.Parallel()
	for _, purpose := range []flows.Purpose{flows.CodeChange, flows.NoticePasswordChanged} {
		w := newWorld(t)
		owner := accounts["password"](w)
		thief := w.browser().signInWithPassword(dana, longSecret).at(flows.Done).change(flows.ChangePassword).proved().at(flows.AskNewPassword)
		thief.submit(flows.SetPassword{Password: newSecret}).at(flows.Done)
		if owner.session() != nil {
			t.Error("the owner's session goes on")
		}
		if err := w.engine.EndSession(t.Context(), thief.caller(), thief.session().SID); err != nil { // to leave no trace
			t.Fatal(err)
		}
		if view := w.disown(w.about(dana, purpose)); !view.Reset {
			t.Errorf("%s: told %+v", purpose, view)
		}
		if thief.session() != nil {
			t.Errorf("%s: the thief is still there", purpose)
		}
		w.browser().signInWithPassword(dana, newSecret).refused(flows.PairWrong)
		w.browser().resetPassword(dana, longSecret).at(flows.Done)
	}
	// Of one that was added there is only the notice, and the code.
	w := newWorld(t)
	accounts["mailbox"](w)
	thief := w.browser().signInWithCode(dana).at(flows.Done).change(flows.ChangePassword).at(flows.AskNewPassword)
	thief.submit(flows.SetPassword{Password: newSecret}).at(flows.Done)
	if view := w.disown(w.about(dana, flows.NoticePasswordAdded)); !view.Reset || !view.EndsAll() || thief.session() != nil {
		t.Errorf("told %+v", view)
	}
	w.browser().signInWithPassword(dana, newSecret).refused(flows.PairWrong)
}

func TestSayingNotMeOfTheCodeOfAChangeEndsItAndTheSessionItCameFrom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := accounts["mailbox"](w)
	thief := w.browser().signInWithCode(dana).at(flows.Done).rested()
	thief.change(flows.ChangeEmail).proved().at(flows.AskEmail)
	w.disown(w.about(dana, flows.CodeChange))
	if thief.session() != nil || owner.session() == nil {
		t.Error("the wrong session has ended")
	}
	if thief.submit(flows.GiveEmail{Email: newAddress}); thief.refusal == nil {
		t.Error("the change goes on")
	}
}

func TestNoticesOfChangesEndAllSessionsOfWhoeverSaysNotMe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := accounts["password+phone"](w).change(flows.ChangePhone).proved().at(flows.AskPhone)
	b.submit(flows.GivePhone{Phone: newPhone}).at(flows.AskCode).submit(flows.GiveCode{Code: b.code(newPhone)}).at(flows.Done)
	if view := w.disown(w.about(dana, flows.NoticePhoneChanged)); !view.EndsAll() || b.session() != nil {
		t.Errorf("told %+v", view)
	}
}

// The text to the old number is best effort: who has lost their budget of texts may
// change their number all the same, and is told by mail.
func TestABudgetThatIsSpentKeepsNobodyFromChangingTheirNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) { c.NumberBudget = limit.Rate{Burst: 1, Every: time.Hour} })
	b := accounts["phone"](w).change(flows.ChangePhone).proved().at(flows.AskPhone)
	b.submit(flows.GivePhone{Phone: newPhone}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(newPhone)}).at(flows.Done)
	if w.noticed(danaPhone, flows.NoticePhoneChanged) != 0 || w.noticed(dana, flows.NoticePhoneChanged) != 1 {
		t.Error("told otherwise")
	}
	if at, _ := b.session().Proof.At(policy.SMSCode); !at.Equal(w.clock()) {
		t.Error("it was not changed")
	}
}

// Notices of texts cost what texts cost.
func TestTheTextToTheOldNumberIsPaidForLikeAnyText(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) { c.TextsHour = 4 })
	b := accounts["phone"](w)
	w.now = w.now.Truncate(time.Hour).Add(2 * time.Hour)
	b.signInWithCode(dana).at(flows.Done)
	b.change(flows.ChangePhone).proved().at(flows.AskPhone).submit(flows.GivePhone{Phone: newPhone}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(newPhone)}).at(flows.Done)
	w.wait(time.Minute)
	b.demand = policy.Need(policy.SMSProof, time.Second)
	b.start(flows.StepUp, flows.Open{}).submit(flows.SendCode{Factor: policy.SMSCode}).at(flows.AskCode)
	w.wait(time.Minute)
	b.submit(flows.Resend{}).refused(flows.NumberPaused) // three codes and a notice
}
