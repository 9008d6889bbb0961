package vonage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows/send"
)

// Config is one Vonage account.
type Config struct {
	APIKey    string // 8 characters
	APISecret string
	From      string // a number, or up to 11 letters, digits and spaces where the country allows that

	BaseURL string        // default https://rest.nexmo.com/sms; plain http for loopback hosts only
	Timeout time.Duration // of one message; default 10 s
}

// Sender sends text messages. It is safe for concurrent use.
type Sender struct {
	cfg       Config
	transport http.RoundTripper
}

var _ send.Sender = (*Sender)(nil)

var (
	numericFrom = regexp.MustCompile(`^[0-9]{3,15}$`)
	namedFrom   = regexp.MustCompile(`^[A-Za-z0-9 ]{1,11}$`)
	number      = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`) // E.164
)

// New checks the configuration. It calls nobody.
func New(cfg Config) (*Sender, error) {
	if err := validate(&cfg); err != nil {
		return nil, fmt.Errorf("configuring vonage: %w", err)
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxResponseHeaderBytes = 64 << 10
	t.MaxConnsPerHost = 32
	return &Sender{cfg: cfg, transport: t}, nil
}

func validate(cfg *Config) error {
	cfg.From = strings.TrimPrefix(cfg.From, "+")
	switch {
	case len(cfg.APIKey) != 8 || strings.ContainsAny(cfg.APIKey, " \t\r\n"):
		return errors.New("api_key must have 8 characters") // the SDK insists
	case cfg.APISecret == "":
		return errors.New("api_secret is missing")
	case !numericFrom.MatchString(cfg.From) && (!namedFrom.MatchString(cfg.From) || strings.TrimSpace(cfg.From) == ""):
		return fmt.Errorf("from %q is neither a number nor up to 11 letters, digits and spaces", cfg.From)
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.BaseURL == "" {
		return nil
	}
	u, err := url.Parse(cfg.BaseURL)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("base_url is not an URL such as https://rest.nexmo.com/sms")
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return errors.New("base_url must be https: the request holds the secret")
	}
	cfg.BaseURL = strings.TrimSuffix(cfg.BaseURL, "/")
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// Send implements [send.Sender]. nil means that Vonage has accepted every part.
func (s *Sender) Send(ctx context.Context, m send.Message) error {
	switch {
	case !number.MatchString(m.To):
		return &send.Error{Kind: send.Final, Reason: "bad_number"}
	case strings.TrimSpace(m.Text) == "":
		return &send.Error{Kind: send.Final, Reason: "no_text"}
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	parts, err := s.call(ctx, m)
	if err != nil {
		return s.explain(ctx, err, m)
	}
	for i, p := range parts {
		if p.status == "0" {
			continue
		}
		e := judge(p.status)
		e.Err = fmt.Errorf("part %d of %d: %s", i+1, len(parts), s.scrub("status "+p.status+" "+p.words, m))
		return e
	}
	return nil
}

// scrub takes our secret and the message out of what Vonage says.
func (s *Sender) scrub(words string, m send.Message) string {
	return send.Scrub(words, m, s.cfg.APISecret, s.cfg.APIKey)
}
