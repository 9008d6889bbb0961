package flows

// ReadAttributes lets tests of the package's contract see how values are read.
func ReadAttributes(s *Site, given map[string]string) (map[string]string, *Refusal) {
	return s.readAttributes(nil, given)
}

// Watched is how many watches there are, and Winding whether the timer runs that looks for
// sessions which have come to their end.
func (c *SessionCache) Watched() (n int) {
	c.watches.mu.Lock()
	defer c.watches.mu.Unlock()
	for _, mine := range c.watches.bySID {
		n += len(mine)
	}
	return n
}

func (c *SessionCache) Winding() bool {
	c.watches.mu.Lock()
	defer c.watches.mu.Unlock()
	return c.watches.timer != nil
}

// Expire is what the timer does.
func (c *SessionCache) Expire() { c.expire() }
