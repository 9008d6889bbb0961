package flows_test

import (
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

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
	w := newWorld(t, func(c *flows.Config) { c.PasswordBudget.Burst, c.PasswordBudget.Every = 1000, time.Second })
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

func TestAThiefWithHalfAnAccountCannotPushTheOwnerOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) { c.PasswordBudget.Burst, c.PasswordBudget.Every = 1000, time.Second })
	w.browser().signUpWithPassword(dana, longSecret)
	w.demand = policy.Need(policy.OTP, 0)
	owner := w.browser().signInWithPassword(dana, longSecret).at(flows.AskCode)
	owner.submit(flows.GiveCode{Code: owner.code(dana)}).at(flows.Done)
	raised := w.browser().signInWithPassword(dana, longSecret)
	raised.submit(flows.GiveCode{Code: raised.code(dana)})
	w.demand = policy.Floor
	for range 150 {
		w.wait(time.Second)
		w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
	}
	if owner.session() == nil {
		t.Fatal("a hundred sign-ins with the password alone ended the owner's session")
	}
}

func TestSignInsFromNewDevicesAreRated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := w.browser().signUpWithPassword(dana, longSecret)
	owner.signInWithPassword(dana, longSecret).at(flows.Done) // a known device from now on
	opened := 0
	for range 30 {
		if b := w.browser().signInWithPassword(dana, longSecret); b.refusal == nil {
			opened++
		}
	}
	if opened > 10 {
		t.Errorf("%d new devices signed in with the password at once", opened)
	}
	owner.signInWithPassword(dana, longSecret).at(flows.Done)
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
