// Package vonage sends text messages through Vonage's SMS API.
//
// Vonage's Go SDK is quarantined here. It has no timeout and drops the context, reads
// replies of any size, follows redirects with the credentials in the body, panics on a
// reply without messages, and reports refusals with a nil error. So each call runs
// with its own deadline, behind a transport that re-attaches the context, limits the
// reply and passes on nothing but a 200; a panic is recovered; and the status of every
// part of a message is judged.
package vonage
