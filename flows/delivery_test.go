package flows_test

import (
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/policy"
)

// again looks at the flow once more.
func (b *browser) again() *browser {
	b.t.Helper()
	return b.took(b.engine.Look(b.t.Context(), b.caller(), b.flow))
}

func (w *world) receive(l flows.Letter, status send.ReceiptStatus) {
	w.t.Helper()
	if err := w.engine.Receipt(w.t.Context(), send.Receipt{ID: l.ID, Status: status}); err != nil {
		w.t.Fatal(err)
	}
}

// A page before the first proof would otherwise tell which addresses take mail.
func TestWhatBecameOfAMessageIsToldOnlyAfterAProof(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	w.wait(2 * time.Hour)
	for kind, email := range map[flows.Kind]string{flows.SignIn: dana, flows.Reset: dana, flows.SignUp: "new@example.com"} {
		b := w.browser().start(kind, flows.Identify{Email: email}).at(flows.AskCode)
		w.engine.Finished(t.Context(), result(w.letter(email), send.OutcomeFailed))
		w.receive(w.letter(email), send.ReceiptRefused)
		b.again().at(flows.AskCode)
		if b.view.Delivery != flows.DeliveryUnderWay || !b.view.ResendAfter.Equal(b.view.Sent.Add(30*time.Second)) {
			t.Errorf("%s: a stranger is told %q", kind, b.view.Delivery)
		}
		b.submit(flows.Resend{}).refused(flows.ResendTooSoon)
		w.wait(time.Hour)
	}
	w.demand = otp
	b := w.browser().signInWithPassword(dana, longSecret).at(flows.AskCode)
	w.engine.Finished(t.Context(), result(w.letter(dana), send.OutcomeFailed))
	if b.again(); b.view.Delivery != flows.DeliveryFailed {
		t.Errorf("whoever has proved the password is told %q", b.view.Delivery)
	}
}

func TestWhoseMessageCameToNothingMayAskForAnotherAtOnceAndPaysForIt(t *testing.T) {
	t.Parallel()
	for name, end := range map[flows.Delivery]func(*world, flows.Letter){
		flows.DeliveryFailed:    func(w *world, l flows.Letter) { w.engine.Finished(w.t.Context(), result(l, send.OutcomeFailed)) },
		flows.DeliveryUncertain: func(w *world, l flows.Letter) { w.engine.Finished(w.t.Context(), result(l, send.OutcomeUncertain)) },
		flows.DeliveryRefused:   func(w *world, l flows.Letter) { w.receive(l, send.ReceiptRefused) },
	} {
		w := newWorld(t)
		w.browser().signUpWithCode(dana).enrolPhone(danaPhone)
		w.wait(24 * time.Hour)
		w.demand = policy.Need(policy.SMSProof, 0)
		b := w.browser().signInWithCode(dana).at(flows.AskCode)
		b.submit(flows.Resend{}).refused(flows.ResendTooSoon)
		sent := 1
		for ; sent < 50; sent++ {
			end(w, w.letter(danaPhone))
			if b.again(); b.view.Delivery != name || b.view.ResendAfter.After(w.clock()) {
				t.Fatalf("%s: told %q, another may be asked for at %s", name, b.view.Delivery, b.view.ResendAfter)
			}
			if b.submit(flows.Resend{}); b.refusal != nil {
				break
			}
			if b.view.Delivery != flows.DeliveryUnderWay {
				t.Fatalf("%s: a new message begins as %q", name, b.view.Delivery)
			}
		}
		if b.refused(flows.TooManySends); sent != 5 {
			t.Errorf("%s: %d messages, want the five of an hour", name, sent)
		}
	}
}

func TestAMediumThatIsDownIsToldToEverybodyAlike(t *testing.T) {
	t.Parallel()
	down := map[send.Medium]bool{}
	w := newWorld(t, func(c *flows.Config) { c.Down = func(m send.Medium) bool { return down[m] } })
	w.browser().signUpWithCode(dana)
	w.wait(time.Hour)
	var flowsOf []*browser
	for _, email := range []string{dana, nobody} {
		flowsOf = append(flowsOf, w.browser().start(flows.SignIn, flows.Identify{Email: email}).at(flows.AskCode),
			w.browser().start(flows.Reset, flows.Identify{Email: email}).at(flows.AskCode),
			w.browser().start(flows.SignUp, flows.Identify{Email: email}).at(flows.AskCode))
	}
	for _, b := range flowsOf {
		if b.again(); b.view.Delivery != flows.DeliveryUnderWay {
			t.Errorf("%s: %q", b.view.Email, b.view.Delivery)
		}
	}
	down[send.SMS] = true
	for _, b := range flowsOf {
		if b.again(); b.view.Delivery != flows.DeliveryUnderWay {
			t.Errorf("%s: %q for mail, while texts are down", b.view.Email, b.view.Delivery)
		}
	}
	down[send.Email] = true
	for _, b := range flowsOf {
		if b.again(); b.view.Delivery != flows.DeliveryDown {
			t.Errorf("%s: %q", b.view.Email, b.view.Delivery)
		}
	}
}

func TestTheSurerWordAboutAMessageStands(t *testing.T) {
	t.Parallel()
	failed := func(w *world, l flows.Letter) { w.engine.Finished(w.t.Context(), result(l, send.OutcomeUncertain)) }
	receipt := func(s send.ReceiptStatus) func(*world, flows.Letter) {
		return func(w *world, l flows.Letter) { w.receive(l, s) }
	}
	delivered, refused, pending := receipt(send.ReceiptDelivered), receipt(send.ReceiptRefused), receipt(send.ReceiptPending)
	for _, c := range []struct {
		words []func(*world, flows.Letter)
		want  flows.Delivery
	}{
		{[]func(*world, flows.Letter){failed, delivered}, flows.DeliveryDone},
		{[]func(*world, flows.Letter){delivered, failed}, flows.DeliveryDone},
		{[]func(*world, flows.Letter){delivered, refused}, flows.DeliveryDone},
		{[]func(*world, flows.Letter){refused, failed}, flows.DeliveryRefused},
		{[]func(*world, flows.Letter){refused, pending}, flows.DeliveryRefused},
		{[]func(*world, flows.Letter){pending}, flows.DeliveryUnderWay},
		{[]func(*world, flows.Letter){receipt("lost in space")}, flows.DeliveryUnderWay},
	} {
		w := newWorld(t)
		w.browser().signUpWithPassword(dana, longSecret)
		w.wait(time.Hour)
		w.demand = otp
		b := w.browser().signInWithPassword(dana, longSecret).at(flows.AskCode)
		for _, word := range c.words {
			word(w, w.letter(dana))
		}
		if b.again(); b.view.Delivery != c.want {
			t.Errorf("told %q, want %q", b.view.Delivery, c.want)
		}
		w.wait(10 * time.Minute)
		delivered(w, w.letter(dana))
		if b.again(); b.view.Delivery != c.want {
			t.Errorf("after the code's end it became %q", b.view.Delivery)
		}
	}
}

func TestAReceiptForNoLiveCodeStoresNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	before := len(w.records(""))
	for _, id := range []string{"", "unknown", "../../user/1", "0123456789abcdef0123456789abcdef"} {
		w.receive(flows.Letter{ID: id}, send.ReceiptDelivered)
	}
	if n := len(w.records("")); n != before {
		t.Errorf("%d records became %d", before, n)
	}
}
