package flows_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

var otp = policy.Need(policy.OTP, 0)

// signInNatively takes the first factor that the engine chose, and gives it.
func (b *browser) signInNatively(email, password string) *browser {
	b.t.Helper()
	b.start(flows.SignIn, flows.Identify{Email: email}).at(flows.Choose)
	if !b.view.First || len(b.view.Options) != 1 {
		b.t.Fatalf("a sign-in begins with %+v", b.view.Options)
	}
	if b.view.Options[0] == policy.Password {
		b.submit(flows.UsePassword{}).at(flows.AskPassword)
		return b.submit(flows.GivePassword{Password: password})
	}
	b.submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
	return b.submit(flows.GiveCode{Code: b.code(email)})
}

func (b *browser) signUpNatively(email string, in flows.Identify) *browser {
	b.t.Helper()
	in.Email = email
	b.start(flows.SignUp, in).at(flows.Choose)
	b.submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
	return b.submit(flows.GiveCode{Code: b.code(email)})
}

func TestAClientIsSentNothingUnasked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.native().signUpNatively(dana, flows.Identify{Password: longSecret}).at(flows.Ready)
	b.submit(flows.Redeem{}).at(flows.Done)
	w.demand = otp
	sent := w.sent()
	b = w.native().start(flows.SignIn, flows.Identify{Email: dana}).at(flows.Choose)
	b.submit(flows.UsePassword{}).submit(flows.GivePassword{Password: longSecret}).at(flows.Choose)
	b.submit(flows.SendCode{Factor: policy.SMSCode}).refused(flows.NotThisStep)
	if w.sent() != sent {
		t.Fatalf("%d messages that nobody asked for", w.sent()-sent)
	}
	b.submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
	if w.sent() != sent+1 {
		t.Fatal("a code that was asked for was not sent")
	}
	if b.opened != nil {
		t.Fatal("tokens without the second factor")
	}
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.Done)
	if b.opened == nil || b.opened.ID != "" || b.opened.Refresh == "" || !b.opened.Session.Proof.TwoChannels() {
		t.Fatalf("opened %+v", b.opened)
	}
}

func TestAPasswordBroughtToASignUpIsOneLikeAnyOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.native().start(flows.SignUp, flows.Identify{Email: dana, Password: "short"}).refused(flows.PasswordShort)
	b := w.native().signUpNatively(dana, flows.Identify{Password: longSecret}).at(flows.Ready)
	if b.opened != nil {
		t.Fatal("a session that no token call asked for")
	}
	w.native().signInNatively(dana, longSecret+"x").refused(flows.PairWrong)
	w.native().signInNatively(dana, longSecret).at(flows.Done)
}

func TestAnAddressWithAnAccountWalksTheSameSignUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.native().signUpNatively(dana, flows.Identify{Password: longSecret}).at(flows.Ready)
	b := w.native().start(flows.SignUp, flows.Identify{Email: dana, Password: "another one entirely 99"}).at(flows.Choose)
	b.submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
	if l := w.letter(dana); l.Purpose != flows.CodeHaveAccount {
		t.Fatalf("the letter is a %s", l.Purpose)
	}
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.Ready)
	w.demand = policy.Need(policy.PasswordProof, 0)
	b.submit(flows.Redeem{}).at(flows.Stuck)
	if b.view.Why != flows.NeedsBrowser {
		t.Errorf("stuck with %s", b.view.Why)
	}
	w.demand = policy.Floor
	w.native().signInNatively(dana, "another one entirely 99").refused(flows.PairWrong)
}

func TestAFlowOfOneClientIsNotAnothers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.native().start(flows.SignUp, flows.Identify{Email: dana}).at(flows.Choose)
	b.client = &flows.Client{ID: "other"}
	b.submit(flows.SendCode{Factor: policy.EmailCode}).refused(flows.FlowGone)
	b.client = nil
	b.submit(flows.SendCode{Factor: policy.EmailCode}).refused(flows.FlowGone)
}

