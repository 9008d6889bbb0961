package ui

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync"
	"testing"

	"github.com/stepgate/stepgate/flows"
)

// world is where the scene plays.
func (s scene) world(t testing.TB) *world {
	t.Helper()
	return newWorld(t, func(c *Config) {
		c.Keys = exampleKeys{}
		if s.change != nil {
			s.change(c)
		}
	})
}

func (s scene) playIn(w *world) *answer {
	w.t.Helper()
	rec := w.play(s)
	return &answer{t: w.t, Response: &http.Response{StatusCode: rec.status, Header: rec.header}, body: rec.body.String(), told: rec.told}
}

// played is every scene's answer, made once for the tests that only look.
var played = sync.OnceValue(func() map[string]*answer {
	answers := map[string]*answer{}
	for _, s := range scenes() {
		answers[s.name] = s.playIn(s.world(panicking{}))
	}
	return answers
})

// seen is a scene's answer, for t to look at.
func seen(t testing.TB, name string) *answer {
	a := *played()[name]
	a.t = t
	return &a
}

// panicking stands in for a test where there is none yet.
type panicking struct{ testing.TB }

func (panicking) Helper()           {}
func (panicking) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

func someMessages() messages { return exampleMessages(&Config{Site: newSite(), Style: plain}) }

func aLetter(purpose flows.Purpose) flows.Letter { return exampleLetter(newSite(), purpose) }

func aText(purpose flows.Purpose) flows.Letter { return exampleText(newSite(), purpose) }

func TestEveryScenePlays(t *testing.T) {
	t.Parallel()
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := s.world(t)
			a := s.playIn(w)
			a.status(s.status)
			// The engine shows unknown addresses the same view; the page adds nothing of its own
			// that differs from one time to the next.
			if b := seen(t, s.name); s.name != "fault" && (a.body != b.body || !reflect.DeepEqual(a.Header, b.Header)) {
				t.Error("the same view became another page")
			}
		})
	}
}

func BenchmarkRender(b *testing.B) {
	w := newWorld(b)
	w.engine.now = viewOf(flows.SignIn, flows.AskCode)
	r := w.request("GET", "/code?f=f8Q2k", nil)
	b.ReportAllocs()
	for b.Loop() {
		rec := httptest.NewRecorder()
		w.pages.ServeHTTP(rec, r)
	}
}
