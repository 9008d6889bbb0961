package flows_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

func TestAnOperatorSeesOfAnAccountWhatProvesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, watch)
	w.browser().signUpWithPassword(dana, longSecret)
	w.changeUser(func(u *flows.User) { u.Phone = danaPhone })
	first := w.browser().signInWithPassword(dana, longSecret)
	account, err := w.engine.Account(t.Context(), " Dana@EXAMPLE.com ")
	if err != nil {
		t.Fatal(err)
	}
	if account.ID != first.session().User || account.Email != dana || account.Factors != policy.All() || account.Disabled ||
		account.Sessions != 2 || !account.Created.Equal(time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)) || account.Groups != nil {
		t.Errorf("found %+v", account)
	}
	text := fmt.Sprintf("%+v", account)
	for _, secret := range []string{"argon2", danaPhone, strings.TrimPrefix(danaPhone, "+")} {
		if strings.Contains(text, secret) {
			t.Errorf("it shows %q: %s", secret, text)
		}
	}
	if err := w.engine.SignOut(t.Context(), &first.session().Session); err != nil {
		t.Fatal(err)
	}
	if account, err = w.engine.Account(t.Context(), dana); err != nil || account.Sessions != 1 {
		t.Errorf("after a sign-out: %+v, %v", account, err)
	}
	w.wait(61 * time.Minute) // nobody has used the other one
	if account, err = w.engine.Account(t.Context(), dana); err != nil || account.Sessions != 0 {
		t.Errorf("after an hour: %+v, %v", account, err)
	}
}

func TestAnAccountThatThereIsNotIsSaidToBeNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	for _, email := range []string{"eli@example.org", "not an address", "", "dana@example.com/x"} {
		if account, err := w.engine.Account(t.Context(), email); !errors.Is(err, flows.ErrNoAccount) {
			t.Errorf("%q: %+v, %v", email, account, err)
		}
		if err := w.engine.SetGroups(t.Context(), email, []string{"staff"}); !errors.Is(err, flows.ErrNoAccount) {
			t.Errorf("groups of %q: %v", email, err)
		}
	}
}

func TestGroupsTakeEffectAtOnceInSessionsThatGoOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phone, desk := w.browser().signUpWithCode(dana), w.browser().signInWithCode(dana)
	other := w.browser().signUpWithCode("eli@example.org")
	before := desk.session()
	defer watchFor(before).stop()
	if err := w.engine.SetGroups(t.Context(), dana, []string{"staff", "board", "staff"}); err != nil {
		t.Fatal(err)
	}
	for _, b := range []*browser{phone, desk} {
		if live := b.session(); live == nil || !slices.Equal(live.Groups, []string{"board", "staff"}) {
			t.Errorf("a session sees %+v", live)
		}
	}
	if w.engine.Cache.Watched() != 1 || before.Groups != nil {
		t.Error("what a request held already was changed, or ended")
	}
	if live := other.session(); live == nil || live.Groups != nil {
		t.Errorf("somebody else's session sees %+v", live)
	}
	if account, err := w.engine.Account(t.Context(), dana); err != nil || !slices.Equal(account.Groups, []string{"board", "staff"}) || account.Sessions != 2 {
		t.Errorf("%+v, %v", account, err)
	}
	if err := w.engine.SetGroups(t.Context(), dana, nil); err != nil {
		t.Fatal(err)
	}
	if live := desk.session(); live == nil || len(live.Groups) != 0 {
		t.Errorf("in no group: %+v", live)
	}
}

// A read of the store that began before a change must not make the old groups warm.
func TestGroupsThatChangeWhileASessionIsReadAreNotMissed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, watch)
	b := w.browser().signUpWithCode(dana)
	w.engine.Cache = flows.NewSessionCache(10, w.engine.Store, w.clock)
	w.watched().afterView = func() {
		w.watched().afterView = nil
		if err := w.engine.SetGroups(t.Context(), dana, []string{"staff"}); err != nil {
			t.Error(err)
		}
	}
	b.session()
	if live := b.session(); live == nil || !slices.Equal(live.Groups, []string{"staff"}) {
		t.Errorf("the session sees %+v", live)
	}
}

