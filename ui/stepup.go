package ui

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// getStepUp names what is about to be opened and how it will be confirmed. Nothing
// is sent and no flow begins before the button, unless one has begun (f).
func (c *call) getStepUp() {
	if c.query.get("f") != "" {
		c.showFlow(flows.Confirm)
		return
	}
	if c.caller.Session == nil {
		c.signIn()
		return
	}
	if c.heldNoMore() {
		return
	}
	v, err := c.engine.Preview(c.r.Context(), c.caller, c.labelled())
	switch {
	case err != nil:
		c.fail(err, flows.View{})
	case v.Step == flows.Done:
		c.goHome(c.target)
	default:
		pg := c.previewPage(v)
		if v.Step != flows.Stuck { // which leads nowhere
			c.tellHeld(pg)
		}
		c.show(http.StatusOK, pg)
	}
}

// previewPage is the page for what a step-up would begin with.
func (c *call) previewPage(v flows.View) *page {
	switch v.Step {
	case flows.AskPhone:
		return c.enrolPage(c.url("/step-up", c.target))
	case flows.Stuck:
		return c.stuckPage(v)
	default:
		return c.stepUpPage(v)
	}
}

// postStepUp begins the step-up and takes the chosen way in one go: the person has
// seen what will be sent where.
func (c *call) postStepUp() {
	in, chosen := wayInput(c.form.get("way"))
	if c.query.get("f") != "" {
		if !chosen {
			in = flows.SendCode{}
		}
		c.submit(in)
		return
	}
	if c.caller.Session == nil {
		c.signIn()
		return
	}
	if c.heldNoMore() {
		return
	}
	v, ok := c.start(flows.StepUp, flows.Open{})
	if !ok {
		return
	}
	if !chosen || v.Step != flows.Confirm && v.Step != flows.Choose {
		c.advance(v)
		return
	}
	next, err := c.engine.Submit(c.r.Context(), c.caller, v.Flow, in)
	if err != nil {
		c.fail(err, next)
		return
	}
	c.advance(next)
}

// wayInput is the input that takes a way, by its factor's name.
func wayInput(word string) (flows.Input, bool) {
	switch f, ok := policy.ParseFactor(word); {
	case !ok:
		return nil, false
	case f.OneTime():
		return flows.SendCode{Factor: f}, true
	default:
		return flows.UsePassword{}, true
	}
}

func (c *call) stepUpPage(v flows.View) *page {
	kind := flows.StepUp
	if ofAccount(v) {
		kind = v.Kind
	}
	pg := c.newPage("step-up", "step-up", must(c.lang.Text("step_up.title")), kind)
	pg.View = v
	pg.Action = c.url("/step-up", c.target, "f", v.Flow)
	pg.Email = v.Email
	pg.Reference = v.Target.Decision
	pg.Once = pg.approves(v) != ""
	pg.Lead = c.stepUpLead(pg)
	pg.Why = c.why(pg)
	pg.Go = pg.S("way." + v.Factor.String())
	pg.Ways = c.otherWays(v)
	pg.Cancel = c.cancel(pg)
	return pg
}

func (c *call) stepUpLead(pg *page) template.HTML {
	if pg.View.Kind == flows.Change {
		return c.changeLead(pg)
	}
	name, lead := pg.View.Target.Label, "step_up.lead"
	if pg.Once {
		name, lead = pg.approves(pg.View), "step_up.lead_once"
	}
	if pg.View.ThenPhone {
		lead = "step_up.lead_phone"
	}
	switch {
	case pg.View.Kind == flows.Enrol:
		return pg.T("step_up.lead_enrol")
	case name == "":
		return pg.T(lead + "_unnamed")
	}
	return pg.T(lead, "page", "<strong>"+pg.Own(name)+"</strong>")
}

// Opening is the target's label, or its path; where it opens one time, the request.
func (pg *page) Opening() template.HTML {
	switch label := pg.View.Target.Label; {
	case label != "":
		return template.HTML(template.HTMLEscapeString(label))
	case pg.Once:
		return pg.LTR(pg.approves(pg.View))
	}
	path, _, _ := strings.Cut(pg.View.Target.ReturnTo, "?")
	return pg.LTR(shorten(path, 48))
}

// ChannelName and Channel are where the proof will come from.
func (pg *page) ChannelName() template.HTML { return pg.T("step_up." + pg.View.Factor.String()) }

// Channel is its address.
func (pg *page) Channel() template.HTML {
	switch pg.View.Factor {
	case policy.EmailCode:
		return pg.LTR(pg.View.Email)
	case policy.SMSCode:
		return pg.T("step_up.sms_code_to", "digits", pg.LTR(pg.View.Phone))
	default:
		return pg.T("step_up.password_to")
	}
}

// Then is what happens after the button.
func (pg *page) Then() template.HTML {
	if pg.View.Kind == flows.Change {
		return pg.T("change.then")
	}
	if pg.View.ThenPhone {
		return pg.T("steps.first."+pg.View.Factor.String()) + " " + pg.ThenPhone()
	}
	then := pg.T("step_up.then_unnamed") + " "
	switch {
	case pg.View.Target.Held != "":
		then = "" // first comes the form that is kept, and that is said above
	case pg.View.Target.Label != "":
		then = pg.T("step_up.then", "page", pg.View.Target.Label) + " "
	}
	switch {
	case pg.Once && pg.View.Target.Held != "":
		return then + pg.T("step_up.once_send")
	case pg.Once:
		return then + pg.T("step_up.once")
	case pg.View.ValidFor <= 0:
		return then + pg.T("step_up.session")
	}
	return then + pg.T("step_up.for", "time", duration(pg.L, pg.View.ValidFor))
}

// ThenPhone lists the steps that follow the one at hand, where the last of them is
// adding a phone; otherwise it is empty. All of the view's options are owed then.
func (pg *page) ThenPhone() template.HTML {
	if !pg.View.ThenPhone {
		return ""
	}
	var steps template.HTML
	for _, f := range pg.View.Options {
		if f != pg.View.Factor {
			steps += pg.T("steps.next."+f.String()) + " "
		}
	}
	return steps + pg.T("steps.phone")
}

// otherWays are the ways on beside the one that the view proposes or awaits.
func (c *call) otherWays(v flows.View) []way {
	if v.ThenPhone {
		return nil // the others come later, and none can be left out
	}
	var ways []way
	for _, f := range v.Options {
		if f != v.Factor {
			ways = append(ways, way{Factor: f, Text: must(c.lang.Text("way." + f.String() + ".instead"))})
		}
	}
	return ways
}

// cancel leads back without opening the target: to the page that linked to it, if
// the browser says, else to the front page; never to the target itself, which would
// lead right back here.
func (c *call) cancel(pg *page) *link {
	switch {
	case c.target.Window: // whoever waits for it has a way back of its own
		return nil
	case c.target.Account || pg.View.Target.Account:
		return c.backToAccount(pg)
	}
	candidates := []string{"/"}
	if u, err := url.Parse(c.r.Referer()); err == nil && u.Scheme+"://"+u.Host == c.Site.Origin {
		if back, ok := ReturnTo(u.RequestURI(), c.Site.Prefix); ok {
			candidates = slices.Insert(candidates, 0, back)
		}
	}
	text := "step_up.cancel"
	if c.target.Held != "" {
		text = "continue.cancel"
	}
	for _, to := range candidates {
		if to != c.home(c.target) {
			return &link{pg.S(text), to}
		}
	}
	return nil
}
