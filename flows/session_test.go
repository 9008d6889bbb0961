package flows_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// watched counts a store's transactions, and can be made to fail.
type watched struct {
	store.Store
	views, updates atomic.Int64
	down           atomic.Bool
	after          func(updates int64) // runs when so many updates have ended
	afterView      func()              // runs when a read has ended, before its result is used
}

func (s *watched) View(ctx context.Context, fn func(store.Tx) error) error {
	s.views.Add(1)
	if s.down.Load() {
		return store.ErrClosed
	}
	err := s.Store.View(ctx, fn)
	if s.afterView != nil {
		s.afterView()
	}
	return err
}

func (s *watched) Update(ctx context.Context, fn func(store.Tx) error) error {
	s.updates.Add(1)
	if s.down.Load() {
		return store.ErrFull
	}
	err := s.Store.Update(ctx, fn)
	if s.after != nil {
		s.after(s.updates.Load())
	}
	return err
}

func watch(c *flows.Config) { c.Store = &watched{Store: c.Store} }

func (w *world) watched() *watched { return w.engine.Store.(*watched) }

func TestAWarmSessionCostsNoStoreReadAndFewWrites(t *testing.T) {
	t.Parallel()
	w := newWorld(t, watch)
	b := w.browser().signUpWithCode(dana)
	b.session()
	views, updates := w.watched().views.Load(), w.watched().updates.Load()
	for range 1000 {
		if b.session() == nil {
			t.Fatal("no session")
		}
	}
	if v, u := w.watched().views.Load()-views, w.watched().updates.Load()-updates; v != 0 || u != 0 {
		t.Fatalf("a thousand warm requests cost %d reads and %d writes", v, u)
	}
	for range 60 { // an hour, a request each minute
		w.wait(time.Minute)
		b.session()
	}
	if v, u := w.watched().views.Load()-views, w.watched().updates.Load()-updates; v != 0 || u != 12 {
		t.Fatalf("an hour of use cost %d reads and %d writes, want 0 and 12", v, u)
	}
}

func TestUseOfASessionSurvivesTheCache(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().signUpWithCode(dana)
	for range 4 {
		w.wait(50 * time.Minute)
		if b.session() == nil {
			t.Fatal("a session in use ended")
		}
	}
	w.engine.Config.Cache = flows.NewSessionCache(10, w.engine.Store, w.clock) // as after a restart
	w.wait(50 * time.Minute)
	if b.session() == nil {
		t.Fatal("the store does not know that the session was in use")
	}
}

func TestAStoreThatIsDownRefusesAndSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, watch)
	b := w.browser().signUpWithCode(dana)
	w.watched().down.Store(true)
	if _, err := w.engine.Authenticate(t.Context(), w.site.Origin, b.cookie); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a cold session: %v", err)
	}
	c := flows.Caller{Site: w.site, Browser: b.secret, Demand: b.caller2().Demand}
	if _, err := w.engine.Start(t.Context(), c, flows.SignIn, flows.Target{ReturnTo: "/"}, flows.Identify{Email: dana}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a sign-in: %v", err)
	}
	if _, err := w.engine.Look(t.Context(), c, b.flow); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a look: %v", err)
	}
	if _, err := w.engine.Submit(t.Context(), c, b.flow, flows.GiveCode{Code: "123456"}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a code: %v", err)
	}
	if err := w.engine.SignOut(t.Context(), &flows.Session{SID: "x", User: "y"}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a sign-out that was not done was acknowledged: %v", err)
	}
}

// caller2 is caller without asking the store who is signed in.
func (b *browser) caller2() flows.Caller {
	cookie := b.cookie
	b.cookie = ""
	defer func() { b.cookie = cookie }()
	return b.caller()
}

func TestDisablingKillsWarmSessionsEvenIfTheStoreThenFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, watch)
	b := w.browser().signUpWithCode(dana)
	user := b.session().User
	last := w.watched().updates.Load() + 1
	w.watched().after = func(n int64) { w.watched().down.Store(n >= last) }
	if err := w.engine.SetDisabled(t.Context(), user, true); err == nil {
		t.Error("what was not finished was acknowledged")
	}
	w.watched().after = nil
	w.watched().down.Store(false)
	if b.session() != nil {
		t.Fatal("a session of a disabled account is warm")
	}
}

func TestAPasswordThatChangesWhileItIsCheckedDoesNotSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, watch)
	w.browser().signUpWithPassword(dana, longSecret)
	b := w.browser().start(flows.SignIn, flows.Identify{Email: dana, ByPassword: true}).at(flows.AskPassword)
	charged := w.watched().updates.Load() + 1
	w.watched().after = func(n int64) {
		if n != charged {
			return
		}
		w.changeUser(func(u *flows.User) { u.Password = strings.ToUpper(u.Password) })
	}
	b.submit(flows.GivePassword{Password: longSecret}).refused(flows.PairWrong)
}

