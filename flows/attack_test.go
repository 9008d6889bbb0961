package flows_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// wrong is a code that is not the right one.
func wrong(right string) string {
	if right == "000000" {
		return "000001"
	}
	return "000000"
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
	w := newWorld(t, func(c *flows.Config) { c.SendBudget.Burst, c.SendBudget.Every = 1000, time.Second })
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
	w := newWorld(t, func(c *flows.Config) { c.SendBudget.Burst, c.SendBudget.Every = 1000, time.Second })
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
	w := newWorld(t, func(c *flows.Config) {
		c.SendBudget.Burst, c.SendBudget.Every = 1000, time.Second
		c.CodeBudget.Burst, c.CodeBudget.Every = 1000, time.Second
	})
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

func TestAFlowBelongsToItsBrowserAndSite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	b := w.browser().start(flows.SignIn, flows.Identify{Email: dana})
	thief := w.browser()
	thief.flow = b.flow
	thief.submit(flows.GiveCode{Code: b.code(dana)}).refused(flows.FlowGone)

	elsewhere := b.caller()
	site := *b.site
	site.Origin = "https://other.example.com"
	elsewhere.Site = &site
	_, err := w.engine.Submit(t.Context(), elsewhere, b.flow, flows.GiveCode{Code: b.code(dana)})
	if r, ok := err.(*flows.Refusal); !ok || r.Code != flows.FlowGone {
		t.Errorf("another site's answer: %v", err)
	}
	bare := b.caller()
	bare.Browser = ""
	if _, err := w.engine.Look(t.Context(), bare, b.flow); err == nil {
		t.Error("a flow was shown to a browser without its cookie")
	}
	w.wait(time.Hour)
	b.submit(flows.GiveCode{Code: b.code(dana)}).refused(flows.FlowGone)
}

func TestAFlowsIDThatIsNoneIsGoneAndNoFault(t *testing.T) {
	t.Parallel()
	b := newWorld(t).browser()
	for _, id := range []string{"", "é", "a/b", "../user", "%00", "a b", string(make([]byte, 5)), strings.Repeat("a", 65), strings.Repeat("a", 5000)} {
		b.flow = id
		b.submit(flows.GiveCode{Code: "123456"}).refused(flows.FlowGone)
	}
}

func TestASessionIsWorthNothingAtAnotherSite(t *testing.T) {
	t.Parallel()
	b := newWorld(t).browser().signUpWithCode(dana)
	for range 2 { // cold, then warm
		live, err := b.engine.Authenticate(t.Context(), "https://other.example.com", b.cookie)
		if err != nil || live != nil {
			t.Fatalf("another site took it: %v, %v", live, err)
		}
		if b.session() == nil {
			t.Fatal("its own site did not take it")
		}
	}
}

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

// Each of these was a way around a budget or a gate once.

func TestKnowingOneFactorGivesNoFreshGuessesAtAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := w.browser().signUpWithPassword(dana, longSecret)
	w.wait(2 * time.Hour)
	owner.signInWithCode(dana)
	judged, sent := 0, w.sent()
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
	if n := w.sent() - sent; n > 5 {
		t.Errorf("%d messages were sent to the owner, want at most five", n)
	}
}

func TestNoSpellingOfAnAddressBuysMessagesOrTellsOfAnAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	w.wait(2 * time.Hour)
	for _, name := range []string{"dana", "nobody"} {
		sent := w.sent()
		var answers []string
		for _, spelling := range []string{name, strings.ToUpper(name), strings.ToTitle(name[:1]) + name[1:]} {
			for range 4 {
				b := w.browser().start(flows.SignIn, flows.Identify{Email: spelling + "@Example.com"})
				answers = append(answers, fmt.Sprint(b.view.Step, b.refusal))
			}
		}
		if n := w.sent() - sent; n != 5 {
			t.Errorf("%s got %d messages", name, n)
		}
		if got := strings.Join(answers[5:], " "); strings.Contains(got, string(flows.AskCode)+"<nil>") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestAnAccountTextsFewNumbersBeforeOneIsItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().signUpWithCode(dana)
	w.demand = policy.Need(policy.SMSProof, 0)
	sent := w.sent()
	for i := range 50 {
		if i%10 == 0 { // a new flow, and another browser, change nothing
			b = w.browser()
			w.demand = policy.Floor
			b.signInWithCode(dana)
			w.demand = policy.Need(policy.SMSProof, 0)
			b.start(flows.StepUp, flows.Open{})
		}
		b.submit(flows.GivePhone{Phone: fmt.Sprintf("+4477009001%02d", i)})
		w.wait(31 * time.Second)
	}
	texts := 0
	for _, l := range w.letters[sent:] {
		if l.Purpose == flows.CodeEnrol {
			texts++
		}
	}
	if texts != 5 {
		t.Errorf("%d numbers were texted, want five", texts)
	}
}

