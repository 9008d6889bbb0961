package caddymodule

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/stepgate/stepgate/flows/send"
)

func init() { caddy.RegisterModule(scriptedSender{}) }

// scriptedSender is a sender module that can be checked, and costs money, and does what
// the script of its name says.
type scriptedSender struct {
	Name      string   `json:"name"`
	Countries []string `json:"countries,omitempty"`
	Setting   string   `json:"setting,omitempty"` // to tell configurations apart
}

// A script is what scripted senders of one name do.
type script struct {
	check func(context.Context) error
	send  func(context.Context, send.Message) error
}

var scripts sync.Map // name → script

// scripted has the senders of a new name do as the script says.
func scripted(t *testing.T, s script) (name string) {
	name = fmt.Sprintf("%s %d", t.Name(), memories.Add(1))
	scripts.Store(name, s)
	t.Cleanup(func() { scripts.Delete(name) })
	return name
}

func (scriptedSender) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "stepgate.senders.scripted", New: func() caddy.Module { return new(scriptedSender) }}
}

func (*scriptedSender) Carries(send.Medium) bool { return true }

func (s *scriptedSender) AllowedCountries() []string { return s.Countries }

func (s *scriptedSender) Sender(*slog.Logger) (send.Sender, error) {
	found, _ := scripts.Load(s.Name)
	return script(found.(script)), nil
}

func (s script) Send(ctx context.Context, m send.Message) error {
	if s.send == nil {
		return nil
	}
	return s.send(ctx, m)
}

func (s script) Check(ctx context.Context) error {
	if s.check == nil {
		return nil
	}
	return s.check(ctx)
}

// senderJSON is a scripted sender's configuration.
func senderJSON(name, more string) string {
	return fmt.Sprintf(`{"module": "scripted", "name": %q%s}`, name, more)
}

var (
	_ CostlySender = (*scriptedSender)(nil)
	_ send.Checker = script{}
)
