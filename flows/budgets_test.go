package flows_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/flows/puzzle"
	"github.com/stepgate/stepgate/policy"
)

// once is a budget of one that does not come back while a test runs.
var (
	once  = limit.Rate{Burst: 1, Every: 24 * time.Hour}
	twice = limit.Rate{Burst: 2, Every: 24 * time.Hour}
)

// texter is a signed-in person whose account texts the number of a phone at each step-up.
func (w *world) texter(email, phone string) *browser {
	w.t.Helper()
	b := w.browser().signUpWithCode(email).enrolPhone(phone)
	w.wait(48 * time.Hour)
	w.demand = policy.Floor
	b.cookie = ""
	return b.signInWithCode(email).at(flows.Done)
}

func (b *browser) text() *flows.Refusal {
	b.t.Helper()
	b.demand = policy.Need(policy.SMSProof, time.Second)
	b.start(flows.StepUp, flows.Open{}).at(flows.Confirm)
	b.submit(flows.SendCode{Factor: policy.SMSCode})
	b.demand = policy.Floor
	return b.refusal
}

func TestEveryBudgetOfTextMessagesHoldsAlsoForDevicesThatAreKnown(t *testing.T) {
	t.Parallel()
	one, other, third := "+12025550123", "+12025550145", "+12125550123"
	for name, row := range map[string]struct {
		change func(*flows.Config)
		second string // the number of whom it refuses
		code   flows.RefusalCode
		wait   time.Duration // at the most
	}{
		"sends_account":  {func(c *flows.Config) { c.AccountSendBudget = twice }, one, flows.TooManySends, 24 * time.Hour},
		"sends_number":   {func(c *flows.Config) { c.NumberBudget = once }, one, flows.TooManySends, 24 * time.Hour},
		"sends_prefix":   {func(c *flows.Config) { c.PrefixBudget = twice }, other, flows.NumberPaused, 24 * time.Hour},
		"sends_country":  {func(c *flows.Config) { c.CountryBudget = twice }, third, flows.NumberPaused, 24 * time.Hour},
		"sends_sms_hour": {func(c *flows.Config) { c.TextsHour = 2 }, third, flows.NumberPaused, time.Hour},
		"sends_sms_day":  {func(c *flows.Config) { c.TextsDay = 1 }, third, flows.NumberPaused, 15 * time.Hour},
		"spend": {func(c *flows.Config) {
			c.Spend = flows.Spend{Daily: 1_000_000, Prices: map[string]int64{"US": 600_000, "*": 100_000}}
		}, third, flows.NumberPaused, 15 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, row.change)
			w.site.Countries = []string{"US"}
			a := w.texter(dana, one)
			b := a
			if row.second != one {
				b = w.texter("kim@example.com", row.second)
				a.cookie = ""
				a.signInWithCode(dana).at(flows.Done)
			}
			w.wait(24 * time.Hour)
			for _, x := range []*browser{a, b} {
				x.cookie = ""
				x.signInWithCode(map[bool]string{true: dana, false: "kim@example.com"}[x == a]).at(flows.Done)
			}
			sent := w.codes()
			var refusal *flows.Refusal
			for range 3 {
				if a != b {
					a.text()
				}
				if refusal = b.text(); refusal != nil {
					break
				}
				w.wait(time.Minute)
			}
			if refusal == nil || refusal.Code != row.code || refusal.Wait <= 0 || refusal.Wait > row.wait {
				t.Fatalf("%d texts, then %+v; want %s within %v", w.codes()-sent, refusal, row.code, row.wait)
			}
			if b.view.Step != flows.Confirm || b.view.Flow == "" {
				t.Errorf("the flow is at %q; its other ways are gone", b.view.Step)
			}
			if n := w.codes() - sent; n > 3 {
				t.Errorf("%d texts were sent", n)
			}
			w.wait(48 * time.Hour)
			b.cookie = ""
			b.signInWithCode(map[bool]string{true: dana, false: "kim@example.com"}[b == a]).at(flows.Done)
			if again := b.text(); again != nil {
				t.Errorf("two days later: %+v", again)
			}
		})
	}
}

