package send_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/sendtest"
)

func TestAReloadKeepsWhatIsKnownOfASender(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &sendtest.Recorder{Answer: always(unknown)}
		o := send.NewOutbox(send.OutboxOptions{})
		o.Use(byMail(a))
		mustPost(t, o, letter("m1"))
		settled(o)
		b := &sendtest.Recorder{}
		o.Use(byMail(b))
		mustPost(t, o, letter("m2"))
		if settled(o); b.Calls() != 0 || !o.Down(send.Email) {
			t.Errorf("%d calls: the new sender has the old one's name, and its circuit", b.Calls())
		}
		if s := o.SenderStats()[0]; s.Uncertain != 1 || !s.Open || s.Name != "mail1" {
			t.Errorf("stats = %+v", s)
		}
		o.Use(map[send.Medium][]send.Named{send.Email: {{Name: "other", Sender: b}}})
		if c := settled(o); c.Sent != 1 || o.Down(send.Email) {
			t.Errorf("counts = %+v: a sender of another name was to be asked at once", c)
		}
		mustClose(t, o)
	})
}

// Such as the next of that name, once the first is taken out of the configuration, or the
// same with other credentials.
func TestHealthIsNotPassedOnToASenderMadeOtherwise(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		before, after string
		asked         bool
	}{
		"made alike":     {"a", "a", false},
		"made otherwise": {"a", "b", true},
		"not said":       {"", "", false},
		"said only now":  {"", "a", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, b := &sendtest.Recorder{Answer: always(unknown)}, &sendtest.Recorder{}
				o := send.NewOutbox(send.OutboxOptions{})
				use := func(made string, s send.Sender) {
					o.Use(map[send.Medium][]send.Named{send.Email: {{Name: "relay", Sender: s, Made: made}}})
				}
				use(tt.before, a)
				mustPost(t, o, letter("m1"))
				settled(o)
				use(tt.after, b)
				if s := o.SenderStats()[0]; s.Open == tt.asked || s.Uncertain != 1 {
					t.Errorf("stats = %+v: its numbers go on by name, its circuit does not", s)
				}
				mustPost(t, o, letter("m2"))
				if settled(o); (b.Calls() == 1) != tt.asked {
					t.Errorf("%d calls at once, want one: %v", b.Calls(), tt.asked)
				}
				time.Sleep(time.Minute)
				mustClose(t, o)
			})
		})
	}
}

// Four refused before a reload, and one after it.
func TestAReloadDoesNotForgetWhomASenderRefused(t *testing.T) {
	t.Parallel()
	for _, made := range []string{"a", "b"} {
		synctest.Test(t, func(t *testing.T) {
			o := send.NewOutbox(send.OutboxOptions{})
			for i := range 5 {
				now := "a"
				if i == 4 {
					now = made
				}
				o.Use(map[send.Medium][]send.Named{send.Email: {{Name: "relay", Made: now,
					Sender: &sendtest.Recorder{Answer: always(refusedByAll)}}}})
				mustPost(t, o, mailTo(fmt.Sprint("m", i), fmt.Sprintf("ada@d%d.example", i)))
				settled(o)
			}
			if open := o.SenderStats()[0].Open; open != (made == "a") {
				t.Errorf("made as %q: open = %v", made, open)
			}
			mustClose(t, o)
		})
	}
}

func TestAReloadThatMendsABarredSenderIsTriedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := send.NewOutbox(send.OutboxOptions{})
		o.Use(byMail(&sendtest.Recorder{Answer: always(blocked)}))
		mustPost(t, o, letter("m1"))
		if c := settled(o); c.Queued != 1 || !o.Down(send.Email) {
			t.Errorf("counts = %+v", c)
		}
		mustPostAll(t, o, "n", 50)
		o.Use(byMail(&sendtest.Recorder{}))
		if settled(o); o.Down(send.Email) {
			t.Error("still down")
		}
		time.Sleep(3 * time.Second)
		if c := settled(o); c.Sent != 51 {
			t.Errorf("counts = %+v", c)
		}
		mustClose(t, o)
	})
}

func TestAnOldSendersLastWordIsNoNewsOfTheNew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		old := &sendtest.Recorder{Answer: func(context.Context, int, send.Message) error {
			<-release
			return blocked
		}}
		var log lines
		o := send.NewOutbox(send.OutboxOptions{Log: log.logger()})
		o.Use(byMail(old))
		mustPost(t, o, letter("m1"))
		settled(o)
		o.Use(byMail(&sendtest.Recorder{}))
		close(release)
		if c := settled(o); c.Sent != 1 || o.SenderStats()[0].Open || strings.Contains(log.String(), "left aside") {
			t.Errorf("counts = %+v, stats = %+v", c, o.SenderStats())
		}
		mustClose(t, o)
	})
}

func TestSendersOfOneNameAreToldApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := send.NewOutbox(send.OutboxOptions{})
		if !o.Down(send.SMS) || len(o.SenderStats()) != 0 {
			t.Error("no sender at all, and not down")
		}
		named := []send.Named{{Name: "vonage", Sender: &sendtest.Recorder{Answer: always(unknown)}}, {Name: "vonage", Sender: &sendtest.Recorder{}}}
		both := map[send.Medium][]send.Named{send.Email: named, send.SMS: named}
		o.Use(both)
		mustPost(t, o, letter("m1"))
		settled(o)
		o.Use(both)
		want := []send.SenderStat{
			{Name: "vonage", Medium: send.Email, Uncertain: 1, Open: true}, {Name: "vonage #2", Medium: send.Email},
			{Name: "vonage", Medium: send.SMS}, {Name: "vonage #2", Medium: send.SMS},
		}
		if got := o.SenderStats(); !slices.Equal(got, want) {
			t.Errorf("stats = %+v", got)
		}
		mustClose(t, o)
	})
}
