package flows

import (
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/store"
)

// charge is what one act costs one budget: one of a rate, or some of a quota.
type charge struct {
	key   string
	rate  limit.Rate
	quota limit.Quota // counts unless it is zero
	cost  int64       // of a quota
	at    time.Time
	// parts is in how many the quota is divided, see [charge.part]; 0 and 1: it is whole.
	// took is the one that paid.
	parts, took int
	// refusal is told when the budget is spent.
	refusal RefusalCode
	// shared names, in the words of the configuration, a budget that is one for everybody;
	// see [Engine.watchBudget].
	shared string
	// pressing says that strangers are asked for an effort when the budget is nearly spent.
	pressing bool
	// reserved says that strangers leave the last tenth of the budget to others.
	reserved bool
}

// A quota on all mail is one record that every send writes, and so every send would
// conflict with all that run at the same time: with 64 at once each took six times as
// long as without. It is therefore divided into parts that add up to it; each act takes
// from one of them by chance, and from the others when that is spent. It stays a strict cap.
const (
	mostParts = 64
	leastPart = 50
)

// part is the charge to one part of the quota.
func (c *charge) part(i int) charge {
	p := *c
	if c.parts > 1 {
		n := int64(c.parts)
		p.key, p.parts = c.key+"/"+strconv.Itoa(i), 1
		p.quota.Most = c.quota.Most / n
		if int64(i) < c.quota.Most%n {
			p.quota.Most++
		}
	}
	return p
}

// take takes the cost from the budget, if it is divided from the part that chance has
// chosen or the next that has some left. A wait above zero is a refusal. To a stranger
// each is a tenth smaller than it is, where some of it is reserved.
func (c *charge) take(tx store.Tx, chance int, stranger bool) (wait time.Duration, err error) {
	less := stranger && c.reserved
	if c.quota == (limit.Quota{}) {
		rate := c.rate
		if less {
			rate.Burst -= rate.Burst / leastShared
		}
		return limit.Spend(tx, c.key, rate, c.at)
	}
	parts := max(c.parts, 1)
	for i := range parts {
		c.took = (chance + i) % parts
		p := c.part(c.took)
		if less {
			p.quota.Most -= p.quota.Most / leastShared
		}
		if wait, err = limit.Count(tx, p.key, p.quota, p.cost, p.at); wait == 0 || err != nil {
			break
		}
	}
	return wait, err
}

// giveBack undoes take, for an act that was not done after all.
func (c *charge) giveBack(tx store.Tx, now time.Time) error {
	if c.quota != (limit.Quota{}) {
		p := c.part(c.took)
		return limit.Uncount(tx, p.key, p.quota, p.cost, p.at, now)
	}
	return limit.Refund(tx, c.key, c.rate, now)
}

// used is how much of the budget is spent, in percent. Where it is divided, the part that
// paid speaks for the others, which are looked at only when that one is nearly spent.
func (c *charge) used(tx store.Tx) (percent int64, err error) {
	if c.quota == (limit.Quota{}) {
		n, err := limit.Spent(tx, c.key, c.rate, c.at)
		return int64(n) * 100 / int64(c.rate.Burst), err
	}
	p := c.part(c.took)
	n, err := limit.Counted(tx, p.key, p.quota, p.at)
	if percent = n * 100 / p.quota.Most; err != nil || percent < pressure || c.parts <= 1 {
		return percent, err
	}
	var all int64
	for i := range c.parts {
		p := c.part(i)
		n, err := limit.Counted(tx, p.key, p.quota, p.at)
		if err != nil {
			return 0, err
		}
		all += n
	}
	return all * 100 / c.quota.Most, nil
}

const (
	// pressure is from how much of a budget, in percent, strangers are asked for an effort.
	pressure = 80
	// forStrangers is how much of a budget that is one for many, in percent, strangers may
	// spend. However many they are, those whom their accounts know still get their codes.
	// One of less than leastShared has no tenth to keep.
	forStrangers = 90
	leastShared  = 10
)

// spent reports whether nothing is left of a budget for strangers, or for anybody.
func (c *charge) spent(percent int64) bool {
	most := max(c.quota.Most, int64(c.rate.Burst))
	return percent >= 100 || c.reserved && percent >= forStrangers && most >= leastShared
}

// takeAll takes every charge, or refuses, and then the transaction undoes those that it
// has taken. It reports whether there is pressure on one of them.
func (e *Engine) takeAll(tx store.Tx, out *outcome, charges []charge, stranger bool) (pressed bool, err error) {
	chance := rand.IntN(mostParts)
	for i := range charges {
		c := &charges[i]
		wait, err := c.take(tx, chance, stranger)
		if err != nil {
			return false, err
		}
		if wait > 0 {
			return false, &Refusal{Code: c.refusal, Wait: wait, Left: -1}
		}
		if !c.pressing && c.shared == "" {
			continue
		}
		percent, err := c.used(tx)
		if err != nil {
			return false, err
		}
		pressed = pressed || c.pressing && percent >= pressure
		if c.shared != "" {
			if err := e.watchBudget(tx, out, c, percent); err != nil {
				return false, err
			}
		}
	}
	out.charged = append(out.charged, charges...)
	return pressed, nil
}

// giveBackAll undoes takeAll.
func giveBackAll(tx store.Tx, charges []charge, now time.Time) error {
	for i := range charges {
		if err := charges[i].giveBack(tx, now); err != nil {
			return err
		}
	}
	return nil
}

