package seal_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stepgate/stepgate/flows/seal"
)

func sealBox(t testing.TB, k *seal.Keys, plain string) []byte {
	t.Helper()
	sealed, err := k.Seal("label", []byte(plain), "record 1")
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestASealedRecordOpensToWhatWasSealed(t *testing.T) {
	t.Parallel()
	k := newKeys(t, 1)
	for _, plain := range []string{"", "x", "a private key"} {
		sealed := sealBox(t, k, plain)
		if len(sealed) != len(plain)+seal.BoxOverhead {
			t.Errorf("%q has %d bytes sealed", plain, len(sealed))
		}
		if len(plain) > 4 && bytes.Contains(sealed, []byte(plain)) {
			t.Errorf("%q can be read", plain)
		}
		if got, err := k.Open("label", sealed, "record 1"); err != nil || string(got) != plain {
			t.Errorf("%q opened to %q, %v", plain, got, err)
		}
	}
	if bytes.Equal(sealBox(t, k, "x"), sealBox(t, k, "x")) {
		t.Error("two sealings of one record are equal: the nonce repeats")
	}
}

func TestAnyChangeToASealedRecordMakesItWorthless(t *testing.T) {
	t.Parallel()
	k := newKeys(t, 2, 1)
	for _, sealed := range [][]byte{sealBox(t, k, "plain"), sealBox(t, newKeys(t, 1), "plain")} {
		refuse := func(what, label string, sealed []byte, aad string) {
			t.Helper()
			if got, err := k.Open(label, sealed, aad); !errors.Is(err, seal.ErrOpen) {
				t.Errorf("%s opened: %q, %v", what, got, err)
			}
		}
		for i := range sealed {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1
			refuse("a flipped bit", "label", changed, "record 1")
			refuse("a prefix", "label", sealed[:i], "record 1")
		}
		refuse("an extension", "label", append(bytes.Clone(sealed), 0), "record 1")
		refuse("another record's bytes", "label", sealed, "record 2")
		refuse("another purpose's bytes", "other", sealed, "record 1")
		refuse("nothing", "label", nil, "record 1")
	}
}

func TestARecordOpensUnderEveryListedSecretAndSaysWhichIsOld(t *testing.T) {
	t.Parallel()
	old, both, next := newKeys(t, 1), newKeys(t, 2, 1), newKeys(t, 2)
	fromOld, fromBoth := sealBox(t, old, "plain"), sealBox(t, both, "plain")
	for _, c := range []struct {
		what           string
		keys           *seal.Keys
		sealed         []byte
		opens, current bool
	}{
		{"old record, both secrets", both, fromOld, true, false},
		{"new record, both secrets", both, fromBoth, true, true},
		{"new record, new secret only", next, fromBoth, true, true},
		{"old record, old secret dropped", next, fromOld, false, false},
		{"new record, old secret only", old, fromBoth, false, false},
		{"nothing", both, nil, false, false},
	} {
		if _, err := c.keys.Open("label", c.sealed, "record 1"); (err == nil) != c.opens {
			t.Errorf("%s: %v", c.what, err)
		}
		if got := c.keys.Current("label", c.sealed); got != c.current {
			t.Errorf("%s: current is %v", c.what, got)
		}
	}
}