func TestANumberChangedAtOnceWaitsLikeAnyOtherCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().signUpWithCode(dana)
	w.demand = policy.Need(policy.SMSProof, 0)
	b.start(flows.StepUp, flows.Open{}).submit(flows.GivePhone{Phone: danaPhone}).at(flows.AskCode)
	b.submit(flows.GivePhone{Phone: "+447700900456"}).refused(flows.ResendTooSoon)
	w.wait(30 * time.Second)
	b.submit(flows.GivePhone{Phone: "+447700900456"}).at(flows.AskCode)
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

func TestOneMailboxMayHaveFewPasswordsHashed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) { c.SendBudget.Burst, c.SendBudget.Every = 1000, time.Second })
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

func TestNothingProvedIsNoNewLifeForAnID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().signUpWithCode(dana)
	thief := &browser{world: w, secret: b.secret, cookie: b.cookie}
	b.enrolPhone(danaPhone)
	thief.start(flows.StepUp, flows.Open{}).at(flows.Done)
	if thief.view.Opened != nil {
		t.Error("a step-up that proved nothing handed out an id")
	}
	w.wait(11 * time.Second)
	if thief.session() != nil || b.session() == nil {
		t.Error("the replaced id outlived its owner's")
	}
}

func TestAnAccountWithManySessionsCanStillBeSignedOutEverywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	var all []*browser
	for range 150 {
		w.wait(time.Second)
		all = append(all, w.browser().signInWithPassword(dana, longSecret).at(flows.Done))
	}
	live := 0
	for _, b := range all {
		if b.session() != nil {
			live++
		}
	}
	if live != 100 || all[149].session() == nil {
		t.Errorf("%d sessions live, want the newest hundred", live)
	}
	if err := w.engine.SetDisabled(t.Context(), all[149].session().User, true); err != nil {
		t.Fatal(err)
	}
	for _, b := range all {
		if b.session() != nil {
			t.Fatal("a session of a disabled account lives")
		}
	}
}

func TestManyRisesLeaveFewIDsBehind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().signUpWithPassword(dana, longSecret)
	for range 30 {
		w.wait(time.Minute)
		w.demand = policy.Need(policy.PasswordProof, 10*time.Second)
		b.start(flows.StepUp, flows.Open{}).submit(flows.UsePassword{}).submit(flows.GivePassword{Password: longSecret}).at(flows.Done)
	}
	sid := b.session().SID
	ids := 0
	err := w.engine.Store.View(t.Context(), func(tx store.Tx) error {
		return tx.Scan("1/family/"+sid+"/", func(string, []byte) error { ids++; return nil })
	})
	if err != nil || ids > 2 {
		t.Errorf("%d ids of one sign-in are kept, %v", ids, err)
	}
}

func TestTheOwnersKnownDeviceEndsAnOutsidersHardCap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) {
		c.SendBudget.Burst, c.SendBudget.Every = 1000, time.Second
		c.CodeBudget.Burst, c.CodeBudget.Every = 1000, time.Second
	})
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

func TestWhatIsSwitchedOffStopsForFlowsUnderWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	byPassword := w.browser().start(flows.SignIn, flows.Identify{Email: dana, ByPassword: true}).at(flows.AskPassword)
	byCode := w.browser().start(flows.SignIn, flows.Identify{Email: dana}).at(flows.AskCode)
	code := byCode.code(dana)
	newcomer := w.browser().start(flows.SignUp, flows.Identify{Email: "kim@example.com"}).at(flows.AskCode)
	newcomer.submit(flows.GiveCode{Code: newcomer.code("kim@example.com")}).at(flows.AskNewPassword)

	site := *w.site
	site.Password, site.EmailCode, site.SignUp = false, false, flows.SignUpClosed
	w.site = &site
	byPassword.submit(flows.GivePassword{Password: longSecret}).refused(flows.NotThisStep)
	byCode.submit(flows.GiveCode{Code: code}).refused(flows.NotThisStep)
	newcomer.submit(flows.SetPassword{Password: longSecret}).refused(flows.NotThisStep)
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

func TestSignOutAndDisablingEndEverySessionAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().signUpWithCode(dana)
	old := *b
	b.enrolPhone(danaPhone)
	if old.session() == nil || old.session().Proof.TwoChannels() {
		t.Fatal("within the grace the old id must live, at its old level")
	}
	live := b.session()
	if err := w.engine.SignOut(t.Context(), &live.Session); err != nil {
		t.Fatal(err)
	}
	if b.session() != nil || old.session() != nil {
		t.Fatal("a cookie works after sign-out")
	}
	if !live.Ended() {
		t.Error("what a stream still holds of the session does not know of its end")
	}

	b.signInWithCode(dana).at(flows.Done)
	elsewhere := w.browser().signInWithCode(dana).at(flows.Done)
	user := b.session().User
	if err := w.engine.SetDisabled(t.Context(), user, true); err != nil {
		t.Fatal(err)
	}
	if b.session() != nil || elsewhere.session() != nil {
		t.Fatal("a disabled account has a session")
	}
	b.cookie = ""
	b.start(flows.SignIn, flows.Identify{Email: dana}).at(flows.AskCode)
	if l := b.letter(dana); l.Code != "" && l.At.Equal(w.clock()) && l.Purpose != flows.NoticeNoAccount {
		t.Errorf("a disabled account was sent %s", l.Purpose)
	}
}

func TestTheOldIDDiesAfterTheGrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().signUpWithCode(dana)
	old := *b
	b.enrolPhone(danaPhone)
	w.wait(10 * time.Second)
	if old.session() != nil {
		t.Fatal("the old id outlived its grace")
	}
	if b.session() == nil {
		t.Fatal("the new id died with it")
	}
}

func TestSessionsEndWhenIdleAndAbsolutely(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().signUpWithCode(dana)
	w.wait(time.Hour)
	if b.session() == nil {
		t.Fatal("ended before an hour of idleness was over")
	}
	w.wait(time.Hour + time.Second)
	if b.session() != nil {
		t.Fatal("an idle session lives")
	}
	b.signInWithCode(dana)
	for range 12 {
		w.wait(59 * time.Minute)
		if b.session() == nil {
			t.Fatal("a session in use ended early")
		}
	}
	w.wait(12 * time.Minute)
	if b.session() != nil {
		t.Fatal("being used keeps a session alive for ever")
	}
}

func TestAForgedOrCutCookieOpensNothing(t *testing.T) {
	t.Parallel()
	b := newWorld(t).browser().signUpWithCode(dana)
	for i := range len(b.cookie) {
		flipped := []byte(b.cookie)
		flipped[i] ^= 1
		for _, forged := range []string{b.cookie[:i], string(flipped), b.cookie + string(flipped[i])} {
			live, err := b.engine.Authenticate(t.Context(), b.site.Origin, forged)
			if err != nil || live != nil {
				t.Fatalf("%q opened %v, %v", forged, live, err)
			}
		}
	}
}

func TestTheSessionCookieIsShort(t *testing.T) {
	t.Parallel()
	b := newWorld(t).browser().signUpWithCode(dana)
	if n := len("__Host-stepgate=") + len(b.cookie); n > 200 {
		t.Fatalf("the cookie has %d bytes", n)
	}
}

func TestSendsAreBoundedPerAddressWhetherOrNotItHasAnAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	w.wait(time.Hour)
	for _, email := range []string{dana, "nobody@example.com"} {
		sent := w.sent()
		var last *flows.Refusal
		for i := range 20 {
			spelling := email
			if i%2 == 1 {
				spelling = " " + email + ". "
			}
			last = w.browser().start(flows.SignIn, flows.Identify{Email: spelling}).refusal
		}
		if n := w.sent() - sent; n != 5 {
			t.Errorf("%s got %d messages", email, n)
		}
		if last == nil || last.Code != flows.TooManySends || last.Wait != 12*time.Minute {
			t.Errorf("%s: %+v", email, last)
		}
	}
}

func TestAResendWaitsHalfAMinuteAndReplacesTheCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	b := w.browser().start(flows.SignIn, flows.Identify{Email: dana})
	first := b.code(dana)
	w.wait(29 * time.Second)
	b.submit(flows.Resend{}).refused(flows.ResendTooSoon)
	if b.refusal.Wait != time.Second {
		t.Errorf("wait %v", b.refusal.Wait)
	}
	w.wait(time.Second)
	b.submit(flows.Resend{}).at(flows.AskCode)
	if second := b.code(dana); second != first {
		b.submit(flows.GiveCode{Code: first}).refused(flows.CodeWrong)
		b.submit(flows.GiveCode{Code: second}).at(flows.Done)
	}
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

func TestTheOutboxBeingFullUsesNothingUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	w.full = true
	b := w.browser().start(flows.SignIn, flows.Identify{Email: dana}).refused(flows.SendFailed)
	w.full = false
	b.submit(flows.Resend{}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.Done)
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

func TestOneAddressGetsOneAccountHoweverManySignUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.browser().start(flows.SignUp, flows.Identify{Email: dana}).at(flows.AskCode)
	firstCode := first.code(dana)
	second := w.browser().start(flows.SignUp, flows.Identify{Email: "DANA@example.com"}).at(flows.AskCode)
	secondCode := w.letters[len(w.letters)-1].Code
	first.submit(flows.GiveCode{Code: firstCode}).at(flows.AskNewPassword)
	second.submit(flows.GiveCode{Code: secondCode}).at(flows.AskNewPassword)
	first.submit(flows.SkipPassword{}).at(flows.Done)
	second.submit(flows.SkipPassword{}).refused(flows.FlowGone)
}
