package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/inbox"
)

// loadSenders loads the sender modules of one medium.
func loadSenders(ctx caddy.Context, a *App, field string) ([]SenderModule, error) {
	medium := send.Email
	if field == "SMSRaw" {
		medium = send.SMS
	}
	loaded, err := ctx.LoadModule(a, field)
	if err != nil {
		return nil, fmt.Errorf("loading %s senders: %w", medium, err)
	}
	modules, _ := loaded.([]any)
	var senders []SenderModule
	for _, module := range modules {
		sender, ok := module.(SenderModule)
		if !ok {
			return nil, fmt.Errorf("loading %s senders: %T is no sender", medium, module)
		}
		if !sender.Carries(medium) {
			return nil, fmt.Errorf("loading %s senders: %w", medium, notCarried(sender, medium))
		}
		senders = append(senders, sender)
	}
	return senders, nil
}

func notCarried(m SenderModule, medium send.Medium) error {
	other := send.SMS
	if medium == send.SMS {
		other = send.Email
	}
	return fmt.Errorf("the sender %s is not for %s: write it under `%s`", m.CaddyModule().ID.Name(), medium, other)
}

var errNoEmailSender = errors.New("no e-mail sender, and every account begins with a code by mail: " +
	"add `email smtp HOST:PORT { … }` to the stepgate block of the global options, " +
	"or `email inbox` to try things out on localhost")

// checkSenders makes sure that accounts can be made at all, and that what costs
// money has limits.
func (a *App) checkSenders() error {
	if len(a.email) == 0 {
		return errNoEmailSender
	}
	for _, module := range a.email {
		if err := checkCosts(send.Email, module); err != nil {
			return fmt.Errorf("sender %s: %w", module.CaddyModule().ID.Name(), err)
		}
	}
	for _, module := range a.sms {
		if err := checkCosts(send.SMS, module); err != nil {
			return fmt.Errorf("sender %s: %w", module.CaddyModule().ID.Name(), err)
		}
		if costly, ok := module.(CostlySender); ok && costly.AllowedCountries()[0] == "*" {
			a.log.Warn("text messages may go to any country: fraud looks for that; name the countries you need",
				"sender", module.CaddyModule().ID.Name())
		}
	}
	a.warnOfSpending()
	return nil
}

// checkCosts makes sure that a sender of text messages says where they may go, and one of
// mail does not.
func checkCosts(medium send.Medium, module any) error {
	costly, ok := module.(CostlySender)
	switch {
	case !ok:
		return nil
	case medium == send.SMS:
		return checkCountries(costly.AllowedCountries())
	case len(costly.AllowedCountries()) > 0:
		return errors.New("`countries` is for text messages: mail goes everywhere")
	}
	return nil
}

// countries is where text messages may go by any of the senders. The inbox, which
// costs nothing, widens nothing beside a sender that does cost.
func (a *App) countries() []string {
	var all []string
	for _, module := range a.sms {
		costly, ok := module.(CostlySender)
		if !ok {
			continue
		}
		for _, country := range costly.AllowedCountries() {
			if country == "*" {
				return []string{"*"}
			}
			if !slices.Contains(all, country) {
				all = append(all, country)
			}
		}
	}
	if all == nil {
		return []string{"*"}
	}
	return all
}

// usesInbox reports whether any message goes to the inbox page.
func (a *App) usesInbox() bool {
	return slices.ContainsFunc(slices.Concat(a.email, a.sms), func(m SenderModule) bool {
		_, ok := m.(*InboxSender)
		return ok
	})
}

// makeSenders makes the senders of this configuration.
func (a *App) makeSenders(box *inbox.Inbox) (map[send.Medium][]send.Named, error) {
	senders := make(map[send.Medium][]send.Named)
	for medium, modules := range map[send.Medium][]SenderModule{send.Email: a.email, send.SMS: a.sms} {
		for _, module := range modules {
			name := module.CaddyModule().ID.Name()
			switch own := module.(type) {
			case *InboxSender:
				own.box = box
			case *SMTPSender:
				name += " " + own.Address // there may be several, and logs should tell which
			case *WebhookSender:
				name += " " + own.where()
			}
			name = unlike(name, senders[medium])
			sender, err := module.Sender(a.log.With("sender", name))
			if err != nil {
				return nil, fmt.Errorf("making the %s sender %s: %w", medium, name, err)
			}
			if costly, ok := module.(CostlySender); ok && medium == send.SMS {
				sender = within(sender, costly.AllowedCountries())
			}
			senders[medium] = append(senders[medium], send.Named{Name: name, Sender: sender, Made: fmt.Sprintf("%x", madeOf(module))})
		}
	}
	return senders, nil
}

// unlike numbers a name that an earlier sender has, for logs and metrics.
func unlike(name string, earlier []send.Named) string {
	taken := func(name string) bool {
		return slices.ContainsFunc(earlier, func(n send.Named) bool { return n.Name == name })
	}
	numbered := name
	for n := 2; taken(numbered); n++ {
		numbered = fmt.Sprintf("%s %d", name, n)
	}
	return numbered
}

// within keeps a sender to its countries, and whatever else it can do as it is.
func within(sender send.Sender, countries []string) send.Sender {
	limited := &withinCountries{sender, countries}
	checker, checks := sender.(send.Checker)
	reader, reads := sender.(send.ReceiptReader)
	switch {
	case checks && reads:
		return struct {
			*withinCountries
			send.Checker
			send.ReceiptReader
		}{limited, checker, reader}
	case checks:
		return struct {
			*withinCountries
			send.Checker
		}{limited, checker}
	case reads:
		return struct {
			*withinCountries
			send.ReceiptReader
		}{limited, reader}
	}
	return limited
}

// withinCountries refuses messages to countries that its sender may not reach: a
// number enrolled by one sender's list must not cost money through another's, nor
// after the list was cut.
type withinCountries struct {
	send.Sender
	countries []string
}

// Send implements [send.Sender]. The refusal is of this sender only; another may
// reach the country.
func (s *withinCountries) Send(ctx context.Context, m send.Message) error {
	if m.Medium == send.SMS {
		if _, refusal := flows.ParsePhone(m.To, s.countries); refusal != nil {
			return &send.Error{Kind: send.Blocked, Reason: "country_not_allowed", AboutMessage: true}
		}
	}
	return s.Sender.Send(ctx, m)
}

// senderStack remembers whose senders the shared outbox uses, and whose log. The newest
// configuration's are used; if that one fails to start and goes away, the ones before it
// are again.
type senderStack struct {
	use func(attached)

	mu    sync.Mutex
	stack []attached
}

type attached struct {
	owner   *App
	senders map[send.Medium][]send.Named
	log     *slog.Logger
}

func (s *senderStack) attach(x attached) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stack = append(s.stack, x)
	s.use(x)
}

func (s *senderStack) detach(owner *App) {
	s.mu.Lock()
	defer s.mu.Unlock()
	top := len(s.stack) - 1
	if top < 0 {
		return
	}
	wasTop := s.stack[top].owner == owner
	s.stack = slices.DeleteFunc(s.stack, func(x attached) bool { return x.owner == owner })
	if wasTop && len(s.stack) > 0 {
		s.use(s.stack[len(s.stack)-1])
	}
}
