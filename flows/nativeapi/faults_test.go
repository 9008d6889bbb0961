package nativeapi_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/nativeapi"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/flows/token"
	"github.com/stepgate/stepgate/policy"
)

// failed fails the test unless the answer says that the server is at fault, and no more.
func (a *answer) failed(code string) {
	a.t.Helper()
	codes, _ := a.JSON["error_codes"].([]any)
	if a.Status != 500 || a.text("error") != "server_error" || len(codes) != 1 || fmt.Sprint(codes[0]) != code || len(a.JSON) != 6 {
		a.t.Fatalf("%s: %d %s, want a fault with %s", a.path, a.Status, a.Body, code)
	}
	if a.text("error_description") != "The server could not answer. Try again later." || a.Header.Get("Cache-Control") != "no-store" {
		a.t.Errorf("%s: %s", a.path, a.Body)
	}
}

func TestWhatTheFaceStandsOnMayBeGone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		code string
	}{
		"closed store":     {fmt.Errorf("opening store: %w", store.ErrClosed), "90033"},
		"anything else":    {errors.New("a secret of the inside"), "50000"},
		"conflicting data": {store.ErrConflict, "90033"},
	} {
		w := newWorld(t)
		w.signedUpWithPassword(dana)
		a := w.app()
		at := a.challenged(dana)
		w.mu.Lock()
		w.broken = c.err
		w.mu.Unlock()
		for _, no := range []*answer{a.begin(initiate, dana), a.tokens(at, "password", "password", longSecret)} {
			no.failed(c.code)
			if !strings.Contains(w.log.String(), no.text("trace_id")) {
				t.Errorf("%s: the log does not know %s", name, no.text("trace_id"))
			}
			if strings.Contains(no.Body, "secret of the inside") {
				t.Errorf("%s: %s", name, no.Body)
			}
		}
		w.mu.Lock()
		w.broken = nil
		w.mu.Unlock()
		a.tokens(at, "password", "password", longSecret).gotTokens()
	}
}

func TestAPolicyThatCannotBeAskedRefuses(t *testing.T) {
	t.Parallel()
	broken := false
	w := newWorld(t, func(_ *flows.Config, c *nativeapi.Config) {
		judge := c.Demand
		c.Demand = func(r *http.Request, who *flows.Session, client string, scopes, contexts []string) (policy.Demand, error) {
			if broken {
				return policy.Demand{}, errors.New("no matcher answered")
			}
			return judge(r, who, client, scopes, contexts)
		}
	})
	w.signedUpWithPassword(dana)
	a := w.app()
	at := a.challenged(dana)
	broken = true
	a.begin(initiate, dana).failed("50000")
	a.tokens(at, "password", "password", longSecret).failed("50000")
	broken = false
	a.tokens(at, "password", "password", longSecret).gotTokens()
}

// strange is an engine that answers what no engine should.
type strange struct {
	nativeapi.Engine
	view   flows.View
	err    error
	opened *flows.Opened
}

func (s *strange) Look(context.Context, flows.Caller, string) (flows.View, error) {
	return s.view, s.err
}

func (s *strange) Submit(context.Context, flows.Caller, string, flows.Input) (flows.View, error) {
	return s.view, s.err
}

func (s *strange) Refresh(context.Context, flows.Caller, string) (*flows.Opened, error) {
	return s.opened, s.err
}

func TestAnAnswerOfTheEngineThatMakesNoSenseIsAFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signedUpWithPassword(dana)
	odd := &strange{}
	other := newWorld(t, func(_ *flows.Config, c *nativeapi.Config) {
		c.Engine = func() (nativeapi.Engine, error) { return odd, nil }
	})
	asked, a := w.app().challenged(dana), other.app()
	for name, c := range map[string]struct {
		view flows.View
		kind string
	}{
		"no step":                {flows.View{}, "expired_token"},
		"done without tokens":    {flows.View{Flow: "f", Step: flows.Done}, "expired_token"},
		"stuck":                  {flows.View{Flow: "f", Step: flows.Stuck, Why: flows.NoMethod}, "expired_token"},
		"a second factor":        {flows.View{Flow: "f", Step: flows.Choose}, "invalid_grant"},
		"still the first":        {flows.View{Flow: "f", Step: flows.AskPassword, First: true}, "server_error"},
		"a password as a second": {flows.View{Flow: "f", Step: flows.AskPassword}, "expired_token"},
	} {
		odd.view = c.view
		if got := a.tokens(asked, "password", "password", longSecret); got.text("error") != c.kind {
			t.Errorf("%s: %s", name, got.Body)
		}
	}
	odd.view = flows.View{Flow: "f", Step: flows.AskPassword, First: true}
	for code, kind := range map[flows.RefusalCode]string{
		"a refusal of the future": "server_error", flows.NeedsBrowser: "", flows.Busy: "temporarily_unavailable",
	} {
		odd.err = &flows.Refusal{Code: code}
		if got := a.tokens(asked, "password", "password", longSecret); got.text("error") != kind {
			t.Errorf("%s: %s", code, got.Body)
		}
	}
	odd.err = nil
	second := secondStage(1)(t)
	odd.view = flows.View{Flow: "f", Step: flows.Choose, Options: []policy.Factor{policy.Password}}
	a.call("/oauth2/v2.0/introspect", "continuation_token", second.token).failed("50000")
	odd.view = flows.View{Flow: "f", Step: flows.AskPhone}
	a.call("/register/v1.0/introspect", "continuation_token", registerStage(1)(t).token).failed("50000")
	a.call("/register/v1.0/challenge", "continuation_token", registerStage(1)(t).token, "challenge_target", danaPhone).
		refused("invalid_request", "", "901001")
}

