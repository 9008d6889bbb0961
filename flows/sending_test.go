package flows_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/puzzle"
	"github.com/stepgate/stepgate/policy"
)

func TestNoSpellingOfAnAddressBuysMessagesOrTellsOfAnAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	w.wait(2 * time.Hour)
	for _, name := range []string{"dana", "nobody"} {
		sent := w.posted()
		var answers []string
		for _, spelling := range []string{name, strings.ToUpper(name), strings.ToTitle(name[:1]) + name[1:]} {
			for range 4 {
				b := w.browser().start(flows.SignIn, flows.Identify{Email: spelling + "@Example.com"})
				answers = append(answers, fmt.Sprint(b.view.Step, b.refusal))
			}
		}
		if n := w.posted() - sent; n != 5 {
			t.Errorf("%s got %d messages", name, n)
		}
		if got := strings.Join(answers[5:], " "); strings.Contains(got, string(flows.AskCode)+"<nil>") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestAnAccountTextsFewNumbersBeforeOneIsItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().signUpWithCode(dana)
	w.demand = policy.Need(policy.SMSProof, 0)
	sent := w.sent()
	for i := range 50 {
		if i%10 == 0 { // a new flow, and another browser, change nothing
			b = w.browser()
			w.demand = policy.Floor
			b.signInWithCode(dana)
			w.demand = policy.Need(policy.SMSProof, 0)
			b.start(flows.StepUp, flows.Open{})
		}
		b.submit(flows.GivePhone{Phone: fmt.Sprintf("+4477009001%02d", i)})
		w.wait(31 * time.Second)
	}
	texts := 0
	for _, l := range w.letters[sent:] {
		if l.Purpose == flows.CodeEnrol {
			texts++
		}
	}
	if texts != 5 {
		t.Errorf("%d numbers were texted, want five", texts)
	}
}

func TestOneNumberIsTextedSeldomHoweverManyDevicesItKnows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sendMuch)
	w.browser().signUpWithCode(dana).enrolPhone(danaPhone)
	stepUp := func(b *browser) *browser {
		w.demand = policy.Floor
		b.signInWithCode(dana)
		w.demand = policy.Need(policy.SMSProof, time.Second)
		return b.start(flows.StepUp, flows.Open{}).submit(flows.SendCode{Factor: policy.SMSCode})
	}
	var known []*browser
	for range 20 {
		w.wait(time.Hour)
		b := stepUp(w.browser()).at(flows.AskCode)
		known = append(known, b.submit(flows.GiveCode{Code: b.code(danaPhone)}).at(flows.Done))
	}
	w.wait(24 * time.Hour)
	texts := 0
	for _, b := range known {
		for range 4 {
			if stepUp(b).refusal == nil {
				texts++
			}
		}
	}
	if texts != 20 {
		t.Errorf("%d texts to one number at once, want twenty", texts)
	}
}

func TestOneNetworkCannotMailTheWorld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) { c.NetworkBudget.Burst, c.NetworkBudget.Every = 50, time.Hour })
	owner := w.browser().signUpWithCode(dana)
	sent, efforts, refused := 0, 0, 0
	for i := range 80 {
		b := w.browser()
		b.network = "198.51.100.0/24"
		stranger := flows.Identify{Email: fmt.Sprintf("stranger%d@example.com", i)}
		if b.start(flows.SignIn, stranger); b.refusal != nil && b.refusal.Code == flows.EffortNeeded {
			c := b.caller()
			c.Effort = b.refusal.Puzzle + ":" + puzzle.Solve(b.refusal.Puzzle)
			efforts++
			b.took(w.engine.Start(t.Context(), c, flows.SignIn, b.aim(), stranger))
		}
		if b.refusal == nil {
			sent++
		} else if b.refusal.Code == flows.TooManySends {
			refused++
		}
	}
	if sent != 50 || efforts != 11 || refused != 30 {
		t.Errorf("%d strangers were mailed, %d of them after an effort, %d refused", sent, efforts, refused)
	}
	owner.network, owner.cookie = "198.51.100.0/24", ""
	owner.start(flows.SignIn, flows.Identify{Email: dana}).at(flows.AskCode) // a known device in the same network
	elsewhere := w.browser()
	elsewhere.network = "203.0.113.0/24"
	elsewhere.start(flows.SignIn, flows.Identify{Email: "kim@example.com"}).at(flows.AskCode)
}

func TestAnOutboxThatIsFullCostsNobodyAnything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	w.wait(2 * time.Hour)
	w.full = true
	for range 30 {
		w.browser().start(flows.SignIn, flows.Identify{Email: dana}).refused(flows.SendFailed)
	}
	w.full = false
	for range 5 {
		w.browser().start(flows.SignIn, flows.Identify{Email: dana}).at(flows.AskCode)
	}
}

func TestANumberChangedAtOnceWaitsLikeAnyOtherCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().signUpWithCode(dana)
	w.demand = policy.Need(policy.SMSProof, 0)
	b.start(flows.StepUp, flows.Open{}).submit(flows.GivePhone{Phone: danaPhone}).at(flows.AskCode)
	b.submit(flows.GivePhone{Phone: "+447700900456"}).refused(flows.ResendTooSoon)
	w.wait(30 * time.Second)
	b.submit(flows.GivePhone{Phone: "+447700900456"}).at(flows.AskCode)
}

func TestSendsAreBoundedPerAddressWhetherOrNotItHasAnAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	w.wait(time.Hour)
	for _, email := range []string{dana, "nobody@example.com"} {
		sent := w.posted()
		var last *flows.Refusal
		for i := range 20 {
			spelling := email
			if i%2 == 1 {
				spelling = " " + email + ". "
			}
			last = w.browser().start(flows.SignIn, flows.Identify{Email: spelling}).refusal
		}
		if n := w.posted() - sent; n != 5 {
			t.Errorf("%s got %d messages", email, n)
		}
		if last == nil || last.Code != flows.TooManySends || last.Wait != 12*time.Minute {
			t.Errorf("%s: %+v", email, last)
		}
	}
}

func TestAResendWaitsHalfAMinuteAndReplacesTheCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	b := w.browser().start(flows.SignIn, flows.Identify{Email: dana})
	first := b.code(dana)
	w.wait(29 * time.Second)
	b.submit(flows.Resend{}).refused(flows.ResendTooSoon)
	if b.refusal.Wait != time.Second {
		t.Errorf("wait %v", b.refusal.Wait)
	}
	w.wait(time.Second)
	b.submit(flows.Resend{}).at(flows.AskCode)
	if second := b.code(dana); second != first {
		b.submit(flows.GiveCode{Code: first}).refused(flows.CodeWrong)
		b.submit(flows.GiveCode{Code: second}).at(flows.Done)
	}
}

func TestTheOutboxBeingFullUsesNothingUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	w.full = true
	b := w.browser().start(flows.SignIn, flows.Identify{Email: dana}).refused(flows.SendFailed)
	w.full = false
	b.submit(flows.Resend{}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.Done)
}
