package smtp

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"regexp"
	"strings"
	"syscall"

	"github.com/stepgate/stepgate/flows/send"
)

var (
	errNoStartTLS = errors.New("the server does not offer STARTTLS")
	errNotLocal   = errors.New("without TLS the server must be on this host, and it is not")
	errNoAuth     = errors.New("the server offers no AUTH with PLAIN, LOGIN or CRAM-MD5")
	errNoUTF8     = errors.New("the address needs SMTPUTF8, which the server does not offer")
)

// explain turns the end of an exchange into an error with a kind and a stable reason.
func (s *Sender) explain(ctx context.Context, at stage, err error, m send.Message) *send.Error {
	var reply *textproto.Error
	if errors.As(err, &reply) && reply.Code >= 400 && reply.Code <= 599 {
		e := judge(at, reply.Code, enhanced(reply.Msg))
		e.Asked = true
		e.Err = fmt.Errorf("at %s: %d %s", at, reply.Code, s.scrub(reply.Msg, m))
		return e
	}
	e := diagnose(ctx, at, err)
	e.Err = fmt.Errorf("at %s: %s", at, s.scrub(err.Error(), m))
	if at == verdictStage {
		e.Kind = send.Uncertain
	}
	return e
}

// diagnose is for exchanges that ended without a refusal.
func diagnose(ctx context.Context, at stage, err error) *send.Error {
	switch {
	case errors.Is(err, errNoStartTLS), errors.Is(err, errNotLocal):
		return &send.Error{Kind: send.Blocked, Reason: "tls"}
	case errors.Is(err, errNoAuth):
		return &send.Error{Kind: send.Blocked, Reason: "auth"}
	case errors.Is(err, errNoUTF8):
		return &send.Error{Kind: send.Blocked, Reason: "no_smtputf8", AboutMessage: true}
	case errors.Is(ctx.Err(), context.Canceled):
		return &send.Error{Kind: send.Retryable, Reason: "cancelled"}
	case ctx.Err() != nil || isTimeout(err):
		return &send.Error{Kind: send.Retryable, Reason: "timeout"}
	case errors.Is(err, errTooMuch):
		return &send.Error{Kind: send.Retryable, Reason: "protocol"}
	case isNetwork(err), at == connecting:
		return &send.Error{Kind: send.Retryable, Reason: "network"}
	case at == securing:
		// Neither time, network nor a reply: a certificate or a version. That does not
		// pass by itself.
		return &send.Error{Kind: send.Blocked, Reason: "tls"}
	}
	return &send.Error{Kind: send.Retryable, Reason: "protocol"}
}

// judge gives a reply its meaning (RFC 5321 §4.2.3, RFC 3463). Only what is about the
// recipient is final; what is about us or our content may go through elsewhere. What
// is said once a recipient was named counts as said about the message, but for "go
// away" (421) and "who are you" (53x): a stranger who enters addresses of a server of
// his own can make it say the rest at will.
func judge(at stage, code int, class string) *send.Error {
	e := meaning(at, code, class)
	switch at {
	case rcptStage, dataStage, verdictStage:
		e.AboutMessage = code != 421 && e.Reason != "auth"
	}
	return e
}

func meaning(at stage, code int, class string) *send.Error {
	if code < 500 {
		return &send.Error{Kind: send.Retryable, Reason: "busy"}
	}
	policy := strings.HasPrefix(class, "5.7.")
	switch {
	case at == identing, code == 530, code == 534, code == 535, code == 538:
		return &send.Error{Kind: send.Blocked, Reason: "auth"}
	case at == securing:
		return &send.Error{Kind: send.Blocked, Reason: "tls"}
	case at == fromStage:
		return &send.Error{Kind: send.Blocked, Reason: "sender_refused"}
	case at == rcptStage || at == dataStage || at == verdictStage:
		switch {
		case class == "5.2.2", at == rcptStage && code == 552 && !policy:
			return &send.Error{Kind: send.Final, Reason: "mailbox_full"}
		case strings.HasPrefix(class, "5.1."), strings.HasPrefix(class, "5.2."):
			return &send.Error{Kind: send.Final, Reason: "bad_recipient"}
		case policy: // relaying denied, rejected as spam: another server may be trusted more
			return &send.Error{Kind: send.Blocked, Reason: "refused"}
		case at == rcptStage && (code == 550 || code == 551 || code == 553 || code == 501 || code == 556):
			return &send.Error{Kind: send.Final, Reason: "bad_recipient"}
		}
	}
	return &send.Error{Kind: send.Blocked, Reason: "refused"}
}

var enhancedCode = regexp.MustCompile(`(?m)^[245]\.\d{1,3}\.\d{1,3}\b`)

// enhanced is the reply's RFC 3463 code, on whichever of its lines that is.
func enhanced(msg string) string { return enhancedCode.FindString(msg) }

// scrub takes the message out of a server's words, and our credentials in every form
// in which they were sent.
func (s *Sender) scrub(words string, m send.Message) string {
	if s.password == "" {
		return send.Scrub(words, m)
	}
	b64 := base64.StdEncoding.EncodeToString
	return send.Scrub(words, m, s.password, s.username, b64([]byte(s.password)), b64([]byte(s.username)),
		b64([]byte("\x00"+s.username+"\x00"+s.password)))
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

// isNetwork recognises a connection that broke, as against one that was understood and
// found wanting. A TLS alert comes as an OpError, too, but wraps no system error.
func isNetwork(err error) bool {
	var sys syscall.Errno
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &sys)
}
