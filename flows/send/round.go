package send

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// round tries every sender that is not blocked for this message once, in order.
func (o *Outbox) round(j *job) outcome {
	r := o.roster.Load()
	senders := r.by[j.Medium]
	if j.roster != r {
		j.roster, j.blocked = r, make([]bool, len(senders))
	}
	j.rounds++
	var (
		retry bool
		asked time.Duration // the shortest rest that a busy provider asked for
		last  = "no_sender"
	)
	for i, s := range senders {
		if j.blocked[i] {
			continue
		}
		if o.ctx.Err() != nil {
			return outcome{end: again} // the lane knows what to do at closing time
		}
		left := j.Expires.Sub(o.opt.Now())
		if left <= 0 {
			return o.giveUp(j, "expired", last)
		}
		j.attempts++
		err := o.attempt(s.Sender, j.Message, min(left, o.opt.AttemptTimeout))
		if err == nil {
			o.log(slog.LevelInfo, "message sent", j, slog.String("sender", s.Name))
			return outcome{end: sent}
		}
		o.logFailure(j, s.Name, err)
		last = ReasonOf(err)
		switch KindOf(err) {
		case Final:
			return o.giveUp(j, "refused", last)
		case Blocked:
			j.blocked[i] = true
		default:
			if w := waitOf(err); !retry || w < asked {
				asked = w
			}
			retry = true
		}
	}
	// Senders that came with a reload during this round have not been asked yet.
	if !retry && o.roster.Load() == r && o.ctx.Err() == nil {
		return o.giveUp(j, "blocked", last)
	}
	if j.rounds >= o.opt.Rounds {
		return o.giveUp(j, "tried_enough", last)
	}
	rest := max(o.pause(j.rounds), asked)
	if j.Expires.Sub(o.opt.Now()) <= rest && o.ctx.Err() == nil {
		return o.giveUp(j, "expired", last)
	}
	return outcome{end: again, rest: rest}
}

// attempt calls a sender with its own deadline. A sender's panic is an error like any
// other: it must not take the gateway down.
func (o *Outbox) attempt(s Sender, m Message, timeout time.Duration) (err error) {
	ctx, cancel := context.WithTimeout(o.ctx, timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = &Error{Kind: Retryable, Reason: "panic", Err: fmt.Errorf("%v", p)}
		}
	}()
	return s.Send(ctx, m)
}

func waitOf(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.Wait
	}
	return 0
}

// giveUp ends a message. why is ours: expired, refused, blocked or tried_enough; reason is what the
// last sender said.
func (o *Outbox) giveUp(j *job, why, reason string) outcome {
	o.log(slog.LevelError, "message given up", j, slog.String("why", why), slog.String("reason", reason))
	return outcome{end: failed}
}

func (o *Outbox) logFailure(j *job, sender string, err error) {
	attrs := []slog.Attr{
		slog.String("sender", sender),
		slog.String("kind", KindOf(err).String()),
		slog.String("reason", ReasonOf(err)),
	}
	// Once more, whatever the sender did: it may be somebody else's module.
	if detail := Scrub(detailOf(err), j.Message); detail != "" {
		attrs = append(attrs, slog.String("detail", detail))
	}
	o.log(slog.LevelWarn, "sender did not take message", j, attrs...)
}

func detailOf(err error) string {
	var e *Error
	switch {
	case !errors.As(err, &e):
		return err.Error()
	case e.Err == nil:
		return ""
	}
	return e.Err.Error()
}

func (o *Outbox) logDropped(j *job) {
	o.log(slog.LevelError, "message dropped: the outbox is closing", j)
}

// log writes what may be known of a message, and nothing else of it.
func (o *Outbox) log(level slog.Level, msg string, j *job, attrs ...slog.Attr) {
	o.opt.Log.LogAttrs(context.Background(), level, msg, append([]slog.Attr{
		slog.String("id", j.ID),
		slog.String("purpose", j.Purpose),
		slog.String("medium", string(j.Medium)),
		slog.Int("attempt", j.attempts),
	}, attrs...)...)
}
