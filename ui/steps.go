package ui

import (
	"html/template"
	"net/http"
	"slices"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// show shows the flow's step at its own address, and leads there from others. With
// no step it always leads.
func show(step flows.Step) func(*call) { return func(c *call) { c.showFlow(step) } }

func (c *call) showFlow(step flows.Step) {
	v, ok := c.look()
	switch {
	case !ok:
	case v.Step != step || step == "":
		c.goTo(v)
	default:
		pg := c.stepPage(v)
		c.tellWhy(pg)
		c.show(http.StatusOK, pg)
	}
}

// stepPage is the page of the flow's step.
func (c *call) stepPage(v flows.View) *page {
	switch v.Step {
	case flows.AskPassword:
		return c.passwordPage(v)
	case flows.AskCode:
		return c.codePage(v)
	case flows.AskNewPassword:
		return c.newPasswordPage(v)
	case flows.AskAttributes:
		return c.attributesPage(v)
	case flows.Choose:
		return c.choosePage(v)
	case flows.AskPhone:
		return c.phonePage(v)
	case flows.AskEmail:
		return c.newEmailPage(v)
	case flows.Confirm:
		return c.stepUpPage(v)
	case flows.Stuck:
		return c.stuckPage(v)
	default:
		return nil
	}
}

// stepOf is an empty page of a flow's step. Its strip says where the flow stands: a reset
// whose password is replaced is a sign-in from then on.
func (c *call) stepOf(v flows.View, name, heading string) *page {
	kind := v.Kind
	if kind == flows.Reset && !resetting(v) {
		kind = flows.SignIn
	}
	pg := c.newPage(name, name, heading, kind)
	pg.View = v
	c.whose(pg, v)
	c.tellReset(pg, v)
	return pg
}

// inSession reports whether the flow goes on within a session. In the others nobody is
// signed in before the end.
func inSession(v flows.View) bool {
	return v.Kind == flows.StepUp || v.Kind == flows.Enrol || v.Kind == flows.Change
}

func (c *call) passwordPage(v flows.View) *page {
	pg := c.stepOf(v, "password", must(c.lang.Text("password.title")))
	pg.Forgot = c.url("/reset", v.Target, "f", v.Flow)
	pg.Email = firstNonEmpty(c.typed.get("email"), v.Email)
	pg.Action = c.stepURL(v)
	pg.Go = pg.S("password.go_confirm")
	pg.Ways = c.otherWays(v)
	switch {
	case v.First:
		pg.Go = pg.S("password.go")
		pg.Switch = c.Site.EmailCode
	case inSession(v):
		pg.Lead = pg.T("password.confirm_lead", "email", pg.LTR(v.Email))
		c.target = v.Target
		pg.Cancel = c.cancel(pg)
	default:
		pg.Lead = pg.T("password.also", "app", pg.App)
		pg.Cancel = &link{pg.S("start_again"), c.url("/sign-in", v.Target)}
	}
	return pg
}

func (c *call) postPassword() {
	if c.form.get("do") == "switch" {
		c.submit(flows.SwitchMethod{ToPassword: false})
		return
	}
	if in, ok := wayInput(c.form.get("way")); ok {
		c.submit(in)
		return
	}
	c.submit(flows.GivePassword{Email: c.form.get("email"), Password: c.form.get("password")})
}

func (c *call) codePage(v flows.View) *page {
	title := "code.email_title"
	if v.Factor == policy.SMSCode {
		title = "code.sms_title"
	}
	heading := must(c.lang.Text(title))
	v = c.judgeOnce(v)
	pg := c.stepOf(v, "code", heading)
	approves := pg.approves(v)
	if v.Kind == flows.StepUp && !v.Enrolling && !v.ThenPhone {
		switch {
		case approves != "":
			pg.Heading = pg.S("code.once_title", "page", approves)
		case v.Target.Label != "":
			pg.Heading = pg.S("code.step_up_title", "page", v.Target.Label)
		}
	}
	c.changeCode(pg, v)
	pg.Action = c.stepURL(v)
	pg.Wait = max(0, ceil(v.ResendAfter.Sub(c.Now()), 1e9))
	pg.Over = max(0, ceil(v.Expires.Sub(c.Now()), 1e9))
	pg.Ways = c.otherWays(v)
	pg.Switch = v.First && c.Site.Password
	if c.Inbox != nil {
		pg.TrialInbox = c.Site.Prefix + "/inbox"
	}
	pg.Lead = c.codeLead(pg, v)
	if approves != "" {
		pg.Lead += " " + pg.T("code.once", "page", "<strong>"+pg.Own(approves)+"</strong>")
	}
	delivery := c.deliveryBox(pg, v)
	switch {
	case !v.Expires.IsZero() && !v.Expires.After(c.Now()):
		pg.Box = &box{Tone: "care", Text: pg.T("refusal.code_expired"), Focus: true}
	case delivery != nil:
		pg.Box = delivery
	case c.query.get("sent") == "1":
		pg.Box = &box{Tone: "good", Text: pg.T("code.resent"), Focus: true}
	}
	return pg
}

// deliveryBox says what is known of the code's message, and what to do about it; nil
// where there is nothing to say.
func (c *call) deliveryBox(pg *page, v flows.View) *box {
	if v.Delivery == flows.DeliveryUnderWay {
		return nil
	}
	said := pg.T("delivery." + string(v.Delivery) + "." + v.Factor.String())
	do := "delivery.again"
	switch v.Delivery {
	case flows.DeliveryDone:
		return &box{Tone: "good", Text: said}
	case flows.DeliveryDown:
		do = "delivery.later"
	}
	if len(pg.Ways) > 0 || pg.Switch {
		do += "_or_other"
	}
	return &box{Tone: "care", Text: said + " " + pg.T(do), Focus: true}
}

// codeLead says where the code went. An address that was just typed is shown in
// full, since a slip in it is the commonest reason why no code comes.
func (c *call) codeLead(pg *page, v flows.View) template.HTML {
	life := v.Expires.Sub(v.Sent)
	if left := v.Expires.Sub(c.Now()); left > 0 && left < life {
		life = left
	}
	time := duration(c.lang, max(life, 0))
	switch v.Delivery {
	case flows.DeliveryDown, flows.DeliveryFailed, flows.DeliveryUncertain, flows.DeliveryRefused:
		return c.unsureLead(pg, v, time) // nobody knows that it was sent
	}
	switch {
	case v.NewEmail != "":
		return pg.T("change.email_code_lead", "email", pg.strong(v.NewEmail), "time", time,
			"change", pg.LinkTo(c.url("/email", v.Target, "f", v.Flow)))
	case v.Enrolling:
		return pg.T("code.sms_lead_change", "phone", pg.strong(v.Phone), "time", time,
			"change", pg.LinkTo(c.url("/phone", v.Target, "f", v.Flow)))
	case v.Factor == policy.SMSCode:
		return pg.T("code.sms_lead", "digits", pg.strong(v.Phone), "time", time)
	case resetting(v):
		return pg.T("reset.code_lead", "email", pg.strong(v.Email), "time", time,
			"change", pg.LinkTo(c.url("/reset", v.Target, "f", v.Flow))) + " " + pg.name(pg.S("reset.not_yet"))
	case v.Kind == flows.SignUp:
		return pg.T("code.email_lead_change", "email", pg.strong(v.Email), "time", time,
			"change", pg.LinkTo(c.url("/sign-up", v.Target, "f", v.Flow)))
	case v.First:
		return pg.T("code.email_lead_change", "email", pg.strong(v.Email), "time", time,
			"change", pg.LinkTo(c.url("/sign-in", v.Target, "f", v.Flow)))
	default:
		return pg.T("code.email_lead", "email", pg.strong(v.Email), "time", time)
	}
}

// unsureLead is codeLead for a message that may not have been sent.
func (c *call) unsureLead(pg *page, v flows.View, time string) template.HTML {
	whom, change := v.Email, ""
	if v.NewEmail != "" {
		whom, change = v.NewEmail, "/email"
	}
	switch {
	case v.Expires.IsZero() && v.Factor == policy.SMSCode: // none was made, since a budget was spent
		return pg.T("code.none_number", "digits", pg.strong(v.Phone))
	case v.Expires.IsZero():
		return pg.T("code.none", "address", pg.strong(whom))
	case v.NewEmail != "":
	case v.Enrolling:
		whom, change = v.Phone, "/phone"
	case v.Factor == policy.SMSCode:
		return pg.T("code.for_number", "digits", pg.strong(v.Phone), "time", time)
	case resetting(v):
		change = "/reset"
	case v.Kind == flows.SignUp:
		change = "/sign-up"
	case v.First:
		change = "/sign-in"
	default:
		return pg.T("code.for", "address", pg.strong(whom), "time", time)
	}
	return pg.T("code.for_change", "address", pg.strong(whom), "time", time,
		"change", pg.LinkTo(c.url(change, v.Target, "f", v.Flow)))
}

func (c *call) postCode() {
	switch c.form.get("do") {
	case "resend":
		c.resend()
		return
	case "switch":
		c.submit(flows.SwitchMethod{ToPassword: true})
		return
	}
	if in, ok := wayInput(c.form.get("way")); ok {
		c.submit(in)
		return
	}
	c.submit(flows.GiveCode{Code: c.form.get("code")})
}

// resend asks for another code and comes back with a word about it.
func (c *call) resend() {
	if !c.hasPlace() {
		return
	}
	v, err := c.engine.Submit(c.r.Context(), c.caller, c.query.get("f"), flows.Resend{})
	switch {
	case err != nil:
		c.fail(err, v)
	case v.Step != flows.AskCode:
		c.advance(v)
	default:
		c.redirect(c.url("/code", v.Target, "f", v.Flow, "sent", "1"))
	}
}

func (c *call) choosePage(v flows.View) *page {
	pg := c.stepOf(v, "choose", must(c.lang.Text("choose.title")))
	pg.Action = c.stepURL(v)
	pg.Lead = pg.T("choose.lead")
	pg.Go = pg.S("choose.go")
	for i, f := range v.Options {
		w := way{Factor: f, Text: pg.S("choose." + f.String()), Checked: i == 0}
		switch f {
		case policy.EmailCode:
			w.Detail = pg.T("choose.email_code_to", "email", pg.LTR(v.Email))
		case policy.SMSCode:
			w.Detail = pg.T("choose.sms_code_to", "digits", pg.LTR(v.Phone))
		default:
			w.Detail = pg.T("choose.password_to")
		}
		pg.Ways = append(pg.Ways, w)
	}
	if i := slices.IndexFunc(pg.Ways, func(w way) bool { return w.Factor == v.Factor }); i > 0 {
		pg.Ways[0].Checked, pg.Ways[i].Checked = false, true
	}
	return pg
}

func (c *call) postChoose() {
	in, ok := wayInput(c.form.get("way"))
	if !ok {
		v, found := c.look()
		if found {
			c.refuse(&flows.Refusal{Code: flows.ChoiceMissing, Field: "factor"}, v)
		}
		return
	}
	c.submit(in)
}

// getPhone also shows the page while a number is being checked, to change it.
func (c *call) getPhone() {
	v, ok := c.look()
	switch {
	case !ok:
	case v.Step == flows.AskPhone || v.Step == flows.AskCode && v.Enrolling:
		pg := c.phonePage(v)
		c.tellWhy(pg)
		c.show(http.StatusOK, pg)
	default:
		c.goTo(v)
	}
}

func (c *call) phonePage(v flows.View) *page {
	pg := c.stepOf(v, "phone", must(c.lang.Text("phone.title")))
	pg.Action = c.url("/phone", v.Target, "f", v.Flow)
	pg.Lead = pg.T("phone.lead")
	pg.Go = pg.S("phone.go")
	if pg.Tel = c.typed.get("tel"); pg.Tel == "" && v.Enrolling && v.Step == flows.AskCode { // before, what is known is the old number
		pg.Tel = v.Phone
	}
	if v.Kind == flows.Change {
		pg.Heading, pg.Lead, pg.Note = pg.S("change.phone_title"), pg.T("change.phone_lead"), pg.T("change.phone_after")
	}
	if inSession(v) {
		c.target = v.Target
		pg.Cancel = c.cancel(pg)
	} else {
		// The account exists and nobody is signed in yet; without the target, a sign-in
		// asks for no phone.
		pg.Cancel = &link{pg.S("phone.not_now"), c.url("/sign-in", flows.Target{})}
	}
	return pg
}

func (c *call) postPhone() {
	c.formAt = "/phone"
	c.submit(flows.GivePhone{Phone: c.form.get("tel")})
}
