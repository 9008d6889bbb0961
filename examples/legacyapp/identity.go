package main

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	headerUser        = "Remote-User"
	headerIDToken     = "X-Id-Token"
	headerAccessToken = "X-Access-Token"
)

// identity is what the request says about the person, ready to be shown.
type identity struct {
	RemoteUser string
	ID, Access *claims // nil: no such token came
}

// claims is the part of a token that the pages show.
type claims struct {
	Issuer  string           `json:"iss"`
	Subject string           `json:"sub"`
	Email   string           `json:"email"`
	ACR     string           `json:"acr"`
	AMR     []string         `json:"amr"`
	Expires int64            `json:"exp"`
	Factors map[string]int64 `json:"factors"`

	now time.Time
}

// proved is one row of the table: what was proved, and when.
type proved struct {
	Factor string
	At     time.Time
	Ago    time.Duration
}

// Proved lists the factors, the newest proof first.
func (c *claims) Proved() []proved {
	var rows []proved
	for _, name := range slices.Sorted(maps.Keys(c.Factors)) {
		at := time.Unix(c.Factors[name], 0)
		rows = append(rows, proved{Factor: name, At: at, Ago: max(0, c.now.Sub(at)).Round(time.Second)})
	}
	slices.SortStableFunc(rows, func(a, b proved) int { return b.At.Compare(a.At) })
	return rows
}

func (c *claims) ExpiresIn() time.Duration {
	return time.Unix(c.Expires, 0).Sub(c.now).Round(time.Second)
}

// readIdentity believes what it reads: nothing here is verified. An application
// that can be reached by anybody else than its gateway must verify the token, as
// examples/verify-go and examples/verify-node do.
func readIdentity(r *http.Request, now time.Time) identity {
	return identity{
		RemoteUser: r.Header.Get(headerUser),
		ID:         decode(r.Header.Get(headerIDToken), now),
		Access:     decode(r.Header.Get(headerAccessToken), now),
	}
}

func decode(token string, now time.Time) *claims {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	c := &claims{now: now}
	if json.Unmarshal(raw, c) != nil {
		return nil
	}
	return c
}
