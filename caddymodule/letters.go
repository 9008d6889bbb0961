package caddymodule

import (
	"context"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/inbox"
	"github.com/stepgate/stepgate/ui"
)

// post queues a letter. It gets its words in the background: how long a request takes
// must not depend on what is sent.
func (a *App) post(rt *runtime, letter flows.Letter) error {
	accent := a.Brand.Accent
	return rt.outbox.PostDraft(send.Draft{
		ID: letter.ID, Series: letter.Series, Medium: letter.Medium, Purpose: string(letter.Purpose), Expires: letter.Expires,
		Compose: func() (send.Message, error) { return ui.Compose(letter, accent) }, Mute: letter.Mute,
	})
}

// resume takes up the messages that an earlier process accepted and did not get rid of.
// It runs once for each opened store, by the first configuration that opens it: all its
// sites are known by then, and no request has been let in that could post anything. What
// goes wrong does not keep anybody from signing in.
func (a *App) resume(rt *runtime, engine *flows.Engine) {
	ctx, cancel := context.WithTimeout(a.ctx, openTimeout)
	defer cancel()
	if _, err := engine.Resume(ctx, a.siteOf); err != nil {
		a.log.Error("taking up the messages of an earlier process", "error", err)
	}
}

// siteOf finds a site of this configuration by its origin; nil if there is none. The
// caller holds the lock.
func (a *App) siteOf(origin string) *flows.Site {
	for _, s := range a.sites {
		if s.flows.Origin == origin {
			return s.flows
		}
	}
	return nil
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
