// Package sendtest helps tests that send messages: a sender that records, a real SMTP
// server, and an endpoint that answers as Vonage's SMS API is documented to. All live
// in the test's process, end with the test, and wait instead of sleeping.
package sendtest
