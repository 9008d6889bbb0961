package flows_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/store"
)

func TestWithoutASessionAFormIsHeldForWhoeverWasSignedInLast(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().signUpWithCode(dana)
	w.wait(61 * time.Minute)
	if b.session() != nil {
		t.Fatal("the session has not ended")
	}
	id := b.hold("a=1")
	b.start(flows.SignUp, flows.Identify{Email: "mallory@example.com"}).submit(flows.GiveCode{Code: b.code("mallory@example.com")})
	b.submit(flows.SkipPassword{}).at(flows.Done)
	if _, err := b.held(id); !errors.Is(err, flows.ErrNotHeld) {
		t.Errorf("whoever signs in next sees it: %v", err)
	}
	b.signInWithCode(dana).at(flows.Done)
	if f, err := b.held(id); err != nil || string(f.Body) != "a=1" {
		t.Errorf("the person, back again: %v", err)
	}
	mixed := with(w.browser().signUpWithCode("tom@example.com").caller(), func(c *flows.Caller) { c.Session = b.caller().Session })
	mixedID, err := w.engine.Hold(t.Context(), mixed, aForm(), strings.NewReader("a=1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.engine.Held(t.Context(), mixed, mixedID); err != nil {
		t.Errorf("with a session, the last person of the browser counts: %v", err)
	}
	for name, c := range map[string]flows.Caller{
		"a browser that nobody has used": w.browser().caller(), "no browser": with(b.caller(), func(c *flows.Caller) { c.Browser = "" }),
		"a browser known at another site only": with(b.caller(), func(c *flows.Caller) {
			c.Session, c.Site = nil, &flows.Site{Origin: "https://other.example.com"}
		}),
		"a client": with(b.caller(), func(c *flows.Caller) { c.Client = &flows.Client{ID: "app"} }),
	} {
		read := new(countingReader)
		if id, err := w.engine.Hold(t.Context(), c, aForm(), read); !errors.Is(err, flows.ErrNotHeld) || id != "" || read.n != 0 {
			t.Errorf("%s: %q, %v, %d bytes were read", name, id, err, read.n)
		}
	}
}

// countingReader is a body without end.
type countingReader struct{ n int }

func (r *countingReader) Read(p []byte) (int, error) {
	r.n += len(p)
	return len(p), nil
}

func TestOnlySoMuchIsHeldForOnePersonAndOneNetwork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().signUpWithCode(dana)
	b.network = "198.51.100.0/24"
	body := randomBody(300 << 10)
	var ids []string
	for range 4 {
		ids = append(ids, b.hold(body))
		w.wait(time.Second)
	}
	if err := b.take(ids[2]); err != nil {
		t.Fatal(err)
	}
	ids = append(ids, b.hold(body)) // in the place of the one that was sent
	w.wait(time.Second)
	ids = append(ids, b.hold(body)) // in the place of the oldest
	for i, want := range []error{flows.ErrNotHeld, nil, flows.ErrNotHeld, nil, nil, nil} {
		if _, err := b.held(ids[i]); !errors.Is(err, want) {
			t.Errorf("form %d: %v, want %v", i, err, want)
		}
	}
	if heads, parts := w.count("1/held/"), w.count("1/held-part/"); heads != 4 || parts != 8 {
		t.Errorf("%d forms in %d parts are stored", heads, parts)
	}
	elsewhere := b.caller()
	elsewhere.Site = &flows.Site{Origin: "https://other.example.com"}
	if _, err := w.engine.Hold(t.Context(), elsewhere, aForm(), strings.NewReader("a=1")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.held(ids[1]); err != nil {
		t.Errorf("a form at another site takes its place: %v", err)
	}
	w.wait(time.Hour)
	atOnce := func(b *browser) (held int) {
		for ; held < 1000; held++ {
			if _, err := w.engine.Hold(t.Context(), b.caller(), aForm(), strings.NewReader("a=1")); errors.Is(err, flows.ErrNotHeld) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		return held
	}
	ofNetwork := atOnce(b)
	if ofNetwork != 12 {
		t.Errorf("%d forms of one account were held at once", ofNetwork)
	}
	if other := *b; atOnce(other.from("203.0.113.0/24")) != 0 {
		t.Error("another network gives the account more")
	}
	for i := range 9 {
		eli := w.browser().from(b.network).signUpWithCode(fmt.Sprintf("eli%d@example.com", i))
		ofNetwork += atOnce(eli)
	}
	if ofNetwork != 100 {
		t.Errorf("%d forms of one network were held at once", ofNetwork)
	}
	if eli := w.browser().from("203.0.113.0/24").signUpWithCode("eli@example.com"); atOnce(eli) != 12 {
		t.Error("another network pays for it")
	}
}

func TestWhatIsNotHeldLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	big := strings.NewReader(randomBody(flows.MaxHeld + 1))
	cut := io.MultiReader(strings.NewReader(randomBody(300<<10)), iotest.ErrReader(errors.New("the line is cut")))
	for name, body := range map[string]io.Reader{"too long a form": big, "a form that breaks off": cut, "a form without end": new(countingReader)} {
		w := newWorld(t)
		b := w.browser().signUpWithCode(dana)
		id, err := w.engine.Hold(t.Context(), b.caller(), aForm(), body)
		if err == nil || id != "" {
			t.Errorf("%s is held", name)
		}
		if n := w.count("1/held"); n != 0 {
			t.Errorf("%s: %d records are left", name, n)
		}
		if endless, ok := body.(*countingReader); ok && endless.n > flows.MaxHeld+(256<<10) {
			t.Errorf("%s: %d bytes were read", name, endless.n)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	w := newWorld(t)
	b := w.browser().signUpWithCode(dana)
	gone := io.MultiReader(strings.NewReader(randomBody(300<<10)), readerFunc(func([]byte) (int, error) {
		cancel()
		return 0, ctx.Err()
	}))
	if _, err := w.engine.Hold(ctx, b.caller(), aForm(), gone); err == nil || w.count("1/held") != 0 {
		t.Errorf("a person who went away leaves %d records, %v", w.count("1/held"), err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// failingStore fails the nth Update from when it is armed, and all after it.
type failingStore struct {
	store.Store
	left int // updates that still succeed; negative: all do
}

func (s *failingStore) Update(ctx context.Context, fn func(store.Tx) error) error {
	if s.left == 0 {
		return store.ErrFull
	}
	s.left--
	return s.Store.Update(ctx, fn)
}

func TestAFormIsHeldAsAWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	st := &failingStore{Store: store.NewMemory(), left: -1}
	w := newWorld(t, func(c *flows.Config) { c.Store = st })
	b := w.browser().signUpWithCode(dana)
	c := b.caller()
	for after := range 4 { // three parts and the head
		st.left = after
		id, err := w.engine.Hold(t.Context(), c, aForm(), strings.NewReader(randomBody(700<<10)))
		if !errors.Is(err, store.ErrUnavailable) || id != "" {
			t.Errorf("with a store that fails after %d writes: %q, %v", after, id, err)
		}
		if st.left = -1; w.count("1/held/") != 0 {
			t.Errorf("with a store that fails after %d writes a form is there in part", after)
		}
	}
	id := b.hold("a=1")
	st.left = 0
	if err := b.take(id); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("taken from a store that fails: %v", err)
	}
	st.left = -1
	if err := b.take(id); err != nil {
		t.Errorf("what was not sent on is lost: %v", err)
	}
}
