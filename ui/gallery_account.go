package ui

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// aProfile is an account with everything, signed in at four places.
func aProfile() flows.Profile {
	return flows.Profile{
		Email: exampleEmail, HasPassword: true, Phone: "21",
		Attributes: map[string]string{"givenName": "Dana", "surname": "Okafor", "agree": "true", "age": "7", "mail": "false"},
		MayChange: map[flows.Changing]bool{
			flows.ChangePassword: true, flows.ChangePhone: true, flows.RemovePhone: true, flows.ChangeEmail: true,
		},
		Sessions: []flows.SignedIn{
			{SID: "s1", This: true, Device: "Firefox on Windows", Network: "198.51.100.0/24", Site: exampleSite().Origin, Created: noon.Add(-5 * time.Hour), Used: noon},
			{SID: "s2", Device: "Safari on iPhone", Network: "2001:db8:12:34::/64", Site: exampleSite().Origin, Created: noon.Add(-30 * time.Hour), Used: noon.Add(-3 * time.Minute)},
			{SID: "s3", Network: "203.0.113.0/24", Site: "https://expenses.harbour.example", Created: noon.Add(-8 * time.Hour), Used: noon.Add(-150 * time.Minute)},
			{SID: "s4", Device: "Chrome on Android", Site: exampleSite().Origin, Client: "mobile", Created: noon.Add(-90 * time.Hour), Used: noon.Add(-40 * time.Minute)},
		},
	}
}

// aSmallProfile is an account that was just made: no password, no number, one sign-in.
func aSmallProfile() flows.Profile {
	p := aProfile()
	p.HasPassword, p.Phone, p.Attributes, p.Sessions, p.MayEnrol = false, "", nil, p.Sessions[:1], true
	delete(p.MayChange, flows.ChangePhone)
	delete(p.MayChange, flows.RemovePhone)
	return p
}

func owning(p flows.Profile) func(*stage) {
	return func(s *stage) {
		p.Sessions = slices.Clone(p.Sessions)
		for i := range p.Sessions {
			p.Sessions[i].Site = strings.Replace(p.Sessions[i].Site, exampleSite().Origin, s.pages.Site.Origin, 1)
		}
		s.signedIn().engine.profile = p
	}
}

// changing is a step of a change, in the session of whoever has the profile.
func changing(v flows.View, p flows.Profile) func(*stage) {
	return func(s *stage) { owning(p)(s); s.engine.now = v }
}

func changeView(what flows.Changing, step flows.Step) flows.View {
	return with(viewOf(flows.Change, step), func(v *flows.View) { v.Changing, v.Target = what, accountTarget() })
}

