package flows_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// ending hears of the end of what is watched.
type ending struct {
	heard chan struct{}
	times atomic.Int64
	stop  func()
}

func watchFor(l *flows.Live) *ending {
	e := &ending{heard: make(chan struct{})}
	e.stop = l.Watch(func() {
		if e.times.Add(1) == 1 {
			close(e.heard)
		}
	})
	return e
}

func (e *ending) await(t *testing.T, why string) {
	t.Helper()
	select {
	case <-e.heard:
	case <-time.After(patience):
		t.Fatalf("what is watched does not end: %s", why)
	}
}

// Whether the cache still knows the session must not matter, so it is made to forget it in
// the ways there are.
var forgettings = map[string]func(w *world, b *browser){
	"warm": func(*world, *browser) {},
	"out of room": func(w *world, _ *browser) {
		w.browser().signUpWithCode("kim@example.com").session()
	},
	"raised": rise,
	"raised, and the new id used": func(w *world, b *browser) {
		rise(w, b)
		b.session()
	},
	"read again": func(w *world, b *browser) {
		if err := w.engine.SetGroups(b.t.Context(), dana, []string{"staff"}); err != nil {
			b.t.Fatal(err)
		}
	},
}

// rise has the password proved once more, which gives the session a new id.
func rise(w *world, b *browser) {
	w.wait(time.Minute)
	w.demand = policy.Need(policy.PasswordProof, 10*time.Second)
	b.start(flows.StepUp, flows.Open{}).submit(flows.UsePassword{}).submit(flows.GivePassword{Password: longSecret}).at(flows.Done)
	w.demand = policy.Floor
}

// Every way in which a session ends.
var endings = map[string]func(w *world, b *browser, s *flows.Session) error{
	"sign-out": func(w *world, b *browser, s *flows.Session) error { return w.engine.SignOut(b.t.Context(), s) },
	"all sessions": func(w *world, b *browser, s *flows.Session) error {
		return w.engine.EndSessions(b.t.Context(), s.User, "")
	},
	"a locked account": func(w *world, b *browser, s *flows.Session) error {
		return w.engine.SetDisabled(b.t.Context(), s.User, true)
	},
	"a password reset": func(w *world, b *browser, s *flows.Session) error {
		w.browser().resetPassword(dana, newSecret)
		return nil
	},
	"its absolute end": func(w *world, b *browser, s *flows.Session) error { w.wait(12 * time.Hour); return nil },
	"another sign-in":  func(w *world, b *browser, s *flows.Session) error { b.signInWithPassword(dana, longSecret); return nil },
	"a locked and unlocked account": func(w *world, b *browser, s *flows.Session) error {
		if err := w.engine.SetDisabled(b.t.Context(), s.User, true); err != nil {
			return err
		}
		return w.engine.SetDisabled(b.t.Context(), s.User, false)
	},
}

func smallCache(c *flows.Config) { c.Cache = flows.NewSessionCache(1, c.Store, c.Now) }

func TestWhateverEndsASessionEndsWhatIsWatched(t *testing.T) {
	t.Parallel()
	for forgotten, forget := range forgettings {
		for how, end := range endings {
			for _, order := range []string{"watched before", "watched after being forgotten", "watched after the end"} {
				t.Run(forgotten+", "+how+", "+order, func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, smallCache)
					b := w.browser().signUpWithPassword(dana, longSecret)
					live := b.session()
					var e *ending
					if order == "watched before" {
						e = watchFor(live)
					}
					forget(w, b)
					if order == "watched after being forgotten" {
						e = watchFor(live)
					}
					if e != nil && e.times.Load() != 0 {
						t.Fatal("it ended before its session did")
					}
					if err := end(w, b, &live.Session); err != nil {
						t.Fatal(err)
					}
					if e == nil {
						e = watchFor(live)
					}
					e.await(t, how)
					w.engine.Cache.Expire()
					e.stop()
					if n := e.times.Load(); n != 1 {
						t.Errorf("it ended %d times", n)
					}
				})
			}
		}
	}
}

func TestNothingElseEndsWhatIsWatched(t *testing.T) {
	t.Parallel()
	for name, happen := range map[string]func(w *world, b *browser, s *flows.Session) error{
		"a rise":                func(w *world, b *browser, s *flows.Session) error { rise(w, b); return nil },
		"no use of the session": func(w *world, b *browser, s *flows.Session) error { w.wait(12*time.Hour - time.Second); return nil },
		"a change of groups": func(w *world, b *browser, s *flows.Session) error {
			return w.engine.SetGroups(b.t.Context(), dana, []string{"staff"})
		},
		"another sign-in's end": func(w *world, b *browser, s *flows.Session) error {
			return w.engine.EndSessions(b.t.Context(), s.User, s.SID)
		},
		"another account's lock": func(w *world, b *browser, s *flows.Session) error {
			return w.engine.SetDisabled(b.t.Context(), w.browser().signUpWithCode("kim@example.com").session().User, true)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			b := w.browser().signUpWithPassword(dana, longSecret)
			w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
			live := b.session()
			e := watchFor(live)
			if err := happen(w, b, &live.Session); err != nil {
				t.Fatal(err)
			}
			w.engine.Cache.Expire()
			if n := w.engine.Cache.Watched(); n != 1 || e.times.Load() != 0 {
				t.Errorf("%d are watched, %d have ended", n, e.times.Load())
			}
		})
	}
}

