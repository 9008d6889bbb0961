package flows_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

const transfer = "POST /transfer?to=3"

var otpOnce = policy.Need(policy.OTP, 0).Once()

// member signs somebody up and in with a password.
func (b *browser) member() *browser {
	b.t.Helper()
	return b.signUpWithPassword(dana, longSecret).signInWithPassword(dana, longSecret).at(flows.Done)
}

// approve proves a second channel for an action.
func (b *browser) approve(action string) *browser {
	b.t.Helper()
	b.target, b.demand = flows.Target{ReturnTo: "/", Action: action}, otpOnce
	b.start(flows.StepUp, flows.Open{}).at(flows.Confirm)
	b.submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.Done)
	b.target, b.demand = flows.Target{}, policy.Floor
	return b
}

func (b *browser) mayOnce(action string) bool {
	b.t.Helper()
	live := b.session()
	if live == nil {
		b.t.Fatal("nobody is signed in")
	}
	may, err := b.engine.UsePermit(b.t.Context(), &live.Session, action, otpOnce)
	if err != nil {
		b.t.Fatal(err)
	}
	return may
}

func TestWhatIsApprovedOpensThatOneRequestOneTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().member()
	if b.mayOnce(transfer) {
		t.Fatal("nothing was approved")
	}
	b.approve(transfer)
	for _, other := range []string{"POST /transfer?to=4", "POST /transfer", "GET /transfer?to=3", "*", ""} {
		if b.mayOnce(other) {
			t.Errorf("approved %s, and %q is open", transfer, other)
		}
	}
	if !b.mayOnce(transfer) {
		t.Fatal("what was approved is not open")
	}
	if b.mayOnce(transfer) {
		t.Fatal("what was approved once is open twice")
	}
}

func TestOfManyRequestsAtOnceOneUsesThePermit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().member().approve(transfer)
	session := b.session().Session
	var let atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if may, err := w.engine.UsePermit(t.Context(), &session, transfer, otpOnce); may && err == nil {
				let.Add(1)
			}
		})
	}
	all.Wait()
	if let.Load() != 1 {
		t.Errorf("%d requests went through", let.Load())
	}
}

func TestAPermitIsWorthNothingLaterElsewhereOrToOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().member().approve(transfer)
	other := w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
	if other.mayOnce(transfer) {
		t.Error("another sign-in of the same person used the permit")
	}
	w.wait(flows.HeldLife + time.Millisecond)
	if b.mayOnce(transfer) {
		t.Error("the permit is good for longer than it should be")
	}
	b.approve(transfer)
	session := b.session().Session
	stricter := policy.Need(policy.SMSProof, 0).Once()
	if may, err := w.engine.UsePermit(t.Context(), &session, transfer, stricter); may || err != nil {
		t.Errorf("a code by mail passed for a text message: %v", err)
	}
	if !b.mayOnce(transfer) {
		t.Error("a demand that the permit did not meet has used it up")
	}
}

func TestAStepUpForSomethingElseApprovesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().member()
	b.wait(time.Hour / 2)
	b.target, b.demand = flows.Target{ReturnTo: "/", Action: transfer}, policy.Need(policy.OTP, time.Minute)
	b.start(flows.StepUp, flows.Open{}).at(flows.Confirm)
	b.submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.Done)
	if b.mayOnce(transfer) {
		t.Error("a step-up whose target asks for nothing each time has made a permit")
	}
}

func TestASignInForAnActionApprovesItWithWhatItProved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	b := w.browser()
	b.target, b.demand = flows.Target{ReturnTo: "/", Action: transfer}, otpOnce
	b.signInWithPassword(dana, longSecret).at(flows.AskCode)
	if got := b.letter(dana).Target.Action; got != transfer {
		t.Errorf("the letter is for %q", got)
	}
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.Done)
	if !b.mayOnce(transfer) || b.mayOnce(transfer) {
		t.Error("the sign-in did not approve its action once")
	}
}

func TestATokenMadeWithProofForItOpensOneRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	app := w.native()
	app.demand = otpOnce
	app.start(flows.SignIn, flows.Identify{Email: dana, ByPassword: true}).at(flows.Choose)
	app.submit(flows.UsePassword{}).at(flows.AskPassword)
	app.submit(flows.GivePassword{Password: longSecret}).at(flows.Choose)
	app.submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
	app.submit(flows.GiveCode{Code: app.code(dana)}).at(flows.Done)
	session := app.opened.Session
	for i, want := range []bool{true, false} {
		may, err := w.engine.UsePermit(t.Context(), session, "DELETE /anything", otpOnce)
		if may != want || err != nil {
			t.Errorf("request %d: %v, %v", i+1, may, err)
		}
	}
	// Tokens last: what is asked for each time is asked for at the request.
	if _, err := w.engine.Refresh(t.Context(), app.caller(), app.opened.Refresh); err != nil {
		t.Errorf("the token cannot be refreshed: %v", err)
	}
}
