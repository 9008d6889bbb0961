package ui

import (
	"net/http"
	"strconv"
	"time"

	"github.com/stepgate/stepgate/flows"
)

// retold are the refusals that are told at an address of their own, so that going back and
// reloading never sends a form a second time. The address names the refusal and never holds
// its words; whoever links to it shows a sentence to somebody who is at that very step, and
// moves nothing.
var retold = map[flows.RefusalCode]bool{
	flows.EmailMissing: true, flows.EmailMalformed: true, flows.EmailSame: true, flows.EmailDomain: true,
	flows.PasswordMissing: true, flows.PairWrong: true,
	flows.CodeMissing: true, flows.CodeMalformed: true, flows.CodeWrong: true, flows.CodeExpired: true, flows.CodeSpent: true,
	flows.ResendTooSoon: true, flows.TooManySends: true,
	flows.PasswordShort: true, flows.PasswordLong: true, flows.PasswordCommon: true, flows.PasswordContext: true,
	flows.PhoneMissing: true, flows.PhoneMalformed: true, flows.PhoneNotMobile: true, flows.PhoneCountry: true,
	flows.ChoiceMissing: true, flows.MethodOff: true, flows.SendFailed: true, flows.Busy: true,
	flows.TooManyTries: true, flows.Exhausted: true, flows.NumberPaused: true,
	flows.AttributesMissing: true, flows.AttributesInvalid: true,
}

// beginnings are the pages whose forms begin a flow.
var beginnings = map[string]bool{"/sign-in": true, "/sign-up": true, "/reset": true, "/enrol": true}

// Numbers that an address may ask for. No budget makes anybody wait longer, no
// password may be longer, and no code has more tries.
const (
	longestWait = 24 * time.Hour
	mostNumber  = 1024
	mostTries   = 10
)

// retell sends the person to the page with the form, to be told there. It returns false
// where the form must be shown again in its place: more was typed than an address holds.
func (c *call) retell(r *flows.Refusal, v flows.View) bool {
	if c.r.Method != http.MethodPost || !retold[r.Code] {
		return false
	}
	if beginnings[c.formAt] && (r.Code == flows.SendFailed || r.Code == flows.Busy) {
		return false // whoever counts errors is to see that nothing can begin
	}
	path, flow := stepPaths[v.Step], v.Flow
	if c.formAt != "" {
		path, flow = c.formAt, c.query.get("f")
	}
	if path == "" || flow == "" && c.formAt == "" {
		return false
	}
	var sealed string
	again, part := c.worthShowing(r, v), ""
	if v.Step == flows.AskAttributes && len(r.Names) > 0 {
		asked := c.partOf(r.Names[0])
		if here, _ := c.part(); here != asked {
			again.Fields = nil // they are of another part
		}
		if asked > 1 {
			part = strconv.Itoa(asked)
		}
	}
	if len(again.Fields) > 0 || again.Names != nil {
		var ok bool
		if sealed, ok = c.sealTyped(path, again); !ok && again.Names != nil {
			return false
		}
	}
	number, until := "", ""
	switch r.Code {
	case flows.CodeWrong:
		number = positive(int64(r.Left))
	case flows.PasswordShort, flows.PasswordLong, flows.CodeMalformed:
		number = positive(int64(r.Count))
	case flows.ResendTooSoon, flows.TooManySends, flows.TooManyTries, flows.NumberPaused:
		until = positive(c.Now().Add(r.Wait + time.Second - 1).Unix())
	}
	c.redirect(c.url(path, c.target, "f", flow, "part", part, "why", string(r.Code), "n", number, "until", until, "typed", sealed))
	return true
}

// worthShowing is what of the refused input the page shows again: not what the flow knows
// itself, and of codes only those that a slip has made too long or too short.
func (c *call) worthShowing(r *flows.Refusal, v flows.View) typed {
	t := c.typed
	t.Names = r.Names
	if v.Step == flows.AskPassword && t.get("email") == v.Email || v.Step == flows.AskCode && c.formAt == "" && r.Code != flows.CodeMalformed {
		t.Fields = nil
	}
	return t
}

// tellWhy puts the refusal that the address names onto the page. What is unknown, out
// of bounds, over by now or not of this page is ignored.
func (c *call) tellWhy(pg *page) {
	r := c.refusalAsked(pg.Template)
	if r == nil || pg.Template == "tell" {
		return
	}
	if (r.Code == flows.TooManyTries || r.Code == flows.Exhausted) && len(pg.Ways) == 0 {
		return // they speak of the page's other ways
	}
	if field := fieldOf(r); field != "" && !fieldsOf[pg.Template][field] {
		return
	}
	if err := c.blame(pg, r); err != nil {
		c.Log.Error("telling a refusal", "err", err) // the page as it is still serves
	}
}

// refusalAsked reads the refusal from the address, or returns nil.
func (c *call) refusalAsked(template string) *flows.Refusal {
	r := &flows.Refusal{Code: flows.RefusalCode(c.query.get("why")), Left: -1}
	if !retold[r.Code] {
		return nil
	}
	number, _ := strconv.ParseInt(c.query.get("n"), 10, 64)
	switch r.Code {
	case flows.CodeWrong:
		if number > 0 && number <= mostTries {
			r.Left = int(number)
		}
	case flows.AttributesMissing, flows.AttributesInvalid:
		if r.Names = c.typed.Names; r.Names == nil {
			return nil
		}
	case flows.PasswordShort, flows.PasswordLong, flows.CodeMalformed:
		if number <= 0 || number > mostNumber {
			return nil
		}
		r.Count = int(number)
	case flows.ResendTooSoon, flows.TooManySends, flows.TooManyTries, flows.NumberPaused: // a moment and not a wait: it passes
		until, _ := strconv.ParseInt(c.query.get("until"), 10, 64)
		if r.Wait = time.Unix(until, 0).Sub(c.Now()); r.Wait <= 0 || r.Wait > longestWait {
			return nil
		}
	case flows.PasswordMissing:
		if fieldsOf[template]["new_password"] {
			r.Field = "new_password"
		}
	case flows.PairWrong:
		if !fieldsOf[template]["password"] {
			return nil
		}
	}
	return r
}

func positive(n int64) string {
	if n <= 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
