package smtp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/sendtest"
)

func letter() send.Message {
	return send.Message{
		ID: "m-0123456789ABCDEF", Medium: send.Email, To: "john.doe@example.org", Purpose: "code.sign_in",
		Subject: "Ihr Code für Löhne", Text: "482913 ist Ihr Code – nur für Sie.\n\n.\n.dot\nFrom here\n",
		HTML: "<p><b>482913</b> ist Ihr Code – nur für Sie.</p>\n", Lang: "de-AT", Code: "482913",
	}
}

// to is a sender for the test's server; change the configuration with f.
func to(t *testing.T, srv *sendtest.SMTPServer, f func(*Config)) *Sender {
	t.Helper()
	cfg := Config{Host: srv.Host, Port: srv.Port, From: from, Timeout: 10 * time.Second,
		TLSConfig: &tls.Config{RootCAs: srv.RootCAs}}
	if f != nil {
		f(&cfg)
	}
	return mustNew(t, cfg)
}

func mustNew(t *testing.T, cfg Config) *Sender {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// check compares an error of Send, and that it says nothing of the message.
func check(t *testing.T, err error, kind send.Kind, reason string) {
	t.Helper()
	var e *send.Error
	if !errors.As(err, &e) {
		t.Fatalf("err = %v, want a *send.Error", err)
	}
	if e.Kind != kind || e.Reason != reason {
		t.Errorf("err = %v; want %s (%s)", err, reason, kind)
	}
	m := letter()
	for _, secret := range []string{m.To, "john.doe", "example.org", m.Code, "ist Ihr Code", m.Subject, "hunter2-secret",
		"aHVudGVyMi1zZWNyZXQ="} {
		if strings.Contains(strings.ToLower(err.Error()), strings.ToLower(secret)) {
			t.Errorf("the error holds %q: %v", secret, err)
		}
	}
	if len(err.Error()) > 300 {
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
}

func TestAMailArrivesWhole(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		opt sendtest.SMTPOptions
		cfg func(*Config)
	}{
		"STARTTLS":     {sendtest.SMTPOptions{}, nil},
		"implicit TLS": {sendtest.SMTPOptions{Implicit: true}, func(c *Config) { c.TLS = Implicit }},
		"loopback":     {sendtest.SMTPOptions{Plain: true}, func(c *Config) { c.TLS = Plain }},
		"with a password": {sendtest.SMTPOptions{Username: "u@example.com", Password: "hunter2-secret"},
			func(c *Config) { c.Username, c.Password = "u@example.com", "hunter2-secret" }},
		"with a password and implicit TLS": {sendtest.SMTPOptions{Implicit: true, Username: "u", Password: "p"},
			func(c *Config) { c.TLS, c.Username, c.Password = Implicit, "u", "p" }},
		"with a password on loopback": {sendtest.SMTPOptions{Plain: true, Username: "u", Password: "p"},
			func(c *Config) { c.TLS, c.Username, c.Password = Plain, "u", "p" }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := sendtest.SMTP(t, tt.opt)
			m := letter()
			if err := to(t, srv, tt.cfg).Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			got := srv.WaitFor(t, 1)[0]
			if got.TLS == tt.opt.Plain || got.User != tt.opt.Username || got.HELO != "example.com" {
				t.Errorf("TLS %v, user %q, helo %q", got.TLS, got.User, got.HELO)
			}
			if got.From != "no-reply@example.com" || fmt.Sprint(got.To) != "[john.doe@example.org]" || got.UTF8 {
				t.Errorf("envelope %s → %s, utf8 %v", got.From, got.To, got.UTF8)
			}
			if got.Subject != m.Subject || got.Text != m.Text || got.HTML != m.HTML {
				t.Errorf("subject %q\ntext %q\nhtml %q", got.Subject, got.Text, got.HTML)
			}
		})
	}
}