func TestNamesOfGroupsCannotBeTakenForAnythingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	for _, good := range []string{"staff", "a", "Team-7_b.c", strings.Repeat("x", 64)} {
		if err := w.engine.SetGroups(t.Context(), dana, []string{good}); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	if err := w.engine.SetGroups(t.Context(), dana, []string{"kept"}); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "a b", "a,b", "gr\u00fcn", "a\n", "a/b", strings.Repeat("x", 65)} {
		if err := w.engine.SetGroups(t.Context(), dana, []string{"staff", bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	var many []string
	for i := range flows.MaxGroups + 1 {
		many = append(many, fmt.Sprintf("g%d", i))
	}
	if err := w.engine.SetGroups(t.Context(), dana, many); err == nil {
		t.Error("too many were taken")
	}
	if err := w.engine.SetGroups(t.Context(), dana, many[1:]); err != nil {
		t.Errorf("as many as may be: %v", err)
	}
	if err := w.engine.SetGroups(t.Context(), dana, []string{"kept"}); err != nil {
		t.Fatal(err)
	}
	if account, _ := w.engine.Account(t.Context(), dana); !slices.Equal(account.Groups, []string{"kept"}) {
		t.Errorf("in the groups %q", account.Groups)
	}
}

func TestASignInIsFoundByItsNameAsTheGatewaySeesIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 6 { // keys come in any order
		b := w.browser().from(home).signUpWithCode(fmt.Sprintf("dana%d@example.com", i))
		sid := b.session().SID
		w.wait(time.Minute)
		b.enrolPhone(fmt.Sprintf("+44770090010%d", i)) // a rise: the old id lives on for a moment, at its old level
		live, err := w.engine.SessionNamed(t.Context(), sid)
		if err != nil || live == nil {
			t.Fatalf("%v, %v", live, err)
		}
		if now := b.session(); live.Key != now.Key || live.Proof != now.Proof || live.Canonical != now.Canonical || live.Canonical == "" ||
			live.Have != now.Have || live.KnownDevice != now.KnownDevice || !slices.Equal(live.Networks, now.Networks) {
			t.Errorf("found %+v\nwant %+v", live.Session, now.Session)
		}
		for _, name := range []string{"", "no such", sid[:8], sid + "/" + live.Key, live.Key} {
			if live, err := w.engine.SessionNamed(t.Context(), name); live != nil || err != nil {
				t.Errorf("%q: %v, %v", name, live, err)
			}
		}
		if err := w.engine.SignOut(t.Context(), &live.Session); err != nil {
			t.Fatal(err)
		}
		if live, err := w.engine.SessionNamed(t.Context(), sid); live != nil || err != nil {
			t.Errorf("after a sign-out: %v, %v", live, err)
		}
	}
}

func TestSignInsOfADisabledAccountOrAnOlderEpochAreNone(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*flows.User){
		"disabled": func(u *flows.User) { u.Disabled = true },
		"a reset":  func(u *flows.User) { u.Epoch++ },
	} {
		w := newWorld(t, watch)
		sid := w.browser().signUpWithCode(dana).session().SID
		w.changeUser(change) // the records of its sessions are still there
		if live, err := w.engine.SessionNamed(t.Context(), sid); live != nil || err != nil {
			t.Errorf("%s: %v, %v", name, live, err)
		}
		if account, err := w.engine.Account(t.Context(), dana); err != nil || account.Sessions != 0 {
			t.Errorf("%s: %+v, %v", name, account, err)
		}
	}
}

func TestWhatTheStoreCannotTellIsNoAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, watch)
	sid := w.browser().signUpWithCode(dana).session().SID
	w.watched().down.Store(true)
	if _, err := w.engine.Account(t.Context(), dana); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("an account: %v", err)
	}
	if err := w.engine.SetGroups(t.Context(), dana, nil); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("groups: %v", err)
	}
	if live, err := w.engine.SessionNamed(t.Context(), sid); live != nil || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a sign-in: %v, %v", live, err)
	}
}
