// Package policy says what must be proved before a request may pass, and
// whether it has been.
//
// A [Proof] records when each [Factor] was last proved in a session. A [Demand]
// asks for proofs and their greatest age. Rules speak for a request; the demands
// of all that speak are joined, so the strictest wins and order never matters
// ([Policy.Decide]). [Ways] answers the next question: which factors, of those
// an account has, would meet what is missing.
//
// The package is pure: no I/O, no HTTP and no clock of its own.
package policy
