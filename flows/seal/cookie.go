package seal

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gorilla/securecookie"
)

// maxCookie is the greatest length of a sealed value. Cookies hold ids and little
// else: some 230 bytes fit.
const maxCookie = 512

// cookieUse is what a codec is for. A codec's greatest age is part of its state, so
// each age has codecs of its own; there are as many as the program has constants.
type cookieUse struct {
	name   string
	maxAge int // seconds; 0 = for sealing
}

// SealCookie returns the value of the cookie called name: encrypted, authenticated
// together with the name, and stamped with the time. A sealed 32-byte value has 144
// bytes. An empty value, or one of more than about 230 bytes, is an error.
func (k *Keys) SealCookie(name string, value []byte) (string, error) {
	if len(value) == 0 {
		return "", fmt.Errorf("sealing cookie %s: there is no value", name)
	}
	// The library encrypts in place: the caller's bytes must not change.
	raw, err := k.codecs(name, 0)[0].Encode(name, slices.Clone(value))
	if err != nil {
		return "", fmt.Errorf("sealing cookie %s: %w", name, err)
	}
	return raw, nil
}

// OpenCookie returns what was sealed as the cookie called name, if that was at most
// maxAge ago, which is in whole seconds and must be positive. Any other value is an
// error that wraps ErrOpen. No two spellings open alike.
func (k *Keys) OpenCookie(name, raw string, maxAge time.Duration) ([]byte, error) {
	age := int(maxAge / time.Second)
	if age <= 0 {
		return nil, fmt.Errorf("opening cookie %s: the greatest age must be at least a second", name)
	}
	if err := canonical(raw); err != nil {
		return nil, fmt.Errorf("opening cookie %s: %w: %w", name, ErrOpen, err)
	}
	var value []byte
	if err := securecookie.DecodeMulti(name, raw, &value, k.codecs(name, age)...); err != nil {
		return nil, fmt.Errorf("opening cookie %s: %w: %w", name, ErrOpen, err)
	}
	return value, nil
}

// canonical refuses what the library's base64 decoder forgives: line breaks and
// left-over bits.
func canonical(raw string) error {
	if len(raw) > maxCookie {
		return errors.New("too long")
	}
	var buf [maxCookie]byte
	n, err := base64.URLEncoding.Strict().Decode(buf[:], []byte(raw))
	if err != nil || base64.URLEncoding.EncodedLen(n) != len(raw) {
		return errors.New("not canonical base64")
	}
	return nil
}

func (k *Keys) codecs(name string, maxAge int) []securecookie.Codec {
	use := cookieUse{name, maxAge}
	if codecs, ok := k.cookies.Load(use); ok {
		return codecs.([]securecookie.Codec)
	}
	var pairs [][]byte
	for _, m := range k.masters {
		pairs = append(pairs, derive(m, cookieHash, name), derive(m, cookieEnc, name))
	}
	made := securecookie.CodecsFromPairs(pairs...)
	for _, codec := range made {
		codec.(*securecookie.SecureCookie).
			SetSerializer(securecookie.NopEncoder{}).
			MaxLength(maxCookie).
			MaxAge(maxAge)
	}
	codecs, _ := k.cookies.LoadOrStore(use, made)
	return codecs.([]securecookie.Codec)
}
