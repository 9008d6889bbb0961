package seal_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stepgate/stepgate/flows/seal"
)

func TestOnlySecretsOf32RandomBytesAreAccepted(t *testing.T) {
	t.Parallel()
	s := secret(1)
	for _, form := range []string{
		hex.EncodeToString(s),
		strings.ToUpper(hex.EncodeToString(s)),
		base64.StdEncoding.EncodeToString(s),
		base64.RawStdEncoding.EncodeToString(s),
		base64.URLEncoding.EncodeToString(s),
		base64.RawURLEncoding.EncodeToString(s),
		"  " + base64.StdEncoding.EncodeToString(s) + "\n",
	} {
		if got, err := seal.ParseSecret(form); err != nil || !bytes.Equal(got, s) {
			t.Errorf("%q: %x, %v", form, got, err)
		}
	}
	for form, says := range map[string]string{
		"":                         "it is empty",
		"   ":                      "it is empty",
		"changeme":                 "at least 32",
		hex.EncodeToString(s[:31]): "it holds 31 bytes",
		hex.EncodeToString(s[:24]): "it holds 24 bytes", // would be 36 as base64
		hex.EncodeToString(s)[1:]:  "odd number",
		base64.StdEncoding.EncodeToString(s[:31]):                "it holds 31 bytes",
		"not a secret, not a secret, not a secret, not a secret": "neither hex nor base64",
		strings.Repeat("0", 64):                                  "does not look random",
		strings.Repeat("Z", 43):                                  "does not look random",
		strings.Repeat("abc1", 20):                               "does not look random",
		strings.Repeat("A", 1<<20):                               "longer than 1024",
	} {
		got, err := seal.ParseSecret(form)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.70q: %x, %v; want an error with %q", form, got, err, says)
		}
		if len(form) > 8 && len(form) < 1000 && err != nil && strings.Contains(err.Error(), form[:8]) {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}

func TestANewSecretIsAccepted(t *testing.T) {
	t.Parallel()
	first, err := seal.NewSecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seal.ParseSecret(first); err != nil {
		t.Error(err)
	}
	if second, _ := seal.NewSecret(rand.Reader); second == first {
		t.Error("two new secrets are equal")
	}
	if s, err := seal.NewSecret(iotest.ErrReader(errors.New("no entropy"))); err == nil {
		t.Errorf("a secret without randomness: %q", s)
	}
}

func TestShortMasterSecretsMakeNoKeys(t *testing.T) {
	t.Parallel()
	if _, err := seal.New(secret(1)[:31]); err == nil {
		t.Error("31 bytes made keys")
	}
	if _, err := seal.New(secret(1), nil); err == nil {
		t.Error("an empty older secret made keys")
	}
}

func TestAMACTellsEveryListOfPartsApart(t *testing.T) {
	t.Parallel()
	k := newKeys(t, 1)
	seen := make(map[[32]byte]string)
	for _, parts := range [][]string{
		nil, {""}, {"", ""}, {"ab"}, {"a", "b"}, {"ab", ""}, {"", "ab"}, {"b", "a"},
		{"\x00\x00\x00\x00\x00\x00\x00\x01a"}, {"a\x00\x00\x00\x00\x00\x00\x00\x01b"},
	} {
		for _, label := range []string{"x", "y", ""} {
			sum := k.MAC(label, parts...)
			now := fmt.Sprintf("%q %q", label, parts)
			if before, taken := seen[sum]; taken {
				t.Errorf("%s and %s have one MAC", before, now)
			}
			seen[sum] = now
		}
	}
	if k.MAC("x", "a") != k.MAC("x", "a") {
		t.Error("the same MAC twice differs")
	}
	if k.MAC("x", "a") == newKeys(t, 2).MAC("x", "a") {
		t.Error("the MAC does not depend on the secret")
	}
	if newKeys(t, 2, 1).MAC("x", "a") != newKeys(t, 2).MAC("x", "a") {
		t.Error("an older secret changes the MAC")
	}
}

func TestPeppersFollowTheirSecrets(t *testing.T) {
	t.Parallel()
	old, both := newKeys(t, 1), newKeys(t, 2, 1)
	if bytes.Equal(old.Pepper(), both.Pepper()) {
		t.Error("a new secret has the old pepper")
	}
	if peppers := both.OldPeppers(); len(peppers) != 1 || !bytes.Equal(peppers[0], old.Pepper()) {
		t.Errorf("the old pepper is lost: %x", peppers)
	}
	if len(old.OldPeppers()) != 0 {
		t.Error("an old pepper without an old secret")
	}
}

func TestPrintingKeysShowsNothing(t *testing.T) {
	t.Parallel()
	k := newKeys(t, 1)
	k.MAC("x")
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if out := fmt.Sprintf(format, k); out != "seal.Keys" {
			t.Errorf("%s prints %q", format, out)
		}
	}
}
