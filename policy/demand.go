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

// An ask is what a demand wants of one dimension.
type ask struct {
	wanted bool
	once   bool          // proved for the very request that is judged
	within time.Duration // greatest age; 0 = any time in this session
}

// join keeps the stricter of two asks: the shorter age, where 0 is the longest, and
// "once" if either has it.
func (a ask) join(b ask) ask {
	switch {
	case !a.wanted:
		return b
	case !b.wanted:
		return a
	case a.within == 0 || (b.within != 0 && b.within < a.within):
		a.within = b.within
	}
	a.once = a.once || b.once
	return a
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

// Once is d with everything that it asks for to be proved for the very request that is
// judged ([Proof.Here]): a proof that opened one request opens no other.
func (d Demand) Once() Demand {
	for i := range d.asks {
		d.asks[i].once = d.asks[i].wanted
	}
	return d
}

// Standing is d without "once": what remains of it from one request to the next.
func (d Demand) Standing() Demand {
	for i := range d.asks {
		d.asks[i].once = false
	}
	return d
}

// HasOnce reports whether something is to be proved for the very request.
func (d Demand) HasOnce() bool {
	for _, a := range d.asks {
		if a.once {
			return true
		}
	}
	return false
}

// AsksOnce reports whether dimension i is to be proved for the very request.
func (d Demand) AsksOnce(i Dimension) bool { return d.asks[i].once }

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
		if a.once {
			part += " once"
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
		part, once := strings.CutSuffix(part, " once")
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
		need := Need(Dimension(i), within)
		if once {
			need = need.Once()
		}
		d = d.Join(need)
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
		if a.wanted && !met(Dimension(i), a, p, at) {
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

func met(i Dimension, a ask, p Proof, now int64) bool {
	switch i {
	case Session:
		return p.meets(Password, a, now) || p.meets(EmailCode, a, now)
	case OTP:
		return p.otp(a, now)
	default:
		return p.meets(Factor(i-PasswordProof), a, now)
	}
}

// meets reports whether f is proved as asked: young enough, and for this very request
// where that is wanted.
func (p Proof) meets(f Factor, a ask, now int64) bool {
	return (!a.once || p.here.Has(f)) && fresh(p.at[f], a.within, now)
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
