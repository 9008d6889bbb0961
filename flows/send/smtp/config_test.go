package smtp

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"
)

const from = "Example <no-reply@example.com>"

func TestAConfigurationHasSafeDefaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		cfg        Config
		addr, mode string
	}{
		{"nothing said", Config{Host: "smtp.example.com"}, "smtp.example.com:587", StartTLS},
		{"port 465", Config{Host: "smtp.example.com", Port: 465}, "smtp.example.com:465", Implicit},
		{"port 25", Config{Host: "smtp.example.com", Port: 25}, "smtp.example.com:25", StartTLS},
		{"tls", Config{Host: "smtp.example.com", TLS: Implicit}, "smtp.example.com:465", Implicit},
		{"starttls on 465", Config{Host: "smtp.example.com", Port: 465, TLS: StartTLS}, "smtp.example.com:465", StartTLS},
		{"none on localhost", Config{Host: "localhost", TLS: Plain}, "localhost:25", Plain},
		{"none on IPv6 loopback", Config{Host: "::1", Port: 2525, TLS: Plain}, "[::1]:2525", Plain},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.cfg.From = from
			s, err := New(tt.cfg)
			if err != nil {
				t.Fatal(err)
			}
			if s.addr != tt.addr || s.mode != tt.mode {
				t.Errorf("%s, %s; want %s, %s", s.addr, s.mode, tt.addr, tt.mode)
			}
			if s.helo != "example.com" || s.timeout != 15*time.Second || s.tls.ServerName != tt.cfg.Host ||
				s.tls.MinVersion != tls.VersionTLS12 || s.tls.InsecureSkipVerify {
				t.Errorf("defaults: %+v", s)
			}
		})
	}
}

func TestABadConfigurationIsRefusedWithItsReason(t *testing.T) {
	t.Parallel()
	tests := []struct {
		cfg  Config
		want string
	}{
		{Config{From: from}, "host"},
		{Config{Host: "smtp example.com", From: from}, "host"},
		{Config{Host: "user@smtp.example.com", From: from}, "host"},
		{Config{Host: "smtp.example.com\r\n", From: from}, "host"},
		{Config{Host: "smtp.example.com", Port: 70000, From: from}, "port"},
		{Config{Host: "smtp.example.com", Port: -1, From: from}, "port"},
		{Config{Host: "smtp.example.com", TLS: "yes", From: from}, `tls "yes"`},
		{Config{Host: "smtp.example.com", TLS: Plain, From: from}, "loopback"},
		{Config{Host: "10.0.0.1", TLS: Plain, From: from}, "loopback"},
		{Config{Host: "localhost.example.com", TLS: Plain, From: from}, "loopback"},
		{Config{Host: "smtp.example.com", Username: "u", From: from}, "password"},
		{Config{Host: "smtp.example.com", Password: "hunter2", From: from}, "username"},
		{Config{Host: "smtp.example.com"}, "from"},
		{Config{Host: "smtp.example.com", From: "no-reply"}, "from"},
		{Config{Host: "smtp.example.com", From: "a@example.com, b@example.com"}, "from"},
		{Config{Host: "smtp.example.com", From: "=?utf-8?q?a=0Db?= <a@example.com>"}, "from"},
		{Config{Host: "smtp.example.com", From: `"a b"@example.com`}, "from"},
		{Config{Host: "smtp.example.com", From: "jürgen@example.com"}, "from"},
		{Config{Host: "smtp.example.com", From: from, HELO: "a b"}, "helo"},
		{Config{Host: "smtp.example.com", From: from, HELO: "a\r\nMAIL"}, "helo"},
	}
	for _, tt := range tests {
		_, err := New(tt.cfg)
		if err == nil || !strings.HasPrefix(err.Error(), "configuring smtp: ") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("New(%+v) = %v, want an error about %s", tt.cfg, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error holds the password: %v", err)
		}
	}
}

func TestTheGivenTLSConfigIsNotChanged(t *testing.T) {
	t.Parallel()
	own := &tls.Config{MinVersion: tls.VersionTLS13}
	s, err := New(Config{Host: "smtp.example.com", From: from, TLSConfig: own})
	if err != nil {
		t.Fatal(err)
	}
	if own.ServerName != "" || s.tls.MinVersion != tls.VersionTLS13 {
		t.Errorf("own %q, used %x", own.ServerName, s.tls.MinVersion)
	}
}
