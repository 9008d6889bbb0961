package flows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

const newSecret = "a different battery staple 8"

func (b *browser) resetPassword(email, chosen string) *browser {
	b.t.Helper()
	b.start(flows.Reset, flows.Identify{Email: email}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(email)}).at(flows.AskNewPassword)
	return b.submit(flows.SetPassword{Password: chosen})
}

func TestAResetReplacesThePassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	b := w.browser().start(flows.Reset, flows.Identify{Email: dana}).at(flows.AskCode)
	if w.letter(dana).Purpose != flows.CodeReset {
		t.Fatalf("the letter is a %s", w.letter(dana).Purpose)
	}
	b.submit(flows.SetPassword{Password: newSecret}).refused(flows.NotThisStep)
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.AskNewPassword)
	if b.view.MaySkip {
		t.Error("a reset without a new password")
	}
	b.submit(flows.SkipPassword{}).refused(flows.NotThisStep)
	b.submit(flows.SetPassword{Password: "short"}).refused(flows.PasswordShort)
	b.submit(flows.SetPassword{Password: newSecret}).at(flows.Done)
	if b.session() == nil {
		t.Fatal("whoever reset the password is not signed in")
	}
	if w.letter(dana).Purpose != flows.NoticePasswordReset {
		t.Error("the owner was not told")
	}
	w.browser().signInWithPassword(dana, longSecret).refused(flows.PairWrong)
	w.browser().signInWithPassword(dana, newSecret).at(flows.Done)
}

func TestAResetEndsEverythingThatWasOpenedBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.browser().signUpWithPassword(dana, longSecret)
	app := w.native().signInNatively(dana, longSecret).at(flows.Done)
	// Somebody who knows the old password sits before the second factor.
	w.demand = otp
	half := w.browser().signInWithPassword(dana, longSecret).at(flows.AskCode)
	code := half.code(dana)
	w.demand = policy.Floor
	old.session()

	b := w.browser().resetPassword(dana, newSecret).at(flows.Done)
	if old.session() != nil {
		t.Error("a session lives on")
	}
	if _, err := w.engine.Refresh(t.Context(), app.caller(), app.opened.Refresh); !isRefusal(err, flows.RefreshInvalid) {
		t.Errorf("a refresh token lives on: %v", err)
	}
	if half.submit(flows.GiveCode{Code: code}); half.session() != nil {
		t.Error("a sign-in with the old password came to its end")
	}
	if b.session() == nil {
		t.Error("the session of the reset itself ended")
	}
}

// Whoever holds only the mailbox has now chosen the password as well. That makes one
// channel, not two.
func TestAResetSpendsTheMailbox(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	w.demand = otp
	b := w.browser().resetPassword(dana, newSecret).at(flows.Done)
	if b.session().Proof.TwoChannels() {
		t.Fatal("a reset is two factors")
	}
	b.start(flows.StepUp, flows.Open{}).at(flows.Stuck)
	if b.view.Why != flows.MailboxSpent || !b.view.MailboxBack.Equal(w.clock().Add(24*time.Hour)) {
		t.Fatalf("stuck with %s until %v", b.view.Why, b.view.MailboxBack)
	}
	b.submit(flows.GivePhone{Phone: "07700 900123"}).refused(flows.NotThisStep)
	b.start(flows.Enrol, flows.Open{}).at(flows.Stuck)

	// Nor in a new session, whatever comes first.
	w.demand = otp
	c := w.browser().signInWithPassword(dana, newSecret).at(flows.Done)
	c.start(flows.StepUp, flows.Open{}).at(flows.Stuck)
	d := w.browser().signInWithCode(dana).at(flows.Done)
	d.start(flows.StepUp, flows.Open{}).at(flows.Stuck)
	// Nor through a client, where tokens leave only with all that is owed.
	app := w.native().signInNatively(dana, newSecret).at(flows.Stuck)
	if app.view.Why != flows.MailboxSpent || app.opened != nil {
		t.Fatalf("stuck with %s, opened %v", app.view.Why, app.opened)
	}

	w.wait(24*time.Hour - time.Second)
	w.browser().signInWithPassword(dana, newSecret).at(flows.Done)
	w.wait(2 * time.Second)
	e := w.browser().signInWithPassword(dana, newSecret).at(flows.AskCode)
	e.submit(flows.GiveCode{Code: e.code(dana)}).at(flows.Done)
	if !e.session().Proof.TwoChannels() {
		t.Fatal("the mailbox does not count after the cool-down")
	}
}

