package ui

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// examplePhone is a number that Ofcom keeps for fiction, in one piece.
const examplePhone = "+44\u00a07700\u00a0900123"

// fail answers an error of the engine. v is the step that did not move, if the
// engine gave one.
func (c *call) fail(err error, v flows.View) {
	var refusal *flows.Refusal
	switch {
	case errors.As(err, &refusal):
		c.refuse(refusal, v)
	case errors.Is(err, store.ErrUnavailable):
		c.Log.Error("answering a page", "err", err)
		c.tellProblem(http.StatusServiceUnavailable, problem{})
	case c.r.Context().Err() != nil: // nobody is waiting for the answer any more
		c.tellProblem(http.StatusServiceUnavailable, problem{})
	default:
		c.fault(err)
	}
}

// fault answers an error that should not happen; the log has the same reference.
func (c *call) fault(err error) {
	reference := newReference()
	c.Log.Error("answering a page", "reference", reference, "err", err)
	c.tellProblem(http.StatusInternalServerError, problem{reference: reference})
}

// refuse shows the page again with what is wrong, or the page that fits better.
func (c *call) refuse(refusal *flows.Refusal, v flows.View) {
	if v.Flow != "" {
		c.target = v.Target
	}
	switch refusal.Code {
	case flows.FlowGone:
		c.lost(expired)
	case flows.CookiesOff:
		c.lost(cookiesOff)
	case flows.SignInFirst:
		c.signIn()
	case flows.NotThisStep:
		if v.Step == "" {
			c.lost(expired)
		} else {
			c.goTo(v)
		}
	case flows.SignUpNotOpen:
		c.tellProblem(http.StatusForbidden, problem{kind: closed})
	case flows.EffortNeeded:
		c.askEffort(refusal, v)
	case flows.SignUpNotForYou, flows.NoMethod, flows.EnrolNotAllowed, flows.MailboxSpent:
		v.Why = refusal.Code
		c.show(http.StatusForbidden, c.stuckPage(v))
	case flows.TooManyTries, flows.Exhausted:
		if len(c.otherWays(v)) > 0 { // the way is closed, and the page has others
			c.refuseForm(refusal, v)
			return
		}
		c.closeWay(refusal, v)
	case flows.NeedsBrowser, flows.UserUnknown, flows.UserExists, flows.NoPassword, flows.RefreshInvalid, flows.ProofNeeded:
		// Told to clients only. Some would tell people what they must not learn here.
		c.Log.Error("answering a page", "err", refusal)
		c.lost(expired)
	case flows.TooManySends:
		if v.Step == "" {
			c.tellProblem(http.StatusTooManyRequests, problem{kind: tooManySends, wait: refusal.Wait, other: c.otherFirst(policy.EmailCode)})
			return
		}
		c.refuseForm(refusal, v)
	default:
		c.refuseForm(refusal, v)
	}
}

// closeWay answers when nothing more is tried with the awaited factor, and the flow has no
// other way on. Whoever signs in may take the other first factor, whose budget is its own.
// It is offered by what the site has, never by what the account has.
func (c *call) closeWay(refusal *flows.Refusal, v flows.View) {
	pr, status := problem{kind: exhausted}, http.StatusForbidden
	if refusal.Code == flows.TooManyTries {
		pr, status = problem{wait: refusal.Wait}, http.StatusTooManyRequests
	}
	if v.First && v.Kind == flows.SignIn {
		pr.other = c.otherFirst(v.Factor)
	}
	c.tellProblem(status, pr)
}

// otherFirst is the site's other first factor, by name; empty if there is none.
func (c *call) otherFirst(f policy.Factor) string {
	switch {
	case !c.Site.EmailCode || !c.Site.Password:
		return ""
	case f == policy.Password:
		return policy.EmailCode.String()
	default:
		return policy.Password.String()
	}
}

// refuseForm shows the form again, with what was typed where that is worth mending.
func (c *call) refuseForm(refusal *flows.Refusal, v flows.View) {
	if c.retell(refusal, v) {
		return
	}
	pg := c.formPage(v)
	if pg == nil {
		c.lost(expired)
		return
	}
	if err := c.blame(pg, refusal); err != nil {
		c.fault(err)
		return
	}
	status := http.StatusUnprocessableEntity
	switch refusal.Code {
	case flows.ResendTooSoon, flows.TooManySends, flows.TooManyTries, flows.NumberPaused:
		status = http.StatusTooManyRequests
	case flows.SendFailed, flows.Busy:
		status = http.StatusServiceUnavailable
	}
	if status != http.StatusUnprocessableEntity {
		retryAfter(c.w, refusal.Wait)
	}
	c.show(status, pg)
}

