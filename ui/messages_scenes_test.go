package ui

import (
	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
	"time"
)

// aToken is what a mail's link carries.
const aToken = "Zk3v9-aQ_81xZk3v9aQ81xZk3v9aQ81xZk3v9aQ81xA"

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
				setUp: func(w *world) { w.signedIn().engine.now = v },
			})
		}
	}
	for kind, v := range map[string]flows.View{
		"sign-in": with(viewOf(flows.SignIn, flows.AskCode), func(v *flows.View) { v.First = true }),
		"sign-up": viewOf(flows.SignUp, flows.AskCode), "reset": viewOf(flows.Reset, flows.AskCode),
		"phone": with(smsView(flows.StepUp), func(v *flows.View) { v.Enrolling = true }),
	} {
		v.Delivery = flows.DeliveryDown
		list = append(list, scene{name: "code-down-at-" + kind, path: "/code?f=f8Q2k", setUp: func(w *world) { w.signedIn().engine.now = v }})
	}
	for factor, v := range code {
		v.Delivery, v.Sent, v.Expires = flows.DeliveryFailed, time.Time{}, time.Time{}
		list = append(list, scene{name: "code-none-" + factor.String(), path: "/code?f=f8Q2k", setUp: func(w *world) { w.signedIn().engine.now = v }})
	}
	for sort, purpose := range map[string]flows.Purpose{
		"attempt": flows.CodeStepUp, "all": flows.NoticeNewDevice, "guessing": flows.NoticeGuessing,
	} {
		asked := flows.DisownView{Purpose: purpose, Email: "dana.okafor@harbour.example", At: noon}
		done := asked
		done.Done = true
		list = append(list,
			scene{name: "not-me-" + sort, path: "/not-me?m=" + aToken, setUp: func(w *world) { w.engine.disowned = asked }},
			scene{name: "not-me-done-" + sort, path: "/not-me?m=" + aToken, setUp: func(w *world) { w.engine.disowned = done }})
	}
	return append(list,
		scene{name: "not-me-reset", path: "/not-me?m=" + aToken, setUp: func(w *world) {
			w.engine.disowned = flows.DisownView{Purpose: flows.NoticeNewDevice, Email: "dana.okafor@harbour.example", At: noon, Done: true, Reset: true}
		}},
		scene{name: "not-me-gone", path: "/not-me?m=x", status: 410, setUp: func(w *world) { w.engine.lost = flows.ErrNothingToDisown }})
}
