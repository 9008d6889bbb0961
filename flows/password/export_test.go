package password

import "testing"

// Occupy takes n places as hashes that never end do, until released.
func (h *Hasher) Occupy(n int) (release func()) {
	for range n {
		h.queued <- struct{}{}
		h.running <- struct{}{}
	}
	return func() {
		for range n {
			h.leave()
		}
	}
}

// CheckStored asserts that what is read of a stored string is within bounds, and
// is written back as it was.
func CheckStored(t *testing.T, s string) {
	t.Helper()
	h, err := parsePHC(s)
	if err != nil {
		return
	}
	if err := h.validate(); err != nil {
		t.Errorf("%q was accepted: %v", s, err)
	}
	again, err := parsePHC(h.String())
	if err != nil || again.String() != h.String() {
		t.Errorf("%q is read back as %q, %v", s, again, err)
	}
}
