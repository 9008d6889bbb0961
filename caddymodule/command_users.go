package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stepgate/stepgate/flows"
)

func usersShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show [flags] EMAIL",
		Short:   "Shows an account of the running server",
		Example: `  caddy stepgate users show dana@example.com`,
		Args:    misused(cobra.ExactArgs(1)),
		RunE: runs(func(cmd *cobra.Command, args []string) (int, error) {
			return askAndShow(cmd, http.MethodGet, userPath(args[0], ""), nil, printAccount)
		}),
	}
	serverFlags(cmd)
	return cmd
}

func usersGroupsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "groups [flags] EMAIL [GROUP…]",
		Short: "Shows the groups of an account, or puts it into exactly the groups given",
		Long: `
Without groups it shows those that the account is in. With groups it puts the account
into these and no others; with --none into none. It takes effect with the next request
of every open session.`,
		Example: `  caddy stepgate users groups dana@example.com
  caddy stepgate users groups dana@example.com staff board
  caddy stepgate users groups dana@example.com --none`,
		Args: misused(groupsArgs),
		RunE: runs(func(cmd *cobra.Command, args []string) (int, error) {
			if len(args) == 1 && !flagSet(cmd, "none") {
				return askAndShow(cmd, http.MethodGet, userPath(args[0], ""), nil, printGroups)
			}
			wanted := map[string][]string{"groups": append([]string{}, args[1:]...)}
			return askAndShow(cmd, http.MethodPut, userPath(args[0], "/groups"), wanted, printGroups)
		}),
	}
	serverFlags(cmd)
	cmd.Flags().Bool("none", false, "Take the account out of all groups")
	return cmd
}

func usersUnlockCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "unlock [flags] EMAIL",
		Short: "Lets somebody try again at once after too many wrong tries",
		Long: `
Forgets the wrong tries at an account's password and codes, whoever made them, and what
they had used up. It opens nothing by itself and ends no session: the person still has
to prove who they are. If the tries were not the owner's, they may begin again, too.`,
		Example: `  caddy stepgate users unlock dana@example.com`,
		Args:    misused(cobra.ExactArgs(1)),
		RunE: runs(func(cmd *cobra.Command, args []string) (int, error) {
			return askAndShow(cmd, http.MethodPost, userPath(args[0], "/unlock"), nil, func(w io.Writer, a *AccountView) error {
				_, err := fmt.Fprintln(w, printable(a.Email+" may try again"))
				return err
			})
		}),
	}
	serverFlags(cmd)
	return cmd
}

func groupsArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return errors.New("whose groups? Name the account by its e-mail address")
	}
	if len(args) > 1 && flagSet(cmd, "none") {
		return errors.New("name groups, or say --none, but not both")
	}
	for _, group := range args[1:] {
		if err := flows.CheckGroup(group); err != nil {
			return err
		}
	}
	return nil
}

func userPath(email, rest string) string { return "/stepgate/users/" + url.PathEscape(email) + rest }

func printAccount(w io.Writer, a *AccountView) error {
	rows := [][]string{
		{"email", a.Email}, {"id", a.ID}, {"groups", orNone(a.Groups)}, {"factors", orNone(a.Factors)},
		{"sessions", fmt.Sprint(a.Sessions)}, {"created", a.Created.Format(time.RFC3339)},
	}
	if a.Disabled {
		rows = append(rows, []string{"disabled", "nobody can sign in"})
	}
	return printTable(w, rows)
}

// printGroups writes one group on a line, for scripts.
func printGroups(w io.Writer, a *AccountView) error {
	for _, group := range a.Groups {
		if _, err := fmt.Fprintln(w, printable(group)); err != nil {
			return err
		}
	}
	return nil
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

func reportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "report [flags]",
		Short: "Shows what rules that only report would have done",
		Long: `
Shows, for each site of the running server, how many requests there were to decide and,
for each rule with 'report' before it, what would have become of those that were let
through: pass, ask (the person could have given the proof), ask_no_method (the account
has no way to give it) or refuse. Numbers go on through reloads and end with the process.`,
		Example: `  caddy stepgate report
  caddy stepgate report --json`,
		Args: misused(cobra.NoArgs),
		RunE: runs(func(cmd *cobra.Command, _ []string) (int, error) {
			return askAndShow(cmd, http.MethodGet, "/stepgate/report", nil, printReport)
		}),
	}
	serverFlags(cmd)
	return cmd
}

func printReport(w io.Writer, r *Report) error {
	for _, site := range r.Sites {
		text := []string{site.Site + ":"}
		for _, v := range counted {
			text = append(text, fmt.Sprintf("%s %d", v, site.Decisions[string(v)]))
		}
		if _, err := fmt.Fprintln(w, printable(strings.Join(text, "  "))); err != nil {
			return err
		}
		if len(site.Rules) == 0 {
			continue
		}
		head := []string{"", "", "since"}
		for _, o := range outcomes {
			head = append(head, string(o))
		}
		rows := [][]string{head}
		for _, rule := range site.Rules {
			row := []string{"", strings.TrimPrefix(rule.Rule, "report "), rule.Since.Format(time.DateOnly + " 15:04")}
			for _, o := range outcomes {
				row = append(row, fmt.Sprint(rule.Outcomes[string(o)]))
			}
			rows = append(rows, row)
		}
		if err := printTable(w, rows); err != nil {
			return err
		}
	}
	return nil
}
