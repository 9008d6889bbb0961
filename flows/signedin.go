package flows

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/flows/store"
)

// profileRate bounds how often one account may write its attributes.
var profileRate = limit.Rate{Burst: 20, Every: time.Minute}

// saying adds what was being done to a fault. A refusal goes to the person as it is.
func saying(doing string, err error) error {
	if refusal, ok := refusalIn(err); ok {
		return refusal
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// owned is the account of whoever is signed in on our pages, as of this transaction:
// SignInFirst where the session has ended meanwhile.
func (e *Engine) owned(tx store.Tx, c Caller) (User, error) {
	gone := &Refusal{Code: SignInFirst, Left: -1}
	if c.Session == nil || c.Client != nil || c.Session.Client != "" {
		return User{}, gone
	}
	session, live, err := e.readSession(tx, c.Session.Key)
	if err != nil {
		return User{}, err
	}
	user, found, err := get[User](tx, userKey(c.Session.User))
	if err != nil {
		return User{}, err
	}
	if !live || !found || user.Disabled || session.User != user.ID || session.Epoch != user.Epoch || session.Site != c.Site.Origin {
		return User{}, gone
	}
	return user, nil
}

// Profile is the account of whoever is signed in, with all of its sign-ins. SignInFirst
// without a session.
func (e *Engine) Profile(ctx context.Context, c Caller) (profile Profile, err error) {
	err = e.Store.View(ctx, func(tx store.Tx) error {
		user, err := e.owned(tx, c)
		if err != nil {
			return err
		}
		profile = user.profile(c.Site)
		profile.Sessions, err = e.signIns(tx, &user, c.Session.SID)
		return err
	})
	if err != nil {
		return Profile{}, saying("looking at an account", err)
	}
	return profile, nil
}

func (u *User) profile(site *Site) Profile {
	p := Profile{
		Email: u.Email, HasPassword: u.Password != "", PasswordLocked: u.PasswordLocked, Attributes: map[string]string{},
		MayChange: map[Changing]bool{
			ChangePassword: site.Password && !u.PasswordLocked,
			ChangePhone:    site.SMS && u.Phone != "",
			RemovePhone:    u.Phone != "",
			ChangeEmail:    !site.FixedEmail,
		},
		MayEnrol: site.SMS && u.Phone == "",
	}
	if len(u.Phone) >= 2 {
		p.Phone = u.Phone[len(u.Phone)-2:]
	}
	for _, a := range site.Attributes {
		if value := u.Attributes[a.Name]; value != "" {
			p.Attributes[a.Name] = value
		}
	}
	return p
}

// signIns are the living sign-ins of an account, on all sites: this one first, then the
// newest use.
func (e *Engine) signIns(tx store.Tx, user *User, this string) ([]SignedIn, error) {
	sids, err := sidsOf(tx, user.ID)
	if err != nil {
		return nil, err
	}
	var all []SignedIn
	for _, sid := range sids {
		s, err := e.newestOf(tx, sid)
		if err != nil {
			return nil, err
		}
		if s == nil || s.Epoch != user.Epoch {
			continue
		}
		all = append(all, SignedIn{
			SID: sid, This: sid == this, Device: s.Device, Network: s.Network, Site: s.Site, Client: s.Client,
			Created: s.Created, Used: s.LastSeen,
		})
	}
	slices.SortFunc(all, func(a, b SignedIn) int {
		switch {
		case a.This != b.This && a.This:
			return -1
		case a.This != b.This:
			return 1
		}
		return b.Used.Compare(a.Used)
	})
	return all, nil
}

// sidsOf lists the sign-ins of an account, at most maxSessions of them.
func sidsOf(tx store.Tx, user string) (sids []string, err error) {
	err = tx.Scan(ofUserPrefix(user), func(key string, _ []byte) error {
		sids = append(sids, strings.TrimPrefix(key, ofUserPrefix(user)))
		return nil
	})
	return sids, err
}

// SetProfile changes what the person says of themselves. Names that are not in values
// stay as they are; those that the site does not know are passed over.
// AttributesInvalid and AttributesMissing say which are to blame, SignInFirst that nobody
// is signed in, TooManyTries that it was done too often.
func (e *Engine) SetProfile(ctx context.Context, c Caller, values map[string]string) error {
	changed := false
	err := e.Store.Update(ctx, func(tx store.Tx) error {
		changed = false
		user, err := e.owned(tx, c)
		if err != nil {
			return err
		}
		said, refusal := c.Site.readAttributes(user.Attributes, values)
		if refusal != nil {
			return refusal
		}
		if missing := c.Site.missingAttributes(said); missing != nil {
			return &Refusal{Code: AttributesMissing, Names: missing, Left: -1}
		}
		// Sites share accounts: what another one asks for is not this one's to drop.
		merged := maps.Clone(user.Attributes)
		for _, a := range c.Site.Attributes {
			delete(merged, a.Name)
		}
		if merged == nil {
			merged = map[string]string{}
		}
		maps.Copy(merged, said)
		if maps.Equal(merged, user.Attributes) {
			return nil
		}
		wait, err := limit.Spend(tx, e.budgetFor("profile", user.ID, ""), profileRate, e.Now())
		if err != nil {
			return err
		}
		if wait > 0 {
			return &Refusal{Code: TooManyTries, Wait: wait, Left: -1}
		}
		user.Attributes, changed = merged, true
		return put(tx, userKey(user.ID), user, e.Now(), zeroTime)
	})
	if err != nil {
		return saying("changing a profile", err)
	}
	if changed {
		e.Cache.rereadUser(c.Session.User) // the next request's tokens say it
	}
	return nil
}

// EndSession ends one of the person's own sign-ins, on any site, and the browser that it
// was in is no known device any more. One that is unknown, or somebody else's, changes
// nothing and is no error. When it returns nil, no request that starts later is let
// through with it.
func (e *Engine) EndSession(ctx context.Context, c Caller, sid string) error {
	return e.endOwn(ctx, c, func(other string) bool { return other == sid })
}

// EndOtherSessions ends all of the person's sign-ins but this one, as EndSession does, at
// once or not at all.
func (e *Engine) EndOtherSessions(ctx context.Context, c Caller) error {
	return e.endOwn(ctx, c, func(other string) bool { return other != c.Session.SID })
}

func (e *Engine) endOwn(ctx context.Context, c Caller, which func(sid string) bool) error {
	_, err := e.transact(ctx, func(tx store.Tx, out *outcome) error {
		user, err := e.owned(tx, c)
		if err != nil {
			return err
		}
		sids, err := sidsOf(tx, user.ID)
		if err != nil {
			return err
		}
		run := effectRun{engine: e, tx: tx, caller: c, user: &user, out: out, now: e.Now()}
		for _, sid := range sids {
			if !which(sid) {
				continue
			}
			session, err := e.newestOf(tx, sid)
			if err != nil {
				return err
			}
			if session != nil && session.Browser != "" && session.Browser != c.device() {
				if err := tx.Delete(deviceKey(user.ID, session.Browser)); err != nil {
					return err
				}
			}
			if err := run.endFamily(sid, user.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return saying("ending sign-ins", err)
	}
	return nil
}
