package ui

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// scenes is every page in every state that it has.
func scenes() []scene {
	codeSite := func(c *Config) { c.Site.Password = false }
	passwordSite := func(c *Config) { c.Site.EmailCode = false }
	closedSite := func(c *Config) { c.Site.SignUp = flows.SignUpClosed }
	at := func(v flows.View) func(*stage) { return func(w *stage) { w.engine.now = v } }
	in := func(v flows.View) func(*stage) { return func(w *stage) { w.signedIn().engine.now = v } }
	no := func(v flows.View, err error) func(*stage) {
		return func(w *stage) { w.engine.now, w.engine.err = v, err }
	}
	firstPassword := with(viewOf(flows.SignIn, flows.AskPassword), func(v *flows.View) { v.Factor, v.First = policy.Password, true })
	firstCode := with(viewOf(flows.SignIn, flows.AskCode), func(v *flows.View) { v.First = true })
	upPassword := with(confirmView(), func(v *flows.View) {
		v.Step, v.Factor, v.Options = flows.AskPassword, policy.Password, []policy.Factor{policy.Password, policy.SMSCode}
	})
	choose := with(smsView(flows.SignIn), func(v *flows.View) {
		v.Step, v.Options = flows.Choose, []policy.Factor{policy.Password, policy.EmailCode, policy.SMSCode}
	})
	phone := with(viewOf(flows.SignIn, flows.AskPhone), func(v *flows.View) { v.Enrolling = true })
	enrolling := with(phone, func(v *flows.View) {
		v.Step, v.Factor, v.Phone = flows.AskCode, policy.SMSCode, "07700 900123"
	})
	stuck := func(why flows.RefusalCode) flows.View {
		return with(viewOf(flows.StepUp, flows.Stuck), func(v *flows.View) { v.Why = why })
	}
	f := "?f=f8Q2k&return_to=%2Freports"
	thenPhone := func(factor policy.Factor, options ...policy.Factor) func(*flows.View) {
		return func(v *flows.View) { v.ThenPhone, v.Factor, v.Options = true, factor, options }
	}
	also := with(upPassword, func(v *flows.View) { v.Kind, v.Options = flows.SignIn, nil })
	newPassword := viewOf(flows.SignUp, flows.AskNewPassword)
	resetCode := viewOf(flows.Reset, flows.AskCode)
	resetNew := viewOf(flows.Reset, flows.AskNewPassword)
	spent := with(stuck(flows.MailboxSpent), func(v *flows.View) { v.MailboxBack = noon.Add(23 * time.Hour) })
	back := func(at time.Time) flows.View { return with(spent, func(v *flows.View) { v.MailboxBack = at }) }
	details := viewOf(flows.SignUp, flows.AskAttributes)
	asked := func(attributes ...flows.Attribute) func(*stage) {
		return func(w *stage) {
			w.engine.now, w.pages.Site.Attributes = details, attributes
			w.engine.now.Attributes = attributes
		}
	}
	lacking := func(err error, attributes ...flows.Attribute) func(*stage) {
		return func(w *stage) { asked(attributes...)(w); w.engine.err = err }
	}
	blamed := func(code flows.RefusalCode, names ...string) error {
		return &flows.Refusal{Code: code, Names: names, Left: -1}
	}
	effort := &flows.Refusal{Code: flows.EffortNeeded, Puzzle: "mc8x.AbC-_9.dEf", Wait: 30 * time.Second, Left: -1}
	oneCountry := func(c *Config) { c.Site.Countries = []string{"GB"} }
	anyCountry := func(c *Config) { c.Site.Countries = []string{"*"} }
	list := []scene{
		{name: "sign-in", path: "/sign-in?return_to=%2Freports"},
		{name: "sign-in-code-only", path: "/sign-in", change: codeSite},
		{name: "sign-in-password-only", path: "/sign-in", change: passwordSite},
		{name: "sign-in-closed", path: "/sign-in", change: closedSite},
		{name: "sign-in-changing", path: "/sign-in" + f, setUp: at(firstCode)},
		{name: "sign-in-ended", path: "/sign-in?lost=1", tweak: func(r *http.Request) {
			r.Header.Set("Cookie", SessionCookie+"=old")
		}},
		{name: "sign-in-empty", method: "POST", path: "/sign-in", setUp: no(flows.View{}, refused(flows.EmailMissing, -1))},
		{name: "sign-in-malformed", method: "POST", path: "/sign-in", form: url.Values{"email": {"dana@"}},
			setUp: no(flows.View{}, refused(flows.EmailMalformed, -1))},
		{name: "sign-in-too-many", method: "POST", path: "/sign-in", setUp: no(flows.View{}, refused(flows.TooManySends, -1)), status: 429},
		{name: "sign-in-outbox-full", method: "POST", path: "/sign-in", setUp: no(flows.View{}, refused(flows.SendFailed, -1)), status: 503},
		{name: "sign-in-effort", method: "POST", path: "/sign-in?return_to=%2Freports", form: url.Values{"email": {"dana@harbour.example"}}, setUp: no(flows.View{}, effort)},
		{name: "password-effort", method: "POST", path: "/password" + f, form: url.Values{"email": {"typo@harbour.example"}, "password": {"hunter2hunter2"}},
			setUp: no(firstPassword, effort)},
		{name: "code-effort", method: "POST", path: "/code" + f, form: url.Values{"do": {"resend"}}, setUp: no(firstCode, effort)},
		{name: "code-effort-again", method: "POST", path: "/code" + f, form: url.Values{"do": {"resend"}, "effort": {"x:"}}, setUp: no(firstCode, effort)},
		{name: "phone-effort", method: "POST", path: "/phone" + f, form: url.Values{"tel": {"07700 900123"}}, setUp: no(phone, effort)},
		{name: "sign-up", path: "/sign-up"},
		{name: "done", path: "/done?decision=abcdefghij27"},
		{name: "language", path: "/language", change: func(c *Config) { c.Languages = nil }},
		{name: "sign-up-closed", path: "/sign-up", change: closedSite, status: 403},
		{name: "sign-up-malformed", method: "POST", path: "/sign-up", form: url.Values{"email": {"dana"}},
			setUp: no(flows.View{}, refused(flows.EmailMalformed, -1))},
		{name: "password", path: "/password" + f, setUp: at(firstPassword)},
		{name: "password-wrong", method: "POST", path: "/password" + f, form: url.Values{"email": {"typo@harbour.example"}, "password": {"hunter2hunter2"}},
			setUp: no(firstPassword, refused(flows.PairWrong, -1))},
		{name: "password-missing", path: "/password" + f + "&why=password_missing", setUp: at(firstPassword)},
		{name: "password-busy", path: "/password" + f + "&why=busy", setUp: at(firstPassword)},
		{name: "password-pair-wrong", path: "/password" + f + "&why=pair_wrong", setUp: at(firstPassword)},
		{name: "password-bad-email", method: "POST", path: "/password" + f, form: url.Values{"email": {"x"}},
			setUp: no(firstPassword, refused(flows.EmailMalformed, -1))},
		{name: "password-step-up", path: "/password" + f, setUp: in(upPassword)},
		{name: "password-step-up-wrong", path: "/password" + f + "&why=pair_wrong", setUp: in(upPassword)},
		{name: "password-then-phone", path: "/password" + f, setUp: in(with(upPassword, thenPhone(policy.Password, policy.Password)))},
		{name: "password-also", path: "/password" + f, setUp: at(also)},
		{name: "password-also-wrong", path: "/password" + f + "&why=pair_wrong", setUp: at(also)},
		{name: "code", path: "/code" + f, setUp: at(firstCode)},
		{name: "code-resent", path: "/code" + f + "&sent=1", setUp: at(firstCode)},
		{name: "code-trial", path: "/code" + f, setUp: at(firstCode), change: func(c *Config) { c.Inbox = exampleMessages(c) }},
		{name: "code-sign-up", path: "/code" + f, setUp: at(viewOf(flows.SignUp, flows.AskCode))},
		{name: "code-wrong", path: "/code" + f + "&why=code_wrong&n=2", setUp: at(firstCode)},
		{name: "code-wrong-first", path: "/code" + f + "&why=code_wrong", setUp: at(firstCode)},
		{name: "code-missing", path: "/code" + f + "&why=code_missing", setUp: at(firstCode)},
		{name: "code-malformed", method: "POST", path: "/code" + f, form: url.Values{"code": {"48291"}}, setUp: no(firstCode, refused(flows.CodeMalformed, -1))},
		{name: "code-expired-refused", path: "/code" + f + "&why=code_expired", setUp: at(firstCode)},
		{name: "code-spent", path: "/code" + f + "&why=code_spent", setUp: at(firstCode)},
		{name: "code-too-soon", path: "/code" + f + "&why=resend_too_soon&until=" + fmt.Sprint(noon.Add(9*time.Second).Unix()), setUp: at(firstCode)},
		{name: "code-too-many-sends", path: "/code" + f + "&why=too_many_sends&until=" + fmt.Sprint(noon.Add(90*time.Second).Unix()), setUp: at(firstCode)},
		{name: "code-outbox-full", path: "/code" + f + "&why=send_failed", setUp: at(firstCode)},
		{name: "code-expired", path: "/code" + f, setUp: at(with(firstCode, func(v *flows.View) { v.Sent, v.Expires = noon.Add(-10*time.Minute), noon }))},
		{name: "code-sms", path: "/code" + f, setUp: at(smsView(flows.SignIn))},
		{name: "code-sms-wrong", path: "/code" + f + "&why=code_wrong&n=3", setUp: at(smsView(flows.SignIn))},
		{name: "code-then-phone", path: "/code" + f, setUp: in(with(with(confirmView(), func(v *flows.View) { v.Step = flows.AskCode }),
			thenPhone(policy.EmailCode, policy.Password, policy.EmailCode)))},
		{name: "code-step-up", path: "/code" + f, setUp: in(with(confirmView(), func(v *flows.View) { v.Step = flows.AskCode }))},
		{name: "confirm-enrol", path: "/step-up" + f, setUp: in(with(confirmView(), func(v *flows.View) {
			v.Kind, v.ThenPhone, v.Factor, v.Options = flows.Enrol, true, policy.EmailCode, []policy.Factor{policy.EmailCode}
		}))},
		{name: "code-second", path: "/code" + f, setUp: at(with(smsView(flows.SignIn), func(v *flows.View) { v.Factor = policy.EmailCode }))},
		{name: "code-enrolling", path: "/code" + f, setUp: at(enrolling)},
		{name: "new-password", path: "/new-password" + f, setUp: at(with(viewOf(flows.SignUp, flows.AskNewPassword), func(v *flows.View) { v.MaySkip = true }))},
		{name: "new-password-short", path: "/new-password" + f + "&why=password_short&n=15", setUp: at(newPassword)},
		{name: "new-password-long", path: "/new-password" + f + "&why=password_long&n=256", setUp: at(newPassword)},
		{name: "new-password-missing", path: "/new-password" + f + "&why=password_missing", setUp: at(newPassword)},
		{name: "new-password-common", path: "/new-password" + f + "&why=password_common", setUp: at(newPassword)},
		{name: "new-password-context", path: "/new-password" + f + "&why=password_context", setUp: at(newPassword)},
		{name: "new-password-then-details", path: "/new-password" + f, setUp: func(w *stage) { w.engine.now, w.pages.Site.Attributes = newPassword, someAttributes() }},
		{name: "reset", path: "/reset?return_to=%2Freports"},
		{name: "reset-begun", path: "/reset" + f, setUp: at(firstPassword)},
		{name: "reset-signed-in", path: "/reset?return_to=%2Freports", setUp: in(flows.View{})},
		{name: "reset-no-passwords", path: "/reset", change: codeSite, status: 404},
		{name: "reset-malformed", method: "POST", path: "/reset", form: url.Values{"email": {"dana@"}},
			setUp: no(flows.View{}, refused(flows.EmailMalformed, -1))},
		{name: "reset-too-many", method: "POST", path: "/reset", setUp: no(flows.View{}, refused(flows.TooManySends, -1)), status: 429},
		{name: "reset-code", path: "/code" + f, setUp: at(resetCode)},
		{name: "reset-code-wrong", path: "/code" + f + "&why=code_wrong&n=2", setUp: at(resetCode)},
		{name: "reset-code-another", path: "/code" + f, setUp: in(with(resetCode, func(v *flows.View) { v.Email = "ana@harbour.example" }))},
		{name: "reset-code-own", path: "/code" + f, setUp: in(resetCode)},
		{name: "reset-new-password", path: "/new-password" + f, setUp: at(resetNew)},
		{name: "reset-new-password-another", path: "/new-password" + f, setUp: in(with(resetNew, func(v *flows.View) { v.Email = "ana@harbour.example" }))},
		{name: "reset-new-password-common", path: "/new-password" + f + "&why=password_common", setUp: at(resetNew)},
		{name: "reset-then-sms", path: "/code" + f, setUp: at(with(smsView(flows.Reset), func(v *flows.View) { v.Replaced = true }))},
		{name: "reset-then-choose", path: "/choose" + f, setUp: at(with(choose, func(v *flows.View) { v.Kind, v.Replaced = flows.Reset, true }))},
		{name: "attributes", path: "/attributes" + f, setUp: asked(someAttributes()[:5]...)},
		{name: "attributes-mostly-optional", path: "/attributes" + f, setUp: asked(someAttributes()[1:]...)},
		{name: "attributes-all-optional", path: "/attributes" + f, setUp: asked(someAttributes()[3:]...)},
		{name: "attributes-part", path: "/attributes" + f + "&part=2", setUp: asked(slices.Concat(someAttributes(), otherAttributes())...)},
		{name: "attributes-one-missing", method: "POST", path: "/attributes" + f, form: url.Values{"attribute_givenName": {"Dana"}, "attribute_agree": {"true"}},
			setUp: lacking(blamed(flows.AttributesMissing, "surname"), someAttributes()...)},
		{name: "attributes-wrong", method: "POST", path: "/attributes" + f,
			form:  url.Values{"attribute_givenName": {"Da\u200bna"}, "attribute_number": {"AB-12"}, "attribute_age": {"forty"}, "attribute_surname": {strings.Repeat("x", 257)}, "attribute_mail": {"false"}},
			setUp: lacking(blamed(flows.AttributesInvalid, "givenName", "surname", "number", "age"), someAttributes()...)},
		{name: "attributes-not-answered", method: "POST", path: "/attributes" + f, form: url.Values{"attribute_surname": {"Okafor"}},
			setUp: lacking(blamed(flows.AttributesMissing, "agree"), someAttributes()...)},
		{name: "choose", path: "/choose" + f, setUp: at(choose)},
		{name: "choose-nothing", path: "/choose" + f + "&why=choice_missing", setUp: at(choose)},
		{name: "phone", path: "/phone" + f, setUp: at(phone)},
		{name: "phone-change", path: "/phone" + f, setUp: at(enrolling)},
		{name: "phone-one-country", path: "/phone" + f, setUp: at(phone), change: oneCountry},
		{name: "phone-malformed", method: "POST", path: "/phone" + f, change: oneCountry, form: url.Values{"tel": {"07700 9001"}}, setUp: no(phone, refused(flows.PhoneMalformed, -1))},
		{name: "phone-no-country", method: "POST", path: "/phone" + f, form: url.Values{"tel": {"07700 900123"}}, change: anyCountry,
			setUp: no(phone, refused(flows.PhoneMalformed, -1))},
		{name: "phone-step-up", path: "/phone" + f, setUp: in(with(phone, func(v *flows.View) { v.Kind = flows.StepUp }))},
		{name: "phone-country", method: "POST", path: "/phone" + f, form: url.Values{"tel": {"+1 202 555 0123"}}, setUp: no(enrolling, refused(flows.PhoneCountry, -1))},
		{name: "phone-some-countries", path: "/phone" + f, setUp: at(phone), change: func(c *Config) { c.Site.Countries = []string{"GB", "FR"} }},
		{name: "phone-any-country", path: "/phone" + f, setUp: at(phone), change: anyCountry},
		{name: "step-up", path: "/step-up?return_to=%2Fbank", setUp: in(confirmView()), change: labelled},
		{name: "step-up-unnamed", path: "/step-up?return_to=%2Fa%2Fvery%2Flong%2Fpath%2Fto%2Fsome%2Fpage%2Fdeep%2Finside%2Fthe%2Fapplication%2Fof%2Fold&lost=1",
			setUp: in(with(confirmView(), func(v *flows.View) { v.Factor, v.ValidFor = policy.Password, 0 }))},
		{name: "step-up-email", path: "/step-up?return_to=%2Fbank", setUp: in(with(confirmView(), func(v *flows.View) {
			v.Factor, v.Options = policy.EmailCode, []policy.Factor{policy.Password, policy.EmailCode}
		}))},
		{name: "step-up-begun", path: "/step-up" + f, setUp: in(confirmView())},
		{name: "step-up-then-phone", path: "/step-up?return_to=%2Fbank", setUp: in(with(confirmView(), thenPhone(policy.EmailCode, policy.EmailCode))), change: labelled},
		{name: "step-up-then-both", path: "/step-up?return_to=%2Fx", setUp: in(with(confirmView(), func(v *flows.View) {
			thenPhone(policy.Password, policy.Password, policy.EmailCode)(v)
			v.Target.Label = ""
		}))},
		{name: "step-up-refused", path: "/step-up" + f + "&why=send_failed", setUp: in(confirmView())},
		{name: "step-up-needs-phone", path: "/step-up?return_to=%2Fbank", setUp: in(phone)},
		{name: "step-up-stuck", path: "/step-up?return_to=%2Fbank", setUp: in(stuck(flows.NoMethod))},
		{name: "enrol", path: "/enrol", setUp: in(flows.View{})},
		{name: "stuck", path: "/stuck" + f, setUp: in(stuck(flows.EnrolNotAllowed))},
		{name: "stuck-mailbox-spent", path: "/stuck" + f, setUp: in(spent)},
		{name: "stuck-mailbox-spent-long", path: "/stuck" + f, setUp: in(back(noon.Add(30 * 24 * time.Hour)))},
		{name: "stuck-mailbox-spent-front", path: "/stuck?f=f8Q2k", setUp: in(with(spent, func(v *flows.View) { v.Target.ReturnTo = "/" }))},
		{name: "stuck-mailbox-back", path: "/stuck" + f, setUp: in(back(noon))},
		{name: "stuck-mailbox-refused", method: "POST", path: "/code" + f, setUp: no(firstCode, refused(flows.MailboxSpent, -1)), status: 403},
		{name: "step-up-mailbox-spent", path: "/step-up?return_to=%2Fbank", setUp: in(spent)},
		{name: "stuck-sign-up", path: "/stuck" + f, setUp: at(with(stuck(flows.SignUpNotForYou), func(v *flows.View) { v.Kind = flows.SignUp }))},
		{name: "step-up-kept", path: "/step-up?return_to=%2Fbank&held=" + someHeld, setUp: in(confirmView()), change: labelled},
		{name: "step-up-kept-stuck", path: "/step-up?return_to=%2Fbank&held=" + someHeld, setUp: in(stuck(flows.NoMethod))},
		{name: "sign-in-kept", path: "/sign-in?held=" + someHeld, tweak: func(r *http.Request) { r.Header.Set("Cookie", SessionCookie+"=old") }},
		{name: "continue", path: "/continue?return_to=%2Fbank&held=" + someHeld, setUp: holding(aHeldForm()), change: labelledAction},
		{name: "continue-unnamed", path: "/continue?held=" + someHeld, setUp: holding(aLongForm())},
		{name: "continue-empty", path: "/continue?held=" + someHeld, setUp: holding(anEmptyForm())},
		{name: "continue-gone", path: "/continue?return_to=%2Fbank&held=" + someHeld, status: 410,
			setUp: func(w *stage) { w.signedIn().engine.lost = flows.ErrNotHeld }},
		{name: "continue-sent", path: "/continue?held=" + someHeld, status: 410,
			setUp: func(w *stage) { holding(aHeldForm())(w); w.engine.lost = flows.ErrSentOn }},
		{name: "sign-out", path: "/sign-out", setUp: in(flows.View{})},
		{name: "signed-out", path: "/sign-out"},
		{name: "gone", path: "/code" + f, setUp: func(w *stage) { w.engine.lost = refused(flows.FlowGone, -1) }, status: 410},
		{name: "cookies-off", path: "/code" + f, tweak: func(r *http.Request) { r.Header.Del("Cookie") }, status: 400},
		{name: "exhausted", method: "POST", path: "/code" + f, setUp: no(firstCode, refused(flows.Exhausted, -1)), status: 403},
		{name: "exhausted-password", method: "POST", path: "/password" + f, setUp: no(firstPassword, refused(flows.Exhausted, -1)), status: 403},
		{name: "exhausted-second", path: "/password" + f + "&why=exhausted", setUp: in(upPassword)},
		{name: "too-many-tries-second", path: "/password" + f + "&why=too_many_tries&until=" + fmt.Sprint(noon.Add(40*time.Minute).Unix()), setUp: in(upPassword)},
		{name: "number-paused", path: "/choose" + f + "&why=number_paused&until=" + fmt.Sprint(noon.Add(40*time.Minute).Unix()), setUp: at(choose)},
		{name: "too-many-tries", method: "POST", path: "/code" + f, setUp: no(firstCode, &flows.Refusal{Code: flows.TooManyTries, Wait: 15 * time.Minute}), status: 429},
		{name: "not-found", path: "/nowhere", status: 404},
		{name: "method", method: "DELETE", path: "/sign-in", status: 405},
		{name: "bad-form", method: "POST", path: "/sign-in", form: url.Values{"email": {"a", "b"}}, status: 400},
		{name: "cross-site", method: "POST", path: "/sign-in", tweak: func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, status: 403},
		{name: "fault", method: "POST", path: "/sign-in", setUp: no(flows.View{}, errors.New("boom")), status: 500},
		{name: "unavailable", method: "POST", path: "/sign-in", setUp: no(flows.View{}, store.ErrFull), status: 503},
		{name: "inbox", path: "/inbox", change: func(c *Config) { c.Inbox = exampleMessages(c) }, tweak: fromHere},
		{name: "inbox-empty", path: "/inbox?to=nobody", change: func(c *Config) { c.Inbox = messages(nil) }, tweak: fromHere},
	}
	list = append(append(append(append(list, whyScenes()...), accountScenes()...), gatewayScenes()...), messageScenes()...)
	for i := range list {
		list[i].method = firstNonEmpty(list[i].method, http.MethodGet)
		list[i].status = cmp.Or(list[i].status, http.StatusOK)
	}
	return list
}
