package caddymodule

import (
	"fmt"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// The exit codes of `caddy stepgate`.
const (
	exitOK     = 0
	exitFailed = 1 // what was asked for is not so: a test fails, there is no such account
	exitUsage  = 2 // the command line or the configuration cannot be understood
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "stepgate",
		Usage: "<command>",
		Short: "Explains and tests the policy of sites, shows their pages, tries senders, and looks after accounts",
		Long: `
Explains how requests are judged, tests a configuration against cases, shows what
rules that only report would do, writes every page down to be looked at, tries the
senders of messages, and looks after accounts.

'explain --config', 'test' and 'pages' read a configuration and touch nothing else.
They work beside a running server, and without one. The other commands ask the running
server, through its admin endpoint.

Exit codes: 0 if all is well, 1 if what was asked for is not so (a test fails, an
account does not exist, the server refuses), 2 if the command line or the
configuration cannot be understood.`,
		CobraFunc: func(cmd *cobra.Command) {
			users := &cobra.Command{Use: "users", Short: "Looks after accounts", Args: misused(cobra.NoArgs), RunE: help}
			users.AddCommand(usersShowCommand(), usersGroupsCommand(), usersUnlockCommand())
			cmd.Args, cmd.RunE = misused(cobra.NoArgs), help
			cmd.AddCommand(explainCommand(), casesCommand(), reportCommand(), sendTestCommand(), pagesCommand(), users)
			cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
				return exits(cmd, exitUsage, fmt.Errorf("%w; see '%s --help'", err, cmd.CommandPath()))
			})
		},
	})
}

// help stands for a command that only has others below it.
func help(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// runs is a command's work as cobra wants it: with an exit code of its own, and the error
// shown as Caddy's commands show theirs.
func runs(work func(cmd *cobra.Command, args []string) (int, error)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		code, err := work(cmd, args)
		return exits(cmd, code, err)
	}
}

func exits(cmd *cobra.Command, code int, err error) error {
	return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return code, err })(cmd, nil)
}

// misused has arguments that do not fit end in the exit code for that.
func misused(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return exits(cmd, exitUsage, fmt.Errorf("%w; see '%s --help'", err, cmd.CommandPath()))
		}
		return nil
	}
}

// flagText is the value of a flag that the command has.
func flagText(cmd *cobra.Command, name string) string {
	value, _ := cmd.Flags().GetString(name)
	return value
}

func flagSet(cmd *cobra.Command, name string) bool {
	value, _ := cmd.Flags().GetBool(name)
	return value
}

// serverFlags are those of commands that ask the running server.
func serverFlags(cmd *cobra.Command) {
	cmd.Flags().String("address", "", "Address of the admin endpoint (default: that of --config, or Caddy's default)")
	cmd.Flags().StringP("config", "c", "", "Configuration that names the admin endpoint")
	cmd.Flags().StringP("adapter", "a", "", "Config adapter of --config")
	jsonFlag(cmd)
}

func jsonFlag(cmd *cobra.Command) {
	cmd.Flags().Bool("json", false, "Print JSON")
}
