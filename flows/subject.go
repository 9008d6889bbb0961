package flows

import (
	"context"
	"fmt"

	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// judge asks the policy what the flow's target demands of whom the flow is about.
func (e *Engine) judge(ctx context.Context, c Caller, record *flowRecord) (policy.Demand, error) {
	who := c.Session
	if record.Kind.identifies() {
		err := e.Store.View(ctx, func(tx store.Tx) (err error) {
			who, err = e.subject(tx, c, record)
			return err
		})
		if err != nil {
			return policy.Never, err
		}
	}
	demand, err := c.Demand(ctx, record.Target, who)
	if err != nil {
		return policy.Never, fmt.Errorf("judging the target: %w", err)
	}
	return demand, nil
}

// subject is a session such as the flow would open now: nil for newcomers and phantoms,
// for whom as much is read. Nothing of it is shown before a first factor is proved.
func (e *Engine) subject(tx store.Tx, c Caller, record *flowRecord) (*Session, error) {
	user, found, err := get[User](tx, userKey(record.User))
	if err == nil && !found {
		err = readNobody(tx)
	}
	if err != nil {
		return nil, err
	}
	known, err := e.knownDevice(tx, c, &user)
	if err != nil {
		return nil, err
	}
	places, err := e.readPlaces(tx, record.User)
	if err != nil {
		return nil, err
	}
	failures, err := e.readFailures(tx, record.account())
	if err != nil || !found || record.Phantom || user.Disabled || user.Epoch != record.Epoch {
		return nil, err
	}
	now := e.Now()
	s := &Session{
		User: user.ID, Site: record.Site, Epoch: user.Epoch, Proof: record.Proof, Device: c.Device,
		Created: now, LastSeen: now, Ends: now.Add(e.SessionLife), Client: c.clientID(),
		KnownDevice: known || record.Created || record.Proof.TwoChannels(), Networks: networksOf(places, &user),
		Failures: failures,
	}
	s.of(&user)
	return s, nil
}
