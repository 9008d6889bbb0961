package flows_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// tallied counts what transactions read and write.
type tallied struct {
	store.Store
	mu    sync.Mutex
	tally map[string]int
}

func (s *tallied) Update(ctx context.Context, fn func(store.Tx) error) error {
	return s.Store.Update(ctx, func(tx store.Tx) error { return fn(tallyTx{tx, s}) })
}

func (s *tallied) View(ctx context.Context, fn func(store.Tx) error) error {
	return s.Store.View(ctx, func(tx store.Tx) error { return fn(tallyTx{tx, s}) })
}

func (s *tallied) note(what, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind, _, _ := strings.Cut(strings.TrimPrefix(key, "1/"), "/")
	s.tally[what+" "+kind]++
}

func (s *tallied) reset() { s.mu.Lock(); defer s.mu.Unlock(); s.tally = map[string]int{} }

type tallyTx struct {
	store.Tx
	of *tallied
}

func (tx tallyTx) Get(key string) ([]byte, error) { tx.of.note("get", key); return tx.Tx.Get(key) }
func (tx tallyTx) Delete(key string) error        { tx.of.note("delete", key); return tx.Tx.Delete(key) }
func (tx tallyTx) Set(key string, value []byte, ttl time.Duration) error {
	tx.of.note("set", key)
	return tx.Tx.Set(key, value, ttl)
}

// An address that has an account is refused by nothing that whoever types it sees: not
// by the page, what it costs, or which tries are left.
func TestAnAddressThatIsTakenLooksAndCostsLikeOneThatIsNot(t *testing.T) {
	t.Parallel()
	type seen struct {
		views   []flows.View
		refused []flows.Refusal
		costs   map[string]int
		posts   int
	}
	try := func(taken, disabled bool) (s seen) {
		counted := &tallied{tally: map[string]int{}}
		w := newWorld(t, func(c *flows.Config) { counted.Store, c.Store = c.Store, counted })
		if taken {
			kim := w.browser().signUpWithCode("kim@example.com")
			if disabled {
				if err := w.engine.SetDisabled(t.Context(), kim.session().User, true); err != nil {
					t.Fatal(err)
				}
			}
			w.wait(24 * time.Hour)
		}
		w.now = time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
		b := accounts["mailbox"](w).change(flows.ChangeEmail).proved().at(flows.AskEmail)
		counted.reset()
		before := w.posted()
		for range 3 {
			for _, in := range []flows.Input{flows.GiveEmail{Email: "kim@example.com"}, flows.Resend{}, flows.GiveCode{Code: "000000"},
				flows.GiveCode{Code: "000001"}, flows.GiveCode{Code: "000002"}, flows.SendCode{Factor: policy.EmailCode}} {
				b.submit(in)
				v := b.view
				v.Flow = ""
				s.views = append(s.views, v)
				if b.refusal != nil {
					s.refused = append(s.refused, *b.refusal)
				}
			}
			w.wait(time.Minute)
		}
		s.costs, s.posts = counted.tally, w.posted()-before
		if notices := w.noticed("kim@example.com", flows.NoticeEmailTaken); taken && notices != 1 || !taken && notices != 0 {
			t.Errorf("taken %v: told %d times", taken, notices)
		}
		for _, l := range w.letters {
			if l.Purpose == flows.NoticeEmailTaken && (l.Code != "" || l.NotMe != "") {
				t.Errorf("the notice holds %q, %q", l.Code, l.NotMe)
			}
		}
		return s
	}
	free := try(false, false)
	for _, disabled := range []bool{false, true} {
		if taken := try(true, disabled); !reflect.DeepEqual(free, taken) {
			t.Errorf("they differ:\n%+v\n%+v", free, taken)
		}
	}
	if free.posts < 3 || len(free.refused) < 9 {
		t.Errorf("nothing was tried: %+v", free)
	}
}

// loaded are dice that can be made to fall alike.
type loaded struct {
	io.Reader
	alike atomic.Bool
}

func (l *loaded) Read(p []byte) (int, error) {
	if !l.alike.Load() {
		return l.Reader.Read(p)
	}
	clear(p)
	return len(p), nil
}

