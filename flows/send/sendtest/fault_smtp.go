package sendtest

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Stage is a point of an SMTP conversation at which a [FaultySMTPServer] can fail.
type Stage string

const (
	AtAccept   Stage = "accept" // before a byte was said
	AtBanner   Stage = "banner"
	AtEHLO     Stage = "EHLO"
	AtSTARTTLS Stage = "STARTTLS"
	AtTLS      Stage = "TLS" // in the handshake
	AtAUTH     Stage = "AUTH"
	AtMAIL     Stage = "MAIL"
	AtRCPT     Stage = "RCPT"
	AtDATA     Stage = "DATA"
	AtDot      Stage = "." // with all of the mail received
)

// Stages are all stages in their order.
var Stages = []Stage{AtAccept, AtBanner, AtEHLO, AtSTARTTLS, AtTLS, AtAUTH, AtMAIL, AtRCPT, AtDATA, AtDot}

// A Fault is what a faulty server does instead of its duty.
type Fault string

const (
	NoFault Fault = ""
	Hang    Fault = "hang"   // says nothing more until the other side leaves or the test ends
	Close   Fault = "close"  // closes the connection
	Babble  Fault = "babble" // a gigabyte in one line
	Ramble  Fault = "ramble" // a gigabyte in many lines, all of one reply that never ends
)

// Refuse answers with a reply such as "450 4.2.1 busy".
func Refuse(reply string) Fault { return Fault("refuse " + reply) }

// A FaultySMTPServer takes mail over STARTTLS and AUTH PLAIN, with any user name and
// password, but for its fault.
type FaultySMTPServer struct {
	Host    string
	Port    int
	RootCAs *x509.CertPool

	tls *tls.Config

	mu    sync.Mutex
	at    Stage
	fault Fault
	spent int64 // bytes written by Babble and Ramble

	taken box[Mail]
	said  box[string]
}

// FaultySMTP starts a server on 127.0.0.1 that ends with the test.
func FaultySMTP(t testing.TB, at Stage, fault Fault) *FaultySMTPServer {
	t.Helper()
	cert, roots := Certificate(t)
	s := &FaultySMTPServer{RootCAs: roots, at: at, fault: fault,
		tls: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}}
	s.Host, s.Port = ScriptTCP(t, func(_ context.Context, c net.Conn) {
		(&faultyConn{s: s, c: c, r: bufio.NewReader(c)}).serve()
	})
	return s
}

// Break makes the server fail from now on; with [NoFault] it works again.
func (s *FaultySMTPServer) Break(at Stage, fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at, s.fault = at, fault
}

// Taken are the mails that the server may deliver, oldest first: all of which it has
// read the final dot and that it has not refused, whether or not it could say so.
func (s *FaultySMTPServer) Taken() []Mail { return s.taken.all() }

// Verbs are the commands received so far, of all connections.
func (s *FaultySMTPServer) Verbs() []string { return s.said.all() }

// WaitForVerb waits until the command has been received n times.
func (s *FaultySMTPServer) WaitForVerb(t testing.TB, verb string, n int) {
	t.Helper()
	s.said.wait(t, fmt.Sprintf("%d times %s", n, verb), func(got []string) bool {
		k := 0
		for _, v := range got {
			if v == verb {
				k++
			}
		}
		return k >= n
	})
}

// Spent is how many bytes of Babble or Ramble the other side, and the buffers on the
// way, have taken.
func (s *FaultySMTPServer) Spent() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spent
}

func (s *FaultySMTPServer) faultAt(at Stage) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == at {
		return s.fault
	}
	return NoFault
}

// faultyConn is one connection.
type faultyConn struct {
	s      *FaultySMTPServer
	c      net.Conn
	r      *bufio.Reader
	secure bool
	mail   Mail
}

// do plays the fault of this stage, if it has one, and reports whether the
// conversation goes on. refused tells that the command was answered by the fault.
func (x *faultyConn) do(at Stage) (on, refused bool) {
	switch f := x.s.faultAt(at); f {
	case NoFault:
		return true, false
	case Close:
		return false, false
	case Hang:
		_, _ = io.Copy(io.Discard, x.c)
		return false, false
	case Babble:
		x.spend(strings.Repeat("2", 16<<10))
		return false, false
	case Ramble:
		x.spend(strings.Repeat("250-and another thing\r\n", 800))
		return false, false
	default:
		reply, _ := strings.CutPrefix(string(f), "refuse ")
		return x.say(reply) && at != AtAccept && at != AtBanner && at != AtTLS, true
	}
}

func (x *faultyConn) spend(chunk string) {
	for n := 0; n < 1<<30; {
		k, err := x.c.Write([]byte(chunk))
		n += k
		x.s.mu.Lock()
		x.s.spent += int64(k)
		x.s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (x *faultyConn) say(line string) bool {
	_, err := fmt.Fprint(x.c, line, "\r\n")
	return err == nil
}

func (x *faultyConn) serve() {
	if on, _ := x.do(AtAccept); !on {
		return
	}
	if on, _ := x.do(AtBanner); !on || !x.say("220 mail.test ESMTP") {
		return
	}
	for {
		line, err := x.r.ReadString('\n')
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		verb = strings.ToUpper(verb)
		x.s.said.put(verb)
		on, refused := x.do(Stage(verb))
		if on && !refused {
			on = x.obey(verb, rest)
		}
		if !on {
			return
		}
	}
}

func (x *faultyConn) obey(verb, rest string) bool {
	switch verb {
	case "EHLO":
		x.mail.HELO = rest
		if x.secure {
			return x.say("250-mail.test\r\n250-8BITMIME\r\n250 AUTH PLAIN")
		}
		return x.say("250-mail.test\r\n250 STARTTLS")
	case "STARTTLS":
		return x.say("220 go on") && x.upgrade()
	case "AUTH":
		return x.say("235 2.7.0 welcome")
	case "MAIL":
		x.mail.From = address(rest)
	case "RCPT":
		x.mail.To = append(x.mail.To, address(rest))
	case "DATA":
		return x.say("354 go on") && x.take()
	case "QUIT":
		x.say("221 bye")
		return false
	}
	return x.say("250 2.0.0 ok")
}

func (x *faultyConn) upgrade() bool {
	if on, _ := x.do(AtTLS); !on {
		return false
	}
	secure := tls.Server(x.c, x.s.tls)
	if secure.Handshake() != nil {
		return false
	}
	x.c, x.r, x.secure = secure, bufio.NewReader(secure), true
	x.mail.TLS = true
	return true
}

// take reads a mail up to its final dot.
func (x *faultyConn) take() bool {
	var data strings.Builder
	for {
		line, err := x.r.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		data.WriteString(strings.TrimPrefix(line, "."))
	}
	m := x.mail
	m.Data = []byte(data.String())
	x.mail.To = nil
	if err := m.parse(); err != nil {
		return x.say("554 5.6.0 " + strconv.Quote(err.Error()))
	}
	if f := x.s.faultAt(AtDot); !strings.HasPrefix(string(f), "refuse ") {
		x.s.taken.put(m) // before a word is said: from here on it may be delivered
	}
	x.s.said.put(string(AtDot))
	on, refused := x.do(AtDot)
	if on && !refused {
		on = x.say("250 2.0.0 taken")
	}
	return on
}

func address(arg string) string {
	_, arg, _ = strings.Cut(arg, "<")
	arg, _, _ = strings.Cut(arg, ">")
	return arg
}
