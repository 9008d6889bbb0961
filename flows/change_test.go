package flows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

const (
	newAddress = "dana@new.example"
	newPhone   = "+447700900456"
)

// change begins a change on the page of the account.
func (b *browser) change(what flows.Changing) *browser {
	b.t.Helper()
	b.target = flows.Target{ReturnTo: "/.auth/account", Account: true}
	defer func() { b.target = flows.Target{} }()
	return b.start(flows.Change, flows.Open{Changing: what})
}

// proving proves what is asked for until something else is, and notes what it was.
func (b *browser) proving(asked *[]policy.Factor) *browser {
	b.t.Helper()
	for b.refusal == nil {
		switch v := b.view; {
		case v.Step == flows.AskPassword:
			*asked = append(*asked, policy.Password)
			b.submit(flows.GivePassword{Password: longSecret})
		case v.Step == flows.AskCode && !v.Enrolling && v.NewEmail == "":
			*asked = append(*asked, v.Factor)
			to := dana
			if v.Factor == policy.SMSCode {
				to = danaPhone
			}
			b.submit(flows.GiveCode{Code: b.code(to)})
		case v.Step != flows.Confirm && v.Step != flows.Choose:
			return b
		case v.Factor == policy.Password:
			b.submit(flows.UsePassword{})
		default:
			b.submit(flows.SendCode{Factor: v.Factor})
		}
	}
	return b
}

// proved is proving where nobody cares what was asked for.
func (b *browser) proved() *browser {
	b.t.Helper()
	return b.proving(new([]policy.Factor))
}

// The accounts that there are, by what they can be proved with. Their owner is signed in,
// with everything proved a while ago.
var accounts = map[string]func(*world) *browser{
	"mailbox":  func(w *world) *browser { return w.browser().signUpWithCode(dana).rested() },
	"password": func(w *world) *browser { return w.browser().signUpWithPassword(dana, longSecret).rested() },
	"phone":    func(w *world) *browser { return w.browser().signUpWithCode(dana).enrolPhone(danaPhone).rested() },
	"password+phone": func(w *world) *browser {
		return w.browser().signUpWithPassword(dana, longSecret).enrolAfterMail(danaPhone).rested()
	},
}

// rested lets time pass until no proof is young.
func (b *browser) rested() *browser {
	b.wait(20 * time.Minute)
	return b
}

func TestAChangeAsksForTheHighestLevelThatTheAccountHas(t *testing.T) {
	t.Parallel()
	for account, want := range map[string][]policy.Factor{
		"mailbox":        {policy.EmailCode},
		"password":       {policy.Password, policy.EmailCode},
		"phone":          {policy.SMSCode},
		"password+phone": {policy.SMSCode},
	} {
		for changing, next := range map[flows.Changing]flows.Step{
			flows.ChangePassword: flows.AskNewPassword, flows.ChangeEmail: flows.AskEmail,
			flows.ChangePhone: flows.AskPhone, flows.RemovePhone: flows.Done,
		} {
			w := newWorld(t)
			b := accounts[account](w)
			sent, hasPhone := w.posted(), slices.Contains(want, policy.SMSCode)
			b.change(changing)
			if !hasPhone && (changing == flows.ChangePhone || changing == flows.RemovePhone) {
				if b.at(flows.Stuck); b.view.Why != flows.NoMethod {
					t.Errorf("%s, %s: stuck with %s", account, changing, b.view.Why)
				}
				continue
			}
			b.at(flows.Confirm)
			if w.posted() != sent || b.view.Changing != changing || b.view.Kind != flows.Change || !b.view.Target.Account {
				t.Errorf("%s, %s: it begins with %+v and %d letters", account, changing, b.view, w.posted()-sent)
			}
			var asked []policy.Factor
			if b.proving(&asked).at(next); !slices.Equal(asked, want) {
				t.Errorf("%s, %s: asked for %v, want %v", account, changing, asked, want)
			}
			for _, l := range w.letters[sent:] {
				if l.Code != "" && (l.Purpose != flows.CodeChange || l.Changing != changing) {
					t.Errorf("%s, %s: the code is a %s of %q", account, changing, l.Purpose, l.Changing)
				}
			}
		}
	}
}

