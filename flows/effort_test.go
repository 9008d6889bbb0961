package flows_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/puzzle"
	"github.com/stepgate/stepgate/policy"
)

const office = "198.51.100.0/24"

// effort is one attempt by a browser that shows the given effort.
func (b *browser) effort(what, effort string) *flows.Refusal {
	b.t.Helper()
	c := b.caller()
	c.Effort = effort
	var refusal *flows.Refusal
	if err := b.engine.RequireEffort(b.t.Context(), c, what, nil); err != nil && !errors.As(err, &refusal) {
		b.t.Fatal(err)
	}
	return refusal
}

// puzzle is what a browser that has made no effort is asked to solve.
func (b *browser) puzzle(what string) string {
	b.t.Helper()
	refusal := b.effort(what, "")
	if refusal == nil || refusal.Code != flows.EffortNeeded || refusal.Wait != 30*time.Second || refusal.Puzzle == "" || strings.Contains(refusal.Puzzle, ":") {
		b.t.Fatalf("without an effort: %+v", refusal)
	}
	return refusal.Puzzle
}

func (w *world) inOffice() *browser {
	b := w.browser()
	b.network = office
	return b
}

func TestASolvedPuzzleIsAnEffortOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.inOffice()
	text := b.puzzle("send")
	solved := text + ":" + puzzle.Solve(text)
	if refusal := b.effort("password", solved); refusal == nil {
		t.Error("a puzzle for sending is good for a password")
	}
	elsewhere := w.browser()
	elsewhere.network = "203.0.113.0/24"
	if refusal := elsewhere.effort("send", solved); refusal == nil {
		t.Error("a puzzle is good in another network")
	}
	if refusal := b.effort("send", solved); refusal != nil {
		t.Fatalf("a solved puzzle is refused: %v", refusal)
	}
	for range 2 {
		refusal := b.effort("send", solved)
		if refusal == nil || refusal.Code != flows.EffortNeeded || refusal.Puzzle == text {
			t.Errorf("a puzzle that was used: %+v", refusal)
		}
	}
	w.wait(31 * time.Second)
	if refusal := b.effort("send", text+":"); refusal == nil {
		t.Error("a puzzle that was solved is waited for as well")
	}
}

func TestWhateverElseIsShownIsNoEffort(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.inOffice()
	text := b.puzzle("send")
	solution := puzzle.Solve(text)
	for _, effort := range []string{
		":", text, text + ":", ":" + solution, text + ":1,2,3", text + " :" + solution, text + ":" + solution + ":", text + ":" + solution + ",1",
		solution + ":" + text, text[1:] + ":" + solution, text + ":" + solution + strings.Repeat(" ", 1000), strings.Repeat("x", 1<<16),
	} {
		if refusal := b.effort("send", effort); refusal == nil || refusal.Code != flows.EffortNeeded {
			t.Errorf("%.60q: %+v", effort, refusal)
		}
	}
	if refusal := b.effort("send", text+":"+solution); refusal != nil {
		t.Errorf("attempts that failed used the puzzle up: %v", refusal)
	}
}

func TestWaitingHalfAMinuteIsAnEffortToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.inOffice()
	text := b.puzzle("password")
	w.wait(30*time.Second - time.Millisecond)
	if refusal := b.effort("password", text+":"); refusal == nil {
		t.Error("nobody waited for it")
	}
	w.wait(2 * time.Millisecond)
	if refusal := b.effort("password", text+":"); refusal != nil {
		t.Errorf("after half a minute: %v", refusal)
	}
	if refusal := b.effort("password", text+":"); refusal == nil {
		t.Error("one wait is good twice")
	}
	late := b.puzzle("password")
	w.wait(10 * time.Minute)
	if refusal := b.effort("password", late+":"); refusal == nil {
		t.Error("a wait is good for ever")
	}
}

