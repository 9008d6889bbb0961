package ui

import (
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// Views as the engine makes them.

func viewOf(kind flows.Kind, step flows.Step) flows.View {
	return flows.View{
		Flow: "f8Q2k", Kind: kind, Step: step, Email: exampleEmail, Factor: policy.EmailCode,
		Target: flows.Target{ReturnTo: "/reports?year=2026"}, Digits: 6, PasswordMin: 15,
		Sent: noon, Expires: noon.Add(10 * time.Minute), ResendAfter: noon.Add(30 * time.Second),
	}
}

func with(v flows.View, change func(*flows.View)) flows.View {
	change(&v)
	return v
}

func smsView(kind flows.Kind) flows.View {
	return with(viewOf(kind, flows.AskCode), func(v *flows.View) {
		v.Factor, v.Phone = policy.SMSCode, "21"
		v.Options = []policy.Factor{policy.EmailCode, policy.SMSCode}
	})
}

func confirmView() flows.View {
	return with(viewOf(flows.StepUp, flows.Confirm), func(v *flows.View) {
		v.Factor, v.Phone, v.ValidFor = policy.SMSCode, "21", 15*time.Minute
		v.Target.ReturnTo, v.Target.Label = "/bank", "Bank details"
		v.Options = []policy.Factor{policy.SMSCode, policy.EmailCode}
	})
}

func refused(code flows.RefusalCode, left int) *flows.Refusal {
	return &flows.Refusal{Code: code, Left: left, Count: 5, Wait: 90 * time.Second}
}
