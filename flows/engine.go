package flows

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/stepgate/stepgate/flows/password"
	"github.com/stepgate/stepgate/flows/seal"
	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/store"
)

// Config is what an [Engine] is made of. Every field but Down, Observe and
// Settings is required.
type Config struct {
	Store  store.Store
	Keys   *seal.Keys
	Hasher *password.Hasher
	// Cache holds warm sessions. Engines over one store must share one cache, or a
	// session revoked through one would live on in the other.
	Cache *SessionCache
	// Post queues a letter. It must neither wait for a provider nor put the letter into
	// words, or how long it takes would tell what is sent. An error means that the letter was
	// not accepted; of one that was, [Engine.Finished] is to be told the end.
	Post func(Letter) error
	// Process names the process that runs, such as a random word, so that it takes up no
	// letters of its own. Empty: there are none yet when [Engine.Resume] is called.
	Process string
	// Down reports whether no sender of a medium works at present. Nil: all do.
	Down func(send.Medium) bool
	// Observe is told of incidents, once they are stored. Nil: nobody is.
	Observe func(Incident)
	Now     func() time.Time
	Rand    io.Reader // crypto/rand.Reader, but in tests
	Log     *slog.Logger
	Settings
}

// Settings are the engine's numbers. The zero value of each means its default.
type Settings struct {
	CodeDigits  int           // of a one-time code; 6 to 8, default 6
	CodeLife    time.Duration // default 10 min, at most 10 min (NIST SP 800-63B-4, 3.1.3.2)
	CodeTries   int           // per code; default 5, at most 10
	ResendAfter time.Duration // default 30 s
	FlowLife    time.Duration // absolute; default 60 min
	SessionIdle time.Duration // default 1 h
	SessionLife time.Duration // absolute; default 12 h
	RiseGrace   time.Duration // an old id lives on at its old level; default 10 s
	EnrolWithin time.Duration // age of the proofs that allow enrolling a phone; default 5 min
	PasswordMin int           // code points; default 15, at least 8
	// ResetCoolDown is how long a mailbox that has reset a password is no second factor;
	// default 24 h.
	ResetCoolDown time.Duration

	Limits
}

func (s Settings) withDefaults() (Settings, error) {
	def := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	num := func(n *int, value int) {
		if *n == 0 {
			*n = value
		}
	}
	num(&s.CodeDigits, 6)
	num(&s.CodeTries, 5)
	num(&s.PasswordMin, 15)
	def(&s.CodeLife, 10*time.Minute)
	def(&s.ResendAfter, 30*time.Second)
	def(&s.FlowLife, time.Hour)
	def(&s.SessionIdle, time.Hour)
	def(&s.SessionLife, 12*time.Hour)
	def(&s.RiseGrace, 10*time.Second)
	def(&s.EnrolWithin, 5*time.Minute)
	def(&s.ResetCoolDown, 24*time.Hour)
	s.Limits.setDefaults()

	switch {
	case s.CodeDigits < 6 || s.CodeDigits > 8:
		return s, fmt.Errorf("codes of %d digits: 6 to 8 are possible", s.CodeDigits)
	case s.CodeLife < 30*time.Second || s.CodeLife > 10*time.Minute:
		return s, fmt.Errorf("a code life of %v: 30s to 10m are possible", s.CodeLife)
	case s.CodeTries < 1 || s.CodeTries > 10:
		return s, fmt.Errorf("%d tries per code: 1 to 10 are possible", s.CodeTries)
	case s.ResendAfter < time.Second || s.ResendAfter > s.CodeLife:
		return s, fmt.Errorf("asking for another code after %v: 1s up to the code's life are possible", s.ResendAfter)
	case s.FlowLife < s.CodeLife || s.FlowLife > 24*time.Hour:
		return s, fmt.Errorf("a flow life of %v: the code's life up to 24h are possible", s.FlowLife)
	case s.SessionIdle < time.Minute || s.SessionIdle > s.SessionLife:
		return s, fmt.Errorf("an idle limit of %v: 1m up to the session's life (%v) are possible", s.SessionIdle, s.SessionLife)
	case s.SessionLife > 30*24*time.Hour:
		return s, fmt.Errorf("a session life of %v: at most 720h is possible", s.SessionLife)
	case s.RiseGrace < 0 || s.RiseGrace > time.Minute:
		return s, fmt.Errorf("a grace of %v: at most 1m is possible", s.RiseGrace)
	case s.EnrolWithin < time.Minute || s.EnrolWithin > time.Hour:
		return s, fmt.Errorf("enrolling within %v: 1m to 1h are possible", s.EnrolWithin)
	case s.PasswordMin < 8 || s.PasswordMin > 64:
		return s, fmt.Errorf("a least password length of %d: 8 to 64 are possible", s.PasswordMin)
	case s.ResetCoolDown < time.Hour || s.ResetCoolDown > 30*24*time.Hour:
		return s, fmt.Errorf("a cool-down of %v after a reset: 1h to 720h are possible", s.ResetCoolDown)
	}
	if err := s.Limits.Check(); err != nil {
		return s, err
	}
	return s, s.CheckGuessing(s.CodeDigits)
}

