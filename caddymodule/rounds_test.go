package caddymodule

import (
	"fmt"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

func TestTheTableOfRoundsIsSmallAndForgets(t *testing.T) {
	t.Parallel()
	var table rounds
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	if _, ok := table.look(table.key("a"), now); ok {
		t.Error("the empty table knows something")
	}
	once, again := table.key("a"), table.key("a")
	if table.key("ab", "c") == table.key("a", "bc") || once != again {
		t.Error("keys run into one another")
	}
	if new(rounds).key("a") == table.key("a") {
		t.Error("anybody can make the keys")
	}
	first := table.key("first")
	table.put(1, now.Add(time.Second), first)
	if n, ok := table.look(first, now); !ok || n != 1 {
		t.Errorf("%d, %v", n, ok)
	}
	if _, ok := table.look(first, now.Add(time.Second)); ok {
		t.Error("an entry outlives its time")
	}
	for i := range mostRounds - 1 {
		table.put(i, now.Add(time.Hour), table.key(fmt.Sprint(i)))
	}
	if _, ok := table.look(first, now); !ok {
		t.Error("thrown out before the table was full")
	}
	table.put(2, now.Add(time.Hour), first) // is the newest now
	table.put(3, now.Add(time.Hour), table.key("7"))
	table.put(0, now.Add(time.Hour), table.key("another"))
	_, oldest := table.look(table.key("0"), now)
	if n, ok := table.look(first, now); oldest || !ok || n != 2 || len(table.byKey) != mostRounds || table.order.Len() != mostRounds {
		t.Errorf("%d entries, %d in order; the oldest is there: %v; the first: %d, %v", len(table.byKey), table.order.Len(), oldest, n, ok)
	}
	table.drop(first, table.key("nobody"))
	if _, ok := table.look(first, now); ok || table.order.Len() != mostRounds-1 {
		t.Error("not dropped")
	}
}

func TestASessionIsFromTheFutureIfAnythingOfItIs(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	before, after := now.Add(-time.Hour), now.Add(time.Second)
	proved := policy.Proof{}.With(policy.Password, before).With(policy.EmailCode, now)
	for name, c := range map[string]struct {
		session flows.Session
		want    bool
	}{
		"of now":                  {flows.Session{Created: now, Proof: proved}, false},
		"opened later":            {flows.Session{Created: after, Proof: proved}, true},
		"with a proof from later": {flows.Session{Created: before, Proof: proved.With(policy.SMSCode, after)}, true},
	} {
		if got := fromTheFuture(&c.session, now); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
