package flows_test

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/store"
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

func TestAClientsSignUpAsksInTheProtocolsOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.site.Attributes = []flows.Attribute{
		{Name: "displayName", Label: "Name", Type: flows.AttributeText, Required: true},
		{Name: "postalCode", Label: "Postcode", Type: flows.AttributeText, Pattern: regexp.MustCompile(`^[0-9]{5}$`)},
		{Name: "age", Label: "Age", Type: flows.AttributeInteger, Required: true},
	}
	b := w.native().signUpNatively(dana, flows.Identify{Attributes: map[string]string{"postalCode": "12345", "age": "44"}})
	b.at(flows.AskNewPassword)
	b.submit(flows.GiveAttributes{}).refused(flows.NotThisStep)
	b.submit(flows.SetPassword{Password: longSecret}).at(flows.AskAttributes)
	if len(b.view.Attributes) != 1 || b.view.Attributes[0].Name != "displayName" {
		t.Fatalf("asked for %+v", b.view.Attributes)
	}
	b.submit(flows.Redeem{}).refused(flows.NotThisStep)
	b.submit(flows.GiveAttributes{Values: map[string]string{"displayName": " "}}).refused(flows.AttributesMissing)
	b.submit(flows.GiveAttributes{Values: map[string]string{"displayName": "Dana\x00", "postalCode": "x"}}).refused(flows.AttributesInvalid)
	if want := []string{"displayName", "postalCode"}; !slices.Equal(b.refusal.Names, want) {
		t.Errorf("blamed %v, want %v", b.refusal.Names, want)
	}
	b.submit(flows.GiveAttributes{Values: map[string]string{"displayName": "Dana", "nobody": "asked"}}).at(flows.Ready)
	b.submit(flows.Redeem{}).at(flows.Done)
	got := b.opened.Session.Attributes
	if len(got) != 3 || got["displayName"] != "Dana" || got["postalCode"] != "12345" || got["age"] != "44" {
		t.Fatalf("kept %v", got)
	}
}

func TestOnOurPagesOptionalAttributesAreAskedToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.site.Attributes = []flows.Attribute{{Name: "city", Label: "City", Type: flows.AttributeText}}
	b := w.browser().start(flows.SignUp, flows.Identify{Email: dana})
	b.submit(flows.GiveCode{Code: b.code(dana)}).submit(flows.SkipPassword{}).at(flows.AskAttributes)
	if len(b.view.Attributes) != 1 {
		t.Fatalf("asked for %+v", b.view.Attributes)
	}
	if has, _ := w.engine.HasAccounts(t.Context()); has {
		t.Fatal("the account was made before its attributes were given")
	}
	b.submit(flows.GiveAttributes{}).at(flows.Done)
	if b.session() == nil {
		t.Fatal("no session")
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

func TestACodeCannotBeAskedForBeforeItsTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.native().start(flows.SignUp, flows.Identify{Email: dana})
	b.submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
	first := b.code(dana)
	b.submit(flows.Resend{}).refused(flows.ResendTooSoon)
	b.submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
	if b.code(dana) != first {
		t.Fatal("a code was replaced within moments")
	}
	w.wait(31 * time.Second)
	b.submit(flows.Resend{}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: first}).refused(flows.CodeWrong)
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.AskNewPassword)
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

func TestAskingWhoHasAnAccountIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) { c.WorkBudget.Burst, c.WorkBudget.Every = 20, time.Minute })
	b := w.native()
	b.client.Reveal, b.network = true, "198.51.100.0/24"
	for range 20 {
		b.start(flows.SignIn, flows.Identify{Email: "nobody@example.com"}).refused(flows.UserUnknown)
	}
	b.start(flows.SignIn, flows.Identify{Email: "nobody@example.com"}).refused(flows.TooManyTries)
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
func TestNoClientHasGuessesOfItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	from := func(network, id string) *browser {
		b := w.native()
		b.network, b.client.ID = network, id
		return b
	}
	from("198.51.100.0/24", "app").signUpNatively(dana, flows.Identify{Password: longSecret}).at(flows.Ready)
	for _, network := range []string{"198.51.100.0/24", "203.0.113.0/24"} {
		from(network, "app").signInNatively(dana, longSecret).at(flows.Done)
		from(network, "other").signInNatively(dana, longSecret).at(flows.Done)
	}
	guesses := 0
	for i := range 60 {
		b := from([]string{"198.51.100.0/24", "203.0.113.0/24", ""}[i%3], []string{"app", "other"}[i%2])
		if b.signInNatively(dana, "wrong wrong wrong"); b.refusal.Code == flows.PairWrong {
			guesses++
		}
	}
	if guesses > 10 {
		t.Fatalf("%d guesses at once", guesses)
	}
}

