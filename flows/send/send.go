package send

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
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
	// Series names messages of which only the newest is of use, such as the codes of one
	// flow: a queued one is dropped when the next is posted. Empty: none.
	Series string
	// Receipts is the address below which providers may report what became of the
	// message, such as https://payroll.example.com/.auth/receipts; empty: nowhere.
	Receipts string
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
// or wraps, an [*Error]. Any other error counts as retryable, unless ctx has ended: then
// it is uncertain, as a panic is. Who knows better after a timeout says so.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// ErrNoVerdict is wrapped by the error of a check that could not tell.
var ErrNoVerdict = errors.New("the answer says nothing either way")

// Checker is a [Sender] that can find out whether it would work, without sending
// anything: it connects and authenticates. Its error is as that of Send, or wraps
// [ErrNoVerdict], which is no reason for doubt.
type Checker interface {
	Check(ctx context.Context) error
}

// A Receipt is what a provider reports later about a message that it accepted.
type Receipt struct {
	ID     string // the message's
	Status ReceiptStatus
	Reason string // the provider's own code or word, short; may be empty
}

// ReceiptStatus is a closed set, fit for metrics.
type ReceiptStatus string

const (
	ReceiptDelivered ReceiptStatus = "delivered" // to the person's device
	ReceiptRefused   ReceiptStatus = "refused"   // the carrier or the device would not take it, or never will
	ReceiptPending   ReceiptStatus = "pending"   // nothing final yet
)

// ReceiptReader is a [Sender] whose provider reports. ReadReceipt verifies the
// provider's signature; after any error nothing in the request is to be believed.
type ReceiptReader interface {
	ReadReceipt(r *http.Request) (Receipt, error)
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
	// Uncertain: the provider may have taken the message, or not: its answer got lost. It
	// is not sent again by anybody, so that nobody gets, or pays for, one code twice; the
	// person can ask for another.
	Uncertain
)

func (k Kind) String() string {
	switch k {
	case Final:
		return "final"
	case Blocked:
		return "blocked"
	case Uncertain:
		return "uncertain"
	}
	return "retryable"
}

// Error is a failed send. Its text is for operators and never holds the message.
type Error struct {
	Kind   Kind
	Reason string        // short and stable, such as "throttled"; fit for a metric
	Err    error         // the provider's own words, if any, after [Scrub]
	Wait   time.Duration // how long the provider asked to be left alone; 0 = it did not say
	// AboutMessage says that the failure is about this message or its recipient and says
	// nothing about the sender's health: people choose recipients, and must not be able to
	// make a sender look out of order.
	AboutMessage bool
	// Asked says that this is the provider's own word, read from its reply to this message,
	// and no guess or check made here. A Final one shows that the provider answers again;
	// one that is Blocked and AboutMessage, to recipients of ever other domains, that it
	// would refuse everybody. Default: neither is concluded.
	Asked bool
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("%s (%s)", e.Reason, e.Kind)
	}
	return fmt.Sprintf("%s (%s): %v", e.Reason, e.Kind, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf classifies any error from a sender. A nil [*Error] in an error, which most
// likely was meant to be none, is uncertain.
func KindOf(err error) Kind {
	var e *Error
	switch typed := errors.As(err, &e); {
	case typed && e == nil:
		return Uncertain
	case typed && e.Kind <= Uncertain:
		return e.Kind
	}
	return Retryable
}

// ReasonOf is the short, stable name of any error from a sender: its own if it has
// one, "timeout" if time ran out, "cancelled" if the sending was called off, or
// "error".
func ReasonOf(err error) string {
	var e *Error
	switch typed := errors.As(err, &e); {
	case typed && e == nil:
		return "nil_error"
	case typed && e.Reason != "":
		return e.Reason
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	}
	return "error"
}
