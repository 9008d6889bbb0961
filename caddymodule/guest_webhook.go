package caddymodule

import (
	"errors"
	"log/slog"
	"net/url"

	"github.com/caddyserver/caddy/v2"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/webhook"
)

func init() {
	caddy.RegisterModule(WebhookSender{})
}

// WebhookSender hands messages to a program of yours, as signed JSON by POST, so that any
// provider can be attached: see https://www.standardwebhooks.com/ for the signature. It
// sends mail or text messages, by where it is configured. Every text field but countries
// may hold the placeholders {env.*} and {file.*}.
type WebhookSender struct {
	// Where messages are posted. Plain http is for loopback hosts.
	URL string `json:"url"`

	// What requests are signed with, so that the program can tell them from anybody
	// else's: "whsec_" and at least 24 random bytes in base64, or at least 32 random bytes
	// in hex or base64.
	Secret string `json:"secret"`

	// Where text messages may go, as ISO 3166 codes such as DE and FR, or a single "*":
	// see the vonage sender. Required for text messages, and not allowed for mail.
	Countries []string `json:"countries,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (WebhookSender) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "stepgate.senders.webhook", New: func() caddy.Module { return new(WebhookSender) }}
}

// Provision resolves placeholders.
func (s *WebhookSender) Provision(caddy.Context) error {
	return resolveAll(map[string]*string{"webhook's url": &s.URL, "webhook's secret": &s.Secret})
}

// Validate checks everything that can be known without dialling. Whether countries are
// needed depends on the medium, which the app knows.
func (s *WebhookSender) Validate() error {
	if s.Secret == "" {
		return errors.New("a webhook needs `secret`: without a signature anybody could have messages sent")
	}
	_, err := s.Sender(nil)
	return err
}

// Carries implements [SenderModule].
func (*WebhookSender) Carries(send.Medium) bool { return true }

// AllowedCountries implements [CostlySender].
func (s *WebhookSender) AllowedCountries() []string { return s.Countries }

// Sender implements [SenderModule].
func (s *WebhookSender) Sender(*slog.Logger) (send.Sender, error) {
	return webhook.New(webhook.Config{URL: s.URL, Secret: s.Secret})
}

// where is the host that messages go to: the rest of a URL may be a secret.
func (s *WebhookSender) where() string {
	u, err := url.Parse(s.URL)
	if err != nil {
		return ""
	}
	return u.Host
}

// Interface guards
var (
	_ CostlySender      = (*WebhookSender)(nil)
	_ caddy.Provisioner = (*WebhookSender)(nil)
	_ caddy.Validator   = (*WebhookSender)(nil)
)
