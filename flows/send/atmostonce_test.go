package send_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stepgate/stepgate/flows/send"
)

// A provider delivers, or not, and then says something about it that is true, or does
// not say anything. It never says that it did not deliver when it did: no gateway could
// tell.
type provider struct {
	mu        sync.Mutex
	dice      *rand.Rand
	delivered map[string]int
	busy      map[string]bool // being called with this message
	twice     []string        // called at the same time
}

func (p *provider) roll(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dice.IntN(n)
}

func (p *provider) deliver(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delivered[id]++
}

func (p *provider) hold(id string, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if on && p.busy[id] {
		p.twice = append(p.twice, id)
	}
	p.busy[id] = on
}

func (p *provider) Send(ctx context.Context, m send.Message) error {
	p.hold(m.ID, true)
	defer p.hold(m.ID, false)
	time.Sleep(time.Duration(p.roll(3000)) * time.Millisecond)
	switch p.roll(16) {
	case 0, 1, 2:
		return busy
	case 3:
		return &send.Error{Kind: send.Retryable, Reason: "throttled", Wait: time.Duration(p.roll(30)) * time.Second}
	case 4:
		return final
	case 5:
		return blocked
	case 6:
		return greylisted
	case 7:
		return errors.New("refused")
	case 8: // too slow, and it does not know what became of it
		p.deliver(m.ID)
		<-ctx.Done()
		return fmt.Errorf("reading the reply: %w", ctx.Err())
	case 9: // deaf for a while
		p.deliver(m.ID)
		time.Sleep(time.Duration(p.roll(600)) * time.Second)
		return nil
	case 10: // deaf, and then wrong
		p.deliver(m.ID)
		time.Sleep(time.Minute)
		return busy
	case 11:
		p.deliver(m.ID)
		panic("after the fact")
	case 12:
		p.deliver(m.ID)
		return unknown
	case 13:
		p.deliver(m.ID)
		var none *send.Error
		return none
	}
	p.deliver(m.ID)
	return nil
}

func TestEachMessageIsDeliveredAtMostOnceWhateverSendersDo(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { liveThrough(t, seed) })
		})
	}
}

// liveThrough posts messages for a quarter of an hour, reloads now and then, and closes
// in the middle of it.
func liveThrough(t *testing.T, seed uint64) {
	p := &provider{dice: rand.New(rand.NewPCG(seed, 1)), delivered: make(map[string]int), busy: make(map[string]bool)}
	var e ends
	o := send.NewOutbox(send.OutboxOptions{Capacity: 60, Workers: 4, Done: e.done})
	use := func() {
		all := byMail(p, p, p)
		all[send.SMS] = all[send.Email][:2]
		o.Use(all)
	}
	use()
	var accepted []string
	for i := range 300 {
		id := fmt.Sprint("m", i)
		post := func() error {
			m := letter(id)
			if p.roll(3) == 0 {
				m = text(id)
			}
			if p.roll(3) == 0 {
				m.Series = fmt.Sprint("s", p.roll(20))
			}
			m.Expires = time.Now().Add(time.Duration(1+p.roll(600)) * time.Second)
			if p.roll(2) == 0 {
				return o.PostDraft(send.Draft{ID: m.ID, Series: m.Series, Medium: m.Medium, Expires: m.Expires,
					Compose: func() (send.Message, error) { return m, nil }})
			}
			return o.Post(m)
		}
		if err := post(); err == nil {
			accepted = append(accepted, id)
		} else if !errors.Is(err, send.ErrQueueFull) {
			t.Fatal(err)
		}
		if p.roll(40) == 0 {
			use()
		}
		time.Sleep(time.Duration(p.roll(6000)) * time.Millisecond)
		for m, c := range o.Stats() {
			if c.Queued+c.Sending > 60+15 || c.Sending > 4 ||
				c.Accepted != uint64(c.Queued+c.Sending)+c.Sent+c.Failed+c.Uncertain+c.Superseded+c.Dropped {
				t.Fatalf("%s: %+v", m, c)
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(p.roll(20))*time.Second)
	defer cancel()
	_ = o.Close(ctx)
	atClose := e.len()
	time.Sleep(time.Hour) // the deaf come back, and change nothing

	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.twice) > 0 {
		t.Errorf("%v were with two senders at once", p.twice)
	}
	for _, id := range accepted {
		how, n := e.of(id), p.delivered[id]
		if n > 1 {
			t.Errorf("%s was delivered %d times", id, n)
		}
		switch send.Outcome(how) {
		case send.OutcomeSent:
			if n != 1 {
				t.Errorf("%s was sent, and delivered %d times", id, n)
			}
		case send.OutcomeFailed, send.OutcomeSuperseded, send.OutcomeDropped:
			if n != 0 {
				t.Errorf("%s was delivered, and is told to be %s", id, how)
			}
		case send.OutcomeUncertain:
		default:
			t.Errorf("%s ended as %q", id, how)
		}
	}
	if n := e.len(); n != len(accepted) || atClose != n {
		t.Errorf("%d ends told, %d of them when Close was back, of %d messages", n, atClose, len(accepted))
	}
}
