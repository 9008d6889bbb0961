package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/spf13/cobra"
)

// ask sends something to the running server, and returns its JSON.
func ask(cmd *cobra.Command, method, path string, question any) ([]byte, error) {
	address, err := caddycmd.DetermineAdminAPIAddress(flagText(cmd, "address"), nil, flagText(cmd, "config"), flagText(cmd, "adapter"))
	if err != nil {
		return nil, fmt.Errorf("finding the admin endpoint: %w", err)
	}
	var body io.Reader
	if question != nil {
		data, err := json.Marshal(question)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	response, err := caddycmd.AdminAPIRequest(address, method, path, nil, body)
	if err != nil {
		return nil, serverError(address, err)
	}
	defer response.Body.Close()
	return io.ReadAll(io.LimitReader(response.Body, 16<<20))
}

// serverAnswer finds the message in the error that AdminAPIRequest makes of an answer.
var serverAnswer = regexp.MustCompile(`(?s)^caddy responded with error: HTTP (\d+): (.*)$`)

// serverError is one sentence about what went wrong.
func serverError(address string, err error) error {
	found := serverAnswer.FindStringSubmatch(err.Error())
	if found == nil {
		return fmt.Errorf("no answer from the admin endpoint at %s (is Caddy running, and its admin endpoint on?): %w", address, err)
	}
	var message struct {
		Error string `json:"error"`
	}
	if json.Unmarshal([]byte(found[2]), &message) == nil && message.Error != "" {
		return errors.New(message.Error)
	}
	return fmt.Errorf("the server at %s answers %s: %s", address, found[1], strings.TrimSpace(found[2]))
}

// show prints an answer: as it came, or in the words of print.
func show[T any](cmd *cobra.Command, data []byte, print func(io.Writer, *T) error) (int, error) {
	if flagSet(cmd, "json") {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, bytes.TrimSpace(data), "", "\t"); err != nil {
			return exitFailed, fmt.Errorf("reading the answer: %w", err)
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), pretty.String())
		return exitOK, err
	}
	value := new(T)
	if err := json.Unmarshal(data, value); err != nil {
		return exitFailed, fmt.Errorf("reading the answer: %w", err)
	}
	return exitOK, print(cmd.OutOrStdout(), value)
}

// askAndShow is a whole command that asks the running server.
func askAndShow[T any](cmd *cobra.Command, method, path string, question any, print func(io.Writer, *T) error) (int, error) {
	data, err := ask(cmd, method, path, question)
	if err != nil {
		return exitFailed, err
	}
	return show(cmd, data, print)
}

// provisioned loads a configuration as far as it goes without starting anything: no store
// is opened, nothing listens, and no log is written but errors to the terminal.
func provisioned(cmd *cobra.Command) (*caddyhttp.App, error) {
	config, file, _, err := caddycmd.LoadConfig(flagText(cmd, "config"), flagText(cmd, "adapter"))
	if err != nil {
		return nil, err
	}
	if file == "" {
		return nil, errors.New("no configuration: say which with --config, or go where the Caddyfile is")
	}
	parsed := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(config, parsed); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	parsed.Logging = &caddy.Logging{Logs: map[string]*caddy.CustomLog{
		"default": {BaseLog: caddy.BaseLog{Level: "ERROR"}},
	}}
	ctx, err := caddy.ProvisionContext(parsed)
	if err != nil {
		return nil, fmt.Errorf("loading %s: %w", file, err)
	}
	app, err := ctx.AppIfConfigured("http")
	if err != nil {
		return nil, fmt.Errorf("loading %s: there are no sites in it", file)
	}
	return app.(*caddyhttp.App), nil
}

// printTable writes lines of cells, each column as wide as it needs to be.
func printTable(w io.Writer, rows [][]string) error {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len(cell)+2)
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(column(cell, widths[i]))
		}
		if _, err := fmt.Fprintln(w, printable(strings.TrimRight(line.String(), " "))); err != nil {
			return err
		}
	}
	return nil
}

// methodAndURL are the arguments of explain.
func methodAndURL(args []string) (method, url string) {
	method = args[0]
	if strings.EqualFold(method, http.MethodGet) {
		method = http.MethodGet // the one that people write in lower case
	}
	return method, args[1]
}
