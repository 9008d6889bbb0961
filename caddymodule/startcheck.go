package caddymodule

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/stepgate/stepgate/flows/send"
)

const (
	// checkTimeout bounds the look at one sender when a configuration starts.
	checkTimeout = 20 * time.Second
	// A sender that was found not to work is left alone for firstRecheck, doubling with each
	// failure up to lastRecheck: providers lock accounts that fail to log in too often.
	firstRecheck = time.Minute
	lastRecheck  = 15 * time.Minute
)

// checkSendersWork looks, in the background, whether the senders would work, and writes
// one line about each: nobody should learn of a wrong password from people who cannot
// sign in. A start neither waits for it nor fails by it. A sender that was found to work
// is not asked again until its configuration changes, and one that was not for a while.
func (a *App) checkSendersWork(l *live) {
	for medium, modules := range map[send.Medium][]SenderModule{send.Email: a.email, send.SMS: a.sms} {
		for i, named := range l.senders[medium] {
			checker, ok := named.Sender.(send.Checker)
			made := madeOf(modules[i])
			if !ok || l.rt.checked.works(medium, named.Name, made) {
				continue
			}
			if again := l.rt.checked.again(medium, named.Name, made, a.now()); !again.IsZero() {
				a.log.Warn("sender did not work, and is not checked again for a while",
					"medium", medium, "sender", named.Name, "until", again.UTC().Format(time.RFC3339))
				continue
			}
			go func() {
				err := a.checkSender(medium, named.Name, checker)
				if a.working.Err() == nil {
					l.rt.checked.note(medium, named.Name, finding{
						made: made, works: err == nil, sent: l.rt.sentBy(medium, named.Name), at: a.now(),
					})
				}
			}()
		}
	}
}

func (a *App) checkSender(medium send.Medium, name string, checker send.Checker) error {
	ctx, cancel := context.WithTimeout(a.working, checkTimeout)
	defer cancel()
	err := survive(func() error { return a.probe(ctx, checker) })
	log := a.log.With("medium", medium, "sender", name)
	switch {
	case a.working.Err() != nil: // the configuration has ended; what it would say is of no use
	case err == nil:
		log.Info("sender works")
	case errors.Is(err, send.ErrNoVerdict):
		log.Info("it could not be told whether the sender works", "detail", detailOf(err, send.Message{}))
		return nil
	default:
		log.Error("sender does not work", "reason", send.ReasonOf(err), "remedy", remedyOf(err), "detail", detailOf(err, send.Message{}))
	}
	return err
}

// madeOf tells configurations of senders apart, placeholders resolved, and keeps no secret.
func madeOf(module SenderModule) [sha256.Size]byte {
	text, err := json.Marshal(module)
	if err != nil {
		return [sha256.Size]byte{}
	}
	return sha256.Sum256(append([]byte(module.CaddyModule().ID+"\x00"), text...))
}

// sendersChecked remembers, across reloads, what was found out about senders.
type sendersChecked struct {
	mu    sync.Mutex
	found map[send.Medium]map[string]finding // by name
}

type finding struct {
	made  [sha256.Size]byte // see madeOf
	works bool
	sent  uint64 // how many messages it had sent by then
	at    time.Time
	fails int // in a row; of note's making
}

// sentBy is how many messages a sender has sent.
func (rt *runtime) sentBy(medium send.Medium, name string) uint64 {
	for _, s := range rt.outbox.SenderStats() {
		if s.Medium == medium && s.Name == name {
			return s.Sent
		}
	}
	return 0
}

func (c *sendersChecked) works(medium send.Medium, name string, made [sha256.Size]byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.found[medium][name]
	return f.works && f.made == made
}

// doubtful reports whether a sender was found not to work, and has sent nothing since.
func (c *sendersChecked) doubtful(medium send.Medium, name string, sent uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, found := c.found[medium][name]
	return found && !f.works && f.sent == sent
}

// again is when a sender that was found not to work may be checked once more, or zero if
// it may be now.
func (c *sendersChecked) again(medium send.Medium, name string, made [sha256.Size]byte, now time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.found[medium][name]
	if f.fails == 0 || f.made != made {
		return time.Time{}
	}
	at := f.at.Add(min(firstRecheck<<min(f.fails-1, 10), lastRecheck))
	if !now.Before(at) || now.Before(f.at) {
		return time.Time{}
	}
	return at
}

func (c *sendersChecked) note(medium send.Medium, name string, f finding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.found == nil {
		c.found = map[send.Medium]map[string]finding{send.Email: {}, send.SMS: {}}
	}
	if before := c.found[medium][name]; !f.works {
		f.fails = 1
		if before.made == f.made {
			f.fails += before.fails
		}
	}
	c.found[medium][name] = f
}