// What a change came to is the same whatever was changed: this sign-in goes on under a new
// id, and all that was opened with the account as it was is over, in every cache too.
func TestAChangeEndsEverythingButTheSignInThatMadeIt(t *testing.T) {
	t.Parallel()
	for changing, finish := range map[flows.Changing]func(*browser){
		flows.ChangePassword: func(b *browser) { b.submit(flows.SetPassword{Password: newSecret}) },
		flows.ChangePhone: func(b *browser) {
			b.submit(flows.GivePhone{Phone: newPhone}).at(flows.AskCode)
			b.submit(flows.GiveCode{Code: b.code(newPhone)})
		},
		flows.ChangeEmail: func(b *browser) {
			b.submit(flows.GiveEmail{Email: newAddress}).at(flows.AskCode)
			b.submit(flows.GiveCode{Code: b.code(newAddress)})
		},
		flows.RemovePhone: func(*browser) {},
	} {
		w := newWorld(t)
		b := accounts["password+phone"](w)
		other := w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
		app := w.native().signInNatively(dana, longSecret).at(flows.Done)
		w.demand = otp
		half := w.browser().signInWithPassword(dana, longSecret).submit(flows.SendCode{Factor: policy.SMSCode}).at(flows.AskCode)
		code := half.code(danaPhone)
		w.demand = policy.Floor
		w.wait(20 * time.Minute)
		tab := b.sameBrowser().change(flows.ChangePassword).at(flows.Confirm)
		b.session()
		other.session()
		before, sid, epoch := b.cookie, b.session().SID, b.session().Epoch

		finish(b.change(changing).proved())
		if b.at(flows.Done); b.view.Changing != changing || b.view.Opened == nil {
			t.Fatalf("%s: ends with %+v", changing, b.view)
		}
		s := b.session()
		if s == nil || b.cookie == before || s.SID != sid || s.Epoch != epoch+1 || s.Canonical != s.Email {
			t.Fatalf("%s: this sign-in goes on as %+v", changing, s)
		}
		if live, err := w.engine.Authenticate(t.Context(), w.site.Origin, before); live != nil || err != nil {
			t.Errorf("%s: the old id still opens something: %v", changing, err)
		}
		if other.session() != nil {
			t.Errorf("%s: another session goes on", changing)
		}
		if _, err := w.engine.Refresh(t.Context(), app.caller(), app.opened.Refresh); !isRefusal(err, flows.RefreshInvalid) {
			t.Errorf("%s: a client goes on: %v", changing, err)
		}
		if half.submit(flows.GiveCode{Code: code}); half.session() != nil {
			t.Errorf("%s: a sign-in from before came to its end", changing)
		}
		tab.cookie = b.cookie
		tab.submit(flows.SendCode{Factor: policy.SMSCode}).refused(flows.FlowGone)
		if n := w.count("1/session/"); n != 1 {
			t.Errorf("%s: %d sessions are in the store", changing, n)
		}
		// A finished change is over: handing in more of it does nothing.
		if b.submit(flows.SetPassword{Password: "yet another battery staple"}); b.view.Step != flows.Done || b.view.Opened != nil {
			t.Errorf("%s: and goes on to %+v", changing, b.view)
		}
	}
}

// sameBrowser is another tab.
func (b *browser) sameBrowser() *browser {
	tab := *b
	tab.flow = ""
	return &tab
}

func TestAPasswordIsChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := accounts["password"](w).change(flows.ChangePassword).proved().at(flows.AskNewPassword)
	if b.view.MaySkip {
		t.Error("a change that changes nothing")
	}
	b.submit(flows.SkipPassword{}).refused(flows.NotThisStep)
	b.submit(flows.SetPassword{}).refused(flows.PasswordMissing)
	b.submit(flows.SetPassword{Password: "short"}).refused(flows.PasswordShort)
	b.submit(flows.SetPassword{Password: "payroll payroll payroll 17"}).refused(flows.PasswordContext)
	b.submit(flows.SetPassword{Password: newSecret}).at(flows.Done)
	if at, ok := b.session().Proof.At(policy.Password); !ok || !at.Equal(w.clock()) || !b.session().Proof.TwoChannels() {
		t.Errorf("the session has proved %+v", b.session().Proof)
	}
	if w.noticed(dana, flows.NoticePasswordChanged) != 1 {
		t.Error("the owner was not told")
	}
	w.browser().signInWithPassword(dana, longSecret).refused(flows.PairWrong)
	w.browser().signInWithPassword(dana, newSecret).at(flows.Done)
}