func TestAPhoneIsRegisteredAtFirstNeed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.native().signUpNatively(dana, flows.Identify{}).at(flows.AskNewPassword)
	b := w.native()
	b.can = b.can.Without(policy.Password) // an app that knows codes only
	b.signUpNatively(dana, flows.Identify{}).at(flows.Ready)
	w.demand = otp
	b.submit(flows.Redeem{}).at(flows.AskPhone)
	if !b.view.MayGivePhone || b.view.MayRegisterMailbox {
		t.Fatal("a mailbox would be its own second factor")
	}
	b.submit(flows.RegisterMailbox{}).refused(flows.NotThisStep)
	b.submit(flows.GivePhone{Phone: "07700 900123"}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(danaPhone)}).at(flows.Ready)
	b.submit(flows.Redeem{}).at(flows.Done)
	if !b.opened.Session.Proof.TwoChannels() {
		t.Fatal("two channels were proved")
	}
	if w.letter(dana).Purpose != flows.NoticePhoneAdded {
		t.Error("the owner was not told")
	}

	// From now on it is asked for, and never registered again.
	c := w.native()
	c.signInNatively(dana, "").at(flows.Choose)
	if !slices.Equal(c.view.Options, []policy.Factor{policy.SMSCode}) {
		t.Fatalf("may use %v", c.view.Options)
	}
	c.submit(flows.GivePhone{Phone: "07700 900999"}).refused(flows.NotThisStep)
	c.submit(flows.SendCode{Factor: policy.SMSCode}).at(flows.AskCode)
	c.submit(flows.GivePhone{Phone: "07700 900999"}).refused(flows.NotThisStep)
	c.submit(flows.GiveCode{Code: c.code(danaPhone)}).at(flows.Done)
}

func TestANewcomersMailboxAndPasswordAreTwoChannels(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.site.SMS = false
	w.demand = otp
	b := w.native().signUpNatively(dana, flows.Identify{Password: longSecret}).at(flows.Ready)
	b.submit(flows.Redeem{}).at(flows.AskPhone)
	if b.view.MayGivePhone || !b.view.MayRegisterMailbox {
		t.Fatal("the mailbox, and nothing but it, may be registered")
	}
	b.submit(flows.GivePhone{Phone: "07700 900123"}).refused(flows.NotThisStep)
	b.submit(flows.RegisterMailbox{}).at(flows.Ready)
	b.submit(flows.Redeem{}).at(flows.Done)
}

// A password that was not chosen in this very flow has to be proved.
func TestAnOldPasswordIsNotRegisteredWithTheMailbox(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.native().signUpNatively(dana, flows.Identify{Password: longSecret}).at(flows.Ready)
	w.demand = otp
	b := w.native().signUpNatively(dana, flows.Identify{Password: longSecret}).at(flows.Ready)
	b.submit(flows.Redeem{}).at(flows.Stuck)
	b.submit(flows.RegisterMailbox{}).refused(flows.NotThisStep)
}

func TestAStolenPasswordNeverRegistersAPhone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.native().signUpNatively(dana, flows.Identify{Password: longSecret}).at(flows.Ready)
	w.demand = policy.Need(policy.SMSProof, 0).Join(otp)
	b := w.native().signInNatively(dana, longSecret).at(flows.Stuck)
	if b.view.Why != flows.NeedsBrowser {
		t.Errorf("stuck with %s", b.view.Why)
	}
	b.submit(flows.GivePhone{Phone: "07700 900123"}).refused(flows.NotThisStep)
}

func TestWhatAClientCannotDoIsLeftToTheBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.native()
	b.can = policy.FactorsOf(policy.Password)
	b.start(flows.SignUp, flows.Identify{Email: dana}).refused(flows.NeedsBrowser)
	b.start(flows.Reset, flows.Identify{Email: dana}).refused(flows.NeedsBrowser)
	b.can = 0
	b.start(flows.SignIn, flows.Identify{Email: dana}).refused(flows.NeedsBrowser)
	b.can = policy.FactorsOf(policy.EmailCode, policy.SMSCode)
	w.site.EmailCode = false
	b.start(flows.SignIn, flows.Identify{Email: dana}).refused(flows.NeedsBrowser)
}

