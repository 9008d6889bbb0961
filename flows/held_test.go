package flows_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/flows/store/badger"
)

const formURL = "/transfer?to=3"

func aForm() flows.HeldForm {
	return flows.HeldForm{URL: formURL, ContentType: "multipart/form-data; boundary=x", Referer: "https://payroll.example.com/form"}
}

// hold has the browser's form held, which must succeed.
func (b *browser) hold(body string) string {
	b.t.Helper()
	id, err := b.engine.Hold(b.t.Context(), b.caller(), aForm(), strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

func (b *browser) held(id string) (flows.HeldForm, error) {
	return b.engine.Held(b.t.Context(), b.caller(), id)
}

func (b *browser) take(id string) error {
	return b.engine.TakeHeld(b.t.Context(), b.caller(), id, formURL)
}

// sizes are bodies around the borders of parts and limits.
var sizes = []int{0, 1, 511, 512, 513, 256<<10 - 1, 256 << 10, 256<<10 + 1, 1<<20 - 1, 1 << 20}

func randomBody(size int) string {
	body := make([]byte, size)
	rand.Read(body)
	return string(body)
}

func TestAHeldFormComesBackToTheByteOnceAndTheStoreKeepsNothingOfIt(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) store.Store{
		"memory": func(*testing.T) store.Store { return store.NewMemory() },
		"badger": func(t *testing.T) store.Store {
			s, err := badger.Open(badger.Options{Dir: t.TempDir(), MinFree: 1 << 20, NoSync: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(c *flows.Config) { c.Store = open(t) })
			b := w.browser().signUpWithCode(dana)
			for _, size := range sizes {
				body := randomBody(size)
				id := b.hold(body)
				for range 2 { // looking takes nothing
					f, err := b.held(id)
					if err != nil || string(f.Body) != body || f.URL != formURL || f.ContentType != aForm().ContentType ||
						f.Referer != aForm().Referer || !f.Ends.Equal(w.now.Add(10*time.Minute)) {
						t.Fatalf("%d bytes: %v, %d bytes, %+v", size, err, len(f.Body), f.URL)
					}
				}
				if err := b.take(id); err != nil {
					t.Fatal(err)
				}
				if err := b.take(id); !errors.Is(err, flows.ErrSentOn) {
					t.Errorf("%d bytes, taken twice: %v", size, err)
				}
				if f, err := b.held(id); !errors.Is(err, flows.ErrSentOn) || f.Body != nil || f.Referer != aForm().Referer {
					t.Errorf("%d bytes, after it was sent: %v, %d bytes", size, err, len(f.Body))
				}
				if n := w.count("1/held-part/"); n != 0 {
					t.Errorf("%d parts of a form that was sent on are left", n)
				}
			}
		})
	}
}

// count is how many records have a prefix.
func (w *world) count(prefix string) (n int) {
	w.t.Helper()
	err := w.engine.Store.View(w.t.Context(), func(tx store.Tx) error {
		n = 0
		return tx.Scan(prefix, func(string, []byte) error { n++; return nil })
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestNobodyButItsSenderInTheSameBrowserSeesOrTakesAHeldForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := w.browser().signUpWithCode(dana)
	other := w.browser().signUpWithCode("mallory@example.com")
	id := owner.hold("to=3&amount=12")
	elsewhere := w.browser()
	elsewhere.signInWithCode(dana)
	for name, c := range map[string]flows.Caller{
		"another person":                        other.caller(),
		"another person with the browser":       with(owner.caller(), func(c *flows.Caller) { c.Session = other.caller().Session }),
		"the person in another browser":         elsewhere.caller(),
		"the person's session in another":       with(owner.caller(), func(c *flows.Caller) { c.Browser = other.secret }),
		"nobody":                                with(owner.caller(), func(c *flows.Caller) { c.Session = nil }),
		"no browser":                            with(owner.caller(), func(c *flows.Caller) { c.Browser = "" }),
		"another site":                          with(owner.caller(), func(c *flows.Caller) { c.Site = &flows.Site{Origin: "https://other.example.com"} }),
		"a site whose name begins with the own": with(owner.caller(), func(c *flows.Caller) { c.Site = &flows.Site{Origin: w.site.Origin + ":444"} }),
		"a client":                              with(owner.caller(), func(c *flows.Caller) { c.Client = &flows.Client{ID: "app"} }),
	} {
		f, err := w.engine.Held(t.Context(), c, id)
		if !errors.Is(err, flows.ErrNotHeld) || f.Body != nil || f.URL != "" || f.Referer != "" {
			t.Errorf("%s sees %+v, %v", name, f, err)
		}
		if err := w.engine.TakeHeld(t.Context(), c, id, formURL); !errors.Is(err, flows.ErrNotHeld) {
			t.Errorf("%s takes it: %v", name, err)
		}
	}
	for _, wrong := range []string{"", "x", id[1:], id + "A", strings.ToUpper(id), id + "/../" + id, "../" + id, id[:len(id)-1] + string(id[len(id)-1]^1), strings.Repeat("A", 65)} {
		if _, err := owner.held(wrong); !errors.Is(err, flows.ErrNotHeld) {
			t.Errorf("under %q: %v", wrong, err)
		}
	}
	for _, url := range []string{"", "/", "/transfer", "/transfer?to=4", "/Transfer?to=3", "/transfer?to=3#x", "//transfer?to=3"} {
		if err := w.engine.TakeHeld(t.Context(), owner.caller(), id, url); !errors.Is(err, flows.ErrNotHeld) {
			t.Errorf("sent to %q: %v", url, err)
		}
	}
	if f, err := owner.held(id); err != nil || string(f.Body) != "to=3&amount=12" {
		t.Fatalf("after all that it is not the owner's any more: %v", err)
	}
	owner.start(flows.SignIn, flows.Identify{Email: dana}).submit(flows.GiveCode{Code: owner.code(dana)})
	if f, err := owner.held(id); err != nil || string(f.Body) != "to=3&amount=12" {
		t.Errorf("the same person, signed in again: %v", err)
	}
}

func with[T any](v T, change func(*T)) T {
	change(&v)
	return v
}

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

func TestAHeldFormIsLostAfterTenMinutesWhateverHappensMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().signUpWithCode(dana)
	id, sent := b.hold("a=1"), b.hold("a=2")
	if err := b.take(sent); err != nil {
		t.Fatal(err)
	}
	w.wait(10*time.Minute - 1)
	if _, err := b.held(id); err != nil {
		t.Errorf("a moment before: %v", err)
	}
	w.wait(1)
	for _, id := range []string{id, sent} {
		if _, err := b.held(id); !errors.Is(err, flows.ErrNotHeld) {
			t.Errorf("after it: %v", err)
		}
		if err := b.take(id); !errors.Is(err, flows.ErrNotHeld) {
			t.Errorf("after it: %v", err)
		}
	}
}

func TestOfManyPressesAtOnceOneSendsTheForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) { c.Store = store.NewMemory() })
	b := w.browser().signUpWithCode(dana)
	id, caller := b.hold(randomBody(300<<10)), b.caller()
	var wg sync.WaitGroup
	results := make(chan error, 8)
	for range cap(results) {
		wg.Go(func() { results <- w.engine.TakeHeld(t.Context(), caller, id, formURL) })
	}
	wg.Wait()
	close(results)
	won := 0
	for err := range results {
		if err == nil {
			won++
		} else if !errors.Is(err, flows.ErrSentOn) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d of 8 presses sent the form", won)
	}
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
	w.wait(time.Hour)
	held := 0
	for held < 1000 {
		c := b.caller()
		if _, err := w.engine.Hold(t.Context(), c, aForm(), strings.NewReader("a=1")); err != nil {
			if !errors.Is(err, flows.ErrNotHeld) {
				t.Fatal(err)
			}
			break
		}
		held++
	}
	if held != 100 {
		t.Errorf("%d forms of one network were held at once", held)
	}
	other := b.caller()
	other.Network = "203.0.113.0/24"
	if _, err := w.engine.Hold(t.Context(), other, aForm(), strings.NewReader("a=1")); err != nil {
		t.Errorf("another network pays for it: %v", err)
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

// A canary in each place that a person's words can be in.
func TestNothingThatWasTypedIsReadableInTheStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	st, err := badger.Open(badger.Options{Dir: dir, MinFree: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(c *flows.Config) { c.Store = st })
	b := w.browser().signUpWithCode(dana)
	f := flows.HeldForm{URL: "/x?canary=1", ContentType: "multipart/form-data; boundary=canary2", Referer: "https://payroll.example.com/canary3"}
	id, err := w.engine.Hold(t.Context(), b.caller(), f, strings.NewReader(strings.Repeat("canary4 ", 40_000)))
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	all := 0
	err = filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all += len(data)
		for _, secret := range []string{"canary", id, b.secret, "Y2FuYXJ5"} {
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("%s holds %q", filepath.Base(path), secret)
			}
		}
		return err
	})
	if err != nil || all < 300_000 {
		t.Errorf("only %d bytes were looked at, %v", all, err)
	}
}

func TestPartsDoNotOpenInAnotherPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) { c.Store = store.NewMemory() })
	b := w.browser().signUpWithCode(dana)
	for name, spoil := range map[string]func(tx store.Tx, keys []string, values [][]byte) error{
		"swapped": func(tx store.Tx, k []string, v [][]byte) error {
			return errors.Join(tx.Set(k[0], v[1], 0), tx.Set(k[1], v[0], 0))
		},
		"repeated":  func(tx store.Tx, k []string, v [][]byte) error { return tx.Set(k[1], v[0], 0) },
		"truncated": func(tx store.Tx, k []string, v [][]byte) error { return tx.Set(k[1], v[1][:len(v[1])-1], 0) },
		"gone":      func(tx store.Tx, k []string, v [][]byte) error { return tx.Delete(k[1]) },
	} {
		id := b.hold(randomBody(500 << 10))
		var keys []string
		var values [][]byte
		err := w.engine.Store.Update(t.Context(), func(tx store.Tx) error {
			keys, values = nil, nil
			err := tx.Scan("1/held-part/", func(key string, value []byte) error {
				keys, values = append(keys, key), append(values, value)
				return nil
			})
			if err != nil || len(keys) != 2 {
				return fmt.Errorf("%d parts: %w", len(keys), err)
			}
			return spoil(tx, keys, values)
		})
		if err != nil {
			t.Fatal(err)
		}
		if f, err := b.held(id); err == nil || f.Body != nil {
			t.Errorf("parts %s: %d bytes, %v", name, len(f.Body), err)
		}
		if err := b.take(id); err != nil {
			t.Fatal(err)
		}
	}
}
