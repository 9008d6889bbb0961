package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	gosmtp "github.com/wneessen/go-mail/smtp"

	"github.com/stepgate/stepgate/flows/send"
)

const (
	// maxReplies is how many bytes a server may say in one exchange, certificates
	// included: textproto would read a line of any length into memory.
	maxReplies = 256 << 10
	// farewell is how long the answer to QUIT is waited for.
	farewell = time.Second
)

// stage is where an exchange stands: what a refusal means depends on it.
type stage string

const (
	connecting stage = "connect"
	securing   stage = "tls"
	greeting   stage = "greeting"
	identing   stage = "auth"
	fromStage  stage = "from"
	rcptStage  stage = "recipient"
	dataStage  stage = "content"
	// verdictStage begins with the final dot: from here on only the server knows.
	verdictStage stage = "verdict"
	noopStage    stage = "noop"
)

// Send implements [send.Sender]. nil means that the server has taken the mail over. An
// error of kind [send.Uncertain] means that it was given all of the mail and its verdict
// is not known; any other, that it does not have the mail.
func (s *Sender) Send(ctx context.Context, m send.Message) error {
	content, bad := s.compose(m)
	if bad != nil {
		return bad
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	at, err := s.exchange(ctx, func(c *gosmtp.Client) (stage, error) { return s.deliver(c, m.To, content) })
	if err != nil {
		return s.explain(ctx, at, err, m)
	}
	return nil
}

// Check implements [send.Checker]: it goes as far as Send does before it names a
// sender or a recipient.
func (s *Sender) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	at, err := s.exchange(ctx, func(c *gosmtp.Client) (stage, error) { return noopStage, c.Noop() })
	if err != nil {
		return s.explain(ctx, at, err, send.Message{})
	}
	return nil
}

// exchange has one whole conversation, with work in its middle, and says at which
// stage it ended.
func (s *Sender) exchange(ctx context.Context, work func(*gosmtp.Client) (stage, error)) (stage, error) {
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return connecting, err
	}
	defer raw.Close()
	if s.mode == Plain && !loopbackAddr(raw.RemoteAddr()) {
		return securing, errNotLocal // a name can be made to point anywhere
	}
	// The library has no context below dialling. The end of ours, by time or by
	// cancellation, makes every read and write return.
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	c, at, err := s.begin(ctx, &limited{Conn: raw, left: maxReplies})
	if err != nil {
		return at, err
	}
	if at, err := work(c); err != nil {
		return at, err
	}
	// Done. Whatever happens to the farewell changes nothing.
	if stop() {
		_ = raw.SetDeadline(time.Now().Add(farewell))
		_ = c.Quit()
	}
	return "", nil
}

// begin greets the server, inside TLS unless it is on this host, and proves who we are.
func (s *Sender) begin(ctx context.Context, conn net.Conn) (*gosmtp.Client, stage, error) {
	if s.mode == Implicit {
		secure := tls.Client(conn, s.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, securing, err
		}
		conn = secure
	}
	c, err := gosmtp.NewClient(conn, s.host)
	if err != nil {
		return nil, greeting, err
	}
	if err := c.Hello(s.helo); err != nil {
		return nil, greeting, err
	}
	if s.mode == StartTLS {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return nil, securing, errNoStartTLS
		}
		if err := c.StartTLS(s.tls); err != nil {
			return nil, securing, err
		}
	}
	if err := s.identify(c); err != nil {
		return nil, identing, err
	}
	return c, "", nil
}

func (s *Sender) identify(c *gosmtp.Client) error {
	if s.username == "" {
		return nil
	}
	_, offered := c.Extension("AUTH")
	mechanisms := strings.Fields(offered)
	// PLAIN first: inside TLS it gives away no more than the others, and every server
	// does it right. Without TLS the server is on this host.
	var auth gosmtp.Auth
	switch {
	case slices.Contains(mechanisms, "PLAIN"):
		auth = gosmtp.PlainAuth("", s.username, s.password, s.host, s.mode == Plain)
	case slices.Contains(mechanisms, "LOGIN"):
		auth = gosmtp.LoginAuth(s.username, s.password, s.host, s.mode == Plain)
	case slices.Contains(mechanisms, "CRAM-MD5"):
		auth = gosmtp.CRAMMD5Auth(s.username, s.password)
	default:
		return errNoAuth
	}
	return c.Auth(auth)
}

func (s *Sender) deliver(c *gosmtp.Client, to string, content []byte) (stage, error) {
	// SMTPUTF8 binds every server on the way; asked for without need it only loses mail.
	c.SkipSMTPUTF8(ascii(to))
	if ok, _ := c.Extension("SMTPUTF8"); !ok && !ascii(to) {
		return rcptStage, errNoUTF8
	}
	if err := c.Mail("<" + s.from.Address + ">"); err != nil {
		return fromStage, err
	}
	if err := c.Rcpt("<" + to + ">"); err != nil {
		return rcptStage, err
	}
	w, err := c.Data()
	if err != nil {
		return dataStage, err
	}
	if _, err := w.Write(content); err != nil {
		return dataStage, err
	}
	return finish(c, w)
}

// finish writes the final dot and waits for the verdict. The two are kept apart, which
// the library's Close does not do: without the dot's last byte no server takes a mail,
// and with it any server may have.
func finish(c *gosmtp.Client, w io.WriteCloser) (stage, error) {
	dot := w
	if d, ok := w.(*gosmtp.DataCloser); ok {
		dot = d.WriteCloser
	}
	if err := dot.Close(); err != nil {
		return dataStage, err
	}
	_, _, err := c.Text.ReadResponse(2) // any 2yz is an acceptance (RFC 5321 §4.2.1)
	return verdictStage, err
}

func loopbackAddr(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

var errTooMuch = errors.New("the server said too much")

// limited is a connection that ends after so many bytes read.
type limited struct {
	net.Conn
	left int
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooMuch
	}
	n, err := l.Conn.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}
