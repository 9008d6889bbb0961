package flows

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// refreshGrace is how long the token before the newest one is still taken: its answer
// may have been lost on the way.
const refreshGrace = 30 * time.Second

// refreshLabel is the purpose under which refresh tokens are sealed.
const refreshLabel = "refresh token"

// maxRefresh bounds what is opened at all; ours have some 200 bytes.
const maxRefresh = 1024

// refreshToken is what a client's refresh token holds. The seal makes it impossible to
// guess or to forge one, so a token that opens was given out by us: if it is not one of
// the newest, somebody uses it a second time.
type refreshToken struct {
	SID        string `json:"sid"`
	Generation int    `json:"gen"`
}

// refreshBond is what a refresh token is good for: one client at one site.
func (c Caller) refreshBond() string { return c.Site.Origin + " " + c.clientID() }

func (e *Engine) sealRefresh(c Caller, s *Session) (string, error) {
	plain, err := json.Marshal(refreshToken{SID: s.SID, Generation: s.Generation})
	if err != nil {
		return "", fmt.Errorf("writing a refresh token: %w", err)
	}
	sealed, err := e.Keys.Seal(refreshLabel, plain, c.refreshBond())
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

func (e *Engine) openRefresh(c Caller, text string) (t refreshToken, ok bool) {
	if len(text) > maxRefresh {
		return t, false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || base64.RawURLEncoding.EncodeToString(sealed) != text { // one spelling
		return t, false
	}
	plain, err := e.Keys.Open(refreshLabel, sealed, c.refreshBond())
	return t, err == nil && json.Unmarshal(plain, &t) == nil && t.SID != ""
}

// issueToClient stores a client's session. Its record is named by the sid: nothing that
// the client holds but its refresh and access tokens, both of which are authentic by
// themselves, leads there.
func (r *effectRun) issueToClient(session Session) error {
	session.Key, session.LastSeen = clientSession(session.SID), r.now
	session.Generation, session.Rotated = 1, r.now
	if err := put(r.tx, sessionKey(session.Key), session, r.now, session.Ends); err != nil {
		return err
	}
	if err := put(r.tx, familyKey(session.SID, session.Key), true, r.now, session.Ends); err != nil {
		return err
	}
	refresh, err := r.engine.sealRefresh(r.caller, &session)
	r.out.opened = &Opened{Refresh: refresh, Session: &session}
	return err
}

// clientSession names the record of a client's session. No hash of a cookie looks so.
func clientSession(sid string) string { return "client-" + sid }

// Refresh trades a client's refresh token for another one. c.Demand judges what the
// client asks for now (its Target is empty): a policy that wants more than the sign-in
// has proved refuses with ProofNeeded, and the token stays good for asking less. Any
// token that will not do is RefreshInvalid. The Session returned is the sign-in's.
//
// A token that was traded in before is somebody's copy (RFC 9700, section 4.14.2): it
// ends the sign-in, for whoever holds the newer one as well. Only the one before the
// newest is forgiven for a moment, and gets the newest once more.
func (e *Engine) Refresh(ctx context.Context, c Caller, refresh string) (*Opened, error) {
	invalid := &Refusal{Code: RefreshInvalid, Left: -1}
	if c.Client == nil {
		return nil, invalid
	}
	given, ok := e.openRefresh(c, refresh)
	if !ok {
		return nil, invalid
	}
	out, err := e.transact(ctx, func(tx store.Tx, out *outcome) error {
		now := e.Now()
		session, alive, err := e.readSession(tx, clientSession(given.SID))
		if err != nil {
			return err
		}
		if !alive || session.Site != c.Site.Origin || session.Client != c.Client.ID {
			return invalid
		}
		user, found, err := get[User](tx, userKey(session.User))
		if err != nil {
			return err
		}
		if !found || user.Disabled || user.Epoch != session.Epoch || given.Generation > session.Generation {
			return invalid
		}
		newest := given.Generation == session.Generation
		lost := given.Generation == session.Generation-1 && now.Sub(session.Rotated).Abs() <= refreshGrace
		if !newest && !lost {
			out.refusal = invalid
			out.ended = append(out.ended, session.SID)
			return endFamily(tx, session.SID, session.User)
		}
		session.of(&user)
		demand, err := c.Demand(ctx, Target{}, &session)
		if err != nil {
			return fmt.Errorf("judging what a client asks for: %w", err)
		}
		// What is to be proved each time is asked for at the request itself: tokens last.
		if !demand.Join(policy.Floor).Standing().Met(session.Proof, now) {
			return &Refusal{Code: ProofNeeded, Left: -1}
		}
		if newest {
			session.Generation++
			session.Rotated = now
		}
		session.LastSeen = now
		if err := put(tx, sessionKey(session.Key), session, now, session.Ends); err != nil {
			return err
		}
		text, err := e.sealRefresh(c, &session)
		out.opened = &Opened{Refresh: text, Session: &session}
		return err
	})
	if err != nil {
		return nil, err
	}
	if out.refusal != nil {
		e.Log.Warn("a refresh token was used a second time: its sign-in has been ended", "client", c.Client.ID, "sid", given.SID)
		return nil, out.refusal
	}
	return out.opened, nil
}
