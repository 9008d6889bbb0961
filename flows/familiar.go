package flows

import (
	"slices"
	"time"

	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// A browser and a network become familiar to an account when a sign-in there has proved
// two channels, or all that the account has. One channel alone does not make them so
// where there are two: whoever has stolen it would be unfamiliar only once.

// placesRecord are the networks that an account is used from.
type placesRecord struct {
	Networks []place `json:"networks"` // newest last
}

type place struct {
	Network string    `json:"network"` // such as 198.51.100.0/24
	At      time.Time `json:"at"`
	// Alone says that it became familiar by the only channel that the account had.
	Alone bool `json:"alone,omitempty"`
	Epoch int  `json:"epoch,omitempty"` // the account's; one of another is none
}

const (
	maxPlaces = 16
	placeLife = 90 * 24 * time.Hour // after it was last used
)

// familiarBy reports whether what became familiar by an account's only channel still is:
// until the account has a second one, of which that place has seen nothing.
func familiarBy(alone bool, user *User) bool { return !alone || !canProveTwo(user.Factors()) }

// readPlaces returns the networks of an account that are still remembered.
func (e *Engine) readPlaces(tx store.Tx, user string) ([]place, error) {
	record, _, err := get[placesRecord](tx, placesKey(user))
	now := e.Now()
	return slices.DeleteFunc(record.Networks, func(p place) bool { return now.Sub(p.At) > placeLife }), err
}

func networksOf(places []place, user *User) []string {
	var networks []string
	for _, p := range places {
		if p.Epoch == user.Epoch && familiarBy(p.Alone, user) {
			networks = append(networks, p.Network)
		}
	}
	return networks
}

// knownDevice reports whether a caller's browser is familiar to an account.
func (e *Engine) knownDevice(tx store.Tx, c Caller, user *User) (bool, error) {
	name := c.device()
	if name == "" {
		return false, nil
	}
	device, _, err := get[deviceRecord](tx, deviceKey(user.ID, name))
	known := device.Familiar || device.Alone && familiarBy(true, user)
	return known && device.live(user.Epoch, e.Now()), err
}

// acquaint tells the session whether its browser and network are familiar, and remembers
// them where it has proved enough.
func (r *effectRun) acquaint(session *Session) error {
	known, err := r.engine.knownDevice(r.tx, r.caller, r.user)
	if err != nil {
		return err
	}
	places, err := r.engine.readPlaces(r.tx, session.User)
	if err != nil {
		return err
	}
	places = slices.DeleteFunc(places, func(p place) bool { return p.Epoch != r.user.Epoch })
	// A code must have come back here and now: a second channel that was proved in another
	// place says nothing about this one. Whoever made the account here, moments ago, is no
	// stranger to it.
	codeHere := r.record.Here.Has(policy.EmailCode) || r.record.Here.Has(policy.SMSCode)
	enough := session.Proof.TwoChannels() && codeHere || r.record.Created
	session.KnownDevice = known || enough
	session.Networks = networksOf(places, r.user)
	if enough {
		session.Networks = withNetwork(session.Networks, r.caller.Network)
	}
	r.familiar, r.alone = enough, !enough && !canProveTwo(r.user.Factors())
	here := place{Network: r.caller.Network, At: r.now, Alone: r.alone, Epoch: r.user.Epoch}
	i := slices.IndexFunc(places, func(p place) bool { return p.Network == here.Network })
	inUse := known && i >= 0
	if i >= 0 && !enough {
		here.Alone = places[i].Alone // it is no better, and no worse, known than before
	}
	if here.Network != "" && (r.familiar || r.alone || inUse) {
		places = append(slices.DeleteFunc(places, func(p place) bool { return p.Network == here.Network }), here)
		places = places[max(0, len(places)-maxPlaces):]
		return put(r.tx, placesKey(session.User), placesRecord{places}, r.now, r.now.Add(placeLife))
	}
	return nil
}

func withNetwork(networks []string, network string) []string {
	if network == "" || slices.Contains(networks, network) {
		return networks
	}
	return append(slices.Clone(networks), network)
}

// canProveTwo reports whether the factors are of two channels or more.
func canProveTwo(fs policy.Factors) bool {
	var channels []policy.Channel
	for _, f := range fs.Slice() {
		if c := f.Channel(); !slices.Contains(channels, c) {
			channels = append(channels, c)
		}
	}
	return len(channels) > 1
}

// FamiliarNetwork reports whether the session's account is known to be used from a
// network. An unknown one is not familiar.
func (s *Session) FamiliarNetwork(network string) bool {
	return network != "" && slices.Contains(s.Networks, network)
}
