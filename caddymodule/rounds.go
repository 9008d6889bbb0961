package caddymodule

import (
	"container/list"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// rounds remembers who goes round: a challenge, what it asks for, back to where it began,
// and the same challenge again. It is a small table in memory, the oldest out first, and
// knows only keyed hashes. The zero value is ready, and safe for concurrent use.
type rounds struct {
	mu     sync.Mutex
	secret []byte
	byKey  map[roundKey]*list.Element
	order  list.List // of round, the oldest first
}

// mostRounds bounds the table: some 200 bytes each.
const mostRounds = 4096

type roundKey [sha256.Size]byte

// A round is how often somebody has come back for nothing.
type round struct {
	key     roundKey
	bounces int
	until   time.Time
}

// key is the hash of some words, none of which can run into the next.
func (t *rounds) key(words ...string) roundKey {
	t.mu.Lock()
	if t.secret == nil {
		t.secret = make([]byte, 32)
		rand.Read(t.secret) // never fails
	}
	secret := t.secret
	t.mu.Unlock()
	mac := hmac.New(sha256.New, secret)
	var length [8]byte
	for _, word := range words {
		binary.BigEndian.PutUint64(length[:], uint64(len(word)))
		mac.Write(length[:])
		mac.Write([]byte(word))
	}
	return roundKey(mac.Sum(nil))
}

// put remembers a count under every key.
func (t *rounds) put(bounces int, until time.Time, keys ...roundKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byKey == nil {
		t.byKey = make(map[roundKey]*list.Element)
	}
	for _, key := range keys {
		t.remove(key)
		if len(t.byKey) >= mostRounds {
			t.remove(t.order.Front().Value.(round).key)
		}
		t.byKey[key] = t.order.PushBack(round{key, bounces, until})
	}
}

// look returns the count under a key, if it lives.
func (t *rounds) look(key roundKey, now time.Time) (bounces int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	element, ok := t.byKey[key]
	if !ok {
		return 0, false
	}
	found := element.Value.(round)
	return found.bounces, now.Before(found.until)
}

// drop forgets what is under the keys.
func (t *rounds) drop(keys ...roundKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range keys {
		t.remove(key)
	}
}

func (t *rounds) remove(key roundKey) {
	if element, ok := t.byKey[key]; ok {
		t.order.Remove(element)
		delete(t.byKey, key)
	}
}
