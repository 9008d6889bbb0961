package send_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stepgate/stepgate/flows/send"
)

// heldSender accepts what it is given once it is closed.
type heldSender chan struct{}

func (s heldSender) Send(context.Context, send.Message) error { <-s; return nil }

// A message that nobody is to get takes a place like any other until it is its turn: who
// fills the outbox learns from being refused nothing about whose messages those were.
func TestAMuteMessageIsQueuedLikeAnyOtherAndReachesNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ends := make(chan send.Result, 8)
		o := send.NewOutbox(send.OutboxOptions{Capacity: 2, Workers: 1, Done: func(r send.Result) { ends <- r }})
		release := make(chan struct{})
		o.Use(map[send.Medium][]send.Named{send.Email: {{Name: "one", Sender: heldSender(release)}}})
		post := func(id string, mute bool) error {
			return o.PostDraft(send.Draft{
				ID: id, Series: "series-" + id, Medium: send.Email, Purpose: "notice.no_account", Mute: mute,
				Compose: func() (send.Message, error) {
					if mute {
						t.Error("a mute message was composed")
					}
					return send.Message{To: "dana@example.com"}, nil
				},
			})
		}
		if err := errors.Join(post("a", false), post("b", true)); err != nil {
			t.Fatal(err)
		}
		for _, mute := range []bool{false, true} {
			if err := post("c", mute); !errors.Is(err, send.ErrQueueFull) {
				t.Errorf("mute %t: a full outbox says %v", mute, err)
			}
		}
		close(release)
		got := map[string]send.Outcome{}
		for range 2 {
			r := <-ends
			got[r.ID] = r.Outcome
		}
		if got["a"] != send.OutcomeSent || got["b"] != send.OutcomeSuperseded {
			t.Errorf("the ends are %v", got)
		}
		if err := o.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
