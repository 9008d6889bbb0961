package ui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html/atom"

	"github.com/stepgate/stepgate/flows"
)

func aDisown(change func(*flows.DisownView)) flows.DisownView {
	v := flows.DisownView{Purpose: flows.NoticeNewDevice, Email: "dana.okafor@harbour.example", At: noon}
	change(&v)
	return v
}

// Programs that look at mails for their readers open every link in them.
func TestOpeningALinkOfAMailChangesNothing(t *testing.T) {
	t.Parallel()
	for _, done := range []bool{false, true} {
		w := newWorld(t)
		w.engine.disowned = aDisown(func(v *flows.DisownView) { v.Done = done })
		for _, method := range []string{"GET", "HEAD"} {
			r := w.request(method, "/not-me?m="+aToken, nil)
			r.Header.Del("Cookie")
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			a := w.do(r).status(http.StatusOK)
			if changed := w.engine.changed(); changed != nil || len(a.Cookies()) != 0 {
				t.Fatalf("%s changed %v and set %v", method, changed, a.Cookies())
			}
			if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Referrer-Policy") != "strict-origin" {
				t.Errorf("the address would go further: %v", a.Header)
			}
		}
		if w.engine.token != aToken {
			t.Errorf("asked about %q", w.engine.token)
		}
	}
}

func TestSayingNotMeNeedsNoCookieAndLeadsBackToThePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.disowned = aDisown(func(*flows.DisownView) {})
	d := parsePage(t, w.get("/not-me?m="+aToken).status(http.StatusOK).says("Tuesday 4 August 2026, 14:20 UTC", "sign out all devices, this one too").body)
	for _, purpose := range mailPurposes {
		w.engine.disowned.Purpose = purpose
		w.get("/not-me?m=" + aToken).status(http.StatusOK)
	}
	form := d.one(atom.Form)
	if attr(form, "method") != "post" || attr(form, "action") != "/.auth/not-me?m="+aToken {
		t.Fatalf("the form is %v", form.Attr)
	}
	r := w.request("POST", "/not-me?m="+aToken, nil)
	r.Header.Del("Cookie")
	w.do(r).leadsTo("/.auth/not-me?m=" + aToken)
	if got := strings.Join(w.engine.changed(), " "); got != "Disown" || w.engine.token != aToken {
		t.Errorf("asked for %s with %q", got, w.engine.token)
	}
}

func TestAnotherSiteCannotSayNotMe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.request("POST", "/not-me?m="+aToken, nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w.do(r).status(http.StatusForbidden)
	if changed := w.engine.changed(); changed != nil {
		t.Errorf("it did: %v", changed)
	}
}

func TestWhoseLinkIsOverIsToldWhatElseThereIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.lost, w.engine.err = flows.ErrNothingToDisown, flows.ErrNothingToDisown
	for _, a := range []*answer{w.get("/not-me?m=x"), w.get("/not-me"), w.post("/not-me?m=x")} {
		a.status(http.StatusGone).says("This link no longer works", "Nothing was changed", `<a href="/.auth/reset">reset your password</a>`)
	}
	w = newWorld(t, func(c *Config) { c.Site.Password = false })
	w.engine.lost = flows.ErrNothingToDisown
	w.get("/not-me?m=x").status(http.StatusGone).saysNot("/.auth/reset")
	w.engine.lost = errBoom
	w.get("/not-me?m=x").status(http.StatusInternalServerError)
}

// The address is in a form, so it gets into no address bar, history or log.
func TestWhosePasswordIsLockedIsLedToTheReset(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.disowned = aDisown(func(v *flows.DisownView) { v.Done, v.Reset = true, true })
	d := parsePage(t, w.get("/not-me?m="+aToken).says("All devices are signed out", "it no longer works").body)
	form := d.one(atom.Form)
	fields := url.Values{}
	for _, input := range d.tags(atom.Input) {
		fields.Set(attr(input, "name"), attr(input, "value"))
	}
	if attr(form, "action") != "/.auth/reset" || fields.Encode() != "email=dana.okafor%40harbour.example" {
		t.Fatalf("the form goes to %s with %v", attr(form, "action"), fields)
	}
	w.engine.now = viewOf(flows.Reset, flows.AskCode)
	w.do(w.request("POST", "/reset", fields)).status(http.StatusSeeOther)
	if in, _ := w.engine.input.(flows.Identify); w.engine.kind != flows.Reset || in.Email != "dana.okafor@harbour.example" {
		t.Errorf("began %s with %+v", w.engine.kind, w.engine.input)
	}
	w.engine.disowned.Reset = false
	w.get("/not-me?m=" + aToken).says(`<a class="btn" href="/.auth/sign-in">`).saysNot("<form")
}

// A phone stays, or whoever holds only the mailbox could take it away: people have to help.
func TestWhoseAccountGotAPhoneThatIsNotTheirsIsToldWhomToTell(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.disowned = aDisown(func(v *flows.DisownView) { v.Purpose, v.Done = flows.NoticePhoneAdded, true })
	w.get("/not-me?m="+aToken).status(http.StatusOK).says("All devices are signed out", "Tell the people who run Payroll what happened.")
	m := compose(t, aLetter(flows.NoticePhoneAdded))
	if !strings.Contains(strings.Join(strings.Fields(m.Text), " "), "Tell the people who run Payroll at once") {
		t.Errorf("the mail says\n%s", m.Text)
	}
}

func TestTheCodePageSaysWhatBecameOfTheMessageAndWhatToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := smsView(flows.StepUp)
	for delivery, want := range map[flows.Delivery][2]string{
		flows.DeliveryDown:      {"We can’t send text messages at the moment. If your code doesn’t come within a few minutes, ask for a new code, or choose another way below.", "within a few minutes, ask for a new code."},
		flows.DeliveryRefused:   {"Your phone company didn’t deliver the text message with your code. Ask for a new code, or choose another way below.", "Ask for a new code."},
		flows.DeliveryUncertain: {"We can’t tell whether the text message with your code was sent.", "Ask for a new code."},
		flows.DeliveryFailed:    {"We couldn’t send the text message with your code.", "Ask for a new code."},
	} {
		w.signedIn().engine.now = with(v, func(v *flows.View) { v.Delivery = delivery })
		w.get("/code?f=f8Q2k&sent=1").says(`class="note care"`, want[0], "The code for your number").saysNot("We’ve sent another code", "We texted")
		w.engine.now.Options = nil
		w.get("/code?f=f8Q2k").says(want[1]).saysNot("another way below")
	}
	w.engine.now = v
	w.get("/code?f=f8Q2k").saysNot("id=\"problem")
	for _, v := range []flows.View{v, viewOf(flows.StepUp, flows.AskCode)} { // a budget was spent: there is none
		v.Delivery, v.Sent, v.Expires = flows.DeliveryFailed, time.Time{}, time.Time{}
		w.engine.now = v
		w.get("/code?f=f8Q2k").says("No code was sent to", "We couldn’t send").saysNot("works for")
	}
}
