package rawtest

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A Front is the gateway under attack. It lets everybody in, forbids /admin and all
// below it, and puts X-Id-Token on what it forwards.
type Front struct {
	Addr   string // where it listens, for HTTP/1.1 and for HTTP/2 without TLS
	Host   string // a host that it serves
	Cookie string // the name of a cookie of its own
	// Session is sent as that cookie with every request that can bear it; empty:
	// nothing is. It must never reach the application.
	Session string
	// Genuine tells the gateway's own X-Id-Token from a forged one. Each request that
	// arrives has exactly one; or none, if it came without a session or with a second
	// one.
	Genuine func(value string) bool
	Echo    *Echo // the application behind it
}

// Expect is what a case may do at the application.
type Expect int

const (
	// Harmless: it may arrive or not, but nothing that arrives is at fault.
	Harmless Expect = iota
	// Refused: nothing may arrive.
	Refused
	// Arrives: it must arrive, with the case's target.
	Arrives
)

// A Case is one connection's worth of attack: bytes for HTTP/1, or a stream of HTTP/2.
// In both, HOST stands for the gateway's host and COOKIE for its cookie's name; in Raw,
// LENGTH stands for the number of bytes after the header.
type Case struct {
	Name   string
	Raw    string
	Stream *Stream
	Expect Expect
	Target string // as it must arrive
}

// A Violation is one way in which a gateway has failed.
type Violation struct{ Case, Fault string }

// patience is how long an answer may take that might never come, because the gateway
// waits for more. Hardly any case gets there.
const patience = time.Second

// sentinel follows every HTTP/1 case on its connection: whatever the case left behind
// is read before it, and the connection ends after it.
const sentinel = "GET /sentinel HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n"

// Run fails the test for every violation.
func Run(t testing.TB, front Front, cases []Case) {
	t.Helper()
	for _, v := range Probe(t, front, cases) {
		t.Errorf("%s: %s", v.Case, v.Fault)
	}
}

// Probe attacks, one case after another, and reports.
func Probe(t testing.TB, front Front, cases []Case) (violations []Violation) {
	t.Helper()
	front.Echo.Take()
	for _, c := range cases {
		answer, err := front.send(c)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		arrived := false
		for _, r := range front.Echo.Take() {
			if r.Target == "/sentinel" {
				continue
			}
			if c.Expect == Refused {
				violations = append(violations, Violation{c.Name, fmt.Sprintf("%s %q arrived", r.Method, r.Target)})
			}
			arrived = arrived || r.Target == c.Target
			for _, fault := range front.judge(r, front.signedIn(c)) {
				violations = append(violations, Violation{c.Name, fault})
			}
		}
		if c.Expect == Arrives && !arrived {
			violations = append(violations, Violation{c.Name, fmt.Sprintf("%q did not arrive: %.80q", c.Target, answer)})
		}
		if strings.Contains(answer, Secret) || front.Session != "" && strings.Contains(answer, front.Session) {
			violations = append(violations, Violation{c.Name, "the gateway's secret came back"})
		}
	}
	return violations
}

func (f *Front) send(c Case) (answer string, err error) {
	conn, err := net.Dial("tcp", f.Addr)
	if err != nil {
		return "", fmt.Errorf("dialing the gateway: %w", err)
	}
	defer conn.Close()
	if c.Stream != nil {
		return f.sendStream(conn, c.Stream)
	}
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	// A gateway may answer and close before it has read everything: not an error here.
	_, _ = io.WriteString(conn, f.message(c.Raw)+f.fill(sentinel))
	return readAll(conn), nil
}

// readAll reads to the end, or until nothing has come for a while.
func readAll(conn net.Conn) string {
	var b strings.Builder
	buf := make([]byte, 4096)
	for {
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return b.String()
		}
		n, err := conn.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			return b.String()
		}
	}
}

// signedIn reports whether the gateway must know who sends a case.
func (f *Front) signedIn(c Case) bool {
	if f.Session == "" {
		return false
	}
	if c.Stream != nil {
		return !slices.ContainsFunc(c.Stream.Fields, func(field Field) bool { return strings.Contains(field.Value, "COOKIE") })
	}
	// A line that begins with a blank goes on with the one before, which is the cookie's.
	folded := strings.Contains(c.Raw, hostLine+" ") || strings.Contains(c.Raw, hostLine+"\t")
	return strings.Contains(c.Raw, hostLine) && !folded && !strings.Contains(c.Raw, "COOKIE")
}

const hostLine = "Host: HOST\r\n"

// message makes a case's bytes. Every request in them bears the session, smuggled ones
// too.
func (f *Front) message(raw string) string {
	if f.Session != "" {
		raw = strings.ReplaceAll(raw, hostLine, hostLine+"Cookie: COOKIE="+f.Session+"\r\n")
	}
	raw = f.fill(raw)
	_, body, _ := strings.Cut(raw, "\r\n\r\n")
	return strings.ReplaceAll(raw, "LENGTH", strconv.Itoa(len(body)))
}

func (f *Front) fill(text string) string {
	return strings.NewReplacer("HOST", f.Host, "COOKIE", f.Cookie).Replace(text)
}
