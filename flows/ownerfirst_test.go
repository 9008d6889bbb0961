package flows_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// What strangers, thieves and other people's accounts may do, and the owner must not
// notice.

// interjecting runs something between the transactions of others.
type interjecting struct {
	store.Store
	after func()
}

func (s *interjecting) Update(ctx context.Context, fn func(store.Tx) error) error {
	err := s.Store.Update(ctx, fn)
	if say := s.after; say != nil {
		s.after = nil
		say()
	}
	return err
}

func TestATryThatWasNotJudgedIsGivenBackToWhoPaidForItAndToNobodyElse(t *testing.T) {
	t.Parallel()
	st := &interjecting{}
	w := newWorld(t, oneRun, func(c *flows.Config) {
		st.Store = c.Store
		c.Store = st
	})
	w.browser().signUpWithPassword(dana, longSecret)
	w.wait(24 * time.Hour)
	judged := 0
	for i := range 30 {
		b := w.browser().start(flows.SignIn, flows.Identify{Email: fmt.Sprintf("mule%d@example.com", i), ByPassword: true})
		ctx, hangUp := context.WithCancel(t.Context())
		// The try at the mule is charged; before it is hashed, one at dana is made in the
		// same flow, and then the first one's caller hangs up.
		st.after = func() {
			_, err := w.engine.Submit(t.Context(), b.caller(), b.flow, flows.GivePassword{Email: dana, Password: "a wrong guess, and long enough"})
			if refusal := new(flows.Refusal); errors.As(err, &refusal) && refusal.Code == flows.PairWrong {
				judged++
			}
			hangUp()
		}
		if _, err := w.engine.Submit(ctx, b.caller(), b.flow, flows.GivePassword{Password: "whatever"}); err == nil {
			t.Fatal("a try was judged for somebody who is gone")
		}
	}
	if judged != w.engine.PasswordBudget.Burst {
		t.Errorf("%d tries were judged", judged)
	}
}

// mules are accounts of whoever has as many mailboxes as they like.
func (w *world) mules(n int) []*browser {
	w.demand = policy.Floor
	var all []*browser
	for i := range n {
		b := w.browser()
		b.network = fmt.Sprintf("198.18.%d.0/24", i)
		all = append(all, b.signUpWithCode(fmt.Sprintf("mule%d@example.com", i)))
	}
	w.demand = policy.Need(policy.SMSProof, 0)
	for _, b := range all {
		b.start(flows.StepUp, flows.Open{}).at(flows.AskPhone)
	}
	return all
}

// adds tries to add a number, with an effort if that is asked for.
func (b *browser) adds(number string) *browser {
	in := flows.GivePhone{Phone: number}
	if b.submit(in); b.refusal != nil && b.refusal.Code == flows.EffortNeeded {
		b.took(b.engine.Submit(b.t.Context(), b.solving(), b.flow, in))
	}
	return b
}

// texts has the owner of a number step up by it.
func (b *browser) stepsUp() *browser {
	b.demand = policy.Floor
	b.cookie = ""
	b.signInWithPassword(dana, longSecret).at(flows.Done)
	b.demand = policy.Need(policy.SMSProof, 0)
	return b.start(flows.StepUp, flows.Open{}).submit(flows.SendCode{Factor: policy.SMSCode}).at(flows.AskCode)
}

func TestStrangersWhoTryToAddANumberDoNotKeepItsOwnerFromTheirCodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oneRun)
	known := w.browser().signUpWithPassword(dana, longSecret)
	known.enrolPhoneByPassword(danaPhone)
	w.wait(48 * time.Hour)
	refused := 0
	mules := w.mules(12)
	for range w.engine.EnrolBudget.Burst { // one account does not close a number to the others
		mules[0].adds(danaPhone)
		w.wait(time.Minute)
	}
	for _, mule := range mules[1:] {
		if mule.adds(danaPhone).refusal != nil {
			refused++
		}
	}
	if refused != 6 { // five and five, and then so many that did not come back that the range is paused
		t.Errorf("%d of 11 were refused", refused)
	}
	known.stepsUp()
	w.browser().stepsUp()
}

