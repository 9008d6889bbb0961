package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"
)

func explainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain [flags] METHOD URL | --decision ID",
		Short: "Says how a request is judged, and why",
		Long: `
Imagines a request, and prints which target and risk it has, which rules speak for
it and which do not, what they come to, what is missing and what the answer is.
Nothing is sent to the application, and nothing is changed.

With --config the request is judged by that configuration, as it would be if it
ran. Without, it is judged by the running server, which also knows real accounts,
sign-ins (--session) and the decisions of the last while (--decision), by the id
that stands on pages, in answers and in the log.

The request is one by --user, with what they have proved and how long ago; without
--user nobody is signed in. It comes through a trusted proxy, if the server has
strict ones, so that headers tell the risk; --direct has the client connect by
itself.`,
		Example: `  caddy stepgate explain --config Caddyfile GET https://payroll.example.com/admin
  caddy stepgate explain --config Caddyfile --user dana@example.com --group staff \
      --proof email=2m,password=40m --header 'X-Risk-Score: 70' --from 203.0.113.7 \
      GET https://payroll.example.com/admin/x
  caddy stepgate explain --session 0b6c8a5e-2f0f-4d6c-9a51-b5b7a3d0c1de POST https://payroll.example.com/transfer
  caddy stepgate explain --decision k3v7q2mxa5dw --json`,
		Args: misused(explainArgs),
		RunE: runs(explain),
	}
	serverFlags(cmd)
	flags := cmd.Flags()
	flags.Lookup("config").Usage = "Judge by this configuration, instead of the running server's"
	flags.Lookup("address").Usage = "Address of the admin endpoint of the running server"
	flags.String("user", "", "Address of the account; without it, nobody is signed in")
	flags.StringArray("group", nil, "Group of the user (repeatable; default, on a running server: the account's)")
	flags.String("proof", "", "What the user has proved, and how long ago: email=2m,password=40m,sms=1h (default: the first factor, when the session was opened)")
	flags.String("session-age", "", "How long ago the session was opened (default: with the oldest proof)")
	flags.Bool("known-device", false, "The browser is one that the account is used from (default)")
	flags.Bool("new-device", false, "The browser is none that the account is used from")
	flags.String("network", "known", "Whether the account is used from this network: known or new")
	flags.Int("failures", 0, "Wrong passwords and codes in the last hour")
	flags.StringArrayP("header", "H", nil, `Header of the request, as "Name: value" (repeatable)`)
	flags.String("from", "", "Address of the client (default: "+defaultClient+", or where the session is at home)")
	flags.Bool("direct", false, "The client connects by itself, not through a trusted proxy")
	flags.String("risk", "", "The least risk of the request, whatever the signals say: low, medium or high")
	flags.String("session", "", "Real sign-in that makes the request, by the sid claim of its tokens")
	flags.String("decision", "", "Id of a decision of the running server")
	return cmd
}

func explainArgs(cmd *cobra.Command, args []string) error {
	if flagText(cmd, "decision") != "" {
		if len(args) > 0 || cmd.Flags().NFlag() != count(cmd, "decision", "json", "address", "config", "adapter") {
			return errors.New("a decision is about a request that was made: name no other one")
		}
		return nil
	}
	if len(args) != 2 {
		return fmt.Errorf("expected a method and a URL, got %d words", len(args))
	}
	return nil
}

// count is how many of the flags were given.
func count(cmd *cobra.Command, names ...string) (n int) {
	for _, name := range names {
		if cmd.Flags().Changed(name) {
			n++
		}
	}
	return n
}

func explain(cmd *cobra.Command, args []string) (int, error) {
	offline := flagText(cmd, "config") != "" && flagText(cmd, "address") == ""
	print := func(w io.Writer, e *Explanation) error { return e.print(w) }
	if id := flagText(cmd, "decision"); id != "" {
		return askAndShow(cmd, http.MethodGet, "/stepgate/decisions/"+url.PathEscape(id), nil, print)
	}
	question, err := questionOf(cmd, args)
	if err != nil {
		return exitUsage, err
	}
	if !offline {
		return askAndShow(cmd, http.MethodPost, "/stepgate/explain", question, print)
	}
	if question.Session != "" {
		return exitUsage, errors.New("a configuration knows no sign-ins: ask the running server, without --config")
	}
	app, err := provisioned(cmd)
	if err != nil {
		return exitUsage, err
	}
	e, err := imagine(cmd.Context(), app, &imagined{Question: *question})
	if err != nil {
		return exitUsage, err
	}
	data, err := json.Marshal(e)
	if err != nil {
		return exitFailed, err
	}
	return show(cmd, data, print)
}

// questionOf reads the flags.
func questionOf(cmd *cobra.Command, args []string) (*Question, error) {
	flags := cmd.Flags()
	q := &Question{
		User: flagText(cmd, "user"), From: flagText(cmd, "from"), Direct: flagSet(cmd, "direct"), Risk: flagText(cmd, "risk"),
		Session: flagText(cmd, "session"), NewDevice: flagSet(cmd, "new-device"),
	}
	q.Method, q.URL = methodAndURL(args)
	q.Groups, _ = flags.GetStringArray("group")
	q.Failures, _ = flags.GetInt("failures")
	if q.NewDevice && flagSet(cmd, "known-device") {
		return nil, errors.New("the device is known or new, not both")
	}
	var err error
	if q.NewNetwork, err = parseKnown("network", flagText(cmd, "network")); err != nil {
		return nil, err
	}
	if text := flagText(cmd, "proof"); text != "" {
		if q.Proof, err = parseProofs(strings.Split(text, ","), nil); err != nil {
			return nil, err
		}
	}
	if text := flagText(cmd, "session-age"); text != "" {
		var age caddy.Duration
		if age, err = parseAge(text); err != nil {
			return nil, err
		}
		q.SessionAge = age
	}
	lines, _ := flags.GetStringArray("header")
	for _, line := range lines {
		one, err := parseHeaders([]string{line}, nil)
		if err != nil {
			return nil, err
		}
		if q.Header == nil {
			q.Header = make(http.Header)
		}
		for name, values := range one {
			q.Header[name] = append(q.Header[name], values...) // twice is twice, as on the wire
		}
	}
	return q, q.check()
}
