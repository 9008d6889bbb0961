package ui

import (
	"html/template"
	"regexp"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/ui/lang"
)

// A Reason is why more proof is asked of somebody who is signed in, where there is more to
// say than that the page is sensitive: a closed set. None of them tells a score or a rule.
type Reason string

const (
	// NewBrowser: the account has not been proved with two channels in this browser.
	NewBrowser Reason = "new_browser"
	// NewPlace: it has not been used from this network lately.
	NewPlace Reason = "new_place"
	// OldSession: the person signed in long ago.
	OldSession Reason = "old_session"
	// Unusual: something else makes the request riskier than others.
	Unusual Reason = "unusual"
)

// why is the one line on why more is asked: what is unusual about the visit, or how long
// ago the proof was given that is asked for again.
func (c *call) why(pg *page) template.HTML {
	v, s := pg.View, c.caller.Session
	if s == nil || v.Kind != flows.StepUp || v.ThenPhone {
		return ""
	}
	var reason Reason
	if c.Why != nil {
		reason = c.Why(c.r, v.Target)
	}
	switch reason {
	case NewBrowser, NewPlace, Unusual:
		return pg.T("step_up.why." + string(reason))
	case OldSession:
		return pg.T("step_up.why.old_session", "time", ago(c.lang, c.Now().Sub(s.Created)))
	}
	if age := c.lastConfirmed(v); age > v.ValidFor && v.ValidFor > 0 && !pg.Once {
		return pg.T("step_up.why.long_ago", "time", ago(c.lang, age))
	}
	return ""
}

// lastConfirmed is how long ago one of the factors that are asked for was proved in this
// session; zero or less: never, or nobody can tell.
func (c *call) lastConfirmed(v flows.View) time.Duration {
	var last time.Time
	for _, f := range v.Options {
		if at, ok := c.caller.Session.Proof.At(f); ok && at.After(last) {
			last = at
		}
	}
	if last.IsZero() {
		return 0
	}
	return c.Now().Sub(last)
}

// ago is an age in words. Unlike time that somebody has left, it is not rounded up.
func ago(l *lang.Language, d time.Duration) string {
	switch {
	case d >= 2*time.Hour:
		d = d.Truncate(time.Hour)
	case d >= time.Minute:
		d = d.Truncate(time.Minute)
	}
	return duration(l, d)
}

// Where a rule asks for proof each time, what is proved opens one request. Whoever is
// asked, on a page or in a message, reads which: the operator's name for it, or method
// and path. The query is left out everywhere; it may hold secrets.

// longestRequest is how much of a request without a name is shown.
const longestRequest = 48

// requestName is a method and a path, the path shortened in its middle by a filler until
// both have at most so many characters. Nothing but visible ASCII is left.
func requestName(action string, most int, filler string) string {
	method, path, _ := strings.Cut(action, " ")
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	path = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, path)
	room := most - len(method) - 1
	if len(path) <= room {
		return method + " " + path
	}
	half := max(room-len([]rune(filler)), 2) / 2
	return method + " " + path[:half] + filler + path[len(path)-half:]
}

// tame takes out of a path whatever a mail or message app could make a link of, since
// the path comes from whoever asked for the message.
func tame(action string) string {
	method, path, _ := strings.Cut(action, " ")
	path, _, _ = strings.Cut(path, "?")
	return method + " " + wild.ReplaceAllString(path, "*")
}

var wild = regexp.MustCompile(`(%[0-9A-Fa-f]{2}|[^A-Za-z0-9/_-])+`)

// approves is what the view's proof opens one time; empty where it opens more.
func (pg *page) approves(v flows.View) string {
	if !v.Once || v.Target.Action == "" {
		return ""
	}
	return firstNonEmpty(v.Target.Label, requestName(v.Target.Action, longestRequest, "…"))
}

// Own is what operators or requests call something, as HTML: addresses keep their order
// within any text.
func (pg *page) Own(name string) template.HTML {
	if name == pg.View.Target.Label {
		return template.HTML(template.HTMLEscapeString(name))
	}
	return pg.LTR(name)
}

// judgeOnce tells the view whether the policy asks for proof each time, also where
// nothing has been proved yet: the engine keeps then to itself what is asked of an
// account, so this is what is asked of anybody.
func (c *call) judgeOnce(v flows.View) flows.View {
	if v.Once || v.Target.Action == "" || inSession(v) {
		return v
	}
	demand, err := c.caller.Demand(c.r.Context(), v.Target, nil)
	v.Once = err == nil && demand.HasOnce()
	return v
}