// watchBudget tells operators when a budget for everybody is nearly spent, or has just
// been spent, be it only for strangers: by the act that made it so, since what is refused
// leaves no trace.
func (e *Engine) watchBudget(tx store.Tx, out *outcome, c *charge, percent int64) error {
	incident := Incident{Kind: BudgetNear, Budget: c.shared}
	switch {
	case c.spent(percent):
		incident.Kind = BudgetSpent
	case percent < pressure:
		return nil
	}
	return e.report(tx, out, incident, c.shared)
}

// reportEvery is how long operators hear nothing more of the same thing.
const reportEvery = time.Hour

// report tells operators of an incident, unless they have heard of it within the hour.
func (e *Engine) report(tx store.Tx, out *outcome, incident Incident, about string) error {
	key, now := e.budgetFor("reported "+string(incident.Kind), about, ""), e.Now()
	until, found, err := get[time.Time](tx, key)
	if err != nil || found && now.Before(until) && !until.After(now.Add(reportEvery)) {
		return err
	}
	until = now.Add(reportEvery)
	out.incidents = append(out.incidents, incident)
	return put(tx, key, until, now, until)
}

// chargeSend takes one message from every budget that it counts against, the most
// specific first.
func (r *effectRun) chargeSend(medium send.Medium, to, toSum string) error {
	e := r.engine
	whom := toSum
	if medium == send.Email {
		whom = r.record.account() // one budget, however the address is spelled
	}
	name := e.budget(r.caller, r.record, r.record.Factor, "send", whom)
	known, err := name.known(r.tx)
	if err != nil {
		return err
	}
	address, err := name.key(r.tx)
	if err != nil {
		return err
	}
	sends := func(key string, rate limit.Rate) charge {
		return charge{key: key, rate: rate, at: r.now, refusal: TooManySends}
	}
	charges := []charge{
		sends(address, e.SendBudget),
		sends(e.budgetFor("account sends", r.record.account(), ""), e.AccountSendBudget),
	}
	if r.record.Enrolling {
		// The number is the person's choice, so the account is counted as well. There is
		// no other budget for a known device: it is the account itself that sends.
		charges = append(charges, sends(e.budgetFor("enrol", r.record.account(), ""), e.EnrolBudget))
	}
	if !known && r.caller.Network != "" {
		network := sends(e.budgetFor("network", r.caller.Network, ""), e.NetworkBudget)
		network.pressing = true
		charges = append(charges, network)
	}
	if medium == send.SMS {
		charges = append(charges, e.textCharges(to, toSum, r.now)...)
	} else {
		for _, c := range []charge{
			e.capCharge("sends_email_hour", e.EmailsHour, time.Hour, r.now, TooManySends),
			e.capCharge("sends_email_day", e.EmailsDay, 24*time.Hour, r.now, TooManySends),
		} {
			c.parts = min(mostParts, max(1, int(c.quota.Most)/leastPart))
			charges = append(charges, c)
		}
	}
	pressed, err := e.takeAll(r.tx, r.out, charges, r.record.stranger(known))
	if err != nil {
		return err
	}
	if r.record.Enrolling {
		if err := r.chargeEnrolment(to); err != nil {
			return err
		}
	}
	if pressed && !known && r.record.Here == 0 { // who has proved something in this very flow is no stranger
		return e.requireEffort(r.tx, r.caller, "send")
	}
	return nil
}

// stranger reports whether nothing says that the message is for somebody who has an account
// here: a new number is whosever it likes to be, and whoever is asked for a first factor.
func (f *flowRecord) stranger(known bool) bool {
	return f.Enrolling || !known && f.Kind.identifies() && f.Here == 0
}

// capCharge is one message's cost to a cap for everybody. That of the hour presses; that of the
// day would do so for the rest of it.
func (e *Engine) capCharge(name string, most int, window time.Duration, now time.Time, refusal RefusalCode) charge {
	return charge{
		key: e.budgetFor(name, "", ""), quota: limit.Quota{Most: int64(most), Window: window}, cost: 1,
		at: now, refusal: refusal, shared: name, pressing: window == time.Hour, reserved: true,
	}
}

// tryCharges are what one try at a password costs budgets that are not the account's own,
// from a device that is not known. The last is that of everybody.
func (e *Engine) tryCharges(network string) []charge {
	now := e.Now()
	var charges []charge
	if network != "" {
		charges = append(charges, charge{key: e.budgetFor("wrong passwords", network, ""), rate: e.PasswordNetworkBudget, at: now, refusal: TooManyTries})
	}
	return append(charges, charge{
		key: e.budgetFor("wrong passwords", "", ""), rate: e.PasswordTotalBudget, at: now, refusal: TooManyTries,
		shared: "passwords_total", pressing: true,
	})
}

// chargeTry takes one try at a password from them. What is spent for everybody refuses
// only those who cannot be asked for an effort: nobody keeps all others out.
func (e *Engine) chargeTry(tx store.Tx, c Caller, out *outcome) error {
	charges := e.tryCharges(c.Network)
	total := charges[len(charges)-1]
	percent, err := total.used(tx)
	if err != nil {
		return err
	}
	if percent >= 100 && c.Client == nil {
		charges = charges[:len(charges)-1]
	}
	pressed, err := e.takeAll(tx, out, charges, true)
	if err != nil {
		return err
	}
	if c.Client == nil && (pressed || percent >= 100) {
		return e.requireEffort(tx, c, "password")
	}
	return nil
}
