package flows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

var allChanges = []flows.Changing{flows.ChangePassword, flows.ChangePhone, flows.RemovePhone, flows.ChangeEmail}

// everyInput is what somebody may hand in who cares for no step.
func everyInput() []flows.Input {
	return []flows.Input{
		flows.SetPassword{Password: newSecret}, flows.GiveEmail{Email: newAddress}, flows.GivePhone{Phone: newPhone},
		flows.GiveCode{Code: "123456"}, flows.SkipPassword{}, flows.Resend{}, flows.Redeem{}, flows.RegisterMailbox{},
		flows.GivePassword{Password: newSecret}, flows.UsePassword{}, flows.SwitchMethod{}, flows.GiveAttributes{},
		flows.SendCode{Factor: policy.SMSCode}, flows.SendCode{Factor: policy.EmailCode}, nil,
	}
}

// account is what the store knows of the one account there is.
func (w *world) account() string {
	w.t.Helper()
	for _, value := range w.records("user/") {
		return string(value)
	}
	return ""
}

func TestAStolenCookieWithoutFactorsChangesNothing(t *testing.T) {
	t.Parallel()
	for name, open := range accounts {
		w := newWorld(t)
		owner := open(w)
		before := w.account()
		thief := w.browser() // in a browser of their own, which shows the owner's cookie
		thief.cookie = owner.cookie
		for _, changing := range allChanges {
			for _, in := range everyInput() {
				if thief.change(changing); thief.view.Step == flows.Stuck {
					break
				}
				thief.at(flows.Confirm).submit(in)
				for _, in := range everyInput() {
					thief.submit(in)
					if thief.view.Step == flows.Done || thief.view.Opened != nil {
						t.Fatalf("%s: %s was done by %T", name, changing, in)
					}
				}
			}
		}
		if w.account() != before {
			t.Errorf("%s: the account has become %s", name, w.account())
		}
		if owner.session() == nil {
			t.Errorf("%s: the owner was signed out", name)
		}
	}
}

// Whoever has the mailbox signs in with it where that is a way in. It is one channel then,
// and stays one, whatever they change.
func TestAMailboxAloneNeverBecomesTwoFactors(t *testing.T) {
	t.Parallel()
	for name, open := range accounts {
		w := newWorld(t)
		open(w)
		thief := w.browser().signInWithCode(dana).at(flows.Done)
		for _, changing := range []flows.Changing{flows.ChangePassword, flows.ChangeEmail, flows.ChangePassword} {
			for thief.change(changing); thief.refusal == nil && thief.view.Step != flows.Done && thief.view.Step != flows.Stuck; {
				switch v := thief.view; {
				case v.Step == flows.Confirm && v.Factor == policy.EmailCode:
					thief.submit(flows.SendCode{Factor: policy.EmailCode})
				case v.Step == flows.AskCode && v.Factor == policy.EmailCode:
					to := thief.view.NewEmail
					if to == "" {
						to = thief.view.Email
					}
					thief.submit(flows.GiveCode{Code: thief.code(to)})
				case v.Step == flows.AskNewPassword:
					thief.submit(flows.SetPassword{Password: newSecret})
				case v.Step == flows.AskEmail:
					thief.submit(flows.GiveEmail{Email: newAddress})
				default: // the password, or the phone
					thief.submit(flows.GiveCode{Code: "000000"})
					thief.submit(flows.GivePassword{Password: newSecret})
				}
			}
			if s := thief.session(); s != nil && s.Proof.TwoChannels() {
				t.Fatalf("%s: two channels after %s", name, changing)
			}
			if changed := w.count("1/user/") != 1 || w.noticed(dana, flows.NoticeEmailChanged)+w.noticed(dana, flows.NoticePasswordAdded)+
				w.noticed(dana, flows.NoticePasswordChanged) != 0; changed && name != "mailbox" {
				t.Fatalf("%s: it made a %s", name, changing)
			}
		}
	}
}

func TestAnUnfinishedSignInChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	accounts["password+phone"](w)
	before := w.account()
	w.demand = otp
	half := w.browser().signInWithPassword(dana, longSecret)
	for _, changing := range allChanges {
		other := half.sameBrowser().change(changing).refused(flows.SignInFirst)
		if other.view.Flow != "" {
			t.Error("a flow was begun")
		}
	}
	for _, in := range []flows.Input{flows.SetPassword{Password: newSecret}, flows.GiveEmail{Email: newAddress}, flows.GivePhone{Phone: newPhone}} {
		half.submit(in).refused(flows.NotThisStep)
	}
	if w.account() != before {
		t.Errorf("the account has become %s", w.account())
	}
}

