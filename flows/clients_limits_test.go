package flows_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

func TestACodeCannotBeAskedForBeforeItsTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.native().start(flows.SignUp, flows.Identify{Email: dana})
	b.submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
	first := b.code(dana)
	b.submit(flows.Resend{}).refused(flows.ResendTooSoon)
	b.submit(flows.SendCode{Factor: policy.EmailCode}).at(flows.AskCode)
	if b.code(dana) != first {
		t.Fatal("a code was replaced within moments")
	}
	w.wait(31 * time.Second)
	b.submit(flows.Resend{}).at(flows.AskCode)
	b.submit(flows.GiveCode{Code: first}).refused(flows.CodeWrong)
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.AskNewPassword)
}

func TestAskingWhoHasAnAccountIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) { c.WorkBudget.Burst, c.WorkBudget.Every = 20, time.Minute })
	b := w.native()
	b.client.Reveal, b.network = true, "198.51.100.0/24"
	for range 20 {
		b.start(flows.SignIn, flows.Identify{Email: "nobody@example.com"}).refused(flows.UserUnknown)
	}
	b.start(flows.SignIn, flows.Identify{Email: "nobody@example.com"}).refused(flows.TooManyTries)
}

func TestNoClientHasGuessesOfItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	from := func(network, id string) *browser {
		b := w.native()
		b.network, b.client.ID = network, id
		return b
	}
	from("198.51.100.0/24", "app").signUpNatively(dana, flows.Identify{Password: longSecret}).at(flows.Ready)
	for _, network := range []string{"198.51.100.0/24", "203.0.113.0/24"} {
		from(network, "app").signInNatively(dana, longSecret).at(flows.Done)
		from(network, "other").signInNatively(dana, longSecret).at(flows.Done)
	}
	guesses := 0
	for i := range 60 {
		b := from([]string{"198.51.100.0/24", "203.0.113.0/24", ""}[i%3], []string{"app", "other"}[i%2])
		if b.signInNatively(dana, "wrong wrong wrong"); b.refusal.Code == flows.PairWrong {
			guesses++
		}
	}
	if guesses > 10 {
		t.Fatalf("%d guesses at once", guesses)
	}
}

func TestOneNetworkBeginsOnlySoMuch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) { c.WorkBudget.Burst, c.WorkBudget.Every = 5, time.Minute })
	for _, kind := range []flows.Kind{flows.SignIn, flows.SignUp, flows.Reset} {
		network := "198.51.100.0/24 " + string(kind)
		b := w.native()
		b.network = network
		for i := range 5 {
			b.start(kind, flows.Identify{Email: fmt.Sprintf("p%d@example.com", i)}).at(flows.Choose)
		}
		b.start(kind, flows.Identify{Email: "p6@example.com"}).refused(flows.TooManyTries)
		other := w.native()
		other.network = "203.0.113.0/24 " + string(kind)
		other.start(kind, flows.Identify{Email: "p6@example.com"}).at(flows.Choose)
		w.wait(time.Minute)
		b.start(kind, flows.Identify{Email: "p6@example.com"}).at(flows.Choose)
	}
}

func TestOneNetworkHasOnlySoManyPasswordsHashed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *flows.Config) { c.WorkBudget.Burst, c.WorkBudget.Every = 5, time.Hour })
	owner := w.browser().signUpWithPassword(dana, longSecret)
	b := w.browser()
	b.network = "198.51.100.0/24"
	b.start(flows.SignIn, flows.Identify{Email: "p@example.com", ByPassword: true}).at(flows.AskPassword)
	for i := range 5 {
		b.submit(flows.GivePassword{Email: fmt.Sprintf("p%d@example.com", i), Password: longSecret}).refused(flows.PairWrong)
	}
	b.submit(flows.GivePassword{Email: "p6@example.com", Password: longSecret}).refused(flows.TooManyTries)
	// Whoever has signed in from their device before is not in that crowd.
	owner.signInWithPassword(dana, longSecret).at(flows.Done)
	owner.network = "198.51.100.0/24"
	owner.start(flows.SignIn, flows.Identify{Email: dana, ByPassword: true}).at(flows.AskPassword)
	owner.submit(flows.GivePassword{Password: longSecret}).at(flows.Done)
}

func TestWhatIsKeptBeforeAnythingIsProvedIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	values := map[string]string{}
	for i := range 32 {
		name := fmt.Sprintf("a%d", i)
		w.site.Attributes = append(w.site.Attributes, flows.Attribute{Name: name, Label: "x", Type: flows.AttributeText})
		values[name] = strings.Repeat("é", 256)
	}
	w.native().start(flows.SignUp, flows.Identify{Email: dana, Attributes: values}).refused(flows.AttributesInvalid)
}

func TestAPasswordThatWasBroughtIsNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kept := func() (n int) {
		err := w.engine.Store.View(t.Context(), func(tx store.Tx) error {
			n = 0
			return tx.Scan("1/flow/", func(_ string, value []byte) error {
				if bytes.Contains(value, []byte(`"given"`)) {
					n++
				}
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	b := w.native().start(flows.SignUp, flows.Identify{Email: dana, Password: longSecret})
	if kept() != 1 {
		t.Fatal("nothing was kept")
	}
	b.submit(flows.SendCode{Factor: policy.EmailCode})
	b.submit(flows.GiveCode{Code: b.code(dana)}).at(flows.Ready)
	if kept() != 0 {
		t.Fatal("kept after the account was made")
	}
	w.native().signUpNatively(dana, flows.Identify{Password: longSecret}).at(flows.Ready)
	if kept() != 0 {
		t.Fatal("kept for an account that there was")
	}
}
