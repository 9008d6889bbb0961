package flows_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/policy"
)

// wrong is a code that is not the right one.
func wrong(right string) string {
	zeros := strings.Repeat("0", len(right))
	if right == zeros {
		return zeros[1:] + "1"
	}
	return zeros
}

// sendMuch lifts the budgets of messages to one person, for tests of others.
func sendMuch(c *flows.Config) {
	much := limit.Rate{Burst: 1000, Every: time.Second}
	c.SendBudget, c.AccountSendBudget = much, much
}

// codes is how many letters with a code were sent.
func (w *world) codes() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.letters {
		if l.Code != "" {
			n++
		}
	}
	return n
}

// guessMuch allows as many guesses as may ever be: with codes of eight digits.
func guessMuch(c *flows.Config) {
	c.CodeDigits, c.CodeBudget = 8, limit.Rate{Burst: 1000, Every: 30 * time.Second}
}

func TestACodeDiesAfterFiveWrongTriesEvenForTheRightOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	b := w.browser().start(flows.SignIn, flows.Identify{Email: dana})
	right := b.code(dana)
	for range 4 {
		b.submit(flows.GiveCode{Code: wrong(right)}).refused(flows.CodeWrong)
	}
	b.submit(flows.GiveCode{Code: wrong(right)}).refused(flows.CodeSpent)
	b.submit(flows.GiveCode{Code: right}).refused(flows.CodeSpent)
	w.wait(31 * time.Second)
	b.submit(flows.Resend{}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: right}).refused(flows.CodeWrong)
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.Done)
}

func TestGuessesAreCountedAcrossFlowsBrowsersAndResends(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sendMuch)
	w.browser().signUpWithCode(dana)
	judged := 0
	for range 30 {
		b := w.browser().start(flows.SignIn, flows.Identify{Email: dana}).at(flows.AskCode)
		for range 5 {
			b.submit(flows.GiveCode{Code: wrong(b.code(dana))})
			if b.refusal.Code != flows.CodeWrong && b.refusal.Code != flows.CodeSpent {
				break
			}
			judged++
		}
	}
	if judged != 10 {
		t.Fatalf("%d guesses were judged, want the account's ten", judged)
	}
	b := w.browser().start(flows.SignIn, flows.Identify{Email: dana})
	b.submit(flows.GiveCode{Code: b.code(dana)}).refused(flows.TooManyTries)
	b.submit(flows.GiveCode{Code: b.code(dana)}).refused(flows.FlowGone)
}

func TestTheOwnersKnownDeviceIsNotLockedOutByAnOutsider(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sendMuch)
	owner := w.browser().signUpWithCode(dana)
	for range 3 {
		b := w.browser().start(flows.SignIn, flows.Identify{Email: dana})
		for range 5 {
			b.submit(flows.GiveCode{Code: wrong(b.code(dana))})
		}
	}
	w.browser().signInWithCode(dana).refused(flows.TooManyTries)
	owner.cookie = ""
	owner.signInWithCode(dana).at(flows.Done)
}

func TestAHundredFailuresInARowEndGuessing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sendMuch, guessMuch)
	w.browser().signUpWithCode(dana)
	judged := 0
	for range 40 {
		b := w.browser().start(flows.SignIn, flows.Identify{Email: dana})
		for range 5 {
			b.submit(flows.GiveCode{Code: wrong(b.code(dana))})
			if b.refusal.Code == flows.CodeWrong || b.refusal.Code == flows.CodeSpent {
				judged++
			}
		}
	}
	if judged != 100 {
		t.Fatalf("%d failures in a row were judged, want 100", judged)
	}
}

func TestOfAHundredRightCodesAtOnceExactlyOneSucceeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	b := w.browser().start(flows.SignIn, flows.Identify{Email: dana})
	code, opened := b.code(dana), 0
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			view, err := w.engine.Submit(t.Context(), b.caller(), b.flow, flows.GiveCode{Code: code})
			mu.Lock()
			defer mu.Unlock()
			if err == nil && view.Opened != nil {
				opened++
			}
		})
	}
	wg.Wait()
	if opened != 1 {
		t.Fatalf("%d sessions were opened by one code", opened)
	}
}

func TestOfAHundredWrongCodesAtOnceExactlyFiveAreJudged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	b := w.browser().start(flows.SignIn, flows.Identify{Email: dana})
	code, counts := wrong(b.code(dana)), map[flows.RefusalCode]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			other := &browser{world: w, secret: b.secret, flow: b.flow}
			_, err := w.engine.Submit(t.Context(), other.caller(), b.flow, flows.GiveCode{Code: code})
			mu.Lock()
			defer mu.Unlock()
			if r, ok := err.(*flows.Refusal); ok {
				counts[r.Code]++
			}
		})
	}
	wg.Wait()
	if counts[flows.CodeWrong] != 4 || counts[flows.CodeSpent] != 96 {
		t.Fatalf("refusals: %v; want 4 wrong, then the code dead", counts)
	}
	// The dead code's refusals charged nothing: five of the account's ten are left.
	w.wait(31 * time.Second)
	b.submit(flows.Resend{}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.Done)
}

func TestACodeIsDeadAtItsExactEndAndAfterUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	late := w.browser().start(flows.SignIn, flows.Identify{Email: dana})
	lateCode := late.code(dana)
	intime := w.browser().start(flows.SignIn, flows.Identify{Email: dana})
	code := intime.code(dana)
	w.wait(10*time.Minute - time.Second)
	intime.submit(flows.GiveCode{Code: code}).at(flows.Done)
	intime.submit(flows.GiveCode{Code: code}).at(flows.Done)
	if intime.view.Opened != nil {
		t.Error("a used code opened another session")
	}
	w.wait(time.Second)
	late.submit(flows.GiveCode{Code: lateCode}).refused(flows.CodeExpired)
}