// Whoever holds only the mailbox can add a password. That makes one channel, not two,
// until the owner had time to read the notice.
func TestAPasswordAddedByMailAloneSpendsTheMailbox(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := accounts["mailbox"](w).change(flows.ChangePassword).proved().at(flows.AskNewPassword)
	b.submit(flows.SetPassword{Password: newSecret}).at(flows.Done)
	if w.noticed(dana, flows.NoticePasswordAdded) != 1 || w.noticed(dana, flows.NoticePasswordChanged) != 0 {
		t.Error("the owner was not told, or not of this")
	}
	if b.session().Proof.TwoChannels() {
		t.Fatal("a mailbox has become two factors")
	}
	w.demand = otp
	b.start(flows.StepUp, flows.Open{}).at(flows.Stuck)
	if b.view.Why != flows.MailboxSpent || !b.view.MailboxBack.Equal(w.clock().Add(24*time.Hour)) {
		t.Fatalf("stuck with %s until %v", b.view.Why, b.view.MailboxBack)
	}
	w.browser().signInWithPassword(dana, newSecret).at(flows.Done).start(flows.StepUp, flows.Open{}).at(flows.Stuck)
	w.demand = policy.Floor
	// Nor does any other change follow, while that is so.
	for _, changing := range []flows.Changing{flows.ChangePassword, flows.ChangeEmail} {
		if b.change(changing).at(flows.Stuck); b.view.Why != flows.MailboxSpent {
			t.Errorf("%s: stuck with %s", changing, b.view.Why)
		}
	}
	b.start(flows.Enrol, flows.Open{}).at(flows.Stuck)
	w.wait(25 * time.Hour)
	c := w.browser().signInWithPassword(dana, newSecret).at(flows.Done)
	c.change(flows.ChangeEmail).at(flows.Confirm).submit(flows.UsePassword{}).refused(flows.NotThisStep) // it is fresh
	c.submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
	c.submit(flows.GiveCode{Code: c.code(dana)}).at(flows.AskEmail)
}

func TestAPasswordAddedWithThePhoneSpendsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := accounts["phone"](w).change(flows.ChangePassword).proved().at(flows.AskNewPassword)
	b.submit(flows.SetPassword{Password: newSecret}).at(flows.Done)
	w.demand = otp
	c := w.browser().signInWithPassword(dana, newSecret).at(flows.Choose)
	c.submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
	c.submit(flows.GiveCode{Code: c.code(dana)}).at(flows.Done)
}

func TestAPhoneIsReplacedAndBothTheMailboxAndTheOldNumberAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := accounts["password+phone"](w).change(flows.ChangePhone).proved().at(flows.AskPhone)
	b.submit(flows.GivePhone{Phone: "020 7946 0018"}).refused(flows.PhoneNotMobile)
	b.submit(flows.GivePhone{Phone: newPhone}).at(flows.AskCode)
	if !b.view.Enrolling || !b.view.MayGivePhone && b.view.Phone != newPhone || w.letter(newPhone).Purpose != flows.CodeEnrol {
		t.Errorf("it asks as %+v, with a %s", b.view, w.letter(newPhone).Purpose)
	}
	b.submit(flows.GiveCode{Code: wrong(b.code(newPhone))}).refused(flows.CodeWrong)
	b.submit(flows.GiveCode{Code: b.code(newPhone)}).at(flows.Done)
	if at, _ := b.session().Proof.At(policy.SMSCode); !at.Equal(w.clock()) {
		t.Error("the new phone is not proved")
	}
	for _, to := range []string{dana, danaPhone} {
		if w.noticed(to, flows.NoticePhoneChanged) != 1 {
			t.Errorf("%s was not told", to)
		}
	}
	if w.about(danaPhone, flows.NoticePhoneChanged).NotMe != "" || w.noticed(newPhone, flows.NoticePhoneChanged) != 0 {
		t.Error("more than that was told")
	}
	w.demand = policy.Need(policy.SMSProof, 0)
	c := w.browser().signInWithPassword(dana, longSecret).at(flows.AskCode)
	if c.view.Phone != "56" || c.submit(flows.GiveCode{Code: c.code(newPhone)}).view.Step != flows.Done {
		t.Errorf("the code goes to %q", c.view.Phone)
	}
}

func TestARemovedPhoneProvesNothingMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := accounts["phone"](w).change(flows.RemovePhone).proved().at(flows.Done)
	if _, ok := b.session().Proof.At(policy.SMSCode); ok || b.session().Proof.TwoChannels() {
		t.Errorf("the session has proved %+v", b.session().Proof)
	}
	if w.noticed(dana, flows.NoticePhoneRemoved) != 1 {
		t.Error("the owner was not told")
	}
	b.change(flows.RemovePhone).at(flows.Stuck)
	// It is gone from the account: another one may be added, by its own rules.
	b.demand = policy.Need(policy.SMSProof, 0)
	b.start(flows.StepUp, flows.Open{}).at(flows.Confirm)
	if !b.view.ThenPhone {
		t.Errorf("asks for %s", b.view.Factor)
	}
}

