package inbox

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/send"
)

func fill(t *testing.T, b *Inbox, from, n int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		m := send.Message{ID: fmt.Sprint("m", i), Medium: send.Email, To: fmt.Sprintf("user%d@example.org", i%3)}
		if err := b.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
}

func ids(rs []Received) (s []string) {
	for _, r := range rs {
		s = append(s, r.ID)
	}
	return s
}

func TestTheNewestMessageComesFirst(t *testing.T) {
	t.Parallel()
	b := New(5, nil)
	if got := b.Messages(""); len(got) != 0 {
		t.Errorf("a new inbox holds %v", got)
	}
	for n, want := range map[int]string{3: "[m2 m1 m0]", 5: "[m4 m3 m2 m1 m0]", 6: "[m5 m4 m3 m2 m1]",
		9: "[m8 m7 m6 m5 m4]", 10: "[m9 m8 m7 m6 m5]", 23: "[m22 m21 m20 m19 m18]"} {
		b := New(5, nil)
		fill(t, b, 0, n)
		if got := fmt.Sprint(ids(b.Messages(""))); got != want {
			t.Errorf("after %d messages: %s, want %s", n, got, want)
		}
	}
}

func TestAnInboxIsBounded(t *testing.T) {
	t.Parallel()
	b := New(0, nil)
	fill(t, b, 0, 5*DefaultKeep)
	if n := len(b.Messages("")); n != DefaultKeep {
		t.Errorf("%d messages are kept, want %d", n, DefaultKeep)
	}
	if n := cap(b.ring); n > 2*DefaultKeep {
		t.Errorf("room for %d messages was taken", n)
	}
}

func TestMessagesAreFoundByRecipient(t *testing.T) {
	t.Parallel()
	b := New(7, nil)
	fill(t, b, 0, 9)
	if err := b.Send(t.Context(), send.Message{ID: "t", Medium: send.SMS, To: "+447700900123"}); err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]string{"user0@example.org": "[m6 m3]", " USER1@Example.ORG ": "[m7 m4]",
		"+447700900123": "[t]", "user": "[]", "user3@example.org": "[]"} {
		if got := fmt.Sprint(ids(b.Messages(to))); got != want {
			t.Errorf("Messages(%q) = %s, want %s", to, got, want)
		}
	}
}

func TestAMessageIsFoundByIDUntilItIsPushedOut(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	b := New(3, func() time.Time { return at })
	want := send.Message{ID: "m0", Medium: send.SMS, To: "+447700900123", Text: "482913 is your code", Code: "482913"}
	if err := b.Send(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	fill(t, b, 1, 2)
	got, ok := b.Get("m0")
	if !ok || got.Message != want || !got.At.Equal(at) {
		t.Errorf("Get = %#v at %v, %v", got.Text, got.At, ok)
	}
	fill(t, b, 3, 1)
	if _, ok := b.Get("m0"); ok {
		t.Error("the oldest message was not pushed out")
	}
	if _, ok := b.Get(""); ok {
		t.Error("an empty id found something")
	}
}

func TestAnInboxMayBeReadAndWrittenAtTheSameTime(t *testing.T) {
	t.Parallel()
	b := New(10, nil)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			fill(t, b, i*100, 100)
			if got := b.Messages(""); len(got) != 10 {
				t.Errorf("%d messages", len(got))
			}
		})
	}
	all.Wait()
}
