// Package smtp sends mail through a submission server (RFC 6409), one connection per
// message, with TLS required unless the server is on this very host.
//
// Messages are composed, and the protocol is spoken, by go-mail; this package owns the
// connection (its deadline, and a limit to what is read from it), the order of the
// stages, and the meaning of each refusal. It drives the stages itself because only
// then is it known that a failure after the server's "250" is no failure: the mail is
// on its way, and a second try would deliver it twice.
package smtp
