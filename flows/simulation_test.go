package flows_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// An attacker who knows the password, and so may ask for codes on every channel, guesses
// at one account for a day: with as many browsers, networks, flows, clients, step-ups,
// changes and resets as they like. Nothing but the account's own budgets may be in their way, so
// the others are lifted, and every code is judged as long as one is.
func TestADayOfGuessingAtOneAccountSucceedsOnceInTenThousandAtMost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sendMuch, oneRun, func(c *flows.Config) {
		c.NumberBudget = limit.Rate{Burst: 1000, Every: time.Second}
		c.PrefixBudget = c.NumberBudget
		c.PasswordBudget = limit.Rate{Burst: 100_000, Every: time.Millisecond}
		c.PasswordNetworkBudget, c.PasswordTotalBudget = c.PasswordBudget, c.PasswordBudget
		c.EmailsHour, c.EmailsDay, c.TextsHour, c.TextsDay = 1_000_000, 1_000_000, 1_000_000, 1_000_000
		c.CountryBudget = c.PasswordBudget
	})
	w.browser().signUpWithPassword(dana, longSecret).enrolPhoneByPassword(danaPhone)
	w.wait(24 * time.Hour)

	judged, refusals := 0, map[flows.RefusalCode]int{}
	guess := func(b *browser) {
		for b.refusal == nil && b.view.Step == flows.AskCode {
			to := dana
			if b.view.Factor == policy.SMSCode {
				to = danaPhone
			}
			right, found := w.newest(to)
			if !found {
				return
			}
			if b.submit(flows.GiveCode{Code: wrong(right)}); b.refusal == nil {
				t.Fatal("a wrong code was taken")
			}
			refusals[b.refusal.Code]++
			switch b.refusal.Code {
			case flows.CodeWrong:
				judged++
				b.refusal = nil
			case flows.CodeSpent:
				judged++
			}
		}
	}
	attacker := func(i int) *browser {
		b := w.browser()
		b.network = fmt.Sprintf("192.0.%d.0/24", i%250)
		return b
	}
	stepUp := func(b *browser, f policy.Factor) {
		w.demand = policy.Need(policy.OTP, time.Second)
		guess(b.start(flows.StepUp, flows.Open{}).submit(flows.SendCode{Factor: f}))
		w.demand = policy.Floor
	}
	dice := rand.New(rand.NewPCG(1, 2))
	for i := range 24 * 8 { // every seven or eight minutes, in all ways at once
		w.demand = policy.Floor
		parallel := []*browser{attacker(i), attacker(i + 1)}
		for _, b := range parallel {
			b.start(flows.SignIn, flows.Identify{Email: dana})
		}
		for _, b := range parallel {
			guess(b)
		}
		guess(attacker(i).start(flows.Reset, flows.Identify{Email: dana}))
		guess(attacker(i).start(flows.SignUp, flows.Identify{Email: " DANA@example.com."}))
		app := w.native()
		app.start(flows.SignIn, flows.Identify{Email: dana}).submit(flows.SendCode{Factor: policy.EmailCode})
		guess(app)
		thief := attacker(i).signInWithPassword(dana, longSecret).at(flows.Done)
		stepUp(thief, policy.SMSCode)
		stepUp(thief, policy.EmailCode)
		guess(thief.change(flows.ChangeEmail).submit(flows.SendCode{Factor: policy.SMSCode}))
		w.wait(time.Duration(dice.Int64N(int64(15 * time.Minute))))
		if dice.IntN(100) == 0 { // the clock of a server is set
			w.wait(-time.Minute)
		}
	}
	elapsed := w.clock().Sub(time.Date(2026, 3, 15, 9, 0, 0, 0, time.UTC))
	limits := w.engine.Limits
	bound := 2 * (limits.CodeBudget.Burst + int(elapsed/limits.CodeBudget.Every))
	if judged > bound {
		t.Errorf("%d guesses were judged in %v, and at most %d may be", judged, elapsed, bound)
	}
	if perChannel := bound / 2; judged < perChannel {
		t.Errorf("%d guesses were judged, refusals %v: the attacker is not trying", judged, refusals)
	}
	if chance := float64(limits.GuessesPerDay()) * math.Pow10(-w.engine.CodeDigits); chance > 1e-4 {
		t.Errorf("a day of guessing succeeds with a probability of %g", chance)
	}
	if refusals[flows.TooManyTries]+refusals[flows.Exhausted] == 0 {
		t.Errorf("nothing was refused: %v", refusals)
	}
	t.Logf("%d guesses were judged in %v; at most %d may be, and %d in a day", judged, elapsed, bound, limits.GuessesPerDay())
}

