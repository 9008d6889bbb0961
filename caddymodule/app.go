package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/certmagic"

	"github.com/stepgate/stepgate/caddymodule/internal/clock"
	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/seal"
	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/ui"
)

func init() {
	caddy.RegisterModule(new(App))
}

// App owns what all guarded sites share: where accounts and sessions are kept, the
// secret that everything is sealed with, how messages are sent, how people sign in,
// and the numbers of codes, sessions and passwords.
//
// Sites that share the app share accounts and signing keys, but not cookies, issuers
// or audiences.
type App struct {
	// Where records are kept. Default: badger, in the directory "stepgate" of
	// Caddy's data directory.
	StoreRaw json.RawMessage `json:"store,omitempty" caddy:"namespace=stepgate.stores inline_key=module"`

	// The master secret: at least 32 random bytes as hex or base64, best given as
	// {env.STEPGATE_SECRET} or {file.…}, since the configuration itself is saved in
	// clear. Whoever has it and the store can become anybody; without it the store
	// is worth nothing. Default: made once, and kept in Caddy's storage under
	// stepgate/secret.
	Secret string `json:"secret,omitempty"`

	// Senders of mail, in order: a later one is used when the earlier fail. At least
	// one is needed, since every account begins with a code by mail.
	EmailRaw []json.RawMessage `json:"email,omitempty" caddy:"namespace=stepgate.senders inline_key=module"`

	// Senders of text messages, in order. Default: none, and then nobody can be
	// asked for a code by text message.
	SMSRaw []json.RawMessage `json:"sms,omitempty" caddy:"namespace=stepgate.senders inline_key=module"`

	// The first factors people may sign in with: "email_code", "password", or both.
	// Default: both.
	SignIn []string `json:"sign_in,omitempty"`

	// Who may create an account. Default: everybody with a mailbox.
	SignUp *SignUp `json:"sign_up,omitempty"`

	// When an address without an account is told by mail that it has none, at most once a
	// day: "never", at "sign_in", or "always", which is at password resets too. Pages and
	// answers are the same for everybody, whatever is chosen. Default: "sign_in".
	TellUnknown string `json:"tell_unknown,omitempty"`

	// Whether people may change the address of their account. Default: true, unless
	// sign_up is closed, where whoever makes accounts says which address each has.
	ChangeEmail *bool `json:"change_email,omitempty"`

	// How pages and messages look and sound, wherever a site says nothing else.
	Brand *Brand `json:"brand,omitempty"`

	// The languages of pages and messages that people may choose from, as BCP 47 tags. The
	// first is for whoever asks for none of them. Default: all there are, English first.
	Languages []string `json:"languages,omitempty"`

	// The numbers of one-time codes.
	Code *CodeSettings `json:"code,omitempty"`

	// The lives of sessions.
	Session *SessionSettings `json:"session,omitempty"`

	// The demands on passwords.
	Password *PasswordSettings `json:"password,omitempty"`

	// The budgets that bound guessing, sending and spending.
	Limits *LimitSettings `json:"limits,omitempty"`

	// What newcomers are asked about themselves, in this order. Default: nothing.
	Attributes []*Attribute `json:"attributes,omitempty"`

	log     *slog.Logger
	storage certmagic.Storage
	ctx     caddy.Context // ends with this configuration
	store   StoreModule
	place   string // of the store
	master  []byte // the configured secret; nil: the one in Caddy's storage
	email   []SenderModule
	sms     []SenderModule
	origins map[string]string // origin → the site's configuration, to find two that differ
	logbook *logbook          // of the decisions; held until Cleanup
	look    ui.Look           // of pages and messages
	style   *ui.Style         // what follows from it
	styles  sync.Map          // origin → the *ui.Style of its site

	// now is the clock. Tests replace it between provisioning and Start.
	now func() time.Time

	rounds rounds // who is sent in circles

	// working ends with this configuration, and with it what it does in the background.
	working   context.Context
	endWork   context.CancelFunc
	incidents incidentDesk

	// probe checks a sender. Tests replace it where senders are outside the test.
	probe func(context.Context, send.Checker) error

	live    atomic.Pointer[live]
	mu      sync.Mutex // guards what follows, and opening
	sites   []*site    // so far
	tested  []*Handler // those that have tests
	counted bool       // this instance holds a reference to the logbook
	held    bool       // this instance holds a reference in the pool
	cleaned bool       // this instance must open nothing any more
	failure error      // why opening failed last, kept until retryAt
	retryAt time.Time
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "stepgate", New: func() caddy.Module { return new(App) }}
}