// Engine runs flows and keeps sessions. It is safe for concurrent use.
type Engine struct {
	Config
}

// New returns an engine. It opens nothing and starts nothing. Its error says which
// setting is out of bounds.
func New(cfg Config) (*Engine, error) {
	settings, err := cfg.Settings.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("setting up flows: %w", err)
	}
	cfg.Settings = settings
	return &Engine{Config: cfg}, nil
}

// secret returns n random bytes as text fit for a URL.
func (e *Engine) secret(n int) (string, error) {
	raw := make([]byte, n)
	if _, err := io.ReadFull(e.Rand, raw); err != nil {
		return "", fmt.Errorf("reading random bytes: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

// uuid returns a random UUID (RFC 9562, version 4).
func (e *Engine) uuid() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(e.Rand, b[:]); err != nil {
		return "", fmt.Errorf("reading random bytes: %w", err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}

// hashed names a record by a secret without giving the secret away. The secrets are
// 256 random bits, so a plain hash is enough.
func hashed(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// refusalIn returns the refusal in err, if it is one.
func refusalIn(err error) (*Refusal, bool) {
	var r *Refusal
	ok := errors.As(err, &r)
	return r, ok
}

// outcome is what one input came to, gathered while its transaction runs. A
// transaction may run more than once, so nothing in it takes effect until it has
// committed.
type outcome struct {
	record  flowRecord
	letters []Letter
	opened  *Opened
	refusal *Refusal // told to the person although the transaction commits (a wrong code is counted)
	gone    bool     // the flow ended without success
	ended   []string // sids of sessions that were revoked
	renewed []string // sids of sessions that go on under a new id
	charged []charge // what it cost beyond the account's own tries
	// failed is the account at which a wrong try was made, if there is one, and failedAt
	// when the newest were, in Unix seconds.
	failed    string
	failedAt  []int64
	incidents []Incident
	facts     Facts
	phone     string // of the account, for the view
}

// transact runs fn in one transaction, and then what must follow a commit: caches
// first, so that what was revoked is dead before anybody is told, then the letters.
// A *Refusal returned by fn undoes the transaction.
func (e *Engine) transact(ctx context.Context, fn func(store.Tx, *outcome) error) (outcome, error) {
	var out outcome
	err := e.Store.Update(ctx, func(tx store.Tx) error {
		out = outcome{}
		return fn(tx, &out)
	})
	if err != nil {
		refusal, _ := refusalIn(err)
		e.noteSpent(ctx, refusal)
		return out, err
	}
	e.noteSpent(ctx, out.refusal)
	for _, sid := range out.ended {
		e.Cache.forget(sid, true)
	}
	for _, sid := range out.renewed {
		e.Cache.forget(sid, false)
	}
	if out.failed != "" {
		e.Cache.noteFailures(out.failed, out.failedAt)
	}
	e.observe(out.incidents)
	for _, letter := range out.letters {
		if err := e.Post(letter); err != nil {
			e.Log.Warn("message not accepted", "purpose", letter.Purpose, "error", err)
			if letter.Series != "" { // a notice stays for the next process to send
				e.takeBack(context.WithoutCancel(ctx), out, letter)
				out.refusal = &Refusal{Code: SendFailed}
			}
		}
	}
	return out, nil
}

// takeBack undoes what a code cost that could not be handed to the outbox: its flow may
// ask again at once, and no budget is the poorer.
func (e *Engine) takeBack(ctx context.Context, out outcome, letter Letter) {
	flow := out.record.ID
	err := e.Store.Update(ctx, func(tx store.Tx) error {
		if _, _, err := e.strikeLetter(tx, letter.Series, letter.ID); err != nil {
			return err
		}
		if err := giveBackAll(tx, out.charged, e.Now()); err != nil {
			return err
		}
		record, found, err := get[flowRecord](tx, flowKey(flow))
		if err != nil || !found {
			return err
		}
		if err := e.takeBackEnrolment(tx, &record); err != nil {
			return err
		}
		record.Code = nil
		return put(tx, flowKey(flow), record, e.Now(), record.Ends)
	})
	if err != nil {
		e.Log.Warn("taking back an unsent code", "error", err)
	}
}