// formPage is the page whose form was sent, with what was typed.
func (c *call) formPage(v flows.View) *page {
	switch c.formAt {
	case "/sign-in":
		return c.signInPage(flows.View{})
	case "/sign-up":
		return c.signUpPage(flows.View{})
	case "/reset":
		return c.resetPage(flows.View{})
	case "/enrol":
		return c.enrolPage(c.url("/enrol", c.target))
	case accountPath + "/profile":
		return c.profilePage(nil)
	}
	return c.stepPage(v)
}

// blame puts a refusal onto a page. One bad field gets the message and the focus;
// what concerns the whole form goes into a box above it.
func (c *call) blame(pg *page, refusal *flows.Refusal) error {
	key, args := c.words(refusal, pg)
	if !c.lang.Has(key) {
		return fmt.Errorf("answering a refusal: no words for %s", refusal.Code)
	}
	pg.Error = true
	if refusal.Code == flows.CodeMalformed { // a slip is worth mending; a wrong code is not
		pg.Code = shorten(c.typed.get("code"), 200)
	}
	pg.PairWrong = refusal.Code == flows.PairWrong
	pg.Box = nil
	field := fieldOf(refusal)
	switch {
	case pg.Template == "attributes" && c.blameAttributes(pg, refusal):
	case fieldsOf[pg.Template][field]:
		pg.faults = map[string]string{field: pg.S(key, args...)}
	default:
		pg.Box = &box{Tone: "bad", Heading: pg.S("refusal.heading"), Text: pg.T(key, args...), Focus: true}
	}
	return nil
}

func retryAfter(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(max(1, ceil(wait, time.Second))))
}

// fieldsOf says which fields each form has.
var fieldsOf = map[string]map[string]bool{
	"start":        {"email": true},
	"password":     {"email": true, "password": true},
	"code":         {"code": true},
	"new-password": {"new_password": true},
	"choose":       {"factor": true},
	"phone":        {"phone": true},
	"new-email":    {"email": true},
}

// fieldOf is the field to blame, also where the refusal does not say.
func fieldOf(r *flows.Refusal) string {
	switch r.Code {
	case flows.PairWrong, flows.ResendTooSoon, flows.TooManySends, flows.TooManyTries, flows.Exhausted, flows.NumberPaused, flows.SendFailed, flows.Busy, flows.MethodOff:
		return ""
	case flows.EmailMissing, flows.EmailMalformed, flows.EmailSame, flows.EmailDomain:
		return "email"
	case flows.PasswordMissing:
		return firstNonEmpty(r.Field, "password")
	case flows.CodeMissing, flows.CodeMalformed, flows.CodeWrong, flows.CodeExpired, flows.CodeSpent:
		return "code"
	case flows.PhoneMissing, flows.PhoneMalformed, flows.PhoneNotMobile, flows.PhoneCountry:
		return "phone"
	case flows.PasswordShort, flows.PasswordLong, flows.PasswordCommon, flows.PasswordContext:
		return "new_password"
	case flows.ChoiceMissing:
		return "factor"
	default:
		return r.Field
	}
}

// words is the refusal's message and what it needs.
func (c *call) words(r *flows.Refusal, pg *page) (key string, args []any) {
	key = "refusal." + string(r.Code)
	switch r.Code {
	case flows.PairWrong:
		switch {
		case !pg.View.First:
			key += "_here"
		case c.Site.EmailCode:
			key += "_code"
		}
		args = []any{"reset", pg.LinkTo(c.url("/reset", pg.View.Target, "f", pg.View.Flow))}
	case flows.CodeMalformed:
		args = []any{"want", pg.View.Digits, "n", r.Count}
	case flows.CodeWrong:
		if r.Left > 0 {
			key += "_left"
			args = []any{"n", r.Left}
		}
	case flows.ResendTooSoon, flows.TooManySends, flows.TooManyTries, flows.NumberPaused:
		args = []any{"time", duration(c.lang, r.Wait)}
	case flows.PhoneMalformed:
		if noRegion(c.Site.Countries) && !strings.HasPrefix(pg.Tel, "+") && !strings.HasPrefix(pg.Tel, "00") {
			key += "_country"
		}
		args = []any{"example", isolated(c.lang, examplePhone)}
	case flows.PasswordShort, flows.PasswordLong:
		args = []any{"n", r.Count}
	case flows.EmailDomain:
		args = []any{"app", pg.App}
	}
	return key, args
}
