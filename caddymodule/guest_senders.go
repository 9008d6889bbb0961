package caddymodule

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"

	"github.com/caddyserver/caddy/v2"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/inbox"
	"github.com/stepgate/stepgate/flows/send/smtp"
	"github.com/stepgate/stepgate/flows/send/vonage"
)

func init() {
	caddy.RegisterModule(SMTPSender{})
	caddy.RegisterModule(VonageSender{})
	caddy.RegisterModule(InboxSender{})
}

// SMTPSender sends mail through a mail server. Every text field may hold the
// placeholders {env.*} and {file.*}.
type SMTPSender struct {
	// The mail server as host:port, such as smtp.example.com:587.
	Address string `json:"address"`

	// The From header, such as "Example <no-reply@example.com>".
	From string `json:"from"`

	// Name and password for the mail server. Default: no authentication.
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`

	// How the connection is protected: "starttls" (required, not merely tried),
	// "tls" from the first byte, or "none", which is only for a server on this machine.
	// Default: "tls" on port 465, else "starttls".
	TLS string `json:"tls,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (SMTPSender) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "stepgate.senders.smtp", New: func() caddy.Module { return new(SMTPSender) }}
}

// Provision resolves placeholders.
func (s *SMTPSender) Provision(caddy.Context) error {
	return resolveAll(map[string]*string{
		"mail server's address": &s.Address, "mail sender's from": &s.From,
		"mail server's username": &s.Username, "mail server's password": &s.Password, "mail server's tls": &s.TLS,
	})
}

// Validate checks everything that can be known without dialling.
func (s *SMTPSender) Validate() error {
	_, err := s.Sender(nil)
	return err
}

// Carries implements [SenderModule].
func (s *SMTPSender) Carries(m send.Medium) bool { return m == send.Email }

// Sender implements [SenderModule].
func (s *SMTPSender) Sender(*slog.Logger) (send.Sender, error) {
	host, port, err := net.SplitHostPort(s.Address)
	number, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || host == "" || portErr != nil || number == 0 {
		return nil, fmt.Errorf("a mail server's address is host and port, such as smtp.example.com:587, not %q", s.Address)
	}
	if s.From == "" {
		return nil, errors.New("a mail sender needs `from`, such as from \"Example <no-reply@example.com>\"")
	}
	return smtp.New(smtp.Config{
		Host: host, Port: int(number), From: s.From, Username: s.Username, Password: s.Password, TLS: s.TLS,
	})
}

// VonageSender sends text messages through Vonage's SMS API. Every text field but
// countries may hold the placeholders {env.*} and {file.*}.
type VonageSender struct {
	// The account's API key (8 characters) and secret.
	APIKey    string `json:"api_key"`
	APISecret string `json:"api_secret"`

	// What the message shows as its sender: a number of yours, or up to 11 letters,
	// digits and spaces, which many countries restrict.
	From string `json:"from"`

	// Where messages may go, as ISO 3166 codes such as DE and FR: every message
	// costs money, and fraud looks for numbers in countries you never meant. The
	// first is assumed for numbers typed without a country code. A single "*" opens
	// the world. Required.
	Countries []string `json:"countries"`

	// Where the API is. Plain http is for loopback hosts. Default: Vonage's own.
	BaseURL string `json:"base_url,omitempty"`

	// The signature secret of the account, and how it signs: "sha256", "sha512",
	// "sha1", "md5" (all as HMAC) or "md5hash". With a secret Vonage is asked to report
	// what became of each message, and reports that it has not signed are refused.
	// Default: no secret, and no reports; sha256.
	SignatureSecret string `json:"signature_secret,omitempty"`
	SignatureMethod string `json:"signature_method,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (VonageSender) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "stepgate.senders.vonage", New: func() caddy.Module { return new(VonageSender) }}
}

// Provision resolves placeholders.
func (s *VonageSender) Provision(caddy.Context) error {
	return resolveAll(map[string]*string{
		"vonage api_key": &s.APIKey, "vonage api_secret": &s.APISecret, "vonage from": &s.From, "vonage base_url": &s.BaseURL,
		"vonage signature_secret": &s.SignatureSecret, "vonage signature_method": &s.SignatureMethod,
	})
}

// Validate checks everything that can be known without dialling.
func (s *VonageSender) Validate() error {
	if err := checkCountries(s.Countries); err != nil {
		return err
	}
	_, err := s.Sender(nil)
	return err
}

// Carries implements [SenderModule].
func (s *VonageSender) Carries(m send.Medium) bool { return m == send.SMS }

// AllowedCountries implements [CostlySender].
func (s *VonageSender) AllowedCountries() []string { return s.Countries }

// Sender implements [SenderModule].
func (s *VonageSender) Sender(*slog.Logger) (send.Sender, error) {
	return vonage.New(vonage.Config{
		APIKey: s.APIKey, APISecret: s.APISecret, From: s.From, BaseURL: s.BaseURL,
		SignatureSecret: s.SignatureSecret, SignatureMethod: s.SignatureMethod,
	})
}

// InboxSender delivers to nobody: it keeps messages in memory and shows them on the
// inbox page, for trials. A site whose address is not loopback refuses to load with
// it.
type InboxSender struct {
	box *inbox.Inbox // lent by the app: it lives in the pool, so messages survive a reload
}

// CaddyModule returns the Caddy module information.
func (InboxSender) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "stepgate.senders.inbox", New: func() caddy.Module { return new(InboxSender) }}
}

// Carries implements [SenderModule].
func (*InboxSender) Carries(send.Medium) bool { return true }

// Sender implements [SenderModule].
func (s *InboxSender) Sender(*slog.Logger) (send.Sender, error) { return s.box, nil }

// Interface guards
var (
	_ SenderModule      = (*SMTPSender)(nil)
	_ caddy.Provisioner = (*SMTPSender)(nil)
	_ caddy.Validator   = (*SMTPSender)(nil)
	_ CostlySender      = (*VonageSender)(nil)
	_ caddy.Provisioner = (*VonageSender)(nil)
	_ caddy.Validator   = (*VonageSender)(nil)
	_ SenderModule      = (*InboxSender)(nil)
)
