package caddymodule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// caddyIn is `caddy` with arguments, to be run in a directory as a process of its own.
func caddyIn(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), actsAsCaddy+"=1", "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	return cmd
}

// ran is what came of a command.
type ran struct {
	code     int
	out, err string
}

// stepgate runs `caddy stepgate` to its end.
func stepgate(t *testing.T, dir string, args ...string) ran {
	t.Helper()
	cmd := caddyIn(t, dir, append([]string{"stepgate"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return ran{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

const commandCaddyfile = `{
	stepgate {
		store badger records
		email inbox
		sms inbox
	}
}
http://localhost%s {
	stepgate {
		public on /open
		require otp within 30m on /admin /admin/*
		report require otp sms on *
		tests policy/payroll.cases
	}
	respond "in"
}
`

func TestTheCommandsWorkOnAConfigurationAndTouchNothing(t *testing.T) {
	t.Parallel()
	good := "GET /open expect pass\nas dana@example.com proof email=2m\nGET /admin expect step_up otp\n"
	dir := inDirectory(t, map[string]string{
		"Caddyfile":            strings.Replace(fmt.Sprintf(commandCaddyfile, ":8080"), "{\n", "{\n\tlog {\n\t\toutput file caddy.log\n\t}\n", 1),
		"other/Caddyfile":      strings.Replace(fmt.Sprintf(commandCaddyfile, ":8080"), "policy/payroll.cases", "../failing.cases", 1),
		"broken/Caddyfile":     "http://localhost {\n\tstepgate {\n\t\trequire nothing\n\t}\n}\n",
		"policy/payroll.cases": good,
		"failing.cases":        good + "GET /admin proof password=1m expect step_up otp\nGET / expect pass\n",
		"wrong.cases":          good + "GET / expect nothing\n",
	})
	for _, row := range []struct {
		args []string
		code int
		want string // in what it prints, or in the error
	}{
		{[]string{"explain", "--config", "Caddyfile", "--user", dana, "--proof", "email=2m,password=40m", "--header", "X-Risk-Score: 70", "--from", "203.0.113.7", "GET", "http://localhost:8080/admin"},
			exitOK, "answer    pass"},
		{[]string{"explain", "-c", "Caddyfile", "--user", dana, "--group", "staff", "--group", "board", "--proof", "email=2m", "--session-age", "1h", "--new-device", "--network", "new", "--failures", "3", "--direct", "GET", "http://localhost:8080/admin"},
			exitOK, "in staff, board\n          proved: email_code 2m ago\n          session opened 1h ago, new device, new network, 3 recent failures"},
		{[]string{"explain", "-c", "Caddyfile", "--json", "POST", "http://localhost:8080/x"}, exitOK, `"verdict": "sign_in"`},
		{[]string{"test"}, exitOK, "policy/payroll.cases: 2 of 2 pass\n"},
		{[]string{"test", "--config", "other/Caddyfile"}, exitFailed, "../failing.cases: 3 of 4 pass\n"},
		{[]string{"test", "policy/payroll.cases", "failing.cases"}, exitFailed, "failing.cases:4: GET /admin: expected step_up otp, got pass (risk none, spoke: require otp within 30m on /admin /admin/*)\nfailing.cases: 3 of 4 pass\n"},
		{[]string{"test", "failing.cases"}, exitFailed, "1 of 4 policy tests fail"},
		{[]string{"test", "wrong.cases"}, exitUsage, `wrong.cases:4: unknown outcome \"nothing\"`},
		{[]string{"test", "--config", "broken/Caddyfile"}, exitUsage, "at broken/Caddyfile:3"},
		{[]string{"test", "--nope"}, exitUsage, "unknown flag: --nope; see 'caddy stepgate test --help'"},
		{[]string{"explain", "-c", "Caddyfile", "GET", "http://localhost:9999/"}, exitUsage, "no server of this configuration listens for http://localhost:9999"},
		{[]string{"nonsense"}, exitUsage, `unknown command \"nonsense\"`},
		{[]string{"users"}, exitOK, "Available Commands:"},
	} {
		t.Run(strings.Join(row.args, " "), func(t *testing.T) {
			t.Parallel()
			if got := stepgate(t, dir, row.args...); got.code != row.code || !strings.Contains(got.out+got.err, row.want) {
				t.Errorf("exit code %d\n%s\n%s\nwant %d, %s", got.code, got.out, got.err, row.code, row.want)
			}
		})
	}
	t.Cleanup(func() {
		for _, name := range []string{"records", "caddy.log"} {
			if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s was made: %v", name, err)
			}
		}
	})
}

func TestAQuestionThatMakesNoSenseIsAMisuse(t *testing.T) {
	t.Parallel()
	const url = "http://localhost:8080/"
	for _, row := range []struct {
		command *cobra.Command
		args    []string
		want    string
	}{
		{explainCommand(), []string{"-c", "Caddyfile", "GET"}, "expected a method and a URL, got 1 words"},
		{explainCommand(), []string{"-c", "Caddyfile", "GET", "/admin"}, "is no URL"},
		{explainCommand(), []string{"-c", "Caddyfile", "G(T", url}, "is no method"},
		{explainCommand(), []string{"-c", "Caddyfile", "--session", "x", "GET", url}, "a configuration knows no sign-ins"},
		{explainCommand(), []string{"--session", "x", "--user", dana, "GET", url}, "a real sign-in brings its own"},
		{explainCommand(), []string{"-c", "Caddyfile", "--group", "staff", "GET", url}, "say who it is"},
		{explainCommand(), []string{"-c", "Caddyfile", "--user", dana, "--known-device", "--new-device", "GET", url}, "known or new, not both"},
		{explainCommand(), []string{"-c", "Caddyfile", "--user", dana, "--network", "old", "GET", url}, "known or new"},
		{explainCommand(), []string{"-c", "Caddyfile", "--user", dana, "--proof", "fax=1m", "GET", url}, "unknown proof"},
		{explainCommand(), []string{"-c", "Caddyfile", "--user", dana, "--session-age", "long", "GET", url}, "is no age"},
		{explainCommand(), []string{"-c", "Caddyfile", "--user", dana, "--failures", "21", "GET", url}, "no more than 20"},
		{explainCommand(), []string{"-c", "Caddyfile", "--user", "dana", "GET", url}, "is no e-mail address"},
		{explainCommand(), []string{"-c", "Caddyfile", "--header", "X-Risk", "GET", url}, "is no header"},
		{explainCommand(), []string{"-c", "Caddyfile", "--from", "here", "GET", url}, "is no address"},
		{explainCommand(), []string{"-c", "Caddyfile", "--risk", "huge", "GET", url}, "unknown risk"},
		{explainCommand(), []string{"-c", "none", "GET", url}, "no such file"},
		{explainCommand(), []string{"--decision", "x", "GET", url}, "name no other one"},
		{explainCommand(), []string{"--decision", "x", "--user", dana}, "name no other one"},
		{usersGroupsCommand(), nil, "whose groups?"},
		{usersGroupsCommand(), []string{dana, "staff", "--none"}, "not both"},
		{usersGroupsCommand(), []string{dana, "a b"}, "is no name for a group"},
		{usersShowCommand(), nil, "accepts 1 arg"},
		{usersUnlockCommand(), nil, "accepts 1 arg"},
		{sendTestCommand(), nil, "to whom?"},
		{sendTestCommand(), []string{"--to", dana, "now"}, "unknown command"},
		{reportCommand(), []string{"now"}, "unknown command"},
	} {
		if err := row.command.ParseFlags(row.args); err != nil {
			t.Fatal(err)
		}
		args := row.command.Flags().Args()
		err, code := row.command.ValidateArgs(args), exitUsage
		if err == nil && row.command.Name() == "explain" {
			code, err = explain(row.command, args)
		}
		if err == nil || !strings.Contains(err.Error(), row.want) || code != exitUsage {
			t.Errorf("%s %q: %d, %v\nwant %s", row.command.Name(), row.args, code, err, row.want)
		}
	}
}

func TestAHeaderGivenTwiceIsAskedAboutTwice(t *testing.T) {
	t.Parallel()
	cmd := explainCommand()
	if err := cmd.ParseFlags([]string{"-H", "X-Risk-Score: 1", "--header", "x-risk-score:2", "-H", "X-Other: a, b"}); err != nil {
		t.Fatal(err)
	}
	q, err := questionOf(cmd, []string{"get", "http://localhost/"})
	if err != nil || q.Method != "GET" || fmt.Sprint(q.Header) != "map[X-Other:[a, b] X-Risk-Score:[1 2]]" {
		t.Errorf("%+v, %v", q, err)
	}
}

func TestAnErrorOfTheServerIsOneSentence(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`caddy responded with error: HTTP 404: {"error":"there is no account x"}` + "\n": "there is no account x",
		"caddy responded with error: HTTP 502: <html>bad\n":                              "the server at localhost:2019 answers 502: <html>bad",
		"performing request: refused":                                                    "no answer from the admin endpoint at localhost:2019 (is Caddy running, and its admin endpoint on?): performing request: refused",
	} {
		if got := serverError("localhost:2019", errors.New(text)).Error(); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}

func TestWhatIsPrintedCannotMisleadATerminal(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	e := s.explain(t, Question{Method: "GET", URL: "/x", User: dana, Header: http.Header{}})
	e.Target, e.Person.Groups = "/a\x1b[2Jb\u202ec\nanswer    pass", []string{"\x07"}
	text := e.text(t)
	if strings.ContainsAny(text, "\x1b\x07\u202e") || strings.Contains(text, "\nanswer    pass\n") && strings.Count(text, "\nanswer ") != 1 {
		t.Errorf("%q", text)
	}
}

func TestTheCommandsAskARunningServer(t *testing.T) {
	t.Parallel()
	const site, endpoint = "http://localhost", "unix/admin.sock" // sockets of the test's own, since ports are everybody's
	text := strings.Replace(fmt.Sprintf(commandCaddyfile, ""), "stepgate {\n\t\tpublic", "bind unix/site.sock\n\tstepgate {\n\t\tpublic", 1)
	dir := inDirectory(t, map[string]string{
		"Caddyfile":            strings.Replace(text, "{\n", "{\n\tadmin "+endpoint+"\n", 1),
		"policy/payroll.cases": "GET /open expect pass\n",
	})
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, "site.sock"))
	}}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(client.CloseIdleConnections)
	if got := stepgate(t, dir, "report", "--address", endpoint); got.code != exitFailed || !strings.Contains(got.err, "is Caddy running") {
		t.Errorf("before the server runs: %+v", got)
	}
	server := caddyIn(t, dir, "run")
	var log bytes.Buffer
	server.Stderr = &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server's log:\n%s", log.String())
		}
	})
	t.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt)
		<-ended
	})
	decision := ""
	for i := 0; decision == ""; i++ {
		response, err := client.Get(site + "/admin")
		if err == nil {
			decision = response.Header.Get(decisionHeader)
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the server has ended: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
		if i > int(patience/(20*time.Millisecond)) {
			t.Fatal("the server does not answer")
		}
	}
	for _, row := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"explain", "--address", endpoint, "--decision", decision}, exitOK, "answer    sign in"},
		{[]string{"explain", "--config", "Caddyfile", "--decision", decision, "--json"}, exitOK, `"decision": "` + decision + `"`},
		{[]string{"explain", "--address", endpoint, "--decision", "none"}, exitFailed, `no decision \"none\" is remembered`},
		{[]string{"explain", "--address", endpoint, "--user", dana, "GET", site + "/open"}, exitOK, "note      There is no account dana@example.com"},
		{[]string{"explain", "--config", "Caddyfile", "GET", site + "/open"}, exitOK, "answer    pass"}, // beside the server, whose store is locked
		{[]string{"test"}, exitOK, "1 of 1 pass"},
		{[]string{"report", "--config", "Caddyfile"}, exitOK, "require otp sms on *"},
		{[]string{"report", "--address", endpoint, "--json"}, exitOK, `"ask_no_method": 0`},
		{[]string{"users", "show", "--address", endpoint, dana}, exitFailed, "there is no account dana@example.com"},
		{[]string{"users", "groups", "--address", endpoint, dana, "staff"}, exitFailed, "there is no account dana@example.com"},
		{[]string{"users", "unlock", "--address", endpoint, dana}, exitFailed, "there is no account dana@example.com"},
		{[]string{"send-test", "--address", endpoint, "--to", dana}, exitOK, "sender  inbox\n        took it"},
		{[]string{"send-test", "--address", endpoint, "--to", "+44 7700 900123", "--json"}, exitOK, `"accepted": true`},
		{[]string{"send-test", "--address", endpoint, "--to", "+44 7700 900123", "--sender", "vonage"}, exitFailed, `no sms sender has the name \"vonage\": there is \"inbox\"`},
		{[]string{"send-test", "--address", endpoint, "--to", "nobody"}, exitFailed, "neither an e-mail address nor a phone number"},
	} {
		if got := stepgate(t, dir, row.args...); got.code != row.code || !strings.Contains(got.out+got.err, row.want) {
			t.Errorf("%s: exit code %d\n%s\n%s\nwant %d, %s", strings.Join(row.args, " "), got.code, got.out, got.err, row.code, row.want)
		}
	}
}

func TestATestThatNoSenderTookIsAFailureWithItsReasons(t *testing.T) {
	t.Parallel()
	test := &SendTest{Medium: "email", Results: []TestResult{
		{Sender: "smtp one.example.com:587", Reason: "auth", Detail: "535 \x1b[2Jno", Remedy: "check username and password", Milliseconds: 7},
		{Sender: "smtp two.example.com:25", Reason: "timeout", Milliseconds: 30000},
	}}
	if test.accepted() {
		t.Error("nobody took it")
	}
	var out bytes.Buffer
	if err := printSendTest(&out, test); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one.example.com", "did not take it (auth), after 7 ms", "it says  535", "remedy   check username and password", "(timeout)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("a provider's words reach the terminal as they are")
	}
	if test.Results[1].Accepted = true; !test.accepted() {
		t.Error("one is enough")
	}
}
