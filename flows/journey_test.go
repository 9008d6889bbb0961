package flows_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/policy"
)

func TestSigningUpWithACodeOpensASession(t *testing.T) {
	t.Parallel()
	b := newWorld(t).browser().signUpWithCode(dana)
	live := b.session()
	if live == nil || live.Email != dana || live.Opened != policy.EmailCode {
		t.Fatalf("session is %+v", live)
	}
	if live.Proof.TwoChannels() {
		t.Error("one mailbox counted as two channels")
	}
	if b.view.Opened != nil && b.view.Opened.ID == "" {
		t.Error("no id for the cookie")
	}
}

func TestAccountsAreThereOnceSomebodySignedUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if has, err := w.engine.HasAccounts(t.Context()); has || err != nil {
		t.Fatalf("before: %v, %v", has, err)
	}
	w.browser().signUpWithCode(dana)
	if has, err := w.engine.HasAccounts(t.Context()); !has || err != nil {
		t.Fatalf("after: %v, %v", has, err)
	}
}

func TestAPasswordChosenAtSignUpSignsIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	b := w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
	if live := b.session(); live == nil || live.Opened != policy.Password {
		t.Fatalf("session is %+v", live)
	}
	w.browser().signInWithPassword(dana, longSecret+"x").refused(flows.PairWrong)
}

// Choosing a password proves nothing: whoever holds only the mailbox could do it.
func TestAPasswordChosenAtSignUpIsNoSecondChannel(t *testing.T) {
	t.Parallel()
	b := newWorld(t).browser().signUpWithPassword(dana, longSecret)
	if b.session().Proof.TwoChannels() {
		t.Fatal("a mailbox and a password just chosen through it count as two channels")
	}
}

func TestASignUpOnItsWaySomewhereSensitiveAsksForNothingTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.demand = policy.Need(policy.SMSProof, 15*time.Minute).Join(policy.Need(policy.OTP, 0))
	b := w.browser().start(flows.SignUp, flows.Identify{Email: dana}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.AskNewPassword)
	b.submit(flows.SetPassword{Password: longSecret}).at(flows.AskPhone)
	if b.view.Kind != flows.SignUp {
		t.Errorf("the flow calls itself a %s", b.view.Kind)
	}
	b.submit(flows.GivePhone{Phone: danaPhone}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(danaPhone)}).at(flows.Done)
	if live := b.session(); live == nil || !live.Proof.TwoChannels() {
		t.Fatal("two channels were proved, and the session does not say so")
	}
}

func TestSteppingUpEnrolsAPhoneAtFirstNeed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().signUpWithCode(dana)
	before := b.cookie
	b.enrolPhone(danaPhone)
	live := b.session()
	if live == nil || !live.Proof.TwoChannels() {
		t.Fatal("no second channel after the step-up")
	}
	if b.cookie == before {
		t.Error("the session kept its id through a rise")
	}
	if l := b.letter(dana); l.Purpose != flows.NoticePhoneAdded {
		t.Errorf("the mailbox was told %s, want the new phone", l.Purpose)
	}
	if l := b.letter(danaPhone); l.Medium != send.SMS || l.Purpose != flows.CodeEnrol {
		t.Errorf("the phone got %s by %s", l.Purpose, l.Medium)
	}
}

func TestASecondSignInToASensitiveTargetGoesOnIntoTheSecondFactor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana).enrolPhone(danaPhone)
	w.demand = policy.Need(policy.OTP, 15*time.Minute)
	b := w.browser().signInWithCode(dana).at(flows.AskCode)
	if b.session() != nil {
		t.Fatal("a session was opened before the second factor")
	}
	if b.view.Factor != policy.SMSCode || b.view.Phone != "23" {
		t.Fatalf("asked for %s to %q", b.view.Factor, b.view.Phone)
	}
	b.submit(flows.GiveCode{Code: b.code(danaPhone)}).at(flows.Done)
	if !b.session().Proof.TwoChannels() {
		t.Fatal("two channels were proved, and the session does not say so")
	}
}

func TestPasswordThenEmailCodeAreTwoChannelsInEitherOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	w.demand = policy.Need(policy.OTP, 15*time.Minute)

	b := w.browser().signInWithPassword(dana, longSecret).at(flows.AskCode)
	w.wait(time.Second)
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.Done)
	if opened := b.session().Opened; opened != policy.Password {
		t.Errorf("a sign-in that began with the password says it was opened by %s", opened)
	}

	w.wait(time.Hour)
	b = w.browser().signInWithCode(dana).at(flows.AskPassword)
	w.wait(time.Second)
	b.submit(flows.GivePassword{Password: longSecret}).at(flows.Done)
	if live := b.session(); !live.Proof.TwoChannels() || live.Opened != policy.EmailCode {
		t.Fatalf("a mailbox and a password are two channels, the mailbox first: %+v", live.Session)
	}
}

