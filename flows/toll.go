package flows

import (
	"time"

	"github.com/nyaruka/phonenumbers"

	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/flows/store"
)

// Toll fraud is to have text messages sent to numbers whose owner is paid for each, most
// often thousands in one range. It shows in two ways: the messages are many for one
// range, and no code comes back. The budgets bound the first, and the breaker here the
// second.

// phonePrefix is a number in E.164 less its last four digits: what a carrier hands out,
// and a fraudster rents.
func phonePrefix(e164 string) string { return e164[:max(0, len(e164)-4)] }

// phoneCountry is the ISO 3166 country of a number in E.164; that which the country code
// belongs to first, where the number's range is not known.
func phoneCountry(e164 string) string {
	number, err := phonenumbers.Parse(e164, "")
	if err != nil {
		return ""
	}
	if region := phonenumbers.GetRegionCodeForNumber(number); region != "" {
		return region
	}
	return phonenumbers.GetRegionCodeForCountryCode(int(number.GetCountryCode()))
}

// textCharges are what a text message costs beyond what any message does. To a person
// they come to the same: texts like this are not sent now.
func (e *Engine) textCharges(to string, now time.Time) []charge {
	country := phoneCountry(to)
	charges := []charge{
		{key: e.budgetFor("prefix", phonePrefix(to), ""), rate: e.PrefixBudget, at: now, refusal: NumberPaused},
		{key: e.budgetFor("country", country, ""), rate: e.CountryBudget, at: now, refusal: NumberPaused},
		e.capCharge("sends_sms_hour", e.TextsHour, time.Hour, now, NumberPaused),
		e.capCharge("sends_sms_day", e.TextsDay, 24*time.Hour, now, NumberPaused),
	}
	if e.Spend.Daily > 0 {
		charges = append(charges, charge{
			key: e.budgetFor("spend", "", ""), quota: limit.Quota{Most: e.Spend.Daily, Window: 24 * time.Hour},
			cost: e.Spend.price(country), at: now, refusal: NumberPaused, shared: "spend",
		})
	}
	for i := range charges {
		charges[i].reserved, charges[i].texts = true, true
	}
	return charges
}

// The numbers of the breaker: so many texts to one prefix within an hour, of which so few
// have come back, pause it for so long.
const (
	breakerSends = 10
	breakerShare = 5 // one in so many must have come back
	breakerPause = time.Hour
	breakerSpan  = time.Hour
	breakerSlot  = 5 * time.Minute
)

// conversions is what is known of the enrolments of numbers with one prefix. It is a
// value: its methods return what follows.
type conversions struct {
	Slots []conversionSlot `json:"slots"` // oldest first
	// Paused is until when no enrolment of such numbers is texted.
	Paused time.Time `json:"paused,omitzero"`
}

// conversionSlot counts what happened in one stretch of breakerSlot.
type conversionSlot struct {
	Slot     int64 `json:"slot"`
	Sent     int   `json:"sent"`
	Verified int   `json:"verified"`
}

// recent forgets what is older than the span.
func (v conversions) recent(now time.Time) conversions {
	oldest := now.Add(-breakerSpan).UnixNano()/int64(breakerSlot) + 1
	newest := now.UnixNano() / int64(breakerSlot)
	kept := make([]conversionSlot, 0, len(v.Slots)+1)
	for _, slot := range v.Slots {
		if slot.Slot >= oldest && slot.Slot <= newest {
			kept = append(kept, slot)
		}
	}
	v.Slots = kept
	return v
}

// add counts messages that were sent, and codes that came back.
func (v conversions) add(now time.Time, sent, verified int) conversions {
	v = v.recent(now)
	slot := now.UnixNano() / int64(breakerSlot)
	if n := len(v.Slots); n == 0 || v.Slots[n-1].Slot != slot {
		v.Slots = append(v.Slots, conversionSlot{Slot: slot})
	}
	last := &v.Slots[len(v.Slots)-1]
	last.Sent, last.Verified = max(0, last.Sent+sent), last.Verified+verified
	return v
}

// suspicious reports whether too few codes have come back.
func (v conversions) suspicious() bool {
	sent, verified := 0, 0
	for _, slot := range v.Slots {
		sent, verified = sent+slot.Sent, verified+slot.Verified
	}
	return sent >= breakerSends && verified*breakerShare < sent
}

// sent counts a message. tripped reports that it is the one that begins a pause.
func (v conversions) sent(now time.Time) (next conversions, tripped bool) {
	v = v.add(now, 1, 0)
	if v.suspicious() && v.wait(now) == 0 {
		v.Paused = now.Add(breakerPause)
		return v, true
	}
	return v, false
}

// verified counts a code that came back. Enough of them end a pause: a range in which
// colleagues add their phones all at once is soon open again.
func (v conversions) verified(now time.Time) conversions {
	if v = v.add(now, 0, 1); !v.suspicious() {
		v.Paused = time.Time{}
	}
	return v
}

// unsent takes back a message that could not be handed over.
func (v conversions) unsent(now time.Time) conversions {
	if v = v.add(now, -1, 0); !v.suspicious() {
		v.Paused = time.Time{}
	}
	return v
}

// wait is how long the prefix is still paused. A clock that was set back makes it no
// longer than a whole pause.
func (v conversions) wait(now time.Time) time.Duration {
	return min(left(now, v.Paused), breakerPause)
}

func (e *Engine) conversionsKey(to string) string {
	return e.budgetFor("conversions", phonePrefix(to), "")
}

// chargeEnrolment refuses a text to a number to be added while its prefix is paused, and
// counts it otherwise.
func (r *effectRun) chargeEnrolment(to string) error {
	key := r.engine.conversionsKey(to)
	v, _, err := get[conversions](r.tx, key)
	if err != nil {
		return err
	}
	if wait := v.wait(r.now); wait > 0 {
		return &Refusal{Code: NumberPaused, Wait: wait, Left: -1}
	}
	v, tripped := v.sent(r.now)
	if tripped {
		r.out.incidents = append(r.out.incidents, Incident{
			Kind: PrefixPaused, Prefix: phonePrefix(to), Country: phoneCountry(to), Until: v.Paused,
		})
	}
	return put(r.tx, key, v, r.now, r.now.Add(breakerSpan+breakerPause))
}

// noteConversion counts the code of an enrolment that came back.
func (e *Engine) noteConversion(tx store.Tx, to string) error {
	return e.changeConversions(tx, to, conversions.verified)
}

// takeBackEnrolment takes back what chargeEnrolment has counted.
func (e *Engine) takeBackEnrolment(tx store.Tx, record *flowRecord) error {
	if !record.Enrolling || record.Code == nil {
		return nil
	}
	return e.changeConversions(tx, record.Phone, conversions.unsent)
}

func (e *Engine) changeConversions(tx store.Tx, to string, change func(conversions, time.Time) conversions) error {
	key, now := e.conversionsKey(to), e.Now()
	v, _, err := get[conversions](tx, key)
	if err != nil {
		return err
	}
	return put(tx, key, change(v, now), now, now.Add(breakerSpan+breakerPause))
}
