package badger

import (
	"time"

	lsm "github.com/dgraph-io/badger/v4"

	"github.com/stepgate/stepgate/flows/store"
)

// records is what Badger's keys of records begin with. It keeps them apart from
// the store's own keys and from those that Badger reserves.
const records = "r/"

// tx is one attempt at a transaction. It relies on store.Guard for the checks.
type tx struct {
	txn     *lsm.Txn
	seen    []span   // what Scan looked at
	written []string // keys of Set and Delete
}

func (t *tx) Get(key string) ([]byte, error) {
	item, err := t.txn.Get([]byte(records + key))
	if err != nil {
		return nil, translate("reading", err)
	}
	return copied(item)
}

func (t *tx) Set(key string, value []byte, ttl time.Duration) error {
	entry := lsm.NewEntry([]byte(records+key), append([]byte{}, value...))
	if ttl != 0 {
		entry.ExpiresAt = expiry(time.Now(), ttl)
	}
	t.written = append(t.written, key)
	return translate("writing", t.txn.SetEntry(entry))
}

func (t *tx) Delete(key string) error {
	t.written = append(t.written, key)
	return translate("deleting", t.txn.Delete([]byte(records+key)))
}

func (t *tx) Scan(prefix string, fn func(key string, value []byte) error) error {
	t.seen = append(t.seen, span{prefix: prefix})
	seen := &t.seen[len(t.seen)-1]

	opts := lsm.DefaultIteratorOptions
	opts.PrefetchValues = false
	opts.Prefix = []byte(records + prefix)
	it := t.txn.NewIterator(opts)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		item := it.Item()
		key := string(item.Key()[len(records):])
		seen.upTo = key
		value, err := copied(item)
		if err != nil {
			return err
		}
		if err := fn(key, value); err != nil {
			return err
		}
	}
	seen.whole = true
	return nil
}

// copied never returns a nil value without an error.
func copied(item *lsm.Item) ([]byte, error) {
	value, err := item.ValueCopy([]byte{})
	if err != nil {
		return nil, translate("reading", err)
	}
	return value, nil
}

// expiry is when Badger may drop a record, in Unix seconds. Badger counts in
// whole seconds and drops what has reached them, so the time is rounded up.
func expiry(now time.Time, ttl time.Duration) uint64 {
	at := now.Add(ttl).Add(store.Grace)
	seconds := at.Unix()
	if at.Nanosecond() > 0 {
		seconds++
	}
	return uint64(max(seconds, 1)) // zero would mean never
}

var _ store.Tx = (*tx)(nil)
