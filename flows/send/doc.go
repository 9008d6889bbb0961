// Package send brings messages to people, by mail and by text message, through
// senders that may fail, hang, panic or refuse.
//
// A [Sender] is one provider account: package smtp, package vonage, or inbox, which
// only keeps what it is given. An [Outbox] is the bounded queue in front of them,
// with failover, retry and a deadline: whoever hands in a message never waits for a
// provider. The queue is memory only; a code that outlived a restart would be of no
// use to anybody.
//
// Nothing here logs a recipient, a text or a code; [Scrub] takes them out of what
// providers say.
package send