// oneRun has each transaction run once, and sessions stay warm: these tests are long.
func oneRun(c *flows.Config) {
	c.Store = store.NewMemory()
	c.Cache = flows.NewSessionCache(1000, c.Store, c.Now)
}

// enrolPhoneByPassword adds a phone to an account whose password must be given for it.
func (b *browser) enrolPhoneByPassword(number string) {
	b.t.Helper()
	b.demand = policy.Need(policy.SMSProof, 0)
	b.start(flows.StepUp, flows.Open{}).submit(flows.UsePassword{}).at(flows.AskPassword)
	b.submit(flows.GivePassword{Password: longSecret}).at(flows.AskPhone)
	b.submit(flows.GivePhone{Phone: number}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(number)}).at(flows.Done)
	b.demand = policy.Floor
}

// newest is the code of the newest letter to an address, if it holds one.
func (w *world) newest(to string) (code string, found bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.letters) - 1; i >= 0; i-- {
		if l := w.letters[i]; l.To == to && l.Code != "" {
			return l.Code, true
		}
	}
	return "", false
}

func TestTenThousandEnrolmentsInOneRangeOfNumbersAreTextedNoMoreThanItsBudget(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oneRun, func(c *flows.Config) {
		c.EmailsHour, c.EmailsDay = 1_000_000, 1_000_000
		c.SignUpBudget = limit.Rate{Burst: 100_000, Every: time.Millisecond}
		c.CountryBudget, c.WorkBudget = c.SignUpBudget, c.SignUpBudget
		c.TextsHour, c.TextsDay = 1_000_000, 1_000_000
	})
	const accounts, each = 500, 20
	texted, refusals := 0, map[flows.RefusalCode]int{}
	fraudster := make([]*browser, accounts)
	for i := range fraudster {
		w.demand = policy.Floor
		b := w.browser()
		b.network = fmt.Sprintf("198.18.%d.0/24", i%200)
		b.signUpWithCode(fmt.Sprintf("mule%d@example.com", i))
		w.demand = policy.Need(policy.SMSProof, 0)
		fraudster[i] = b.start(flows.StepUp, flows.Open{}).at(flows.AskPhone)
	}
	begin := w.clock()
	for try := range each {
		for i, b := range fraudster {
			number := fmt.Sprintf("+447700900%03d", (try*accounts+i)%1000)
			before := w.sent()
			b.submit(flows.GivePhone{Phone: number})
			switch {
			case b.refusal != nil:
				refusals[b.refusal.Code]++
			case w.sent() > before:
				texted++
				// Whoever runs the numbers lets some codes come back, so that the breaker
				// sleeps and the budget alone is in the way.
				if texted%2 == 0 {
					b.submit(flows.GiveCode{Code: b.code(number)}).at(flows.Done)
				}
			}
		}
	}
	limits := w.engine.Limits
	// Half of the budget is for numbers that are somebody's.
	bound := limits.PrefixBudget.Burst/2 + int(w.clock().Sub(begin)/limits.PrefixBudget.Every)
	if texted > bound || texted < bound {
		t.Errorf("%d of %d were texted, want the prefix budget's %d: %v", texted, accounts*each, bound, refusals)
	}
	if refusals[flows.NumberPaused] == 0 {
		t.Errorf("refusals: %v", refusals)
	}
}
