package main

import (
	"fmt"
	"net/http"
	"time"
)

const (
	eventEvery = time.Second
	eventsMost = 300 // per stream; the browser opens another when one ends
)

// events is a clock as a stream of server-sent events, each flushed at once.
func (a *app) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	tick := time.NewTicker(eventEvery)
	defer tick.Stop()
	for i := range eventsMost {
		if _, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", i, a.now().Format(time.TimeOnly)); err != nil {
			return
		}
		if out.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}
