package password

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Params are what a hash costs.
type Params struct {
	Memory  uint32 // KiB
	Time    uint32 // passes
	Threads uint8
}

// DefaultParams are OWASP's second choice for Argon2id: 19 MiB, two passes, one
// thread.
var DefaultParams = Params{Memory: 19 * 1024, Time: 2, Threads: 1}

// The bounds of what is believed from a stored string. A record from elsewhere may
// be costlier than ours, but never so much that reading it is an attack.
const (
	maxMemory  = 128 * 1024 // KiB
	maxTime    = 16
	maxThreads = 16
	minSalt    = 8
	maxSalt    = 64
	minTag     = 16
	maxTag     = 64
)

// What new hashes have, in bytes.
const (
	saltSize = 16
	tagSize  = 32
)

var errMalformed = errors.New("malformed Argon2id string")

func (p Params) validate() error {
	switch {
	case p.Threads < 1 || p.Threads > maxThreads:
		return fmt.Errorf("%d threads is not between 1 and %d", p.Threads, maxThreads)
	case p.Time < 1 || p.Time > maxTime:
		return fmt.Errorf("%d passes is not between 1 and %d", p.Time, maxTime)
	case p.Memory < 8*uint32(p.Threads) || p.Memory > maxMemory:
		return fmt.Errorf("%d KiB is not between %d and %d", p.Memory, 8*uint32(p.Threads), maxMemory)
	}
	return nil
}

// phc is a stored hash: $argon2id$v=19$m=…,t=…,p=…[,keyid=…]$salt$tag. The keyid is
// the format's own parameter for a keyed hash; ours names the pepper.
type phc struct {
	Params
	keyID     string // base64, as written; empty = no pepper
	salt, tag []byte
}

var b64 = base64.RawStdEncoding.Strict()

func (h phc) String() string {
	keyID := h.keyID
	if keyID != "" {
		keyID = ",keyid=" + keyID
	}
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d%s$%s$%s", argon2.Version,
		h.Memory, h.Time, h.Threads, keyID, b64.EncodeToString(h.salt), b64.EncodeToString(h.tag))
}

func parsePHC(s string) (phc, error) {
	var h phc
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" ||
		parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return phc{}, errMalformed
	}
	params := strings.Split(parts[3], ",")
	if len(params) == 4 {
		id, ok := strings.CutPrefix(params[3], "keyid=")
		if !ok || id == "" {
			return phc{}, errMalformed
		}
		h.keyID = id
		params = params[:3]
	}
	if len(params) != 3 {
		return phc{}, errMalformed
	}
	m, okM := number(params[0], "m=", 32)
	t, okT := number(params[1], "t=", 32)
	p, okP := number(params[2], "p=", 8)
	if !okM || !okT || !okP {
		return phc{}, errMalformed
	}
	h.Params = Params{Memory: uint32(m), Time: uint32(t), Threads: uint8(p)}
	if err := h.validate(); err != nil {
		return phc{}, fmt.Errorf("refusing Argon2id parameters: %w", err)
	}
	var errSalt, errTag error
	h.salt, errSalt = b64.DecodeString(parts[4])
	h.tag, errTag = b64.DecodeString(parts[5])
	if errSalt != nil || errTag != nil ||
		len(h.salt) < minSalt || len(h.salt) > maxSalt || len(h.tag) < minTag || len(h.tag) > maxTag {
		return phc{}, errMalformed
	}
	return h, nil
}

func number(s, name string, bits int) (uint64, bool) {
	digits, ok := strings.CutPrefix(s, name)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, bits)
	return n, err == nil
}
