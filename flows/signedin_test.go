package flows_test

import (
	"maps"
	"reflect"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

func (b *browser) profile() flows.Profile {
	b.t.Helper()
	p, err := b.engine.Profile(b.t.Context(), b.caller())
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

func TestAProfileShowsTheAccountAndNoSecret(t *testing.T) {
	t.Parallel()
	for account, want := range map[string]flows.Profile{
		"mailbox": {MayEnrol: true, MayChange: map[flows.Changing]bool{flows.ChangePassword: true, flows.ChangeEmail: true}},
		"password+phone": {HasPassword: true, Phone: "23", MayChange: map[flows.Changing]bool{
			flows.ChangePassword: true, flows.ChangeEmail: true, flows.ChangePhone: true, flows.RemovePhone: true}},
	} {
		w := newWorld(t)
		b := accounts[account](w)
		got := b.profile()
		maps.DeleteFunc(got.MayChange, func(_ flows.Changing, may bool) bool { return !may })
		want.Email, want.Attributes = dana, map[string]string{}
		if got.Sessions = nil; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", account, got, want)
		}
		w.site.Password, w.site.SMS, w.site.FixedEmail = false, false, true
		got = b.profile()
		maps.DeleteFunc(got.MayChange, func(_ flows.Changing, may bool) bool { return !may })
		if len(got.MayChange) != len(want.MayChange)/4 || got.MayEnrol { // a number is removed anywhere
			t.Errorf("%s: with all switched off %+v", account, got)
		}
	}
}

func TestOnlyWhoeverIsSignedInSeesOrChangesAProfile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := accounts["mailbox"](w)
	signedIn := b.caller()
	other := *w.site
	other.Origin = "https://other.example.com"
	elsewhere := signedIn
	elsewhere.Site = &other
	if err := w.engine.SignOut(t.Context(), &b.session().Session); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]flows.Caller{
		"nobody": w.browser().caller(), "who has signed out since": signedIn, "another site": elsewhere,
	} {
		_, err := w.engine.Profile(t.Context(), c)
		errs := []error{err, w.engine.SetProfile(t.Context(), c, nil), w.engine.EndSession(t.Context(), c, "x"), w.engine.EndOtherSessions(t.Context(), c)}
		for i, err := range errs {
			if !isRefusal(err, flows.SignInFirst) {
				t.Errorf("%s, %d: %v", name, i, err)
			}
		}
	}
}

func TestSignInsAreListedWithThisOneFirstAndThenTheNewest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mallory := w.browser().signUpWithCode("mallory@example.com")
	first := w.browser().from(cafe).signUpWithPassword(dana, longSecret)
	w.wait(10 * time.Minute)
	app := w.native().from(home)
	app.signInNatively(dana, longSecret).at(flows.Done)
	w.wait(10 * time.Minute)
	b := w.browser().from(home).signInWithPassword(dana, longSecret).at(flows.Done).withCode() // under its second id
	w.wait(10 * time.Minute)
	last := w.browser().signInWithCode(dana).at(flows.Done)
	created := b.session().Created // and it is in use just now
	list := b.profile().Sessions
	if len(list) != 4 || list[0] != (flows.SignedIn{SID: b.session().SID, This: true, Device: "Firefox on Linux", Network: home,
		Site: w.site.Origin, Created: created, Used: w.clock()}) {
		t.Fatalf("listed are %+v", list)
	}
	if list[1].SID != last.session().SID || list[1].Network != "" || list[2].Client != "app" || list[2].Device != "" || list[2].Network != home ||
		list[3].SID != first.session().SID || list[3].Network != cafe || list[1].This || list[3].This {
		t.Errorf("listed are %+v", list)
	}
	for range 2 {
		w.wait(40 * time.Minute)
		b.session() // the others have been idle for more than an hour by now
	}
	if len(b.profile().Sessions) != 1 || len(mallory.signInWithCode("mallory@example.com").profile().Sessions) != 1 {
		t.Errorf("listed are %+v", b.profile().Sessions)
	}
}

func TestEndingASignInEndsItEverywhereAndItsBrowserIsAStranger(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().signUpWithPassword(dana, longSecret)
	other := w.browser().signInWithPassword(dana, longSecret).at(flows.Done).withCode()
	other.familiar(t, true, false)
	app := w.native().signInNatively(dana, longSecret).at(flows.Done)
	mallory := w.browser().signUpWithCode("mallory@example.com")
	end := func(b *browser, sid string) {
		t.Helper()
		if err := w.engine.EndSession(t.Context(), b.caller(), sid); err != nil {
			t.Fatal(err)
		}
	}
	for _, sid := range []string{"", "x", "../user", mallory.session().SID} {
		end(b, sid)
	}
	end(mallory, other.session().SID)
	if mallory.session() == nil || other.session() == nil || b.session() == nil {
		t.Fatal("somebody else's sign-in, or all, have ended")
	}
	end(b, other.session().SID)
	end(b, app.opened.Session.SID)
	if other.session() != nil || b.session() == nil || len(b.profile().Sessions) != 1 {
		t.Errorf("listed are %+v", b.profile().Sessions)
	}
	app.refuses(app.opened.Refresh, flows.RefreshInvalid)
	other.signInWithPassword(dana, longSecret).at(flows.Done).familiar(t, false, false)
	b.familiar(t, true, false)
	end(b, b.session().SID)
	if b.session() != nil || other.session() == nil {
		t.Error("the own sign-in goes on, or another has ended")
	}
}

