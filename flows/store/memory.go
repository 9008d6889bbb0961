package store

import (
	"context"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/stepgate/stepgate/flows/store/internal/gate"
)

// sweepStep is how many records each Update looks at for dead ones. It is more
// than a transaction usually writes, so the sweep outruns what is added.
const sweepStep = 32

// memory holds everything under one lock: updates run one at a time, views
// together. Adding a key costs time in proportion to the number of keys, which
// is microseconds for what a trial or a test holds.
type memory struct {
	now  func() time.Time
	gate gate.Gate

	mu      sync.RWMutex
	keys    []string // sorted
	records map[string]record
	cursor  int // where the sweep goes on
}

// record is a value and the time from which nobody will read it; a zero time
// means never. Stored values are never changed, only replaced.
type record struct {
	value []byte
	dies  time.Time
}

// NewMemory returns an empty store that lives in memory and is lost with the
// process. A record whose time-to-live and [Grace] are over is thrown away at
// some later Update; until then it can still be read.
func NewMemory() Store { return newMemory(time.Now) }

func newMemory(now func() time.Time) *memory {
	return &memory{now: now, records: make(map[string]record)}
}

func (m *memory) View(ctx context.Context, fn func(Tx) error) error {
	if !m.gate.Enter() {
		return ErrClosed
	}
	defer m.gate.Leave()
	m.mu.RLock()
	defer m.mu.RUnlock()
	if err := Over(ctx); err != nil {
		return err
	}
	tx := Guard(ctx, &memoryTx{base: m}, false)
	defer tx.End()
	if err := fn(tx); err != nil {
		return err
	}
	return tx.End()
}

func (m *memory) Update(ctx context.Context, fn func(Tx) error) error {
	if !m.gate.Enter() {
		return ErrClosed
	}
	defer m.gate.Leave()
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := Over(ctx); err != nil {
		return err
	}
	raw := &memoryTx{base: m, changes: make(map[string]*record)}
	tx := Guard(ctx, raw, true)
	defer tx.End()
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.End(); err != nil {
		return err
	}
	if err := Over(ctx); err != nil {
		return err
	}
	m.apply(raw.changes)
	m.sweep()
	return nil
}

func (m *memory) Close() error {
	m.gate.Close()
	return nil
}

// apply runs under the write lock.
func (m *memory) apply(changes map[string]*record) {
	for key, change := range changes {
		at, found := slices.BinarySearch(m.keys, key)
		switch {
		case change == nil && found:
			m.keys = slices.Delete(m.keys, at, at+1)
			delete(m.records, key)
		case change != nil:
			if !found {
				m.keys = slices.Insert(m.keys, at, key)
			}
			m.records[key] = *change
		}
	}
}

// sweep looks at the next few records and drops the dead ones, so that the store
// does not grow for ever although nobody deletes what has expired. It runs under
// the write lock.
func (m *memory) sweep() {
	now := m.now()
	for range min(sweepStep, len(m.keys)) {
		if m.cursor >= len(m.keys) {
			m.cursor = 0
		}
		key := m.keys[m.cursor]
		if dies := m.records[key].dies; dies.IsZero() || now.Before(dies) {
			m.cursor++
			continue
		}
		m.keys = slices.Delete(m.keys, m.cursor, m.cursor+1)
		delete(m.records, key)
	}
}

// memoryTx reads through its own changes to the store below. A nil change is a
// deletion; a nil map makes it a view.
type memoryTx struct {
	base    *memory
	changes map[string]*record
}

func (tx *memoryTx) Get(key string) ([]byte, error) {
	found, ok := tx.base.records[key]
	if change, changed := tx.changes[key]; changed {
		ok = change != nil
		if ok {
			found = *change
		}
	}
	if !ok {
		return nil, ErrNotFound
	}
	return copied(found.value), nil
}

func (tx *memoryTx) Set(key string, value []byte, ttl time.Duration) error {
	change := &record{value: copied(value)}
	if ttl != 0 {
		change.dies = tx.base.now().Add(ttl).Add(Grace)
	}
	tx.changes[key] = change
	return nil
}

func (tx *memoryTx) Delete(key string) error {
	tx.changes[key] = nil
	return nil
}

func (tx *memoryTx) Scan(prefix string, fn func(key string, value []byte) error) error {
	below := tx.base.keys[sort.SearchStrings(tx.base.keys, prefix):]
	var own []string
	for key := range tx.changes {
		if strings.HasPrefix(key, prefix) {
			own = append(own, key)
		}
	}
	slices.Sort(own)

	for {
		hasBelow := len(below) > 0 && strings.HasPrefix(below[0], prefix)
		var key string
		switch {
		case !hasBelow && len(own) == 0:
			return nil
		case !hasBelow || len(own) > 0 && own[0] <= below[0]:
			if hasBelow && own[0] == below[0] {
				below = below[1:]
			}
			key, own = own[0], own[1:]
			if tx.changes[key] == nil {
				continue
			}
		default:
			key, below = below[0], below[1:]
		}
		value, err := tx.Get(key)
		if err != nil {
			return err
		}
		if err := fn(key, value); err != nil {
			return err
		}
	}
}

// copied never returns nil, so that an empty value is the same in every back end.
func copied(value []byte) []byte { return append([]byte{}, value...) }

var _ Store = (*memory)(nil)
