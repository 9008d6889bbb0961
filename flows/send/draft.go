package send

import "time"

// A Draft is a message that is put into words only when it is sent, in the background.
// How long whoever posts it takes must not depend on what is sent, or whether anything
// is.
type Draft struct {
	ID      string
	Series  string // see [Message]
	Medium  Medium
	Purpose string
	Expires time.Time
	// Compose is called once, before the first attempt. Its error ends the message.
	Compose func() (Message, error)
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
	Reason     string // of a failure, see [ReasonOf]
}
