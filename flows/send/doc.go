// Package send brings messages to people, by mail and by text message, through
// senders that may fail, hang, panic or refuse.
//
// A [Sender] is one provider account: package smtp, vonage or webhook, or inbox, which
// only keeps what it is given. An [Outbox] is the bounded queue in front of them, with
// failover, circuits, retry and a deadline: whoever hands in a message never waits for
// a provider. The queue is in memory. What must outlast a restart is kept by the
// caller, from before it is posted until [OutboxOptions].Done tells its end, and what
// is left then is posted again when the process starts.
//
// Nothing here logs a recipient, a text or a code; [Scrub] takes them out of what
// providers say.
package send
