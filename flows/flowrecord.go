package flows

import (
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// flowRecord is a stored flow: the machine's state and what binds it.
type flowRecord struct {
	State
	ID      string `json:"-"`
	Browser string `json:"browser"` // hash of the browser cookie's secret, or of a client's
	Client  string `json:"client,omitempty"`
	Site    string `json:"site"` // origin
	// Began is the sid of the session that the browser had when the flow began. Step-ups
	// and enrolments stay bound to it; a sign-in that began without one is overtaken
	// when another tab has signed in.
	Began string      `json:"began,omitempty"`
	Code  *codeRecord `json:"code,omitempty"`
	// Unsent says that a code is awaited and none could be sent, since a budget was spent.
	Unsent bool `json:"unsent,omitempty"`
	// Given is the password that a client sent before the mailbox was proved, sealed. It
	// is hashed only afterwards, so that nobody can have passwords hashed for nothing.
	Given []byte `json:"given,omitempty"`
	// Silent are the factors that were proved here by a code whose message did not name
	// the target's action, since nothing asked for proof each time when it was sent. They
	// count for all but a permit: nobody approves what they were not told.
	Silent policy.Factors `json:"silent,omitempty"`

	// Opened is the sid of the session that a finished flow has opened.
	Opened string `json:"opened,omitempty"`

	Ends time.Time `json:"ends"` // absolute
}

// codeRecord is the one outstanding code of a flow.
type codeRecord struct {
	Sum     string        `json:"sum"` // HMAC of the code and all that it is bound to
	Factor  policy.Factor `json:"factor"`
	Purpose Purpose       `json:"purpose"`
	To      string        `json:"to"` // hash of the address
	Sent    time.Time     `json:"sent"`
	Expires time.Time     `json:"expires"`
	Tries   int           `json:"tries"`
	Named   bool          `json:"named,omitempty"` // its message says which request it opens
	Message string        `json:"message,omitempty"`

	delivery Delivery // what is known of the message, where it may be told
}

// loadFlow finds a live flow of this browser at this site. Everything else (expired,
// unknown, another browser's) is the same answer.
func (e *Engine) loadFlow(tx store.Tx, c Caller, id string) (flowRecord, error) {
	gone := &Refusal{Code: FlowGone}
	if !isFlowID(id) {
		return flowRecord{}, gone
	}
	record, found, err := get[flowRecord](tx, flowKey(id))
	if err != nil {
		return flowRecord{}, err
	}
	if !found || !e.Now().Before(record.Ends) || record.Site != c.Site.Origin {
		return flowRecord{}, gone
	}
	if c.Browser == "" {
		return flowRecord{}, &Refusal{Code: CookiesOff}
	}
	// Hashes of 256 random bits: comparing them tells nothing about a secret.
	if record.Browser != hashed(c.Browser) || record.Client != c.clientID() {
		return flowRecord{}, gone
	}
	record.ID = id
	if err := e.learnDelivery(tx, &record); err != nil {
		return flowRecord{}, err
	}
	if !record.Kind.identifies() {
		if c.Session == nil || c.Session.SID != record.Began {
			return flowRecord{}, &Refusal{Code: SignInFirst}
		}
		record.Proof = record.Proof.Join(c.Session.Proof)
	}
	return record, nil
}

// IsID reports whether a word could be the id of a flow or of a form that was kept.
func IsID(word string) bool { return isFlowID(word) }

// isFlowID reports whether a word could be a flow's id. Anything else comes from
// somebody who plays with the address.
func isFlowID(id string) bool {
	return len(id) > 0 && len(id) <= 64 && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// overtaken reports whether the browser has meanwhile got a session that does what
// the flow is for, in another tab: the flow is then done, without a second code.
func overtaken(record *flowRecord, c Caller, demand policy.Demand, now time.Time) bool {
	if c.Session == nil || record.Step == Done || record.Kind == Enrol || record.Kind == Reset || record.Kind == Change {
		return false
	}
	if (record.Kind == SignIn || record.Kind == SignUp) && c.Session.SID == record.Began {
		return false // somebody wants to sign in as another person
	}
	return demand.Met(c.Session.Proof, now)
}

// gather reads the facts that the machine needs for this flow, and the account. The
// account is nil for newcomers and phantoms; a disabled one counts as none, and so does
// one whose sessions have all been ended since the flow named it.
func (e *Engine) gather(tx store.Tx, c Caller, s State, demand policy.Demand) (Facts, *User, error) {
	facts := Facts{
		Demand:        demand,
		EmailCode:     c.Site.EmailCode && c.can(policy.EmailCode),
		Password:      c.Site.Password && (c.can(policy.Password) || s.Kind == Reset),
		SMS:           c.Site.SMS,
		Can:           c.Can,
		SignUpAllowed: c.Site.admits(s.Canonical),
		EnrolWithin:   e.EnrolWithin,
		CodeLife:      e.CodeLife,
		ResetCoolDown: e.ResetCoolDown,
		MayMove:       !c.Site.FixedEmail,

		AttributesAsked:   len(c.Site.Attributes) > 0,
		AttributesMissing: len(c.Site.missingAttributes(s.Attributes)) > 0,
	}
	if s.User == "" {
		return facts, nil, readNobody(tx)
	}
	user, found, err := get[User](tx, userKey(s.User))
	if err != nil || !found || user.Disabled || user.Epoch != s.Epoch {
		return facts, nil, err
	}
	facts.MailboxBack = user.MailboxBack
	facts.Have = user.Factors()
	if !c.Site.Password {
		facts.Have = facts.Have.Without(policy.Password)
	}
	if !c.Site.SMS {
		facts.Have = facts.Have.Without(policy.SMSCode)
	}
	facts.HasPhone = user.Phone != ""
	facts.Own, facts.PasswordLocked = user.Factors(), user.PasswordLocked
	if s.NewEmail != "" {
		facts.NewTaken, err = taken(tx, s.NewEmail)
	}
	return facts, &user, err
}

// settle gives the flow the facts of the moment.
func (f *flowRecord) settle(facts Facts, user *User) {
	f.Facts = facts
	if user != nil {
		f.Proof = user.settled(f.Proof)
	}
}
