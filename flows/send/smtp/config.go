package smtp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows/send"
)

// Values of Config.TLS.
const (
	StartTLS = "starttls" // TLS after STARTTLS, always: a server that does not offer it is not used
	Implicit = "tls"      // TLS from the first byte (RFC 8314)
	Plain    = "none"     // no TLS: only for a server on this host
)

// Config is one account at a mail server.
type Config struct {
	Host string // name or address; the certificate must be valid for it
	Port int    // default 587; 465 with TLS "tls"; 25 with TLS "none"

	// Username and Password are both empty, or both set: then the server must offer
	// AUTH with PLAIN, LOGIN or CRAM-MD5.
	Username string
	Password string

	From string // RFC 5322 mailbox, such as "Example <no-reply@example.com>"
	TLS  string // StartTLS, Implicit or Plain; default Implicit on port 465, else StartTLS
	HELO string // the name to greet with; default: the domain of From

	Timeout time.Duration // of one message from dialling to acceptance; default 15 s

	// TLSConfig is for a private root CA. Its ServerName defaults to Host; TLS 1.2 is
	// the least version whatever it says.
	TLSConfig *tls.Config
}

// Sender sends mail. It keeps no connection open.
type Sender struct {
	host, addr, mode   string
	username, password string
	from               *mail.Address
	domain, helo       string
	timeout            time.Duration
	tls                *tls.Config
	now                func() time.Time
}

var (
	_ send.Sender  = (*Sender)(nil)
	_ send.Checker = (*Sender)(nil)
)

// New checks the configuration. It dials nothing.
func New(cfg Config) (*Sender, error) {
	s, err := build(cfg)
	if err != nil {
		return nil, fmt.Errorf("configuring smtp: %w", err)
	}
	return s, nil
}

func build(cfg Config) (*Sender, error) {
	s := &Sender{host: cfg.Host, mode: cfg.TLS, username: cfg.Username, password: cfg.Password,
		helo: cfg.HELO, timeout: cfg.Timeout, now: time.Now}
	if s.host == "" || strings.ContainsAny(s.host, " \t\r\n/@") {
		return nil, fmt.Errorf("host %q is not a host name", s.host)
	}
	if err := s.setAddress(cfg.Port); err != nil {
		return nil, err
	}
	if (s.username == "") != (s.password == "") {
		return nil, errors.New("username and password go together: give both or neither")
	}
	from, err := mail.ParseAddress(cfg.From)
	if err != nil || !plainAddress(from.Address) || !ascii(from.Address) || hasControl(from.Name) {
		return nil, fmt.Errorf("from %q is not a mailbox such as %q", cfg.From, "Example <no-reply@example.com>")
	}
	s.from = from
	_, s.domain, _ = strings.Cut(from.Address, "@")
	if s.helo == "" {
		// Not the host's own name, which is of no use to the server and would tell every
		// recipient how the inside is named.
		s.helo = s.domain
	}
	if !ascii(s.helo) || strings.ContainsAny(s.helo, " \t\r\n") {
		return nil, fmt.Errorf("helo %q is not a host name", s.helo)
	}
	if s.timeout <= 0 {
		s.timeout = 15 * time.Second
	}
	s.tls = &tls.Config{}
	if cfg.TLSConfig != nil {
		s.tls = cfg.TLSConfig.Clone()
	}
	if s.tls.ServerName == "" {
		s.tls.ServerName = s.host
	}
	s.tls.MinVersion = max(s.tls.MinVersion, tls.VersionTLS12)
	return s, nil
}

func (s *Sender) setAddress(port int) error {
	if s.mode == "" {
		s.mode = StartTLS
		if port == 465 {
			s.mode = Implicit
		}
	}
	standard := map[string]int{StartTLS: 587, Implicit: 465, Plain: 25}[s.mode]
	switch {
	case standard == 0:
		return fmt.Errorf("tls %q is none of %s, %s, %s", s.mode, StartTLS, Implicit, Plain)
	case s.mode == Plain && !loopbackName(s.host):
		return fmt.Errorf("tls none is for a server on this host only; %s is not a loopback address", s.host)
	case port < 0 || port > 65535:
		return fmt.Errorf("port %d is out of range", port)
	case port == 0:
		port = standard
	}
	s.addr = net.JoinHostPort(s.host, fmt.Sprint(port))
	return nil
}

func loopbackName(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// plainAddress reports whether addr is local@domain without any quoting or comment,
// so that it can stand in an envelope as it is.
func plainAddress(addr string) bool {
	a, err := mail.ParseAddress(addr)
	if err != nil || a.Name != "" || a.Address != addr || len(addr) > 254 {
		return false
	}
	local, domain, _ := strings.Cut(addr, "@")
	return local != "" && domain != "" && !strings.ContainsAny(addr, " \t\"(),:;<>\\") &&
		strings.Count(addr, "@") == 1 && !hasControl(addr)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' })
}
