package otp

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/stepgate/stepgate/flows/seal"
)

// The lengths that a code may have, in digits.
const (
	MinDigits = 6
	MaxDigits = 8
)

// macLabel keeps codes apart from everything else that keys authenticate.
const macLabel = "one-time code"

// New draws a code of 6 to 8 decimal digits, leading zeros included, every one of
// them equally likely.
func New(rand io.Reader, digits int) (string, error) {
	if digits < MinDigits || digits > MaxDigits {
		return "", fmt.Errorf("making a code: %d digits is not between %d and %d", digits, MinDigits, MaxDigits)
	}
	count := uint64(1)
	for range digits {
		count *= 10
	}
	// Numbers above the greatest multiple of count are thrown away: with them the
	// small codes would be likelier than the large ones.
	usable := (1 << 32) / count * count
	// At most one draw in forty is thrown away; a source that goes on and on is broken.
	for range 100 {
		var word [4]byte
		if _, err := io.ReadFull(rand, word[:]); err != nil {
			return "", fmt.Errorf("making a code: %w", err)
		}
		if n := uint64(binary.BigEndian.Uint32(word[:])); n < usable {
			return fmt.Sprintf("%0*d", digits, n%count), nil
		}
	}
	return "", errors.New("making a code: the random source repeats itself")
}

// Sum is what is stored of a code: an HMAC of it, bound to everything that names
// the challenge (flow, user, channel, address, purpose). The order of the binding
// counts, and an empty part is a part. Without the keys nobody who reads the store
// can try the million codes.
func Sum(keys *seal.Keys, code string, binding ...string) string {
	sum := keys.MAC(macLabel, append([]string{code}, binding...)...)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Equal compares two sums in constant time. An empty sum equals nothing, so a
// challenge without a code has no right answer.
func Equal(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
