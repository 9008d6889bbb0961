package caddymodule

import (
	"maps"
	"sync"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/send"
)

// deliveryCounts are what is scraped about messages and incidents. They live as long as
// the store is open, across reloads. Every label is from a closed set: media, outcomes,
// statuses and kinds are ours, and senders the configuration's.
type deliveryCounts struct {
	mu        sync.Mutex
	messages  map[messageLabels]uint64
	receipts  map[receiptLabels]uint64
	incidents map[flows.IncidentKind]uint64
}

type messageLabels struct {
	medium  send.Medium
	sender  string // empty: it came to an end without one
	outcome send.Outcome
}

type receiptLabels struct {
	sender string
	status send.ReceiptStatus
}

// message counts the end of a message.
func (c *deliveryCounts) message(r send.Result) {
	increment(c, &c.messages, messageLabels{r.Medium, r.Sender, r.Outcome})
}

// receipt counts what a sender's provider reported, once it was verified.
func (c *deliveryCounts) receipt(sender string, status send.ReceiptStatus) {
	increment(c, &c.receipts, receiptLabels{sender, status})
}

func (c *deliveryCounts) incident(kind flows.IncidentKind) {
	increment(c, &c.incidents, kind)
}

func increment[L comparable](c *deliveryCounts, numbers *map[L]uint64, labels L) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if *numbers == nil {
		*numbers = make(map[L]uint64)
	}
	(*numbers)[labels]++
}

// read returns the numbers so far, which are the caller's to keep.
func (c *deliveryCounts) read() (map[messageLabels]uint64, map[receiptLabels]uint64, map[flows.IncidentKind]uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.messages), maps.Clone(c.receipts), maps.Clone(c.incidents)
}