func TestASessionThatEndsThisMomentGivesNoTokens(t *testing.T) {
	t.Parallel()
	odd := &strange{}
	w := newWorld(t, func(_ *flows.Config, c *nativeapi.Config) {
		c.Engine = func() (nativeapi.Engine, error) { return odd, nil }
	})
	real := newWorld(t)
	real.signedUpWithPassword(dana)
	asked := real.app().challenged(dana)
	odd.opened = &flows.Opened{Refresh: "r", Session: &flows.Session{
		SID: "s", User: "u", Proof: policy.Proof{}.With(policy.Password, w.clock()), Ends: w.clock(),
	}}
	a := w.app()
	a.call("/oauth2/v2.0/token", "grant_type", "refresh_token", "refresh_token", "r").refused("invalid_grant", "bad_token", "70000")
	odd.view = flows.View{Flow: "f", Step: flows.AskPassword, First: true}
	ended := &finishing{strange: odd}
	w2 := newWorld(t, func(_ *flows.Config, c *nativeapi.Config) {
		c.Engine = func() (nativeapi.Engine, error) { return ended, nil }
	})
	w2.app().tokens(asked, "password", "password", longSecret).refused("expired_token", "", "552003")

	odd.opened.Session.Ends, odd.opened.Session.User = w.clock().Add(time.Hour), ""
	a.call("/oauth2/v2.0/token", "grant_type", "refresh_token", "refresh_token", "r").failed("50000")
}

// finishing is a strange engine whose flows are done with the next input.
type finishing struct{ *strange }

func (f *finishing) Submit(context.Context, flows.Caller, string, flows.Input) (flows.View, error) {
	return flows.View{Flow: "f", Step: flows.Done, Opened: f.opened}, nil
}

func TestAnOutboxThatIsFullUsesNothingUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.codeApp()
	begun := a.begin("/signup/v1.0/start", "full@example.com").ok()
	a.with(begun, "/signup/v1.0/challenge").refused("temporarily_unavailable", "", "90055")
}

func TestACallNobodyWaitsForIsNoFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.do(w.request(initiate, good).WithContext(ctx)).failed("90033")
	if strings.Contains(w.log.String(), "ERROR") {
		t.Errorf("logged as an error: %s", w.log.String())
	}
}

func TestAFaceNeedsItsConfiguration(t *testing.T) {
	t.Parallel()
	complete := func() nativeapi.Config {
		return nativeapi.Config{
			Site: &flows.Site{Origin: origin}, Base: base, Tenant: tenant,
			Clients: []nativeapi.Client{{Client: flows.Client{ID: "a"}, Audience: origin}},
			Engine:  func() (nativeapi.Engine, error) { return nil, nil },
			Sealer:  func() (nativeapi.Sealer, error) { return nil, nil },
			Minter:  func() (nativeapi.Minter, error) { return nil, nil },
			Demand: func(*http.Request, *flows.Session, string, []string, []string) (policy.Demand, error) {
				return policy.Never, nil
			},
			Network: func(*http.Request) string { return "" },
			Now:     time.Now,
			Log:     slog.New(slog.DiscardHandler),
		}
	}
	if _, err := nativeapi.New(complete()); err != nil {
		t.Fatal(err)
	}
	first := func(change func(*nativeapi.Client)) func(*nativeapi.Config) {
		return func(c *nativeapi.Config) { change(&c.Clients[0]) }
	}
	for want, change := range map[string]func(*nativeapi.Config){
		"no site":                   func(c *nativeapi.Config) { c.Site = nil },
		"base path \"/x/\"":         func(c *nativeapi.Config) { c.Base = "/x/" },
		"base path \"x\"":           func(c *nativeapi.Config) { c.Base = "x" },
		"base path \"\"":            func(c *nativeapi.Config) { c.Base = "" },
		"no tenant":                 func(c *nativeapi.Config) { c.Tenant = "" },
		"no client":                 func(c *nativeapi.Config) { c.Clients = nil },
		"a function is missing":     func(c *nativeapi.Config) { c.Demand = nil },
		"two of that name":          func(c *nativeapi.Config) { c.Clients = append(c.Clients, c.Clients[0]) },
		"id is empty":               first(func(c *nativeapi.Client) { c.ID = "" }),
		"id is empty or has":        first(func(c *nativeapi.Client) { c.ID = "a\nb" }),
		"no audience":               first(func(c *nativeapi.Client) { c.Audience = "" }),
		"a token life of":           first(func(c *nativeapi.Client) { c.TokenLife = token.MaxClientLifetime + 1 }),
		"a token life of 1s":        first(func(c *nativeapi.Client) { c.TokenLife = time.Second }),
		"the scope or context":      first(func(c *nativeapi.Client) { c.Scopes = []string{"a b"} }),
		"the scope or context \"\"": first(func(c *nativeapi.Client) { c.Contexts = []string{""} }),
		"is not an origin":          first(func(c *nativeapi.Client) { c.Origins = []string{"https://a.example/"} }),
		"\"null\" is not":           first(func(c *nativeapi.Client) { c.Origins = []string{"null"} }),
		"\"*\" is not":              first(func(c *nativeapi.Client) { c.Origins = []string{"*"} }),
	} {
		c := complete()
		change(&c)
		if _, err := nativeapi.New(c); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "setting up ") {
			t.Errorf("for %q: %v", want, err)
		}
	}
}
