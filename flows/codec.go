package flows

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/stepgate/stepgate/flows/store"
)

// Every key begins with the schema's version, so that a later layout can live
// beside this one while it is being converted.
const schema = "1/"

// The keys of all records. Secrets (session ids, browser ids) are hashed before they
// become part of a key.
func userKey(id string) string              { return schema + "user/" + id }
func emailKey(canonical string) string      { return schema + "email/" + canonical }
func flowKey(id string) string              { return schema + "flow/" + id }
func sessionKey(key string) string          { return schema + "session/" + key }
func familyPrefix(sid string) string        { return schema + "family/" + sid + "/" }
func familyKey(sid, key string) string      { return familyPrefix(sid) + key }
func ofUserPrefix(user string) string       { return schema + "sessions-of/" + user + "/" }
func ofUserKey(user, sid string) string     { return ofUserPrefix(user) + sid }
func deviceKey(user, browser string) string { return schema + "device/" + user + "/" + browser }
func personKey(browser, site string) string { return schema + "person/" + browser + "/" + site }
func placesKey(user string) string          { return schema + "places/" + user }
func permitPrefix(sid string) string        { return schema + "permit/" + sid + "/" }
func budgetKey(what string) string          { return schema + "budget/" + what }
func heldPrefix(user, site string) string   { return schema + "held/" + user + "/" + site + "/" }
func heldKey(user, site, id string) string  { return heldPrefix(user, site) + id }
func heldPartKey(id string, i int) string   { return schema + "held-part/" + id + "/" + strconv.Itoa(i) }

// get reads one record. A record that cannot be read is a fault, never "absent":
// forgetting an account or a failure count because of a bad byte would open doors.
func get[T any](tx store.Tx, key string) (T, bool, error) {
	var record T
	data, err := tx.Get(key)
	if errors.Is(err, store.ErrNotFound) {
		return record, false, nil
	}
	if err != nil {
		return record, false, err
	}
	if err := json.Unmarshal(data, &record); err != nil {
		return record, false, fmt.Errorf("reading a stored record: %w", err)
	}
	return record, true, nil
}

// put writes one record. Past ends nobody will ask for it; the zero time keeps it
// for ever.
func put(tx store.Tx, key string, record any, now, ends time.Time) error {
	data, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("writing a record: %w", err)
	}
	var ttl time.Duration
	if !ends.IsZero() {
		ttl = max(ends.Sub(now), time.Second)
	}
	return tx.Set(key, data, ttl)
}
