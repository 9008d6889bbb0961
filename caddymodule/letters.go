package caddymodule

import (
	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/send/inbox"
	"github.com/stepgate/stepgate/ui"
)

// post gives a letter its words and queues it.
func (a *App) post(rt *runtime, letter flows.Letter) error {
	message, err := ui.Compose(letter, a.Brand.Accent)
	if err != nil {
		return err
	}
	return rt.outbox.Post(message)
}

// lateInbox is the app's inbox, which is empty until the store is open.
type lateInbox struct{ app *App }

// Messages implements [ui.Inbox].
func (i lateInbox) Messages(filter string) []inbox.Received {
	l := i.app.live.Load()
	if l == nil {
		return nil
	}
	return l.rt.inbox.Messages(filter)
}
