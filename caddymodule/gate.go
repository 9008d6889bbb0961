package caddymodule

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// A gate counts who is inside and can be closed. Entering costs one atomic addition.
type gate struct {
	inside atomic.Int64 // plus gateClosed once it is closed
	idle   chan struct{}
	once   sync.Once
}

const gateClosed = math.MinInt64 / 2

func (g *gate) enter() bool {
	if g.inside.Add(1) > 0 {
		return true
	}
	g.leave()
	return false
}

func (g *gate) leave() {
	if g.inside.Add(-1) == gateClosed {
		g.once.Do(func() { close(g.idle) })
	}
}

// close lets nobody in any more and waits until everybody is out. It reports
// whether that came to pass in time.
func (g *gate) close(patience time.Duration) bool {
	if g.inside.Add(gateClosed) == gateClosed {
		return true
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-g.idle:
		return true
	case <-timer.C:
		return false
	}
}
