package nativeapi

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stepgate/stepgate/flows/seal"
)

// What the parser lets through is single, known, not empty, UTF-8, and what a form
// library reads from the same body.
func FuzzAFormHoldsOnlyWhatIsKnownAndSingle(f *testing.F) {
	endpoints := Endpoints()
	for _, seed := range []string{
		"", "client_id=a&username=b", "client_id=a&client_id=b", "client_id=%zz", "a;b", "client_id", "client_id=%ff", "=&=&&",
		"grant_type=oob&oob=123456&attributes=%7B%22a%22%3A1%7D&claims={}", "CLIENT_ID=x", "client_id=a+b%20c",
	} {
		f.Add(seed, uint8(0))
		f.Add(seed, uint8(3))
	}
	f.Fuzz(func(t *testing.T, body string, which uint8) {
		e := &endpoints[int(which)%len(endpoints)]
		form, p := parseForm(body, e)
		if p != nil {
			if form != nil || p.body.Error != "invalid_request" {
				t.Fatalf("refused with %+v", p)
			}
			return
		}
		values, err := url.ParseQuery(body)
		if err != nil {
			t.Fatalf("%q was read although it is malformed: %v", body, err)
		}
		for name, value := range form {
			if !e.known(name) || value == "" || !utf8.ValidString(value) || len(values[name]) != 1 || values.Get(name) != value {
				t.Fatalf("%q: %q is %q", body, name, value)
			}
		}
		form["attributes"] = body
		if given, p := form.attributes(); p == nil && body != "" && !json.Valid([]byte(body)) {
			t.Fatalf("%q was read as %v", body, given)
		}
		if _, err := readClaims(body); err == nil && body != "" && !json.Valid([]byte(body)) {
			t.Fatalf("%q was read as claims", body)
		}
		if can, p := challengeTypes(body); p == nil && !strings.Contains(body, "redirect") {
			t.Fatalf("%q can %v", body, can)
		}
	})
}

// Each input is a splice into a good token, since bytes from nowhere never get far.
func FuzzOnlyOurOwnContinuationTokensOpen(f *testing.F) {
	keys, err := seal.New(make([]byte, 32))
	if err != nil {
		f.Fatal(err)
	}
	at := begin(canCode, time.Unix(1_800_000_000, 0))
	at.Flow, at.Stage = "f", SignInStarted
	good, err := at.seal(keys, "bond")
	if err != nil {
		f.Fatal(err)
	}
	f.Add("", uint16(0), uint16(0))
	f.Add("=", uint16(400), uint16(400))
	f.Add("\n", uint16(9), uint16(9))
	f.Add("A", uint16(0), uint16(1))
	f.Fuzz(func(t *testing.T, splice string, from, to uint16) {
		i := min(int(from), len(good))
		j := max(i, min(int(to), len(good)))
		text := good[:i] + splice + good[j:]
		if got, ours := openToken(keys, text, "bond"); ours != (text == good) {
			t.Fatalf("%q opened: %v, %+v", text, ours, got)
		}
	})
}
