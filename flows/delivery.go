package flows

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

func deliveryKey(id string) string { return schema + "delivery/" + id }

// deliveryRecord is what is known about a code's message. It is there from the moment in
// which the code is made, and as long as the code: receipts for anything else find
// nothing to change.
type deliveryRecord struct {
	State   Delivery  `json:"state,omitempty"`
	Expires time.Time `json:"expires"`
}

func (e *Engine) awaitDelivery(tx store.Tx, l Letter) error {
	return put(tx, deliveryKey(l.ID), deliveryRecord{Expires: l.Expires}, e.Now(), l.Expires)
}

// surer are the states in the order in which one word overrules another: receipts come
// in any order, and the outbox may not know what a carrier does.
var surer = []Delivery{DeliveryUnderWay, DeliveryUncertain, DeliveryFailed, DeliveryRefused, DeliveryDone}

// noteDelivery remembers what became of a message, unless its code is over or something
// surer is known.
func (e *Engine) noteDelivery(tx store.Tx, id string, state Delivery) error {
	record, found, err := get[deliveryRecord](tx, deliveryKey(id))
	if err != nil || !found || !e.Now().Before(record.Expires) ||
		slices.Index(surer, state) <= slices.Index(surer, record.State) {
		return err
	}
	record.State = state
	return put(tx, deliveryKey(id), record, e.Now(), record.Expires)
}

// Receipt takes what a provider reports of a message; its signature must have been
// checked. A receipt for a message that is unknown or over changes nothing, and is no
// error: who asks learns nothing about messages.
func (e *Engine) Receipt(ctx context.Context, r send.Receipt) error {
	state := map[send.ReceiptStatus]Delivery{
		send.ReceiptDelivered: DeliveryDone, send.ReceiptRefused: DeliveryRefused,
	}[r.Status]
	if state == DeliveryUnderWay || !isFlowID(r.ID) {
		return nil
	}
	err := e.Store.Update(ctx, func(tx store.Tx) error { return e.noteDelivery(tx, r.ID, state) })
	if err != nil {
		return fmt.Errorf("recording a receipt: %w", err)
	}
	return nil
}

// learnDelivery gives the flow's code what is known about its message, where the person
// may be told: who has proved nothing must not learn from it whether an address is
// anybody's, or a mailbox that takes mail.
func (e *Engine) learnDelivery(tx store.Tx, f *flowRecord) error {
	if f.Code == nil || f.Code.Message == "" || f.Phantom || f.Moving || f.Kind.identifies() && f.Here == 0 {
		return nil
	}
	record, _, err := get[deliveryRecord](tx, deliveryKey(f.Code.Message))
	f.Code.delivery = record.State
	return err
}

// cameToNothing reports whether waiting for the message is of no use.
func (d Delivery) cameToNothing() bool {
	return d == DeliveryFailed || d == DeliveryUncertain || d == DeliveryRefused
}

// delivery is what a page may say about the newest code. That a medium is down is told
// in every flow alike, phantoms included.
func (e *Engine) delivery(f *flowRecord) Delivery {
	medium := send.Email
	if f.Factor == policy.SMSCode {
		medium = send.SMS
	}
	if f.Code.delivery != DeliveryDone && e.Down != nil && e.Down(medium) {
		return DeliveryDown
	}
	return f.Code.delivery
}