func TestTheHeadersAreThoseOfAnAutomaticMail(t *testing.T) {
	t.Parallel()
	srv := sendtest.SMTP(t, sendtest.SMTPOptions{})
	s := to(t, srv, nil)
	before := time.Now().Truncate(time.Second)
	if err := s.Send(t.Context(), letter()); err != nil {
		t.Fatal(err)
	}
	h := srv.WaitFor(t, 1)[0].Header
	for name, want := range map[string]string{
		"Message-Id": "<m-0123456789ABCDEF@example.com>", "Auto-Submitted": "auto-generated",
		"Content-Language": "de-AT", "Mime-Version": "1.0", "X-Entity-Ref-Id": "m-0123456789ABCDEF",
		"From": `"Example" <no-reply@example.com>`, "To": "<john.doe@example.org>",
		"User-Agent": "", "X-Mailer": "", "Cc": "", "Bcc": "", "Precedence": "", "List-Unsubscribe": "",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	date, err := mail.ParseDate(h.Get("Date"))
	if err != nil || date.Before(before) || date.After(time.Now()) {
		t.Errorf("Date: %q", h.Get("Date"))
	}
	if kind := h.Get("Content-Type"); !strings.HasPrefix(kind, "multipart/alternative") {
		t.Errorf("Content-Type: %q", kind)
	}
}

func TestAMailWithoutHTMLIsPlain(t *testing.T) {
	t.Parallel()
	srv := sendtest.SMTP(t, sendtest.SMTPOptions{})
	m := letter()
	m.HTML, m.Lang = "", "not a language\r\nX-Evil: yes"
	if err := to(t, srv, nil).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := srv.WaitFor(t, 1)[0]
	if kind := got.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/plain") || got.Text != m.Text {
		t.Errorf("Content-Type %q, text %q", kind, got.Text)
	}
	if got.Header.Get("Content-Language") != "" || got.Header.Get("X-Evil") != "" {
		t.Errorf("headers: %v", got.Header)
	}
}

func TestAMessageThatCouldReachOthersIsRefusedBeforeDialling(t *testing.T) {
	t.Parallel()
	srv := sendtest.SMTP(t, sendtest.SMTPOptions{})
	s := to(t, srv, nil)
	for _, addr := range []string{
		"", "john", "@example.org", "john@", "a@example.org, b@example.org", "a@example.org;b@example.org",
		"John <john@example.org>", "<john@example.org>", "john@example.org\r\nBcc: eve@example.org",
		"john@example.org\n", "john@example.org> SIZE=1", "john(comment)@example.org", `"john doe"@example.org`,
		"john@evil@example.org", "john@exam ple.org", "group:a@example.org;", strings.Repeat("a", 250) + "@example.org",
		"john\x00@example.org", "john@example.org\u2028",
	} {
		m := letter()
		m.To = addr
		if err := s.Send(t.Context(), m); send.KindOf(err) != send.Final || send.ReasonOf(err) != "bad_recipient" {
			t.Errorf("To %q: %v, want bad_recipient (final)", addr, err)
		} else if e, ok := errors.AsType[*send.Error](err); !ok || e.Asked {
			t.Errorf("To %q: a check of ours passes for the server's word", addr)
		}
	}
	for name, change := range map[string]func(*send.Message){
		"bad_subject": func(m *send.Message) { m.Subject = "Code\r\nBcc: eve@example.org" },
		"bad_id":      func(m *send.Message) { m.ID = "a>\r\nX-Evil: <b" },
		"no_text":     func(m *send.Message) { m.Text = " \n" },
	} {
		m := letter()
		change(&m)
		check(t, s.Send(t.Context(), m), send.Final, name)
	}
	if n := len(srv.Mails()); n != 0 {
		t.Errorf("%d mails arrived", n)
	}
}

func TestAnAddressBeyondASCIINeedsAServerThatKnowsIt(t *testing.T) {
	t.Parallel()
	m := letter()
	m.To = "jürgen@example.org"
	err := to(t, sendtest.SMTP(t, sendtest.SMTPOptions{}), nil).Send(t.Context(), m)
	check(t, err, send.Blocked, "no_smtputf8")
	if e, ok := errors.AsType[*send.Error](err); !ok || e.Asked {
		t.Error("the server was not asked about the recipient")
	}
	srv := sendtest.SMTP(t, sendtest.SMTPOptions{UTF8: true})
	s := to(t, srv, nil)
	for _, addr := range []string{m.To, "john.doe@example.org"} {
		m.To = addr
		if err := s.Send(t.Context(), m); err != nil {
			t.Fatalf("%s: %v", addr, err)
		}
	}
	if got := srv.WaitFor(t, 2); !got[0].UTF8 || got[0].To[0] != "jürgen@example.org" || got[1].UTF8 {
		t.Errorf("got %v (SMTPUTF8 %v) and SMTPUTF8 %v for plain ASCII", got[0].To, got[0].UTF8, got[1].UTF8)
	}
}