func TestAnAddressIsChangedAndBothAreTold(t *testing.T) {
	t.Parallel()
	for account := range accounts {
		w := newWorld(t)
		b := accounts[account](w).change(flows.ChangeEmail).proved().at(flows.AskEmail)
		b.submit(flows.GiveEmail{}).refused(flows.EmailMissing)
		b.submit(flows.GiveEmail{Email: "dana"}).refused(flows.EmailMalformed)
		b.submit(flows.GiveEmail{Email: " DANA@Example.com. "}).refused(flows.EmailSame)
		b.submit(flows.GiveEmail{Email: "typo@new.example"}).at(flows.AskCode)
		w.wait(time.Minute)
		b.submit(flows.GiveEmail{Email: "Dana@NEW.example"}).at(flows.AskCode)
		if b.view.NewEmail != "Dana@new.example" || b.view.Email != dana || b.view.Factor != policy.EmailCode {
			t.Errorf("%s: the view is %+v", account, b.view)
		}
		letter := w.letter("Dana@new.example")
		if letter.Purpose != flows.CodeEmailChange || letter.NotMe != "" {
			t.Errorf("%s: a %s that can be disowned: %v", account, letter.Purpose, letter.NotMe != "")
		}
		b.submit(flows.GiveCode{Code: wrong(letter.Code)}).refused(flows.CodeWrong)
		if w.browser().signInWithCode(dana).at(flows.Done).session().Email != dana {
			t.Errorf("%s: the address changed before its code came back", account)
		}
		b.submit(flows.GiveCode{Code: letter.Code}).at(flows.Done)
		s := b.session()
		if at, _ := s.Proof.At(policy.EmailCode); s.Email != "Dana@new.example" || s.Canonical != newAddress || !at.Equal(w.clock()) {
			t.Errorf("%s: the session is %+v", account, s.Session)
		}
		for _, to := range []string{dana, "Dana@new.example"} {
			if w.noticed(to, flows.NoticeEmailChanged) != 1 {
				t.Errorf("%s: %s was not told", account, to)
			}
		}
		user := s.User
		if c := w.browser().signInWithCode2(newAddress, "Dana@new.example").at(flows.Done); c.session().User != user {
			t.Errorf("%s: the new address is another account's", account)
		}
		// The old address is nobody's, and may be anybody's.
		w.wait(25 * time.Hour)
		if c := w.browser().start(flows.SignIn, flows.Identify{Email: dana}); w.letter(dana).Purpose != flows.NoticeNoAccount {
			t.Errorf("%s: %+v, a %s", account, c.view, w.letter(dana).Purpose)
		}
		if c := w.browser().signUpWithCode(dana); c.session().User == user {
			t.Errorf("%s: the old address still opens the account", account)
		}
	}
}

// signInWithCode2 signs in by a code that goes to another spelling than what was typed.
func (b *browser) signInWithCode2(typed, stored string) *browser {
	b.t.Helper()
	b.start(flows.SignIn, flows.Identify{Email: typed}).at(flows.AskCode)
	return b.submit(flows.GiveCode{Code: b.code(stored)})
}

// The browser that made a change is no stranger afterwards, and all others are.
func TestAfterAChangeThisBrowserIsFamiliarAndNoOtherIs(t *testing.T) {
	t.Parallel()
	for _, fresh := range []bool{true, false} { // what the change needed was proved before, or in it
		w := newWorld(t)
		b := w.browser().from(home).signUpWithPassword(dana, longSecret)
		b.signInWithPassword(dana, longSecret).at(flows.Done).withCode()
		other := w.browser().from(cafe).signInWithPassword(dana, longSecret).at(flows.Done).withCode()
		if !fresh {
			b.rested()
		}
		if b.change(flows.ChangePassword); fresh {
			b.at(flows.AskNewPassword) // and nothing is asked for again
		}
		b.proved().at(flows.AskNewPassword)
		b.submit(flows.SetPassword{Password: newSecret}).at(flows.Done)
		b.familiar(t, true, true)
		if s := b.session(); s.FamiliarNetwork(cafe) {
			t.Error("another network is familiar")
		}
		b.signInWithPassword(dana, newSecret).at(flows.Done).familiar(t, true, true)
		other.signInWithPassword(dana, newSecret).at(flows.Done).familiar(t, false, false)
	}
}
