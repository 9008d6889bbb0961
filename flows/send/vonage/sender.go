package vonage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/internal/oneshot"
)

const defaultBase = "https://rest.nexmo.com/sms"

// Config is one Vonage account.
type Config struct {
	APIKey    string // 8 characters
	APISecret string
	From      string // a number, or up to 11 letters, digits and spaces where the country allows that

	// BaseURL is where texts are posted to, at BaseURL/json. Plain http is for loopback
	// hosts only. Default https://rest.nexmo.com/sms. Check asks at the same host for
	// account/get-balance, beside a last path element "sms" or else below BaseURL.
	BaseURL string
	Timeout time.Duration // of one message or check; default 10 s

	// SignatureSecret is the account's secret for signed receipts, which Vonage turns on
	// on request; empty: no receipts are asked for and none are believed. SignatureMethod
	// is what the account signs with; default SHA256.
	SignatureSecret string
	SignatureMethod string
}

// Sender sends text messages. It is safe for concurrent use.
type Sender struct {
	cfg       Config
	transport http.RoundTripper
	now       func() time.Time
}

var (
	_ send.Sender        = (*Sender)(nil)
	_ send.Checker       = (*Sender)(nil)
	_ send.ReceiptReader = (*Sender)(nil)
)

var (
	apiKey      = regexp.MustCompile(`^[\x21-\x7e]{8}$`)
	numericFrom = regexp.MustCompile(`^[0-9]{3,15}$`)
	namedFrom   = regexp.MustCompile(`^[A-Za-z0-9 ]{1,11}$`)
	number      = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`) // E.164
)

// New checks the configuration. It calls nobody.
func New(cfg Config) (*Sender, error) {
	if err := validate(&cfg); err != nil {
		return nil, fmt.Errorf("configuring vonage: %w", err)
	}
	return &Sender{cfg: cfg, transport: oneshot.Transport(nil), now: time.Now}, nil
}

func validate(cfg *Config) error {
	cfg.From = strings.TrimPrefix(cfg.From, "+")
	switch {
	case !apiKey.MatchString(cfg.APIKey):
		return errors.New("api_key must have 8 characters") // the SDK insists
	case cfg.APISecret == "":
		return errors.New("api_secret is missing")
	case !numericFrom.MatchString(cfg.From) && (!namedFrom.MatchString(cfg.From) || strings.TrimSpace(cfg.From) == ""):
		return fmt.Errorf("from %q is neither a number nor up to 11 letters, digits and spaces", cfg.From)
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	if err := validateSignature(cfg); err != nil {
		return err
	}
	if cfg.BaseURL == "" {
		return nil
	}
	u, err := url.Parse(cfg.BaseURL)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("base_url is not an URL such as " + defaultBase)
	}
	if !oneshot.Private(u) {
		return errors.New("base_url must be https: the request holds the secret")
	}
	cfg.BaseURL = strings.TrimSuffix(cfg.BaseURL, "/")
	return nil
}

// Send implements [send.Sender]. nil means that Vonage has accepted every part.
// An error of kind [send.Uncertain] means that it may have the text, or has some parts.
func (s *Sender) Send(ctx context.Context, m send.Message) error {
	switch {
	case !number.MatchString(m.To):
		return &send.Error{Kind: send.Final, Reason: "bad_number", AboutMessage: true}
	case strings.TrimSpace(m.Text) == "":
		return &send.Error{Kind: send.Final, Reason: "no_text", AboutMessage: true}
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	parts, err := s.call(ctx, m)
	if err != nil {
		return s.explain(err, m)
	}
	return s.judgeParts(parts, m)
}

// scrub takes our secrets and the message out of what Vonage says.
func (s *Sender) scrub(words string, m send.Message) string {
	return send.Scrub(words, m, s.cfg.APISecret, s.cfg.APIKey, s.cfg.SignatureSecret)
}
