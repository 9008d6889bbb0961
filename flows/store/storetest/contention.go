package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stepgate/stepgate/flows/store"
)

var contention = []property{
	{"OneCodeOneSuccess", func(t *testing.T, s store.Store) {
		put(t, s, "code", "fresh")
		var successes, refusals atomic.Int32
		crowd(100, func(int) {
			err := s.Update(context.Background(), func(tx store.Tx) error {
				if read(t, tx, "code") != "fresh" {
					return errRefused
				}
				return errors.Join(tx.Set("code", []byte("used"), 0), tx.Set("session", []byte("open"), 0))
			})
			switch {
			case err == nil:
				successes.Add(1)
			case errors.Is(err, errRefused):
				refusals.Add(1)
			default:
				t.Errorf("Update: %v", err)
			}
		})
		if successes.Load() != 1 || refusals.Load() != 99 {
			t.Errorf("%d successes and %d refusals", successes.Load(), refusals.Load())
		}
	}},

	{"OfAHundredGuessesFiveAreJudged", func(t *testing.T, s store.Store) {
		const most = 5
		put(t, s, "tries", "0")
		var judged atomic.Int32
		crowd(100, func(int) {
			err := s.Update(context.Background(), func(tx store.Tx) error {
				tries := number(t, tx, "tries")
				if tries >= most {
					return errRefused
				}
				return tx.Set("tries", strconv.AppendInt(nil, int64(tries+1), 10), 0)
			})
			switch {
			case err == nil:
				judged.Add(1)
			case !errors.Is(err, errRefused):
				t.Errorf("Update: %v", err)
			}
		})
		if judged.Load() != most {
			t.Errorf("%d guesses were judged", judged.Load())
		}
		want(t, s, "tries", "5")
	}},

	{"ACounterLosesNothing", func(t *testing.T, s store.Store) {
		const goroutines, each = 8, 20
		put(t, s, "n", "0")
		crowd(goroutines, func(int) {
			for range each {
				update(t, s, func(tx store.Tx) error {
					return tx.Set("n", strconv.AppendInt(nil, int64(number(t, tx, "n")+1), 10), 0)
				})
			}
		})
		want(t, s, "n", strconv.Itoa(goroutines*each))
	}},

	{"MoneyIsNeitherMadeNorLost", func(t *testing.T, s store.Store) {
		const accounts, total = 6, 600
		account := func(i int) string { return fmt.Sprintf("account/%d", i) }
		for i := range accounts {
			put(t, s, account(i), strconv.Itoa(total/accounts))
		}
		audit := func() {
			view(t, s, func(tx store.Tx) error {
				sum := 0
				for i := range accounts {
					sum += number(t, tx, account(i))
				}
				if sum != total {
					t.Errorf("there are %d", sum)
				}
				return nil
			})
		}
		crowd(6, func(int) {
			for range 15 {
				from, to := rand.N(accounts), rand.N(accounts)
				if from == to {
					continue
				}
				update(t, s, func(tx store.Tx) error {
					a, b := number(t, tx, account(from)), number(t, tx, account(to))
					sum := min(a, 1+rand.N(50))
					return errors.Join(
						tx.Set(account(from), strconv.AppendInt(nil, int64(a-sum), 10), 0),
						tx.Set(account(to), strconv.AppendInt(nil, int64(b+sum), 10), 0))
				})
				audit()
			}
		})
		audit()
	}},
}

var errRefused = errors.New("refused")

// crowd runs fn n times at once, all released together.
func crowd(n int, fn func(i int)) {
	start := make(chan struct{})
	var done sync.WaitGroup
	for i := range n {
		done.Go(func() {
			<-start
			fn(i)
		})
	}
	close(start)
	done.Wait()
}

func number(t *testing.T, tx store.Tx, key string) int {
	t.Helper()
	n, err := strconv.Atoi(read(t, tx, key))
	if err != nil {
		t.Errorf("%s: %v", key, err)
	}
	return n
}
