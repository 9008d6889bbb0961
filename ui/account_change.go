package ui

import (
	"html/template"
	"net/http"
	"strings"

	"github.com/stepgate/stepgate/flows"
)

// A change begins with a press, on the account's page or on the page here that says what
// will happen: for those who come by an address, and where it takes a word before.

// askChange says what a change will take, and asks whether to go on.
func askChange(what flows.Changing) func(*call) {
	return func(c *call) {
		profile, ok := c.own()
		switch {
		case !ok:
		case !may(profile, what):
			c.toAccount("")
		default:
			pg := c.changePage(profile, what)
			c.tellWhy(pg)
			c.show(http.StatusOK, pg)
		}
	}
}

// may reports whether there is anything to begin. An account without a number gets its
// first in another way than it would change it.
func may(p flows.Profile, what flows.Changing) bool {
	if adds(p, what) {
		return p.MayEnrol
	}
	return p.MayChange[what]
}

func adds(p flows.Profile, what flows.Changing) bool {
	return what == flows.ChangePhone && p.Phone == ""
}

func (c *call) changePage(p flows.Profile, what flows.Changing) *page {
	pg := c.newPage("ask", "account-change", must(c.lang.Text("step_up.title")), flows.Change)
	pg.Action = c.r.URL.Path
	pg.Go, pg.Cancel = pg.S("attributes.next"), c.backToAccount(pg)
	switch {
	case adds(p, what):
		pg.Heading, pg.Lead, pg.Go = pg.S("phone.title"), pg.T("phone.lead"), pg.S("enrol.go")
	case what == flows.RemovePhone:
		pg.Heading, pg.Go = pg.S("change.remove_phone_title"), pg.S("change.remove_phone_go")
		pg.Lead = pg.T("change.remove_phone_lead", "digits", pg.LTR(p.Phone))
		pg.Cancel.Text = pg.S("change.remove_phone_keep")
	case what == flows.ChangePassword && !p.HasPassword:
		pg.Lead = pg.T("change.lead.add_password") + " " + pg.T("change.then")
	default:
		pg.Lead = pg.T("change.lead."+string(what)) + " " + pg.T("change.then")
	}
	pg.Lead += c.asWhom(pg)
	return pg
}

// beginChange begins a change. Nothing is sent yet, so to press twice costs nothing.
func beginChange(what flows.Changing) func(*call) {
	return func(c *call) {
		profile, ok := c.own()
		switch {
		case !ok:
			return
		case !may(profile, what): // the page that was pressed is old
			c.toAccount("")
			return
		}
		c.target = accountTarget()
		c.adding = what == flows.ChangePassword && !profile.HasPassword
		c.formAt = strings.TrimPrefix(c.r.URL.Path, c.Site.Prefix)
		kind, open := flows.Change, flows.Open{Changing: what}
		if adds(profile, what) {
			kind, open = flows.Enrol, flows.Open{}
		}
		if v, ok := c.start(kind, open); ok {
			c.advance(v)
		}
	}
}

// addsPassword reports whether a change gives an account its first password. Only words
// depend on it, so where nobody can tell it says no.
func (c *call) addsPassword() bool {
	if c.caller.Session == nil {
		return false
	}
	profile, err := c.engine.Profile(c.r.Context(), c.caller)
	return err == nil && !profile.HasPassword
}

// aboutPassword reports whether a view is of a change of the password.
func aboutPassword(v flows.View) bool {
	return v.Kind == flows.Change && v.Changing == flows.ChangePassword
}

// changePassword words the page for a new password as one for an account that exists.
func (c *call) changePassword(pg *page) {
	pg.Lead = pg.T("reset.signs_out")
	pg.Go, pg.Busy = pg.S("account.profile_save"), pg.S("account.profile_saving")
	if !c.addsPassword() {
		pg.Heading = pg.S("reset.new_title")
		pg.Go, pg.Busy = pg.S("reset.change"), pg.S("reset.changing")
	}
	pg.Cancel = c.backToAccount(pg)
}

func (c *call) backToAccount(pg *page) *link {
	return &link{pg.S("account.back"), c.accountHome(accountTarget())}
}

// changeCode names on the page for a code what it changes, before what is new is given.
func (c *call) changeCode(pg *page, v flows.View) {
	if v.Kind == flows.Change && v.NewEmail == "" && !v.Enrolling && !(aboutPassword(v) && c.addsPassword()) {
		pg.Heading = pg.S("change.code_title." + string(v.Changing))
	}
}

// changeLead is the lead of the page that asks for proof.
func (c *call) changeLead(pg *page) template.HTML {
	if aboutPassword(pg.View) && c.addsPassword() {
		return pg.T("change.lead.add_password")
	}
	return pg.T("change.lead." + string(pg.View.Changing))
}

// Changing names what is about to be changed, on the page that asks for proof; empty where
// something else is opened.
func (pg *page) Changing() string {
	switch {
	case pg.View.Kind == flows.Change:
		return pg.S("change.what." + string(pg.View.Changing))
	case ofAccount(pg.View): // adds a number
		return pg.S("change.what." + string(flows.ChangePhone))
	default:
		return ""
	}
}

// getNewEmail also shows the page while an address is being checked, to change it.
func (c *call) getNewEmail() {
	v, ok := c.look()
	switch {
	case !ok:
	case v.Step == flows.AskEmail || v.Step == flows.AskCode && v.NewEmail != "":
		pg := c.newEmailPage(v)
		c.tellWhy(pg)
		c.show(http.StatusOK, pg)
	default:
		c.goTo(v)
	}
}

func (c *call) newEmailPage(v flows.View) *page {
	pg := c.stepOf(v, "new-email", must(c.lang.Text("change.email_title")))
	pg.Action = c.url("/email", v.Target, "f", v.Flow)
	pg.Email = firstNonEmpty(c.typed.get("email"), v.NewEmail)
	pg.Lead = pg.T("change.email_lead")
	pg.Note = pg.T("change.email_after")
	pg.Go, pg.Busy = pg.S("way.email_code"), pg.S("way.sending")
	pg.Cancel = c.backToAccount(pg)
	return pg
}

func (c *call) postNewEmail() {
	c.formAt = "/email"
	c.submit(flows.GiveEmail{Email: c.form.get("email")})
}

// What the site asks people about themselves, and whoever is signed in may mend.

func (c *call) getProfile() {
	profile, ok := c.own()
	switch {
	case !ok:
	case len(c.Site.Attributes) == 0:
		c.toAccount("")
	default:
		pg := c.profilePage(profile.Attributes)
		c.tellWhy(pg)
		c.show(http.StatusOK, pg)
	}
}

func (c *call) profilePage(given map[string]string) *page {
	v := flows.View{
		Kind: flows.Change, Step: flows.AskAttributes, Target: accountTarget(), Email: c.caller.Session.Email,
		Attributes: c.Site.Attributes, Given: given,
	}
	pg := c.attributesPage(v)
	pg.Name, pg.Heading = "account-profile", pg.S("account.profile")
	pg.Action = c.r.URL.Path
	pg.Go, pg.Busy = pg.S("account.profile_save"), pg.S("account.profile_saving")
	pg.Cancel = c.backToAccount(pg)
	return pg
}

func (c *call) postProfile() {
	if !c.atAccount() {
		return
	}
	c.formAt = accountPath + "/profile"
	if err := c.engine.SetProfile(c.r.Context(), c.caller, c.given(c.Site.Attributes)); err != nil {
		c.fail(err, flows.View{})
		return
	}
	c.toAccount("profile")
}