func TestNewNumbersTakeNoMoreThanHalfOfTheTextsOfADay(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*flows.Config){
		"sends_sms_hour": func(c *flows.Config) { c.TextsHour = 20 },
		"sends_sms_day":  func(c *flows.Config) { c.TextsDay = 20 },
		"sends_country":  func(c *flows.Config) { c.CountryBudget = limit.Rate{Burst: 20, Every: 24 * time.Hour} },
		"spend": func(c *flows.Config) {
			c.Spend = flows.Spend{Daily: 2_000_000, Prices: map[string]int64{"*": 100_000}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, oneRun, change)
			known := w.browser().signUpWithPassword(dana, longSecret)
			known.enrolPhoneByPassword(danaPhone)
			w.wait(30*24*time.Hour + 16*time.Hour) // the cap of a day begins anew while there is time in it
			texted := 0
			for i, mule := range w.mules(20) {
				if mule.adds(fmt.Sprintf("+4478%02d000000", i)).refusal == nil {
					texted++
				}
			}
			if texted != 10 {
				t.Errorf("%d new numbers were texted", texted)
			}
			known.stepsUp()
		})
	}
}

func TestAThiefOfThePasswordCannotSpendTheOwnersMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oneRun, func(c *flows.Config) { c.AccountSendBudget = limit.Rate{Burst: 3, Every: 24 * time.Hour} })
	owner := w.browser().signUpWithPassword(dana, longSecret)
	owner.enrolPhoneByPassword(danaPhone)
	w.wait(48 * time.Hour)
	w.demand = policy.Floor
	owner.cookie = ""
	owner.signInWithCode(dana).at(flows.Done)
	thief := w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
	refused := 0
	for range 120 {
		w.demand = policy.Need(policy.OTP, 0)
		for _, f := range []policy.Factor{policy.EmailCode, policy.SMSCode} {
			if thief.start(flows.StepUp, flows.Open{}).submit(flows.SendCode{Factor: f}); thief.refusal != nil {
				refused++
			}
		}
		w.wait(19 * time.Second)
	}
	if refused < 100 {
		t.Errorf("only %d of the thief's were refused", refused)
	}
	w.demand = policy.Floor
	owner.cookie = ""
	owner.start(flows.SignIn, flows.Identify{Email: dana}).at(flows.AskCode)
}

func TestATaggedAddressHasTheBudgetOfItsMailbox(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oneRun)
	sent := w.sent()
	for i := range 20 {
		w.browser().start(flows.SignIn, flows.Identify{Email: fmt.Sprintf("victim+%d@example.com", i)})
	}
	if n := w.sent() - sent; n != w.engine.SendBudget.Burst {
		t.Errorf("%d mails", n)
	}
}

func TestARightPasswordIsKeptWhereTheNextCodeCannotBeSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oneRun, func(c *flows.Config) { c.HardCap = 10 })
	w.browser().signUpWithPassword(dana, longSecret)
	w.wait(48 * time.Hour)
	for range w.engine.SendBudget.Burst { // a stranger
		w.browser().start(flows.SignIn, flows.Identify{Email: dana}).at(flows.AskCode)
	}
	w.demand = policy.Need(policy.OTP, 0)
	var b *browser
	for range 8 { // each from a new browser, and none of them a wrong try
		b = w.browser().start(flows.SignIn, flows.Identify{Email: dana, ByPassword: true}).at(flows.AskPassword)
		b.submit(flows.GivePassword{Password: longSecret}).refused(flows.TooManySends)
		if b.view.Step != flows.AskCode {
			t.Fatalf("at %q", b.view.Step)
		}
	}
	if b.took(w.engine.Look(t.Context(), b.caller(), b.flow)); b.view.Delivery != flows.DeliveryFailed {
		t.Errorf("delivery %q", b.view.Delivery)
	}
	w.wait(time.Hour)
	b.start(flows.SignIn, flows.Identify{Email: dana, ByPassword: true}).submit(flows.GivePassword{Password: longSecret}).at(flows.AskCode)
	if b.view.Delivery != flows.DeliveryUnderWay {
		t.Errorf("delivery %q", b.view.Delivery)
	}
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.Done)
}

func TestAResetIsKeptWhereTheNextCodeCannotBeSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oneRun, func(c *flows.Config) { c.NumberBudget = once })
	w.browser().signUpWithPassword(dana, longSecret).enrolPhoneByPassword(danaPhone)
	w.wait(25 * time.Hour)
	other := w.browser()
	other.stepsUp() // which takes the only text
	b := w.browser().start(flows.Reset, flows.Identify{Email: dana}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.AskNewPassword)
	b.submit(flows.SetPassword{Password: newSecret}).refused(flows.TooManySends)
	w.demand = policy.Floor
	w.browser().signInWithPassword(dana, longSecret).refused(flows.PairWrong)
	w.browser().signInWithPassword(dana, newSecret).at(flows.Done)
}
