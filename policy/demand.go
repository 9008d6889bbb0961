package policy

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// A Dimension is one thing that a demand may ask for. Dimensions are independent:
// none implies another's freshness.
type Dimension uint8

const (
	// Session asks for a first factor: password or e-mail code.
	Session Dimension = iota
	// PasswordProof, EmailProof and SMSProof ask for that factor by name.
	PasswordProof
	EmailProof
	SMSProof
	// OTP asks for two different channels proved in this session, at least one
	// of them by a one-time code; that code's age counts.
	OTP

	dimensionCount
)

var dimensionNames = [dimensionCount]string{"session", "password", "email_code", "sms_code", "otp"}

func (d Dimension) String() string {
	if d < dimensionCount {
		return dimensionNames[d]
	}
	return fmt.Sprintf("dimension(%d)", uint8(d))
}

// Dimensions yields every dimension there is.
func Dimensions() iter.Seq[Dimension] {
	return func(yield func(Dimension) bool) {
		for d := range dimensionCount {
			if !yield(d) {
				return
			}
		}
	}
}

// Of is the dimension that asks for factor f by name. A factor that there is not has
// a dimension that there is not, which [Need] turns into [Never].
func Of(f Factor) Dimension {
	if f >= factorCount {
		return dimensionCount
	}
	return PasswordProof + Dimension(f)
}

// An ask is what a demand wants of one dimension. (The flag for "every time",
// `within once`, will live here: it is per dimension and Join keeps it.)
type ask struct {
	wanted bool
	within time.Duration // greatest age; 0 = any time in this session
}

// join keeps the stricter of two asks: the shorter age, where 0 is the longest.
func (a ask) join(b ask) ask {
	switch {
	case !a.wanted:
		return b
	case !b.wanted:
		return a
	case a.within == 0 || (b.within != 0 && b.within < a.within):
		return b
	default:
		return a
	}
}

// A Demand asks for proofs and their greatest age. The zero Demand asks for
// nothing. Demands form a semilattice under [Demand.Join], with the zero Demand
// at the bottom and [Never] at the top; they are comparable with ==.
type Demand struct {
	never bool
	asks  [dimensionCount]ask
}

// Never is met by no proof: the demand of a deny rule.
var Never = Demand{never: true}

// Need asks for dimension d, proved within the given age. Zero means any time in
// this session; a negative age, or a dimension that there is not, can never be met.
func Need(d Dimension, within time.Duration) Demand {
	if within < 0 || d >= dimensionCount {
		return Never
	}
	var demand Demand
	demand.asks[d] = ask{wanted: true, within: within}
	return demand
}

// Join is met exactly when both demands are.
func (d Demand) Join(e Demand) Demand {
	if d.never || e.never {
		return Never
	}
	for i := range d.asks {
		d.asks[i] = d.asks[i].join(e.asks[i])
	}
	return d
}

// IsZero reports whether nothing is asked.
func (d Demand) IsZero() bool { return d == Demand{} }

// IsNever reports whether no proof can meet the demand.
func (d Demand) IsNever() bool { return d.never }

// Within reports whether dimension i is asked for, and its greatest age.
func (d Demand) Within(i Dimension) (time.Duration, bool) {
	return d.asks[i].within, d.asks[i].wanted
}

// ValidFor is the shortest age that d accepts of anything: how long one may tell
// people that a proof will do. Zero means as long as the session.
func (d Demand) ValidFor() time.Duration {
	var shortest time.Duration
	for _, a := range d.asks {
		if a.wanted && a.within != 0 && (shortest == 0 || a.within < shortest) {
			shortest = a.within
		}
	}
	return shortest
}

// String is the demand in the words of the Caddyfile, for logs and explanations.
func (d Demand) String() string {
	if d.never {
		return "deny"
	}
	var parts []string
	for i, a := range d.asks {
		if !a.wanted {
			continue
		}
		part := Dimension(i).String()
		if a.within != 0 {
			part += " within " + a.within.String()
		}
		parts = append(parts, part)
	}
	if parts == nil {
		return "public"
	}
	return strings.Join(parts, " + ")
}

// ParseDemand is the inverse of [Demand.String]. It takes no "deny": whoever may hand
// in a demand may ask for more proof, not close a door.
func ParseDemand(text string) (Demand, error) {
	var d Demand
	if text == "" || text == "public" {
		return d, nil
	}
	for part := range strings.SplitSeq(text, " + ") {
		word, age, aged := strings.Cut(part, " within ")
		i := slices.Index(dimensionNames[:], word)
		if i < 0 {
			return Demand{}, fmt.Errorf("reading a demand: unknown word %q", word)
		}
		var within time.Duration
		if aged {
			var err error
			if within, err = time.ParseDuration(age); err != nil || within < time.Second {
				return Demand{}, fmt.Errorf("reading a demand: %q is no age", age)
			}
		}
		d = d.Join(Need(Dimension(i), within))
	}
	return d, nil
}

// Missing is what a proof lacks of a demand: the demand's unmet part.
type Missing struct{ Demand }

// Has reports whether dimension i is among what is missing.
func (m Missing) Has(i Dimension) bool { return m.asks[i].wanted }

// Missing reports what p lacks of d at the moment now; ok is true when something
// is missing. It does not allocate.
func (d Demand) Missing(p Proof, now time.Time) (m Missing, ok bool) {
	if d.never {
		return Missing{Never}, true
	}
	at := now.UnixMilli()
	for i, a := range d.asks {
		if a.wanted && !met(Dimension(i), a.within, p, at) {
			m.asks[i] = a
			ok = true
		}
	}
	return m, ok
}

// NeedAll asks for every factor of the set, each proved within the given age.
func NeedAll(fs Factors, within time.Duration) Demand {
	var d Demand
	for _, f := range fs.Slice() {
		d = d.Join(Need(Of(f), within))
	}
	return d
}

// Met reports whether p meets d at the moment now.
func (d Demand) Met(p Proof, now time.Time) bool {
	_, missing := d.Missing(p, now)
	return !missing
}

func met(i Dimension, within time.Duration, p Proof, now int64) bool {
	switch i {
	case Session:
		return fresh(p.at[Password], within, now) || fresh(p.at[EmailCode], within, now)
	case OTP:
		return p.otp(within, now)
	default:
		return fresh(p.at[i-PasswordProof], within, now)
	}
}

// fresh reports whether something proved at the given time is young enough. The
// age is exact: a proof of 15 minutes and one millisecond is older than 15 minutes.
// A proof from the future has no age that can be trusted and counts only where
// any age does.
func fresh(at int64, within time.Duration, now int64) bool {
	if at == 0 {
		return false
	}
	if within == 0 {
		return true
	}
	age := now - at
	return age >= 0 && age <= within.Milliseconds()
}