// The notice goes in place of a code that nobody has. Whoever guesses it is still wrong.
func TestNoCodeTakesAnAddressThatIsTaken(t *testing.T) {
	t.Parallel()
	dice := &loaded{Reader: rand.Reader}
	w := newWorld(t, func(c *flows.Config) { c.Rand = dice })
	kim := w.browser().signUpWithCode("kim@example.com")
	b := accounts["mailbox"](w).change(flows.ChangeEmail).proved().at(flows.AskEmail)
	free := w.browser().signUpWithCode("ada@example.com").change(flows.ChangeEmail).at(flows.AskEmail)
	dice.alike.Store(true)
	b.submit(flows.GiveEmail{Email: "kim@example.com"}).at(flows.AskCode)
	free.submit(flows.GiveEmail{Email: "ada@new.example"}).at(flows.AskCode)
	dice.alike.Store(false)
	code := free.code("ada@new.example")
	b.submit(flows.GiveCode{Code: code}).refused(flows.CodeWrong)
	free.submit(flows.GiveCode{Code: code}).at(flows.Done)
	// Even the code of a flow in which the address was still free.
	other := w.browser().signUpWithCode("lee@example.com").change(flows.ChangeEmail).at(flows.AskEmail)
	other.submit(flows.GiveEmail{Email: "new@example.com"}).at(flows.AskCode)
	code = other.code("new@example.com")
	w.browser().signUpWithCode("new@example.com")
	other.submit(flows.GiveCode{Code: code}).refused(flows.FlowGone)
	if other.session().Email != "lee@example.com" || kim.session() != nil && kim.session().Email != "kim@example.com" {
		t.Error("an account has moved")
	}
}

func TestOfTwoAccountsThatWantOneAddressOneGetsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var both [2]*browser
	var codes [2]string
	for i, email := range []string{"kim@example.com", "lee@example.com"} {
		both[i] = w.browser().signUpWithCode(email).change(flows.ChangeEmail).at(flows.AskEmail)
		both[i].submit(flows.GiveEmail{Email: newAddress}).at(flows.AskCode)
		codes[i] = both[i].code(newAddress)
	}
	var wait sync.WaitGroup
	for i, b := range both {
		wait.Go(func() {
			view, err := w.engine.Submit(t.Context(), b.caller(), b.flow, flows.GiveCode{Code: codes[i]})
			if err != nil && !isRefusal(err, flows.FlowGone) {
				t.Error(err)
			}
			both[i].view = view
		})
	}
	wait.Wait()
	won := 0
	for _, b := range both {
		if b.view.Step == flows.Done {
			won++
		}
	}
	if won != 1 || w.count("1/email/") != 2 || w.count("1/user/") != 2 {
		t.Errorf("%d won; there are %d addresses of %d accounts", won, w.count("1/email/"), w.count("1/user/"))
	}
}

// Whoever holds a session must not be able to mail strangers without end, nor may whoever
// has many accounts, nor does moving on to a new address begin the count anew.
func TestAChangeOfAddressIsNoMailBomb(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oneRun)
	b := accounts["mailbox"](w)
	mailed := func(b *browser, tries int, to func(i int) string) (n int) {
		b.change(flows.ChangeEmail)
		for b.view.Step == flows.Confirm {
			b.submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
			b.submit(flows.GiveCode{Code: b.code(b.view.Email)}).at(flows.AskEmail)
		}
		for i := range tries {
			before := w.posted()
			b.submit(flows.GiveEmail{Email: to(i)})
			n += w.posted() - before
			w.wait(31 * time.Second)
		}
		return n
	}
	burst := w.engine.EnrolBudget.Burst
	if n := mailed(b, 9, func(i int) string { return fmt.Sprintf("stranger%d@victim.example", i) }); n != burst {
		t.Errorf("one account mailed %d strangers, and %d is the most", n, burst)
	}
	// It has moved on, and still may not.
	w.wait(w.engine.EnrolBudget.Every)
	b.signInWithCode(dana).at(flows.Done).change(flows.ChangeEmail).at(flows.AskEmail)
	b.submit(flows.GiveEmail{Email: newAddress}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(newAddress)}).at(flows.Done)
	b.change(flows.ChangeEmail).at(flows.AskEmail).submit(flows.GiveEmail{Email: "x@victim.example"}).refused(flows.TooManySends)
	// One stranger gets no more than from sign-ups, from however many accounts, however the
	// address is spelled.
	n := 0
	for i := range 6 {
		mule := w.browser().signUpWithCode(fmt.Sprintf("mule%d@example.com", i))
		n += mailed(mule, 2, func(j int) string { return fmt.Sprintf("one+%d%d@victim.example", i, j) })
	}
	if most := w.engine.SendBudget.Burst + 1; n > most || n < w.engine.SendBudget.Burst {
		t.Errorf("one stranger got %d mails, and %d is the most", n, most)
	}
}

func TestMailsToNewAddressesCountForTheirNetwork(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) { c.NetworkBudget = limit.Rate{Burst: 4, Every: time.Hour} })
	b := w.browser()
	b.signUpWithCode(dana).from(home) // a device that is known
	for i := range 5 {
		b.change(flows.ChangeEmail).at(flows.AskEmail).submit(flows.GiveEmail{Email: fmt.Sprintf("s%d@victim.example", i)})
		if refused := b.refusal != nil; refused != (i == 4) {
			t.Errorf("mail %d: refused %v", i, b.refusal)
		}
	}
}

