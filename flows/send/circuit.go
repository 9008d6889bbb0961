package send

import "time"

const (
	openAfter      = 3                // failures in a row
	firstOpening   = 15 * time.Second // doubled with each probe that fails
	longestOpening = 5 * time.Minute
	longestWait    = longestOpening // of what a provider may ask for: one answer must not silence a sender for long
)

// news is what an attempt taught about its sender, as opposed to its message.
type news uint8

const (
	nothing news = iota // a verdict about the message, which may be the sender's own, made without asking anybody
	works
	answers // it refused for good, but it is there: enough for one that was not
	failing // counted
	lost    // an answer that got lost: opens at once, since each such message is lost to its recipient
	barred  // somebody has to act: opens at once
)

// turn is what some news changed, for the log and for those who wait.
type turn uint8

const (
	same   turn = iota
	opened      // was closed
	closed      // was open
	freed       // still open, but the next message may find out
)

// A circuit keeps messages away from a sender that does not work, so that they fail over
// at once and a provider in trouble is left alone. It is pure: its owner holds the lock,
// the clock and the dice.
//
// Closed, everybody may ask. Open, nobody may until a moment. From then on it is half
// open: one message at a time finds out, and success closes it, or a provider that refuses for good.
type circuit struct {
	failures int           // in a row, while closed
	opening  time.Duration // how long it is open this time, before jitter; 0 = closed
	until    time.Time     // nobody may ask before
	barred   bool          // what opened it
	probe    uint64        // the ticket of the message that is finding out; 0 = none
	tickets  uint64
}

func (c *circuit) open() bool { return c.opening > 0 }

// down reports whether a message that came now would have to wait for others' luck.
func (c *circuit) down(now time.Time) bool {
	return c.open() && (c.probe != 0 || now.Before(c.until))
}

// admit asks leave for one attempt, whose end must be heard with the ticket.
func (c *circuit) admit(now time.Time) (ticket uint64, ok bool) {
	if now.Before(c.until) || c.probe != 0 {
		return 0, false
	}
	if c.open() {
		c.tickets++
		c.probe = c.tickets
		return c.probe, true
	}
	return 0, true
}

// hear takes in how an attempt ended. wait is how long the provider asked to be left
// alone; chance, of [0, 1), spreads the opening by a quarter either way.
func (c *circuit) hear(n news, ticket uint64, wait time.Duration, now time.Time, chance float64) turn {
	probe := ticket != 0 && ticket == c.probe
	if probe {
		c.probe = 0
	}
	switch n {
	case nothing:
		if probe {
			return freed
		}
		return same
	case answers:
		if !probe {
			return same
		}
		*c = circuit{tickets: c.tickets}
		return closed
	case works:
		was := c.open()
		*c = circuit{tickets: c.tickets}
		if was {
			return closed
		}
		return same
	}

	wait = min(max(wait, 0), longestWait)
	defer c.extend(now.Add(wait))
	switch {
	case c.open() && probe:
		c.trip(n, min(2*c.opening, longestOpening), now, chance)
		return same
	case c.open():
		return same // asked before it opened, so part of the same trouble
	case n == failing && now.Before(c.until):
		return same // throttling answers everything under way at once, and is one failure
	}
	c.failures++
	if n == failing && c.failures < openAfter && wait < firstOpening {
		return same
	}
	c.trip(n, firstOpening, now, chance)
	return opened
}

func (c *circuit) trip(n news, opening time.Duration, now time.Time, chance float64) {
	c.failures, c.opening, c.barred = 0, opening, n == barred
	c.until = now.Add(spread(opening, chance))
}

func (c *circuit) extend(until time.Time) {
	if until.After(c.until) {
		c.until = until
	}
}

// spread is d, a quarter more or less.
func spread(d time.Duration, chance float64) time.Duration {
	return d*3/4 + time.Duration(chance*float64(d/2))
}

// inherited is the circuit of the same sender after a reload. Who reloads may have done
// what a barred sender waits for, so that one is tried at once.
func (c *circuit) inherited() circuit {
	d := *c
	d.probe = 0
	if d.barred {
		d.until = time.Time{}
	}
	return d
}
