package caddymodule

import (
	"context"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/stepgate/stepgate/flows/send"
)

// stuckSender is a sender module whose provider answers nobody before the test is over.
type stuckSender struct {
	Test string `json:"test"`
}

var testsOver sync.Map // name of the test → channel that is closed at its end

func init() { caddy.RegisterModule(new(stuckSender)) }

func (*stuckSender) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "stepgate.senders.stuck", New: func() caddy.Module { return new(stuckSender) }}
}

func (*stuckSender) Carries(send.Medium) bool { return true }

func (s *stuckSender) Sender(*slog.Logger) (send.Sender, error) { return s, nil }

// Send implements [send.Sender].
func (s *stuckSender) Send(ctx context.Context, _ send.Message) error {
	over, _ := testsOver.Load(s.Test)
	select {
	case <-over.(chan struct{}):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Whoever sends a form waits for no provider, and the answer says nothing about one.
func TestNoPageWaitsForAProviderThatNeverAnswers(t *testing.T) {
	t.Parallel()
	for _, tell := range []string{"never", "always"} {
		name, over := t.Name()+" "+tell, make(chan struct{})
		testsOver.Store(name, over)
		site, err := startSite(t, jsonConfig(t, `{"email": [{"module": "stuck", "test": "`+name+`"}], "tell_unknown": "`+tell+`"}`, `{}`))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { close(over) }) // before the site's own
		for _, path := range []string{"/sign-in", "/sign-up", "/reset"} {
			answered := make(chan *page, 1)
			go func() {
				answered <- site.browser(t).post("/.auth"+path, url.Values{"email": {"dana" + path[1:4] + "@example.com"}})
			}()
			select {
			case p := <-answered:
				if p.StatusCode != 303 || !strings.HasPrefix(p.location, "/.auth/code?") {
					t.Errorf("%s: %d to %q\n%s", path, p.StatusCode, p.location, p.body)
				}
			case <-time.After(10 * time.Second): // an attempt takes 15 s
				t.Fatalf("%s waits for the provider", path)
			}
		}
	}
}
