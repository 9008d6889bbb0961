package flows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

const (
	home = "198.51.100.0/24"
	cafe = "203.0.113.0/24"
)

func (b *browser) from(network string) *browser {
	b.network = network
	return b
}

// withCode steps up by a code to the mailbox.
func (b *browser) withCode() *browser {
	b.t.Helper()
	b.demand = policy.Need(policy.OTP, time.Second)
	b.wait(2 * time.Second)
	b.start(flows.StepUp, flows.Open{}).at(flows.Confirm)
	b.submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.Done)
	b.demand = policy.Floor
	return b
}

func (b *browser) familiar(t *testing.T, device, network bool) {
	t.Helper()
	s := b.session()
	if s.KnownDevice != device || s.FamiliarNetwork(b.network) != network {
		t.Errorf("known device %v, familiar network %v; want %v, %v", s.KnownDevice, s.FamiliarNetwork(b.network), device, network)
	}
}

func TestABrowserAndANetworkBecomeFamiliarByTwoChannelsAndNotByOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().from(home).signUpWithPassword(dana, longSecret).familiar(t, true, true)

	b := w.browser().from(cafe)
	for range 2 { // a thief of the password is a stranger the second time as well
		b.signInWithPassword(dana, longSecret).at(flows.Done)
		b.familiar(t, false, false)
	}
	b.withCode().familiar(t, true, true)
	b.signInWithPassword(dana, longSecret).at(flows.Done)
	b.familiar(t, true, true)
	for range 2 { // nor does a known browser bring its network with it
		b.from("192.0.2.0/24").signInWithPassword(dana, longSecret).at(flows.Done)
		b.familiar(t, true, false)
	}
	b.from("").familiar(t, true, false)

	w.browser().from(cafe).signInWithPassword(dana, longSecret).at(flows.Done).familiar(t, false, true)
}

func TestAPasswordAloneMakesNoPlaceFamiliarInASessionThatHasProvedMoreElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().from(home).member().withCode()
	b.from(cafe).wait(10 * time.Minute)
	b.demand = policy.Need(policy.PasswordProof, time.Minute)
	b.start(flows.StepUp, flows.Open{}).at(flows.Confirm)
	b.submit(flows.UsePassword{}).at(flows.AskPassword)
	b.submit(flows.GivePassword{Password: longSecret}).at(flows.Done)
	b.familiar(t, true, false)
}

func TestWhereAnAccountHasOneChannelASignInMakesTheNextOneFamiliar(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().signUpWithCode(dana)
	b := w.browser().from(cafe)
	b.signInWithCode(dana).at(flows.Done)
	b.familiar(t, false, false)
	w.wait(time.Minute)
	b.signInWithCode(dana).at(flows.Done)
	b.familiar(t, true, true)
}

func TestANetworkIsForgottenWhenItIsNotUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().from(home).member().withCode()
	w.wait(89 * 24 * time.Hour)
	b.signInWithPassword(dana, longSecret).at(flows.Done)
	b.familiar(t, true, true)
	w.wait(91 * 24 * time.Hour)
	b.signInWithPassword(dana, longSecret).at(flows.Done)
	b.familiar(t, true, false)
}

func TestThePolicyIsAskedAboutThePersonTheFlowIsFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.browser().from(home).signUpWithPassword(dana, longSecret).wait(time.Minute)
	b := w.browser().from(cafe)
	b.start(flows.SignIn, flows.Identify{Email: dana, ByPassword: true})
	b.submit(flows.GivePassword{Password: "another one entirely"}).refused(flows.PairWrong)
	b.submit(flows.GivePassword{Password: longSecret}).at(flows.Done)
	switch s := b.who; {
	case s == nil:
		t.Fatal("the policy was asked about nobody")
	case s.Canonical != dana || s.KnownDevice || s.FamiliarNetwork(cafe) || !s.FamiliarNetwork(home) || len(s.Failures) != 1 || s.SID != "":
		t.Errorf("the policy was asked about %+v", s)
	}
	b.start(flows.SignIn, flows.Identify{Email: "nobody@example.com", ByPassword: true})
	b.submit(flows.GivePassword{Password: longSecret}).refused(flows.PairWrong)
	if b.who != nil {
		t.Errorf("for an unknown address the policy was asked about %+v", b.who)
	}
}

func TestWrongTriesAreRecentForAnHourWhereverTheyWereMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser().signUpWithPassword(dana, longSecret)
	recent := func() int { return b.session().RecentFailures(w.clock()) }
	thief := w.browser()
	thief.start(flows.SignIn, flows.Identify{Email: dana, ByPassword: true})
	for i := range 3 {
		if recent() != i {
			t.Errorf("%d wrong tries, %d are known", i, recent())
		}
		thief.submit(flows.GivePassword{Password: "a guess of a thief " + string(rune('a'+i))}).refused(flows.PairWrong)
	}
	thief.start(flows.SignIn, flows.Identify{Email: dana}).at(flows.AskCode)
	thief.submit(flows.GiveCode{Code: wrong(b.code(dana))}).refused(flows.CodeWrong)
	if recent() != 4 {
		t.Errorf("with a wrong code %d are known", recent())
	}
	w.wait(30 * time.Minute)
	w.browser().signInWithPassword(dana, longSecret).at(flows.Done)
	if recent() != 4 {
		t.Errorf("a success has cleared the warning: %d", recent())
	}
	w.wait(30*time.Minute - time.Second)
	if recent() != 4 {
		t.Errorf("within the hour %d are known", recent())
	}
	w.wait(2 * time.Second)
	if recent() != 0 {
		t.Errorf("after an hour %d are known", recent())
	}
}

func TestManyWrongTriesAreCountedUpToABound(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	var at []int64
	for i := range 40 {
		at = append(at, now.Unix()-int64(40-i)*120)
	}
	live := flows.Live{Session: flows.Session{Failures: at}}
	if got := live.RecentFailures(now); got != 29 || !slices.IsSorted(at) {
		t.Errorf("%d of them are of the last hour", got)
	}
}

func TestWhatOneChannelMadeFamiliarIsStrangeAgainOnceThereIsASecond(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := w.browser().from(home).signUpWithCode(dana)
	thief := w.browser().from(cafe) // holds the mailbox
	for range 2 {
		thief.signInWithCode(dana).at(flows.Done)
		w.wait(time.Minute)
	}
	thief.familiar(t, true, true)
	owner.enrolPhone(danaPhone)
	w.wait(time.Minute)
	thief.signInWithCode(dana).at(flows.Done)
	thief.familiar(t, false, false)
	owner.familiar(t, true, true)
}