func TestEndingAllOtherSignInsSparesThisOneAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().signUpWithPassword(dana, longSecret)
	mallory := w.browser().signUpWithCode("mallory@example.com")
	var others []*browser
	for range 3 {
		others = append(others, w.browser().signInWithPassword(dana, longSecret).at(flows.Done))
		others[len(others)-1].session()
	}
	if err := w.engine.EndOtherSessions(t.Context(), b.caller()); err != nil {
		t.Fatal(err)
	}
	for _, other := range others {
		if other.session() != nil {
			t.Error("another goes on")
		}
	}
	if b.session() == nil || mallory.session() == nil || len(b.profile().Sessions) != 1 {
		t.Error("this one, or somebody else's, has ended")
	}
	b.familiar(t, true, false)
}

func TestWhatPeopleSayOfThemselvesIsCheckedKeptAndSeenAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := accounts["mailbox"](w)
	caller := b.caller
	w.site.Attributes = []flows.Attribute{
		{Name: "displayName", Label: "Name", Type: flows.AttributeText, Required: true},
		{Name: "age", Label: "Age", Type: flows.AttributeInteger},
	}
	set := func(values map[string]string) error { return w.engine.SetProfile(t.Context(), caller(), values) }
	if err := set(map[string]string{"age": "40"}); !isRefusal(err, flows.AttributesMissing) {
		t.Errorf("without a name: %v", err)
	}
	if err := set(map[string]string{"displayName": "Dana", "age": "old"}); !isRefusal(err, flows.AttributesInvalid) {
		t.Errorf("with a strange age: %v", err)
	}
	if n := len(b.profile().Attributes); n != 0 {
		t.Fatalf("%d attributes were kept", n)
	}
	if err := set(map[string]string{"displayName": " Dana ", "age": "40", "email": "x@example.com", "groups": "admin"}); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"displayName": "Dana", "age": "40"}
	if got := b.profile().Attributes; !maps.Equal(got, want) || !maps.Equal(b.session().Attributes, want) || b.session().Email != dana || b.session().Groups != nil {
		t.Errorf("the profile says %v, the session %+v", got, b.session().Session)
	}
	// Another site asks for something else, and drops nothing.
	w.site.Attributes = []flows.Attribute{{Name: "team", Label: "Team", Type: flows.AttributeText}}
	if err := set(map[string]string{"team": "blue", "age": "41"}); err != nil {
		t.Fatal(err)
	}
	if got := b.profile().Attributes; !maps.Equal(got, map[string]string{"team": "blue"}) {
		t.Errorf("this site shows %v", got)
	}
	want["team"] = "blue"
	if got := b.session().Attributes; !maps.Equal(got, want) {
		t.Errorf("the account has %v", got)
	}
	if err := set(map[string]string{"team": ""}); err != nil || b.session().Attributes["team"] != "" {
		t.Errorf("nothing was dropped: %v, %v", b.session().Attributes, err)
	}
	refused := 0
	for i := range 40 {
		team := "red"
		if i%2 == 0 {
			team = "green"
		}
		if err := set(map[string]string{"team": team}); isRefusal(err, flows.TooManyTries) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if refused == 0 {
		t.Error("it may be written without end")
	}
}

// The page of an account costs one read of the store, and the requests of a session that
// was changed cost none once it is warm.
func TestAProfileCostsOneReadAndAChangedSessionIsSoonWarm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, watch)
	b := accounts["mailbox"](w)
	caller := b.caller()
	views := w.watched().views.Load()
	if _, err := w.engine.Profile(t.Context(), caller); err != nil {
		t.Fatal(err)
	}
	if n := w.watched().views.Load() - views; n != 1 {
		t.Errorf("%d reads", n)
	}
	b.change(flows.ChangePassword).proved().submit(flows.SetPassword{Password: newSecret}).at(flows.Done)
	b.session()
	views, updates := w.watched().views.Load(), w.watched().updates.Load()
	for range 100 {
		if b.session() == nil {
			t.Fatal("signed out")
		}
	}
	if v, u := w.watched().views.Load()-views, w.watched().updates.Load()-updates; v+u != 0 {
		t.Errorf("warm requests cost %d reads and %d writes", v, u)
	}
	if b.session().Have != policy.FactorsOf(policy.EmailCode, policy.Password) {
		t.Errorf("it has %v", b.session().Have.Slice())
	}
}

// What ends all sign-ins raises the epoch first and deletes them afterwards: in between,
// or after a crash there, none of them shows or changes anything.
func TestASignInOfAnOlderEpochNeitherSeesAnAccountNorIsSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, watch)
	old := w.browser().signUpWithCode(dana)
	caller := old.caller()
	w.changeUser(func(u *flows.User) { u.Epoch++ })
	if p, err := w.engine.Profile(t.Context(), caller); err == nil {
		t.Errorf("it saw %+v", p)
	}
	if err := w.engine.EndOtherSessions(t.Context(), caller); err == nil {
		t.Error("it ended the others")
	}
	w.wait(time.Minute)
	young := w.browser()
	young.start(flows.SignIn, flows.Identify{Email: dana})
	young.submit(flows.GiveCode{Code: young.code(dana)}).at(flows.Done)
	if got := young.profile().Sessions; len(got) != 1 || !got[0].This {
		t.Errorf("signed in are %+v", got)
	}
}
