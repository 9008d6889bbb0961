package ui

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// Going back and reloading then send no form a second time.
func TestARefusalThatNeedsNothingTypedIsToldAtItsOwnAddress(t *testing.T) {
	t.Parallel()
	place := "f=f8Q2k"
	back := "&return_to=%2Freports%3Fyear%3D2026"
	for _, c := range []struct {
		step    flows.Step
		refusal *flows.Refusal
		want    string // of the query, between the flow and the target
		says    string
	}{
		{flows.AskCode, refused(flows.CodeMissing, -1), "&why=code_missing", "Enter the code"},
		{flows.AskCode, refused(flows.CodeWrong, -1), "&why=code_wrong", "asked for it in this window."},
		{flows.AskCode, refused(flows.CodeWrong, 1), "&n=1%s&why=code_wrong", "You have 1 try left"},
		{flows.AskCode, refused(flows.CodeExpired, -1), "&why=code_expired", "That code has expired"},
		{flows.AskCode, refused(flows.CodeSpent, -1), "&why=code_spent", "no longer works"},
		{flows.AskCode, refused(flows.ResendTooSoon, -1), "%s&until=1785853290&why=resend_too_soon", "Wait 90 seconds"},
		{flows.AskCode, refused(flows.TooManySends, -1), "%s&until=1785853290&why=too_many_sends", "Wait 90 seconds"},
		{flows.AskCode, refused(flows.SendFailed, -1), "&why=send_failed", "Nothing was used up"},
		{flows.AskPassword, refused(flows.PairWrong, -1), "&why=pair_wrong", "That password isn’t right"},
		{flows.AskPassword, refused(flows.PasswordMissing, -1), "&why=password_missing", "Enter your password"},
		{flows.AskPassword, refused(flows.Busy, -1), "&why=busy", "Many people are signing in"},
		{flows.AskNewPassword, &flows.Refusal{Code: flows.PasswordMissing, Field: "new_password"}, "&why=password_missing", "new-password-err"},
		{flows.AskNewPassword, refused(flows.PasswordShort, -1), "&n=5%s&why=password_short", "5 characters or more"},
		{flows.AskNewPassword, refused(flows.PasswordCommon, -1), "&why=password_common", "harder to guess"},
		{flows.AskNewPassword, refused(flows.PasswordContext, -1), "&why=password_context", "in your password"},
		{flows.Choose, refused(flows.ChoiceMissing, -1), "&why=choice_missing", "Select how"},
		{flows.Confirm, refused(flows.SendFailed, -1), "&why=send_failed", "We couldn’t send"},
	} {
		w := newWorld(t).signedIn()
		w.engine.now, w.engine.err = viewOf(flows.SignIn, c.step), c.refusal
		w.engine.now.Options = []policy.Factor{policy.EmailCode, policy.SMSCode}
		if !strings.Contains(c.want, "%s") {
			c.want = "%s" + c.want
		}
		a := w.post(stepPaths[c.step]+"?f=f8Q2k", "code", "111111", "password", "hunter2hunter2", "new_password", "hunter2hunter2", "way", "sms_code")
		a.leadsTo("/.auth" + stepPaths[c.step] + "?" + strings.Replace(place+c.want, "%s", back, 1))
		told := w.told(a).says("<title>Error: ", c.says).saysNot("111111", "hunter2")
		parsePage(t, told.body).checkErrors(true)
		if len(w.engine.changed()) != 1 {
			t.Errorf("%s: the engine was asked %v", c.refusal.Code, w.engine.asked)
		}
	}
}

// What needs mending comes back as it was typed, at an address that tells it to nobody
// but this browser, on this page, for some minutes.
func TestARefusalThatKeepsWhatWasTypedKeepsItToThisBrowser(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path   string
		step   flows.Step
		code   flows.RefusalCode
		fields []string
		keeps  string
	}{
		{"/sign-in", "", flows.EmailMalformed, []string{"email", "dana@nowhere"}, `value="dana@nowhere"`},
		{"/sign-up", "", flows.EmailMalformed, []string{"email", "dana@nowhere"}, `value="dana@nowhere"`},
		{"/reset", "", flows.EmailMalformed, []string{"email", "dana@nowhere"}, `value="dana@nowhere"`},
		{"/code", flows.AskCode, flows.CodeMalformed, []string{"code", "48291"}, `value="48291"`},
		{"/phone", flows.AskPhone, flows.PhoneMalformed, []string{"tel", "07700"}, `value="07700"`},
		{"/phone", flows.AskPhone, flows.TooManySends, []string{"tel", "07700 900123"}, `value="07700 900123"`},
		{"/password", flows.AskPassword, flows.PasswordMissing, []string{"email", "other@x.example"}, `value="other@x.example"`},
	} {
		now := noon
		w := newWorld(t, func(c *Config) { c.Now = func() time.Time { return now } })
		if w.engine.err = refused(c.code, -1); c.step != "" {
			w.engine.now = with(viewOf(flows.SignIn, c.step), func(v *flows.View) { v.First = true })
		}
		a := w.post(c.path+"?f=f8Q2k", c.fields...)
		to := a.Header.Get("Location")
		if a.StatusCode != http.StatusSeeOther || strings.Contains(to, strings.Fields(c.fields[1])[0]) {
			t.Errorf("%s %s leads to %d %s", c.path, c.code, a.StatusCode, to)
		}
		w.told(a).says(c.keeps, "Error: ")
		now = noon.Add(typedLife + time.Second)
		w.told(a).saysNot(c.keeps)
		now = noon
		other := w.request("GET", strings.TrimPrefix(to, "/.auth"), nil)
		sealed, err := w.pages.Keys.SealCookie(w.pages.cookies.BrowserName(), []byte("another secret of thirty-two byte"))
		if err != nil {
			t.Fatal(err)
		}
		other.Header.Set("Cookie", w.pages.cookies.BrowserName()+"="+sealed)
		w.do(other).saysNot(c.keeps)
		w.get(strings.Replace(strings.TrimPrefix(to, "/.auth"), "f=f8Q2k", "f=another", 1)).saysNot(c.keeps)
	}
}