// changeUser changes the one account there is, behind the engine's back.
func (w *world) changeUser(change func(*flows.User)) {
	w.t.Helper()
	err := w.watched().Store.Update(w.t.Context(), func(tx store.Tx) error {
		var key string
		var user flows.User
		err := tx.Scan("1/user/", func(k string, value []byte) error {
			key = k
			return json.Unmarshal(value, &user)
		})
		if err != nil {
			return err
		}
		change(&user)
		data, err := json.Marshal(user)
		if err != nil {
			return err
		}
		return tx.Set(key, data, 0)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestTwoTabsThatBothProveSomethingEndWithALastingSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.browser().signUpWithPassword(dana, longSecret)
	second := &browser{world: w, secret: first.secret, cookie: first.cookie}
	w.demand = policy.Need(policy.PasswordProof, 0).Join(policy.Need(policy.EmailProof, time.Second))
	w.wait(time.Minute)
	first.start(flows.StepUp, flows.Open{}).submit(flows.UsePassword{}).at(flows.AskPassword)
	second.start(flows.StepUp, flows.Open{}).submit(flows.UsePassword{}).at(flows.AskPassword)
	w.demand = policy.Need(policy.PasswordProof, 0)
	first.submit(flows.GivePassword{Password: longSecret}).at(flows.Done)
	second.submit(flows.GivePassword{Password: longSecret}).at(flows.Done)
	w.wait(time.Minute)
	if first.session() == nil || second.session() == nil {
		t.Error("a session that was raised ended with the grace of the id before")
	}
}

func TestASessionRevokedWhileItIsReadIsNotKeptWarm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, watch)
	b := w.browser().signUpWithCode(dana)
	session := *b.view.Opened.Session
	w.watched().afterView = func() {
		w.watched().afterView = nil
		if err := w.engine.SignOut(t.Context(), &session); err != nil {
			t.Error(err)
		}
	}
	b.session() // began before the sign-out, so either answer is right
	if b.session() != nil {
		t.Fatal("the session is warm after it was revoked")
	}
}

func TestRevokingAndReadingAtOnceIsSafe(t *testing.T) {
	t.Parallel()
	for range 50 {
		w := newWorld(t)
		b := w.browser().signUpWithCode(dana)
		session := *b.view.Opened.Session
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { _, _ = w.engine.Authenticate(t.Context(), w.site.Origin, b.cookie) })
		}
		wg.Go(func() {
			if err := w.engine.SignOut(t.Context(), &session); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		if b.session() != nil {
			t.Fatal("the session is warm after it was revoked")
		}
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.Config.Cache = flows.NewSessionCache(5, w.engine.Store, w.clock)
	var people []*browser
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		people = append(people, w.browser().signUpWithCode(name+"@example.com"))
	}
	for range 3 {
		for _, b := range people {
			if b.session() == nil {
				t.Fatal("a session that made room is lost")
			}
		}
	}
	if n := w.engine.Cache.Len(); n != 5 {
		t.Fatalf("%d sessions are warm, want 5", n)
	}
}

func TestTwentyRequestsDuringARiseAllPass(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().signUpWithCode(dana)
	old := b.cookie
	var wg sync.WaitGroup
	start := make(chan struct{})
	for range 20 {
		wg.Go(func() {
			<-start
			live, err := w.engine.Authenticate(t.Context(), w.site.Origin, old)
			if err != nil || live == nil {
				t.Errorf("a request during the rise failed: %v, %v", live, err)
			} else if live.Proof.TwoChannels() {
				t.Error("the old id got the new level")
			}
		})
	}
	close(start)
	b.enrolPhone(danaPhone)
	wg.Wait()
}

func BenchmarkAuthenticateWarm(b *testing.B) {
	t := &testing.T{}
	w := newWorld(t)
	br := w.browser()
	view, err := w.engine.Start(context.Background(), br.caller(), flows.SignUp, flows.Target{ReturnTo: "/"}, flows.Identify{Email: dana})
	if err != nil {
		b.Fatal(err)
	}
	if _, err = w.engine.Submit(context.Background(), br.caller(), view.Flow, flows.GiveCode{Code: br.code(dana)}); err != nil {
		b.Fatal(err)
	}
	if view, err = w.engine.Submit(context.Background(), br.caller(), view.Flow, flows.SkipPassword{}); err != nil {
		b.Fatal(err)
	}
	cookie, err := w.engine.SealCookie(view.Opened)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if live, err := w.engine.Authenticate(context.Background(), w.site.Origin, cookie); live == nil || err != nil {
			b.Fatal(live, err)
		}
	}
}
