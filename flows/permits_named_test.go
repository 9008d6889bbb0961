package flows_test

import (
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// A code approves a request only if its message could say so: while it was on its way the
// rules may have come to ask for more.
func TestACodeApprovesOnlyWhatItsMessageNames(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]policy.Demand{"named": otpOnce, "not named": policy.Floor} {
		w := newWorld(t)
		w.browser().signUpWithPassword(dana, longSecret)
		b := w.browser()
		b.target, b.demand = flows.Target{ReturnTo: "/", Action: transfer, Label: "Transfers"}, before
		b.start(flows.SignIn, flows.Identify{Email: dana}).at(flows.AskCode)
		if letter := b.letter(dana); letter.Once != (before == otpOnce) {
			t.Errorf("%s: the letter says so: %v", name, letter.Once)
		}
		b.demand = otpOnce
		b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.AskPassword)
		b.submit(flows.GivePassword{Password: longSecret}).at(flows.Done)
		if got := b.mayOnce(transfer); got != (before == otpOnce) {
			t.Errorf("%s: approved: %v", name, got)
		}
		b.approve(transfer)
		if !b.mayOnce(transfer) {
			t.Errorf("%s: a code that names it does not approve it", name)
		}
	}
}

// Whoever has proved nothing can have come from any address, with any words in it, and can
// type anybody's.
func TestAFirstFactorsMessageRepeatsNoWordsOfAStranger(t *testing.T) {
	t.Parallel()
	for _, kind := range []flows.Kind{flows.SignIn, flows.SignUp, flows.Reset} {
		w := newWorld(t)
		w.browser().signUpWithPassword(dana, longSecret)
		b := w.browser()
		b.target, b.demand = flows.Target{ReturnTo: "/", Action: transfer}, otpOnce
		b.start(kind, flows.Identify{Email: dana}).at(flows.AskCode)
		if letter := b.letter(dana); letter.Once || letter.Code == "" {
			t.Errorf("%s: it names %q", kind, letter.Target.Action)
		}
	}
}

// The newest code counts: one that names the action makes up for one that did not.
func TestACodeThatNamesTheActionMakesUpForOneThatDidNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().member()
	b.target, b.demand = flows.Target{ReturnTo: "/", Action: transfer}, policy.Need(policy.EmailProof, 0)
	b.start(flows.StepUp, flows.Open{}).at(flows.Confirm)
	b.submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
	b.wait(31 * time.Second)
	b.demand = otpOnce
	b.submit(flows.Resend{}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.Done)
	if !b.letter(dana).Once || !b.mayOnce(transfer) {
		t.Error("the second code does not approve what its message names")
	}
}

// So does one that is asked for later in the same flow.
func TestAFactorThatIsProvedAgainByACodeThatNamesTheActionApprovesIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	b := w.browser()
	b.target, b.demand = flows.Target{ReturnTo: "/", Action: transfer}, policy.Need(policy.OTP, 0)
	b.start(flows.SignIn, flows.Identify{Email: dana}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.AskPassword)
	b.wait(2 * time.Minute)
	b.demand = policy.Need(policy.EmailProof, time.Minute).Once().Join(otpOnce)
	b.submit(flows.GivePassword{Password: longSecret}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.Done)
	if !b.mayOnce(transfer) {
		t.Error("the second code does not approve what its message names")
	}
}

func TestOnlyACodeForOneRequestSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().member()
	for _, c := range []struct {
		action string
		demand policy.Demand
		want   bool
	}{{transfer, otpOnce, true}, {"", otpOnce, false}, {transfer, policy.Need(policy.EmailProof, 0), false}} {
		b.wait(31 * time.Second)
		b.target, b.demand = flows.Target{ReturnTo: "/", Action: c.action}, c.demand
		b.start(flows.StepUp, flows.Open{}).at(flows.Confirm)
		b.submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
		if got := b.letter(dana).Once; got != c.want {
			t.Errorf("%q with %v: %v", c.action, c.demand, got)
		}
	}
	const ed = "ed@example.com"
	b = w.browser().signUpWithCode(ed)
	b.target, b.demand = flows.Target{ReturnTo: "/", Action: transfer}, policy.Need(policy.SMSProof, 0).Once()
	b.start(flows.StepUp, flows.Open{}).at(flows.AskPhone)
	b.submit(flows.GivePhone{Phone: danaPhone}).at(flows.AskCode)
	if !b.letter(danaPhone).Once {
		t.Error("the code for a phone that is being added does not say so")
	}
	b.submit(flows.GiveCode{Code: b.code(danaPhone)}).at(flows.Done)
	if notice := b.letter(ed); notice.Purpose != flows.NoticePhoneAdded || notice.Once {
		t.Errorf("a notice says that it approves something: %+v", notice)
	}
}
