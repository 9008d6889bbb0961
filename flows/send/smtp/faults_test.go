package smtp

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/sendtest"
)

const (
	silence = "(says nothing more)"
	hangUp  = "(hangs up)"
)

// play answers each command by its verb. A verb without an answer gets an agreeable
// one; "." is the end of the content.
func play(t *testing.T, answers map[string]string) (*Sender, *[]string) {
	t.Helper()
	var said []string
	usual := map[string]string{"": "220 mail.test ready", "EHLO": "250-mail.test\r\n250 AUTH PLAIN LOGIN",
		"HELO": "250 mail.test", "AUTH": "235 2.7.0 ok", "DATA": "354 go on", "QUIT": "221 bye"}
	host, port := sendtest.ScriptTCP(t, func(ctx context.Context, c net.Conn) {
		r := bufio.NewReader(c)
		verb := ""
		for {
			answer, ok := answers[verb]
			if !ok {
				answer, ok = usual[verb]
			}
			switch {
			case answer == silence:
				<-ctx.Done()
				return
			case answer == hangUp:
				return
			case !ok:
				answer = "250 2.0.0 ok"
			}
			if _, err := fmt.Fprint(c, answer, "\r\n"); err != nil {
				return
			}
			inData := verb == "DATA" && strings.HasPrefix(answer, "354")
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				line = strings.TrimRight(line, "\r\n")
				if inData && line != "." {
					continue
				}
				verb, _, _ = strings.Cut(line, " ")
				break
			}
			said = append(said, verb)
		}
	})
	s := mustNew(t, Config{Host: host, Port: port, TLS: Plain, From: from, Username: "u", Password: "hunter2-secret",
		Timeout: 10 * time.Second})
	return s, &said
}

func TestEveryReplyAtEveryStageHasItsMeaning(t *testing.T) {
	t.Parallel()
	echo := " <john.doe@example.org>: 482913 ist Ihr Code – nur für Sie. aHVudGVyMi1zZWNyZXQ= hunter2-secret"
	tests := []struct {
		verb, reply string
		kind        send.Kind
		reason      string
	}{
		{"", "421 4.3.2 shutting down", send.Retryable, "busy"},
		{"", "554 no SMTP service here", send.Blocked, "refused"},
		{"", "hello?", send.Retryable, "protocol"},
		{"", "HTTP/1.1 400 Bad Request", send.Retryable, "protocol"},
		{"", "\x00\x01\x02\xff", send.Retryable, "protocol"},
		{"", hangUp, send.Retryable, "network"},
		{"EHLO", "421 busy", send.Retryable, "busy"},
		{"EHLO", hangUp, send.Retryable, "network"},
		{"AUTH", "535 5.7.8 bad" + echo, send.Blocked, "auth"},
		{"AUTH", "534 5.7.9 stronger please", send.Blocked, "auth"},
		{"AUTH", "454 4.7.0 try later", send.Retryable, "busy"},
		{"AUTH", "334 !!!", send.Retryable, "protocol"},
		{"AUTH", hangUp, send.Retryable, "network"},
		{"MAIL", "450 4.7.1 greylisted", send.Retryable, "busy"},
		{"MAIL", "530 5.7.0 authenticate", send.Blocked, "auth"},
		{"MAIL", "553 5.7.1 not your address", send.Blocked, "sender_refused"},
		{"MAIL", "552 5.2.2 you are over quota", send.Blocked, "sender_refused"},
		{"MAIL", "999 what", send.Retryable, "protocol"},
		{"RCPT", "450 4.2.1 mailbox busy" + echo, send.Retryable, "busy"},
		{"RCPT", "421 4.3.2 going down", send.Retryable, "busy"},
		{"RCPT", "550 no such user" + echo, send.Final, "bad_recipient"},
		{"RCPT", "550 5.1.1 no such user" + echo, send.Final, "bad_recipient"},
		{"RCPT", "551 not here", send.Final, "bad_recipient"},
		{"RCPT", "553 bad name", send.Final, "bad_recipient"},
		{"RCPT", "501 5.1.3 bad syntax", send.Final, "bad_recipient"},
		{"RCPT", "556 5.1.10 null MX", send.Final, "bad_recipient"},
		{"RCPT", "552 5.2.2 full", send.Final, "mailbox_full"},
		{"RCPT", "552 over quota", send.Final, "mailbox_full"},
		{"RCPT", "550 5.7.1 relaying denied" + echo, send.Blocked, "refused"},
		{"RCPT", "554 5.7.1 relay access denied", send.Blocked, "refused"},
		{"RCPT", hangUp, send.Retryable, "network"},
		{"DATA", "451 4.3.0 later", send.Retryable, "busy"},
		{"DATA", "554 5.5.1 no valid recipients", send.Blocked, "refused"},
		{".", "452 4.3.1 disk full", send.Retryable, "busy"},
		{".", "552 5.3.4 too big" + echo, send.Blocked, "refused"},
		{".", "552 5.2.2 full", send.Final, "mailbox_full"},
		{".", "550 5.1.1 no such user after all" + echo, send.Final, "bad_recipient"},
		{".", "550 looks like spam" + echo, send.Blocked, "refused"},
		{".", "554 5.7.1 spam" + echo, send.Blocked, "refused"},
		{".", "421 4.3.2 going down", send.Retryable, "busy"},
		{".", "354 go on", send.Uncertain, "protocol"},
		{".", "what?", send.Uncertain, "protocol"},
		{".", hangUp, send.Uncertain, "network"},
	}
	for _, tt := range tests {
		t.Run(tt.verb+" "+tt.reply, func(t *testing.T) {
			t.Parallel()
			answers := map[string]string{tt.verb: tt.reply}
			if tt.verb == "EHLO" {
				answers["HELO"] = tt.reply // or the library goes on with the older greeting
			}
			s, _ := play(t, answers)
			err := s.Send(t.Context(), letter())
			check(t, err, tt.kind, tt.reason)
			// A verdict once the recipient was named, but for farewells and broken talk.
			about := (tt.verb == "RCPT" || tt.verb == "DATA" || tt.verb == ".") && tt.reply[0] >= '4' &&
				tt.reply[0] <= '5' && !strings.HasPrefix(tt.reply, "421")
			var e *send.Error
			if errors.As(err, &e) && e.AboutMessage != about {
				t.Errorf("AboutMessage = %v, want %v", e.AboutMessage, about)
			}
			if asked := tt.reply[0] == '4' || tt.reply[0] == '5'; e != nil && e.Asked != asked {
				t.Errorf("Asked = %v, want %v", e.Asked, asked)
			}
		})
	}
}

