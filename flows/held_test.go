package flows_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
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
				w.wait(10 * time.Minute) // within an hour an account may not hold so much
				body := randomBody(size)
				id := b.hold(body)
				for range 2 { // looking takes nothing
					f, err := b.held(id)
					if err != nil || string(f.Body) != body || f.URL != formURL || f.ContentType != aForm().ContentType ||
						f.Referer != aForm().Referer || !f.Ends.Equal(w.clock().Add(10*time.Minute)) {
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

// forgetPart makes the only unsent form's head say that it has one part.
func forgetPart(tx store.Tx, _ []string, _ [][]byte) error {
	var key string
	var head []byte
	err := tx.Scan("1/held/", func(k string, value []byte) error {
		if bytes.Contains(value, []byte(`"parts":2`)) {
			key, head = k, bytes.Replace(value, []byte(`"parts":2`), []byte(`"parts":1`), 1)
		}
		return nil
	})
	return errors.Join(err, tx.Set(key, head, 0))
}

func TestPartsDoNotOpenInAnotherPlace(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(tx store.Tx, keys []string, values [][]byte) error{
		"swapped": func(tx store.Tx, k []string, v [][]byte) error {
			return errors.Join(tx.Set(k[0], v[1], 0), tx.Set(k[1], v[0], 0))
		},
		"repeated":  func(tx store.Tx, k []string, v [][]byte) error { return tx.Set(k[1], v[0], 0) },
		"truncated": func(tx store.Tx, k []string, v [][]byte) error { return tx.Set(k[1], v[1][:len(v[1])-1], 0) },
		"gone":      func(tx store.Tx, k []string, v [][]byte) error { return tx.Delete(k[1]) },
		"forgotten": forgetPart,
	} {
		w := newWorld(t, func(c *flows.Config) { c.Store = store.NewMemory() })
		b := w.browser().signUpWithCode(dana)
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
