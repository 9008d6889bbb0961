package ui

import (
	"net/http"
	"strconv"
	"time"

	"github.com/stepgate/stepgate/flows"
)

// retold are the refusals whose answer needs nothing of what was typed. They are told
// at an address of their own, so that going back and reloading never sends a form a
// second time. The address names the refusal and never holds its words; whoever links
// to it shows a sentence to somebody who is at that very step, and moves nothing.
var retold = map[flows.RefusalCode]bool{
	flows.PasswordMissing: true, flows.PairWrong: true, flows.CodeMissing: true, flows.CodeWrong: true,
	flows.CodeExpired: true, flows.CodeSpent: true, flows.ResendTooSoon: true, flows.TooManySends: true,
	flows.PasswordShort: true, flows.PasswordLong: true, flows.PasswordCommon: true, flows.PasswordContext: true,
	flows.ChoiceMissing: true, flows.MethodOff: true, flows.SendFailed: true, flows.Busy: true,
	flows.TooManyTries: true, flows.Exhausted: true, flows.NumberPaused: true,
}

// Numbers that an address may ask for. No budget makes anybody wait longer, no
// password may be longer, and no code has more tries.
const (
	longestWait = 24 * time.Hour
	mostNumber  = 1024
	mostTries   = 10
)

// retell sends the person to the step's page, to be told there. It returns false
// where the form must be shown again as it was filled in.
func (c *call) retell(r *flows.Refusal, v flows.View) bool {
	email := c.form.get("email")
	switch {
	case c.r.Method != http.MethodPost || !retold[r.Code] || c.again != nil || v.Flow == "" || stepPaths[v.Step] == "":
		return false
	case email != "" && email != v.Email: // typed beside the password, and not yet the flow's
		return false
	}
	number, until := "", ""
	switch r.Code {
	case flows.CodeWrong:
		number = positive(int64(r.Left))
	case flows.PasswordShort, flows.PasswordLong:
		number = positive(int64(r.Count))
	case flows.ResendTooSoon, flows.TooManySends, flows.TooManyTries, flows.NumberPaused:
		until = positive(c.Now().Add(r.Wait + time.Second - 1).Unix())
	}
	c.redirect(c.url(stepPaths[v.Step], v.Target, "f", v.Flow, "why", string(r.Code), "n", number, "until", until))
	return true
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
	case flows.PasswordShort, flows.PasswordLong:
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
