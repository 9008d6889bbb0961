package ui

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"

	"github.com/stepgate/stepgate/flows"
)

// browser returns the secret of the browser cookie, if there is exactly one and we
// made it.
func (p *Pages) browser(r *http.Request) string {
	raw, ok := p.cookies.RawBrowser(r)
	if !ok {
		return ""
	}
	return p.OpenBrowser(raw)
}

// OpenBrowser returns the secret in a browser cookie, as flows.Caller has it; empty if we
// did not make the cookie.
func (p *Pages) OpenBrowser(raw string) string {
	secret, err := p.Keys.OpenCookie(p.cookies.BrowserName(), raw, BrowserLife)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(secret)
}

// ensureBrowser gives the browser its cookie before a flow is bound to it.
func (c *call) ensureBrowser() error {
	if c.caller.Browser != "" {
		return nil
	}
	secret := make([]byte, 32)
	rand.Read(secret) // never fails
	return c.rememberBrowser(secret)
}

// keepBrowser prolongs the browser cookie, so that a device in use stays known.
func (c *call) keepBrowser() error {
	secret, err := base64.RawURLEncoding.DecodeString(c.caller.Browser)
	if err != nil || len(secret) == 0 {
		return err
	}
	return c.rememberBrowser(secret)
}

func (c *call) rememberBrowser(secret []byte) error {
	c.caller.Browser = base64.RawURLEncoding.EncodeToString(secret)
	sealed, err := c.Keys.SealCookie(c.cookies.BrowserName(), secret)
	if err != nil {
		return fmt.Errorf("sealing the browser cookie: %w", err)
	}
	c.cookies.setBrowser(c.w, sealed)
	return nil
}

// URL is the address of one of our pages, with the target it leads to, so that a
// page that has expired can start again to the same place. More are further names
// and values of the query; empty values are left out.
func (p *Pages) URL(path string, t flows.Target, more ...string) string {
	return p.url(path, t, more...)
}

func (p *Pages) url(path string, t flows.Target, more ...string) string {
	q := url.Values{}
	for i := 0; i < len(more); i += 2 {
		if more[i+1] != "" {
			q.Set(more[i], more[i+1])
		}
	}
	if t.ReturnTo != "" && t.ReturnTo != "/" {
		q.Set("return_to", t.ReturnTo)
	}
	for name, value := range map[string]string{"need": t.Need, "for": t.Action, "sig": p.signAction(t), "held": t.Held, "decision": t.Decision} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if t.Window {
		q.Set("window", "1")
	}
	if t.Account {
		q.Set("account", "1")
	}
	if len(q) == 0 {
		return p.Site.Prefix + path
	}
	return p.Site.Prefix + path + "?" + q.Encode()
}

func (c *call) stepURL(v flows.View) string {
	return c.url(stepPaths[v.Step], v.Target, "f", v.Flow)
}

// redirect answers 303: whatever the method was, the browser goes on with a GET.
func (c *call) redirect(to string) {
	c.w.Header().Set("Location", to)
	c.w.WriteHeader(http.StatusSeeOther)
}

// home is where a finished flow leads. The flow's target was checked when it began,
// and is checked again: it is about to become a Location.
func (c *call) home(t flows.Target) string {
	switch {
	case t.Account:
		return c.accountHome(t)
	case t.Held != "":
		return c.url("/continue", t)
	case t.Window:
		return c.url("/done", flows.Target{Decision: t.Decision})
	}
	to, _ := ReturnTo(t.ReturnTo, c.Site.Prefix)
	return to
}

// goHome sends the person to where a finished flow leads.
func (c *call) goHome(t flows.Target) {
	if c.Sent != nil && !t.Account { // where no rule can turn them back
		c.Sent(c.r, t)
	}
	c.redirect(c.home(t))
}

// goTo sends the person to the page of the flow's step.
func (c *call) goTo(v flows.View) {
	switch {
	case v.Step == flows.Done && v.Target.Account:
		c.tellDone(v)
		return
	case v.Step == flows.Done:
		c.goHome(v.Target)
		return
	}
	if stepPaths[v.Step] == "" {
		c.fault(fmt.Errorf("showing a flow: no page for step %q", v.Step))
		return
	}
	c.redirect(c.stepURL(v))
}

// advance goes on after an input that was taken.
func (c *call) advance(v flows.View) {
	if v.Opened != nil {
		sealed, err := c.engine.SealCookie(v.Opened)
		if err == nil {
			err = c.keepBrowser()
		}
		if err != nil {
			c.fault(fmt.Errorf("handing out a session: %w", err))
			return
		}
		c.cookies.SetSession(c.w, sealed)
		if v.Opened.NewPerson && !c.KeepAppCookies {
			c.cookies.expireOthers(c.w, c.r)
		}
	}
	c.goTo(v)
}

// labelled gives the target the name that the operator has for it.
func (c *call) labelled() flows.Target {
	if c.Label != nil {
		c.target.Label = c.Label(c.r, c.target)
	}
	return c.target
}

// start begins a flow and returns its first step, or false when it has answered.
func (c *call) start(kind flows.Kind, in flows.Input) (flows.View, bool) {
	if err := c.ensureBrowser(); err != nil {
		c.fault(err)
		return flows.View{}, false
	}
	v, err := c.engine.Start(c.r.Context(), c.caller, kind, c.labelled(), in)
	if err != nil {
		c.fail(err, v)
		return v, false
	}
	return v, true
}

// look finds the flow that the address names, or answers and returns false.
func (c *call) look() (flows.View, bool) {
	if !c.hasPlace() {
		return flows.View{}, false
	}
	v, err := c.engine.Look(c.r.Context(), c.caller, c.query.get("f"))
	if err != nil {
		c.fail(err, v)
		return v, false
	}
	return v, true
}

// submit hands one input to the flow that the address names.
func (c *call) submit(in flows.Input) {
	if !c.hasPlace() {
		return
	}
	v, err := c.engine.Submit(c.r.Context(), c.caller, c.query.get("f"), in)
	if err != nil {
		c.fail(err, v)
		return
	}
	c.advance(v)
}

// hasPlace reports whether the browser has a cookie that could find a flow. If it
// has not, it answers: with no cookie at all, cookies may be off, or the address
// came from another browser.
func (c *call) hasPlace() bool {
	switch {
	case c.query.get("f") == "":
		c.lost(expired)
	case c.caller.Browser != "":
		return true
	case len(c.r.Header["Cookie"]) == 0:
		c.lost(cookiesOff)
	default:
		c.lost(expired)
	}
	return false
}

// signIn sends the person to sign in first.
func (c *call) signIn() { c.redirect(c.url("/sign-in", c.target)) }
