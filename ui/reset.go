package ui

import (
	"net/http"
	"strings"

	"github.com/stepgate/stepgate/flows"
)

// getReset asks whose password is forgotten. Somebody who is signed in may ask as well:
// they need not know the password by a session that was opened long ago.
func (c *call) getReset() {
	if !c.Site.Password {
		c.tellProblem(http.StatusNotFound, problem{})
		return
	}
	v := c.begun()
	if v.Email == "" && c.caller.Session != nil {
		v.Email = c.caller.Session.Email
	}
	pg := c.resetPage(v)
	c.tellWhy(pg)
	c.show(http.StatusOK, pg)
}

func (c *call) resetPage(v flows.View) *page {
	pg := c.newPage("start", "reset", must(c.lang.Text("reset.title")), flows.Reset)
	pg.Action = c.url("/reset", c.target, "f", c.query.get("f"))
	pg.Email = firstNonEmpty(c.typed.get("email"), v.Email)
	pg.Lead = pg.T("reset.lead")
	pg.Go, pg.Busy = pg.S("way.email_code"), pg.S("way.sending")
	if c.caller.Session != nil {
		pg.Lead += c.asWhom(pg) + " " + pg.T("reset.signs_out")
		pg.Cancel = &link{pg.S("back_to_app", "app", pg.App), "/"}
		if c.target.Account {
			pg.Cancel = c.backToAccount(pg)
		}
	} else {
		pg.OtherKind = c.url("/sign-in", c.target, "f", v.Flow)
	}
	return pg
}

func (c *call) postReset() {
	if !c.Site.Password {
		c.tellProblem(http.StatusNotFound, problem{})
		return
	}
	c.formAt = "/reset"
	if v, ok := c.start(flows.Reset, flows.Identify{Email: c.form.get("email")}); ok {
		c.advance(v)
	}
}

// resetting reports whether the flow is a reset whose password is not yet replaced. What
// follows that is a second factor.
func resetting(v flows.View) bool { return v.Kind == flows.Reset && !v.Replaced }

// tellReset puts onto the pages of a reset what somebody could not know: that the new
// password is there although more is asked for, or that in this browser another person
// is signed in.
func (c *call) tellReset(pg *page, v flows.View) {
	pg.Resetting = resetting(v)
	s := c.caller.Session
	switch {
	case v.Kind != flows.Reset:
	case !pg.Resetting:
		pg.Box = &box{Tone: "good", Text: pg.T("reset.changed", "app", pg.App)}
	case s != nil && !strings.EqualFold(s.Email, v.Email):
		pg.Box = &box{Tone: "care", Text: pg.T("reset.other", "other", pg.LTR(s.Email), "email", pg.LTR(v.Email))}
	}
}

func (c *call) newPasswordPage(v flows.View) *page {
	title := "new_password.title"
	if v.Kind == flows.Reset {
		title = "reset.new_title"
	}
	pg := c.stepOf(v, "new-password", must(c.lang.Text(title)))
	pg.Email = v.Email
	pg.Action = c.stepURL(v)
	pg.Lead = pg.T("new_password.lead", "email", pg.strong(v.Email))
	switch {
	case v.Kind == flows.Reset:
		pg.Lead += " " + pg.T("reset.signs_out")
		pg.Go, pg.Busy = pg.S("reset.change"), pg.S("reset.changing")
		pg.Cancel = &link{pg.S("reset.keep"), c.url("/sign-in", v.Target)}
	case v.Kind == flows.Change:
		c.changePassword(pg)
	case len(c.Site.Attributes) > 0: // which are asked for next
		pg.Go, pg.Busy = pg.S("sign_up.go"), pg.S("moment")
	default:
		pg.Go, pg.Busy = pg.S("new_password.go"), pg.S("new_password.busy")
	}
	return pg
}

func (c *call) postNewPassword() {
	if c.form.get("do") == "skip" {
		c.submit(flows.SkipPassword{})
		return
	}
	c.adding = c.target.Account && c.addsPassword()
	c.submit(flows.SetPassword{Password: c.form.get("new_password")})
}
