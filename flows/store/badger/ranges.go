package badger

import (
	"strings"
	"sync"
)

// rangesKept is how many written keys are remembered. A transaction that scanned
// and then sees more than that written before it commits has to run again.
const rangesKept = 8192

// ranges closes the gap that Badger leaves in serializability: it remembers which
// keys a transaction saw, but not that it looked where nothing was. Two
// transactions that count a range and then add to it would both succeed.
//
// One process owns the directory, so remembering the keys written of late, in
// memory, is enough to find such a pair.
type ranges struct {
	mu      sync.Mutex
	count   uint64 // keys written since Open
	written [rangesKept]string
}

// span is what a Scan looked at: the keys with the prefix, up to the last one
// that it was shown if it stopped early.
type span struct {
	prefix string
	upTo   string
	whole  bool
}

func (s span) holds(key string) bool {
	return strings.HasPrefix(key, s.prefix) && (s.whole || key <= s.upTo)
}

// now is the mark to take before a transaction's snapshot is: whatever was
// committed up to the mark is in the snapshot.
func (r *ranges) now() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

// commit calls send, which hands the transaction over to Badger, unless a key in
// one of the spans was written since the mark. It reports whether it called.
func (r *ranges) commit(mark uint64, seen []span, keys []string, send func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(seen) > 0 && r.changed(mark, seen) {
		return false
	}
	// Badger may still refuse the transaction. Its keys then cause a needless
	// retry elsewhere, which is harmless.
	for _, key := range keys {
		r.written[r.count%rangesKept] = key
		r.count++
	}
	send()
	return true
}

func (r *ranges) changed(mark uint64, seen []span) bool {
	if r.count-mark > rangesKept {
		return true
	}
	for ; mark < r.count; mark++ {
		for _, s := range seen {
			if s.holds(r.written[mark%rangesKept]) {
				return true
			}
		}
	}
	return false
}