func TestAllMailHasAStrictCapPerHourAndDay(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		change func(*flows.Config)
		wait   time.Duration
	}{
		"hour": {func(c *flows.Config) { c.EmailsHour = 10 }, 59 * time.Minute},
		"day":  {func(c *flows.Config) { c.EmailsDay = 10 }, 15*time.Hour - time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, row.change)
			w.wait(time.Minute)
			owner := w.browser().signUpWithCode("kim@example.com")
			for i := range strangersShare(10) - 1 {
				b := w.browser()
				b.try(flows.SignIn, flows.Identify{Email: fmt.Sprintf("person%d@example.com", i)}).at(flows.AskCode)
			}
			b := w.browser()
			b.try(flows.SignIn, flows.Identify{Email: dana}).refused(flows.TooManySends)
			owner.start(flows.SignIn, flows.Identify{Email: "kim@example.com"}).at(flows.AskCode) // the last tenth is for whom accounts know
			owner.start(flows.SignIn, flows.Identify{Email: "kim@example.com"}).refused(flows.TooManySends)
			b.try(flows.SignIn, flows.Identify{Email: dana}).refused(flows.TooManySends)
			if b.refusal.Wait != row.wait {
				t.Errorf("wait %v, want %v", b.refusal.Wait, row.wait)
			}
			w.wait(row.wait)
			w.browser().try(flows.SignIn, flows.Identify{Email: dana}).at(flows.AskCode)
		})
	}
}

// strangersShare is how much of a budget strangers may spend: a tenth less than all of
// it, of each part where it is kept in parts.
func strangersShare(most int) int { return map[int]int{7: 7, 10: 9, 130: 118, 299: 270}[most] }

// try starts a flow, with an effort if that is asked for.
func (b *browser) try(kind flows.Kind, in flows.Input) *browser {
	b.t.Helper()
	if b.start(kind, in); b.refusal != nil && b.refusal.Code == flows.EffortNeeded {
		b.took(b.engine.Start(b.t.Context(), b.solving(), kind, b.aim(), in))
	}
	return b
}

// solving is the caller with the answer to the puzzle of the last refusal.
func (b *browser) solving() flows.Caller {
	c := b.caller()
	c.Effort = b.refusal.Puzzle + ":" + puzzle.Solve(b.refusal.Puzzle)
	return c
}

