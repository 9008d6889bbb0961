package nativeapi_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/flows/nativeapi"
	"github.com/stepgate/stepgate/flows/password"
	"github.com/stepgate/stepgate/flows/seal"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/flows/store/badger"
	"github.com/stepgate/stepgate/flows/token"
	"github.com/stepgate/stepgate/policy"
)

// bench is a face with the costs of production: real time, real hashes, a store of the
// caller's choice. Only the letters stay here.
type bench struct {
	face  *nativeapi.Face
	codes sync.Map // address → newest code
}

func newBench(b *testing.B, st store.Store) *bench {
	b.Helper()
	keys, err := seal.New(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	site := &flows.Site{Origin: origin, Prefix: "/.auth", Name: "Payroll", Brand: "Example",
		EmailCode: true, Password: true, SignUp: flows.SignUpOpen}
	x := &bench{}
	log := slog.New(slog.DiscardHandler)
	generous := limit.Rate{Burst: 1000, Every: time.Second}
	engine, err := flows.New(flows.Config{
		Store: st, Keys: keys, Cache: flows.NewSessionCache(1000, st, time.Now), Now: time.Now, Rand: rand.Reader, Log: log,
		Hasher: password.New(password.Options{Pepper: keys.Pepper()}),
		Post: func(l flows.Letter) error {
			if !l.Mute {
				x.codes.Store(l.To, l.Code)
			}
			return nil
		},
		Settings: flows.Settings{Limits: flows.Limits{PasswordBudget: generous, SendBudget: generous}},
	})
	if err != nil {
		b.Fatal(err)
	}
	ring, err := token.LoadRing(b.Context(), st, keys, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	minter := &token.Minter{Ring: ring, Issuer: site.Issuer(), ClientID: origin, TenantID: tenant, Now: time.Now}
	client := nativeapi.Client{Audience: origin}
	client.ID = appID
	x.face, err = nativeapi.New(nativeapi.Config{
		Site: site, Base: base, Tenant: tenant, Clients: []nativeapi.Client{client},
		Engine: func() (nativeapi.Engine, error) { return engine, nil },
		Sealer: func() (nativeapi.Sealer, error) { return keys, nil },
		Minter: func() (nativeapi.Minter, error) { return minter, nil },
		Demand: func(*http.Request, *flows.Session, string, []string, []string) (policy.Demand, error) {
			return policy.Floor, nil
		},
		Network: func(*http.Request) string { return "" },
		Now:     time.Now, Log: log,
	})
	if err != nil {
		b.Fatal(err)
	}
	return x
}

// call makes one request and returns what a client goes on with.
func (x *bench) call(path string, form url.Values) (continuation string, status int, took time.Duration) {
	form.Set("client_id", appID)
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, origin+base+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	began := time.Now()
	x.face.ServeHTTP(w, r)
	took = time.Since(began)
	var answer struct {
		Continuation string `json:"continuation_token"`
	}
	_ = json.Unmarshal(w.Body.Bytes(), &answer)
	return answer.Continuation, w.Code, took
}

func form(pairs ...string) url.Values {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return values
}

// signUp makes an account in four requests.
func (x *bench) signUp(b *testing.B, email, secret string) {
	types := "oob redirect"
	start := form("username", email, "challenge_type", types)
	if secret != "" {
		start = form("username", email, "challenge_type", "oob password redirect", "password", secret)
	}
	ct, _, _ := x.call("/signup/v1.0/start", start)
	ct, _, _ = x.call("/signup/v1.0/challenge", form("continuation_token", ct))
	code, _ := x.codes.Load(email)
	ct, _, _ = x.call("/signup/v1.0/continue", form("continuation_token", ct, "grant_type", "oob", "oob", fmt.Sprint(code)))
	if _, status, _ := x.call("/oauth2/v2.0/token", form("continuation_token", ct, "grant_type", "continuation_token")); status != http.StatusOK {
		b.Fatalf("signing up %s: %d", email, status)
	}
}

// How long /token takes for a right password, a wrong one and an address without an
// account, in turns and in changing order. The Kolmogorov-Smirnov distances are between
// the three samples; below the critical value (of 1 %) they cannot be told apart. Run it
// with -benchtime=300x.
func BenchmarkTokenTimeTellsNothing(b *testing.B) {
	for _, kind := range []string{"memory", "badger"} {
		b.Run(kind, func(b *testing.B) {
			x := newBench(b, openStore(b, kind))
			var people []string
			for i := range 20 {
				people = append(people, fmt.Sprintf("person%d@example.com", i))
				x.signUp(b, people[i], longSecret)
			}
			unknown := x.unknownWithPassword(b)
			turn := 0
			samples := map[string][]float64{}
			names := []string{"right", "wrong", "unknown"}
			for b.Loop() {
				// Another one at each turn: many failures in a row would close it, and nobody
				// has hundreds of sessions.
				person := people[turn%len(people)]
				tries := map[string][2]string{
					"right": {person, longSecret}, "wrong": {person, longSecret + "x"}, "unknown": {unknown[turn%len(unknown)], longSecret},
				}
				turn++
				mathrand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
				for _, name := range names {
					ct, _, _ := x.call("/oauth2/v2.0/initiate", form("username", tries[name][0], "challenge_type", "oob password redirect"))
					ct, _, _ = x.call("/oauth2/v2.0/challenge", form("continuation_token", ct))
					_, status, took := x.call("/oauth2/v2.0/token", form("continuation_token", ct, "grant_type", "password", "password", tries[name][1]))
					if (status == http.StatusOK) != (name == "right") {
						b.Fatalf("%s: %d", name, status)
					}
					samples[name] = append(samples[name], took.Seconds()*1000)
				}
			}
			n := float64(len(samples["right"]))
			b.ReportMetric(distance(samples["wrong"], samples["unknown"]), "KS-wrong-unknown")
			b.ReportMetric(distance(samples["wrong"], samples["right"]), "KS-wrong-right")
			b.ReportMetric(1.63*math.Sqrt(2/n), "KS-critical")
			for name, s := range samples {
				slices.Sort(s)
				b.ReportMetric(s[len(s)/2], "ms-median-"+name)
			}
		})
	}
}

// unknownWithPassword are addresses without an account that are asked for a password.
func (x *bench) unknownWithPassword(b *testing.B) []string {
	var found []string
	for i := range 100 {
		email := fmt.Sprintf("nobody%d@example.com", i)
		ct, _, _ := x.call("/oauth2/v2.0/initiate", form("username", email, "challenge_type", "oob password redirect"))
		_, _, _ = x.call("/oauth2/v2.0/challenge", form("continuation_token", ct))
		if _, sent := x.codes.Load(email); !sent {
			found = append(found, email)
		}
	}
	if len(found) < 20 {
		b.Fatal("hardly any unknown address is asked for a password")
	}
	return found
}

// distance is the Kolmogorov-Smirnov statistic of two samples: the greatest difference
// between their distributions.
func distance(a, b []float64) float64 {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	var i, j int
	var most float64
	for i < len(a) && j < len(b) {
		if a[i] <= b[j] {
			i++
		} else {
			j++
		}
		most = max(most, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	return most
}

func openStore(b *testing.B, kind string) store.Store {
	b.Helper()
	st := store.NewMemory()
	if kind == "badger" {
		var err error
		if st, err = badger.Open(badger.Options{Dir: b.TempDir(), Logger: slog.New(slog.DiscardHandler)}); err != nil {
			b.Fatal(err)
		}
	}
	b.Cleanup(func() { _ = st.Close() })
	return st
}

// A whole sign-up by code and the tokens after it: four requests, one letter, two
// signatures. No password is hashed.
func BenchmarkSignUpRequests(b *testing.B) {
	for _, kind := range []string{"memory", "badger"} {
		b.Run(kind, func(b *testing.B) {
			x := newBench(b, openStore(b, kind))
			var n atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					x.signUp(b, fmt.Sprintf("person%d@example.com", n.Add(1)), "")
				}
			})
			b.ReportMetric(4*float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}