func TestAStepUpSendsNothingBeforeItIsConfirmed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().signUpWithCode(dana).enrolPhone(danaPhone)
	w.wait(20 * time.Minute)
	w.demand = policy.Need(policy.SMSProof, 15*time.Minute)
	sent := w.sent()

	view, err := w.engine.Preview(t.Context(), b.caller(), flows.Target{ReturnTo: "/admin/"})
	if err != nil || view.Step != flows.Confirm || view.Factor != policy.SMSCode {
		t.Fatalf("preview is %+v, %v", view, err)
	}
	b.start(flows.StepUp, flows.Open{}).at(flows.Confirm)
	if w.sent() != sent {
		t.Fatal("a message went out before anybody asked for it")
	}
	b.submit(flows.SendCode{Factor: policy.SMSCode}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(danaPhone)}).at(flows.Done)
	if at, _ := b.session().Proof.At(policy.SMSCode); !at.Equal(w.clock()) {
		t.Error("the new proof is not in the session")
	}
	if at, _ := b.session().Proof.At(policy.EmailCode); at.Equal(w.clock()) {
		t.Error("the text message refreshed the e-mail code")
	}
}

func TestAnExistingAddressSignsInThroughSignUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	b := w.browser().start(flows.SignUp, flows.Identify{Email: "Dana@EXAMPLE.com."}).at(flows.AskCode)
	if l := b.letter(dana); l.Purpose != flows.CodeHaveAccount {
		t.Fatalf("the owner was told %s", l.Purpose)
	}
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.Done)
	if b.session().Email != dana {
		t.Fatal("another account was made")
	}
}

func TestAnUnknownAddressWalksAPhantomFlowThatCannotSucceed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	known := w.browser().start(flows.SignIn, flows.Identify{Email: dana}).at(flows.AskCode)
	unknown := w.browser().start(flows.SignIn, flows.Identify{Email: "nobody@example.com"}).at(flows.AskCode)
	if l := unknown.letter("nobody@example.com"); l.Purpose != flows.NoticeNoAccount || l.Code != "" {
		t.Errorf("an unknown address was sent %s with code %q", l.Purpose, l.Code)
	}
	known.view.Flow, unknown.view.Flow = "", ""
	known.view.Email, unknown.view.Email = "", ""
	if k, u := known.view, unknown.view; k.Step != u.Step || k.Factor != u.Factor || k.Sent != u.Sent || k.Expires != u.Expires || k.First != u.First {
		t.Errorf("the flows can be told apart:\n%+v\n%+v", k, u)
	}
	for range 4 {
		known.submit(flows.GiveCode{Code: "000000"})
		unknown.submit(flows.GiveCode{Code: "000000"})
		if !reflect.DeepEqual(known.refusal, unknown.refusal) {
			t.Fatalf("the refusals differ: %+v, %+v", known.refusal, unknown.refusal)
		}
	}
	w.browser().signInWithPassword("nobody@example.com", longSecret).refused(flows.PairWrong)
	w.browser().signInWithPassword(dana, longSecret).refused(flows.PairWrong) // has no password
}

func TestTwoTabsNeedOneCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	first := w.browser()
	first.start(flows.SignIn, flows.Identify{Email: dana}).at(flows.AskCode)
	second := &browser{world: w, secret: first.secret}
	second.start(flows.SignIn, flows.Identify{Email: dana}).at(flows.AskCode)
	first.submit(flows.GiveCode{Code: first.code(dana)}) // the second tab's code
	first.refused(flows.CodeWrong)
	second.submit(flows.GiveCode{Code: second.code(dana)}).at(flows.Done)

	first.cookie = second.cookie
	first.took(w.engine.Look(t.Context(), first.caller(), first.flow)).at(flows.Done)
	first.submit(flows.GiveCode{Code: "000000"}).at(flows.Done)
	if first.view.Opened != nil {
		t.Error("the second tab opened another session")
	}
}

func TestSigningInAsAnotherPersonEndsTheFirstSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode("kim@example.com")
	b := w.browser().signUpWithCode(dana)
	if !b.view.Opened.NewPerson {
		t.Error("the first sign-in of a browser is a new person to it")
	}
	first := *b
	b.signInWithCode("kim@example.com").at(flows.Done)
	if !b.view.Opened.NewPerson {
		t.Error("kim was taken for dana: the application's cookies would stay")
	}
	if first.session() != nil {
		t.Error("dana's session outlived kim's sign-in")
	}
	b.signInWithCode("kim@example.com").at(flows.Done)
	if b.view.Opened.NewPerson {
		t.Error("kim was taken for somebody new")
	}
}
