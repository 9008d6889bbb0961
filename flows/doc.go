// Package flows says how things are proved: signing up, signing in, stepping up,
// adding a phone, and changing an account.
//
// A flow is a state machine over a stored record. [Advance] is the machine: a
// pure function from a state and an event to the next state and the effects it
// asks for. One dispatcher decides what comes next, from what has been proved, what
// the target demands and what the account has; steps never name one another.
// [Engine] is the machine's hands: it checks what people hand in, runs effects,
// keeps the records and the sessions, all in one transaction per input.
//
// Faces (pages, the JSON API) render a [View] and hand in an [Input]. They decide
// nothing. A "no" that may be told is a [Refusal].
package flows
