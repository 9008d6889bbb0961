package ui

import (
	"html/template"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/ui/lang"
)

// stuckPage says honestly that this account cannot get there, and offers another.
func (c *call) stuckPage(v flows.View) *page {
	heading := must(c.lang.Text("stuck.title"))
	if v.Why == flows.SignUpNotForYou {
		heading = must(c.lang.Text("stuck.sign_up_title"))
	}
	pg := c.newPage("tell", "stuck", heading, v.Kind)
	pg.Reference = v.Target.Decision
	switch v.Why {
	case flows.MailboxSpent:
		c.mailboxSpent(pg, v)
		return pg
	case flows.SignUpNotForYou:
		pg.Lead = pg.T("stuck.sign_up_not_for_you", "brand", pg.Brand, "app", pg.App, "email", pg.strong(v.Email))
	case flows.EnrolNotAllowed:
		pg.Lead = pg.T("stuck.enrol_not_allowed")
	default:
		pg.Lead = pg.T("stuck.no_method", "app", pg.App)
	}
	pg.Lead += c.asWhom(pg)
	pg.List = append(pg.List, pg.T("stuck.ask", "app", pg.App))
	pg.OtherAccount = c.url("/sign-out", v.Target)
	pg.Cancel = &link{pg.S("back_to_app", "app", pg.App), "/"}
	if v.Target.Account {
		pg.OtherAccount, pg.Cancel = "", c.backToAccount(pg)
	}
	return pg
}

func (c *call) asWhom(pg *page) template.HTML {
	if c.caller.Session == nil {
		return ""
	}
	return " " + pg.T("stuck.account", "email", pg.strong(c.caller.Session.Email))
}

// mailboxSpent explains why a code by mail does not help after a reset, and until when.
// Nothing is wrong with the account: the rest of the application is open.
func (c *call) mailboxSpent(pg *page, v flows.View) {
	target := c.home(v.Target)
	wait := v.MailboxBack.Sub(c.Now())
	if wait <= 0 { // the page was open for that long
		pg.Lead = pg.T("stuck.mailbox_back")
		pg.Next = &link{pg.S("try_again"), target}
	} else {
		until := v.MailboxBack.Add(time.Minute - 1).UTC().Truncate(time.Minute) // rounded up
		clock := lang.Slot{
			Open:  template.HTML(`<strong><time datetime="` + until.Format(time.RFC3339) + `">`),
			Close: "</time></strong>",
		}
		pg.Lead = pg.T("stuck.mailbox_spent", "wait", duration(c.lang, wait), "time", clock, "date", dateIn(c.lang, until))
		if target != "/" { // which would lead right back here
			pg.List = append(pg.List, pg.T("stuck.mailbox_rest", "app", pg.App))
			pg.Next = &link{pg.S("back_to_app", "app", pg.App), "/"}
		}
		pg.List = append(pg.List, pg.T("stuck.mailbox_wait", "app", pg.App))
	}
	pg.Lead += c.asWhom(pg)
	pg.List = append(pg.List, pg.T("stuck.mailbox_not_you", "app", pg.App))
	pg.Cancel = &link{pg.S("sign_out.go"), c.url("/sign-out", flows.Target{})}
	if v.Target.Account {
		pg.Cancel = c.backToAccount(pg)
	}
}