func TestOperatorsHearOnceAnHourThatABudgetForAllIsSpent(t *testing.T) {
	t.Parallel()
	var told []string
	w := newWorld(t, func(c *flows.Config) {
		c.EmailsHour = 10
		c.Observe = func(i flows.Incident) { told = append(told, string(i.Kind)+" "+i.Budget) }
	})
	for i := range 20 {
		w.browser().try(flows.SignIn, flows.Identify{Email: fmt.Sprintf("person%d@example.com", i)})
	}
	want := []string{"budget_near sends_email_hour", "budget_spent sends_email_hour"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	w.wait(time.Hour)
	for i := range 20 {
		w.browser().try(flows.SignIn, flows.Identify{Email: fmt.Sprintf("other%d@example.com", i)})
	}
	if !slices.Equal(told, append(want, want...)) {
		t.Errorf("an hour later told %q", told)
	}
}

func TestOperatorsHearOfABudgetThatRefusesAlsoWhereItsLastActDidNotSpendItAll(t *testing.T) {
	t.Parallel()
	var told []string
	w := newWorld(t, func(c *flows.Config) {
		c.Spend = flows.Spend{Daily: 1_000_000, Prices: map[string]int64{"*": 300_000}}
		c.Observe = func(i flows.Incident) { told = append(told, string(i.Kind)+" "+i.Budget) }
	})
	w.wait(time.Minute)
	for i := range 4 {
		b := w.browser().signUpWithCode(fmt.Sprintf("person%d@example.com", i))
		w.demand = policy.Need(policy.SMSProof, 0)
		b.start(flows.StepUp, flows.Open{}).adds(fmt.Sprintf("+4477009%05d", i*10007))
		w.demand = policy.Floor
	}
	if !slices.Contains(told, "budget_spent spend") {
		t.Errorf("told %q", told)
	}
}

func TestOperatorsAndNobodyElseHearOfAPausedPrefix(t *testing.T) {
	t.Parallel()
	var told []flows.Incident
	w := newWorld(t, func(c *flows.Config) {
		c.Observe = func(i flows.Incident) { told = append(told, i) }
	})
	enrol := func(i int) *browser {
		w.demand = policy.Floor
		b := w.browser().signUpWithCode(fmt.Sprintf("mule%d@example.com", i))
		w.demand = policy.Need(policy.SMSProof, 0)
		return b.start(flows.StepUp, flows.Open{}).at(flows.AskPhone)
	}
	w.site.Countries = []string{"GB", "US"}
	owner := w.texter(dana, danaPhone)
	for i := range 10 {
		enrol(i).submit(flows.GivePhone{Phone: fmt.Sprintf("+4477009001%02d", i)}).at(flows.AskCode)
	}
	late := enrol(10)
	late.submit(flows.GivePhone{Phone: "+447700900199"}).refused(flows.NumberPaused)
	if late.view.Step != flows.AskPhone || late.refusal.Wait != time.Hour {
		t.Errorf("at %q, wait %v", late.view.Step, late.refusal.Wait)
	}
	if want := (flows.Incident{Kind: flows.PrefixPaused, Prefix: "+44770090", Country: "GB", Until: w.clock().Add(time.Hour)}); !slices.Equal(told, []flows.Incident{want}) {
		t.Errorf("told %+v, want %+v", told, want)
	}
	late.submit(flows.GivePhone{Phone: "+12025550123"}).at(flows.AskCode) // another range
	if refusal := owner.text(); refusal != nil {
		t.Errorf("a number that is somebody's is paused as well: %+v", refusal)
	}
	w.wait(time.Hour)
	enrol(11).submit(flows.GivePhone{Phone: "+447700900198"}).at(flows.AskCode)
}

func TestASprayOfPasswordsEndsPerNetworkAndCostsEffortsInTotal(t *testing.T) {
	t.Parallel()
	wrongAt := func(w *world, network, email string) *browser {
		b := w.browser()
		b.network = network
		b.start(flows.SignIn, flows.Identify{Email: email, ByPassword: true}).at(flows.AskPassword)
		return b.submit(flows.GivePassword{Password: "not it, not at all"})
	}
	t.Run("per network", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(c *flows.Config) { c.PasswordNetworkBudget = limit.Rate{Burst: 5, Every: time.Hour} })
		w.browser().signUpWithPassword(dana, longSecret)
		w.wait(time.Hour)
		owner := w.browser()
		owner.network = "198.51.100.0/24"
		for range 10 { // a right password costs a network nothing
			owner.cookie = ""
			owner.signInWithPassword(dana, longSecret).at(flows.Done)
		}
		for i := range 5 {
			wrongAt(w, "198.51.100.0/24", fmt.Sprintf("person%d@example.com", i)).refused(flows.PairWrong)
		}
		wrongAt(w, "198.51.100.0/24", "person9@example.com").refused(flows.TooManyTries)
		wrongAt(w, "203.0.113.0/24", "person9@example.com").refused(flows.PairWrong)
		owner.cookie = ""
		owner.signInWithPassword(dana, longSecret).at(flows.Done) // a known device in the same network
		stranger := w.browser()
		stranger.network = "198.51.100.0/24"
		stranger.signInWithPassword(dana, longSecret).refused(flows.TooManyTries)
	})
	t.Run("in total", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(c *flows.Config) { c.PasswordTotalBudget = limit.Rate{Burst: 10, Every: time.Hour} })
		owner := w.browser().signUpWithPassword(dana, longSecret)
		owner.cookie = ""
		owner.signInWithPassword(dana, longSecret).at(flows.Done)
		for i := range 7 {
			wrongAt(w, fmt.Sprintf("192.0.%d.0/24", i), fmt.Sprintf("person%d@example.com", i)).refused(flows.PairWrong)
		}
		for i := range 20 { // whoever makes the effort is judged, however much is spent
			b := wrongAt(w, fmt.Sprintf("192.1.%d.0/24", i), fmt.Sprintf("other%d@example.com", i)).refused(flows.EffortNeeded)
			b.took(w.engine.Submit(t.Context(), b.solving(), b.flow, flows.GivePassword{Password: "not it, not at all"}))
			b.refused(flows.PairWrong)
		}
		owner.cookie = ""
		owner.signInWithPassword(dana, longSecret).at(flows.Done)
		app := w.native()
		app.start(flows.SignIn, flows.Identify{Email: dana, ByPassword: true}).submit(flows.UsePassword{})
		app.submit(flows.GivePassword{Password: longSecret}).refused(flows.TooManyTries)
		w.wait(time.Hour)
		app = w.native()
		app.start(flows.SignIn, flows.Identify{Email: dana, ByPassword: true}).submit(flows.UsePassword{})
		app.submit(flows.GivePassword{Password: longSecret}).at(flows.Done)
	})
}

func TestOneNetworkCreatesFewAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) { c.SignUpBudget = limit.Rate{Burst: 3, Every: time.Hour} })
	signUp := func(i int, network string) *browser {
		email := fmt.Sprintf("person%d@example.com", i)
		b := w.browser()
		b.network = network
		b.start(flows.SignUp, flows.Identify{Email: email}).submit(flows.GiveCode{Code: b.code(email)}).at(flows.AskNewPassword)
		return b.submit(flows.SkipPassword{})
	}
	for i := range 3 {
		signUp(i, "198.51.100.0/24").at(flows.Done)
	}
	late := signUp(3, "198.51.100.0/24").refused(flows.TooManyTries)
	if late.refusal.Wait != time.Hour || late.view.Step != flows.AskNewPassword {
		t.Errorf("wait %v at %q", late.refusal.Wait, late.view.Step)
	}
	signUp(4, "203.0.113.0/24").at(flows.Done)
	w.wait(time.Hour - 1)
	signUp(5, "198.51.100.0/24").refused(flows.TooManyTries)
	w.wait(1)
	signUp(6, "198.51.100.0/24").at(flows.Done)
}

// A cap on all mail is kept in parts, and must add up whichever of them pay.
func TestACapOnAllMailIsExactHoweverManyAskAtOnce(t *testing.T) {
	t.Parallel()
	for _, most := range []int{7, 130, 299} {
		var near, spent int
		var told sync.Mutex
		w := newWorld(t, func(c *flows.Config) {
			c.EmailsDay = most
			c.Observe = func(i flows.Incident) {
				told.Lock()
				defer told.Unlock()
				switch i.Kind {
				case flows.BudgetNear:
					near++
				case flows.BudgetSpent:
					spent++
				}
			}
		})
		var all sync.WaitGroup
		var sent, refused atomic.Int64
		for i := range 320 {
			all.Go(func() {
				b := w.browser()
				_, err := w.engine.Start(t.Context(), b.caller(), flows.SignIn, flows.Target{ReturnTo: "/"},
					flows.Identify{Email: fmt.Sprintf("person%d@example.com", i)})
				var refusal *flows.Refusal
				switch {
				case err == nil:
					sent.Add(1)
				case errors.As(err, &refusal) && refusal.Code == flows.TooManySends:
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if int(sent.Load()) != strangersShare(most) || sent.Load()+refused.Load() != 320 {
			t.Errorf("%d were sent and %d refused, want %d sent", sent.Load(), refused.Load(), strangersShare(most))
		}
		if near != 1 || spent != 1 {
			t.Errorf("%d: told %d times that it is nearly spent, and %d times that it is", most, near, spent)
		}
	}
}

func TestWhatAFullOutboxRefusesComesBackToTheCapThatPaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) { c.EmailsDay = 130 })
	w.full = true
	for i := range 400 {
		w.browser().start(flows.SignIn, flows.Identify{Email: fmt.Sprintf("person%d@example.com", i)}).refused(flows.SendFailed)
	}
	w.full = false
	for i := range strangersShare(130) {
		w.browser().start(flows.SignIn, flows.Identify{Email: fmt.Sprintf("other%d@example.com", i)}).at(flows.AskCode)
	}
	w.browser().start(flows.SignIn, flows.Identify{Email: dana}).refused(flows.TooManySends)
}
