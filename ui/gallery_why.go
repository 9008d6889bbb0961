package ui

import (
	"context"
	"net/http"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

func because(r Reason) func(*Config) {
	return func(c *Config) {
		labelled(c)
		c.Why = func(*http.Request, flows.Target) Reason { return r }
	}
}

// onceView is a view of a flow whose proof opens one request.
func onceView(v flows.View, label string) flows.View {
	return with(v, func(v *flows.View) {
		v.Once, v.ValidFor = true, 0
		v.Target = flows.Target{ReturnTo: "/bank", Action: "POST /transfer?to=query-word", Label: label, Decision: someDecision}
	})
}

// onceIs judges every target to be asked for each time.
func onceIs(once bool) func(*Config) {
	return func(c *Config) {
		c.Demand = func(*http.Request) flows.Evaluate {
			return func(context.Context, flows.Target, *flows.Session) (policy.Demand, error) {
				if once {
					return policy.Need(policy.OTP, 0).Once(), nil
				}
				return policy.Floor, nil
			}
		}
	}
}

// whyScenes are the pages that say why they are there, and what they are about.
func whyScenes() []scene {
	f := "?f=f8Q2k&return_to=%2Fbank"
	bank := "/step-up?return_to=%2Fbank&decision=" + someDecision
	in := func(v flows.View) func(*stage) {
		return func(w *stage) {
			w.signedInSince(5*time.Hour, 3*time.Hour+20*time.Minute)
			w.engine.now = v
		}
	}
	at := func(v flows.View) func(*stage) { return func(w *stage) { w.engine.now = v } }
	alone := func(f policy.Factor) flows.View {
		return with(confirmView(), func(v *flows.View) { v.Factor, v.Options = f, []policy.Factor{f} })
	}
	code := with(confirmView(), func(v *flows.View) { v.Step = flows.AskCode })
	first := with(viewOf(flows.SignIn, flows.AskCode), func(v *flows.View) { v.First = true })
	askedFirst := with(onceView(first, ""), func(v *flows.View) { v.Once = false })
	enrolling := with(viewOf(flows.StepUp, flows.AskCode), func(v *flows.View) {
		v.Factor, v.Enrolling, v.Phone = policy.SMSCode, true, "07700 900123"
	})
	named := func(c *Config) {
		c.Label = func(*http.Request, flows.Target) string { return "Bank details" }
	}
	return []scene{
		{name: "sign-in-challenged", path: "/sign-in?return_to=%2Fbank&decision=" + someDecision},
		{name: "sign-in-reference-forged", path: "/sign-in?decision=%3Cb%3Ecall+us%3C%2Fb%3E"},
		{name: "enrol-challenged", path: bank, setUp: in(viewOf(flows.StepUp, flows.AskPhone))},
		{name: "stuck-challenged", path: "/step-up?return_to=%2Fbank&decision=" + someDecision,
			setUp: in(with(viewOf(flows.StepUp, flows.Stuck), func(v *flows.View) { v.Why = flows.NoMethod }))},
		{name: "gone-challenged", path: "/code" + f + "&decision=" + someDecision, setUp: func(w *stage) { w.engine.lost = refused(flows.FlowGone, -1) }, status: 410},
		{name: "step-up-long-ago", path: bank, setUp: in(confirmView()), change: labelled},
		{name: "step-up-new-browser", path: bank, setUp: in(confirmView()), change: because(NewBrowser)},
		{name: "step-up-new-place", path: bank, setUp: in(confirmView()), change: because(NewPlace)},
		{name: "step-up-old-session", path: bank, setUp: in(confirmView()), change: because(OldSession)},
		{name: "step-up-unusual", path: bank, setUp: in(confirmView()), change: because(Unusual)},
		{name: "step-up-no-such-reason", path: bank, setUp: in(alone(policy.EmailCode)), change: because("score: 70")},
		{name: "step-up-password-alone", path: bank, setUp: in(alone(policy.Password)), change: labelled},
		{name: "step-up-email-alone", path: bank, setUp: in(alone(policy.EmailCode)), change: labelled},
		{name: "step-up-sms-alone", path: bank, setUp: in(alone(policy.SMSCode)), change: labelled},
		{name: "step-up-long-ago-then-phone", path: bank, change: labelled, setUp: in(with(confirmView(), func(v *flows.View) {
			v.ThenPhone, v.Factor, v.Options = true, policy.EmailCode, []policy.Factor{policy.EmailCode}
		}))},
		{name: "enrol-long-ago", path: "/step-up" + f, setUp: in(with(alone(policy.EmailCode), func(v *flows.View) { v.Kind = flows.Enrol }))},
		{name: "step-up-once", path: onceQuery, setUp: in(onceView(confirmView(), "")), change: named},
		{name: "step-up-once-unnamed", path: onceQuery, setUp: in(onceView(confirmView(), ""))},
		{name: "step-up-once-kept", path: onceQuery + "&held=" + someHeld, setUp: in(onceView(confirmView(), ""))},
		{name: "step-up-once-then-phone", path: onceQuery, setUp: in(with(onceView(confirmView(), ""), func(v *flows.View) {
			v.ThenPhone, v.Factor, v.Options = true, policy.EmailCode, []policy.Factor{policy.EmailCode}
		}))},
		{name: "code-once", path: "/code" + f, setUp: in(onceView(code, "Bank details"))},
		{name: "code-once-unnamed", path: "/code" + f, setUp: in(onceView(code, ""))},
		{name: "code-once-enrolling", path: "/code" + f, setUp: in(onceView(enrolling, ""))},
		{name: "code-once-first", path: "/code" + f, setUp: at(askedFirst), change: onceIs(true)},
		{name: "code-not-once-first", path: "/code" + f, setUp: at(askedFirst), change: onceIs(false)},
	}
}

// onceQuery is the address of a step-up that opens one request.
const onceQuery = "/step-up?return_to=%2Fbank&for=POST+%2Ftransfer%3Fto%3Dquery-word&decision=" + someDecision + "&sig=" + exampleSig
