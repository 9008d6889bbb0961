// Package rawtest attacks a gateway over raw sockets and judges it by nothing but
// what the application behind it received: a refusal is only a claim.
//
// Set up an [Echo] as the application and a gateway in front that forbids /admin, puts
// X-Id-Token on what it forwards and holds a cookie of its own; then [Run] the [Corpus]
// against it. The readings by which a target is judged are written here a second time,
// on purpose: they share nothing with the code under test.
package rawtest
