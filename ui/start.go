package ui

import (
	"net/http"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

func (c *call) getRoot() {
	if c.caller.Session == nil {
		c.signIn()
		return
	}
	c.redirect("/")
}

// getSignIn shows the first page of a sign-in. Whoever is signed in goes on: if
// the target asks for more, the gateway says so.
func (c *call) getSignIn() {
	if c.caller.Session != nil {
		c.goHome(c.target)
		return
	}
	pg := c.signInPage(c.begun())
	if _, had := c.cookies.RawSession(c.r); had {
		pg.Box = &box{Tone: "care", Text: pg.T("sign_in.ended")}
	}
	c.tellHeld(pg)
	c.tellWhy(pg)
	c.show(http.StatusOK, pg)
}

// begun is the flow that the person came back from, to change the address. Its
// loss costs nothing but the address.
func (c *call) begun() flows.View {
	f := c.query.get("f")
	if f == "" || c.caller.Browser == "" {
		return flows.View{}
	}
	v, err := c.engine.Look(c.r.Context(), c.caller, f)
	if err != nil {
		return flows.View{}
	}
	return v
}

func (c *call) signInPage(v flows.View) *page {
	pg := c.newPage("start", "sign-in", must(c.lang.Text("sign_in.title")), flows.SignIn)
	pg.Action = c.url("/sign-in", c.target, "f", c.query.get("f"))
	pg.Email = firstNonEmpty(c.typed.get("email"), v.Email)
	pg.ByPassword = !c.Site.EmailCode
	pg.BothWays = c.Site.EmailCode && c.Site.Password
	pg.Reference = c.target.Decision
	pg.Go, pg.Busy = pg.S("sign_in.go"), pg.S("moment")
	if c.Site.SignUp != flows.SignUpClosed {
		pg.OtherKind = c.url("/sign-up", c.target)
	}
	return pg
}

func (c *call) postSignIn() {
	c.formAt = "/sign-in"
	byPassword := !c.Site.EmailCode || c.Site.Password && c.form.get("way") == policy.Password.String()
	if v, ok := c.start(flows.SignIn, flows.Identify{Email: c.form.get("email"), ByPassword: byPassword}); ok {
		c.advance(v)
	}
}

func (c *call) getSignUp() {
	switch {
	case c.Site.SignUp == flows.SignUpClosed:
		c.tellProblem(http.StatusForbidden, problem{kind: closed})
	case c.caller.Session != nil:
		c.goHome(c.target)
	default:
		pg := c.signUpPage(c.begun())
		c.tellWhy(pg)
		c.show(http.StatusOK, pg)
	}
}

func (c *call) signUpPage(v flows.View) *page {
	pg := c.newPage("start", "sign-up", must(c.lang.Text("sign_up.title")), flows.SignUp)
	pg.Action = c.url("/sign-up", c.target, "f", c.query.get("f"))
	pg.Email = firstNonEmpty(c.typed.get("email"), v.Email)
	pg.Lead = pg.T("sign_up.lead")
	pg.Go, pg.Busy = pg.S("sign_up.go"), pg.S("moment")
	pg.OtherKind = c.url("/sign-in", c.target)
	return pg
}

func (c *call) postSignUp() {
	if c.Site.SignUp == flows.SignUpClosed {
		c.tellProblem(http.StatusForbidden, problem{kind: closed})
		return
	}
	c.formAt = "/sign-up"
	if v, ok := c.start(flows.SignUp, flows.Identify{Email: c.form.get("email")}); ok {
		c.advance(v)
	}
}

// getEnrol explains why a phone is wanted; nothing begins before the button.
func (c *call) getEnrol() {
	if c.caller.Session == nil {
		c.signIn()
		return
	}
	pg := c.enrolPage(c.url("/enrol", c.target))
	c.tellWhy(pg)
	c.show(http.StatusOK, pg)
}

func (c *call) enrolPage(action string) *page {
	pg := c.newPage("ask", "enrol", must(c.lang.Text("enrol.title")), flows.Enrol)
	pg.Lead = pg.T("enrol.lead", "app", pg.App)
	pg.Action = action
	pg.Go = pg.S("enrol.go")
	pg.Reference = c.target.Decision
	pg.Cancel = c.cancel(pg)
	return pg
}

func (c *call) postEnrol() {
	if c.caller.Session == nil {
		c.signIn()
		return
	}
	c.formAt = "/enrol"
	if v, ok := c.start(flows.Enrol, flows.Open{}); ok {
		c.advance(v)
	}
}