func TestAnyAcceptanceIsOne(t *testing.T) {
	t.Parallel()
	s, _ := play(t, map[string]string{".": "251 2.1.5 will forward"})
	if err := s.Send(t.Context(), letter()); err != nil {
		t.Errorf("Send = %v", err)
	}
}

func TestWhatWasAcceptedIsNeverSentAgain(t *testing.T) {
	t.Parallel()
	for _, farewell := range []string{"421 4.3.2 going down", "500 what?", hangUp, silence} {
		t.Run(farewell, func(t *testing.T) {
			t.Parallel()
			s, _ := play(t, map[string]string{"QUIT": farewell})
			if err := s.Send(t.Context(), letter()); err != nil {
				t.Errorf("Send = %v after the server had accepted", err)
			}
		})
	}
}

func TestAServerThatHangsIsLeftInTime(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "."} {
		t.Run("at "+verb, func(t *testing.T) {
			t.Parallel()
			s, _ := play(t, map[string]string{verb: silence})
			s.timeout = 100 * time.Millisecond
			kind := send.Retryable
			if verb == "." { // it may have taken the mail
				kind = send.Uncertain
			}
			check(t, s.Send(t.Context(), letter()), kind, "timeout")
		})
	}
	t.Run("in the TLS handshake", func(t *testing.T) {
		t.Parallel()
		host, port := sendtest.ScriptTCP(t, func(ctx context.Context, _ net.Conn) { <-ctx.Done() })
		s := mustNew(t, Config{Host: host, Port: port, TLS: Implicit, From: from, Timeout: 100 * time.Millisecond})
		check(t, s.Send(t.Context(), letter()), send.Retryable, "timeout")
	})
	t.Run("after STARTTLS", func(t *testing.T) {
		t.Parallel()
		host, port := sendtest.ScriptTCP(t, func(ctx context.Context, c net.Conn) {
			r := bufio.NewReader(c)
			for _, answer := range []string{"220 mail.test ready", "250-mail.test\r\n250 STARTTLS", "220 go"} {
				fmt.Fprint(c, answer, "\r\n")
				_, _ = r.ReadString('\n')
			}
			<-ctx.Done()
		})
		s := mustNew(t, Config{Host: host, Port: port, From: from, Timeout: 100 * time.Millisecond})
		check(t, s.Send(t.Context(), letter()), send.Retryable, "timeout")
	})
	t.Run("drop by drop", func(t *testing.T) {
		t.Parallel()
		host, port := sendtest.ScriptTCP(t, func(_ context.Context, c net.Conn) {
			for {
				if _, err := c.Write([]byte("2")); err != nil {
					return
				}
				runtime.Gosched()
			}
		})
		s := mustNew(t, Config{Host: host, Port: port, TLS: Plain, From: from, Timeout: 200 * time.Millisecond})
		if err := s.Send(t.Context(), letter()); send.KindOf(err) != send.Retryable {
			t.Errorf("Send = %v", err)
		}
	})
}

