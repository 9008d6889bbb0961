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
	style := a.styleOf(letter.Site)
	return rt.mail.post(send.Draft{
		ID: letter.ID, Series: letter.Series, Medium: letter.Medium, Purpose: string(letter.Purpose), Expires: letter.Expires,
		Compose: func() (send.Message, error) { return ui.Compose(letter, style) }, Mute: letter.Mute,
	})
}

// styleOf is the style of a site's messages: the app's, where the site is no longer there.
func (a *App) styleOf(s *flows.Site) *ui.Style {
	if s != nil {
		if style, ok := a.styles.Load(s.Origin); ok {
			return style.(*ui.Style)
		}
	}
	return a.style
}

// resume takes up the messages that an earlier process accepted and did not get rid of.
// It runs once for each opened store, by the first configuration that opens it: all its
// sites are known by then, and no request has been let in that could post anything. What
// goes wrong does not keep anybody from signing in; the rest is taken up later. The caller
// holds the lock.
func (a *App) resume(rt *runtime, engine *flows.Engine) {
	rt.mail.takeUp(a.now(), func() error { return resume(a.ctx, engine, a.byOrigin()) })
}

// resumeAgain takes up what could not be taken up before, in the background.
func (a *App) resumeAgain(l *live) {
	if !l.rt.mail.due(a.now()) || !l.rt.gate.enter() {
		return
	}
	go func() {
		defer l.rt.gate.leave()
		a.mu.Lock()
		sites := a.byOrigin()
		a.mu.Unlock()
		l.rt.mail.takeUp(a.now(), func() error { return resume(a.ctx, l.engine, sites) })
	}()
}

func resume(ctx context.Context, engine *flows.Engine, sites map[string]*flows.Site) error {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	_, err := engine.Resume(ctx, func(origin string) *flows.Site { return sites[origin] })
	return err
}

// byOrigin are the sites of this configuration. The caller holds the lock.
func (a *App) byOrigin() map[string]*flows.Site {
	sites := make(map[string]*flows.Site, len(a.sites))
	for _, s := range a.sites {
		sites[s.flows.Origin] = s.flows
	}
	return sites
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
