package ui

import (
	"html/template"
	"net/http"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
	"github.com/stepgate/stepgate/ui/lang"
)

// A LoopCause is why somebody goes round in circles: a closed set.
type LoopCause string

const (
	// LoopCookie: the session cookie was set and does not come back.
	LoopCookie LoopCause = "cookie"
	// LoopHTTP: nor can it, since the browser came by plain http to a site of https.
	LoopHTTP LoopCause = "http"
	// LoopHost: nor can it, since the browser is at another address than the site's.
	LoopHost LoopCause = "host"
	// LoopSession: the cookie comes back and is worth nothing here.
	LoopSession LoopCause = "session"
	// LoopClock: the session, or what was proved in it, is from the future.
	LoopClock LoopCause = "clock"
	// LoopRules: all of that is well, and the rules ask again.
	LoopRules LoopCause = "rules"
)

// A Loop is somebody who has done all that was asked, and is asked again, for the third
// time.
type Loop struct {
	Cause LoopCause
	// Decision is the id of the decision that asks again.
	Decision string
	// Again is where it may be tried again: a path on the site, with its query.
	Again string
	// Session is who is signed in, nil: nobody. Missing is what is still asked of them.
	Session *flows.Session
	Missing policy.Missing
}

// Loop answers with the page that names the cause, instead of yet another redirect.
func (p *Pages) Loop(w http.ResponseWriter, r *http.Request, loop Loop) {
	setHeaders(w.Header())
	pg := p.loopPage(p.language(r), r, loop)
	// The request cannot be done in the state that it meets, and the person can perhaps
	// mend that (RFC 9110, 15.5.10).
	if err := p.write(w, r, http.StatusConflict, pg); err != nil {
		p.Log.Error("answering with a loop", "cause", loop.Cause, "err", err)
		http.Error(w, http.StatusText(http.StatusConflict), http.StatusConflict)
	}
}

func (p *Pages) loopPage(l *lang.Language, r *http.Request, loop Loop) *page {
	pg := p.bare(l, "tell", "loop", must(l.Text("loop.title")))
	key := "loop." + string(loop.Cause)
	again, _ := ReturnTo(loop.Again, p.Site.Prefix)
	do := func(key string, args ...any) { pg.List = append(pg.List, pg.T(key, args...)) }

	pg.Lead = pg.T("loop.lead")
	switch loop.Cause {
	case LoopHost, LoopHTTP:
		p.misplaced(pg, r, loop.Cause, again)
	case LoopCookie:
		pg.Why = pg.T(key + ".why")
		do(key+".do", "host", pg.LTR(pg.Host))
		do(key + ".else")
	case LoopRules:
		pg.Why = pg.T(key+".why", "missing", pg.missing(loop.Missing))
	default: // what only the people who run the site can mend
		pg.Why = pg.T(key + ".why")
	}
	do("loop.ask", "app", pg.App)
	if pg.Operators == "" {
		pg.Operators = pg.T(key+".operators", "app", pg.App)
	}
	pg.Reference = loop.Decision
	pg.Next = &link{pg.S("try_again"), again}
	if loop.Session != nil {
		pg.Lead += " " + pg.T("stuck.account", "email", pg.strong(loop.Session.Email))
		pg.Cancel = &link{pg.S("sign_out.go"), p.url("/sign-out", flows.Target{ReturnTo: again})}
	}
	return pg
}

// misplaced says that the browser is not where the site is, and where that is.
func (p *Pages) misplaced(pg *page, r *http.Request, cause LoopCause, again string) {
	key, origin := "loop."+string(cause), pg.LTR(p.Site.Origin)
	args := []any{"app", pg.App, "origin", origin}
	if cause == LoopHost {
		host := r.Host
		if p.Here != nil {
			host, _ = p.Here(r)
		}
		host = shorten(printable(host), 80)
		here := pg.LTR(host)
		pg.Why = pg.T(key+".why", "here", here, "host", pg.LTR(pg.Host))
		args = append(args, "here", here)
		pg.Host = host // as the footer has it
	} else {
		pg.Why = pg.T(key + ".why")
	}
	pg.Operators = pg.T(key+".operators", args...)
	pg.List = append(pg.List, pg.T(key+".do", "link", pg.LinkTo(p.Site.Origin+again), "origin", origin))
}

// missing names what is asked for, without anything of the rules that ask.
func (pg *page) missing(m policy.Missing) template.HTML {
	var names template.HTML
	name := func(key string) {
		if names != "" {
			names += pg.T("loop.missing.and")
		}
		names += pg.T(key)
	}
	for dimension := range policy.Dimensions() {
		switch {
		case !m.Has(dimension):
		case dimension == policy.OTP && (m.Has(policy.EmailProof) || m.Has(policy.SMSProof)):
			// The code that is asked for by name is the one.
		default:
			name("loop.missing." + dimension.String())
		}
	}
	if names == "" {
		name("loop.missing.session")
	}
	return names
}
