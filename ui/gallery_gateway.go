package ui

import (
	"net/http"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

var loopCauses = []LoopCause{LoopCookie, LoopHTTP, LoopHost, LoopSession, LoopClock, LoopRules}

func aLoop(cause LoopCause) Loop {
	return Loop{Cause: cause, Decision: someDecision, Again: "/bank?x=1&y=%22"}
}

// gatewayScenes are the pages that the gateway shows at addresses of the application.
func gatewayScenes() []scene {
	loop := func(l Loop) func(*Pages, http.ResponseWriter, *http.Request) {
		return func(p *Pages, w http.ResponseWriter, r *http.Request) { p.Loop(w, r, l) }
	}
	refuse := func(refused Refused) func(*Pages, http.ResponseWriter, *http.Request) {
		return func(p *Pages, w http.ResponseWriter, r *http.Request) { p.Refuse(w, r, refused) }
	}
	unproved := func(page string, confirm bool) func(*Pages, http.ResponseWriter, *http.Request) {
		return func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Unproved(w, r, Unproved{Reference: someDecision, StepUp: p.URL(page, flows.Target{}, "lost", "1"), Confirm: confirm})
		}
	}
	var list []scene
	for _, cause := range loopCauses {
		l := aLoop(cause)
		if cause == LoopClock || cause == LoopRules {
			l.Session = &flows.Session{Email: exampleEmail}
			demand := policy.Need(policy.OTP, time.Minute).Join(policy.Need(policy.SMSProof, 0)).
				Join(policy.Need(policy.PasswordProof, 0)).Join(policy.Need(policy.EmailProof, 0))
			l.Missing = policy.Missing{Demand: demand}
		}
		list = append(list, scene{name: "loop-" + string(cause), path: "/bank", answer: loop(l), status: http.StatusConflict, tweak: elsewhere(cause)})
	}
	second, nothing := aLoop(LoopRules), aLoop(LoopRules)
	second.Missing = policy.Missing{Demand: policy.Need(policy.OTP, 0)}
	return append(list,
		scene{name: "cross-site-elsewhere", method: "POST", path: "/sign-in?return_to=%2Fbank", status: 403, change: atWrong(LoopHost), tweak: func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
		}},
		scene{name: "cookies-off-elsewhere", path: "/code?f=f8Q2k&return_to=%2Fbank", status: 400, change: atWrong(LoopHTTP), tweak: func(r *http.Request) {
			r.Header.Del("Cookie")
		}},
		scene{name: "gone-elsewhere", path: "/code?f=f8Q2k", status: 410, change: atWrong(LoopHost), setUp: func(w *stage) { w.engine.lost = refused(flows.FlowGone, -1) }},
		scene{name: "loop-rules-second", path: "/bank", answer: loop(second), status: http.StatusConflict},
		scene{name: "loop-rules-session", path: "/bank", answer: loop(nothing), status: http.StatusConflict},
		scene{name: "signed-out-form", path: "/pay", answer: unproved("/sign-in", false), status: 401},
		scene{name: "unproved-form", path: "/pay", answer: unproved("/step-up", true), status: 401},
		scene{name: "denied", path: "/bank", answer: refuse(Refused{Reference: someDecision, Account: exampleEmail}), status: 403},
		scene{name: "unusual", path: "/bank", answer: refuse(Refused{Reference: someDecision, Unusual: true, Account: exampleEmail}), status: 403},
		scene{name: "denied-anonymous", path: "/bank", answer: refuse(Refused{Reference: someDecision}), status: 403},
		scene{name: "stranger", path: "/bank", answer: refuse(Refused{Reference: someDecision, Stranger: true, Account: exampleEmail, Target: "/bank?x=1"}), status: 403},
	)
}

// atWrong has the gateway find something wrong with where the browser is.
func atWrong(wrong LoopCause) func(*Config) {
	return func(c *Config) {
		c.Here = func(*http.Request) (string, LoopCause) { return "10.0.0.5:8080", wrong }
	}
}

// elsewhere has a request come by another host, where that is the cause.
func elsewhere(cause LoopCause) func(*http.Request) {
	return func(r *http.Request) {
		if cause == LoopHost {
			r.Host = "10.0.0.5:8080"
		}
	}
}