// Whoever collects puzzles and waits for all of them at once has gained little.
func TestANetworkCannotWaitForManyPuzzlesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.inOffice()
	var collected []string
	for range 100 {
		collected = append(collected, b.puzzle("send"))
	}
	w.wait(40 * time.Second)
	taken := 0
	for _, text := range collected {
		if b.effort("send", text+":") == nil {
			taken++
		}
	}
	if taken != 20 {
		t.Errorf("%d of 100 waits were taken at once, want 20", taken)
	}
	solved := collected[99]
	if refusal := b.effort("send", solved+":"+puzzle.Solve(solved)); refusal != nil {
		t.Errorf("who computes waits with the others: %v", refusal)
	}
	w.wait(5 * time.Second)
	if refusal := b.effort("send", collected[98]+":"); refusal != nil {
		t.Errorf("nobody may wait any more: %v", refusal)
	}
}

func TestOfManyUsesOfOneEffortAtOnceOneSucceeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.inOffice()
	text := b.puzzle("send")
	effort := text + ":" + puzzle.Solve(text)
	taken := 0
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			c := w.inOffice().caller()
			c.Effort = effort
			if err := w.engine.RequireEffort(t.Context(), c, "send", nil); err == nil {
				mu.Lock()
				defer mu.Unlock()
				taken++
			}
		})
	}
	wg.Wait()
	if taken != 1 {
		t.Errorf("one effort was taken %d times", taken)
	}
}

func TestAnEffortForWhatIsRefusedIsNotSpent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.inOffice()
	text := b.puzzle("send")
	effort := text + ":" + puzzle.Solve(text)
	c := b.caller()
	c.Effort = effort
	for range 3 {
		no := &flows.Refusal{Code: flows.TooManySends}
		if err := w.engine.RequireEffort(t.Context(), c, "send", no); !errors.Is(err, no) {
			t.Fatal(err)
		}
	}
	if refusal := b.effort("send", effort); refusal != nil {
		t.Errorf("it was spent on what was not done: %v", refusal)
	}
}

func TestAClientIsAskedForNoEffortAndGoesOnUntilABudgetIsSpent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oneRun, func(c *flows.Config) { c.EmailsHour = 50 })
	w.wait(time.Minute)
	sent := 0
	for i := range 60 {
		app := w.native()
		app.network = fmt.Sprintf("192.0.%d.0/24", i)
		app.start(flows.SignUp, flows.Identify{Email: fmt.Sprintf("person%d@example.com", i)}).submit(flows.SendCode{Factor: policy.EmailCode})
		if app.refusal == nil {
			sent++
			continue
		}
		if app.refused(flows.TooManySends); app.refusal.Wait != 59*time.Minute || app.refusal.Puzzle != "" {
			t.Fatalf("%+v", app.refusal)
		}
	}
	if sent != 45 {
		t.Errorf("%d were sent", sent)
	}
}

func TestAnUnknownNetworkMakesItsEffortsLikeAnyOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	var all []string
	for range 30 {
		all = append(all, b.puzzle("send"))
	}
	w.wait(time.Minute)
	for i, text := range all { // strangers to each other: they share no budget
		if refusal := b.effort("send", text+":"); refusal != nil {
			t.Errorf("wait %d: %v", i, refusal)
		}
	}
}

// Whoever has just proved a factor is no stranger: otherwise the code or password that was
// right would have to be given again with the effort.
func TestWhoHasProvedSomethingInTheFlowMakesNoEffort(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) { c.EmailsHour = 10 })
	w.browser().signUpWithPassword(dana, longSecret)
	for i := range 8 {
		w.browser().start(flows.SignIn, flows.Identify{Email: string(rune('a'+i)) + "@example.com"})
	}
	w.browser().start(flows.SignIn, flows.Identify{Email: dana}).refused(flows.EffortNeeded)
	w.demand = policy.Need(policy.OTP, 0)
	w.browser().signInWithPassword(dana, longSecret).at(flows.AskCode)
}