func TestApplicationsWithScreensOfTheirOwnChangeNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	accounts["password"](w)
	app := w.native().signInNatively(dana, longSecret).at(flows.Done)
	for _, changing := range allChanges {
		app.change(changing).refused(flows.NotThisStep)
	}
	c := app.caller()
	c.Session = app.opened.Session
	if _, err := w.engine.Profile(t.Context(), c); !isRefusal(err, flows.SignInFirst) {
		t.Errorf("a profile: %v", err)
	}
	c.Client = nil // as if its session were a browser's
	if _, err := w.engine.Start(t.Context(), c, flows.Change, flows.Target{}, flows.Open{Changing: flows.ChangeEmail}); !isRefusal(err, flows.SignInFirst) {
		t.Errorf("a change: %v", err)
	}
	if err := w.engine.EndOtherSessions(t.Context(), c); !isRefusal(err, flows.SignInFirst) {
		t.Errorf("others: %v", err)
	}
}

// What was proved is judged again when the last page is sent, however long it was open.
func TestProofsThatGrewOldWhileThePageWasOpenChangeNothing(t *testing.T) {
	t.Parallel()
	for changing, give := range map[flows.Changing]flows.Input{
		flows.ChangePassword: flows.SetPassword{Password: newSecret},
		flows.ChangePhone:    flows.GivePhone{Phone: newPhone},
		flows.ChangeEmail:    flows.GiveEmail{Email: newAddress},
	} {
		w := newWorld(t)
		b := accounts["password+phone"](w)
		before := w.account()
		b.change(changing).proved()
		w.wait(w.engine.EnrolWithin + time.Second)
		b.submit(give).at(flows.AskCode)
		if b.view.Factor != policy.SMSCode || b.view.Enrolling || b.view.NewEmail != "" || w.account() != before {
			t.Errorf("%s: goes on as %+v", changing, b.view)
		}
		// The code of what is new may come a code's life later, and no more.
		if changing == flows.ChangePassword {
			continue
		}
		to := map[flows.Changing]string{flows.ChangePhone: newPhone, flows.ChangeEmail: newAddress}[changing]
		for _, late := range []time.Duration{time.Second, -time.Second} {
			b.change(changing).proved()
			w.wait(w.engine.EnrolWithin)
			b.submit(give).at(flows.AskCode)
			w.wait(w.engine.CodeLife / 2)
			b.submit(flows.Resend{}).at(flows.AskCode)
			w.wait(w.engine.CodeLife/2 + late)
			b.submit(flows.GiveCode{Code: b.code(to)})
			if changed := w.account() != before; changed != (late < 0) {
				t.Errorf("%s, %v: changed %v, at %+v", changing, late, changed, b.view)
			}
		}
	}
}

func TestOfTwoTabsOneChangesSomethingAndTheOtherIsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := accounts["password"](w).change(flows.ChangePassword).proved().at(flows.AskNewPassword)
	two := one.sameBrowser().change(flows.ChangeEmail).proved().at(flows.AskEmail)
	two.submit(flows.GiveEmail{Email: newAddress}).at(flows.AskCode)
	one.submit(flows.SetPassword{Password: newSecret}).at(flows.Done)
	before := w.account()
	two.cookie = one.cookie
	two.submit(flows.GiveCode{Code: two.code(newAddress)})
	two.submit(flows.GiveEmail{Email: newAddress}).refused(flows.FlowGone)
	if w.account() != before || one.session() == nil {
		t.Errorf("the account has become %s", w.account())
	}
}

func TestAChangeBelongsToTheSessionThatBeganIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := accounts["mailbox"](w).change(flows.ChangeEmail).proved().at(flows.AskEmail)
	mallory := w.browser().signUpWithCode("mallory@example.com")
	mallory.flow = owner.flow
	mallory.submit(flows.GiveEmail{Email: newAddress}).refused(flows.FlowGone)
	mallory.secret = owner.secret // and be it with the owner's browser cookie
	mallory.submit(flows.GiveEmail{Email: newAddress}).refused(flows.SignInFirst)
	// Nor does another sign-in of the same person go on with it, which proved nothing here.
	again := owner.sameBrowser()
	again.flow = owner.flow
	again.cookie = ""
	again.signInWithCode(dana).at(flows.Done)
	again.flow = owner.flow
	again.submit(flows.GiveEmail{Email: newAddress}).refused(flows.SignInFirst)
}

// What a session's old id is good for in its grace is not to change the account.
func TestAnIDThatWasReplacedChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := w.browser().signUpWithCode(dana).enrolPhone(danaPhone)
	thief := owner.sameBrowser() // with the id of the moment
	owner.demand = policy.Need(policy.EmailProof, time.Second)
	w.wait(2 * time.Second)
	owner.start(flows.StepUp, flows.Open{}).submit(flows.SendCode{Factor: policy.EmailCode})
	owner.submit(flows.GiveCode{Code: owner.code(dana)}).at(flows.Done)
	owner.demand = policy.Floor
	if thief.session() == nil {
		t.Fatal("there is no grace")
	}
	thief.change(flows.RemovePhone).refused(flows.SignInFirst)
	if owner.session() == nil || !strings.Contains(w.account(), danaPhone) {
		t.Error("something was changed")
	}
}

func TestADisabledAccountChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := accounts["mailbox"](w).change(flows.ChangeEmail).proved().at(flows.AskEmail)
	caller := b.caller() // a page that is already being answered
	if err := w.engine.SetDisabled(t.Context(), b.session().User, true); err != nil {
		t.Fatal(err)
	}
	if _, err := w.engine.Submit(t.Context(), caller, b.flow, flows.GiveEmail{Email: newAddress}); !isRefusal(err, flows.FlowGone) {
		t.Errorf("an address: %v", err)
	}
	if _, err := w.engine.Start(t.Context(), caller, flows.Change, flows.Target{}, flows.Open{Changing: flows.ChangePassword}); !isRefusal(err, flows.FlowGone) {
		t.Errorf("a new change: %v", err)
	}
	if err := w.engine.SetProfile(t.Context(), caller, nil); !isRefusal(err, flows.SignInFirst) {
		t.Errorf("a profile: %v", err)
	}
}

func TestWhatASiteDoesNotOfferItDoesNotChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := accounts["password+phone"](w)
	b.change("shoe_size").refused(flows.NotThisStep)
	w.site.FixedEmail = true
	b.change(flows.ChangeEmail).refused(flows.MethodOff)
	w.site.FixedEmail = false
	open := b.change(flows.ChangeEmail).proved().at(flows.AskEmail).sameBrowser()
	open.flow = b.flow
	w.site.FixedEmail = true // since the page was opened
	if open.submit(flows.GiveEmail{Email: newAddress}).at(flows.Stuck); open.view.Why != flows.NoMethod {
		t.Errorf("stuck with %s", open.view.Why)
	}
	// Without text messages the rest of what the account has will do, and no number changes.
	w.site.SMS = false
	b.change(flows.ChangePhone).at(flows.Stuck)
	b.change(flows.RemovePhone).at(flows.Confirm)
	// Without passwords none is changed, and one that the account has is asked for nowhere.
	w.site.Password = false
	b.change(flows.ChangePassword).refused(flows.MethodOff)
	if b.change(flows.RemovePhone).at(flows.Stuck); b.view.Why != flows.NoMethod {
		t.Errorf("stuck with %s", b.view.Why)
	}
}

// Sites share accounts: one that asks for less is no way around what the account has.
func TestASiteWithoutPasswordsOrTextsIsNoWayAroundThem(t *testing.T) {
	t.Parallel()
	for account, off := range map[string]func(*flows.Site){
		"password":       func(s *flows.Site) { s.Password = false },
		"phone":          func(s *flows.Site) { s.SMS = false },
		"password+phone": func(s *flows.Site) { s.Password, s.SMS = false, false },
	} {
		w := newWorld(t)
		accounts[account](w)
		off(w.site)
		thief := w.browser().signInWithCode(dana).at(flows.Done)
		if thief.change(flows.ChangeEmail).at(flows.Stuck); thief.view.Why != flows.NoMethod {
			t.Errorf("%s: stuck with %s", account, thief.view.Why)
		}
	}
}

// A password that somebody else knows is reset: changing it would keep what they opened.
func TestALockedPasswordIsNotChangedAndProvesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := accounts["password"](w)
	w.demand = otp
	thief := w.browser().signInWithPassword(dana, longSecret).at(flows.AskCode)
	w.demand = policy.Floor
	if !w.disown(w.about(dana, flows.CodeSignIn)).Reset {
		t.Fatal("the password is not locked")
	}
	_ = thief
	if b.session() == nil {
		t.Fatal("the owner was signed out")
	}
	for _, changing := range []flows.Changing{flows.ChangePassword, flows.ChangeEmail} {
		if b.change(changing).at(flows.Stuck); b.view.Why != flows.NoMethod {
			t.Errorf("%s: stuck with %s", changing, b.view.Why)
		}
	}
	if profile, err := w.engine.Profile(t.Context(), b.caller()); err != nil || profile.MayChange[flows.ChangePassword] || !profile.PasswordLocked {
		t.Errorf("the profile is %+v, %v", profile, err)
	}
}

// Whoever proves something to change the account approves no request of the application:
// the message says nothing of it.
func TestAChangeOpensNoRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().member().rested()
	b.demand = otpOnce
	b.target = flows.Target{ReturnTo: "/", Account: true, Action: "POST /transfer", Need: otpOnce.String(), Label: "Transfers", Held: "x"}
	b.start(flows.Change, flows.Open{Changing: flows.ChangePassword}).at(flows.Confirm)
	if b.view.Target != (flows.Target{ReturnTo: "/", Account: true}) {
		t.Errorf("it is for %+v", b.view.Target)
	}
	b.proved().at(flows.AskNewPassword).submit(flows.SetPassword{Password: newSecret}).at(flows.Done)
	if l := w.about(dana, flows.CodeChange); l.Once || b.mayOnce("POST /transfer") {
		t.Error("a request was approved")
	}
}
