package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/spf13/cobra"
)

func casesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test [flags] [FILE…]",
		Short: "Tests the policy of a configuration against cases",
		Long: `
Loads a configuration without starting it, and judges the cases of the files that
its sites name with 'tests', or of the files given here. It opens no store and sends
nothing, so it works beside a running server and in CI.

A site does not start while one of its own cases fails, and a reload that brings a
failing case is refused. 'caddy validate' starts nothing, and so runs no cases.`,
		Example: `  caddy stepgate test
  caddy stepgate test --config /etc/caddy/Caddyfile
  caddy stepgate test --config Caddyfile more.cases`,
		RunE: runs(testCases),
	}
	cmd.Flags().StringP("config", "c", "", "Configuration to test (default: the Caddyfile in this directory)")
	cmd.Flags().StringP("adapter", "a", "", "Config adapter of --config")
	return cmd
}

func testCases(cmd *cobra.Command, args []string) (int, error) {
	app, err := provisioned(cmd)
	if err != nil {
		return exitUsage, err
	}
	return runAll(cmd, app, args, cmd.OutOrStdout())
}

// runAll runs the files given, or those that the sites name.
func runAll(cmd *cobra.Command, app *caddyhttp.App, names []string, out io.Writer) (int, error) {
	var gateways []*Handler
	for _, name := range slices.Sorted(maps.Keys(app.Servers)) {
		gateways = append(gateways, gatewaysIn(app.Servers[name])...)
	}
	var runs []*Handler
	for _, name := range names {
		file, err := readCases(name, name)
		if err != nil {
			return exitUsage, err
		}
		h := &Handler{Tests: []*CaseFile{file}}
		if len(gateways) == 1 {
			h.Origins = gateways[0].Origins
		}
		runs = append(runs, h)
	}
	if len(names) == 0 {
		runs = slices.DeleteFunc(gateways, func(h *Handler) bool { return len(h.Tests) == 0 })
	}
	if len(runs) == 0 {
		return exitUsage, errors.New("there is nothing to test: name files of cases, here or with `tests` in a site")
	}
	failed, cases := 0, 0
	for _, h := range runs {
		for _, file := range h.Tests {
			failures, n, err := runFile(cmd.Context(), app, file, h.Origins)
			if err != nil {
				return exitUsage, err
			}
			failed, cases = failed+len(failures), cases+n
			for _, failure := range failures {
				fmt.Fprintln(out, printable(failure.Error()))
			}
			fmt.Fprintf(out, "%s: %d of %d pass\n", printable(file.Name), n-len(failures), n)
		}
	}
	if failed > 0 {
		return exitFailed, fmt.Errorf("%d of %d policy tests fail", failed, cases)
	}
	return exitOK, nil
}
