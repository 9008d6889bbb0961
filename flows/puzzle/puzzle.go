package puzzle

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

const (
	// Parts and Bits are how many hashes have to be found, and how many zero bits each
	// begins with: 65,536 hashes are tried on average.
	Parts = 16
	Bits  = 12
	// Life is how long a puzzle may be answered.
	Life = 10 * time.Minute

	// maxText and maxNumber bound what is looked at: in characters and in digits. A part
	// that needs a number of ten digits is never met: of 4096 numbers one fits.
	maxText   = 128
	maxNumber = 9
)

// ErrForeign says that a puzzle is not ours, for another purpose or network, too old, or
// from the future. Which of them it was is nobody's business.
var ErrForeign = errors.New("not a puzzle for this, here and now")

// Maker makes puzzles and knows its own again. Its zero value is not usable.
type Maker struct {
	// MAC authenticates a list of parts; no two lists may be the same message.
	MAC func(parts ...string) [32]byte
	// Rand is where nonces come from.
	Rand io.Reader
}

// New returns a puzzle for a purpose and a client network, either of which may be empty.
// Its text has letters, digits, hyphens, underscores and dots.
func (m Maker) New(now time.Time, what, network string) (string, error) {
	var nonce [12]byte
	if _, err := io.ReadFull(m.Rand, nonce[:]); err != nil {
		return "", fmt.Errorf("making a puzzle: %w", err)
	}
	body := strconv.FormatInt(now.UnixMilli(), 36) + "." + base64.RawURLEncoding.EncodeToString(nonce[:])
	return body + "." + m.tag(body, what, network), nil
}

func (m Maker) tag(body, what, network string) string {
	sum := m.MAC(body, what, network)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Age is how long ago a puzzle was made: at least zero and less than [Life]. The error is
// [ErrForeign].
func (m Maker) Age(now time.Time, text, what, network string) (time.Duration, error) {
	at := strings.LastIndexByte(text, '.')
	if at < 0 || len(text) > maxText {
		return 0, ErrForeign
	}
	// Compared as written, since an encoding might have several spellings, and each puzzle
	// must have one.
	body := text[:at]
	if subtle.ConstantTimeCompare([]byte(text[at+1:]), []byte(m.tag(body, what, network))) != 1 {
		return 0, ErrForeign
	}
	made, _, _ := strings.Cut(body, ".")
	ms, err := strconv.ParseInt(made, 36, 64)
	if err != nil {
		return 0, ErrForeign
	}
	age := now.Sub(time.UnixMilli(ms))
	if age < 0 || age >= Life {
		return 0, ErrForeign
	}
	return age, nil
}

// ID names a puzzle, for the record that it was taken.
func ID(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Solved reports whether a solution is that of a puzzle. It does not say whose the puzzle
// is: see [Maker.Age].
func Solved(text, solution string) bool {
	if len(text) > maxText {
		return false
	}
	numbers := strings.SplitN(solution, ",", Parts+1)
	if len(numbers) != Parts {
		return false
	}
	for i, number := range numbers {
		if !isNumber(number) || !fits(text, i, number) {
			return false
		}
	}
	return true
}

// Solve finds the least solution, as a browser would.
func Solve(text string) string {
	numbers := make([]string, Parts)
	for i := range numbers {
		for n := 0; ; n++ {
			if numbers[i] = strconv.Itoa(n); fits(text, i, numbers[i]) {
				break
			}
		}
	}
	return strings.Join(numbers, ",")
}

// fits reports whether a number solves part i.
func fits(text string, i int, number string) bool {
	message := make([]byte, 0, maxText+maxNumber+4)
	message = append(message, text...)
	message = append(message, '.')
	message = strconv.AppendInt(message, int64(i), 10)
	message = append(message, '.')
	message = append(message, number...)
	sum := sha256.Sum256(message)
	return bits.LeadingZeros16(uint16(sum[0])<<8|uint16(sum[1])) >= Bits
}

func isNumber(s string) bool {
	return s != "" && len(s) <= maxNumber && (s[0] != '0' || s == "0") && strings.Trim(s, "0123456789") == ""
}
