// Package sendtest helps tests that send messages: a sender that records, a real SMTP
// server, an endpoint that answers as Vonage's SMS API is documented to, a receiver of
// webhooks, and the same servers out of order: refusing, hanging, closing, talking
// without end or lying at a stage of choice. What a server may have delivered it tells
// apart from what it said. All live in the test's process, end with the test, and wait
// instead of sleeping.
package sendtest
