package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/sendtest"
)

// faulty is a sender for a server that fails.
func faulty(t *testing.T, srv *sendtest.FaultySMTPServer, timeout time.Duration) *Sender {
	t.Helper()
	return mustNew(t, Config{Host: srv.Host, Port: srv.Port, From: from, Username: "u", Password: "hunter2-secret",
		Timeout: timeout, TLSConfig: &tls.Config{RootCAs: srv.RootCAs}})
}

func TestACheckSignsInAndNamesNobody(t *testing.T) {
	t.Parallel()
	srv := sendtest.FaultySMTP(t, sendtest.AtDot, sendtest.NoFault)
	if err := faulty(t, srv, 10*time.Second).Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	srv.WaitForVerb(t, "QUIT", 1)
	if got := fmt.Sprint(srv.Verbs()); got != "[EHLO STARTTLS EHLO AUTH NOOP QUIT]" {
		t.Errorf("said %s", got)
	}
	if n := len(srv.Taken()); n != 0 {
		t.Errorf("%d mails", n)
	}
}

func TestACheckNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		at     sendtest.Stage
		fault  sendtest.Fault
		kind   send.Kind
		reason string
	}{
		{sendtest.AtBanner, sendtest.Refuse("421 4.3.2 later"), send.Retryable, "busy"},
		{sendtest.AtSTARTTLS, sendtest.Refuse("454 4.7.0 no TLS now"), send.Retryable, "busy"},
		{sendtest.AtAUTH, sendtest.Refuse("535 5.7.8 hunter2-secret is wrong"), send.Blocked, "auth"},
		{"NOOP", sendtest.Refuse("421 4.3.2 later"), send.Retryable, "busy"},
		{"NOOP", sendtest.Close, send.Retryable, "network"},
		{"NOOP", sendtest.Hang, send.Retryable, "timeout"},
		{"NOOP", sendtest.Ramble, send.Retryable, "protocol"},
		{sendtest.AtMAIL, sendtest.Refuse("550 5.7.1 never asked"), 0, ""},
		{"QUIT", sendtest.Close, 0, ""},
	} {
		t.Run(fmt.Sprint(tt.at, " ", tt.fault), func(t *testing.T) {
			t.Parallel()
			srv := sendtest.FaultySMTP(t, tt.at, tt.fault)
			timeout := 10 * time.Second
			if tt.fault == sendtest.Hang {
				timeout = 200 * time.Millisecond
			}
			err := faulty(t, srv, timeout).Check(t.Context())
			if tt.reason == "" {
				if err != nil {
					t.Errorf("Check = %v", err)
				}
				return
			}
			check(t, err, tt.kind, tt.reason)
		})
	}
}

func TestOnlyAfterTheFinalDotIsAnythingUncertain(t *testing.T) {
	t.Parallel()
	for _, at := range sendtest.Stages {
		for _, fault := range []sendtest.Fault{sendtest.Hang, sendtest.Close, sendtest.Babble, sendtest.Ramble} {
			t.Run(fmt.Sprint(at, " ", fault), func(t *testing.T) {
				t.Parallel()
				srv := sendtest.FaultySMTP(t, at, fault)
				timeout := 10 * time.Second
				if fault == sendtest.Hang {
					timeout = 300 * time.Millisecond
				}
				err := faulty(t, srv, timeout).Send(t.Context(), letter())
				var e *send.Error
				if !errors.As(err, &e) {
					t.Fatalf("Send = %v", err)
				}
				taken := len(srv.Taken()) > 0
				if (e.Kind == send.Uncertain) != taken || taken != (at == sendtest.AtDot) {
					t.Errorf("%v, and the server has the mail: %v", err, taken)
				}
				if e.AboutMessage {
					t.Errorf("%v counts as about the message", err)
				}
				// The reader's bound, and what the kernel buffers on top of it.
				if srv.Spent() > 32<<20 {
					t.Errorf("%d bytes were taken", srv.Spent())
				}
			})
		}
	}
}

func TestASendCalledOffAfterTheDotIsUncertain(t *testing.T) {
	t.Parallel()
	srv := sendtest.FaultySMTP(t, sendtest.AtDot, sendtest.Hang)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		srv.WaitForVerb(t, ".", 1)
		cancel()
	}()
	check(t, faulty(t, srv, time.Hour).Send(ctx, letter()), send.Uncertain, "cancelled")
}

func TestARefusalOfTheMessageIsToldFromOneOfTheSender(t *testing.T) {
	t.Parallel()
	m := letter()
	m.Subject = strings.Repeat("a", 513)
	err := faulty(t, sendtest.FaultySMTP(t, sendtest.AtDot, sendtest.NoFault), time.Second).Send(t.Context(), m)
	check(t, err, send.Final, "bad_subject")
	var e *send.Error
	if errors.As(err, &e) && !e.AboutMessage {
		t.Error("a subject that cannot be sent is said to be about the sender")
	}
}
