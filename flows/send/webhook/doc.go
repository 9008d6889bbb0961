// Package webhook hands messages to an HTTP endpoint of the operator's, so that any
// provider can be attached: one POST of JSON per message, signed as Standard Webhooks
// has it. The contract for receivers:
//
// To verify: take the headers webhook-id, webhook-timestamp and webhook-signature; refuse
// a timestamp (Unix seconds) more than five minutes off; compute HMAC-SHA256 over
// id + "." + timestamp + "." + the body as received, keyed with the decoded secret; encode
// it in standard base64; accept if "v1," + that equals, in constant time, one of the
// space-separated signatures. A HEAD, signed over an empty body, is a check: send nothing.
//
// To answer: 2xx once the message is taken, 409 if its id was before; 422 if this recipient
// or text is not acceptable to anybody. 429 and 5xx promise that it was not taken: it is
// offered again, or to the next sender. A 504 or no answer in time promises nothing: it is
// never offered again by anyone. The body of an answer is not read.
package webhook
