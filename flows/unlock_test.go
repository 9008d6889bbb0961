package flows_test

import (
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// closeSoon closes a factor after ten failures in a row, which is all that its rate allows.
func closeSoon(c *flows.Config) { c.HardCap = 10 }

// guess gives wrong codes or passwords for an address until it is closed.
func (b *browser) guess(email string, byPassword bool) {
	b.t.Helper()
	for range 100 {
		b.start(flows.SignIn, flows.Identify{Email: email, ByPassword: byPassword})
		for b.refusal == nil || b.refusal.Code == flows.CodeWrong || b.refusal.Code == flows.PairWrong {
			if byPassword {
				b.submit(flows.GivePassword{Password: "wrong wrong wrong wrong"})
			} else {
				code := "000000"
				if email == dana {
					code = wrong(b.code(dana))
				}
				b.submit(flows.GiveCode{Code: code})
			}
		}
		if b.refusal.Code == flows.Exhausted {
			return
		}
	}
	b.t.Fatal("it was never closed")
}

func TestWhoeverIsClosedOutIsToldAgainForAsLongAsItLasts(t *testing.T) {
	t.Parallel()
	for name, byPassword := range map[string]bool{"codes": false, "passwords": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sendMuch, closeSoon)
			w.browser().signUpWithPassword(dana, longSecret)
			w.wait(24 * time.Hour)
			w.browser().guess(dana, byPassword)
			w.browser().guess(nobody, byPassword)
			first := w.about(dana, flows.NoticeGuessing)
			w.wait(8 * 24 * time.Hour)
			if _, err := w.lookDisown(first.NotMe); err == nil {
				t.Fatal("the first link still works")
			}
			signIn := func(email string) *browser {
				if byPassword {
					return w.browser().signInWithPassword(email, longSecret)
				}
				b := w.browser().start(flows.SignIn, flows.Identify{Email: email}).at(flows.AskCode)
				code := "123456"
				if email == dana {
					code = b.code(dana)
				}
				return b.submit(flows.GiveCode{Code: code})
			}
			for day := range 2 {
				before := w.noticed(dana, flows.NoticeGuessing)
				letters := len(w.records("letter/one/"))
				for range 3 {
					signIn(dana).refused(flows.Exhausted)
					w.wait(time.Minute)
				}
				own := len(w.records("letter/one/")) - letters
				for range 3 {
					signIn(nobody).refused(flows.Exhausted)
				}
				if n := w.noticed(dana, flows.NoticeGuessing) - before; n != 1 {
					t.Errorf("day %d: %d letters", day, n)
				}
				// What is written must not tell who has an account.
				if all := len(w.records("letter/one/")) - letters; own != 1 || all != 2 {
					t.Errorf("day %d: %d were written down for an account, %d with those for none", day, own, all)
				}
				w.wait(25 * time.Hour)
			}
			w.disown(w.about(dana, flows.NoticeGuessing))
			signIn(dana).at(flows.Done)
			if n := w.noticed(nobody, flows.NoticeGuessing); n != 0 {
				t.Errorf("%d letters to an address without an account", n)
			}
		})
	}
}

func TestTheLinkAndTheOperatorOpenAKnownDevicesWayToo(t *testing.T) {
	t.Parallel()
	for name, operator := range map[string]bool{"the link": false, "the operator": true} {
		for factor, byPassword := range map[string]bool{"codes": false, "passwords": true} {
			t.Run(name+", "+factor, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, sendMuch, closeSoon)
				owner := w.browser().signUpWithPassword(dana, longSecret)
				w.wait(24 * time.Hour)
				signIn := func() *browser {
					if byPassword {
						return owner.signInWithPassword(dana, longSecret)
					}
					return owner.signInWithCode(dana)
				}
				owner.cookie = ""
				signIn().at(flows.Done)
				owner.cookie = ""
				owner.guess(dana, byPassword)
				signIn().refused(flows.Exhausted)
				if operator {
					if err := w.engine.Unlock(t.Context(), dana); err != nil {
						t.Fatal(err)
					}
					signIn().at(flows.Done)
					return
				}
				w.disown(w.about(dana, flows.NoticeGuessing))
				signIn().refused(flows.TooManyTries) // what may be tried in a day stays spent
				w.wait(time.Hour)
				signIn().at(flows.Done)
			})
		}
	}
}

// A thief of the password guesses at the phone.
func TestTheLinkOpensTheSecondFactorToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sendMuch, closeSoon, func(c *flows.Config) {
		c.NumberBudget = limit.Rate{Burst: 1000, Every: time.Second}
		c.PrefixBudget = c.NumberBudget
	})
	w.browser().signUpWithPassword(dana, longSecret).enrolPhoneByPassword(danaPhone)
	w.wait(24 * time.Hour)
	stepUp := func() *browser {
		w.demand = policy.Floor
		b := w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
		w.demand = policy.Need(policy.SMSProof, 0)
		return b.start(flows.StepUp, flows.Open{}).submit(flows.SendCode{Factor: policy.SMSCode}).at(flows.AskCode)
	}
	for range 2 {
		thief := stepUp()
		for range 5 {
			thief.submit(flows.GiveCode{Code: wrong(w.letter(danaPhone).Code)})
		}
	}
	w.wait(24 * time.Hour)
	owner := stepUp()
	owner.submit(flows.GiveCode{Code: owner.code(danaPhone)}).refused(flows.Exhausted)
	w.disown(w.about(dana, flows.NoticeGuessing))
	owner = stepUp()
	owner.submit(flows.GiveCode{Code: owner.code(danaPhone)}).at(flows.Done)
}

func TestARecordThatNobodyCanReadKeepsNoOwnerOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithPassword(dana, longSecret)
	devices := w.records("device/")
	err := w.engine.Store.Update(t.Context(), func(tx store.Tx) error {
		for key := range devices {
			if err := tx.Set(key, []byte("poison"), time.Hour); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || len(devices) == 0 {
		t.Fatalf("%d records: %v", len(devices), err)
	}
	if err := w.engine.Unlock(t.Context(), dana); err != nil {
		t.Error(err)
	}
}