func TestOnlyClientsThatMayLearnWhoHasAnAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.native().signUpNatively(dana, flows.Identify{Password: longSecret}).at(flows.Ready)
	codes := w.native()
	codes.can = codes.can.Without(policy.Password)
	codes.signUpNatively("kim@example.com", flows.Identify{}).at(flows.Ready)

	told := func() *browser {
		b := w.native()
		b.client.Reveal = true
		return b
	}
	told().start(flows.SignIn, flows.Identify{Email: "nobody@example.com"}).refused(flows.UserUnknown)
	told().start(flows.Reset, flows.Identify{Email: "nobody@example.com"}).refused(flows.UserUnknown)
	told().start(flows.Reset, flows.Identify{Email: "kim@example.com"}).refused(flows.NoPassword)
	told().start(flows.SignUp, flows.Identify{Email: dana}).refused(flows.UserExists)
	told().start(flows.SignIn, flows.Identify{Email: dana}).at(flows.Choose)
	for _, kind := range []flows.Kind{flows.SignIn, flows.SignUp, flows.Reset} {
		for _, email := range []string{dana, "kim@example.com", "nobody@example.com"} {
			w.native().start(kind, flows.Identify{Email: email}).at(flows.Choose)
		}
	}
}

// The choice for an address without an account is the same at every try, and either may
// come.
func TestAnUnknownAddressHasAFirstFactorOfItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seen := map[policy.Factor]bool{}
	for i := range 40 {
		email := fmt.Sprintf("nobody%d@example.com", i)
		first := w.native().start(flows.SignIn, flows.Identify{Email: email}).at(flows.Choose).view.Options[0]
		if again := w.native().start(flows.SignIn, flows.Identify{Email: email}).at(flows.Choose).view.Options[0]; again != first {
			t.Fatalf("%s was asked for %s, then for %s", email, first, again)
		}
		seen[first] = true
	}
	if len(seen) != 2 {
		t.Fatal("all unknown addresses are asked for the same: an account that is not shows")
	}
}

// A client shows nothing that only its owner has, so nobody gets guesses of their own
// through one, wherever it was used before.
// Another address at each try: no account's own budget would ever stop it.
func TestAPasswordOnlyClientIsNotToldWhoHasNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	b := w.native()
	b.can = policy.FactorsOf(policy.Password)
	b.start(flows.SignIn, flows.Identify{Email: dana}).at(flows.Choose)
	b.submit(flows.UsePassword{}).submit(flows.GivePassword{Password: longSecret}).refused(flows.PairWrong)
	b.client.Reveal = true
	b.start(flows.SignIn, flows.Identify{Email: dana}).refused(flows.NeedsBrowser)
}

func TestAClientBeginsNoStepUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.native()
	b.start(flows.StepUp, flows.Open{}).refused(flows.NotThisStep)
	b.start(flows.Enrol, flows.Open{}).refused(flows.NotThisStep)
}

// What was brought to a sign-up is gone once it has been used, or turned out to be for an
// account that there is.
// A code by mail is no way in where people sign in with passwords only.
func TestASignUpOfAKnownAddressIsNoWayAroundThePassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	w.site.EmailCode = false
	w.wait(time.Minute)
	for _, b := range []*browser{w.native(), w.browser()} {
		b.start(flows.SignUp, flows.Identify{Email: dana})
		if b.client != nil {
			b.submit(flows.SendCode{Factor: policy.EmailCode})
		}
		b.at(flows.AskCode)
		if l := w.letter(dana); l.Purpose != flows.CodeHaveAccount || l.Code != "" {
			t.Fatalf("a %s with the code %q", l.Purpose, l.Code)
		}
		w.wait(time.Minute)
	}
}

func TestNothingTellsThatALetterWasNotAccepted(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{true, false} {
		w := newWorld(t)
		if known {
			w.browser().signUpWithPassword(dana, longSecret)
		}
		w.site.EmailCode = false
		w.wait(time.Minute)
		w.full = true
		w.browser().start(flows.SignUp, flows.Identify{Email: dana}).refused(flows.SendFailed)
		w.browser().start(flows.Reset, flows.Identify{Email: dana}).refused(flows.SendFailed)
	}
}

func TestTwoMoreCodesAreMoreThanTheProtocolCanAskFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret).enrolAfterMail(danaPhone)
	w.demand = policy.Need(policy.EmailProof, 0).Join(policy.Need(policy.SMSProof, 0))
	b := w.native().signInNatively(dana, longSecret).at(flows.Stuck)
	if b.view.Why != flows.NeedsBrowser {
		t.Fatalf("stuck with %s", b.view.Why)
	}
}