func TestMoreThanAnAddressHoldsIsShownAgainInPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	long := strings.Repeat("x", 200)
	attributes := make([]flows.Attribute, 20)
	var fields []string
	for i := range attributes {
		attributes[i] = flows.Attribute{Name: fmt.Sprintf("a%d", i), Label: "A", Type: flows.AttributeText}
		fields = append(fields, attributeKey(attributes[i].Name), long)
	}
	w.pages.Site.Attributes = attributes
	w.engine.now = with(viewOf(flows.SignUp, flows.AskAttributes), func(v *flows.View) { v.Attributes = attributes })
	w.engine.err = &flows.Refusal{Code: flows.AttributesInvalid, Names: []string{"a3"}, Left: -1}
	w.post("/attributes?f=f8Q2k", fields...).status(http.StatusUnprocessableEntity).says(long, "Error: ")
	// An address that is too long is not kept, and the page says what is wrong all the same.
	w.engine.now, w.engine.err = flows.View{}, refused(flows.EmailMalformed, -1)
	w.told(w.post("/sign-in", "email", strings.Repeat("x", mostTyped))).says("Error: ").saysNot("xxx")
}

// Whoever makes up such an address shows nothing of their own, and nothing that could
// not be said at that step.
func TestAnAddressCannotMakeAPageSayWhatIsNotSo(t *testing.T) {
	t.Parallel()
	until := func(d time.Duration) string { return "why=too_many_sends&until=" + fmt.Sprint(noon.Add(d).Unix()) }
	page := func(step flows.Step, query string) *answer {
		w := newWorld(t).signedIn()
		w.engine.now = viewOf(flows.SignIn, step)
		a := w.get(stepPaths[step] + "?f=f8Q2k&" + query).status(http.StatusOK)
		if changed := w.engine.changed(); changed != nil {
			t.Errorf("%s called %v", query, changed)
		}
		return a
	}
	for step, queries := range map[flows.Step][]string{
		flows.AskCode: {
			"why=", "why=code_wrong_left", "why=Call+0800", "why=flow_gone", "why=too_many_tries", "why=exhausted", "why=code_malformed", "why=email_malformed", "why=phone_malformed", "why=attributes_missing",
			"why=pair_wrong", "why=choice_missing", "why=password_common", "why=resend_too_soon&n=9&wait=99", "why=too_many_sends", "why=too_many_sends&until=x",
			until(0), until(-time.Hour), until(25 * time.Hour), "why=too_many_sends&until=9223372036854775807", "why=too_many_sends&until=-9223372036854775808",
		},
		flows.AskNewPassword: {
			"why=password_short", "why=password_short&n=0", "why=password_short&n=-5", "why=password_long&n=1025", "why=password_short&n=1e3",
			"why=password_short&n=99999999999999999999", "why=code_wrong",
		},
		flows.Stuck: {"why=busy", "why=send_failed", "why=code_wrong"},
	} {
		plain := page(step, "").body
		for _, query := range queries {
			if got := page(step, query).body; got != plain {
				t.Errorf("?%s changes the page:\n%s", query, got)
			}
		}
	}
	for _, n := range []string{"0", "-1", "11", "x", "2 apples"} {
		page(flows.AskCode, "why=code_wrong&n="+strings.ReplaceAll(n, " ", "+")).says("That code isn’t right").saysNot("left.", "apples")
	}
	page(flows.AskCode, until(23*time.Hour)).says("Wait 23 hours")
}

func TestAWaitThatIsOverIsNotToldAgain(t *testing.T) {
	t.Parallel()
	now := noon
	w := newWorld(t, func(c *Config) { c.Now = func() time.Time { return now } })
	for _, code := range []flows.RefusalCode{flows.ResendTooSoon, flows.TooManySends} {
		now = noon
		w.engine.now, w.engine.err = viewOf(flows.SignIn, flows.AskCode), &flows.Refusal{Code: code, Wait: 29500 * time.Millisecond}
		a := w.post("/code?f=f8Q2k", "do", "resend")
		w.told(a).says("Wait 30 seconds")
		now = noon.Add(18 * time.Second)
		w.told(a).says("Wait 12 seconds")
		now = noon.Add(30 * time.Second)
		w.told(a).saysNot("Error: ")
	}
}
