package caddymodule

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"sync"

	"github.com/caddyserver/caddy/v2"
)

// pool holds what is open, by the place of its store. A reload finds there what the
// configuration before it opened.
var pool = caddy.NewUsagePool()

// places has a lock for each place ever opened: closing takes time after the pool
// has forgotten a place, and nobody may open it until that is over.
var places sync.Map // place → *sync.Mutex

func lockPlace(place string) (unlock func()) {
	mu, _ := places.LoadOrStore(place, new(sync.Mutex))
	mu.(*sync.Mutex).Lock()
	return mu.(*sync.Mutex).Unlock
}

// hold takes a reference to what is open at the place, and opens it if nothing is.
// Each hold needs one drop.
func hold(place, options string, master []byte, open func() (*runtime, error)) (*runtime, error) {
	defer lockPlace(place)()
	value, loaded, err := pool.LoadOrNew(place, func() (_ caddy.Destructor, err error) {
		// A panic here would leave the place locked in the pool, and freeze every later
		// reload.
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("opening %s: panic: %v", place, p)
			}
		}()
		rt, err := open()
		if err != nil {
			return nil, err // not rt: a nil pointer in an interface is not nil
		}
		rt.options, rt.secret = options, sha256.Sum256(master)
		return rt, nil
	})
	if err != nil {
		return nil, err
	}
	rt := value.(*runtime)
	if loaded {
		if err := rt.agrees(place, options, master); err != nil {
			_, _ = pool.Delete(place) // never the last reference: it was loaded
			return nil, err
		}
	}
	return rt, nil
}

// drop gives a reference back. The last one closes.
func drop(place string) error {
	defer lockPlace(place)()
	_, err := pool.Delete(place)
	return err
}

// checkOpenPlace compares a configuration with what is open at its place, if
// anything is, without touching it: so that a reload which cannot work fails
// before it begins.
func checkOpenPlace(place, options string, master []byte) (err error) {
	pool.Range(func(key, value any) bool {
		rt, ok := value.(*runtime)
		if !ok || key != place {
			return true
		}
		err = rt.agrees(place, options, master)
		return false
	})
	return err
}

// agrees checks that a configuration means the same store as the one that opened
// it. A nil secret is not compared: it is known only when it is needed.
func (rt *runtime) agrees(place, options string, master []byte) error {
	if rt.options != options {
		return fmt.Errorf("the store %s is open with other options (%q, now %q): restart Caddy to change them",
			place, rt.options, options)
	}
	if digest := sha256.Sum256(master); master != nil && subtle.ConstantTimeCompare(digest[:], rt.secret[:]) != 1 {
		return fmt.Errorf("the secret is not the one that the records in %s were made with: put the old one back", place)
	}
	return nil
}
