package ui

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/stepgate/stepgate/flows"
)

// puppet is an engine that answers what a scene tells it to. It knows nobody, sends
// nothing and keeps nothing.
type puppet struct {
	now  flows.View // answer of Look, Preview and Start
	next flows.View // answer of Submit
	err  error      // of what changes something; of Start only where there is no view
	lost error      // of what only looks
	held flows.HeldForm

	disowned flows.DisownView
	profile  flows.Profile
}

func (p *puppet) Start(_ context.Context, _ flows.Caller, _ flows.Kind, _ flows.Target, _ flows.Input) (flows.View, error) {
	if p.err != nil && p.now.Flow == "" {
		return flows.View{}, p.err
	}
	return p.now, nil
}

func (p *puppet) Look(context.Context, flows.Caller, string) (flows.View, error) {
	if p.lost != nil {
		return flows.View{}, p.lost
	}
	return p.now, nil
}

func (p *puppet) Submit(context.Context, flows.Caller, string, flows.Input) (flows.View, error) {
	if p.err != nil {
		return p.now, p.err
	}
	return p.next, nil
}

func (p *puppet) Preview(_ context.Context, _ flows.Caller, t flows.Target) (flows.View, error) {
	v := p.now
	v.Flow, v.Target = "", t
	return v, p.lost
}

func (p *puppet) Held(context.Context, flows.Caller, string) (flows.HeldForm, error) {
	return p.held, p.lost
}

func (p *puppet) SealCookie(o *flows.Opened) (string, error) { return "sealed-" + o.ID, nil }

func (p *puppet) SignOut(context.Context, *flows.Session) error { return p.err }

func (p *puppet) LookDisown(context.Context, flows.Caller, string) (flows.DisownView, error) {
	return p.disowned, p.lost
}

func (p *puppet) Disown(context.Context, flows.Caller, string) (flows.DisownView, error) {
	return p.disowned, p.err
}

func (p *puppet) Profile(context.Context, flows.Caller) (flows.Profile, error) {
	return p.profile, p.lost
}

func (p *puppet) SetProfile(context.Context, flows.Caller, map[string]string) error { return p.err }

func (p *puppet) EndSession(context.Context, flows.Caller, string) error { return p.err }

func (p *puppet) EndOtherSessions(context.Context, flows.Caller) error { return p.err }

// exampleKeys seal nothing: a scene has no secrets.
type exampleKeys struct{}

// exampleSig is their signature under anything.
const exampleSig = "signed"

func (exampleKeys) SealCookie(_ string, value []byte) (string, error) {
	return hex.EncodeToString(value), nil
}

func (exampleKeys) OpenCookie(_, raw string, _ time.Duration) ([]byte, error) {
	return hex.DecodeString(raw)
}

func (exampleKeys) Seal(_ string, plain []byte, _ string) ([]byte, error) { return plain, nil }

func (exampleKeys) Open(_ string, sealed []byte, _ string) ([]byte, error) { return sealed, nil }

func (exampleKeys) Sign(string, ...string) (string, error) { return exampleSig, nil }
