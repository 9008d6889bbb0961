package gate

import "sync"

// Gate counts who is inside. The zero Gate is open.
type Gate struct {
	mu     sync.RWMutex
	closed bool
	inside sync.WaitGroup
}

// Enter reports whether the gate is open. If so, Leave must follow.
func (g *Gate) Enter() bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.closed {
		return false
	}
	g.inside.Add(1)
	return true
}

// Leave undoes one Enter.
func (g *Gate) Leave() { g.inside.Done() }

// Close turns away whoever comes from now on, and returns when all have left.
func (g *Gate) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.inside.Wait()
}
