package nativeapi

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stepgate/stepgate/policy"
)

// flowLife is how long the continuation tokens of one flow are worth something, counted
// from the flow's first call. The engine may end the flow earlier.
const flowLife = time.Hour

const (
	tokenLabel   = "continuation token" // the purpose under which they are sealed
	tokenVersion = 1
	maxToken     = 8192 // the greatest length that is looked at
)

// abilities is what the application said it can do, in the first call of a flow.
type abilities uint8

const (
	canCode     abilities = 1 << iota // challenge type oob
	canPassword                       // challenge type password
	canMFA                            // capability mfa_required
	canRegister                       // capability registration_required
	hasPassword                       // a sign-up came with its password: nobody has to be asked for it
)

func (a abilities) has(b abilities) bool { return a&b == b }

// factors is what people can be asked for.
func (a abilities) factors() (can policy.Factors) {
	if a.has(canCode) {
		can = can.With(policy.EmailCode).With(policy.SMSCode)
	}
	if a.has(canPassword) {
		can = can.With(policy.Password)
	}
	return can
}

// continuation is what a continuation token says. The client cannot read it, and
// cannot change it.
type continuation struct {
	Version int    `json:"v"`
	Flow    string `json:"f"`
	// Secret is the other half of the flow: its id alone opens nothing.
	Secret string    `json:"s"`
	Stage  Stage     `json:"g"`
	Ends   int64     `json:"e"` // Unix time; the same in all tokens of a flow
	Can    abilities `json:"c"`
	// Scopes and Contexts are what the last token call asked for: SDKs say it once and
	// expect it to be remembered. Contexts only ever grow.
	Scopes   []string `json:"o,omitempty"`
	Contexts []string `json:"a,omitempty"`
}

// begin is the continuation of a flow that does not exist yet.
func begin(can abilities, now time.Time) continuation {
	var secret [32]byte
	rand.Read(secret[:]) // never fails: the runtime ends the program first
	return continuation{
		Version: tokenVersion, Secret: base64.RawURLEncoding.EncodeToString(secret[:]),
		Ends: now.Add(flowLife).Unix(), Can: can,
	}
}

// bond is what a token is bound to besides its content: it does not open for another
// client, nor at another site. Neither part holds a line break.
func bond(origin, client string) string { return origin + "\n" + client }

func (t continuation) seal(s Sealer, bond string) (string, error) {
	plain, err := json.Marshal(t)
	if err != nil {
		return "", fmt.Errorf("writing a continuation token: %w", err)
	}
	sealed, err := s.Seal(tokenLabel, plain, bond)
	if err != nil {
		return "", fmt.Errorf("sealing a continuation token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// openToken returns what a token says. Whatever is wrong with one, the answer is the
// same false: not ours, changed, another client's or site's.
func openToken(s Sealer, text, bond string) (continuation, bool) {
	var t continuation
	if len(text) > maxToken || strings.ContainsAny(text, "\r\n") {
		return t, false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return t, false
	}
	plain, err := s.Open(tokenLabel, sealed, bond)
	if err != nil || json.Unmarshal(plain, &t) != nil || t.Version != tokenVersion {
		return continuation{}, false
	}
	return t, true
}

// expired reports whether the flow's time is over.
func (t continuation) expired(now time.Time) bool { return now.Unix() >= t.Ends }

// union appends what is new in more, in order.
func union(have, more []string) []string {
	have = slices.Clone(have)
	for _, s := range more {
		if !slices.Contains(have, s) {
			have = append(have, s)
		}
	}
	return have
}
