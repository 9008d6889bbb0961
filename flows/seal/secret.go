package seal

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// SecretSize is the least number of bytes in a master secret, and what NewSecret
// makes.
const SecretSize = 32

// A random secret of 32 bytes has about 30 different ones; fewer than this many is
// somebody's placeholder.
const leastDistinct = 12

// NewSecret makes a master secret in a form that fits into an environment variable
// and that ParseSecret reads: unpadded base64url.
func NewSecret(rand io.Reader) (string, error) {
	secret := make([]byte, SecretSize)
	if _, err := io.ReadFull(rand, secret); err != nil {
		return "", fmt.Errorf("making a secret: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(secret), nil
}

// ParseSecret reads a master secret: at least 32 random bytes as hex or as base64,
// of either alphabet, padded or not. Its errors never show the secret.
func ParseSecret(s string) ([]byte, error) {
	secret, err := decodeSecret(strings.TrimSpace(s))
	if err != nil {
		return nil, fmt.Errorf("reading the secret: %w", err)
	}
	if len(secret) < SecretSize {
		return nil, fmt.Errorf("reading the secret: it holds %d bytes, at least %d random bytes are needed (openssl rand -base64 32)",
			len(secret), SecretSize)
	}
	distinct := make(map[byte]bool)
	for _, b := range secret {
		distinct[b] = true
	}
	if len(distinct) < leastDistinct {
		return nil, errors.New("reading the secret: it does not look random (openssl rand -base64 32)")
	}
	return secret, nil
}

// decodeSecret takes what consists of hex digits for hex and nothing else: read as
// base64 it would seem half as long again as it is.
func decodeSecret(s string) ([]byte, error) {
	switch {
	case s == "":
		return nil, errors.New("it is empty")
	case len(s) > 1024:
		return nil, errors.New("it is longer than 1024 characters")
	case strings.Trim(s, "0123456789abcdefABCDEF") == "":
		secret, err := hex.DecodeString(s)
		if err != nil {
			return nil, errors.New("it has an odd number of hex digits (a new one: openssl rand -base64 32)")
		}
		return secret, nil
	}
	s = strings.TrimRight(s, "=")
	s = strings.NewReplacer("+", "-", "/", "_").Replace(s)
	secret, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		// The library's error would name the place, and so a part, of the secret.
		return nil, errors.New("it is neither hex nor base64 (a new one: openssl rand -base64 32)")
	}
	return secret, nil
}