// The one code that chose the password is not the second factor to it, however long ago.
func TestWaitingMakesNoSecondFactorOfAReset(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) { c.ResetCoolDown = time.Hour; c.SessionIdle = 3 * time.Hour })
	w.browser().signUpWithPassword(dana, longSecret)
	b := w.browser().resetPassword(dana, newSecret).at(flows.Done)
	app := w.native().signInNatively(dana, newSecret).at(flows.Done)
	w.wait(time.Hour + time.Second)
	if b.session().Proof.TwoChannels() {
		t.Fatal("the reset has become two factors")
	}
	b.demand = otp
	b.start(flows.StepUp, flows.Open{}).at(flows.Confirm)
	b.submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.Done)
	if !b.session().Proof.TwoChannels() {
		t.Fatal("a new code does not count")
	}
	w.demand = otp
	app.refuses(app.opened.Refresh, flows.ProofNeeded)
}

// A code from the last minutes of the cool-down adds no phone after it either.
func TestTheCodeOfAResetAddsNoPhone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) { c.ResetCoolDown = time.Hour })
	w.browser().signUpWithPassword(dana, longSecret)
	w.browser().resetPassword(dana, newSecret).at(flows.Done)
	w.wait(time.Hour - time.Minute)
	b := w.browser().signInWithPassword(dana, newSecret).at(flows.Done)
	b.demand = policy.Need(policy.EmailProof, 0)
	b.start(flows.StepUp, flows.Open{}).submit(flows.SendCode{Factor: policy.EmailCode})
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.Done)
	w.wait(2 * time.Minute)
	b.demand = policy.Need(policy.SMSProof, 0)
	b.start(flows.StepUp, flows.Open{}).at(flows.Confirm)
	if b.view.Factor != policy.EmailCode || !b.view.ThenPhone {
		t.Fatalf("asks for %s", b.view.Factor)
	}
}

func TestAResetStillOwesTheSecondFactor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret).enrolAfterMail(danaPhone)
	w.demand = otp
	b := w.browser().resetPassword(dana, newSecret).at(flows.AskCode)
	if b.view.Factor != policy.SMSCode || b.session() != nil {
		t.Fatalf("asks for %s", b.view.Factor)
	}
	b.submit(flows.GiveCode{Code: b.code(danaPhone)}).at(flows.Done)
	if !b.session().Proof.TwoChannels() {
		t.Fatal("mailbox and phone are two channels")
	}
	// In another sign-in the phone is asked for again: it may be somebody else's.
	c := w.browser().signInWithPassword(dana, newSecret).at(flows.AskCode)
	if c.view.Factor != policy.SMSCode {
		t.Fatalf("asks for %s", c.view.Factor)
	}
}

// enrolAfterMail enrols a phone for an account with a password that was just made.
func (b *browser) enrolAfterMail(number string) *browser {
	b.t.Helper()
	b.demand = policy.Need(policy.SMSProof, 0).Join(otp)
	b.start(flows.StepUp, flows.Open{}).at(flows.Confirm)
	b.submit(flows.UsePassword{}).at(flows.AskPassword)
	b.submit(flows.GivePassword{Password: longSecret}).at(flows.AskPhone)
	b.submit(flows.GivePhone{Phone: number}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(number)}).at(flows.Done)
	b.demand = policy.Floor
	return b
}

func TestAResetNeverGivesAPasswordToAnAccountWithoutOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	b := w.browser().start(flows.Reset, flows.Identify{Email: dana}).at(flows.AskCode)
	if l := w.letter(dana); l.Purpose != flows.NoticeNoPassword || l.Code != "" {
		t.Fatalf("the letter is a %s with code %q", l.Purpose, l.Code)
	}
	b.submit(flows.GiveCode{Code: "123456"}).refused(flows.CodeWrong)
	// Where a password is the only way in, a reset is the only way to get one.
	w.site.EmailCode = false
	w.browser().resetPassword(dana, newSecret).at(flows.Done)
}

func TestAResetTellsNobodyWhoHasAnAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	w.browser().signUpWithCode("kim@example.com")
	w.wait(time.Hour)
	views := map[string]flows.View{}
	for _, email := range []string{dana, "kim@example.com", "nobody@example.com"} {
		before := w.posted()
		b := w.browser().start(flows.Reset, flows.Identify{Email: email}).at(flows.AskCode)
		if w.posted() != before+1 {
			t.Errorf("for %s %d letters were posted", email, w.posted()-before)
		}
		b.submit(flows.GiveCode{Code: "999999"}).refused(flows.CodeWrong)
		v := b.view
		v.Flow, v.Email = "", ""
		views[email] = v
	}
	for email, v := range views {
		want := views[dana]
		if v.Step != want.Step || v.Factor != want.Factor || v.Kind != want.Kind || !v.Expires.Equal(want.Expires) || !slices.Equal(v.Options, want.Options) {
			t.Errorf("%s can be told apart: %+v, %+v", email, v, want)
		}
	}
}

func TestACodeToResetIsGoodForNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	w.wait(time.Minute)
	w.browser().start(flows.Reset, flows.Identify{Email: dana}).at(flows.AskCode)
	reset := w.letter(dana).Code
	b := w.browser().start(flows.SignIn, flows.Identify{Email: dana}).at(flows.AskCode)
	for b.code(dana) == reset { // one in a million
		w.wait(time.Minute)
		b.submit(flows.Resend{})
	}
	b.submit(flows.GiveCode{Code: reset}).refused(flows.CodeWrong)
}

func TestAClientResetsAndStillOwesTheSecondFactor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret).enrolAfterMail(danaPhone)
	w.demand = otp
	b := w.native()
	b.can = policy.FactorsOf(policy.EmailCode, policy.SMSCode) // as SDKs announce for a reset
	b.start(flows.Reset, flows.Identify{Email: dana}).at(flows.Choose)
	b.submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
	b.submit(flows.Redeem{}).refused(flows.NotThisStep)
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.AskNewPassword)
	b.submit(flows.SetPassword{Password: newSecret}).at(flows.Ready)
	b.submit(flows.SetPassword{Password: longSecret}).refused(flows.NotThisStep)
	b.submit(flows.Redeem{}).at(flows.Choose)
	if !slices.Equal(b.view.Options, []policy.Factor{policy.SMSCode}) {
		t.Fatalf("may use %v", b.view.Options)
	}
	b.submit(flows.SendCode{Factor: policy.SMSCode}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(danaPhone)}).at(flows.Done)
	if b.opened == nil {
		t.Fatal("no tokens")
	}
}

// Failures at the old password close it to strangers; a reset opens the new one.
func TestAResetOpensAnExhaustedPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) {
		c.HardCap = 10
		c.PasswordBudget.Burst, c.PasswordBudget.Every = 1000, time.Second
	})
	w.browser().signUpWithPassword(dana, longSecret)
	for range 10 {
		w.browser().signInWithPassword(dana, "wrong wrong wrong")
	}
	w.browser().signInWithPassword(dana, longSecret).refused(flows.Exhausted)
	w.browser().resetPassword(dana, newSecret).at(flows.Done)
	w.browser().signInWithPassword(dana, newSecret).at(flows.Done)
}

func TestSomebodyWhoIsSignedInMayResetAsWell(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().signUpWithPassword(dana, longSecret)
	before := b.cookie
	b.resetPassword(dana, newSecret).at(flows.Done)
	if b.session() == nil || b.cookie == before {
		t.Fatal("no new session")
	}
	w.browser().signInWithPassword(dana, newSecret).at(flows.Done)
}

// Whoever mistyped a forgotten password a hundred times, on the device that they always
// use, must not find the new one closed there.
func TestAResetOpensThePasswordOnTheOwnersDeviceToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) {
		c.HardCap = 10
		c.PasswordBudget.Burst, c.PasswordBudget.Every = 1000, time.Second
	})
	owner := w.browser().signUpWithPassword(dana, longSecret)
	owner.signInWithPassword(dana, longSecret).at(flows.Done) // a known device from now on
	for range 10 {
		owner.signInWithPassword(dana, "wrong wrong wrong").refused(flows.PairWrong)
	}
	owner.signInWithPassword(dana, longSecret).refused(flows.Exhausted)
	owner.resetPassword(dana, newSecret).at(flows.Done)
	owner.signInWithPassword(dana, newSecret).at(flows.Done)
}

func TestASiteWithoutPasswordsResetsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	w.site.Password = false
	w.browser().start(flows.Reset, flows.Identify{Email: dana}).refused(flows.MethodOff)
}

// Whoever has only the mailbox gains nothing when the owner proves the phone elsewhere.
func TestTheOwnersPhoneIsNotTheThiefsSecondFactor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret).enrolAfterMail(danaPhone)
	w.browser().resetPassword(dana, newSecret).at(flows.Done)
	thief := w.browser().signInWithPassword(dana, newSecret).at(flows.Done)
	thief.demand = policy.Need(policy.EmailProof, 0)
	thief.start(flows.StepUp, flows.Open{}).submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
	thief.submit(flows.GiveCode{Code: thief.code(dana)}).at(flows.Done)
	w.demand = policy.Floor
	app := w.native().signInNatively(dana, newSecret).at(flows.Done)

	w.demand = policy.Need(policy.SMSProof, 0)
	owner := w.browser().signInWithPassword(dana, newSecret).at(flows.AskCode)
	owner.submit(flows.GiveCode{Code: owner.code(danaPhone)}).at(flows.Done)
	if thief.session().Proof.TwoChannels() {
		t.Fatal("the thief has two factors")
	}
	w.demand = otp
	app.refuses(app.opened.Refresh, flows.ProofNeeded)
	again := w.browser().signInWithPassword(dana, newSecret).at(flows.AskCode)
	if again.view.Factor != policy.SMSCode {
		t.Fatalf("a new sign-in is asked for %s", again.view.Factor)
	}
}