// Many accounts guess at one mailbox: they have one budget, and that of the address.
func TestGuessesAtANewAddressCountForTheAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sendMuch)
	judged := 0
	for i := range 6 {
		b := w.browser().signUpWithCode(fmt.Sprintf("mule%d@example.com", i))
		b.change(flows.ChangeEmail).at(flows.AskEmail).submit(flows.GiveEmail{Email: "boss@corp.example"}).at(flows.AskCode)
		for range w.engine.CodeTries {
			if b.submit(flows.GiveCode{Code: wrong(w.letter("boss@corp.example").Code)}); b.refusal.Code == flows.CodeWrong || b.refusal.Code == flows.CodeSpent {
				judged++
			}
		}
		if n := b.session().RecentFailures(w.clock()); n != 0 {
			t.Errorf("%d tries at another address count as tries at the account", n)
		}
	}
	if judged != w.engine.CodeBudget.Burst {
		t.Errorf("%d guesses were judged, and %d may be", judged, w.engine.CodeBudget.Burst)
	}
	for _, l := range w.letters {
		if l.Purpose == flows.NoticeGuessing {
			t.Errorf("%s was told of guesses at what is not theirs", l.To)
		}
	}
}

// Guesses at an account follow it: its new address gives nobody another round of them.
func TestWhatWasTriedAtAnAccountFollowsItToItsNewAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sendMuch)
	b := accounts["password"](w)
	for range 2 {
		stranger := w.browser().start(flows.SignIn, flows.Identify{Email: dana}).at(flows.AskCode)
		for range w.engine.CodeTries {
			stranger.submit(flows.GiveCode{Code: wrong(stranger.code(dana))})
		}
	}
	tried := b.session().RecentFailures(w.clock())
	b.change(flows.ChangeEmail).proved().at(flows.AskEmail).submit(flows.GiveEmail{Email: newAddress}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(newAddress)}).at(flows.Done)
	if n := b.session().RecentFailures(w.clock()); n != tried || n != 2*w.engine.CodeTries {
		t.Errorf("%d of %d recent tries are known at the new address", n, tried)
	}
	stranger := w.browser().start(flows.SignIn, flows.Identify{Email: newAddress}).at(flows.AskCode)
	stranger.submit(flows.GiveCode{Code: wrong(stranger.code(newAddress))}).refused(flows.TooManyTries)
}

func TestWhereAccountsAreForSomeDomainsTheyMoveToThoseOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := accounts["mailbox"](w)
	w.site.SignUp, w.site.Domains = flows.SignUpDomains, []string{"example.com", "corp.example"}
	b.change(flows.ChangeEmail).proved().at(flows.AskEmail)
	before := w.posted()
	for _, elsewhere := range []string{newAddress, "dana@sub.corp.example", "dana@corp.example.new.example"} {
		b.submit(flows.GiveEmail{Email: elsewhere}).refused(flows.EmailDomain)
	}
	if b.view.Step != flows.AskEmail || w.posted() != before {
		t.Error("something was sent all the same")
	}
	b.submit(flows.GiveEmail{Email: "dana@CORP.example"}).at(flows.AskCode)
	// Where nobody signs up, people who have an account may move as they like.
	w.site.SignUp = flows.SignUpClosed
	w.wait(time.Minute)
	b.submit(flows.GiveEmail{Email: newAddress}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(newAddress)}).at(flows.Done)
}

// Of a message to a new address nothing is told: whether it came, or bounced, says whether
// it was a code.
func TestNobodyLearnsWhatBecameOfAMailToANewAddress(t *testing.T) {
	t.Parallel()
	for status, before := range map[send.ReceiptStatus]flows.RefusalCode{send.ReceiptRefused: flows.ResendTooSoon, send.ReceiptDelivered: flows.ResendTooSoon} {
		w := newWorld(t)
		b := accounts["mailbox"](w).change(flows.ChangeEmail).proved().at(flows.AskEmail)
		b.submit(flows.GiveEmail{Email: newAddress}).at(flows.AskCode)
		w.receive(w.letter(newAddress), status)
		if b.submit(flows.Resend{}).refused(before); b.view.Delivery != flows.DeliveryUnderWay {
			t.Errorf("told %q", b.view.Delivery)
		}
	}
}

// Codes that were sent before the address changed open nothing after it.
func TestCodesFromBeforeAChangeOfAddressAreWorthNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := accounts["mailbox"](w)
	signIn := w.browser().start(flows.SignIn, flows.Identify{Email: dana}).at(flows.AskCode)
	code := signIn.code(dana)
	newcomer := w.browser().start(flows.SignUp, flows.Identify{Email: newAddress}).at(flows.AskCode)
	newcomer.submit(flows.GiveCode{Code: newcomer.code(newAddress)}).at(flows.AskNewPassword)
	w.wait(time.Minute)
	b.change(flows.ChangeEmail).proved().at(flows.AskEmail).submit(flows.GiveEmail{Email: newAddress}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: b.code(newAddress)}).at(flows.Done)
	signIn.submit(flows.GiveCode{Code: code})
	newcomer.submit(flows.SkipPassword{}).refused(flows.FlowGone)
	if signIn.session() != nil || newcomer.session() != nil || w.count("1/user/") != 1 {
		t.Error("somebody got in")
	}
}