func TestTheCallersContextEndsASend(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{})
	host, port := sendtest.ScriptTCP(t, func(ctx context.Context, _ net.Conn) {
		close(reached)
		<-ctx.Done()
	})
	s := mustNew(t, Config{Host: host, Port: port, TLS: Plain, From: from, Timeout: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-reached
		cancel()
	}()
	check(t, s.Send(ctx, letter()), send.Retryable, "cancelled")
}

func TestNobodyListeningIsRetryable(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	ln.Close()
	s := mustNew(t, Config{Host: "127.0.0.1", Port: port, TLS: Plain, From: from})
	check(t, s.Send(t.Context(), letter()), send.Retryable, "network")
}

func TestAnEndlessBannerCostsNoMemory(t *testing.T) {
	t.Parallel()
	for name, chunk := range map[string]string{
		"one line":   strings.Repeat("2", 64<<10),
		"many lines": strings.Repeat("220-welcome\r\n", 5<<10),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			taken := make(chan int64, 1)
			host, port := sendtest.ScriptTCP(t, func(_ context.Context, c net.Conn) {
				n, _ := io.Copy(c, io.LimitReader(endless(chunk), 1<<30))
				taken <- n
			})
			s := mustNew(t, Config{Host: host, Port: port, TLS: Plain, From: from, Timeout: 10 * time.Second})
			check(t, s.Send(t.Context(), letter()), send.Retryable, "protocol")
			// What the kernel buffers comes on top of what we read.
			if n := <-taken; n > 32<<20 {
				t.Errorf("%d bytes of the banner were taken", n)
			}
		})
	}
}

type endless string

func (e endless) Read(p []byte) (int, error) { return copy(p, e), nil }

func TestTheLimitHoldsInsideTLSToo(t *testing.T) {
	t.Parallel()
	cert, roots := sendtest.Certificate(t)
	host, port := sendtest.ScriptTCP(t, func(_ context.Context, c net.Conn) {
		_, _ = io.Copy(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}}),
			io.LimitReader(endless(strings.Repeat("2", 16<<10)), 1<<30))
	})
	s := mustNew(t, Config{Host: host, Port: port, TLS: Implicit, From: from, TLSConfig: &tls.Config{RootCAs: roots}})
	check(t, s.Send(t.Context(), letter()), send.Retryable, "protocol")
}

func TestWithoutTLSTheServerMustReallyBeHere(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{"127.0.0.1:25": true, "[::1]:25": true, "127.8.8.8:25": true,
		"192.0.2.1:25": false, "[2001:db8::1]:25": false} {
		a, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := loopbackAddr(a); got != want {
			t.Errorf("loopbackAddr(%s) = %v", addr, got)
		}
	}
}

func TestWithoutTLSOnlyTheStagesAskedForAreSpoken(t *testing.T) {
	t.Parallel()
	s, said := play(t, nil)
	if err := s.Send(t.Context(), letter()); err != nil {
		t.Fatal(err)
	}
	// QUIT was answered, so the script has written all of it before Send returned.
	if got := strings.Join(*said, " "); got != "EHLO AUTH MAIL RCPT DATA . QUIT" {
		t.Errorf("said %s", got)
	}
}
