package ui

import (
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/ui/lang"
)

const accountPath = "/account"

// accountPages are the pages below the account's own. Whoever must sign in on the way to
// one is led back there, and nowhere else: a target that leads to the account has the rest
// of the path as ReturnTo, since no other target may lead to a page of ours.
var accountPages = map[string]bool{"/password": true, "/phone": true, "/remove-phone": true, "/email": true, "/profile": true}

func (p *Pages) accountHome(t flows.Target) string {
	if accountPages[t.ReturnTo] {
		return p.Site.Prefix + accountPath + t.ReturnTo
	}
	return p.Site.Prefix + accountPath
}

// accountTarget is the target of what begins on the account's page.
func accountTarget() flows.Target { return flows.Target{Account: true, ReturnTo: "/"} }

// accountDone are the words for what was done last, by the address's word for it. An
// address holds none of the words; whoever links to one shows a sentence, and moves nothing.
var accountDone = map[string]string{
	string(flows.ChangePassword): "account.done.password", "password_added": "account.done.password_added",
	string(flows.ChangePhone): "account.done.phone", "phone_added": "account.done.phone_added",
	string(flows.RemovePhone): "account.done.remove_phone", string(flows.ChangeEmail): "account.done.email",
	"profile": "account.done.profile", "ended_one": "account.ended_one", "ended_others": "account.ended_others",
}

// toAccount leads to the account's page, to say there what was done.
func (c *call) toAccount(done string) {
	c.redirect(c.url(accountPath, flows.Target{}, "done", done))
}

// tellDone leads a flow that has ended back to the account that it began at.
func (c *call) tellDone(v flows.View) {
	switch {
	case v.Kind == flows.Change && c.adding:
		c.toAccount("password_added")
	case v.Kind == flows.Change:
		c.toAccount(string(v.Changing))
	case v.Kind == flows.Reset:
		c.toAccount(string(flows.ChangePassword))
	case v.Kind == flows.Enrol:
		c.toAccount("phone_added")
	default:
		c.goHome(v.Target)
	}
}

// atAccount reports whether somebody is signed in. Whoever is not is sent to sign in, and
// back here afterwards.
func (c *call) atAccount() bool {
	c.target = accountTarget()
	if below := strings.TrimPrefix(c.r.URL.Path, c.Site.Prefix+accountPath); accountPages[below] {
		c.target.ReturnTo = below
	}
	if c.caller.Session == nil {
		c.signIn()
		return false
	}
	return true
}

// own is the account of whoever is signed in, or it answers and returns false.
func (c *call) own() (flows.Profile, bool) {
	if !c.atAccount() {
		return flows.Profile{}, false
	}
	profile, err := c.engine.Profile(c.r.Context(), c.caller)
	if err != nil {
		c.fail(err, flows.View{})
		return profile, false
	}
	return profile, true
}

func (c *call) getAccount() {
	if profile, ok := c.own(); ok {
		c.show(http.StatusOK, c.accountPage(profile))
	}
}

// postAccount ends sign-ins. Ending what has ended already is no error: somebody pressed
// twice, or has the page open twice.
func (c *call) postAccount() {
	if !c.atAccount() {
		return
	}
	var err error
	done := ""
	switch sid := c.form.get("sid"); {
	case c.form.get("do") == "end" && sid == c.caller.Session.SID: // which has a page of its own
		c.redirect(c.url("/sign-out", flows.Target{}))
		return
	case c.form.get("do") == "end":
		done, err = "ended_one", c.engine.EndSession(c.r.Context(), c.caller, sid)
	case c.form.get("do") == "end_others":
		done, err = "ended_others", c.engine.EndOtherSessions(c.r.Context(), c.caller)
	}
	if err != nil {
		c.fail(err, flows.View{})
		return
	}
	c.toAccount(done)
}

// accountView is what the account's page shows.
type accountView struct {
	Details []accountRow
	About   []accountRow // what is known of the person; nil where the site asks for nothing
	Edit    accountAction
	Devices []deviceRow
	Others  bool          // there is more than this sign-in
	Caution template.HTML // what to do about a sign-in that is somebody else's
}

type accountRow struct {
	Name    template.HTML
	Value   template.HTML
	Actions []accountAction
}

// accountAction is something to press. Its text is complete for whoever does not see the
// row that it is in.
type accountAction struct {
	Text template.HTML
	URL  string
	Post bool // begins at once, since nothing needs to be said first
}

type deviceRow struct {
	SID    string
	This   bool
	Name   string
	About  []template.HTML
	Since  template.HTML
	Action template.HTML
}

// hidden is around what completes a text for whoever does not see where it stands.
var hidden = lang.Slot{Open: `<span class="vh">`, Close: `</span>`}

func (c *call) accountPage(p flows.Profile) *page {
	pg := c.newPage("account", "account", must(c.lang.Text("account.title")), "")
	pg.AccountURL = "" // which is here
	if key := accountDone[c.query.get("done")]; key != "" {
		pg.Box = &box{Tone: "good", Text: pg.T(key), Focus: true}
	}
	pg.Action = c.Site.Prefix + accountPath
	pg.Account = &accountView{Details: c.accountDetails(pg, p)}
	for _, a := range c.Site.Attributes {
		pg.Account.About = append(pg.Account.About, accountRow{
			Name: "<bdi>" + template.HTML(template.HTMLEscapeString(a.Label)) + "</bdi>", Value: pg.answered(a, p.Attributes[a.Name]),
		})
	}
	pg.Account.Edit = c.action(pg, "profile_edit", "/profile", false)
	for _, s := range p.Sessions {
		pg.Account.Devices = append(pg.Account.Devices, c.deviceRow(pg, s))
	}
	if pg.Account.Others = len(p.Sessions) > 1; pg.Account.Others {
		caution := "account.not_yours_no_password"
		if p.HasPassword {
			caution = "account.not_yours"
		}
		pg.Account.Caution = pg.T(caution)
	}
	return pg
}