func TestKnowingOneFactorGivesNoFreshGuessesAtAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) { c.PasswordBudget.Burst, c.PasswordBudget.Every = 1000, time.Second })
	owner := w.browser().signUpWithPassword(dana, longSecret)
	w.wait(2 * time.Hour)
	owner.signInWithCode(dana)
	judged, sent := 0, w.codes()
	for range 40 { // the thief has the password, and as many browsers as they like
		w.demand = policy.Floor
		b := w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
		w.demand = policy.Need(policy.OTP, 0)
		b.start(flows.StepUp, flows.Open{}).at(flows.Confirm)
		b.submit(flows.SendCode{Factor: policy.EmailCode})
		for b.refusal == nil || b.refusal.Code == flows.CodeWrong {
			b.submit(flows.GiveCode{Code: wrong(b.code(dana))})
			if b.refusal.Code == flows.CodeWrong || b.refusal.Code == flows.CodeSpent {
				judged++
			}
		}
	}
	if judged > 10 {
		t.Errorf("%d codes were judged, want at most the account's ten", judged)
	}
	codes := 0
	for _, l := range w.letters[sent:] {
		if l.Code != "" {
			codes++
		}
	}
	if n := w.sent() - sent - codes; codes > 5 || n > 6 { // of five browsers, and of the guessing
		t.Errorf("%d codes and %d notices were sent to the owner, want at most five and six", codes, n)
	}
}

func TestAPasswordThatWasNotJudgedIsNotCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, watch)
	w.browser().signUpWithPassword(dana, longSecret)
	b := w.browser().start(flows.SignIn, flows.Identify{Email: dana, ByPassword: true}).at(flows.AskPassword)
	for range 30 {
		ctx, hangUp := context.WithCancel(t.Context())
		charged := w.watched().updates.Load() + 1
		w.watched().after = func(n int64) {
			if n == charged {
				hangUp() // before the hash is made
			}
		}
		if _, err := w.engine.Submit(ctx, b.caller(), b.flow, flows.GivePassword{Password: "x"}); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	w.watched().after = nil
	b.submit(flows.GivePassword{Password: longSecret}).at(flows.Done)
}

func TestOneMailboxMayHaveFewPasswordsHashed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sendMuch)
	var newcomers []*browser
	for range 15 {
		b := w.browser().start(flows.SignUp, flows.Identify{Email: dana}).at(flows.AskCode)
		newcomers = append(newcomers, b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.AskNewPassword))
	}
	refused := 0
	for _, b := range newcomers {
		if b.submit(flows.SetPassword{Password: longSecret}); b.refusal != nil && b.refusal.Code == flows.TooManyTries {
			refused++
		}
	}
	if refused != 5 {
		t.Errorf("%d of 15 were refused a hash, want 5", refused)
	}
}

func TestTheOwnersKnownDeviceEndsAnOutsidersHardCap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sendMuch, guessMuch)
	owner := w.browser().signUpWithCode(dana)
	for range 20 {
		b := w.browser().start(flows.SignIn, flows.Identify{Email: dana})
		for range 5 {
			b.submit(flows.GiveCode{Code: wrong(b.code(dana))})
		}
	}
	w.browser().signInWithCode(dana).refused(flows.Exhausted)
	owner.cookie = ""
	owner.signInWithCode(dana).at(flows.Done)
	w.browser().signInWithCode(dana).at(flows.Done)
}

func TestAnExpiredCodeStaysDeadWhenTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	b := w.browser().start(flows.SignIn, flows.Identify{Email: dana})
	code := b.code(dana)
	w.wait(11 * time.Minute)
	b.submit(flows.GiveCode{Code: code}).refused(flows.CodeExpired)
	w.wait(-5 * time.Minute)
	b.submit(flows.GiveCode{Code: code}).refused(flows.CodeExpired)
}

func TestPasswordGuessesRunOutAndCodesStillWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	w.wait(time.Hour)
	judged := 0
	for range 15 {
		b := w.browser().start(flows.SignIn, flows.Identify{Email: dana, ByPassword: true})
		if b.submit(flows.GivePassword{Password: "not it, not at all"}); b.refusal.Code == flows.PairWrong {
			judged++
		}
	}
	if judged != 10 {
		t.Errorf("%d passwords were judged, want 10", judged)
	}
	w.browser().signInWithPassword(dana, longSecret).refused(flows.TooManyTries)
	w.browser().signInWithCode(dana).at(flows.Done)
}

func TestTwoHundredPeopleSigningUpAtOnceStayThemselves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			email := fmt.Sprintf("person%d@example.com", i)
			b := w.browser()
			view, err := w.engine.Start(t.Context(), b.caller(), flows.SignUp, flows.Target{ReturnTo: "/"}, flows.Identify{Email: email})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err = w.engine.Submit(t.Context(), b.caller(), view.Flow, flows.GiveCode{Code: b.code(email)}); err != nil {
				t.Error(err)
				return
			}
			view, err = w.engine.Submit(t.Context(), b.caller(), view.Flow, flows.SkipPassword{})
			if err != nil || view.Opened == nil {
				t.Error(view, err)
				return
			}
			if view.Opened.Session.Email != email {
				t.Errorf("%s became %s", email, view.Opened.Session.Email)
			}
		})
	}
	wg.Wait()
}
