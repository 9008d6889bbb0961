package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"
)

func sendTestCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "send-test [flags] --to ADDRESS-OR-NUMBER",
		Short: "Has the running server send a test message by each of its senders",
		Long: `
Has the running server send a short test message to a mail address or a mobile number,
by every sender of that medium in turn, or by the one named, and shows who took it and
why not. It costs a message of each sender that takes it.

A message that was accepted has left for good: whether it arrives is for you to see.
Exit code 0 if any sender took it, 1 if none did.`,
		Example: `  caddy stepgate send-test --to dana@example.com
  caddy stepgate send-test --to +447700900123
  caddy stepgate send-test --to dana@example.com --sender "smtp smtp.example.com:587"`,
		Args: misused(func(cmd *cobra.Command, args []string) error {
			if err := cobra.NoArgs(cmd, args); err != nil {
				return err
			}
			if flagText(cmd, "to") == "" {
				return errors.New("to whom? Say --to with a mail address or a mobile number")
			}
			return nil
		}),
		RunE: runs(func(cmd *cobra.Command, _ []string) (int, error) { return runSendTest(cmd) }),
	}
	serverFlags(cmd)
	cmd.Flags().String("to", "", "Mail address, or mobile number with its country code")
	cmd.Flags().String("sender", "", "Only this sender, as logs and metrics name it, or by its kind where there is one of it (default: all)")
	return cmd
}

func runSendTest(cmd *cobra.Command) (int, error) {
	question := map[string]string{"to": flagText(cmd, "to"), "sender": flagText(cmd, "sender")}
	data, err := ask(cmd, http.MethodPost, "/stepgate/send-test", question)
	if err != nil {
		return exitFailed, err
	}
	code, err := show(cmd, data, printSendTest)
	if err != nil || code != exitOK {
		return code, err
	}
	test := new(SendTest)
	if err := json.Unmarshal(data, test); err != nil {
		return exitFailed, fmt.Errorf("reading the answer: %w", err)
	}
	if !test.accepted() {
		return exitFailed, errors.New("no sender took the message")
	}
	return exitOK, nil
}

func printSendTest(w io.Writer, t *SendTest) error {
	for _, r := range t.Results {
		rows := [][]string{{"sender", r.Sender}}
		if r.Accepted {
			rows = append(rows, []string{"", fmt.Sprintf("took it, after %d ms", r.Milliseconds)})
		} else {
			rows = append(rows, []string{"", fmt.Sprintf("did not take it (%s), after %d ms", r.Reason, r.Milliseconds)})
		}
		if r.Detail != "" {
			rows = append(rows, []string{"it says", r.Detail})
		}
		if r.Remedy != "" {
			rows = append(rows, []string{"remedy", r.Remedy})
		}
		if err := printTable(w, rows); err != nil {
			return err
		}
	}
	return nil
}
