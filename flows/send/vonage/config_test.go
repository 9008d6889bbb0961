package vonage

import (
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/sendtest"
)

func TestABadConfigurationIsRefusedWithItsReason(t *testing.T) {
	t.Parallel()
	good := Config{APIKey: "abcd1234", APISecret: "hunter2-secret", From: "Example"}
	tests := []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.APIKey = "" }, "api_key"},
		{func(c *Config) { c.APIKey = "abcd12345" }, "api_key"},
		{func(c *Config) { c.APIKey = "abcd 123" }, "api_key"},
		{func(c *Config) { c.APIKey = "äbcd123" }, "api_key"}, // 8 bytes, which the SDK does not take for 8
		{func(c *Config) { c.APISecret = "" }, "api_secret"},
		{func(c *Config) { c.SignatureMethod = SHA256 }, "signature_secret"},
		{func(c *Config) { c.SignatureSecret, c.SignatureMethod = "s", "SHA-256" }, "signature_method"},
		{func(c *Config) { c.From = "" }, "from"},
		{func(c *Config) { c.From = "  " }, "from"},
		{func(c *Config) { c.From = "TwelveLetter" }, "from"},
		{func(c *Config) { c.From = "Größe" }, "from"},
		{func(c *Config) { c.From = "1234567890123456" }, "from"},
		{func(c *Config) { c.BaseURL = "http://api.example.com/sms" }, "https"},
		{func(c *Config) { c.BaseURL = "http://localhost.example.com/sms" }, "https"},
		{func(c *Config) { c.BaseURL = "ftp://127.0.0.1/sms" }, "https"},
		{func(c *Config) { c.BaseURL = "api.example.com/sms" }, "base_url"},
		{func(c *Config) { c.BaseURL = "https://u:hunter2-secret@api.example.com/sms" }, "base_url"},
		{func(c *Config) { c.BaseURL = "https://api.example.com/sms?x=1" }, "base_url"},
	}
	for _, tt := range tests {
		cfg := good
		tt.change(&cfg)
		_, err := New(cfg)
		if err == nil || !strings.HasPrefix(err.Error(), "configuring vonage: ") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("New(%+v) = %v, want an error about %s", cfg, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error holds the secret: %v", err)
		}
	}
	for _, from := range []string{"+12025550123", "12025550123", "Example", "My Bank 24"} {
		cfg := good
		cfg.From = from
		s, err := New(cfg)
		if err != nil {
			t.Errorf("from %q: %v", from, err)
		} else if s.cfg.Timeout != 10*time.Second || strings.HasPrefix(s.cfg.From, "+") {
			t.Errorf("from %q: %q, timeout %v", from, s.cfg.From, s.cfg.Timeout)
		}
	}
}

func TestANumberThatIsNotE164IsRefusedBeforeCalling(t *testing.T) {
	t.Parallel()
	srv := sendtest.Vonage(t)
	s := to(t, srv, nil)
	for _, to := range []string{"", "+", "447700900123", "07700900123", "+07700900123", "+44 7700 900123", "+123456",
		"+1234567890123456", "+44770090012a", "+447700900123&from=Bank", "+447700900123\n", "+447700900123,+447700900124",
		"+٤٤٧٧٠٠٩٠٠١٢٣"} {
		m := text()
		m.To = to
		if err := s.Send(t.Context(), m); send.KindOf(err) != send.Final || send.ReasonOf(err) != "bad_number" {
			t.Errorf("To %q: %v, want bad_number (final)", to, err)
		} else if e, ok := errors.AsType[*send.Error](err); !ok || e.Asked {
			t.Errorf("To %q: a check of ours passes for Vonage's word", to)
		}
	}
	m := text()
	m.Text = "\n "
	check(t, s.Send(t.Context(), m), send.Final, "no_text")
	if n := len(srv.Requests()); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}

func TestAnUntrustedCertificateBlocksTheSender(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(nil)
	srv.Config.ErrorLog = discard()
	srv.StartTLS()
	defer srv.Close()
	s, err := New(Config{APIKey: "abcd1234", APISecret: "s", From: "Example", BaseURL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	check(t, s.Send(t.Context(), text()), send.Blocked, "tls")
}

func discard() *log.Logger { return log.New(io.Discard, "", 0) }
