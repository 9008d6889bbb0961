package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"time"
)

// A Proof is when each factor was last proved in one session. The zero Proof has
// proved nothing. It is a small value: copy it, compare it with ==.
//
// Times are kept in Unix milliseconds. A time in the future (the clock was set back)
// has no age that can be trusted: it counts only where any age does.
type Proof struct {
	at [factorCount]int64 // Unix milliseconds; 0 = never, and never less

	// spent is until when proofs of a channel do not count towards OTP, in Unix
	// milliseconds: after a reset by e-mail the mailbox alone must not become the second
	// factor as well. 0 = never.
	spent [channelCount]int64

	// here are the factors that were proved for the very request that is judged. It is
	// never stored: what was proved for one request says nothing about the next.
	here Factors
}

// With returns the proof with f proved at t. Proving one factor never touches
// another's time. A t that is not after the Unix epoch, the zero Time above all, is
// a mistake and proves nothing: f then counts as never proved.
//
// Proving the phone restores a spent mailbox: a mailbox is spent because whoever holds
// it may hold nothing else, and now they do. A password does not, since that is just what
// they could have chosen by means of the mailbox.
func (p Proof) With(f Factor, t time.Time) Proof {
	p.at[f] = max(0, t.UnixMilli())
	if f.Channel() == Phone && p.at[f] != 0 {
		p.spent[Mailbox] = 0
	}
	return p
}

// Here returns the proof with the factors of fs having been proved for the very request
// that is about to be judged ([Demand.Once]). A factor that was never proved is still not.
func (p Proof) Here(fs Factors) Proof {
	p.here = fs & p.Factors()
	return p
}

// Join returns the newer proof of each factor. A channel is spent for the longer time.
// What was proved for a request of its own is so no more.
func (p Proof) Join(q Proof) Proof {
	for f := range p.at {
		p.at[f] = max(p.at[f], q.at[f])
	}
	for c := range p.spent {
		p.spent[c] = max(p.spent[c], q.spent[c])
	}
	p.here = 0
	return p
}

// At reports when f was last proved.
func (p Proof) At(f Factor) (time.Time, bool) {
	if f >= factorCount || p.at[f] == 0 {
		return time.Time{}, false
	}
	return time.UnixMilli(p.at[f]), true
}

// Factors is the set of factors that were ever proved.
func (p Proof) Factors() Factors {
	var set Factors
	for f := range factorCount {
		if p.at[f] != 0 {
			set = set.With(f)
		}
	}
	return set
}

// Spend returns the proof with channel c not counting towards OTP any more.
func (p Proof) Spend(c Channel) Proof {
	p.spent[c] = forGood
	return p
}

// SpendUntil returns the proof with proofs of channel c that were made before t not
// counting towards OTP, now or later: what comes after t has to be proved after it. A t
// that is not after the Unix epoch spends nothing.
func (p Proof) SpendUntil(c Channel, t time.Time) Proof {
	p.spent[c] = max(p.spent[c], t.UnixMilli())
	return p
}

// forGood is later than any proof.
const forGood = math.MaxInt64

// Restore undoes Spend and SpendUntil.
func (p Proof) Restore(c Channel) Proof {
	p.spent[c] = 0
	return p
}

// Spent lists the channels that do not count towards OTP with what was proved so far.
func (p Proof) Spent() []Channel {
	var spent []Channel
	for c := range channelCount {
		counts := p.spent[c] == 0
		for f := range factorCount {
			counts = counts || f.Channel() == c && p.at[f] >= p.spent[c]
		}
		if !counts {
			spent = append(spent, c)
		}
	}
	return spent
}

// Latest is the time of the newest proof: the auth_time of OIDC Core 2.
func (p Proof) Latest() (time.Time, bool) {
	var newest int64
	for _, at := range p.at {
		newest = max(newest, at)
	}
	return time.UnixMilli(newest), newest != 0
}

// TwoChannels reports whether two different unspent channels were proved, at
// least one of them by a one-time code, however long ago.
func (p Proof) TwoChannels() bool {
	return p.otp(ask{}, 0)
}

// otp reports whether two different unspent channels were proved, and on one of
// them a one-time code that is young enough. Each code is judged by itself: one from
// the future must not hide a fresh one.
func (p Proof) otp(a ask, now int64) bool {
	var channels uint8 // bits
	code := false
	for f := range factorCount {
		if p.at[f] == 0 || p.at[f] < p.spent[f.Channel()] {
			continue
		}
		channels |= 1 << f.Channel()
		code = code || f.OneTime() && p.meets(f, a, now)
	}
	return code && bits.OnesCount8(channels) >= 2
}

type proofJSON struct {
	At    map[string]int64 `json:"at,omitempty"`
	Spent []string         `json:"spent,omitempty"` // for good
	Until map[string]int64 `json:"spent_until,omitempty"`
}

// MarshalJSON writes factors and channels by name, so that records outlive new ones.
func (p Proof) MarshalJSON() ([]byte, error) {
	var j proofJSON
	for f := range factorCount {
		if p.at[f] != 0 {
			if j.At == nil {
				j.At = make(map[string]int64, factorCount)
			}
			j.At[f.String()] = p.at[f]
		}
	}
	for c, until := range p.spent {
		switch word := Channel(c).String(); until {
		case 0:
		case forGood:
			j.Spent = append(j.Spent, word)
		default:
			if j.Until == nil {
				j.Until = make(map[string]int64, channelCount)
			}
			j.Until[word] = until
		}
	}
	return json.Marshal(j)
}

// UnmarshalJSON refuses fields, factors, channels and times that it does not know: a
// proof that cannot be understood must not be believed in part. p is then untouched.
func (p *Proof) UnmarshalJSON(data []byte) error {
	var j proofJSON
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&j); err != nil {
		return fmt.Errorf("reading a proof: %w", err)
	}
	var read Proof
	for word, at := range j.At {
		f, ok := ParseFactor(word)
		if !ok {
			return fmt.Errorf("reading a proof: unknown factor %q", word)
		}
		if at <= 0 {
			return fmt.Errorf("reading a proof: impossible time %d of %s", at, word)
		}
		read.at[f] = at
	}
	for _, word := range j.Spent {
		c, ok := parseChannel(word)
		if !ok {
			return fmt.Errorf("reading a proof: unknown channel %q", word)
		}
		read.spent[c] = forGood
	}
	for word, until := range j.Until {
		c, ok := parseChannel(word)
		if !ok {
			return fmt.Errorf("reading a proof: unknown channel %q", word)
		}
		if until <= 0 || read.spent[c] != 0 {
			return fmt.Errorf("reading a proof: impossible end %d of the spent %s", until, word)
		}
		read.spent[c] = until
	}
	*p = read
	return nil
}