func TestAServerThatIsNotTrustedGetsNothing(t *testing.T) {
	t.Parallel()
	creds := func(c *Config) { c.Username, c.Password = "u", "hunter2-secret" }
	_, otherRoots := sendtest.Certificate(t)
	tests := map[string]struct {
		opt    sendtest.SMTPOptions
		cfg    func(*Config)
		kind   send.Kind
		reason string
	}{
		"unknown issuer": {sendtest.SMTPOptions{}, func(c *Config) { creds(c); c.TLSConfig = &tls.Config{RootCAs: otherRoots} },
			send.Blocked, "tls"},
		"unknown issuer, implicit": {sendtest.SMTPOptions{Implicit: true},
			func(c *Config) { creds(c); c.TLS = Implicit; c.TLSConfig = &tls.Config{RootCAs: otherRoots} }, send.Blocked, "tls"},
		"another name": {sendtest.SMTPOptions{}, func(c *Config) { creds(c); c.TLSConfig.ServerName = "smtp.example.com" },
			send.Blocked, "tls"},
		"no STARTTLS":         {sendtest.SMTPOptions{Plain: true}, creds, send.Blocked, "tls"},
		"TLS to a plain port": {sendtest.SMTPOptions{Plain: true}, func(c *Config) { creds(c); c.TLS = Implicit }, send.Blocked, "tls"},
		"too old a version": {sendtest.SMTPOptions{Implicit: true},
			func(c *Config) { creds(c); c.TLS = Implicit; c.TLSConfig.MaxVersion = tls.VersionTLS11 }, send.Blocked, "tls"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.opt.Username, tt.opt.Password = "u", "hunter2-secret"
			srv := sendtest.SMTP(t, tt.opt)
			err := to(t, srv, tt.cfg).Send(t.Context(), letter())
			check(t, err, tt.kind, tt.reason)
			if name == "no STARTTLS" && !strings.Contains(err.Error(), "does not offer STARTTLS") {
				t.Errorf("%v does not say what to do", err)
			}
			if len(srv.Mails()) != 0 {
				t.Error("a mail was delivered")
			}
		})
	}
}

func TestAWrongPasswordBlocksTheSender(t *testing.T) {
	t.Parallel()
	srv := sendtest.SMTP(t, sendtest.SMTPOptions{Username: "u", Password: "right"})
	s := to(t, srv, func(c *Config) { c.Username, c.Password = "u", "hunter2-secret" })
	check(t, s.Send(t.Context(), letter()), send.Blocked, "auth")
	s = to(t, srv, nil) // 530 at MAIL
	check(t, s.Send(t.Context(), letter()), send.Blocked, "auth")
	none := sendtest.SMTP(t, sendtest.SMTPOptions{})
	s = to(t, none, func(c *Config) { c.Username, c.Password = "u", "p" })
	check(t, s.Send(t.Context(), letter()), send.Blocked, "auth")
}

func TestARealServersRefusalIsUnderstood(t *testing.T) {
	t.Parallel()
	refuse := func(code int, class [3]int, msg string) error {
		return &sendtest.SMTPError{Code: code, EnhancedCode: class, Message: msg}
	}
	srv := sendtest.SMTP(t, sendtest.SMTPOptions{
		Recipient: func(to string) error { return refuse(550, [3]int{5, 1, 1}, "<"+to+">: no john.doe here") }})
	check(t, to(t, srv, nil).Send(t.Context(), letter()), send.Final, "bad_recipient")
	srv = sendtest.SMTP(t, sendtest.SMTPOptions{Content: func(m sendtest.Mail) error {
		return refuse(554, [3]int{5, 7, 1}, "spam to "+m.To[0]+": "+m.Text)
	}})
	err := to(t, srv, nil).Send(t.Context(), letter())
	check(t, err, send.Blocked, "refused")
	if !strings.Contains(err.Error(), "554 ") || !strings.Contains(err.Error(), "5.7.1") {
		t.Errorf("%v lacks the reply's codes, which operators need", err)
	}
}

func TestMailsMayBeSentAtTheSameTime(t *testing.T) {
	t.Parallel()
	srv := sendtest.SMTP(t, sendtest.SMTPOptions{Username: "u", Password: "p"})
	s := to(t, srv, func(c *Config) { c.Username, c.Password = "u", "p" })
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			m := letter()
			m.ID = fmt.Sprint("m", i)
			if err := s.Send(t.Context(), m); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	ids := map[string]bool{}
	for _, m := range srv.WaitFor(t, 20) {
		ids[m.Header.Get("Message-Id")] = true
	}
	if len(ids) != 20 {
		t.Errorf("%d different mails, want 20", len(ids))
	}
}
