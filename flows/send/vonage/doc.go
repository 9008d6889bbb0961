// Package vonage sends text messages through Vonage's SMS API and reads its delivery
// receipts.
//
// Vonage's Go SDK is quarantined here. It has no timeout and drops the context, reads
// replies of any size, follows redirects with the credentials in the body, panics on a
// reply without messages, and reports refusals with a nil error. So each call runs
// with its own deadline, behind a transport that re-attaches the context, limits the
// reply, passes on nothing but a 200, and knows whether the request may have arrived; a
// panic is recovered; and the status of every part of a message is judged. The SDK knows
// neither signed receipts nor the account's balance: those are done here.
package vonage
