package caddymodule

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/stepgate/stepgate/flows"
)

// eventHandler is a handler of Caddy's events.
type eventHandler func(caddy.Event)

func (f eventHandler) Handle(_ context.Context, e caddy.Event) error { f(e); return nil }

// subscribe has the handler called of incidents, as a configuration's would be.
func (s *testSite) subscribe(t *testing.T, handle func(caddy.Event)) {
	t.Helper()
	if err := s.app.incidents.events.On(incidentEvent, eventHandler(handle)); err != nil {
		t.Fatal(err)
	}
}

// started does what Caddy does when all apps have started.
func (s *testSite) started(t *testing.T) {
	t.Helper()
	if err := s.app.incidents.events.Start(); err != nil {
		t.Fatal(err)
	}
	s.app.incidents.events.Emit(s.app.ctx, "started", nil)
}

var pausedPrefix = flows.Incident{
	Kind: flows.PrefixPaused, Prefix: "+44770090", Country: "GB", Until: time.Date(2026, 3, 1, 13, 0, 0, 0, time.UTC),
}

func TestAnIncidentIsLoggedAndCountedAndBecomesAnEvent(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	told := make(chan caddy.Event, 10)
	s.subscribe(t, func(e caddy.Event) { told <- e })
	observe := s.app.live.Load().engine.Observe
	observe(pausedPrefix) // before all apps have started: kept, since their handlers are not known yet
	if s.app.incidents.busy || len(s.app.incidents.waiting) != 1 {
		t.Error("it is told before the apps have started")
	}
	s.started(t)
	e := await(t, told, "an event")
	if e.Name() != "stepgate_incident" || e.Origin() == nil || e.Origin().CaddyModule().ID != "stepgate" {
		t.Errorf("the event %s, of %v", e.Name(), e.Origin())
	}
	for name, want := range map[string]string{
		"kind": "prefix_paused", "prefix": "+44770090", "country": "GB", "budget": "", "until": "2026-03-01T13:00:00Z",
	} {
		if e.Data[name] != want {
			t.Errorf("%s is %q, want %q", name, e.Data[name], want)
		}
	}
	observe(flows.Incident{Kind: flows.BudgetSpent, Budget: "sends_sms_day"})
	if e := await(t, told, "another event"); e.Data["budget"] != "sends_sms_day" || e.Data["until"] != "" {
		t.Errorf("%v", e.Data)
	}
	s.logs.line(t, `"level":"warn"`, `"msg":"incident"`, `"kind":"prefix_paused"`, `"prefix":"+44770090"`, `"country":"GB"`, `"until":"2026-03-01T13:00:00Z"`)
	if line := s.logs.line(t, `"kind":"budget_spent"`, `"budget":"sends_sms_day"`); strings.Contains(line, "until") {
		t.Errorf("what is not known is logged: %s", line)
	}
	if got := s.scraped(t)["caddy_stepgate_incidents_total kind=prefix_paused"]; got != 1 {
		t.Errorf("counted %v times", got)
	}
}

func TestAHandlerOfEventsThatHangsHoldsUpNobody(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	entered, release := make(chan string, 2*keptIncidents), make(chan struct{})
	s.subscribe(t, func(e caddy.Event) {
		entered <- e.Data["budget"].(string)
		<-release
	})
	s.started(t)
	observe := s.app.live.Load().engine.Observe
	observe(flows.Incident{Kind: flows.BudgetNear, Budget: "first"})
	await(t, entered, "the handler to be called")
	for range keptIncidents + 10 {
		observe(flows.Incident{Kind: flows.BudgetNear, Budget: "flood"})
	}
	if kept := len(s.app.incidents.waiting); kept != keptIncidents {
		t.Errorf("%d are kept", kept)
	}
	close(release)
	for range keptIncidents {
		await(t, entered, "the rest")
	}
	s.logs.line(t, "handlers of events are too slow", `"lost":10`)
	if got := s.scraped(t)["caddy_stepgate_incidents_total kind=budget_near"]; got != keptIncidents+11 {
		t.Errorf("counted %v times", got)
	}
}

func TestAHandlerOfEventsThatPanicsEndsNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	told := make(chan string, 10)
	s.subscribe(t, func(e caddy.Event) {
		told <- e.Data["budget"].(string)
		if e.Data["budget"] == "first" {
			panic("made of glass")
		}
	})
	s.started(t)
	observe := s.app.live.Load().engine.Observe
	for _, name := range []string{"first", "second"} {
		observe(flows.Incident{Kind: flows.BudgetNear, Budget: name})
		if got := await(t, told, "the handler to be called"); got != name {
			t.Errorf("told of %s, want %s", got, name)
		}
	}
	s.logs.line(t, `"level":"error"`, "a handler of events panicked", "made of glass", "incidents_test.go")
}

func TestIncidentsOfAConfigurationThatHasEndedAreNotKept(t *testing.T) {
	t.Parallel()
	s := newSite(t, payrollSite())
	rt := s.app.live.Load().rt
	s.subscribe(t, func(caddy.Event) { t.Error("it was told") })
	s.app.observe(rt, pausedPrefix)
	s.app.endWork()
	s.started(t)
	for {
		s.app.incidents.mu.Lock()
		idle := !s.app.incidents.busy && len(s.app.incidents.waiting) == 0
		s.app.incidents.mu.Unlock()
		if idle {
			return
		}
		<-time.After(time.Millisecond)
	}
}
