package ui

import (
	"errors"
	"html/template"
	"net/http"

	"github.com/stepgate/stepgate/flows"
)

// The page that mails lead to whose reader may say: that was not me. Whoever has the link
// needs nothing else, no cookie and no session. Opening it changes nothing, since those
// who scan mails for their readers open every link; its button does.

// notMeToken is the name of the token in the address.
const notMeToken = "m"

// notMeURL is the page's address for the reader of a letter.
func notMeURL(letter flows.Letter) string {
	return letter.Site.Origin + letter.Site.Prefix + "/not-me?" + notMeToken + "=" + letter.NotMe
}

func notMeKey(purpose flows.Purpose) string {
	return "mail.not_me." + notMeSort(flows.DisownView{Purpose: purpose})
}

// notMeSort is what the link undoes, in the keys of its messages.
func notMeSort(v flows.DisownView) string {
	switch {
	case v.Unlocks():
		return "guessing"
	case v.EndsAll():
		return "all"
	default:
		return "attempt"
	}
}

func (c *call) getNotMe() {
	v, err := c.engine.LookDisown(c.r.Context(), c.caller, c.query.get(notMeToken))
	switch {
	case errors.Is(err, flows.ErrNothingToDisown):
		c.show(http.StatusGone, c.notMeGonePage())
	case err != nil:
		c.fail(err, flows.View{})
	case v.Done:
		c.show(http.StatusOK, c.notMeDonePage(v))
	default:
		c.show(http.StatusOK, c.notMePage(v))
	}
}

// postNotMe leads back to the page, which then says what was done.
func (c *call) postNotMe() {
	token := c.query.get(notMeToken)
	_, err := c.engine.Disown(c.r.Context(), c.caller, token)
	switch {
	case errors.Is(err, flows.ErrNothingToDisown):
		c.show(http.StatusGone, c.notMeGonePage())
	case err != nil:
		c.fail(err, flows.View{})
	default:
		c.redirect(c.url("/not-me", flows.Target{}, notMeToken, token))
	}
}

func (c *call) notMePage(v flows.DisownView) *page {
	sort := notMeSort(v)
	pg := c.newPage("not-me", "not-me", must(c.lang.Text("not_me.title."+sort)), "")
	values := []any{"email", pg.strong(v.Email), "app", pg.App}
	if sort != "guessing" {
		values = append(values, "time", dateIn(c.lang, v.At.UTC()))
	}
	if sort == "all" {
		values = append(values, "what", c.toldOf(v.Purpose))
	}
	pg.Lead = pg.T("not_me.lead."+sort, values...)
	pg.Action = c.url("/not-me", flows.Target{}, notMeToken, c.query.get(notMeToken))
	pg.Go, pg.Busy = pg.S("not_me.go."+sort), pg.S("not_me.busy")
	return pg
}

// toldOf is the heading of the mail that led here.
func (c *call) toldOf(purpose flows.Purpose) string {
	key := "mail." + string(purpose) + ".act"
	if purpose == flows.NoticePasswordReset {
		return must(c.lang.Text(key, "app", c.face.App))
	}
	return must(c.lang.Text(key))
}

func (c *call) notMeDonePage(v flows.DisownView) *page {
	sort := notMeSort(v)
	pg := c.newPage("not-me", "not-me-done", must(c.lang.Text("not_me.done."+sort)), "")
	if sort == "attempt" {
		pg.Lead = pg.T("not_me.done_lead." + sort)
	} else {
		pg.Lead = pg.T("not_me.done_lead."+sort, "app", pg.App)
	}
	if sort != "guessing" {
		pg.List = []template.HTML{pg.T("not_me.mailbox"), pg.T("not_me.tell", "app", pg.App)}
	}
	if v.Reset && c.Site.Password {
		// A form with the address in it: addresses do not belong into an address bar.
		pg.ResetFor, pg.Action = v.Email, c.url("/reset", flows.Target{})
		pg.Why = pg.T("not_me.reset")
		pg.Go, pg.Busy = pg.S("not_me.reset_go"), pg.S("way.sending")
		return pg
	}
	pg.Next = &link{pg.S("sign_in.title"), c.url("/sign-in", flows.Target{})}
	return pg
}

func (c *call) notMeGonePage() *page {
	pg := c.newPage("tell", "not-me-gone", must(c.lang.Text("not_me.gone")), "")
	pg.Lead = pg.T("not_me.gone_lead")
	pg.List = []template.HTML{pg.T("not_me.gone_do", "app", pg.App)}
	if c.Site.Password {
		pg.List = append(pg.List, pg.T("not_me.gone_reset", "reset", pg.LinkTo(c.url("/reset", flows.Target{}))))
	}
	return pg
}
