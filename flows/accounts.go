package flows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// ErrNoAccount is the error where an operator names an account that there is not. It is
// for operators only: what outsiders are told never depends on whether there is one.
var ErrNoAccount = errors.New("there is no such account")

// Account is what an operator may know of an account: nothing that proves anything.
type Account struct {
	ID       string
	Email    string // canonical
	Groups   []string
	Factors  policy.Factors // what it can be proved with
	Disabled bool
	Created  time.Time
	Sessions int // sign-ins that live, on all sites
	// Attributes are what the person says of themselves.
	Attributes map[string]string
}

// HasAccounts reports whether there is any account.
func (e *Engine) HasAccounts(ctx context.Context) (has bool, err error) {
	err = e.Store.View(ctx, func(tx store.Tx) error {
		has = false
		return tx.Scan(userKey(""), func(string, []byte) error {
			has = true
			return store.ErrStop
		})
	})
	if err != nil {
		return false, fmt.Errorf("looking for accounts: %w", err)
	}
	return has, nil
}

// Account finds an account by its address; [ErrNoAccount] if there is none.
func (e *Engine) Account(ctx context.Context, email string) (account Account, err error) {
	err = e.Store.View(ctx, func(tx store.Tx) error {
		user, err := userOf(tx, email)
		if err != nil {
			return err
		}
		account = Account{
			ID: user.ID, Email: user.Canonical, Groups: user.Groups, Factors: user.Factors(),
			Disabled: user.Disabled, Created: user.Created, Attributes: user.Attributes,
		}
		var sids []string
		err = tx.Scan(ofUserPrefix(user.ID), func(key string, _ []byte) error {
			sids = append(sids, strings.TrimPrefix(key, ofUserPrefix(user.ID)))
			return nil
		})
		if err != nil {
			return err
		}
		for _, sid := range sids {
			session, err := e.newestOf(tx, sid)
			if err != nil {
				return err
			}
			if session != nil && session.Epoch == user.Epoch && !user.Disabled {
				account.Sessions++
			}
		}
		return nil
	})
	if err != nil {
		return Account{}, fmt.Errorf("looking for an account: %w", err)
	}
	return account, nil
}

// SetGroups puts an account into exactly these groups, in alphabetical order and each
// once. When it returns nil, the next request of every open session is judged by them,
// and tokens made from then on name them. [ErrNoAccount] if there is no such account.
func (e *Engine) SetGroups(ctx context.Context, email string, groups []string) error {
	groups = slices.Compact(slices.Sorted(slices.Values(groups)))
	if len(groups) > MaxGroups {
		return fmt.Errorf("setting groups: more than %d", MaxGroups)
	}
	for _, group := range groups {
		if err := CheckGroup(group); err != nil {
			return fmt.Errorf("setting groups: %w", err)
		}
	}
	var id string
	err := e.Store.Update(ctx, func(tx store.Tx) error {
		user, err := userOf(tx, email)
		if err != nil {
			return err
		}
		id, user.Groups = user.ID, groups
		return put(tx, userKey(user.ID), user, e.Now(), zeroTime)
	})
	if err != nil {
		return fmt.Errorf("setting groups: %w", err)
	}
	e.Cache.rereadUser(id)
	return nil
}

// MaxGroups is how many groups an account may be in: applications get them in one header.
const MaxGroups = 64

// CheckGroup refuses names that could not be told apart, or from other things, where
// groups are listed: in headers, claims, commands and configuration.
func CheckGroup(name string) error {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
	if name == "" || len(name) > 64 || strings.Trim(name, letters) != "" {
		return fmt.Errorf("%q is no name for a group: use 1 to 64 letters, digits, dots, dashes and underscores", name)
	}
	return nil
}

// SessionNamed finds the sign-in of a sid claim, wherever it was opened, as the requests
// are judged that it makes now. nil without error: there is none that lives.
func (e *Engine) SessionNamed(ctx context.Context, sid string) (live *Live, err error) {
	err = e.Store.View(ctx, func(tx store.Tx) error {
		live = nil
		session, err := e.newestOf(tx, sid)
		if err != nil || session == nil {
			return err
		}
		user, found, err := get[User](tx, userKey(session.User))
		if err != nil || !found || user.Disabled || user.Epoch != session.Epoch {
			return err
		}
		if session.Failures, err = e.readFailures(tx, user.Canonical); err != nil {
			return err
		}
		session.of(&user)
		live = e.newLive(*session)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for a sign-in: %w", err)
	}
	return live, nil
}

// newestOf returns the id of a sign-in that no rise has replaced, if it lives.
func (e *Engine) newestOf(tx store.Tx, sid string) (newest *Session, err error) {
	var keys []string
	err = tx.Scan(familyPrefix(sid), func(key string, _ []byte) error {
		keys = append(keys, strings.TrimPrefix(key, familyPrefix(sid)))
		return nil
	})
	for _, key := range keys {
		if err != nil {
			break
		}
		var session Session
		var alive bool
		if session, alive, err = e.readSession(tx, key); alive && !session.Replaced {
			newest = &session
		}
	}
	return newest, err
}

// userOf reads the account of an address.
func userOf(tx store.Tx, email string) (User, error) {
	_, canonical, refusal := CanonicalEmail(email)
	if refusal != nil {
		return User{}, fmt.Errorf("%q is no e-mail address: %w", email, ErrNoAccount)
	}
	id, found, err := get[string](tx, emailKey(canonical))
	if err != nil {
		return User{}, err
	}
	if found {
		var user User
		if user, found, err = get[User](tx, userKey(id)); err != nil || found {
			return user, err
		}
	}
	return User{}, fmt.Errorf("%s: %w", canonical, ErrNoAccount)
}
