package caddymodule

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"

	"github.com/stepgate/stepgate/flows"
)

// incidentEvent is the name under which incidents are Caddy events.
const incidentEvent = "stepgate_incident"

// keptIncidents bounds those that wait for handlers of events.
const keptIncidents = 64

// An incidentDesk makes Caddy events of incidents, one after the other and away from the
// request that they happened in: a handler of events may take as long as it likes. It
// holds no goroutine while there is nothing to tell.
type incidentDesk struct {
	events *caddyevents.App

	mu      sync.Mutex
	open    bool // all apps have started: handlers are known from then on
	busy    bool // somebody is telling
	waiting []map[string]any
	lost    int // since somebody could keep up
}

// provisionEvents finds the app that events go through, which is always there.
func (a *App) provisionEvents(ctx caddy.Context) error {
	app, err := ctx.App("events")
	if err != nil {
		return fmt.Errorf("getting events app: %w", err)
	}
	a.incidents.events = app.(*caddyevents.App)
	return a.incidents.events.On("started", whenStarted{a})
}

// whenStarted opens the desk once every app has started.
type whenStarted struct{ app *App }

// Handle implements [caddyevents.Handler].
func (h whenStarted) Handle(context.Context, caddy.Event) error {
	h.app.incidents.mu.Lock()
	defer h.app.incidents.mu.Unlock()
	h.app.incidents.open = true
	h.app.tell()
	return nil
}

// observe writes an incident down, counts it, and has those told who subscribed to it.
// Nothing in it names a person.
func (a *App) observe(rt *runtime, incident flows.Incident) {
	rt.counts.incident(incident.Kind)
	data := map[string]any{"kind": string(incident.Kind)}
	words := []any{"kind", incident.Kind}
	add := func(name, value string) {
		data[name] = value // there in every event, for templates
		if value != "" {
			words = append(words, name, value)
		}
	}
	add("prefix", incident.Prefix)
	add("country", incident.Country)
	add("budget", incident.Budget)
	until := ""
	if !incident.Until.IsZero() {
		until = incident.Until.UTC().Format(time.RFC3339)
	}
	add("until", until)
	a.log.Warn("incident", words...)

	a.incidents.mu.Lock()
	defer a.incidents.mu.Unlock()
	if len(a.incidents.waiting) >= keptIncidents {
		a.incidents.lost++
		return
	}
	a.incidents.waiting = append(a.incidents.waiting, data)
	a.tell()
}

// tell has what waits be told, unless somebody does already. The caller holds the lock.
func (a *App) tell() {
	if a.incidents.busy || !a.incidents.open || len(a.incidents.waiting) == 0 {
		return
	}
	a.incidents.busy = true
	go a.tellAll()
}

func (a *App) tellAll() {
	for {
		a.incidents.mu.Lock()
		if len(a.incidents.waiting) == 0 || a.working.Err() != nil {
			a.incidents.busy = false
			a.incidents.waiting = nil
			a.incidents.mu.Unlock()
			return
		}
		next, lost := a.incidents.waiting[0], a.incidents.lost
		a.incidents.waiting, a.incidents.lost = a.incidents.waiting[1:], 0
		a.incidents.mu.Unlock()
		if lost > 0 {
			a.log.Warn("handlers of events are too slow: they were not told of all incidents", "lost", lost)
		}
		a.emit(next)
	}
}

// emit has the handlers told of one incident. They are other people's, and run in no
// request: nobody else would stop a panic, which would end the whole process.
func (a *App) emit(data map[string]any) {
	defer func() {
		if p := recover(); p != nil {
			a.log.Error("a handler of events panicked", "event", incidentEvent, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	a.incidents.events.Emit(a.ctx, incidentEvent, data)
}

// Interface guards
var _ caddyevents.Handler = whenStarted{}
