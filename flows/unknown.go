package flows

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// TellUnknown says when an address without an account is told by mail that it has none:
// helpful to who has forgotten which address they signed up with, and a mail to a
// stranger where somebody types other people's addresses. It is told once a day at most.
// It changes nothing else: no page, no cookie, no budget and no time.
type TellUnknown string

const (
	TellNever  TellUnknown = "never"
	TellSignIn TellUnknown = "sign_in" // at sign-in, and not at a reset; the default
	TellAlways TellUnknown = "always"  // at both
)

// tells reports whether a flow of the kind tells an address that it has no account.
func (t TellUnknown) tells(kind Kind) bool {
	return kind == SignIn && t != TellNever || kind == Reset && t == TellAlways
}

// keepsQuiet reports whether nobody is to get the message of the code that is being made,
// because there is no account and the site does not say so, or has said so today. For an
// address with an account the same is read and written.
func (r *effectRun) keepsQuiet(purpose Purpose) (bool, error) {
	kind := r.record.Kind
	if r.record.Moving {
		first, err := r.engine.tellOnce(r.tx, "address taken", r.record.NewEmail)
		return purpose == NoticeEmailTaken && !first, err
	}
	if kind != SignIn && kind != Reset || r.record.Here != 0 || r.record.Factor != policy.EmailCode {
		return false, nil
	}
	first := false
	if r.caller.Site.TellUnknown.tells(kind) {
		var err error
		if first, err = r.engine.tellOnce(r.tx, "no account", r.record.account()); err != nil {
			return false, err
		}
	}
	return purpose == NoticeNoAccount && !first, nil
}

// noUser is the id of no account: ids are random UUIDs.
const noUser = "00000000-0000-0000-0000-000000000000"

// nobody looks like the account of somebody with a password.
var nobody = User{
	ID: noUser, Email: "nobody@nowhere.example", Canonical: "nobody@nowhere.example",
	Password: "$argon2id$v=19$m=19456,t=2,p=1,keyid=AAAA$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	Created:  time.Unix(1_700_000_000, 123_456_789).UTC(),
}

var nobodyStored = func() []byte {
	data, err := json.Marshal(nobody)
	if err != nil {
		panic(err) // strings and numbers cannot fail
	}
	return data
}()

// readNobody costs what reading an account costs, where there is none: some microseconds,
// which can be told apart by whoever asks often enough.
func readNobody(tx store.Tx) error {
	if _, err := tx.Get(userKey(noUser)); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	var user User
	if err := json.Unmarshal(nobodyStored, &user); err != nil {
		return fmt.Errorf("reading nobody's record: %w", err)
	}
	return nil
}
