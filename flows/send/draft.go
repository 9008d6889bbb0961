package send

import (
	"fmt"
	"log/slog"
	"time"
)

// A Draft is a message that is put into words only when it is sent, in the background.
// How long whoever posts it takes must not depend on what is sent, or whether anything
// is.
//
// Until then the queue holds little more than what Compose holds on to, so it should be
// a key rather than a rendered page: about a kilobyte of the outbox's own per message,
// a megabyte for a full queue. Once composed, a message that has to be tried again
// keeps its text, 20 to 40 kB for a mail with HTML.
type Draft struct {
	ID      string
	Series  string // see [Message]
	Medium  Medium
	Purpose string
	Expires time.Time
	// Compose is called once, before the first attempt, and never if there is none. Its
	// error or panic ends the message. What it sets of the fields above is overwritten.
	Compose func() (Message, error)
	// Mute says that nobody is to get the message: it is queued like any other, and ends as
	// OutcomeSuperseded when it is its turn, without having been composed.
	Mute bool
}

// Outcome is what became of a message: a closed set.
type Outcome string

const (
	OutcomeSent       Outcome = "sent"       // a provider accepted it
	OutcomeFailed     Outcome = "failed"     // refused, or too late
	OutcomeUncertain  Outcome = "uncertain"  // see [Uncertain]
	OutcomeSuperseded Outcome = "superseded" // a newer one of its series was posted
	OutcomeDropped    Outcome = "dropped"    // the outbox was closed; nobody has seen it
)

// A Result is the end of a message.
type Result struct {
	ID, Series string
	Medium     Medium
	Purpose    string
	Outcome    Outcome
	Sender     string // whose word it is; empty if none was asked
	// Reason is what that sender said last of a failure, see [ReasonOf]. If none was asked
	// it is "expired", "composing" or "no_sender".
	Reason string
}

// compose puts a draft into words, once. What goes wrong is not logged in full: the
// error of a template may hold what was filled in.
func (o *Outbox) compose(j *job) (ok bool) {
	if j.words == nil {
		return true
	}
	words := j.words
	j.words = nil
	defer func() {
		if p := recover(); p != nil {
			o.log(slog.LevelError, "message not composed", j, slog.String("panic", fmt.Sprintf("%T", p)))
			ok = false
		}
	}()
	m, err := words()
	if err != nil {
		o.log(slog.LevelError, "message not composed", j, slog.String("error", fmt.Sprintf("%T", err)))
		return false
	}
	m.ID, m.Series, m.Medium, m.Purpose, m.Expires = j.ID, j.Series, j.Medium, j.Purpose, j.Expires
	j.Message = m
	return true
}

// tell reports an end. It is called once for each message that was accepted.
func (o *Outbox) tell(j *job, out outcome) {
	if o.opt.Done == nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			o.log(slog.LevelError, "the end of a message was not noted", j, slog.String("panic", fmt.Sprintf("%T", p)))
		}
	}()
	o.opt.Done(Result{
		ID: j.ID, Series: j.Series, Medium: j.Medium, Purpose: j.Purpose,
		Outcome: out.end, Sender: out.sender, Reason: out.reason,
	})
}
