package rawtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A Field is one header or trailer line as it arrived: name and value as written.
type Field struct{ Name, Value string }

// Received is one request as the application got it, byte for byte.
type Received struct {
	Method, Target, Proto string
	Header, Trailer       []Field
	Body                  string
	Cut                   bool   // the connection ended within the body: the gateway gave up
	Malformed             string // not empty: what was wrong with it
}

// Get lists the values of a header, by name without regard to case.
func (r *Received) Get(name string) (values []string) {
	for _, f := range r.Header {
		if strings.EqualFold(f.Name, name) {
			values = append(values, f.Value)
		}
	}
	return values
}

// An Echo is an application that records what it receives. It reads HTTP/1.1 by hand,
// since a library would tidy up what must be seen.
type Echo struct {
	Addr string
	// Header lines that it adds to every response, such as "Set-Cookie: a=b". Set
	// them before the first request.
	Header []string

	mu       sync.Mutex
	received []Received
}

// NewEcho starts an application on a loopback port. It stops with the test.
func NewEcho(t testing.TB) *Echo {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listening: %v", err)
	}
	t.Cleanup(func() { listener.Close() })
	e := &Echo{Addr: listener.Addr().String()}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			go e.serve(conn)
		}
	}()
	return e
}

// Take answers what was received since the last Take.
func (e *Echo) Take() []Received {
	e.mu.Lock()
	defer e.mu.Unlock()
	taken := e.received
	e.received = nil
	return taken
}

func (e *Echo) serve(conn net.Conn) {
	defer conn.Close()
	reader := bufio.NewReaderSize(conn, 1<<20)
	for {
		line, err := readLine(reader)
		if err != nil {
			return
		}
		r := Received{}
		err = r.read(line, reader)
		if r.Cut = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF); err != nil && !r.Cut {
			r.Malformed = err.Error()
		}
		e.mu.Lock()
		e.received = append(e.received, r)
		e.mu.Unlock()
		if err != nil {
			return
		}
		if upgrade := r.Get("Upgrade"); len(upgrade) > 0 {
			fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n%s\r\n", upgrade[0], e.lines())
			return
		}
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n%s\r\n", e.lines())
		if r.Method != "HEAD" {
			io.WriteString(conn, "ok")
		}
	}
}

func (e *Echo) lines() string {
	var b strings.Builder
	for _, line := range e.Header {
		b.WriteString(line + "\r\n")
	}
	return b.String()
}

func readLine(reader *bufio.Reader) (string, error) {
	line, err := reader.ReadString('\n')
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), err
}

func (r *Received) read(requestLine string, reader *bufio.Reader) (err error) {
	var rest string
	r.Method, rest, _ = strings.Cut(requestLine, " ")
	if space := strings.LastIndexByte(rest, ' '); space >= 0 {
		r.Target, r.Proto = rest[:space], rest[space+1:]
	}
	if !strings.HasPrefix(r.Proto, "HTTP/1.") {
		return fmt.Errorf("request line %q", requestLine)
	}
	if r.Header, err = readFields(reader); err != nil {
		return err
	}
	if r.Get("Transfer-Encoding") != nil {
		return r.readChunks(reader)
	}
	length := 0
	if declared := r.Get("Content-Length"); len(declared) == 1 {
		if length, err = strconv.Atoi(declared[0]); err != nil || length < 0 || length > 1<<20 {
			return fmt.Errorf("content length %q", declared[0])
		}
	} else if len(declared) > 1 {
		return fmt.Errorf("%d content lengths", len(declared))
	}
	body := make([]byte, length)
	_, err = io.ReadFull(reader, body)
	r.Body = string(body)
	return err
}

func (r *Received) readChunks(reader *bufio.Reader) error {
	for {
		line, err := readLine(reader)
		if err != nil {
			return err
		}
		size, err := strconv.ParseUint(line, 16, 20)
		if err != nil {
			return fmt.Errorf("chunk size %q", line)
		}
		if size == 0 {
			r.Trailer, err = readFields(reader)
			return err
		}
		chunk := make([]byte, size+2)
		if _, err := io.ReadFull(reader, chunk); err != nil {
			return err
		}
		r.Body += string(chunk[:size])
	}
}

func readFields(reader *bufio.Reader) (fields []Field, err error) {
	for {
		line, err := readLine(reader)
		if err != nil {
			return fields, err
		}
		if line == "" {
			return fields, nil
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return fields, fmt.Errorf("header line %q", line)
		}
		fields = append(fields, Field{name, strings.Trim(value, " \t")})
	}
}