func TestOneNetworkBeginsOnlySoMuch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) { c.WorkBudget.Burst, c.WorkBudget.Every = 5, time.Minute })
	for _, kind := range []flows.Kind{flows.SignIn, flows.SignUp, flows.Reset} {
		network := "198.51.100.0/24 " + string(kind)
		b := w.native()
		b.network = network
		for i := range 5 {
			b.start(kind, flows.Identify{Email: fmt.Sprintf("p%d@example.com", i)}).at(flows.Choose)
		}
		b.start(kind, flows.Identify{Email: "p6@example.com"}).refused(flows.TooManyTries)
		other := w.native()
		other.network = "203.0.113.0/24 " + string(kind)
		other.start(kind, flows.Identify{Email: "p6@example.com"}).at(flows.Choose)
		w.wait(time.Minute)
		b.start(kind, flows.Identify{Email: "p6@example.com"}).at(flows.Choose)
	}
}

// Another address at each try: no account's own budget would ever stop it.
func TestOneNetworkHasOnlySoManyPasswordsHashed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) { c.WorkBudget.Burst, c.WorkBudget.Every = 5, time.Hour })
	owner := w.browser().signUpWithPassword(dana, longSecret)
	b := w.browser()
	b.network = "198.51.100.0/24"
	b.start(flows.SignIn, flows.Identify{Email: "p@example.com", ByPassword: true}).at(flows.AskPassword)
	for i := range 5 {
		b.submit(flows.GivePassword{Email: fmt.Sprintf("p%d@example.com", i), Password: longSecret}).refused(flows.PairWrong)
	}
	b.submit(flows.GivePassword{Email: "p6@example.com", Password: longSecret}).refused(flows.TooManyTries)
	// Whoever has signed in from their device before is not in that crowd.
	owner.signInWithPassword(dana, longSecret).at(flows.Done)
	owner.network = "198.51.100.0/24"
	owner.start(flows.SignIn, flows.Identify{Email: dana, ByPassword: true}).at(flows.AskPassword)
	owner.submit(flows.GivePassword{Password: longSecret}).at(flows.Done)
}

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

func TestAttributesAreReadAsTheirTypesWantThem(t *testing.T) {
	t.Parallel()
	site := &flows.Site{Attributes: []flows.Attribute{
		{Name: "text", Type: flows.AttributeText}, {Name: "number", Type: flows.AttributeInteger},
		{Name: "flag", Type: flows.AttributeBoolean},
		{Name: "code", Type: flows.AttributeText, Pattern: regexp.MustCompile(`^[A-Z]{2}$`)},
	}}
	for _, c := range []struct{ name, given, want string }{
		{"text", "  Dana  ", "Dana"}, {"text", "é", "é"}, {"text", strings.Repeat("x", 256), strings.Repeat("x", 256)},
		{"text", strings.Repeat("x", 257), "!"}, {"text", "a\nb", "!"}, {"text", "a\u202eb", "!"}, {"text", "\xff", "!"},
		{"number", "007", "7"}, {"number", "-3", "-3"}, {"number", "1.5", "!"}, {"number", "99999999999999999999", "!"},
		{"flag", "on", "true"}, {"flag", "FALSE", "false"}, {"flag", "maybe", "!"},
		{"code", "GB", "GB"}, {"code", "GBX", "!"}, {"code", "", ""},
	} {
		values, refusal := flows.ReadAttributes(site, map[string]string{c.name: c.given})
		switch {
		case c.want == "!" && refusal == nil:
			t.Errorf("%s took %.20q", c.name, c.given)
		case c.want != "!" && (refusal != nil || values[c.name] != c.want):
			t.Errorf("%s made %q of %.20q, refused %v", c.name, values[c.name], c.given, refusal)
		}
	}
}

func TestWhatIsKeptBeforeAnythingIsProvedIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	values := map[string]string{}
	for i := range 32 {
		name := fmt.Sprintf("a%d", i)
		w.site.Attributes = append(w.site.Attributes, flows.Attribute{Name: name, Label: "x", Type: flows.AttributeText})
		values[name] = strings.Repeat("é", 256)
	}
	w.native().start(flows.SignUp, flows.Identify{Email: dana, Attributes: values}).refused(flows.AttributesInvalid)
}

// What was brought to a sign-up is gone once it has been used, or turned out to be for an
// account that there is.
func TestAPasswordThatWasBroughtIsNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kept := func() (n int) {
		err := w.engine.Store.View(t.Context(), func(tx store.Tx) error {
			n = 0
			return tx.Scan("1/flow/", func(_ string, value []byte) error {
				if bytes.Contains(value, []byte(`"given"`)) {
					n++
				}
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	b := w.native().start(flows.SignUp, flows.Identify{Email: dana, Password: longSecret})
	if kept() != 1 {
		t.Fatal("nothing was kept")
	}
	b.submit(flows.SendCode{Factor: policy.EmailCode})
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.Ready)
	if kept() != 0 {
		t.Fatal("kept after the account was made")
	}
	w.native().signUpNatively(dana, flows.Identify{Password: longSecret}).at(flows.Ready)
	if kept() != 0 {
		t.Fatal("kept for an account that there was")
	}
}

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
