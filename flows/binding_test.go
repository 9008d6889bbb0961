package flows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
)

func TestAFlowBelongsToItsBrowserAndSite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	b := w.browser().start(flows.SignIn, flows.Identify{Email: dana})
	thief := w.browser()
	thief.flow = b.flow
	thief.submit(flows.GiveCode{Code: b.code(dana)}).refused(flows.FlowGone)

	elsewhere := b.caller()
	site := *b.site
	site.Origin = "https://other.example.com"
	elsewhere.Site = &site
	_, err := w.engine.Submit(t.Context(), elsewhere, b.flow, flows.GiveCode{Code: b.code(dana)})
	if r, ok := err.(*flows.Refusal); !ok || r.Code != flows.FlowGone {
		t.Errorf("another site's answer: %v", err)
	}
	bare := b.caller()
	bare.Browser = ""
	if _, err := w.engine.Look(t.Context(), bare, b.flow); err == nil {
		t.Error("a flow was shown to a browser without its cookie")
	}
	w.wait(time.Hour)
	b.submit(flows.GiveCode{Code: b.code(dana)}).refused(flows.FlowGone)
}

func TestAFlowsIDThatIsNoneIsGoneAndNoFault(t *testing.T) {
	t.Parallel()
	b := newWorld(t).browser()
	for _, id := range []string{"", "é", "a/b", "../user", "%00", "a b", string(make([]byte, 5)), strings.Repeat("a", 65), strings.Repeat("a", 5000)} {
		b.flow = id
		b.submit(flows.GiveCode{Code: "123456"}).refused(flows.FlowGone)
	}
}

func TestOneAddressGetsOneAccountHoweverManySignUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.browser().start(flows.SignUp, flows.Identify{Email: dana}).at(flows.AskCode)
	firstCode := first.code(dana)
	second := w.browser().start(flows.SignUp, flows.Identify{Email: "DANA@example.com"}).at(flows.AskCode)
	secondCode := w.letters[len(w.letters)-1].Code
	first.submit(flows.GiveCode{Code: firstCode}).at(flows.AskNewPassword)
	second.submit(flows.GiveCode{Code: secondCode}).at(flows.AskNewPassword)
	first.submit(flows.SkipPassword{}).at(flows.Done)
	second.submit(flows.SkipPassword{}).refused(flows.FlowGone)
}
