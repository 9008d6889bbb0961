package ui

import (
	"slices"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/inbox"
	"github.com/stepgate/stepgate/policy"
)

// messages is an inbox that is read and never written.
type messages []inbox.Received

func (m messages) Messages(to string) []inbox.Received {
	var out []inbox.Received
	for _, one := range m {
		if to == "" || one.To == to {
			out = append(out, one)
		}
	}
	return out
}

// messageScenes are the pages that tell of messages, and those that messages lead to.
func messageScenes() []scene {
	var list []scene
	code := map[policy.Factor]flows.View{
		policy.EmailCode: viewOf(flows.StepUp, flows.AskCode),
		policy.SMSCode:   smsView(flows.SignIn),
	}
	for factor, v := range code {
		for _, delivery := range []flows.Delivery{flows.DeliveryDown, flows.DeliveryFailed, flows.DeliveryUncertain, flows.DeliveryRefused, flows.DeliveryDone} {
			v := with(v, func(v *flows.View) { v.Delivery = delivery })
			list = append(list, scene{
				name: "code-" + string(delivery) + "-" + factor.String(), path: "/code?f=f8Q2k",
				setUp: func(w *stage) { w.signedIn().engine.now = v },
			})
		}
	}
	for kind, v := range map[string]flows.View{
		"sign-in": with(viewOf(flows.SignIn, flows.AskCode), func(v *flows.View) { v.First = true }),
		"sign-up": viewOf(flows.SignUp, flows.AskCode), "reset": viewOf(flows.Reset, flows.AskCode),
		"phone": with(smsView(flows.StepUp), func(v *flows.View) { v.Enrolling = true }),
	} {
		v.Delivery = flows.DeliveryDown
		list = append(list, scene{name: "code-down-at-" + kind, path: "/code?f=f8Q2k", setUp: func(w *stage) { w.signedIn().engine.now = v }})
	}
	for factor, v := range code {
		v.Delivery, v.Sent, v.Expires = flows.DeliveryFailed, time.Time{}, time.Time{}
		list = append(list, scene{name: "code-none-" + factor.String(), path: "/code?f=f8Q2k", setUp: func(w *stage) { w.signedIn().engine.now = v }})
	}
	for sort, purpose := range map[string]flows.Purpose{
		"attempt": flows.CodeStepUp, "all": flows.NoticeNewDevice, "guessing": flows.NoticeGuessing,
	} {
		asked := flows.DisownView{Purpose: purpose, Email: exampleEmail, At: noon}
		done := asked
		done.Done = true
		list = append(list,
			scene{name: "not-me-" + sort, path: "/not-me?m=" + aToken, setUp: func(w *stage) { w.engine.disowned = asked }},
			scene{name: "not-me-done-" + sort, path: "/not-me?m=" + aToken, setUp: func(w *stage) { w.engine.disowned = done }})
	}
	list = append(list,
		scene{name: "not-me-reset", path: "/not-me?m=" + aToken, setUp: func(w *stage) {
			w.engine.disowned = flows.DisownView{Purpose: flows.NoticeNewDevice, Email: exampleEmail, At: noon, Done: true, Reset: true}
		}},
		scene{name: "not-me-gone", path: "/not-me?m=x", status: 410, setUp: func(w *stage) { w.engine.lost = flows.ErrNothingToDisown }})
	slices.SortFunc(list, func(a, b scene) int { return strings.Compare(a.name, b.name) })
	return list
}

// exampleLetter is a mail before it has words.
func exampleLetter(site *flows.Site, purpose flows.Purpose) flows.Letter {
	return flows.Letter{
		Purpose: purpose, Medium: send.Email, To: exampleEmail, Code: "482913", Site: site,
		Target: flows.Target{ReturnTo: "/bank", Label: "Bank details"}, Lang: "en", Device: "Firefox on Windows",
		Network: "198.51.100.0/24", At: noon, Expires: noon.Add(10 * time.Minute),
		Changing: flows.ChangePassword,
	}
}

// exampleText is a text message before it has words.
func exampleText(site *flows.Site, purpose flows.Purpose) flows.Letter {
	l := exampleLetter(site, purpose)
	l.Medium, l.To = send.SMS, "+447700900123"
	return l
}

// exampleMessages are what a trial's inbox holds: a text message, and a mail before it.
func exampleMessages(c *Config) messages {
	one := func(id string, l flows.Letter) send.Message {
		l.ID, l.Lang = id, c.Lang
		return must(Compose(l, c.Style))
	}
	return messages{
		{Message: one("m2", exampleText(c.Site, flows.CodeStepUp)), At: noon},
		{Message: one("m1", exampleLetter(c.Site, flows.CodeSignIn)), At: noon.Add(-time.Minute)},
	}
}