func TestWhatIsWatchedStaysWhileTheStoreHasItsSignIn(t *testing.T) {
	t.Parallel()
	for forgotten, forget := range forgettings {
		t.Run(forgotten, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, smallCache)
			asked := make(chan struct{}, 100)
			w.engine.Config.Store = &watched{Store: w.engine.Store, afterView: func() { asked <- struct{}{} }}
			w.engine.Config.Cache = flows.NewSessionCache(1, w.engine.Store, w.clock)
			b := w.browser().signUpWithPassword(dana, longSecret)
			live := b.session()
			forget(w, b)
			for len(asked) > 0 {
				<-asked
			}
			e := watchFor(live)
			if cold := forgotten != "warm" && forgotten != "raised, and the new id used"; cold != (len(asked) > 0) {
				t.Errorf("the store was asked %d times", len(asked))
			}
			if n := w.engine.Cache.Watched(); n != 1 || e.times.Load() != 0 {
				t.Errorf("%d are watched, %d have ended", n, e.times.Load())
			}
		})
	}
}

func TestWhatCannotBeConfirmedEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, watch, smallCache)
	b := w.browser().signUpWithPassword(dana, longSecret)
	live := b.session()
	rise(w, b)
	w.watched().down.Store(true)
	watchFor(live).await(t, "the store is down")
}

// Locking an account is more than one transaction. The first of them must be enough.
func TestALockThatWasInterruptedEndsWhatIsWatched(t *testing.T) {
	t.Parallel()
	for name, unlocked := range map[string]bool{"locked": false, "unlocked since": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, watch, smallCache)
			b := w.browser().signUpWithPassword(dana, longSecret)
			live := b.session()
			before := watchFor(live)
			s := w.watched()
			s.after = func(int64) { s.down.Store(true) }
			if err := w.engine.SetDisabled(t.Context(), live.User, true); err == nil {
				t.Fatal("it was not interrupted")
			}
			before.await(t, "the account is locked")
			if s.down.Store(false); unlocked {
				_ = w.engine.SetDisabled(t.Context(), live.User, false) // interrupted as well
				s.down.Store(false)
			}
			if s.after = nil; w.engine.Cache.Watched() != 0 {
				t.Fatal("something is watched")
			}
			watchFor(live).await(t, "the account was locked before")
		})
	}
}

func TestABearerTokensEndEndsWhatItOpened(t *testing.T) {
	t.Parallel()
	b := signedInApp(t)
	e := watchFor(b.bearer("raw", b.access(), nil))
	b.wait(15*time.Minute - time.Second)
	b.engine.Cache.Expire()
	if b.engine.Cache.Watched() != 1 {
		t.Fatal("it ended before its token did")
	}
	b.wait(time.Second)
	e.await(t, "the token has expired")
}

func TestARevocationIsNeverMissedByAWatchThatBegins(t *testing.T) {
	t.Parallel()
	var all []*ending
	for i := range 200 {
		w := newWorld(t)
		b := w.browser().signUpWithPassword(dana, longSecret)
		live := b.session()
		if i%2 == 1 {
			rise(w, b)
		}
		var e *ending
		var both sync.WaitGroup
		both.Go(func() { e = watchFor(live) })
		both.Go(func() {
			if err := w.engine.SignOut(t.Context(), &live.Session); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
		e.await(t, "signed out at the same moment")
		all = append(all, e)
	}
	for _, e := range all {
		if n := e.times.Load(); n != 1 {
			t.Fatalf("it ended %d times", n)
		}
	}
}

// No goroutine waits for an end, and nothing is left behind where none came.
func TestManyWatchesCostNoGoroutineAndLeaveNothingBehind(t *testing.T) {
	w := newWorld(t) // not parallel: goroutines are counted
	b := w.browser().signUpWithCode(dana)
	live := b.session()
	cache := w.engine.Cache
	if cache.Winding() {
		t.Fatal("the timer runs for nothing")
	}
	before := runtime.NumGoroutine()
	var all []*ending
	for range 5000 {
		all = append(all, watchFor(live))
	}
	if n := runtime.NumGoroutine() - before; n > 10 {
		t.Errorf("5000 watches brought %d goroutines", n)
	}
	cache.Expire()
	if !cache.Winding() {
		t.Error("the timer stopped while something is watched")
	}
	for _, e := range all[:4000] {
		e.stop()
		e.stop()
	}
	if n := cache.Watched(); n != 1000 {
		t.Errorf("%d are left, want 1000", n)
	}
	if err := w.engine.SignOut(t.Context(), &live.Session); err != nil {
		t.Fatal(err)
	}
	for _, e := range all[4000:] {
		e.await(t, "sign-out")
	}
	if cache.Expire(); cache.Watched() != 0 || cache.Families() != 0 || cache.Winding() {
		t.Errorf("%d of %d sign-ins are left, the timer runs: %v", cache.Watched(), cache.Families(), cache.Winding())
	}
	for _, e := range all[:4000] {
		if e.times.Load() != 0 {
			t.Fatal("a watch that was stopped ended")
		}
	}
	again := watchFor(w.browser().signUpWithCode("kim@example.com").session())
	defer again.stop()
	if !cache.Winding() {
		t.Error("the timer does not run again")
	}
}
