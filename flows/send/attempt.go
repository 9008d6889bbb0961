package send

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// overrun is how long a sender may take to notice that its time is over.
const overrun = time.Second

// verdict is the end of an attempt, read out of whatever error a sender made.
type verdict struct {
	taken   bool
	unasked bool // the sender was not called after all
	kind    Kind
	reason  string
	detail  string // scrubbed
	wait    time.Duration
	about   bool // says nothing about the sender's health
	asked   bool // the provider's own word
	cut     bool // had less than an attempt's time
}

func (v verdict) news() news {
	switch {
	case v.taken:
		return works
	case v.unasked:
		return nothing
	case v.kind == Final && v.asked:
		return answers
	case v.about || v.kind == Final:
		return nothing
	case v.kind == Retryable || v.cut:
		return failing
	case v.kind == Blocked:
		return barred
	}
	return lost
}

// attempt calls a sender with its own deadline. Whatever the sender does, attempt comes
// back: a sender that ignores its deadline is abandoned, and not called again until it
// has returned, so that no more than OutboxOptions.Workers calls of it can pile up.
func (o *Outbox) attempt(w *watched, m Message, left time.Duration) verdict {
	ctx, cancel := context.WithTimeout(o.ctx, min(left, o.opt.AttemptTimeout))
	defer cancel()
	cut := left < o.opt.AttemptTimeout
	var (
		got       = make(chan verdict, 1)
		abandoned bool // guarded by mu
	)
	go func() {
		v := verdict{kind: Uncertain, reason: "panic"} // also if the sender ends its goroutine
		defer func() {
			got <- v
			o.mu.Lock()
			defer o.mu.Unlock()
			if abandoned {
				w.hung--
				o.lanes[m.Medium].wakeHeld()
			}
		}()
		v = ask(ctx, w.Sender, m)
		v.cut = cut && ctx.Err() != nil
		v.unlearn(o.ctx)
	}()
	select {
	case v := <-got:
		return v
	case <-ctx.Done():
	}
	late := time.NewTimer(overrun)
	defer late.Stop()
	select {
	case v := <-got:
		return v
	case <-late.C:
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case v := <-got:
		return v
	default:
	}
	abandoned = true
	w.hung++
	v := verdict{kind: Uncertain, reason: "hanging", cut: cut}
	v.unlearn(o.ctx)
	return v
}

// unlearn keeps an attempt that Close called off from counting against its sender.
func (v *verdict) unlearn(outbox context.Context) {
	v.about = v.about || !v.taken && outbox.Err() != nil
}

// ask calls a sender and reads its answer. Errors that are no [*Error] count as
// retryable, as [Sender] says, but for those whose message may be on its way: after a
// panic, and once the attempt's time was over or it was called off, nobody knows.
func ask(ctx context.Context, s Sender, m Message) (v verdict) {
	defer func() {
		if p := recover(); p != nil {
			v = verdict{kind: Uncertain, reason: "panic", detail: Scrub(fmt.Sprint(p), m)}
		}
	}()
	err := s.Send(ctx, m)
	if err == nil {
		return verdict{taken: true}
	}
	v.kind, v.reason = KindOf(err), ReasonOf(err)
	var e *Error
	switch typed := errors.As(err, &e); {
	case typed && e == nil:
		return v
	case typed:
		v.wait, v.about, v.asked = max(e.Wait, 0), e.AboutMessage, e.Asked
		if e.Err != nil {
			v.detail = e.Err.Error()
		}
	default:
		if ctx.Err() != nil {
			v.kind = Uncertain
		}
		v.detail = err.Error()
	}
	v.detail = Scrub(v.detail, m) // once more, whatever the sender did: it may be somebody else's
	return v
}
