package policy

import (
	"encoding/json"
	"fmt"
)

// A Factor is one way of proving who somebody is.
type Factor uint8

// The factors. The order is that of storage and of preference when several
// would do: the cheaper to use and to run comes first.
const (
	Password  Factor = iota // something known
	EmailCode               // a one-time code sent to the account's mailbox
	SMSCode                 // a one-time code sent to the account's phone

	factorCount // new factors go above; stored proofs name factors by word, not number
)

var factorNames = [factorCount]string{"password", "email_code", "sms_code"}

// String is the word that configuration, records and token claims use.
func (f Factor) String() string {
	if f < factorCount {
		return factorNames[f]
	}
	return fmt.Sprintf("factor(%d)", uint8(f))
}

// ParseFactor is the inverse of [Factor.String].
func ParseFactor(word string) (Factor, bool) {
	for f, name := range factorNames {
		if name == word {
			return Factor(f), true
		}
	}
	return 0, false
}

// A Channel is where a factor travels. A channel counts once: two codes to one
// mailbox prove one thing.
type Channel uint8

const (
	Knowledge Channel = iota
	Mailbox
	Phone

	channelCount
)

var channelNames = [channelCount]string{"knowledge", "mailbox", "phone"}

// String is the word that records use.
func (c Channel) String() string {
	if c < channelCount {
		return channelNames[c]
	}
	return fmt.Sprintf("channel(%d)", uint8(c))
}

func parseChannel(word string) (Channel, bool) {
	for c, name := range channelNames {
		if name == word {
			return Channel(c), true
		}
	}
	return 0, false
}

// Channel reports the channel that f proves.
func (f Factor) Channel() Channel {
	switch f {
	case EmailCode:
		return Mailbox
	case SMSCode:
		return Phone
	default:
		return Knowledge
	}
}

// OneTime reports whether f is proved by a one-time code.
func (f Factor) OneTime() bool { return f == EmailCode || f == SMSCode }

// First reports whether f alone may open a session. A text message never does.
func (f Factor) First() bool { return f == Password || f == EmailCode }

// Factors is a set of factors. The zero value is empty.
type Factors uint8

// FactorsOf returns the set of the given factors.
func FactorsOf(fs ...Factor) Factors {
	var set Factors
	for _, f := range fs {
		set |= 1 << f
	}
	return set
}

// Has reports whether f is in the set.
func (s Factors) Has(f Factor) bool { return s&(1<<f) != 0 }

// With returns the set with f in it.
func (s Factors) With(f Factor) Factors { return s | 1<<f }

// Without returns the set with f taken out.
func (s Factors) Without(f Factor) Factors { return s &^ (1 << f) }

// Len is the number of factors in the set.
func (s Factors) Len() int {
	n := 0
	for f := range factorCount {
		if s.Has(f) {
			n++
		}
	}
	return n
}

// Slice lists the set in order of preference.
func (s Factors) Slice() []Factor {
	var fs []Factor
	for f := range factorCount {
		if s.Has(f) {
			fs = append(fs, f)
		}
	}
	return fs
}

// MarshalJSON writes the factors by name, so that records outlive a new factor.
func (s Factors) MarshalJSON() ([]byte, error) {
	words := []string{}
	for _, f := range s.Slice() {
		words = append(words, f.String())
	}
	return json.Marshal(words)
}

// UnmarshalJSON refuses factors that it does not know.
func (s *Factors) UnmarshalJSON(data []byte) error {
	var words []string
	if err := json.Unmarshal(data, &words); err != nil {
		return fmt.Errorf("reading factors: %w", err)
	}
	var set Factors
	for _, word := range words {
		f, ok := ParseFactor(word)
		if !ok {
			return fmt.Errorf("reading factors: unknown factor %q", word)
		}
		set = set.With(f)
	}
	*s = set
	return nil
}

// All is the set of every factor there is.
func All() Factors { return 1<<factorCount - 1 }