// Provision loads the guests and resolves placeholders. It opens nothing.
func (a *App) Provision(ctx caddy.Context) error {
	a.ctx, a.log, a.storage = ctx, ctx.Slogger(), ctx.Storage()
	a.now = clock.Now
	a.working, a.endWork = context.WithCancel(ctx)
	a.origins = make(map[string]string)
	a.probe = func(ctx context.Context, c send.Checker) error { return c.Check(ctx) }
	if err := a.provisionEvents(ctx); err != nil {
		return err
	}
	if err := a.provisionStore(ctx); err != nil {
		return err
	}
	if err := a.provisionLogbook(ctx); err != nil {
		return err
	}
	if a.Secret != "" {
		secret, err := resolve("secret", a.Secret)
		if err != nil {
			return err
		}
		if a.master, err = seal.ParseSecret(secret); err != nil {
			return err
		}
	}
	var err error
	if a.email, err = loadSenders(ctx, a, "EmailRaw"); err != nil {
		return err
	}
	if a.sms, err = loadSenders(ctx, a, "SMSRaw"); err != nil {
		return err
	}
	return nil
}

func (a *App) provisionStore(ctx caddy.Context) error {
	if a.StoreRaw == nil {
		a.StoreRaw = json.RawMessage(`{"module":"badger"}`)
	}
	module, err := ctx.LoadModule(a, "StoreRaw")
	if err != nil {
		return fmt.Errorf("loading the store module: %w", err)
	}
	var ok bool
	if a.store, ok = module.(StoreModule); !ok {
		return fmt.Errorf("loading the store module: %T is no store", module)
	}
	a.place, err = a.store.Place()
	return err
}

// Validate checks what the app holds, and that it agrees with what a running
// configuration has open at the same place.
func (a *App) Validate() error {
	if err := a.checkSenders(); err != nil {
		return err
	}
	if err := a.checkSignIn(); err != nil {
		return err
	}
	if err := a.checkTellUnknown(); err != nil {
		return err
	}
	if a.SignUp == nil {
		a.SignUp = &SignUp{}
	}
	if a.Brand == nil {
		a.Brand = &Brand{}
	}
	if a.Code == nil {
		a.Code = &CodeSettings{}
	}
	if a.Session == nil {
		a.Session = &SessionSettings{}
	}
	if a.Password == nil {
		a.Password = &PasswordSettings{}
	}
	for _, part := range []interface{ check() error }{a.SignUp, a.Brand, a.Code, a.Session, a.Password, a.Limits} {
		if err := part.check(); err != nil {
			return err
		}
	}
	if err := checkAttributes(a.Attributes); err != nil {
		return err
	}
	var err error
	if a.look, err = a.Brand.read(); err != nil {
		return err
	}
	if a.style, err = ui.NewStyle(a.look); err != nil {
		return fmt.Errorf("brand: %w", err)
	}
	if err := a.offerLanguages(); err != nil {
		return err
	}
	// The engine has bounds of its own; asking it now finds them before Start does.
	if _, err := flows.New(flows.Config{Settings: a.engineSettings()}); err != nil {
		return err
	}
	return checkOpenPlace(a.place, a.store.Options(), a.master)
}

func (a *App) checkSignIn() error {
	for i, method := range a.SignIn {
		if method != "email_code" && method != "password" {
			return fmt.Errorf("unknown sign_in method %q: use email_code, password, or both", method)
		}
		if i > 0 && a.SignIn[0] == method {
			return fmt.Errorf("sign_in names %s twice", method)
		}
	}
	if len(a.SignIn) == 0 {
		a.SignIn = []string{"email_code", "password"}
	}
	return nil
}

func (a *App) checkTellUnknown() error {
	switch flows.TellUnknown(a.TellUnknown) {
	case "", flows.TellNever, flows.TellSignIn, flows.TellAlways:
		return nil
	}
	return fmt.Errorf("unknown tell_unknown %q: use never, sign_in or always", a.TellUnknown)
}

// Start opens what must be open. Caddy starts apps in any order, so a request may
// have done so already.
func (a *App) Start() error {
	if err := a.prove(); err != nil {
		return err
	}
	l, err := a.open(true)
	if err != nil {
		return err
	}
	a.checkSendersWork(l)
	if flows.SignUpMode(a.SignUp.Mode) != flows.SignUpClosed {
		return nil
	}
	has, err := l.engine.HasAccounts(a.ctx)
	if err == nil && !has {
		a.log.Warn("sign_up is closed and there are no accounts, so nobody can sign in: open it until the first people have signed up")
	}
	return err
}

// Stop does nothing: requests may still be under way, and another configuration may
// go on with what is open. Cleanup lets go.
func (a *App) Stop() error { return nil }

// Cleanup lets go of what this instance holds. It also runs when provisioning or
// starting failed; then what a running configuration holds must stay as it is.
func (a *App) Cleanup() error {
	if a.endWork != nil {
		a.endWork()
	}
	a.mu.Lock()
	a.cleaned = true
	held, counted := a.held, a.counted
	a.held, a.counted = false, false
	a.mu.Unlock()
	var err error
	if counted {
		err = dropLogbook(a.place)
	}
	if !held {
		return err
	}
	a.live.Load().rt.senders.detach(a)
	return errors.Join(err, drop(a.place))
}

var errStopped = errors.New("the configuration has ended")

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.Validator    = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
