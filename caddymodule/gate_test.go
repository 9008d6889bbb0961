package caddymodule

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestAGateDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	g := gate{idle: make(chan struct{})}
	if !g.enter() {
		t.Fatal("an open gate lets nobody in")
	}
	if g.close(time.Millisecond) {
		t.Error("the gate says that everybody is out")
	}
	if g.enter() {
		t.Error("a closed gate lets somebody in")
	}
	g.leave()
	<-g.idle
}

func TestAClosedGateCountsEveryoneOut(t *testing.T) {
	t.Parallel()
	for range 200 {
		g := gate{idle: make(chan struct{})}
		var all sync.WaitGroup
		var inside atomic.Int32
		for range 8 {
			all.Go(func() {
				if g.enter() {
					inside.Add(1)
					inside.Add(-1)
					g.leave()
				}
			})
		}
		if !g.close(10 * time.Second) {
			t.Fatal("the gate lost count")
		}
		if inside.Load() != 0 {
			t.Fatal("somebody was inside a closed gate")
		}
		all.Wait()
	}
}
