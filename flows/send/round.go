package send

import (
	"context"
	"log/slog"
	mathrand "math/rand/v2"
	"time"
)

// round asks every sender that may be asked for this message once, in order.
func (o *Outbox) round(j *job) outcome {
	r, senders := o.senders(j.Medium)
	if j.roster != r {
		j.roster, j.leftOut, j.notBefore = r, make([]bool, len(senders)), make([]time.Time, len(senders))
	}
	asked, slow := false, false
	for i, w := range senders {
		if out, over := o.over(j); over {
			return out
		}
		if j.leftOut[i] || time.Now().Before(j.notBefore[i]) {
			continue
		}
		v := o.offer(j, w)
		switch {
		case v.unasked && v.reason != "":
			return o.giveUp(j, v.reason)
		case v.unasked:
			continue
		case v.taken:
			o.log(slog.LevelInfo, "message sent", j, slog.String("sender", w.Name))
			return outcome{end: OutcomeSent, sender: w.Name}
		}
		if !asked {
			asked = true
			j.rounds++
		}
		j.sender, j.reason = w.Name, v.reason
		o.logFailure(j, v)
		switch {
		case v.kind == Uncertain:
			return o.ended(j, OutcomeUncertain, slog.LevelError, "message given up: it may have been sent", "no_answer")
		case v.kind == Final && !j.superseded.Load():
			return o.giveUp(j, "refused")
		case v.kind == Blocked && v.about:
			j.leftOut[i] = true
		default:
			j.notBefore[i] = time.Now().Add(min(v.wait, max(j.Expires.Sub(o.opt.Now()), 0)))
			slow = slow || v.kind == Retryable && v.about
		}
	}
	if out, over := o.over(j); over {
		return out
	}
	if now, _ := o.senders(j.Medium); now != r {
		return outcome{held: true} // those that came with a reload have not been asked yet
	}
	out := o.rest(j, senders, asked)
	if out.end == "" && slow && !o.mayRest(j) {
		return o.giveUp(j, "too_many_rest")
	}
	return out
}

// over ends a message whose time is over.
func (o *Outbox) over(j *job) (out outcome, over bool) {
	switch {
	case j.superseded.Load():
		return o.ended(j, OutcomeSuperseded, slog.LevelDebug, "message superseded", "newer_one"), true
	case o.ctx.Err() != nil:
		return outcome{}, true // the lane knows what to do at closing time
	case j.Expires.Sub(o.opt.Now()) <= 0:
		return o.giveUp(j, "expired"), true
	}
	return out, false
}

// offer is one attempt with one sender, if its circuit lets it.
func (o *Outbox) offer(j *job, w *watched) (v verdict) {
	ticket, ok := o.admit(w)
	if !ok {
		return verdict{unasked: true}
	}
	v = verdict{unasked: true, reason: "composing"}
	defer func() { o.hear(w, j.Message, ticket, v) }()
	if o.compose(j) {
		// The words may have taken a while.
		if left := j.Expires.Sub(o.opt.Now()); left > 0 {
			j.attempts++
			v = o.attempt(w, j.Message, left)
		} else {
			v.reason = "expired"
		}
	}
	return v
}

// rest is how a round ends in which nobody took the message. One in which nobody was
// asked is none: the message rests until somebody may be.
func (o *Outbox) rest(j *job, senders []*watched, asked bool) outcome {
	next, ok := o.earliest(j, senders)
	left := j.Expires.Sub(o.opt.Now())
	switch {
	case !ok && len(senders) == 0:
		return o.giveUp(j, "no_sender")
	case !ok:
		return o.giveUp(j, "blocked")
	case !asked:
		// Not all at one moment.
		next += mathrand.N(next/8 + 100*time.Millisecond)
		return outcome{held: true, rest: min(next, left)}
	case j.rounds >= o.opt.Rounds:
		return o.giveUp(j, "tried_enough")
	}
	pause := o.pause(j)
	held := next > pause
	if held {
		// Later than those that rest for the same sender: one message that no provider
		// can stand must not be the one that finds out, again and again.
		pause = next + next/8 + mathrand.N(next/8+100*time.Millisecond)
	}
	if left <= pause {
		return o.giveUp(j, "expired")
	}
	return outcome{rest: pause, held: held}
}

// pause is how long a message rests at least after a fruitless round.
func (o *Outbox) pause(j *job) time.Duration {
	d := o.opt.FirstRetry
	for n := j.rounds; n > 1 && d < j.cap; n-- {
		d *= 2
	}
	d = min(d, j.cap)
	return d - mathrand.N(d/2+1)
}

// giveUp ends a message. why is ours: expired, refused, blocked, tried_enough,
// too_many_rest, composing or no_sender.
func (o *Outbox) giveUp(j *job, why string) outcome {
	level := slog.LevelError
	if why == "refused" { // a recipient that anybody may have typed
		level = slog.LevelWarn
	}
	return o.ended(j, OutcomeFailed, level, "message given up", why)
}

func (o *Outbox) ended(j *job, how Outcome, level slog.Level, words, why string) outcome {
	reason := j.reason
	if reason == "" {
		reason = why
	}
	o.log(level, words, j, slog.String("why", why), slog.String("reason", reason))
	return outcome{end: how, sender: j.sender, reason: reason}
}

func (o *Outbox) logFailure(j *job, v verdict) {
	attrs := []slog.Attr{
		slog.String("sender", j.sender),
		slog.String("kind", v.kind.String()),
		slog.String("reason", v.reason),
	}
	if v.detail != "" {
		attrs = append(attrs, slog.String("detail", v.detail))
	}
	o.log(slog.LevelWarn, "sender did not take message", j, attrs...)
}

// dropped ends a message that Close has no time for.
func (o *Outbox) dropped(j *job) outcome {
	if j.superseded.Load() {
		return outcome{end: OutcomeSuperseded}
	}
	// No loss yet: whoever posted it may have kept it, see OutboxOptions.Done.
	o.log(slog.LevelInfo, "message not sent before the outbox was closed", j)
	return outcome{end: OutcomeDropped, sender: j.sender, reason: j.reason}
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