// accountDetails are the ways in, each with what may be done about it.
func (c *call) accountDetails(pg *page, p flows.Profile) []accountRow {
	email := accountRow{Name: pg.T("account.email"), Value: pg.LTR(p.Email)}
	if p.MayChange[flows.ChangeEmail] {
		email.Actions = append(email.Actions, c.action(pg, "change_email", "/email", true))
	}
	rows := []accountRow{email}
	if c.Site.Password || p.HasPassword {
		rows = append(rows, c.passwordRow(pg, p))
	}
	if p.Phone != "" || p.MayEnrol {
		rows = append(rows, c.phoneRow(pg, p))
	}
	return rows
}

func (c *call) passwordRow(pg *page, p flows.Profile) accountRow {
	row := accountRow{Name: pg.T("account.password")}
	value, action := "password_none", "add_password"
	switch {
	case p.PasswordLocked:
		row.Value = pg.T("account.password_locked")
		if c.Site.Password {
			reset := pg.T("account.reset_password", "hidden", hidden)
			row.Actions = []accountAction{{Text: reset, URL: c.url("/reset", accountTarget())}}
		}
		return row
	case p.HasPassword:
		value, action = "password_set", "change_password"
	}
	row.Value = pg.T("account." + value)
	if p.MayChange[flows.ChangePassword] {
		row.Actions = append(row.Actions, c.action(pg, action, "/password", true))
	}
	return row
}

func (c *call) phoneRow(pg *page, p flows.Profile) accountRow {
	row := accountRow{Name: pg.T("account.phone"), Value: pg.T("account.phone_none")}
	if p.Phone == "" {
		row.Actions = append(row.Actions, c.action(pg, "add_phone", "/phone", true))
		return row
	}
	row.Value = pg.T("account.phone_ending", "digits", pg.LTR(p.Phone))
	if p.MayChange[flows.ChangePhone] {
		row.Actions = append(row.Actions, c.action(pg, "change_phone", "/phone", true))
	}
	if p.MayChange[flows.RemovePhone] {
		row.Actions = append(row.Actions, c.action(pg, "remove_phone", "/remove-phone", false))
	}
	return row
}

func (c *call) action(pg *page, text, path string, post bool) accountAction {
	return accountAction{Text: pg.T("account."+text, "hidden", hidden), URL: c.url(accountPath+path, flows.Target{}), Post: post}
}

// given is an answer as its owner reads it.
func (pg *page) answered(a flows.Attribute, value string) template.HTML {
	switch {
	case strings.TrimSpace(value) == "":
		return pg.T("account.profile_empty")
	case a.Type != flows.AttributeBoolean:
		return template.HTML(`<bdi>` + template.HTMLEscapeString(value) + `</bdi>`)
	case value == "true":
		return pg.T("attributes.yes")
	default:
		return pg.T("attributes.no")
	}
}

// inUse is how lately a sign-in was used that is in use: the engine writes that down every
// few minutes only.
const inUse = 6 * time.Minute

func (c *call) deviceRow(pg *page, s flows.SignedIn) deviceRow {
	row := deviceRow{SID: s.SID, This: s.This, Name: firstNonEmpty(s.Device, pg.S("account.unknown_device"))}
	used := pg.S("account.used_now")
	if age := c.Now().Sub(s.Used); age >= inUse && !s.This {
		used = pg.S("account.used", "time", ago(c.lang, age))
	}
	row.About = append(row.About, template.HTML(template.HTMLEscapeString(used)))
	if s.Client != "" {
		row.Name = pg.S("account.app")
		if s.Device != "" {
			row.About = append(row.About, template.HTML(template.HTMLEscapeString(s.Device)))
		}
	}
	if s.Network != "" && !thisComputer(s.Network) {
		row.About = append(row.About, pg.T("account.from", "network", pg.LTR(s.Network)))
	}
	if s.Site != c.Site.Origin && s.Site != "" {
		row.About = append(row.About, pg.T("account.at", "host", pg.LTR(placeOf(&flows.Site{Origin: s.Site}))))
	}
	row.Since = pg.T("account.since", "date", dateIn(c.lang, s.Created.UTC()))
	if !s.This {
		row.Action = pg.T("account.sign_out_one", "hidden", hidden, "device", row.Name, "used", used)
	}
	return row
}

// SignOutURL is the page that asks whether to sign out.
func (pg *page) SignOutURL() string { return pg.Prefix + "/sign-out" }

// ofAccount reports whether a flow changes an account, and opens nothing.
func ofAccount(v flows.View) bool {
	return v.Kind == flows.Change || v.Kind == flows.Enrol && v.Target.Account
}

// whose adds to the strip who is signed in: a person may have several accounts, and these
// pages change one.
func (c *call) whose(pg *page, v flows.View) {
	if s := c.caller.Session; s != nil && ofAccount(v) {
		pg.Strip.Text += template.HTML(`<span class="vh"> `+template.HTMLEscapeString(pg.S("step_up.as"))+` </span>`) + pg.LTR(s.Email)
	}
}
