package storetest

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stepgate/stepgate/flows/store"
)

var isolation = []property{
	{"WhatIsNotCommittedIsNotSeen", func(t *testing.T, s store.Store) {
		put(t, s, "a", "old")
		looked := make(chan struct{})
		var once sync.Once
		gaveUp := errors.New("gave up")
		err := s.Update(context.Background(), func(tx store.Tx) error {
			if err := tx.Set("a", []byte("new"), 0); err != nil {
				return err
			}
			once.Do(func() {
				go func() {
					defer close(looked)
					want(t, s, "a", "old")
				}()
			})
			await(closed(looked))
			return gaveUp
		})
		<-looked
		if !errors.Is(err, gaveUp) {
			t.Errorf("Update: %v", err)
		}
	}},

	{"AViewIsOneMoment", func(t *testing.T, s store.Store) {
		put(t, s, "a", "0", "b", "0")
		written := make(chan struct{})
		view(t, s, func(tx store.Tx) error {
			a := read(t, tx, "a")
			go func() {
				defer close(written)
				put(t, s, "a", "1", "b", "1", "c", "1")
			}()
			await(closed(written))
			if b := read(t, tx, "b"); a != b {
				t.Errorf("a = %s, then b = %s", a, b)
			}
			if all := list(t, tx, ""); len(all) != 2 {
				t.Errorf("a scan shows %v", all)
			}
			return nil
		})
		<-written
		want(t, s, "b", "1")
	}},

	{"ViewsDoNotWaitForEachOther", func(t *testing.T, s store.Store) {
		var both sync.WaitGroup
		both.Add(2)
		var done sync.WaitGroup
		for range 2 {
			done.Go(func() {
				view(t, s, func(store.Tx) error {
					both.Done()
					both.Wait() // a deadlock if one waits for the other
					return nil
				})
			})
		}
		done.Wait()
	}},

	// Two people are on call, and each may leave if the other stays.
	{"WriteSkewIsImpossible", func(t *testing.T, s store.Store) {
		for round := range 10 {
			put(t, s, "on/1", "yes", "on/2", "yes")
			together(2, func(i int, met func()) {
				me, other := "on/"+strconv.Itoa(1+i), "on/"+strconv.Itoa(2-i)
				update(t, s, func(tx store.Tx) error {
					stays := read(t, tx, other) == "yes"
					met()
					if !stays {
						return nil
					}
					return tx.Set(me, []byte("no"), 0)
				})
			})
			view(t, s, func(tx store.Tx) error {
				if read(t, tx, "on/1") == "no" && read(t, tx, "on/2") == "no" {
					t.Errorf("round %d: nobody is on call", round)
				}
				return nil
			})
		}
	}},

	// A cap on a range, such as the sessions of an account: each transaction
	// counts and then adds a key that the other could not see.
	{"ARangeThatWasCountedDoesNotGrowUnseen", func(t *testing.T, s store.Store) {
		const most = 3
		for round := range 10 {
			prefix := "round" + strconv.Itoa(round) + "/"
			put(t, s, prefix+"k/first", "")
			together(6, func(i int, met func()) {
				update(t, s, func(tx store.Tx) error {
					n := len(list(t, tx, prefix+"k/"))
					met()
					if n >= most {
						return nil
					}
					return tx.Set(prefix+"k/"+strconv.Itoa(i), nil, 0)
				})
			})
			view(t, s, func(tx store.Tx) error {
				if n := len(list(t, tx, prefix)); n != most {
					t.Errorf("round %d: %d records, want %d", round, n, most)
				}
				return nil
			})
		}
	}},

	// The other direction: what was counted must not shrink unseen either.
	{"ARangeThatWasCountedDoesNotShrinkUnseen", func(t *testing.T, s store.Store) {
		for range 10 {
			put(t, s, "k/1", "", "k/2", "")
			together(2, func(i int, met func()) {
				update(t, s, func(tx store.Tx) error {
					n := len(list(t, tx, "k/"))
					met()
					if n < 2 {
						return nil
					}
					return tx.Delete("k/" + strconv.Itoa(i+1))
				})
			})
			view(t, s, func(tx store.Tx) error {
				if n := len(list(t, tx, "k/")); n != 1 {
					t.Errorf("%d records, want 1", n)
				}
				return nil
			})
		}
	}},

	// "Nothing is there yet" is a fact like any other.
	{"AMissingKeyThatWasReadIsCreatedOnce", func(t *testing.T, s store.Store) {
		for round := range 10 {
			key := "email/" + strconv.Itoa(round)
			var mu sync.Mutex
			made := 0
			together(4, func(i int, met func()) {
				won := false
				update(t, s, func(tx store.Tx) error {
					won = false
					_, err := tx.Get(key)
					met()
					if !errors.Is(err, store.ErrNotFound) {
						return err
					}
					won = true
					return tx.Set(key, []byte(strconv.Itoa(i)), 0)
				})
				if won {
					mu.Lock()
					made++
					mu.Unlock()
				}
			})
			if made != 1 {
				t.Errorf("%s was created %d times", key, made)
			}
		}
	}},
}

// together runs n functions at once. Each calls met, which lets the others come
// as far, the first time. In a store that runs updates one at a time they cannot,
// so met gives up after a while, for all.
func together(n int, fn func(i int, met func())) {
	var arrived, done sync.WaitGroup
	arrived.Add(n)
	all := make(chan struct{})
	go func() { arrived.Wait(); close(all) }()
	var hopeless atomic.Bool
	for i := range n {
		var once sync.Once
		done.Go(func() {
			fn(i, func() {
				once.Do(func() {
					arrived.Done()
					if !hopeless.Load() && !await(closed(all)) {
						hopeless.Store(true)
					}
				})
			})
		})
	}
	done.Wait()
}
