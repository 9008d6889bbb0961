package flows

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
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
	// reserved says that strangers leave a part of the budget to others, see [share].
	// texts says that it is for text messages, of which new numbers take half at most.
	reserved, texts bool
}

// share is how much of the budgets that are one for many somebody leaves to others: one in
// so many; 0: nothing.
type share int

const (
	forAll       share = 0
	forStrangers share = 10
	forNewPhones share = 2
)

// leastShared is the least budget that is worth dividing.
const leastShared = 10

// of is what is left of a budget of n for somebody with that share.
func (s share) of(n int64) int64 {
	if s == forAll || n < leastShared {
		return n
	}
	return n - n/int64(s)
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
// chosen or the next that has some left. A wait above zero is a refusal. Where some of it is
// reserved, it is smaller for those who leave a share to others.
func (c *charge) take(tx store.Tx, chance int, s share) (wait time.Duration, err error) {
	if !c.reserved {
		s = forAll
	}
	if c.quota == (limit.Quota{}) {
		rate := c.rate
		rate.Burst = int(s.of(int64(rate.Burst)))
		return limit.Spend(tx, c.key, rate, c.at)
	}
	parts := max(c.parts, 1)
	for i := range parts {
		c.took = (chance + i) % parts
		p := c.part(c.took)
		if most := s.of(p.quota.Most); most >= p.cost { // one message is always everybody's
			p.quota.Most = most
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
	if percent = n * 100 / p.quota.Most; err != nil || percent < c.pressure() || c.parts <= 1 {
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

// pressure is from how much of a budget, in percent, strangers are asked for an effort, and
// operators are told. Those who add phones have half as much of those for text messages.
func (c *charge) pressure() int64 {
	if c.texts && c.most() >= leastShared {
		return 40
	}
	return 80
}

// spent reports whether nothing is left of a budget for strangers, or for anybody.
func (c *charge) spent(percent int64) bool {
	return percent >= 100 || c.reserved && percent >= 100*forStrangers.of(c.most())/c.most()
}

func (c *charge) most() int64 { return max(c.quota.Most, int64(c.rate.Burst)) }

// takeAll takes every charge, or none and refuses. It reports whether there is pressure on
// one of them.
func (e *Engine) takeAll(tx store.Tx, out *outcome, charges []charge, s share) (pressed bool, err error) {
	chance := rand.IntN(mostParts)
	for i := range charges {
		c := &charges[i]
		wait, err := c.take(tx, chance, s)
		if err != nil {
			return false, err
		}
		if wait > 0 {
			if err := giveBackAll(tx, charges[:i], c.at); err != nil {
				return false, err
			}
			return false, &Refusal{Code: c.refusal, Wait: wait, Left: -1, spent: c.shared}
		}
		if !c.pressing && c.shared == "" {
			continue
		}
		percent, err := c.used(tx)
		if err != nil {
			return false, err
		}
		pressed = pressed || c.pressing && percent >= c.pressure()
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
// been spent, be it only for strangers.
func (e *Engine) watchBudget(tx store.Tx, out *outcome, c *charge, percent int64) error {
	incident := Incident{Kind: BudgetNear, Budget: c.shared}
	switch {
	case c.spent(percent):
		incident.Kind = BudgetSpent
	case percent < c.pressure():
		return nil
	}
	return e.report(tx, out, incident, c.shared)
}

// noteSpent tells operators of a budget for everybody that has refused somebody. What is
// refused leaves no trace in its own transaction, so this is one of its own.
func (e *Engine) noteSpent(ctx context.Context, refusal *Refusal) {
	if refusal == nil || refusal.spent == "" {
		return
	}
	var out outcome
	err := e.Store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error {
		out = outcome{}
		return e.report(tx, &out, Incident{Kind: BudgetSpent, Budget: refusal.spent}, refusal.spent)
	})
	if err != nil {
		e.Log.Warn("telling of a budget that is spent", "budget", refusal.spent, "error", err)
		return
	}
	e.observe(out.incidents)
}

// observe hands on what operators are told.
func (e *Engine) observe(incidents []Incident) {
	if e.Observe == nil {
		return
	}
	for _, incident := range incidents {
		e.Observe(incident)
	}
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
// specific first; or from none, and refuses.
func (r *effectRun) chargeSend(medium send.Medium, to, toSum string) error {
	e := r.engine
	name := e.budget(r.caller, r.record, r.record.Factor, "send", toSum)
	if medium == send.Email {
		name.whom = mailbox(r.record.account()) // one budget, however the address is spelled
	}
	known, err := name.known(r.tx)
	if err != nil {
		return err
	}
	charges, err := r.ownCharges(name, known, toSum)
	if err != nil {
		return err
	}
	if !known && r.caller.Network != "" {
		network := charge{key: e.budgetFor("network", r.caller.Network, ""), rate: e.NetworkBudget, at: r.now, refusal: TooManySends}
		network.pressing = true
		charges = append(charges, network)
	}
	if medium == send.SMS {
		charges = append(charges, e.textCharges(to, r.now)...)
	} else {
		charges = append(charges, e.mailCharges(r.now)...)
	}
	pressed, err := e.takeAll(r.tx, r.out, charges, r.record.share(known))
	if err != nil {
		return err
	}
	if r.record.Enrolling {
		err = r.chargeEnrolment(to)
	}
	if err == nil && pressed && !known && r.record.Here == 0 && !r.record.Moving { // who has proved something in this very flow is no stranger
		err = e.requireEffort(r.tx, r.caller, "send")
	}
	if err != nil {
		r.out.charged = nil
		return errors.Join(err, giveBackAll(r.tx, charges, r.now))
	}
	return nil
}

// ownCharges are what a message costs budgets of the person's own. A device that is known
// has them apart, so that nobody spends the owner's. Numbers that are being added have
// others than those that are somebody's: anybody can try to add any number.
func (r *effectRun) ownCharges(name budgetName, known bool, toSum string) ([]charge, error) {
	e, who := r.engine, outsiders
	if known {
		who = name.device
	}
	sends := func(rate limit.Rate, what, whom, who string) charge {
		return charge{key: e.budgetFor(what, whom, who), rate: rate, at: r.now, refusal: TooManySends}
	}
	account := r.record.account()
	if r.record.Moving {
		// Anybody can try any address, so it costs what a sign-up for it would. The account
		// pays as well, here and below by its id: its address may be another one tomorrow.
		address, err := name.key(r.tx)
		return []charge{
			sends(e.EnrolBudget, "new addresses", r.record.User, ""),
			{key: address, rate: e.SendBudget, at: r.now, refusal: TooManySends},
			sends(e.AccountSendBudget, "account sends", account, outsiders),
		}, err
	}
	if r.record.Enrolling {
		return []charge{
			sends(e.EnrolBudget, "enrol", r.record.User, ""), sends(e.NumberBudget, "enrol number", toSum, ""),
			sends(e.AccountSendBudget, "account sends", account, who),
		}, nil
	}
	address, err := name.key(r.tx)
	charges := []charge{
		{key: address, rate: e.SendBudget, at: r.now, refusal: TooManySends},
		sends(e.AccountSendBudget, "account sends", account, who),
	}
	if r.record.Factor == policy.SMSCode {
		charges = append(charges, sends(e.NumberBudget, "number", toSum, ""))
	}
	return charges, err
}

// mailbox is an address without its tag, by which people tell their mail apart: what is
// sent there ends in one mailbox, so it has one budget. Accounts are told apart by it.
func mailbox(canonical string) string {
	local, domain, _ := strings.Cut(canonical, "@")
	if name, _, tagged := strings.Cut(local, "+"); tagged && name != "" {
		return name + "@" + domain
	}
	return canonical
}

// mailCharges are what a mail costs everybody.
func (e *Engine) mailCharges(now time.Time) []charge {
	charges := []charge{
		e.capCharge("sends_email_hour", e.EmailsHour, time.Hour, now, TooManySends),
		e.capCharge("sends_email_day", e.EmailsDay, 24*time.Hour, now, TooManySends),
	}
	for i := range charges {
		charges[i].parts = min(mostParts, max(1, int(charges[i].quota.Most)/leastPart))
	}
	return charges
}

// share is what the flow's person leaves to others. A new number is whosever it likes to
// be, as is a new address; and nothing says that who is asked for a first factor has an
// account here.
func (f *flowRecord) share(known bool) share {
	switch {
	case f.Enrolling:
		return forNewPhones
	case f.Moving, !known && f.Kind.identifies() && f.Here == 0:
		return forStrangers
	}
	return forAll
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
	pressed, err := e.takeAll(tx, out, charges, forAll)
	if err != nil {
		return err
	}
	if pressed || percent >= 100 {
		return e.requireEffort(tx, c, "password")
	}
	return nil
}
