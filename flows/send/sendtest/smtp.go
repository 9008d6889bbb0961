package sendtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
)

// SMTPOptions shape an [SMTPServer]. The zero value is a server on 127.0.0.1 that
// offers STARTTLS and asks for no password.
type SMTPOptions struct {
	Implicit bool   // TLS from the first byte, as on port 465
	Plain    bool   // no TLS at all
	UTF8     bool   // offers SMTPUTF8
	Username string // if set, mail is taken after AUTH PLAIN with these only
	Password string
	// Recipient and Content may refuse with a *SMTPError.
	Recipient func(to string) error
	Content   func(m Mail) error
}

// SMTPError is a refusal with its reply code and enhanced code.
type SMTPError = gosmtp.SMTPError

// An SMTPServer keeps the mails it is given.
type SMTPServer struct {
	Host    string
	Port    int
	RootCAs *x509.CertPool // trusts the server's certificate, made for this server

	opt   SMTPOptions
	mails box[Mail]
}

// SMTP starts a server that ends with the test.
func SMTP(t testing.TB, opt SMTPOptions) *SMTPServer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listening: %v", err)
	}
	cert, roots := Certificate(t)
	s := &SMTPServer{Host: "127.0.0.1", Port: ln.Addr().(*net.TCPAddr).Port, RootCAs: roots, opt: opt}
	srv := gosmtp.NewServer(gosmtp.BackendFunc(func(c *gosmtp.Conn) (gosmtp.Session, error) {
		return &smtpSession{s: s, c: c}, nil
	}))
	srv.Domain = "mail.test"
	srv.AllowInsecureAuth = opt.Plain
	srv.EnableSMTPUTF8 = opt.UTF8
	srv.MaxMessageBytes = 1 << 20
	srv.ReadTimeout, srv.WriteTimeout = patience, patience
	srv.ErrorLog = log.New(io.Discard, "", 0)
	srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	switch {
	case opt.Implicit:
		ln = tls.NewListener(ln, srv.TLSConfig)
	case opt.Plain:
		srv.TLSConfig = nil
	}
	var done sync.WaitGroup
	done.Go(func() { _ = srv.Serve(ln) })
	t.Cleanup(func() {
		_ = srv.Close()
		_ = ln.Close() // Close knows of it only once Serve has begun
		done.Wait()
	})
	return s
}

// Addr is host:port.
func (s *SMTPServer) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// Mails are those accepted so far, oldest first.
func (s *SMTPServer) Mails() []Mail { return s.mails.all() }

// WaitFor waits until n mails were accepted since the server began, and returns all.
func (s *SMTPServer) WaitFor(t testing.TB, n int) []Mail {
	t.Helper()
	return s.mails.wait(t, "mails", func(got []Mail) bool { return len(got) >= n })
}

// smtpSession is one connection. A session's methods are called one at a time.
type smtpSession struct {
	s    *SMTPServer
	c    *gosmtp.Conn
	user string
	mail Mail
}

func (x *smtpSession) AuthMechanisms() []string {
	if x.s.opt.Username == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (x *smtpSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != x.s.opt.Username || password != x.s.opt.Password {
			return gosmtp.ErrAuthFailed
		}
		x.user = username
		return nil
	}), nil
}

func (x *smtpSession) Mail(from string, opts *gosmtp.MailOptions) error {
	if x.s.opt.Username != "" && x.user == "" {
		return &gosmtp.SMTPError{Code: 530, EnhancedCode: gosmtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	_, secure := x.c.TLSConnectionState()
	x.mail = Mail{From: from, HELO: x.c.Hostname(), TLS: secure, User: x.user, UTF8: opts != nil && opts.UTF8}
	return nil
}

func (x *smtpSession) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	if x.s.opt.Recipient != nil {
		if err := x.s.opt.Recipient(to); err != nil {
			return err
		}
	}
	x.mail.To = append(x.mail.To, to)
	return nil
}

func (x *smtpSession) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m := x.mail
	m.Data = data
	if err := m.parse(); err != nil {
		return &gosmtp.SMTPError{Code: 554, EnhancedCode: gosmtp.EnhancedCode{5, 6, 0}, Message: err.Error()}
	}
	if x.s.opt.Content != nil {
		if err := x.s.opt.Content(m); err != nil {
			return err
		}
	}
	x.s.mails.put(m)
	return nil
}

func (x *smtpSession) Reset()        { x.mail = Mail{} }
func (x *smtpSession) Logout() error { return nil }

// Certificate makes a certificate for 127.0.0.1 and localhost, and a pool that trusts
// nothing else.
func Certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("making key: %v", err)
	}
	tpl := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, key.Public(), key)
	if err != nil {
		t.Fatalf("making certificate: %v", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("parsing certificate: %v", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}

// ScriptTCP serves each connection to 127.0.0.1 with f and returns host and port. The
// connection and ctx end with the test, so f may hang for as long as it likes.
func ScriptTCP(t testing.TB, f func(ctx context.Context, c net.Conn)) (host string, port int) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listening: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			stop := context.AfterFunc(ctx, func() { _ = c.Close() })
			running.Go(func() {
				defer stop()
				defer c.Close()
				f(ctx, c)
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = ln.Close()
		running.Wait()
	})
	return "127.0.0.1", ln.Addr().(*net.TCPAddr).Port
}
