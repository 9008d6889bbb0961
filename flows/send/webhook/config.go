package webhook

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/internal/oneshot"
)

// Config is one endpoint.
type Config struct {
	URL string // https, or http on a loopback host; no user info, no fragment

	// Secret signs the requests: "whsec_" and at least 24 bytes in base64, or at least 32
	// bytes in hex or base64.
	Secret string

	Timeout   time.Duration // of one message or check; default 10 s
	TLSConfig *tls.Config   // for a private root CA; TLS 1.2 is the least version whatever it says
}

// Sender posts messages of any medium. It is safe for concurrent use.
type Sender struct {
	url       string
	key       []byte
	secrets   []string // every spelling of the key, to keep them out of errors
	timeout   time.Duration
	transport *http.Transport
	now       func() time.Time
}

var (
	_ send.Sender  = (*Sender)(nil)
	_ send.Checker = (*Sender)(nil)
)

// New checks the configuration. It calls nobody.
func New(cfg Config) (*Sender, error) {
	s, err := build(cfg)
	if err != nil {
		return nil, fmt.Errorf("configuring webhook: %w", err)
	}
	return s, nil
}

func build(cfg Config) (*Sender, error) {
	u, err := url.Parse(cfg.URL)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("url is not an URL such as https://sms.example.com/send") // it may hold a token: not quoted
	case u.User != nil:
		return nil, errors.New("url must not hold a user name or password: the signature says who we are")
	case u.Fragment != "":
		return nil, errors.New("url must not have a fragment")
	case !oneshot.Private(u):
		return nil, errors.New("url must be https, or http on a loopback host: the request holds a code")
	}
	key, err := parseSecret(cfg.Secret)
	if err != nil {
		return nil, err
	}
	s := &Sender{url: u.String(), key: key, timeout: cfg.Timeout, now: time.Now}
	s.secrets = []string{cfg.Secret, strings.TrimPrefix(cfg.Secret, secretPrefix), hex.EncodeToString(key)}
	if u.RawQuery != "" {
		s.secrets = append(s.secrets, u.RawQuery)
	}
	if s.timeout <= 0 {
		s.timeout = 10 * time.Second
	}
	tc := &tls.Config{}
	if cfg.TLSConfig != nil {
		tc = cfg.TLSConfig.Clone()
	}
	tc.MinVersion = max(tc.MinVersion, tls.VersionTLS12)
	s.transport = oneshot.Transport(tc)
	return s, nil
}

const secretPrefix = "whsec_"

// parseSecret refuses what could be guessed: whoever knows the key can have codes of
// their own sent under the site's name.
func parseSecret(s string) ([]byte, error) {
	if s == "" {
		return nil, errors.New("secret is missing")
	}
	if rest, ok := strings.CutPrefix(s, secretPrefix); ok {
		key, err := decodeBase64(rest)
		switch {
		case err != nil:
			return nil, errors.New("secret: what follows whsec_ is not base64")
		case len(key) < 24:
			return nil, errors.New("secret is too short: 24 bytes are the least")
		}
		return key, nil
	}
	key, err := hex.DecodeString(s)
	if err != nil {
		key, err = decodeBase64(s)
	}
	switch {
	case err != nil:
		return nil, errors.New("secret is neither whsec_ and base64, nor hex, nor base64")
	case len(key) < 32:
		return nil, errors.New("secret is too short: without whsec_ 32 bytes are the least")
	}
	return key, nil
}

func decodeBase64(s string) ([]byte, error) {
	return base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(s, "="))
}
