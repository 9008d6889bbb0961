package vonage

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"
)

// Values of Config.SignatureMethod, as Vonage's dashboard offers them. All but MD5Hash
// are HMACs. MD5Hash is Vonage's oldest and weakest: choose another if you can.
const (
	MD5Hash = "md5hash"
	MD5     = "md5"
	SHA1    = "sha1"
	SHA256  = "sha256"
	SHA512  = "sha512"
)

var hashes = map[string]func() hash.Hash{MD5: md5.New, SHA1: sha1.New, SHA256: sha256.New, SHA512: sha512.New}

func validateSignature(cfg *Config) error {
	if cfg.SignatureMethod == "" {
		cfg.SignatureMethod = SHA256
	} else if cfg.SignatureSecret == "" {
		return errors.New("signature_method is of no use without a signature_secret")
	}
	if cfg.SignatureMethod != MD5Hash && hashes[cfg.SignatureMethod] == nil {
		return fmt.Errorf("signature_method %q is none of %s, %s, %s, %s, %s", cfg.SignatureMethod,
			MD5Hash, MD5, SHA1, SHA256, SHA512)
	}
	return nil
}

// signature is what Vonage makes of parameters other than sig: its guide "Signing
// messages" says how.
func signature(method, secret string, params map[string]string) []byte {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(params)) {
		b.WriteString("&" + name + "=" + strings.NewReplacer("&", "_", "=", "_").Replace(params[name]))
	}
	if method == MD5Hash {
		sum := md5.Sum([]byte(b.String() + secret))
		return sum[:]
	}
	mac := hmac.New(hashes[method], []byte(secret))
	mac.Write([]byte(b.String()))
	return mac.Sum(nil)
}

// genuine compares in constant time. The digits' case does not matter: both are seen.
func genuine(method, secret, sig string, params map[string]string) bool {
	got, err := hex.DecodeString(sig)
	return err == nil && hmac.Equal(got, signature(method, secret, params))
}