// accountScenes are the account's page and those of its changes.
func accountScenes() []scene {
	all, small := aProfile(), aSmallProfile()
	asks := func(c *Config) { c.Site.Attributes = someAttributes() }
	locked, fixed, others := aProfile(), aProfile(), aSmallProfile()
	others.Sessions = all.Sessions
	locked.PasswordLocked = true
	delete(locked.MayChange, flows.ChangePassword)
	delete(fixed.MayChange, flows.ChangeEmail)
	confirm := func(what flows.Changing) flows.View {
		return with(changeView(what, flows.Confirm), func(v *flows.View) {
			v.Factor, v.Phone, v.Options = policy.SMSCode, "21", []policy.Factor{policy.SMSCode, policy.Password}
		})
	}
	byMail := func(what flows.Changing) flows.View {
		return with(confirm(what), func(v *flows.View) { v.Factor, v.Options = policy.EmailCode, []policy.Factor{policy.EmailCode} })
	}
	byText := func(what flows.Changing) flows.View {
		return with(smsView(flows.Change), func(v *flows.View) { v.Changing, v.Target, v.Options = what, accountTarget(), nil })
	}
	code := func(what flows.Changing) flows.View { return changeView(what, flows.AskCode) }
	askEmail := changeView(flows.ChangeEmail, flows.AskEmail)
	moving := with(code(flows.ChangeEmail), func(v *flows.View) { v.NewEmail = "dana@quay.example" })
	newPhone := with(changeView(flows.ChangePhone, flows.AskPhone), func(v *flows.View) { v.Enrolling = true })
	newPhoneCode := with(newPhone, func(v *flows.View) { v.Step, v.Factor, v.Phone = flows.AskCode, policy.SMSCode, "07700 900123" })
	addPhone := with(newPhone, func(v *flows.View) { v.Kind, v.Changing = flows.Enrol, "" })
	newPassword := changeView(flows.ChangePassword, flows.AskNewPassword)
	stuck := with(changeView(flows.ChangePhone, flows.Stuck), func(v *flows.View) { v.Why = flows.NoMethod })
	spent := with(stuck, func(v *flows.View) { v.Why, v.MailboxBack = flows.MailboxSpent, noon.Add(23*time.Hour) })
	refusedIn := func(v flows.View, err error) func(*stage) {
		return func(s *stage) { changing(v, all)(s); s.engine.err = err }
	}
	typed := url.Values{"email": {"dana@"}}
	f := "?account=1&f=f8Q2k"
	return []scene{
		{name: "account", path: "/account", setUp: owning(all), change: asks},
		{name: "account-small", path: "/account", setUp: owning(small)},
		{name: "account-no-password", path: "/account", setUp: owning(others)},
		{name: "account-locked", path: "/account", setUp: owning(locked)},
		{name: "account-fixed-email", path: "/account", setUp: owning(fixed), change: func(c *Config) { c.Site.Password, c.Site.FixedEmail = false, true }},
		{name: "account-done-password", path: "/account?done=password", setUp: owning(all)},
		{name: "account-done-password-added", path: "/account?done=password_added", setUp: owning(all)},
		{name: "account-done-phone", path: "/account?done=phone", setUp: owning(all)},
		{name: "account-done-phone-added", path: "/account?done=phone_added", setUp: owning(all)},
		{name: "account-done-phone-removed", path: "/account?done=remove_phone", setUp: owning(small)},
		{name: "account-done-email", path: "/account?done=email", setUp: owning(all)},
		{name: "account-done-profile", path: "/account?done=profile", setUp: owning(all), change: asks},
		{name: "account-ended-one", path: "/account?done=ended_one", setUp: owning(all)},
		{name: "account-ended-others", path: "/account?done=ended_others", setUp: owning(small)},
		{name: "account-ask-password", path: "/account/password", setUp: owning(all)},
		{name: "account-ask-password-first", path: "/account/password", setUp: owning(small)},
		{name: "account-ask-phone", path: "/account/phone", setUp: owning(all)},
		{name: "account-ask-phone-first", path: "/account/phone", setUp: owning(small)},
		{name: "account-ask-email", path: "/account/email", setUp: owning(all)},
		{name: "account-remove-phone", path: "/account/remove-phone", setUp: owning(all)},
		{name: "account-begin-busy", method: "POST", path: "/account/password", setUp: refusedIn(flows.View{}, refused(flows.Busy, -1))},
		{name: "account-begin-stuck", method: "POST", path: "/account/phone", setUp: refusedIn(flows.View{}, refused(flows.NoMethod, -1)), status: 403},
		{name: "account-gone", path: "/code" + f, setUp: func(s *stage) { s.signedIn().engine.lost = refused(flows.FlowGone, -1) }, status: 410},
		{name: "account-profile", path: "/account/profile", setUp: owning(all), change: asks},
		{name: "account-profile-wrong", method: "POST", path: "/account/profile", change: asks,
			form:  url.Values{"attribute_givenName": {"Dana"}, "attribute_surname": {"Okafor"}, "attribute_agree": {"true"}, "attribute_age": {"forty"}},
			setUp: refusedIn(flows.View{}, &flows.Refusal{Code: flows.AttributesInvalid, Names: []string{"age"}, Left: -1})},
		{name: "account-profile-missing", method: "POST", path: "/account/profile", change: asks, form: url.Values{"attribute_age": {"7"}},
			setUp: refusedIn(flows.View{}, &flows.Refusal{Code: flows.AttributesMissing, Names: []string{"givenName", "surname", "agree"}, Left: -1})},
		{name: "account-profile-too-often", method: "POST", path: "/account/profile", change: asks, status: 429, form: url.Values{"attribute_age": {"7"}},
			setUp: refusedIn(flows.View{}, refused(flows.TooManyTries, -1))},
		{name: "change-confirm-password", path: "/step-up" + f, setUp: changing(confirm(flows.ChangePassword), all)},
		{name: "change-confirm-password-first", path: "/step-up" + f, setUp: changing(byMail(flows.ChangePassword), small)},
		{name: "change-confirm-phone", path: "/step-up" + f, setUp: changing(confirm(flows.ChangePhone), all)},
		{name: "change-confirm-remove-phone", path: "/step-up" + f, setUp: changing(confirm(flows.RemovePhone), all)},
		{name: "change-confirm-email", path: "/step-up" + f, setUp: changing(byMail(flows.ChangeEmail), all)},
		{name: "change-confirm-add-phone", path: "/step-up" + f, setUp: changing(with(byMail(""), func(v *flows.View) { v.Kind, v.ThenPhone = flows.Enrol, true }), small)},
		{name: "change-confirm-refused", path: "/step-up" + f + "&why=send_failed", setUp: changing(confirm(flows.ChangeEmail), all)},
		{name: "change-code-password", path: "/code" + f, setUp: changing(code(flows.ChangePassword), all)},
		{name: "change-code-password-first", path: "/code" + f, setUp: changing(code(flows.ChangePassword), small)},
		{name: "change-code-phone", path: "/code" + f, setUp: changing(byText(flows.ChangePhone), all)},
		{name: "change-code-remove-phone", path: "/code" + f, setUp: changing(byText(flows.RemovePhone), all)},
		{name: "change-code-email", path: "/code" + f, setUp: changing(code(flows.ChangeEmail), all)},
		{name: "change-code-wrong", path: "/code" + f + "&why=code_wrong&n=2", setUp: changing(code(flows.ChangeEmail), all)},
		{name: "change-password", path: "/password" + f, setUp: changing(with(changeView(flows.ChangeEmail, flows.AskPassword), func(v *flows.View) { v.Factor = policy.Password }), all)},
		{name: "change-password-new", path: "/new-password" + f, setUp: changing(newPassword, all)},
		{name: "change-password-new-first", path: "/new-password" + f, setUp: changing(newPassword, small)},
		{name: "change-password-new-common", path: "/new-password" + f + "&why=password_common", setUp: changing(newPassword, all)},
		{name: "change-phone-new", path: "/phone" + f, setUp: changing(newPhone, all)},
		{name: "change-phone-new-wrong", method: "POST", path: "/phone" + f, form: url.Values{"tel": {"+1 202 555 0123"}}, setUp: refusedIn(newPhone, refused(flows.PhoneCountry, -1))},
		{name: "change-phone-new-code", path: "/code" + f, setUp: changing(newPhoneCode, all)},
		{name: "change-phone-add", path: "/phone" + f, setUp: changing(addPhone, small)},
		{name: "change-email-new", path: "/email" + f, setUp: changing(askEmail, all)},
		{name: "change-email-new-malformed", method: "POST", path: "/email" + f, form: typed, setUp: refusedIn(askEmail, refused(flows.EmailMalformed, -1))},
		{name: "change-email-new-same", method: "POST", path: "/email" + f, form: url.Values{"email": {exampleEmail}}, setUp: refusedIn(askEmail, refused(flows.EmailSame, -1))},
		{name: "change-email-new-domain", method: "POST", path: "/email" + f, form: url.Values{"email": {"dana@quay.example"}}, setUp: refusedIn(askEmail, refused(flows.EmailDomain, -1))},
		{name: "change-email-new-too-many", method: "POST", path: "/email" + f, form: url.Values{"email": {"dana@quay.example"}}, setUp: refusedIn(askEmail, refused(flows.TooManySends, -1))},
		{name: "change-email-new-code", path: "/code" + f, setUp: changing(moving, all)},
		{name: "change-email-new-again", path: "/email" + f, setUp: changing(moving, all)},
		{name: "change-email-new-unsure", path: "/code" + f, setUp: changing(with(moving, func(v *flows.View) { v.Delivery = flows.DeliveryFailed }), all)},
		{name: "change-stuck", path: "/stuck" + f, setUp: changing(stuck, all)},
		{name: "change-stuck-mailbox", path: "/stuck" + f, setUp: changing(spent, all)},
	}
}
