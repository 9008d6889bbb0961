package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// variant is one way to stand in front of the same upstream.
type variant struct {
	name     string
	stepgate string // the site's directive; empty = a bare reverse_proxy
	signIn   bool
	user     bool // the upstream gets Remote-User
	tokens   bool // the upstream gets both tokens
}

var variants = []variant{
	{name: "bare reverse_proxy"},
	{name: "public route", stepgate: "stepgate {\n\t\tpublic on *\n\t}"},
	{name: "signed in, a name", stepgate: "stepgate {\n\t\tinject {\n\t\t\theader Remote-User {http.auth.user.email}\n\t\t}\n\t}", signIn: true, user: true},
	{name: "signed in, two tokens", stepgate: "stepgate {\n\t\tinject {\n\t\t\tid_token X-Id-Token\n\t\t\taccess_token X-Access-Token\n\t\t}\n\t}", signIn: true, tokens: true},
}

// caddyfile logs errors only, has no admin endpoint and writes nothing outside the
// working directory.
func (v variant) caddyfile(port int, upstream string) string {
	app := ""
	if v.stepgate != "" {
		app = "\tstepgate {\n\t\tstore memory\n\t\temail inbox\n\t\tsign_in email_code\n\t\tsign_up open\n\t}\n"
	}
	return fmt.Sprintf("{\n\tadmin off\n\tpersist_config off\n\tlog {\n\t\tlevel ERROR\n\t}\n%s}\n\nhttp://localhost:%d {\n\t%s\n\treverse_proxy %s\n}\n",
		app, port, v.stepgate, upstream)
}

// proxy is a running Caddy.
type proxy struct {
	variant variant
	port    int
	cmd     *exec.Cmd
	output  bytes.Buffer // read only once ended is closed
	ended   chan struct{}
	cookie  string // of the signed-in session, as a header value
}

func startProxy(ctx context.Context, caddy, dir string, v variant, upstream string) (*proxy, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	p := &proxy{variant: v, port: port, ended: make(chan struct{})}
	config := filepath.Join(dir, fmt.Sprintf("Caddyfile-%d", port))
	if err := os.WriteFile(config, []byte(v.caddyfile(port, upstream)), 0o600); err != nil {
		return nil, fmt.Errorf("writing configuration: %w", err)
	}
	p.cmd = exec.CommandContext(ctx, caddy, "run", "--config", config, "--adapter", "caddyfile")
	p.cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, "HOME="+dir)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting Caddy: %w", err)
	}
	go func() {
		p.cmd.Wait()
		close(p.ended)
	}()
	if err := p.waitReady(ctx); err != nil {
		p.stop()
		return nil, fmt.Errorf("starting Caddy: %w\n%s", err, p.output.String())
	}
	return p, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("finding a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (p *proxy) addr() string   { return "127.0.0.1:" + strconv.Itoa(p.port) }
func (p *proxy) origin() string { return "http://localhost:" + strconv.Itoa(p.port) }

func (p *proxy) waitReady(ctx context.Context) error {
	limit := time.After(30 * time.Second)
	for {
		if c, err := net.Dial("tcp", p.addr()); err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.ended:
			return errors.New("it ended at once")
		case <-limit:
			return errors.New("it does not listen after 30 seconds")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop ends the process and waits until it has ended.
func (p *proxy) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		p.cmd.Process.Kill()
		<-p.ended
	}
}

// prepare signs in where the variant asks for it, and sees that what reaches the
// upstream is what this variant is meant to measure.
func (p *proxy) prepare(ctx context.Context) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	client := &http.Client{Jar: jar, Timeout: 15 * time.Second}
	defer client.CloseIdleConnections()
	if p.variant.signIn {
		if err := signUp(ctx, client, p.origin(), "bench@example.com"); err != nil {
			return fmt.Errorf("signing up: %w", err)
		}
		p.cookie = cookiesFor(jar, p.origin())
	}

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.origin()+"/seen", nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var got seen
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("asking the upstream through the proxy: status %d, %v", res.StatusCode, err)
	}
	if want := (seen{User: p.variant.user, IDToken: p.variant.tokens, AccessToken: p.variant.tokens}); got != want {
		return fmt.Errorf("the upstream received %+v, expected %+v", got, want)
	}
	return nil
}

func (p *proxy) measure(ctx context.Context, requests, connections int) (measurement, error) {
	head := "GET /page?id=7 HTTP/1.1\r\nHost: localhost:" + strconv.Itoa(p.port) +
		"\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) bench\r\nAccept: text/html,*/*;q=0.8\r\nAccept-Language: en\r\n"
	if p.cookie != "" {
		head += "Cookie: " + p.cookie + "\r\n"
	}
	before, err := p.cpu()
	if err != nil {
		return measurement{}, err
	}
	began := time.Now()
	times, err := load(ctx, p.addr(), []byte(head+"\r\n"), requests, connections)
	if err != nil {
		return measurement{}, err
	}
	m := measurement{requests: len(times), wall: time.Since(began), p50: quantile(times, .5), p99: quantile(times, .99)}
	after, err := p.cpu()
	m.cpu = after - before
	return m, err
}

// ticksPerSecond is USER_HZ, which Linux keeps at 100 on the platforms Go runs on.
const ticksPerSecond = 100

func (p *proxy) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("reading CPU time: %w", err)
	}
	return cpuTime(string(stat))
}

// cpuTime adds up utime and stime, fields 14 and 15. The second field is the
// program's name in brackets and may hold anything, so counting starts after it.
func cpuTime(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, errors.New("reading CPU time: too few fields")
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * time.Second / ticksPerSecond, errors.Join(err1, err2)
}

// rss is the resident memory in bytes.
func (p *proxy) rss() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("reading memory: %w", err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.ParseInt(strings.TrimSpace(strings.SplitN(rest, "kB", 2)[0]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading memory: %w", err)
	}
	return kib << 10, nil
}
