package ui

import (
	"net/http"

	"github.com/stepgate/stepgate/flows"
)

// getSignOut asks first: a prefetch or an image on another site must sign nobody
// out. Whoever is not signed in is told so.
func (c *call) getSignOut() {
	if c.caller.Session == nil {
		c.show(http.StatusOK, c.signedOutPage())
		return
	}
	pg := c.newPage("ask", "sign-out", must(c.lang.Text("sign_out.title", "app", c.face.App)), "")
	pg.Lead = pg.T("sign_out.lead", "email", pg.strong(c.caller.Session.Email))
	pg.Action = c.url("/sign-out", c.target)
	pg.Go = pg.S("sign_out.go")
	pg.Cancel = &link{pg.S("sign_out.stay"), "/"}
	c.show(http.StatusOK, pg)
}

func (c *call) signedOutPage() *page {
	pg := c.newPage("tell", "signed-out", must(c.lang.Text("sign_out.done")), "")
	pg.Lead = pg.T("sign_out.done_lead", "app", pg.App)
	pg.List = append(pg.List, pg.T("sign_out.shared"))
	pg.Next = &link{pg.S("sign_out.again"), c.url("/sign-in", c.target)}
	return pg
}

// postSignOut ends the session. The cookies go even when the store cannot be
// reached: on this computer at least the session is over.
func (c *call) postSignOut() {
	var err error
	if c.caller.Session != nil {
		err = c.engine.SignOut(c.r.Context(), c.caller.Session)
	}
	c.cookies.ClearSession(c.w)
	if !c.KeepAppCookies {
		c.cookies.expireOthers(c.w, c.r)
		if c.cookies.Secure {
			c.w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
		}
	}
	switch {
	case err != nil:
		c.fail(err, flows.View{})
	case c.form.get("again") != "":
		c.signIn()
	default:
		c.redirect(c.url("/sign-out", c.target))
	}
}
