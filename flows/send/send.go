package send

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Medium is how a message travels.
type Medium string

const (
	Email Medium = "email"
	SMS   Medium = "sms"
)

// A Message is ready to be sent. It is never logged: its text holds a code.
type Message struct {
	ID      string // unique; mail's Message-ID is made of it: letters, digits, "-", "_" and "."
	Medium  Medium
	To      string    // a mail address, or a phone number in E.164 with its plus sign
	Purpose string    // such as "code.sign_in"; a closed set, fit for logs and metrics
	Subject string    // mail only
	Text    string    // plain text; all there is of a text message
	HTML    string    // mail only
	Lang    string    // BCP 47, for Content-Language
	Code    string    // the code that the text holds, if any, for the inbox page
	Expires time.Time // sending after this moment is useless; zero = 10 minutes from acceptance
}

// LogValue keeps codes and addresses out of logs, whoever logs a message.
func (m Message) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", m.ID), slog.String("medium", string(m.Medium)),
		slog.String("purpose", m.Purpose))
}

// String is the same for fmt, which knows nothing of [slog.LogValuer].
func (m Message) String() string {
	return fmt.Sprintf("message %s (%s, %s)", m.ID, m.Medium, m.Purpose)
}

// GoString covers %#v, which would print every field.
func (m Message) GoString() string { return m.String() }

// Sender is one way to deliver. Send returns when the provider has accepted or
// refused the message. It obeys ctx, is safe for concurrent use, and its error is,
// or wraps, an [*Error]; any other error counts as retryable.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// Kind says what to do about a failed send.
type Kind uint8

const (
	// Retryable: the same sender may succeed later (busy, throttled, 5xx, no answer).
	Retryable Kind = iota
	// Final: no sender will succeed with this message (no such mailbox, bad number).
	Final
	// Blocked: this sender will not work until somebody acts (credentials, quota,
	// sender not allowed); another sender might.
	Blocked
)

func (k Kind) String() string {
	switch k {
	case Final:
		return "final"
	case Blocked:
		return "blocked"
	}
	return "retryable"
}

// Error is a failed send. Its text is for operators and never holds the message.
type Error struct {
	Kind   Kind
	Reason string        // short and stable, such as "throttled"; fit for a metric
	Err    error         // the provider's own words, if any, after [Scrub]
	Wait   time.Duration // how long the provider asked to be left alone; 0 = it did not say
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("%s (%s)", e.Reason, e.Kind)
	}
	return fmt.Sprintf("%s (%s): %v", e.Reason, e.Kind, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf classifies any error from a sender.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Retryable
}

// ReasonOf is the short, stable name of any error from a sender: its own if it has
// one, "timeout" if time ran out, "cancelled" if the sending was called off, or
// "error".
func ReasonOf(err error) string {
	var e *Error
	switch {
	case errors.As(err, &e) && e.Reason != "":
		return e.Reason
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	}
	return "error"
}
